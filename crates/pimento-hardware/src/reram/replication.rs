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

/// A matrix that may have copies, and how many it has.
#[derive(Debug, Clone, Copy)]
struct Candidate {
    op: usize,
    vectors: u32,
    vector_ns: f64,
    crossbars: u32,
    copies: u32,
}

impl Candidate {
    /// Vectors that each copy reads.
    fn turns(&self) -> u32 {
        self.vectors.div_ceil(self.copies)
    }

    /// How long it works for an inference.
    fn working_ns(&self) -> f64 {
        f64::from(self.turns()) * self.vector_ns
    }

    /// Copies with which it takes a turn less.
    fn wanted(&self) -> u32 {
        let turns = self.turns().saturating_sub(1).max(1);
        self.vectors.div_ceil(turns)
    }

    /// Crossbars that these take beyond those that it has.
    fn taken(&self) -> u64 {
        u64::from(self.wanted() - self.copies) * u64::from(self.crossbars)
    }
}

impl Chip<'_> {
    /// Copies of every operator's matrix.
    ///
    /// Without a budget every matrix has as many as `replication` says and as it has vectors. With one,
    /// the matrices that work longest (all of them, or of these the smaller ones) get as many more as
    /// shorten that, again and again, until `copy_tiles` tiles are full or nothing fits or helps;
    /// `replication` is the most of each. No other
    /// copies within the budget make the slowest matrix faster, so that whatever grows can only make it
    /// slower.
    pub(crate) fn copies(&self, workload: &Workload) -> Copies {
        let most = u32::from(self.design.replication.max(1));
        if self.design.copy_tiles == 0 {
            return Copies::Uniform(most);
        }
        let mut candidates = self.candidates(workload);
        let mut budget = u64::from(self.design.copy_tiles)
            * u64::from(self.design.pes_per_tile)
            * u64::from(self.design.crossbars_per_pe);
        let mut copies = vec![1; workload.ops().len()];
        while !candidates.is_empty() {
            let times = candidates.iter().map(Candidate::working_ns);
            let longest_ns = times.fold(0.0, f64::max);
            let is_slowest = |one: &Candidate| one.working_ns() == longest_ns;
            let slowest = || candidates.iter().filter(|&one| is_slowest(one));
            let taken: u64 = slowest().map(Candidate::taken).sum();
            let is_done = |one: &Candidate| one.turns() == 1 || one.wanted() > most;
            if slowest().any(is_done) {
                candidates.retain(|one| !(is_slowest(one) && is_done(one)));
            } else if taken > budget {
                let largest = slowest().map(Candidate::taken).max();
                candidates.retain(|one| !is_slowest(one) || Some(one.taken()) < largest);
            } else {
                budget -= taken;
                for candidate in candidates.iter_mut().filter(|one| is_slowest(one)) {
                    candidate.copies = candidate.wanted();
                    copies[candidate.op] = candidate.copies;
                }
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
                    copies: 1,
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

    /// Two matrices of one crossbar, 4 and 16 vectors of 8 passes, and a tile of 96 crossbars: the
    /// second gets copies until it is as fast as the first, then both by turns until they read all
    /// vectors at once.
    #[test]
    fn the_slowest_matrix_gets_the_next_copy() {
        let preset = ReramPreset::isaac();
        let mut design = preset.sizes();
        let workload: Workload = [1, 4, 16]
            .map(|vectors| OpKind::StaticMvm {
                rows: 128,
                cols: 32,
                vectors,
                weight_bits: 8,
                activation_bits: 8,
            })
            .into_iter()
            .collect();
        design.replication = 16;
        let check = |design: &ChipDesign, expected: [u32; 3]| {
            let copies = Chip::new(&preset, design).copies(&workload);
            let found = [1, 4, 16].iter().enumerate();
            let found: Vec<u32> = found.map(|(op, &vectors)| copies.of(op, vectors)).collect();
            assert_eq!(found, expected);
        };
        check(&design, [1, 4, 16]);
        design.copy_tiles = 1;
        check(&design, [1, 4, 16]);
        design.replication = 4;
        check(&design, [1, 4, 4]);
        design.replication = 16;
        (design.pes_per_tile, design.crossbars_per_pe) = (1, 4);
        check(&design, [1, 2, 4]);
    }
}
