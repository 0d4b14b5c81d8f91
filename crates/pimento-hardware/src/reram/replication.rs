//! Copies of matrices, so that several input vectors of an inference are read at once.

use crate::{
    reram::chip::Chip,
    workload::{OpKind, Workload},
};

/// Copies of matrices.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Copies {
    /// As many for each, but no more than it has vectors.
    Uniform(u32),
    /// By operator.
    Each(Vec<u32>),
}

impl Copies {
    /// Copies of an operator's matrix, which so many vectors are multiplied with.
    pub(super) fn of(&self, op: usize, vectors: u32) -> u32 {
        match self {
            Self::Each(copies) => copies[op],
            Self::Uniform(most) => vectors.max(1).min(*most),
        }
    }
}

/// A matrix that may have copies.
#[derive(Debug, Clone, Copy)]
struct Candidate {
    op: usize,
    vectors: u32,
    vector_ns: f64,
    crossbars: u32,
}

impl Chip<'_> {
    /// Copies of every operator's matrix.
    ///
    /// Without a budget every matrix has as many as `replication` says and as it has vectors. With one,
    /// the matrix that works longest (of equals, the smallest) gets as many more as shorten it, again
    /// and again, until `copy_tiles` tiles are full or nothing fits or helps; `replication` is the most
    /// of each.
    pub(crate) fn copies(&self, workload: &Workload) -> Copies {
        let most = u32::from(self.design.replication.max(1));
        if self.design.copy_tiles == 0 {
            return Copies::Uniform(most);
        }
        let mut copies = vec![1; workload.ops().len()];
        let mut candidates = self.candidates(workload);
        let mut budget = u32::from(self.design.copy_tiles)
            * u32::from(self.design.pes_per_tile)
            * u32::from(self.design.crossbars_per_pe);
        let working_ns = |candidate: &Candidate, copies: u32| {
            f64::from(candidate.vectors.div_ceil(copies)) * candidate.vector_ns
        };
        while let Some(slowest) = (0..candidates.len()).max_by(|&a, &b| {
            let (a, b): (&Candidate, &Candidate) = (&candidates[a], &candidates[b]);
            working_ns(a, copies[a.op])
                .total_cmp(&working_ns(b, copies[b.op]))
                .then(b.crossbars.cmp(&a.crossbars))
        }) {
            let candidate = candidates[slowest];
            let have = copies[candidate.op];
            let turns = candidate.vectors.div_ceil(have);
            let wanted = candidate.vectors.div_ceil(turns.saturating_sub(1).max(1));
            let taken = (wanted - have) * candidate.crossbars;
            if turns > 1 && wanted <= most && taken <= budget {
                copies[candidate.op] = wanted;
                budget -= taken;
            } else {
                candidates.swap_remove(slowest);
            }
        }
        Copies::Each(copies)
    }

    fn candidates(&self, workload: &Workload) -> Vec<Candidate> {
        let Some(layout) = self.layout else {
            return Vec::new();
        };
        let ops = workload.ops().iter().enumerate();
        ops.filter_map(|(op, found)| match found.kind {
            OpKind::StaticMvm {
                rows,
                cols,
                vectors,
                weight_bits,
                activation_bits,
            } if vectors > 1 => {
                let mapping = layout.map(rows, cols, weight_bits.into(), activation_bits.into());
                Some(Candidate {
                    op,
                    vectors,
                    vector_ns: self.converters.vector_ns(&mapping),
                    crossbars: mapping.crossbars() * layout.twins(),
                })
            }
            _ => None,
        })
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use crate::{design::ChipDesign, reram::ReramPreset};

    use super::*;

    /// Two matrices of one crossbar, 16 and 4 vectors of 8 passes, and a tile of 96 crossbars: the
    /// first gets copies until it is as fast as the second, then by turns until both read all vectors
    /// at once.
    #[test]
    fn the_slowest_matrix_gets_the_next_copy() {
        let preset = ReramPreset::isaac();
        let mut design = preset.sizes();
        let mut workload = Workload::with_capacity(3);
        let mut push = |vectors: u32| {
            let kind = OpKind::StaticMvm {
                rows: 128,
                cols: 32,
                vectors,
                weight_bits: 8,
                activation_bits: 8,
            };
            workload.push(1, "op", kind, &[])
        };
        for vectors in [16, 4, 1] {
            push(vectors);
        }
        design.replication = 16;
        let check = |design: &ChipDesign, expected: [u32; 3]| {
            let copies = Chip::new(&preset, design).copies(&workload);
            let found = [16, 4, 1].iter().enumerate();
            let found: Vec<u32> = found.map(|(op, &vectors)| copies.of(op, vectors)).collect();
            assert_eq!(found, expected);
        };
        check(&design, [16, 4, 1]);
        design.copy_tiles = 1;
        check(&design, [16, 4, 1]);
        design.replication = 4;
        check(&design, [4, 4, 1]);
        design.replication = 16;
        (design.pes_per_tile, design.crossbars_per_pe) = (1, 4);
        check(&design, [4, 2, 1]);
    }
}
