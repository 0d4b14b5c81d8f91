//! Inputs that the buffer of a tile has to hold.

use crate::{
    design::Dynamic,
    reram::{
        chip::Chip,
        placement::{Placement, Site},
        replication::Copies,
    },
    workload::{ElementwiseFunction, OpKind, Workload},
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

/// The crossbars of a tile: so many, of which twins read the same inputs.
#[derive(Debug, Clone, Copy)]
struct Tile {
    crossbars: u32,
    twins: u32,
    /// Inputs of a crossbar.
    rows: u32,
}

impl Tile {
    /// Inputs that so many of the crossbars may differ in.
    fn inputs(self, crossbars: u32) -> u64 {
        u64::from(crossbars.div_ceil(self.twins)) * u64::from(self.rows)
    }
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
        let tile = Tile {
            crossbars: u32::from(self.design.crossbars_per_pe)
                * u32::from(self.design.pes_per_tile),
            twins: self.twins(),
            rows: self.layout.map_or(0, |layout| layout.sides().0),
        };
        let capacity_bits = 8.0 * f64::from(self.preset.edram.capacity_bytes);
        // Most chips hold whatever their crossbars may read.
        if tile.inputs(tile.crossbars) as f64 * MAX_BITS <= capacity_bits {
            return 0.0;
        }
        let inputs = || {
            let ops = workload.ops().iter().zip(&placement.sites).enumerate();
            ops.filter_map(|(op, (of, site))| Some((self.inputs(op, &of.kind, copies)?, site)))
        };
        // And many networks would fit into one tile's.
        if inputs().map(|(inputs, _)| inputs.bits()).sum::<f64>() <= capacity_bits {
            return 0.0;
        }
        let tiles = placement.crossbars.div_ceil(tile.crossbars);
        let mut held_bits = vec![0.0; tiles as usize];
        for (inputs, site) in inputs() {
            inputs.hold(site, tile, &mut held_bits);
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
            } if self.design.dynamic != Dynamic::Digital => Some(Inputs {
                vectors: operand.count,
                rows: operand.rows,
                bits: activation_bits,
            }),
            OpKind::Elementwise {
                function: ElementwiseFunction::Multiply,
                elements,
                activation_bits,
            } if self.design.dynamic == Dynamic::CrossbarAll => {
                let matrix = self.diagonal(elements, activation_bits)?;
                Some(Inputs {
                    vectors: matrix.count,
                    rows: matrix.rows,
                    bits: activation_bits,
                })
            }
            _ => None,
        }
    }
}

impl Inputs {
    /// All of their bits.
    fn bits(&self) -> f64 {
        f64::from(self.vectors) * f64::from(self.rows) * f64::from(self.bits)
    }

    /// Adds the bits that each tile holds of them.
    fn hold(&self, site: &Site, tile: Tile, held_bits: &mut [f64]) {
        if site.crossbars == 0 {
            return;
        }
        let (first, end) = (site.first_crossbar, site.first_crossbar + site.crossbars);
        // Copies lie side by side.
        let per_vector = (site.crossbars / self.vectors).max(1);
        for number in first / tile.crossbars..=(end - 1) / tile.crossbars {
            let from = first.max(number * tile.crossbars) - first;
            let to = end.min((number + 1) * tile.crossbars) - first;
            let vectors = (to - 1) / per_vector - from / per_vector + 1;
            let values = u64::from(vectors) * u64::from(self.rows);
            let values = values.min(tile.inputs(to - from));
            held_bits[number as usize] += values as f64 * f64::from(self.bits);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TILE: Tile = Tile {
        crossbars: 8,
        twins: 1,
        rows: 64,
    };

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
        inputs.hold(&site, TILE, &mut held_bits);
        assert_eq!(held_bits, [800.0, 2400.0, 800.0]);
        inputs.hold(&Site::default(), TILE, &mut held_bits);
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
            TILE,
            &mut held_bits,
        );
        assert_eq!(held_bits, [64.0, 512.0, 448.0]);
    }
}
