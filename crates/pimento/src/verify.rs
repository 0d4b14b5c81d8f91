//! Training of single networks from scratch: the like-for-like comparison at the end of a search,
//! and `retrain`.

use std::collections::BTreeMap;

use indicatif::ProgressBar;
use pimento_data::{ClickLog, Split};
use pimento_space::{InputShape, Network};
use pimento_supernet::{HeadSettings, Quality, Supernet, TrainSettings, Trainer};
use serde::{Deserialize, Serialize};
use tracing::info;

use crate::{commands::train::Prepared, error::Error, interrupt::Interrupt, progress};

/// What a training from scratch reached.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Training {
    /// Seed of the weights and of the order of samples.
    pub(crate) seed: u64,
    /// Epoch whose weights were kept, the one with the lowest validation log loss; from 1.
    pub(crate) best_epoch: u64,
    /// Quality on the validation split.
    pub(crate) validation: Quality,
    /// Quality on the test split, looked at once.
    pub(crate) test: Quality,
}

/// Trains a network alone. Each whole epoch is scored on the validation split; the weights of the
/// best one are scored on the test split.
pub(crate) fn train_alone(
    network: &Network,
    log: &dyn ClickLog,
    settings: &TrainSettings,
    seed: u64,
    bar: &ProgressBar,
    interrupt: &Interrupt,
) -> Result<Training, Error> {
    let supernet = Supernet::stand_alone(network, log.shape(), seed);
    let mut trainer = Trainer::new(supernet, log, settings.clone(), seed, 0);
    let steps = trainer.steps();
    let epochs = settings.epochs.ceil().max(1.0) as u64;
    bar.set_length(steps);
    let mut best: Option<(u64, Quality, Supernet)> = None;
    for epoch in 1..=epochs {
        while trainer.step_count() < steps * epoch / epochs {
            interrupt.check()?;
            trainer.step(network);
            bar.set_position(trainer.step_count());
        }
        let quality = score(trainer.supernet(), network, log, Split::Validation);
        bar.set_message(format!("· validation log loss {:.4}", quality.log_loss));
        let is_better = best
            .as_ref()
            .is_none_or(|(_, before, _)| quality.log_loss < before.log_loss);
        if !is_better && epoch >= best.as_ref().map_or(0, |(epoch, ..)| epoch + 2) {
            break;
        }
        if is_better {
            best = Some((epoch, quality, trainer.supernet().clone()));
        }
    }
    let (best_epoch, validation, supernet) = best.expect("at least one epoch was scored");
    let test = score(&supernet, network, log, Split::Test);
    Ok(Training {
        seed,
        best_epoch,
        validation,
        test,
    })
}

fn score(supernet: &Supernet, network: &Network, log: &dyn ClickLog, split: Split) -> Quality {
    let untouched = HeadSettings {
        steps: 0,
        ..HeadSettings::default()
    };
    supernet.evaluate(network, log, split, usize::MAX, &untouched)
}

/// Trains networks of a run and keeps the results, so that an interrupted run does not train twice.
pub(crate) struct Verifier<'a> {
    prepared: &'a Prepared,
    interrupt: &'a Interrupt,
    done: BTreeMap<String, Training>,
}

impl<'a> Verifier<'a> {
    /// File with the trainings so far.
    const FILE: &'static str = "trainings.json";

    /// Reads what an interrupted run has done.
    pub(crate) fn open(prepared: &'a Prepared, interrupt: &'a Interrupt) -> Result<Self, Error> {
        let done = prepared.run.read_json(Self::FILE)?.unwrap_or_default();
        Ok(Self {
            prepared,
            interrupt,
            done,
        })
    }

    /// The training of a network from scratch with the run's seed.
    pub(crate) fn train(&mut self, name: &str, network: &Network) -> Result<Training, Error> {
        if let Some(training) = self.done.get(name) {
            return Ok(*training);
        }
        let config = &self.prepared.config.file;
        let log = self.prepared.data.log.as_ref();
        let bar = progress::bar(0, "training alone", "steps");
        let settings = &config.retrain.get_ref().train;
        let training = train_alone(network, log, settings, config.seed, &bar, self.interrupt)?;
        bar.finish_and_clear();
        info!(
            design = name,
            best_epoch = training.best_epoch,
            validation_log_loss = training.validation.log_loss,
            validation_auc = training.validation.auc,
            "trained alone"
        );
        self.done.insert(name.to_owned(), training);
        self.prepared.run.write_json(Self::FILE, &self.done)?;
        Ok(training)
    }
}

/// Logistic regression as a network without blocks: its head reads the inputs themselves.
pub(crate) fn logistic_regression(input: InputShape) -> Network {
    Network {
        input,
        embedding_dim: 1,
        layer_norm: false,
        blocks: Vec::new(),
        head_weight_bits: 32,
        embedding_bits: 32,
    }
}
