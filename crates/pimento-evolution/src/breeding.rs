//! How a generation comes about.

use std::collections::BTreeSet;

use rand::{RngExt, seq::index};
use rand_chacha::ChaCha8Rng;

use crate::{
    crowding::crowding_distance,
    dominance::non_dominated_sort,
    evaluation::Evaluation,
    problem::Problem,
    settings::{Algorithm, SearchSettings},
};

/// Draws of one child before its place in the generation is given up.
const DRAWS: usize = 50;

/// Where children come from.
pub(crate) enum Breeder<'s, P: Problem> {
    /// Fresh samples, known designs first.
    Sampling {
        /// The known designs.
        known_designs: std::vec::IntoIter<P::Genotype>,
    },
    /// Mutants of one parent (regularised evolution).
    Cloning {
        /// The parent of the whole generation.
        parent: &'s P::Genotype,
        /// Choices that a mutation changes.
        strength: usize,
    },
    /// Two tournaments per child, then crossover or mutation (NSGA-II, SMS-EMOA).
    Pairing {
        /// The population.
        parents: Vec<&'s P::Genotype>,
        /// Its order.
        standing: Standing,
        /// Members drawn for a tournament.
        tournament_size: usize,
        /// Probability of crossover.
        crossover_probability: f64,
        /// Choices that a mutation changes where there is no crossover.
        strength: usize,
    },
}

/// New genotypes, and how many draws were known already.
pub(crate) struct Offspring<G> {
    pub(crate) genotypes: Vec<G>,
    pub(crate) duplicates: usize,
}

impl<'s, P: Problem> Breeder<'s, P> {
    /// The breeder of the initial population.
    pub(crate) fn sampling(known_designs: Vec<P::Genotype>) -> Self {
        Self::Sampling {
            known_designs: known_designs.into_iter(),
        }
    }

    /// The breeder of `generation`, counted from 0 after the initial population.
    pub(crate) fn new(
        settings: &SearchSettings,
        generation: usize,
        population: &[(&'s P::Genotype, &Evaluation)],
        rng: &mut ChaCha8Rng,
    ) -> Self {
        let tournament_size = settings.tournament_size;
        let strength = settings.mutations(generation);
        let standing = || {
            let evaluations = population.iter().map(|member| member.1.clone());
            Standing::of(&evaluations.collect::<Vec<_>>())
        };
        match settings.algorithm {
            Algorithm::Random => Self::sampling(Vec::new()),
            Algorithm::RegularizedEvolution => Self::Cloning {
                parent: population[standing().tournament(tournament_size, rng)].0,
                strength,
            },
            Algorithm::Nsga2 | Algorithm::SmsEmoa => Self::Pairing {
                parents: population.iter().map(|member| member.0).collect(),
                standing: standing(),
                tournament_size,
                crossover_probability: settings.crossover_probability,
                strength,
            },
        }
    }

    /// At most `count` genotypes that are not in `known` and differ from each other.
    ///
    /// A sample that is known already is drawn again, a child is mutated on, harder with every
    /// tenth draw; a place whose draws are all known stays empty.
    pub(crate) fn offspring(
        &mut self,
        problem: &P,
        count: usize,
        known: &BTreeSet<P::Genotype>,
        rng: &mut ChaCha8Rng,
    ) -> Offspring<P::Genotype> {
        let mut new = BTreeSet::new();
        let mut genotypes = Vec::with_capacity(count);
        let mut duplicates = 0;
        for _ in 0..count {
            let mut child = self.child(problem, rng);
            let mut draws = 1;
            while (known.contains(&child) || new.contains(&child)) && draws < DRAWS {
                duplicates += 1;
                draws += 1;
                child = match self {
                    Self::Sampling { .. } => problem.sample(rng),
                    _ => problem.mutate(&child, 1 + draws / 10, rng),
                };
            }
            if !known.contains(&child) && new.insert(child.clone()) {
                genotypes.push(child);
            }
        }
        Offspring {
            genotypes,
            duplicates,
        }
    }

    fn child(&mut self, problem: &P, rng: &mut ChaCha8Rng) -> P::Genotype {
        match self {
            Self::Sampling { known_designs } => {
                known_designs.next().unwrap_or_else(|| problem.sample(rng))
            }
            Self::Cloning { parent, strength } => problem.mutate(parent, *strength, rng),
            Self::Pairing {
                parents,
                standing,
                tournament_size,
                crossover_probability,
                strength,
            } => {
                let one = standing.tournament(*tournament_size, rng);
                let other = standing.tournament(*tournament_size, rng);
                if !rng.random_bool(*crossover_probability) || one == other {
                    return problem.mutate(parents[one], *strength, rng);
                }
                let child = problem.crossover(parents[one], parents[other], rng);
                if rng.random() {
                    child
                } else {
                    problem.mutate(&child, 1, rng)
                }
            }
        }
    }
}

/// Rank (number of the front) and crowding distance of the members of a population.
pub(crate) struct Standing {
    rank: Vec<usize>,
    crowding: Vec<f64>,
}

impl Standing {
    fn of(evaluations: &[Evaluation]) -> Self {
        let mut rank = vec![0; evaluations.len()];
        let mut crowding = vec![0.0; evaluations.len()];
        for (number, front) in non_dominated_sort(evaluations).iter().enumerate() {
            for (&member, distance) in front.iter().zip(crowding_distance(evaluations, front)) {
                rank[member] = number;
                crowding[member] = distance;
            }
        }
        Self { rank, crowding }
    }

    /// The best of `size` members drawn without replacement: lower rank, then more room, then the
    /// older one.
    fn tournament(&self, size: usize, rng: &mut ChaCha8Rng) -> usize {
        let count = self.rank.len();
        index::sample(rng, count, size.min(count))
            .into_iter()
            .min_by(|&a, &b| {
                let rank = self.rank[a].cmp(&self.rank[b]);
                rank.then(self.crowding[b].total_cmp(&self.crowding[a]))
                    .then(a.cmp(&b))
            })
            .expect("a population has members")
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn a_tournament_goes_by_front_then_room_then_age() {
        let points = [[5.0, 5.0], [0.0, 4.0], [2.0, 1.9], [1.0, 2.0], [4.0, 0.0]];
        let evaluations = points.map(|point| Evaluation {
            objectives: point.to_vec(),
            violation: 0.0,
        });
        let standing = Standing::of(&evaluations);
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        assert_eq!(standing.rank, [1, 0, 0, 0, 0]);
        assert_eq!(standing.tournament(5, &mut rng), 1, "the older of two ends");
        assert!(standing.crowding[2] > standing.crowding[3]);
    }

    #[test]
    fn a_tournament_larger_than_the_population_takes_all() {
        let one = Evaluation {
            objectives: vec![1.0],
            violation: 0.0,
        };
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        assert_eq!(Standing::of(&[one]).tournament(64, &mut rng), 0);
    }
}
