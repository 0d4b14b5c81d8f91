//! Inputs that the buffer of a tile has to hold.

use crate::{
    design::Dynamic,
    reram::{
        chip::Chip,
        placement::{Placement, Site},
        replication::Copies,
    },
    workload::{OpKind, Workload},
};

/// Most bits of an activation.
const MAX_BITS: f64 = 32.0;

/// What the crossbars of an operator read at once: a vector for each copy of each of its matrices.
#[derive(Debug, Clone, Copy)]
struct Inputs {
    vectors: u32,
    rows: u32,
    bits: u8,
}

impl Chip<'_> {
    /// Share by which the inputs of the fullest tile exceed its buffer; 0 where they fit. All operators
    /// with crossbars in a tile work at once, each on the vectors of the copies that it has there, or as
    /// much of them as these crossbars have rows for.
    pub(crate) fn buffer_violation(
        &self,
        workload: &Workload,
        placement: &Placement,
        copies: &Copies,
    ) -> f64 {
        let per_tile =
            u32::from(self.design.crossbars_per_pe) * u32::from(self.design.pes_per_tile);
        let rows = u32::from(self.design.crossbar_rows);
        let capacity_bits = 8.0 * f64::from(self.preset.edram.capacity_bytes);
        // Most chips hold whatever their crossbars may read.
        if f64::from(per_tile) * f64::from(rows) * MAX_BITS <= capacity_bits {
            return 0.0;
        }
        let tiles = placement.crossbars.div_ceil(per_tile);
        let mut held_bits = vec![0.0; tiles as usize];
        for (op, site) in placement.sites.iter().enumerate() {
            if let Some(inputs) = self.inputs(op, &workload.ops()[op].kind, copies) {
                inputs.hold(site, (per_tile, rows), &mut held_bits);
            }
        }
        let fullest = held_bits.into_iter().fold(0.0, f64::max);
        (fullest / capacity_bits - 1.0).max(0.0)
    }

    /// What an operator's crossbars read, if it has some.
    fn inputs(&self, op: usize, kind: &OpKind, copies: &Copies) -> Option<Inputs> {
        match *kind {
            OpKind::StaticMvm {
                rows,
                vectors,
                activation_bits,
                ..
            } => Some(Inputs {
                vectors: copies.of(op, vectors),
                rows,
                bits: activation_bits,
            }),
            OpKind::DynamicProduct {
                operand,
                activation_bits,
                ..
            } if self.design.dynamic == Dynamic::Crossbar => Some(Inputs {
                vectors: operand.count,
                rows: operand.rows,
                bits: activation_bits,
            }),
            _ => None,
        }
    }
}

impl Inputs {
    /// Adds the bits that each tile holds of them.
    fn hold(&self, site: &Site, (per_tile, rows): (u32, u32), held_bits: &mut [f64]) {
        if site.crossbars == 0 {
            return;
        }
        let (first, end) = (site.first_crossbar, site.first_crossbar + site.crossbars);
        // Copies lie side by side.
        let per_vector = (site.crossbars / self.vectors).max(1);
        for tile in first / per_tile..=(end - 1) / per_tile {
            let from = first.max(tile * per_tile) - first;
            let to = end.min((tile + 1) * per_tile) - first;
            let vectors = (to - 1) / per_vector - from / per_vector + 1;
            let values = (u64::from(vectors) * u64::from(self.rows))
                .min(u64::from(to - from) * u64::from(rows));
            held_bits[tile as usize] += values as f64 * f64::from(self.bits);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tiles of 8 crossbars with 64 rows: a matrix of 3 copies of 4 crossbars each from crossbar 6 on, its
    /// vectors of 100 values of 8 bits. Two crossbars of the first copy have rows for all of its vector,
    /// the second tile has parts of all three, the third the rest of the last.
    #[test]
    fn tiles_hold_the_vectors_of_the_copies_that_they_have() {
        let inputs = Inputs {
            vectors: 3,
            rows: 100,
            bits: 8,
        };
        let site = Site {
            first_crossbar: 6,
            crossbars: 12,
            shared: None,
        };
        let mut held_bits = vec![0.0; 3];
        inputs.hold(&site, (8, 64), &mut held_bits);
        assert_eq!(held_bits, [800.0, 2400.0, 800.0]);
        inputs.hold(&Site::default(), (8, 64), &mut held_bits);
        assert_eq!(held_bits, [800.0, 2400.0, 800.0]);
        // One crossbar of many has rows for a part of the vector only.
        let long = Inputs {
            vectors: 1,
            rows: 1000,
            bits: 1,
        };
        let mut held_bits = vec![0.0; 3];
        long.hold(
            &Site {
                first_crossbar: 7,
                crossbars: 16,
                shared: None,
            },
            (8, 64),
            &mut held_bits,
        );
        assert_eq!(held_bits, [64.0, 512.0, 448.0]);
    }
}
