//! The co-design problem: networks, precisions and hardware, searched together.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use indicatif::ProgressBar;
use pimento_data::{ClickLog, Split};
use pimento_evolution::{Evaluation, Objective, Problem, evaluate_parallel};
use pimento_hardware::{
    AccessBins, ChipDesign, Cost, CostModel, CostSummary, Hardware, PimCostModel, Workload,
};
use pimento_space::{Design, Genotype, Handcrafted, InputShape, Network, SearchSpace, lower};
use pimento_supernet::{Quality, Supernet, input_shape};
use rand_chacha::ChaCha8Rng;

use crate::{
    analogue::{self, Conditions, Exam},
    chip::{ChipRecord, OpenChip},
    interrupt::Interrupt,
    score::{Copies, ScoreSection},
};

/// What a search minimises.
pub(crate) const OBJECTIVES: [Objective; 4] = [
    Objective { name: "log_loss" },
    Objective { name: "latency_ns" },
    Objective { name: "energy_pj" },
    Objective { name: "area_um2" },
];

/// Quality of a network that nobody waits for any more.
const NOT_SCORED: Quality = Quality {
    log_loss: f64::MAX,
    auc: None,
};

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
    /// The narrow copies that are trained, too.
    pub(crate) copies: Option<Copies<'a>>,
    /// The cells that it is scored on, and the seed of its chips.
    pub(crate) analogue: Option<(Conditions, u64)>,
    /// Where it says how many networks of a generation are scored.
    pub(crate) bar: ProgressBar,
    /// Once asked to stop, it scores no more: what it says then is not to be kept.
    pub(crate) interrupt: &'a Interrupt,
    /// What it said before.
    pub(crate) known: Mutex<BTreeMap<Judged, Quality>>,
}

/// What a score depends on: a network and, where there is hardware in a score, the chip.
pub(crate) type Judged = (Network, Option<ChipDesign>);

/// The cost model with the embedding tables that every design has.
pub(crate) struct Pricing {
    chip: OpenChip,
    model: PimCostModel,
    table_rows: Vec<u64>,
    popularity: Vec<AccessBins>,
}

impl Pricing {
    /// Prices designs on this chip for tables of these sizes.
    pub(crate) fn new(chip: OpenChip, table_rows: Vec<u64>) -> Self {
        Self {
            model: PimCostModel::new(chip.preset.clone()),
            chip,
            table_rows,
            popularity: Vec::new(),
        }
    }

    /// The same where the rows of each table are read so often, which counts for designs with a cache, tables
    /// in crossbars or a published memory system; none where it is not known.
    #[must_use]
    pub(crate) fn with_popularity(mut self, popularity: Vec<AccessBins>) -> Self {
        let laws = popularity.iter().map(AccessBins::popularity).collect();
        self.model = self.model.with_popularities(laws);
        self.popularity = popularity;
        self
    }

    /// The same, faster for the tables that a space offers.
    #[must_use]
    pub(crate) fn for_space(mut self, space: &SearchSpace) -> Self {
        let choices = space.embedding_choices();
        for (field, (choices, &rows)) in choices.iter().zip(&self.table_rows).enumerate() {
            let stored = choices.iter();
            let tables: Vec<_> = stored
                .map(|choice| choice.stored(rows, space.embedding_dim()))
                .collect();
            self.model = self.model.with_tables(field, &tables);
        }
        self
    }

    /// Figures of merit of a network on hardware.
    pub(crate) fn summary(&self, network: &Network, hardware: &Hardware) -> CostSummary {
        self.price(&self.lower(network), hardware)
    }

    /// The operators of a network, to price it on several pieces of hardware.
    pub(crate) fn lower(&self, network: &Network) -> Workload {
        lower(network, &self.table_rows)
    }

    /// Figures of merit of a network's operators on hardware.
    pub(crate) fn price(&self, workload: &Workload, hardware: &Hardware) -> CostSummary {
        self.model.summary(workload, hardware)
    }

    /// The same with the breakdown.
    pub(crate) fn cost(&self, network: &Network, hardware: &Hardware) -> Cost {
        self.model.cost(&self.lower(network), hardware)
    }

    /// Figures of merit of a handcrafted model, mapped as references are.
    pub(crate) fn handcrafted(&self, model: &Handcrafted, input: InputShape) -> CostSummary {
        let workload = model.lower(input, &self.table_rows);
        self.model.summary(&workload, &self.chip.naive_hardware())
    }

    /// The chip.
    pub(crate) fn chip(&self) -> &ChipRecord {
        &self.chip.record
    }

    /// Reads of the rows of each table, if they are known.
    pub(crate) fn popularity(&self) -> &[AccessBins] {
        &self.popularity
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

    /// The supernet's opinion of designs, in their order. Equal ones are scored once in a search:
    /// designs that differ in hardware only are equal where there is no hardware in a score.
    pub(crate) fn qualities(&self, designs: &[&Design]) -> Vec<Quality> {
        let has_hardware = self.analogue.is_some();
        let judged = designs.iter().map(|design| {
            let chip = has_hardware.then_some(design.hardware.chip);
            (design.network.clone(), chip)
        });
        let judged: Vec<Judged> = judged.collect();
        let mut known = self.known.lock().expect("no holder panics");
        let new: BTreeSet<&Judged> = judged.iter().filter(|&j| !known.contains_key(j)).collect();
        let new = Vec::from_iter(new);
        let done = AtomicUsize::new(0);
        let qualities = evaluate_parallel(&new, |(network, chip)| {
            if self.interrupt.is_asked() {
                return None;
            }
            let quality = self.score(network, *chip)?;
            let count = 1 + done.fetch_add(1, Ordering::Relaxed);
            let all = new.len();
            self.bar
                .set_message(format!("· {count} of {all} networks scored"));
            Some(quality)
        });
        let new = new.into_iter().zip(qualities);
        known.extend(new.filter_map(|(judged, quality)| Some((judged.clone(), quality?))));
        let of = |judged: &Judged| known.get(judged).copied();
        judged.iter().map(|j| of(j).unwrap_or(NOT_SCORED)).collect()
    }

    /// How many scores there are so far.
    pub(crate) fn score_count(&self) -> usize {
        self.known.lock().expect("no holder panics").len()
    }

    /// The quality of a network; nothing if it was interrupted.
    fn score(&self, network: &Network, chip: Option<ChipDesign>) -> Option<Quality> {
        let mut quality = self.shared_score(network, chip);
        if let Some(copies) = &self.copies {
            let copy = copies.log_loss(network, self.log, self.interrupt).ok()?;
            quality.log_loss = copies.section().joined(quality.log_loss, copy);
        }
        Some(quality)
    }

    fn shared_score(&self, network: &Network, chip: Option<ChipDesign>) -> Quality {
        let network = self.supernet.subnet(network);
        let exam = Exam {
            log: self.log,
            split: Split::Validation,
            samples: self.score.validation_samples,
            head: &self.score.head,
        };
        let tuned = self.score.tuned(self.supernet, &network, self.log);
        let supernet = tuned.as_ref().unwrap_or(self.supernet);
        match (&self.analogue, chip) {
            (Some((conditions, seed)), Some(chip)) => {
                let qualities = conditions.qualities(supernet, &network, chip, exam, *seed);
                analogue::mean(&qualities)
            }
            _ => exam.quality(supernet, &network),
        }
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
        let runnable: Vec<&Design> = designs
            .iter()
            .zip(&costs)
            .filter(|(_, cost)| cost.violation == 0.0)
            .map(|(design, _)| design)
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
