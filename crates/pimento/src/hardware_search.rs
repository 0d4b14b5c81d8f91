//! Hardware for the networks of a front, searched anew: a price takes microseconds, and what a network predicts does
//! not depend on it.

use std::collections::BTreeSet;

use pimento_evolution::{
    Evaluation, Individual, Objective, ParetoFront, Problem, Search, SearchSettings,
    evaluate_parallel,
};
use pimento_hardware::{Hardware, Workload};
use pimento_space::{Genotype, SearchSpace};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use crate::co_design::{CoDesign, OBJECTIVES, Pricing};

const POPULATION: usize = 32;
const GENERATIONS: usize = 30;

/// Adds designs on other hardware to a front, with the networks that it has: for each network those of the least
/// latency, energy, area and product of the three that are found, where nothing dominates them. Returns how many
/// designs it has from this.
pub(crate) fn extend(
    front: &mut ParetoFront<Genotype>,
    problem: &CoDesign<'_>,
    seed: u64,
) -> usize {
    let mut networks = BTreeSet::new();
    let members = front.iter().map(|member| &member.genotype);
    let first_of_each = members.filter(|genotype| {
        let network = problem.decode(genotype).network;
        networks.insert(network)
    });
    let first_of_each: Vec<Genotype> = first_of_each.cloned().collect();
    let found = evaluate_parallel(&first_of_each, |genotype| {
        OnHardware::new(problem, genotype).search(seed)
    });
    let found: Vec<Genotype> = found.into_iter().flatten().collect();
    let evaluations = problem.evaluate(&found);
    for (genotype, evaluation) in found.iter().cloned().zip(evaluations) {
        front.insert(Individual {
            genotype,
            evaluation,
        });
    }
    let members = front.iter();
    let is_new = |member: &&Individual<Genotype>| found.contains(&member.genotype);
    members.filter(is_new).count()
}

/// The hardware of one network.
struct OnHardware<'a> {
    space: &'a SearchSpace,
    pricing: &'a Pricing,
    network: &'a Genotype,
    workload: Workload,
}

impl<'a> OnHardware<'a> {
    fn new(problem: &'a CoDesign<'_>, network: &'a Genotype) -> Self {
        let pricing = &problem.pricing;
        Self {
            space: problem.space,
            workload: pricing.lower(&problem.decode(network).network),
            pricing,
            network,
        }
    }

    /// The best by each objective, and by their product.
    fn search(&self, seed: u64) -> BTreeSet<Genotype> {
        let settings = SearchSettings {
            population_size: POPULATION,
            children_per_generation: POPULATION,
            generations: GENERATIONS,
            crossover_probability: 0.0,
            seed,
            ..SearchSettings::default()
        };
        let mut search = Search::new(self, settings).with_initial(vec![self.network.clone()]);
        while search.step().is_none() {}
        let front = search.front();
        let least = |figure: &dyn Fn(&[f64]) -> f64| {
            front.iter().min_by(|a, b| {
                let [a, b] = [a, b].map(|one| figure(&one.evaluation.objectives));
                a.total_cmp(&b)
            })
        };
        let product = least(&|figures| figures.iter().map(|figure| figure.ln()).sum());
        let alone = (0..self.objectives().len()).map(|place| least(&|figures| figures[place]));
        let found = alone.chain([product]).flatten();
        found.map(|member| member.genotype.clone()).collect()
    }
}

impl Problem for OnHardware<'_> {
    type Genotype = Genotype;

    /// Those of a co-design that are no scores.
    fn objectives(&self) -> &[Objective] {
        &OBJECTIVES[1..]
    }

    fn sample(&self, rng: &mut ChaCha8Rng) -> Genotype {
        self.space.sample_hardware(self.network, rng)
    }

    fn mutate(&self, genotype: &Genotype, strength: usize, rng: &mut ChaCha8Rng) -> Genotype {
        self.space.mutate_hardware(genotype, strength, rng)
    }

    /// A neighbour of one of them.
    fn crossover(&self, a: &Genotype, b: &Genotype, rng: &mut ChaCha8Rng) -> Genotype {
        let parent = if rng.random() { a } else { b };
        self.mutate(parent, 1, rng)
    }

    fn evaluate(&self, generation: &[Genotype]) -> Vec<Evaluation> {
        let price = |hardware: &Hardware| self.pricing.price(&self.workload, hardware);
        let costs = generation.iter().map(|genotype| price(&genotype.hardware));
        costs
            .map(|cost| Evaluation {
                objectives: vec![cost.latency_ns, cost.energy_pj, cost.area_um2],
                violation: cost.violation,
            })
            .collect()
    }
}
