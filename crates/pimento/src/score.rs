//! Section `score`: how networks are scored.

use indicatif::ProgressBar;
use pimento_data::ClickLog;
use pimento_space::{Narrowing, Network};
use pimento_supernet::{Device, HeadFit, Model, Supernet, Tuning};
use serde::{Deserialize, Serialize};

use crate::{
    analogue::AnalogueSection,
    config::{Recipe, SearchConfig},
    error::Error,
    interrupt::Interrupt,
    verify::{self, Job},
};

/// Section `score`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(crate) struct ScoreSection {
    /// How the head is fitted to a network.
    pub(crate) head: HeadFit,
    /// How all weights of a network are tuned to it before; without it, they are as shared.
    pub(crate) tune: Option<Tuning>,
    /// The narrow copy of a network that is trained, too; without it, there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) narrow: Option<NarrowSection>,
    /// Validation samples that a network is scored on, at most.
    pub(crate) validation_samples: usize,
    /// The cells that networks are scored on; without it, there is no hardware in a score.
    pub(crate) analogue: Option<AnalogueSection>,
}

/// Section `score.narrow`: a copy of each network, narrowed, is trained from scratch as networks alone
/// are. What it reaches says something about the network that shared weights do not know.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(crate) struct NarrowSection {
    /// What sizes are divided by.
    pub(crate) by: Narrowing,
    /// Passes over the training split, at most; those of networks alone without it.
    pub(crate) epochs: Option<f64>,
    /// Share of the copy's log loss in the score, in (0, 1]; the supernet's has the rest.
    pub(crate) weight: f64,
}

/// Trainings of narrow copies.
#[derive(Debug)]
pub(crate) struct Copies<'a> {
    section: &'a NarrowSection,
    recipe: Recipe,
    seed: u64,
    device: &'a Device,
}

impl Default for ScoreSection {
    fn default() -> Self {
        Self {
            head: HeadFit::default(),
            tune: None,
            narrow: None,
            validation_samples: 1_000_000,
            analogue: None,
        }
    }
}

impl Default for NarrowSection {
    fn default() -> Self {
        Self {
            by: Narrowing::default(),
            epochs: None,
            weight: 0.5,
        }
    }
}

impl ScoreSection {
    /// The subnet tuned to itself, if networks are.
    pub(crate) fn tuned(
        &self,
        supernet: &Supernet,
        network: &Network,
        log: &dyn ClickLog,
    ) -> Option<Supernet> {
        let tune = |tuning| supernet.tuned(network, log, tuning);
        self.tune.as_ref().map(tune)
    }

    /// What cannot be, its key named first.
    pub(crate) fn problem(&self) -> Option<String> {
        if self.validation_samples == 0 {
            return Some("`score.validation-samples` is 0, expected at least 1".to_owned());
        }
        let mut positive = match &self.head {
            HeadFit::None | HeadFit::Factors(_) => Vec::new(),
            HeadFit::Sgd(head) => vec![
                ("head.epsilon", head.epsilon),
                ("head.learning-rate", head.learning_rate),
            ],
            HeadFit::Newton(head) => vec![("head.ridge", head.ridge)],
        };
        if let Some(tuning) = &self.tune {
            positive.push(("tune.learning-rate", tuning.learning_rate));
            positive.push(("tune.epsilon", tuning.epsilon));
        }
        for (key, value) in positive {
            if !(value.is_finite() && value > 0.0) {
                return Some(format!(
                    "`score.{key}` is {value}, expected a positive number"
                ));
            }
        }
        self.narrow.as_ref().and_then(NarrowSection::problem)
    }
}

impl NarrowSection {
    fn problem(&self) -> Option<String> {
        let is_within = |value: f64, most: f64| value > 0.0 && value <= most;
        if !is_within(self.weight, 1.0) {
            let weight = self.weight;
            return Some(format!(
                "`score.narrow.weight` is {weight}, expected more than 0, at most 1"
            ));
        }
        let epochs = self.epochs?;
        (!is_within(epochs, f64::MAX))
            .then(|| format!("`score.narrow.epochs` is {epochs}, expected a positive number"))
    }

    /// The score of a network from the log losses of the supernet and of the copy.
    pub(crate) fn joined(&self, shared: f64, copy: f64) -> f64 {
        (1.0 - self.weight) * shared + self.weight * copy
    }
}

impl<'a> Copies<'a> {
    /// The trainings that a configuration asks for, if it does.
    pub(crate) fn of(config: &'a SearchConfig, device: &'a Device) -> Option<Self> {
        let section = config.file.score.get_ref().narrow.as_ref()?;
        let mut recipe = config.file.retrain.get_ref().recipe();
        recipe.train.epochs = section.epochs.unwrap_or(recipe.train.epochs);
        Some(Self {
            section,
            recipe,
            seed: config.file.seed,
            device,
        })
    }

    /// What the section says.
    pub(crate) fn section(&self) -> &'a NarrowSection {
        self.section
    }

    /// Validation log loss of a network's copy, trained from scratch.
    pub(crate) fn log_loss(
        &self,
        network: &Network,
        log: &dyn ClickLog,
        interrupt: &Interrupt,
    ) -> Result<f64, Error> {
        let copy = network.narrowed(&self.section.by);
        let job = Job {
            name: "narrow copy".to_owned(),
            model: Model::Network(&copy),
            recipe: &self.recipe,
            seed: self.seed,
            device: self.device,
        };
        let fitted = verify::fit(&job, log, &ProgressBar::hidden(), interrupt)?;
        Ok(fitted.validation.log_loss)
    }
}
