//! Hardware for the networks of a front, searched anew: a price takes microseconds, and what a network predicts does
//! not depend on it.

use std::collections::BTreeSet;

use pimento_evolution::{
    Evaluation, Individual, Objective, ParetoFront, Problem, Search, SearchSettings,
    evaluate_parallel,
};
use pimento_hardware::{Hardware, Workload};
use pimento_space::{Genotype, Network, SearchSpace};
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
    let members = front.iter().map(|member| &member.genotype);
    let known: BTreeSet<Genotype> = members.cloned().collect();
    let mut networks = BTreeSet::new();
    let first_of_each = front.iter().map(|member| &member.genotype);
    let first_of_each = first_of_each.filter(|genotype| {
        let network = problem.decode(genotype).network;
        networks.insert(network)
    });
    let first_of_each: Vec<Genotype> = first_of_each.cloned().collect();
    let found = evaluate_parallel(&first_of_each, |genotype| {
        let network = problem.decode(genotype).network;
        let found = OnHardware::new(problem, &network).search(vec![genotype.hardware], seed);
        let on = |hardware| Genotype {
            hardware,
            ..genotype.clone()
        };
        found.best().into_iter().map(on).collect::<Vec<_>>()
    });
    let found = found.concat();
    let evaluations = problem.evaluate(&found);
    for (genotype, evaluation) in found.into_iter().zip(evaluations) {
        front.insert(Individual {
            genotype,
            evaluation,
        });
    }
    let is_new = |member: &&Individual<Genotype>| !known.contains(&member.genotype);
    front.iter().filter(is_new).count()
}

/// The hardware of the space on which the product of latency, energy and area of a network is the least that is
/// found; none if it runs on no hardware that was tried.
pub(crate) fn balanced(problem: &CoDesign<'_>, network: &Network, seed: u64) -> Option<Hardware> {
    let found = OnHardware::new(problem, network).search(Vec::new(), seed);
    found.least(product)
}

/// The hardware of one network.
struct OnHardware<'a> {
    space: &'a SearchSpace,
    pricing: &'a Pricing,
    workload: Workload,
}

/// What nothing that was tried dominates.
struct Found(ParetoFront<Hardware>);

impl Found {
    /// By a figure that is made of the objectives.
    fn least(&self, figure: impl Fn(&[f64]) -> f64) -> Option<Hardware> {
        let of = |member: &Individual<Hardware>| figure(&member.evaluation.objectives);
        let least = self.0.iter().min_by(|a, b| of(a).total_cmp(&of(b)));
        least.map(|member| member.genotype)
    }

    /// By each objective, and by their product.
    fn best(&self) -> BTreeSet<Hardware> {
        let alone = (0..3).map(|place| self.least(|figures| figures[place]));
        alone.chain([self.least(product)]).flatten().collect()
    }
}

/// Its logarithm.
fn product(figures: &[f64]) -> f64 {
    figures.iter().map(|figure| figure.ln()).sum()
}

impl<'a> OnHardware<'a> {
    fn new(problem: &'a CoDesign<'_>, network: &Network) -> Self {
        let pricing = &problem.pricing;
        Self {
            space: problem.space,
            workload: pricing.lower(network),
            pricing,
        }
    }

    fn search(&self, known: Vec<Hardware>, seed: u64) -> Found {
        let settings = SearchSettings {
            population_size: POPULATION,
            children_per_generation: POPULATION,
            generations: GENERATIONS,
            crossover_probability: 0.0,
            seed,
            ..SearchSettings::default()
        };
        let mut search = Search::new(self, settings).with_initial(known);
        while search.step().is_none() {}
        Found(search.front())
    }
}

impl Problem for OnHardware<'_> {
    type Genotype = Hardware;

    /// Those of a co-design that are no scores.
    fn objectives(&self) -> &[Objective] {
        &OBJECTIVES[1..]
    }

    fn sample(&self, rng: &mut ChaCha8Rng) -> Hardware {
        self.space.sample_hardware(rng)
    }

    fn mutate(&self, hardware: &Hardware, strength: usize, rng: &mut ChaCha8Rng) -> Hardware {
        self.space.mutate_hardware(hardware, strength, rng)
    }

    /// A neighbour of one of them.
    fn crossover(&self, a: &Hardware, b: &Hardware, rng: &mut ChaCha8Rng) -> Hardware {
        let parent = if rng.random() { a } else { b };
        self.mutate(parent, 1, rng)
    }

    fn evaluate(&self, generation: &[Hardware]) -> Vec<Evaluation> {
        let costs = generation
            .iter()
            .map(|hardware| self.pricing.price(&self.workload, hardware));
        costs
            .map(|cost| Evaluation {
                objectives: vec![cost.latency_ns, cost.energy_pj, cost.area_um2],
                violation: cost.violation,
            })
            .collect()
    }
}
