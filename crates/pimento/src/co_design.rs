//! The co-design problem: networks, precisions and hardware, searched together.

use std::collections::{BTreeMap, BTreeSet};

use pimento_data::{ClickLog, Split};
use pimento_evolution::{Evaluation, Objective, Problem, evaluate_parallel};
use pimento_hardware::{Cost, CostModel, CostSummary, Hardware, PimCostModel};
use pimento_space::{Design, Genotype, Handcrafted, InputShape, Network, SearchSpace, lower};
use pimento_supernet::{Quality, Supernet, input_shape};
use rand_chacha::ChaCha8Rng;

use crate::config::ScoreSection;

/// What a search minimises.
pub(crate) const OBJECTIVES: [Objective; 4] = [
    Objective { name: "log_loss" },
    Objective { name: "latency_ns" },
    Objective { name: "energy_pj" },
    Objective { name: "area_um2" },
];

/// Everything a design is judged by. Asking it changes nothing.
pub(crate) struct CoDesign<'a> {
    /// What may be chosen.
    pub(crate) space: &'a SearchSpace,
    /// How well a network predicts.
    pub(crate) supernet: &'a Supernet,
    /// On what.
    pub(crate) log: &'a dyn ClickLog,
    /// What a design costs.
    pub(crate) pricing: Pricing,
    /// How a network is scored.
    pub(crate) score: &'a ScoreSection,
}

/// The cost model with the embedding tables that every design has.
pub(crate) struct Pricing {
    model: PimCostModel,
    table_rows: Vec<u64>,
}

impl Pricing {
    /// Prices designs for tables of these sizes.
    pub(crate) fn new(table_rows: Vec<u64>) -> Self {
        Self {
            model: PimCostModel::isaac(),
            table_rows,
        }
    }

    /// Figures of merit of a network on hardware.
    pub(crate) fn summary(&self, network: &Network, hardware: &Hardware) -> CostSummary {
        self.model
            .summary(&lower(network, &self.table_rows), hardware)
    }

    /// The same with the breakdown.
    pub(crate) fn cost(&self, network: &Network, hardware: &Hardware) -> Cost {
        self.model.cost(&lower(network, &self.table_rows), hardware)
    }

    /// Figures of merit of a handcrafted model, mapped as references are.
    pub(crate) fn handcrafted(&self, model: &Handcrafted, input: InputShape) -> CostSummary {
        let workload = model.lower(input, &self.table_rows);
        self.model.summary(&workload, &Hardware::naive())
    }

    /// Rows of the embedding tables.
    pub(crate) fn table_rows(&self) -> &[u64] {
        &self.table_rows
    }
}

/// Bytes of a network's embedding tables, one copy of each, for fields with `table_rows` values.
pub(crate) fn embedding_bytes(network: &Network, table_rows: &[u64]) -> u64 {
    let fields = table_rows.iter().enumerate();
    let bytes = fields.map(|(field, &rows)| {
        let stored = network.embedding(field).stored(rows, network.embedding_dim);
        stored.bytes()
    });
    bytes.sum::<f64>().ceil() as u64
}

impl CoDesign<'_> {
    /// The design that a genotype codes.
    pub(crate) fn decode(&self, genotype: &Genotype) -> Design {
        self.space.decode(genotype, input_shape(self.log.shape()))
    }

    /// The supernet's opinion of networks, in their order. Equal networks are scored once.
    pub(crate) fn qualities(&self, networks: &[&Network]) -> Vec<Quality> {
        let distinct: BTreeSet<&Network> = networks.iter().copied().collect();
        let distinct = Vec::from_iter(distinct);
        let qualities = evaluate_parallel(&distinct, |network| self.score(network));
        let known: BTreeMap<&Network, Quality> = distinct.into_iter().zip(qualities).collect();
        networks.iter().map(|network| known[network]).collect()
    }

    fn score(&self, network: &Network) -> Quality {
        self.supernet.evaluate(
            &self.supernet.subnet(network),
            self.log,
            Split::Validation,
            self.score.validation_samples,
            &self.score.head,
        )
    }
}

impl Problem for CoDesign<'_> {
    type Genotype = Genotype;

    fn objectives(&self) -> &[Objective] {
        &OBJECTIVES
    }

    fn sample(&self, rng: &mut ChaCha8Rng) -> Genotype {
        self.space.sample(rng)
    }

    fn mutate(&self, genotype: &Genotype, strength: usize, rng: &mut ChaCha8Rng) -> Genotype {
        self.space.mutate(genotype, strength, rng)
    }

    fn crossover(&self, a: &Genotype, b: &Genotype, rng: &mut ChaCha8Rng) -> Genotype {
        self.space.crossover(a, b, rng)
    }

    /// Prices every design; scores every network once, and only those whose hardware can run them.
    fn evaluate(&self, generation: &[Genotype]) -> Vec<Evaluation> {
        let designs: Vec<Design> = generation
            .iter()
            .map(|genotype| self.decode(genotype))
            .collect();
        let costs: Vec<CostSummary> = evaluate_parallel(&designs, |design| {
            self.pricing.summary(&design.network, &design.hardware)
        });
        let runnable: Vec<&Network> = designs
            .iter()
            .zip(&costs)
            .filter(|(_, cost)| cost.violation == 0.0)
            .map(|(design, _)| &design.network)
            .collect();
        let mut qualities = self.qualities(&runnable).into_iter();
        costs
            .iter()
            .map(|cost| Evaluation {
                objectives: vec![
                    if cost.violation == 0.0 {
                        qualities.next().expect("one per runnable design").log_loss
                    } else {
                        f64::MAX
                    },
                    cost.latency_ns,
                    cost.energy_pj,
                    cost.area_um2,
                ],
                violation: cost.violation,
            })
            .collect()
    }
}
