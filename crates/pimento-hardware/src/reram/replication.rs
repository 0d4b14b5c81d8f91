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
    /// Those of a budget.
    Paced {
        /// By operator, and the vectors that a copy has time for.
        each: Vec<(u32, f64)>,
        /// Crossbars of the budget that are left.
        spare_crossbars: u32,
    },
}

impl Copies {
    /// Copies of an operator's matrix, which so many vectors are multiplied with.
    pub(super) fn of(&self, op: usize, vectors: u32) -> u32 {
        match self {
            Self::Paced { each, .. } => each[op].0,
            Self::Uniform(most) => vectors.max(1).min(*most),
        }
    }

    /// Vectors that one of them has time for while the matrix works.
    pub(super) fn turns(&self, op: usize, vectors: u32) -> f64 {
        match self {
            Self::Paced { each, .. } => each[op].1,
            Self::Uniform(_) => f64::from(vectors.div_ceil(self.of(op, vectors))),
        }
    }

    /// Crossbars that the chip has for copies and that hold none.
    pub(super) fn spare_crossbars(&self) -> u32 {
        match self {
            Self::Paced {
                spare_crossbars, ..
            } => *spare_crossbars,
            Self::Uniform(_) => 0,
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

    /// Crossbars that these take beyond those that it has; matrices begin with a group of so many.
    fn taken(&self, group: u32) -> u64 {
        let groups = |copies: u32| {
            (u64::from(self.crossbars) * u64::from(copies)).div_ceil(u64::from(group))
        };
        (groups(self.wanted()) - groups(self.copies)) * u64::from(group)
    }
}

impl Chip<'_> {
    /// Copies of every operator's matrix.
    ///
    /// Without a budget every matrix has as many as `replication` says and as it has vectors. With one,
    /// the matrices that work longest get as many more as shorten that, again and again, until `copy_tiles`
    /// tiles do not hold what they need; `replication` is the most of each, and those that have as many are
    /// left out. No other copies within the budget make the slowest of the others faster. Its time is the
    /// pace: copies that would be done sooner work as long, as the stages of ISAAC's pipeline do. So whatever
    /// grows in a network makes no operator faster.
    pub(crate) fn copies(&self, workload: &Workload) -> Copies {
        let most = u32::from(self.design.replication.max(1));
        if self.design.copy_tiles == 0 {
            return Copies::Uniform(most);
        }
        let group = self.design.crossbars_per_start();
        let mut candidates = self.candidates(workload);
        let mut spare = u64::from(self.design.copy_tiles)
            * u64::from(self.design.pes_per_tile)
            * u64::from(self.design.crossbars_per_pe);
        let mut each = vec![(1, 1.0_f64); workload.ops().len()];
        for candidate in &candidates {
            each[candidate.op].1 = candidate.vectors.into();
        }
        let pace_ns = loop {
            let times = candidates.iter().map(Candidate::working_ns);
            let longest_ns = times.fold(0.0, f64::max);
            let is_slowest = |one: &Candidate| one.working_ns() == longest_ns;
            let has_most = |one: &Candidate| one.turns() == 1 || one.wanted() > most;
            candidates.retain(|one| !(is_slowest(one) && has_most(one)));
            let slowest = candidates.iter().filter(|&one| is_slowest(one));
            let taken = slowest.map(|one| one.taken(group)).sum();
            let Some(left) = spare.checked_sub(taken) else {
                break longest_ns;
            };
            if candidates.is_empty() {
                break 0.0;
            }
            spare = left;
            for candidate in candidates.iter_mut().filter(|one| is_slowest(one)) {
                candidate.copies = candidate.wanted();
                each[candidate.op] = (candidate.copies, candidate.turns().into());
            }
        };
        for candidate in &candidates {
            let (_, turns) = &mut each[candidate.op];
            let paced = f64::from(candidate.vectors).min(pace_ns / candidate.vector_ns);
            *turns = turns.max(paced);
        }
        Copies::Paced {
            each,
            spare_crossbars: spare.try_into().unwrap_or(u32::MAX),
        }
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
    use crate::{
        design::ChipDesign,
        ledger::Total,
        reram::{OpWork, ReramPreset},
    };

    use super::*;

    /// Matrices of one crossbar that so many vectors are multiplied with.
    fn of_vectors(vectors: [u32; 3]) -> Workload {
        let matrix = |vectors| OpKind::StaticMvm {
            rows: 128,
            cols: 32,
            vectors,
            weight_bits: 8,
            activation_bits: 8,
        };
        vectors.map(matrix).into_iter().collect()
    }

    /// Two matrices of one crossbar, 4 and 16 vectors of 8 passes, and a tile of 96 crossbars: the
    /// second gets copies until it is as fast as the first, then both by turns until they read all
    /// vectors at once. Processing elements of 4 crossbars hold 4 copies, so that those of the first take
    /// no further one, and the second gets one more.
    #[test]
    fn the_slowest_matrix_gets_the_next_copy() {
        let preset = ReramPreset::isaac();
        let mut design = preset.sizes();
        let workload = of_vectors([1, 4, 16]);
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
        check(&design, [1, 2, 8]);
    }

    /// A tile of two processing elements of one crossbar: 16 vectors get two copies, 10 then a second one, too, and
    /// take the time of 8, not of 5. One vector takes its own.
    #[test]
    fn copies_keep_pace_with_the_slowest() {
        let preset = ReramPreset::isaac();
        let mut design = preset.sizes();
        (design.pes_per_tile, design.crossbars_per_pe) = (2, 1);
        (design.replication, design.copy_tiles) = (16, 1);
        let workload = of_vectors([1, 10, 16]);
        let chip = Chip::new(&preset, &design);
        let copies = chip.copies(&workload);
        let working_ns = workload.ops().iter().enumerate().map(|(op, found)| {
            let mut work = OpWork::default();
            chip.work((op, &found.kind), &copies, &mut Total::default(), &mut work);
            work.stages.working_ns
        });
        let working_ns: Vec<f64> = working_ns.collect();
        let vectors: Vec<f64> = working_ns.iter().map(|ns| ns / working_ns[0]).collect();
        assert_eq!(vectors, [1.0, 8.0, 8.0]);
        assert_eq!(copies.spare_crossbars(), 0);
    }
}
