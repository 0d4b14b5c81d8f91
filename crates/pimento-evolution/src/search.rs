//! The search itself.

use std::collections::BTreeSet;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::{
    breeding::{Breeder, Offspring},
    evaluation::{Evaluation, Individual},
    front::ParetoFront,
    problem::Problem,
    settings::{Algorithm, SearchSettings},
    state::{GenerationReport, SearchState},
    survival::{Measure, survivors},
};

/// Why a search ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopReason {
    /// All generations are done.
    GenerationsDone,
    /// No new genotype was found in a whole generation.
    SpaceExhausted,
}

/// A search under way.
///
/// The random numbers of a generation depend on the seed and the number of the generation only.
pub struct Search<'p, P: Problem> {
    problem: &'p P,
    settings: SearchSettings,
    state: SearchState<P::Genotype>,
    known_designs: Vec<P::Genotype>,
    /// All genotypes of the state.
    evaluated: BTreeSet<P::Genotype>,
    /// The front of the state.
    front: ParetoFront<P::Genotype>,
}

impl<'p, P: Problem> Search<'p, P> {
    /// A search that begins.
    pub fn new(problem: &'p P, settings: SearchSettings) -> Self {
        Self::resume(problem, settings, SearchState::default())
    }

    /// A search that goes on where `state` was taken, to the same bits as if it had never stopped.
    ///
    /// The settings must be those of the stopped search; only `generations` may be another number,
    /// where the strength of mutations does not depend on it (`initial_mutations` of 1).
    pub fn resume(
        problem: &'p P,
        settings: SearchSettings,
        state: SearchState<P::Genotype>,
    ) -> Self {
        let individuals = &state.individuals;
        Self {
            evaluated: individuals.iter().map(|i| i.genotype.clone()).collect(),
            front: ParetoFront::from_individuals(individuals),
            problem,
            settings,
            state,
            known_designs: Vec::new(),
        }
    }

    /// Puts known designs into the initial population, which grows if they are more than its size.
    /// They are canonical genotypes; a search that has begun already ignores them.
    #[must_use]
    pub fn with_initial(mut self, known_designs: Vec<P::Genotype>) -> Self {
        self.known_designs = known_designs;
        self
    }

    /// Does one generation, unless the search is over; returns why it is over then.
    ///
    /// # Panics
    /// If the problem breaks its law (one evaluation per genotype, one value per objective), or on
    /// settings that [`SearchSettings::validate_for`] refuses.
    pub fn step(&mut self) -> Option<StopReason> {
        if self.state.generations > self.settings.generations {
            return Some(StopReason::GenerationsDone);
        }
        let offspring = self.breed();
        if offspring.genotypes.is_empty() {
            return Some(StopReason::SpaceExhausted);
        }
        let evaluations = self.problem.evaluate(&offspring.genotypes);
        self.check(&evaluations, offspring.genotypes.len());
        let first = self.state.individuals.len();
        for (genotype, evaluation) in offspring.genotypes.into_iter().zip(evaluations) {
            self.evaluated.insert(genotype.clone());
            let individual = Individual {
                genotype,
                evaluation,
            };
            self.front.insert(individual.clone());
            self.state.individuals.push(individual);
        }
        self.survive(first);
        self.report(first, offspring.duplicates);
        self.state.generations += 1;
        (self.state.generations > self.settings.generations).then_some(StopReason::GenerationsDone)
    }

    /// Everything known so far.
    pub fn state(&self) -> &SearchState<P::Genotype> {
        &self.state
    }

    /// Everything known at the end.
    pub fn into_state(self) -> SearchState<P::Genotype> {
        self.state
    }

    /// The front of everything evaluated.
    pub fn front(&self) -> ParetoFront<P::Genotype> {
        self.front.clone()
    }

    /// Generations done, the initial population included.
    pub fn generation(&self) -> usize {
        self.state.generations
    }

    /// What the last generation brought; none before the first.
    pub fn last_report(&self) -> Option<&GenerationReport> {
        self.state.reports.last()
    }

    fn breed(&self) -> Offspring<P::Genotype> {
        let mut rng = ChaCha8Rng::seed_from_u64(self.settings.seed);
        rng.set_stream(self.state.generations as u64);
        let (mut breeder, count) = match self.state.generations.checked_sub(1) {
            None => {
                let known_designs = self.known_designs.clone();
                let count = self.settings.population_size.max(known_designs.len());
                (Breeder::sampling(known_designs), count)
            }
            Some(generation) => {
                let places = self.state.population.iter();
                let members = places.map(|&place| &self.state.individuals[place]);
                let population: Vec<_> = members.map(|i| (&i.genotype, &i.evaluation)).collect();
                let breeder = Breeder::new(&self.settings, generation, &population, &mut rng);
                (breeder, self.settings.children_per_generation)
            }
        };
        breeder.offspring(self.problem, count, &self.evaluated, &mut rng)
    }

    fn check(&self, evaluations: &[Evaluation], genotypes: usize) {
        assert_eq!(
            evaluations.len(),
            genotypes,
            "a problem returns one evaluation per genotype"
        );
        for evaluation in evaluations {
            assert_eq!(
                evaluation.objectives.len(),
                self.problem.objectives().len(),
                "a problem returns one value per objective"
            );
        }
    }

    /// Decides who may become a parent; `first` is the place of the first new individual.
    fn survive(&mut self, first: usize) {
        let state = &mut self.state;
        let population = &mut state.population;
        population.extend(first..state.individuals.len());
        let size = self.settings.population_size;
        let measure = match self.settings.algorithm {
            Algorithm::Random | Algorithm::RegularizedEvolution => {
                population.drain(..population.len().saturating_sub(size));
                return;
            }
            Algorithm::Nsga2 => Measure::Crowding,
            Algorithm::SmsEmoa => Measure::Contribution,
        };
        let evaluations: Vec<Evaluation> = population
            .iter()
            .map(|&place| state.individuals[place].evaluation.clone())
            .collect();
        let kept = survivors(&evaluations, size, measure);
        *population = kept.into_iter().map(|place| population[place]).collect();
    }

    fn report(&mut self, first: usize, duplicates_redrawn: usize) {
        let state = &mut self.state;
        let new = state.individuals[first..].iter().map(|i| &i.evaluation);
        let feasible: Vec<&Evaluation> = new.filter(|new| new.is_feasible()).collect();
        if state.reference.is_none() && !feasible.is_empty() {
            let given = self.settings.reference.clone();
            state.reference = Some(given.unwrap_or_else(|| beyond_the_worst(&feasible)));
        }
        let volume = |reference: &Vec<f64>| self.front.hypervolume(reference);
        let feasible_before = state.reports.last().map_or(0, |report| report.feasible);
        state.reports.push(GenerationReport {
            generation: state.generations,
            evaluations_total: state.individuals.len(),
            feasible: feasible_before + feasible.len(),
            front_size: self.front.members().len(),
            hypervolume: state.reference.as_ref().map_or(0.0, volume),
            duplicates_redrawn,
        });
    }
}

/// A tenth of its size above the worst finite value of every objective; 1 where that is 0 or there
/// is none.
fn beyond_the_worst(feasible: &[&Evaluation]) -> Vec<f64> {
    let worst = |objective: usize| {
        let values = feasible.iter().map(|one| one.objectives[objective]);
        values.filter(|value| value.is_finite()).reduce(f64::max)
    };
    (0..feasible[0].objectives.len())
        .map(|objective| match worst(objective) {
            Some(worst) if worst != 0.0 => worst + 0.1 * worst.abs(),
            _ => 1.0,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_lies_beyond_the_worst_whatever_its_sign() {
        let points = [[1.0, -20.0, 0.0, f64::NAN], [10.0, -10.0, -1.0, f64::NAN]];
        let evaluations = points.map(|point| Evaluation {
            objectives: point.to_vec(),
            violation: 0.0,
        });
        let feasible: Vec<&Evaluation> = evaluations.iter().collect();
        assert_eq!(beyond_the_worst(&feasible), [11.0, -9.0, 1.0, 1.0]);
    }
}
