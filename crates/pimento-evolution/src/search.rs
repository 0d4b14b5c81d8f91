//! The search itself.

use std::collections::BTreeSet;

use rand::{RngExt, SeedableRng, seq::index};
use rand_chacha::ChaCha8Rng;

use crate::{
    crowding::crowding_distance,
    dominance::non_dominated_sort,
    evaluation::{Evaluation, Individual},
    front::ParetoFront,
    problem::Problem,
    settings::{Algorithm, SearchSettings},
    state::{GenerationReport, SearchState},
};

/// Draws of one child before its place in the generation is given up.
const DRAWS: usize = 50;

/// Why a search ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopReason {
    /// All generations are done.
    GenerationsDone,
    /// No new genotype was found in a whole generation.
    SpaceExhausted,
}

/// A search under way.
pub struct Search<'p, P: Problem> {
    problem: &'p P,
    settings: SearchSettings,
    state: SearchState<P::Genotype>,
    seeds: Vec<P::Genotype>,
}

/// Rank (number of the front) and crowding distance of the members of a population.
struct Standing {
    rank: Vec<usize>,
    crowding: Vec<f64>,
}

impl<'p, P: Problem> Search<'p, P> {
    /// A search that begins.
    pub fn new(problem: &'p P, settings: SearchSettings) -> Self {
        Self {
            problem,
            settings,
            state: SearchState::default(),
            seeds: Vec::new(),
        }
    }

    /// A search that goes on where `state` was taken, to the same bits as if it had never stopped.
    pub fn resume(
        problem: &'p P,
        settings: SearchSettings,
        state: SearchState<P::Genotype>,
    ) -> Self {
        Self {
            problem,
            settings,
            state,
            seeds: Vec::new(),
        }
    }

    /// Puts known designs into the initial population.
    #[must_use]
    pub fn with_initial(mut self, seeds: Vec<P::Genotype>) -> Self {
        self.seeds = seeds;
        self
    }

    /// Does one generation, unless the search is over.
    pub fn step(&mut self) -> Option<StopReason> {
        if self.state.generations > self.settings.generations {
            return Some(StopReason::GenerationsDone);
        }
        let mut rng = ChaCha8Rng::seed_from_u64(self.settings.seed);
        rng.set_stream(self.state.generations as u64);
        let (children, duplicates) = self.children(&mut rng);
        if children.is_empty() {
            return Some(StopReason::SpaceExhausted);
        }
        let evaluations = self.problem.evaluate(&children);
        let first = self.state.individuals.len();
        self.state
            .individuals
            .extend(
                children
                    .into_iter()
                    .zip(evaluations)
                    .map(|(genotype, evaluation)| Individual {
                        genotype,
                        evaluation,
                    }),
            );
        self.survive(first);
        self.report(duplicates);
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
        ParetoFront::from_individuals(&self.state.individuals)
    }

    /// New genotypes of the next generation, and how many draws were known already.
    fn children(&self, rng: &mut ChaCha8Rng) -> (Vec<P::Genotype>, usize) {
        let is_first = self.state.generations == 0;
        let count = if is_first {
            self.settings.population_size
        } else {
            self.settings.children_per_generation
        };
        let known = self.state.known();
        let mut new: BTreeSet<P::Genotype> = BTreeSet::new();
        let mut children = Vec::with_capacity(count);
        let mut duplicates = 0;
        let breeder = if is_first {
            None
        } else {
            Some(Breeder::new(self, rng))
        };
        let mut seeds = if is_first {
            self.seeds.clone()
        } else {
            Vec::new()
        }
        .into_iter();
        for _ in 0..count {
            let mut child = match (seeds.next(), &breeder) {
                (Some(seed), _) => seed,
                (None, Some(breeder)) => breeder.child(rng),
                (None, None) => self.problem.sample(rng),
            };
            let mut draws = 1;
            while (known.contains_key(&child) || new.contains(&child)) && draws < DRAWS {
                duplicates += 1;
                draws += 1;
                child = match breeder {
                    Some(_) => self.problem.mutate(&child, 1 + draws / 10, rng),
                    None => self.problem.sample(rng),
                };
            }
            if !known.contains_key(&child) && new.insert(child.clone()) {
                children.push(child);
            }
        }
        (children, duplicates)
    }

    /// Decides who may become a parent; `first` is the place of the first new individual.
    fn survive(&mut self, first: usize) {
        let state = &mut self.state;
        state.population.extend(first..state.individuals.len());
        let size = self.settings.population_size;
        match self.settings.algorithm {
            Algorithm::Random | Algorithm::RegularizedEvolution => {
                let surplus = state.population.len().saturating_sub(size);
                state.population.drain(..surplus);
            }
            Algorithm::Nsga2 => {
                let evaluations = evaluations(&state.individuals, &state.population);
                let kept = best_by_front_and_crowding(&evaluations, size);
                state.population = kept
                    .into_iter()
                    .map(|place| state.population[place])
                    .collect();
            }
        }
    }

    fn report(&mut self, duplicates_redrawn: usize) {
        let front = self.front();
        let feasible = self
            .state
            .individuals
            .iter()
            .filter(|i| i.evaluation.is_feasible());
        let feasible: Vec<&Evaluation> = feasible.map(|i| &i.evaluation).collect();
        if self.state.reference.is_none() && !feasible.is_empty() {
            let given = self.settings.reference.clone();
            self.state.reference = Some(given.unwrap_or_else(|| beyond_the_worst(&feasible)));
        }
        let hypervolume = self
            .state
            .reference
            .as_ref()
            .map_or(0.0, |reference| front.hypervolume(reference));
        let report = GenerationReport {
            generation: self.state.generations,
            evaluations_total: self.state.individuals.len(),
            feasible: feasible.len(),
            front_size: front.members().len(),
            hypervolume,
            duplicates_redrawn,
        };
        self.state.reports.push(report);
    }
}

/// Makes children for one generation.
struct Breeder<'s, 'p, P: Problem> {
    search: &'s Search<'p, P>,
    standing: Standing,
    /// The one parent of all children, in regularised evolution.
    parent: usize,
}

impl<'s, 'p, P: Problem> Breeder<'s, 'p, P> {
    fn new(search: &'s Search<'p, P>, rng: &mut ChaCha8Rng) -> Self {
        let population = &search.state.population;
        let standing = Standing::of(&evaluations(&search.state.individuals, population));
        let parent = standing.tournament(search.settings.tournament_size, rng);
        Self {
            search,
            standing,
            parent,
        }
    }

    fn child(&self, rng: &mut ChaCha8Rng) -> P::Genotype {
        let Search {
            problem,
            settings,
            state,
            ..
        } = self.search;
        let strength = settings.mutations(state.generations);
        let genotype = |member: usize| &state.individuals[state.population[member]].genotype;
        let draw = |rng: &mut ChaCha8Rng| self.standing.tournament(settings.tournament_size, rng);
        match settings.algorithm {
            Algorithm::Random => problem.sample(rng),
            Algorithm::RegularizedEvolution => problem.mutate(genotype(self.parent), strength, rng),
            Algorithm::Nsga2 => {
                let (one, other) = (draw(rng), draw(rng));
                if rng.random_bool(settings.crossover_probability) && one != other {
                    let child = problem.crossover(genotype(one), genotype(other), rng);
                    if rng.random() {
                        child
                    } else {
                        problem.mutate(&child, 1, rng)
                    }
                } else {
                    problem.mutate(genotype(one), strength, rng)
                }
            }
        }
    }
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
            .expect("a tournament has members")
    }
}

fn evaluations<G>(individuals: &[Individual<G>], places: &[usize]) -> Vec<Evaluation> {
    places
        .iter()
        .map(|&place| individuals[place].evaluation.clone())
        .collect()
}

/// Places of the `size` best: whole fronts first, of the last front those with the most room.
/// Places ascend.
fn best_by_front_and_crowding(evaluations: &[Evaluation], size: usize) -> Vec<usize> {
    let mut kept = Vec::with_capacity(size);
    for front in non_dominated_sort(evaluations) {
        let room = size - kept.len();
        if front.len() <= room {
            kept.extend(front);
            continue;
        }
        let distances = crowding_distance(evaluations, &front);
        let mut order: Vec<usize> = (0..front.len()).collect();
        order.sort_by(|&a, &b| distances[b].total_cmp(&distances[a]).then(a.cmp(&b)));
        kept.extend(order[..room].iter().map(|&place| front[place]));
        break;
    }
    kept.sort_unstable();
    kept
}

fn beyond_the_worst(feasible: &[&Evaluation]) -> Vec<f64> {
    let objectives = feasible[0].objectives.len();
    (0..objectives)
        .map(|objective| {
            let values = feasible
                .iter()
                .map(|evaluation| evaluation.objectives[objective]);
            1.1 * values.filter(|value| value.is_finite()).fold(0.0, f64::max)
        })
        .collect()
}
