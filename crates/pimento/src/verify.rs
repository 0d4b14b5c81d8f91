//! Training of single networks from scratch: the like-for-like comparison at the end of a search,
//! and `retrain`.

use std::{ops::Range, sync::Mutex};

use indicatif::ProgressBar;
use pimento_data::{ClickLog, Split};
use pimento_space::{Handcrafted, Network};
use pimento_supernet::{Device, Model, Quality, Supernet, Trainer};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use tracing::info;

use crate::{
    config::{Monitor, Recipe},
    error::Error,
    interrupt::Interrupt,
    progress,
    run::RunFolder,
};

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

fn is_better(monitor: Monitor, new: &Quality, old: &Quality) -> bool {
    match monitor {
        Monitor::LogLoss => new.log_loss < old.log_loss,
        Monitor::Auc => new.auc > old.auc,
    }
}

/// A model after its best epoch.
pub(crate) struct Fitted {
    best_epoch: u64,
    /// Quality on the validation split.
    pub(crate) validation: Quality,
    supernet: Supernet,
}

/// Trains a network alone. Each whole epoch is scored on the validation split; the weights of the
/// best one are scored on the test split and kept.
pub(crate) fn train_alone(
    job: &Job<'_>,
    log: &dyn ClickLog,
    bar: &ProgressBar,
    interrupt: &Interrupt,
) -> Result<(Training, Supernet), Error> {
    let Fitted {
        best_epoch,
        validation,
        supernet,
    } = fit(job, log, bar, interrupt)?;
    let (model, seed) = (job.model, job.seed);
    let test = supernet.score(model, log, Split::Test);
    info!(
        design = job.name,
        seed,
        best_epoch,
        validation_log_loss = validation.log_loss,
        validation_auc = validation.auc,
        "trained alone"
    );
    let training = Training {
        seed,
        best_epoch,
        validation,
        test,
    };
    Ok((training, supernet))
}

/// Trains a network alone. Each whole epoch is scored on the validation split; the weights of the
/// best one are kept.
pub(crate) fn fit(
    job: &Job<'_>,
    log: &dyn ClickLog,
    bar: &ProgressBar,
    interrupt: &Interrupt,
) -> Result<Fitted, Error> {
    let Job { model, seed, .. } = *job;
    let Recipe { train, stop } = job.recipe;
    let supernet =
        Supernet::stand_alone_for(model, train, log.shape(), seed).on(job.device.clone());
    let mut trainer = Trainer::new(supernet, log, train.clone(), seed, 0);
    let steps = trainer.steps();
    let epochs = train.epochs.ceil().max(1.0) as u64;
    bar.inc_length(steps);
    let mut best: Option<(u64, Quality, Supernet)> = None;
    for epoch in 1..=epochs {
        while trainer.step_count() < steps * epoch / epochs {
            interrupt.check()?;
            trainer.step(model);
            bar.inc(1);
        }
        let quality = trainer.supernet().score(model, log, Split::Validation);
        bar.set_message(format!(
            "· {}, validation log loss {:.4}, AUC {:.4}",
            job.name,
            quality.log_loss,
            quality.auc.unwrap_or(f64::NAN)
        ));
        match &best {
            Some((best_epoch, best, _)) if !is_better(stop.monitor, &quality, best) => {
                if epoch - best_epoch >= stop.patience.get() {
                    bar.inc(steps - trainer.step_count());
                    break;
                }
                trainer.scale_learning_rate(stop.plateau_factor);
            }
            _ => best = Some((epoch, quality, trainer.supernet().clone())),
        }
    }
    let (best_epoch, validation, supernet) = best.expect("at least one epoch was scored");
    Ok(Fitted {
        best_epoch,
        validation,
        supernet,
    })
}

/// A model to train from scratch.
pub(crate) struct Job<'a> {
    /// What the journal calls it.
    pub(crate) name: String,
    /// What is trained.
    pub(crate) model: Model<'a>,
    /// How.
    pub(crate) recipe: &'a Recipe,
    /// Seed of the weights and of the order of samples.
    pub(crate) seed: u64,
    /// Where.
    pub(crate) device: &'a Device,
}

/// A model to train with the best of some recipes.
pub(crate) struct Candidate<'a> {
    /// What the journal calls it.
    pub(crate) name: String,
    /// What is trained.
    pub(crate) model: Model<'a>,
    /// Ways to train it, at least one.
    pub(crate) recipes: &'a [Recipe],
    /// Where.
    pub(crate) device: &'a Device,
}

impl Candidate<'_> {
    /// Its training with one of its recipes.
    fn job(&self, recipe: usize, seed: u64) -> Job<'_> {
        Job {
            name: self.name.clone(),
            model: self.model,
            recipe: &self.recipes[recipe],
            seed,
            device: self.device,
        }
    }
}

/// How a candidate did.
pub(crate) struct Alone {
    /// Number of the recipe that suited it best.
    pub(crate) recipe: usize,
    /// One training with each seed.
    pub(crate) trainings: Vec<Training>,
}

/// Number of the best training; the first one of equals, 0 if there is none.
fn best_of(trainings: &[Training], monitor: Monitor) -> usize {
    let mut best = 0;
    for (number, training) in trainings.iter().enumerate() {
        if is_better(monitor, &training.validation, &trainings[best].validation) {
            best = number;
        }
    }
    best
}

/// A training that was done, and all that it depends on beside the run's data.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Done {
    model: Trained,
    recipe: Recipe,
    training: Training,
}

/// What was trained.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Trained {
    Network(Box<Network>),
    Handcrafted(Box<Handcrafted>),
}

impl Trained {
    fn new(model: Model<'_>) -> Self {
        match model {
            Model::Network(network) => Self::Network(Box::new(network.clone())),
            Model::Handcrafted(model) => Self::Handcrafted(Box::new(model.clone())),
        }
    }

    fn is(&self, model: Model<'_>) -> bool {
        match self {
            Self::Network(network) => Model::Network(network) == model,
            Self::Handcrafted(handcrafted) => Model::Handcrafted(handcrafted) == model,
        }
    }
}

/// The trainings from scratch of a run. They are kept, so that none is done twice.
pub(crate) struct Trainings<'a> {
    run: &'a RunFolder,
    log: &'a dyn ClickLog,
    done: Vec<Done>,
}

impl<'a> Trainings<'a> {
    /// File with the trainings so far.
    const FILE: &'static str = "trainings.json";

    /// Reads what the run has done before.
    pub(crate) fn open(run: &'a RunFolder, log: &'a dyn ClickLog) -> Result<Self, Error> {
        let done = run.read_json(Self::FILE)?.unwrap_or_default();
        Ok(Self { run, log, done })
    }

    /// The trainings of `jobs`, in their order, several at once. Each is kept as soon as it is done.
    pub(crate) fn train(
        &mut self,
        jobs: &[Job<'_>],
        interrupt: &Interrupt,
    ) -> Result<Vec<Training>, Error> {
        let bar = progress::bar(0, "training alone", "steps");
        let earlier: Vec<Option<Training>> = jobs.iter().map(|job| self.earlier(job)).collect();
        let done = Mutex::new(&mut self.done);
        let trainings = jobs
            .par_iter()
            .zip(earlier)
            .with_max_len(1)
            .map(|(job, earlier)| {
                if let Some(training) = earlier {
                    return Ok(training);
                }
                let (training, _) = train_alone(job, self.log, &bar, interrupt)?;
                let mut done = done.lock().expect("no holder panics");
                done.push(Done {
                    model: Trained::new(job.model),
                    recipe: job.recipe.clone(),
                    training,
                });
                self.run.write_json(Self::FILE, &**done)?;
                Ok(training)
            })
            .collect();
        bar.finish_and_clear();
        trainings
    }

    /// Trains each candidate with every seed, with the one of its recipes that is best on the
    /// validation split with the first seed.
    pub(crate) fn train_best(
        &mut self,
        candidates: &[Candidate<'_>],
        seeds: Range<u64>,
        interrupt: &Interrupt,
    ) -> Result<Vec<Alone>, Error> {
        let choices = |candidate: &Candidate<'_>| match candidate.recipes {
            [_] => 0,
            recipes => recipes.len(),
        };
        let mut jobs = Vec::new();
        for candidate in candidates {
            let numbers = 0..choices(candidate);
            jobs.extend(numbers.map(|number| candidate.job(number, seeds.start)));
        }
        let first = self.train(&jobs, interrupt)?;
        let mut rest = &first[..];
        let recipes: Vec<usize> = candidates
            .iter()
            .map(|candidate| {
                let (own, others) = rest.split_at(choices(candidate));
                rest = others;
                best_of(own, candidate.recipes[0].stop.monitor)
            })
            .collect();
        let chosen = || candidates.iter().zip(&recipes);
        let jobs: Vec<Job<'_>> = chosen()
            .flat_map(|(candidate, &number)| {
                seeds.clone().map(move |seed| candidate.job(number, seed))
            })
            .collect();
        let trainings = self.train(&jobs, interrupt)?;
        let of_candidates = trainings.chunks((seeds.end - seeds.start) as usize);
        let alone = of_candidates.zip(recipes).map(|(trainings, recipe)| Alone {
            recipe,
            trainings: trainings.to_vec(),
        });
        Ok(alone.collect())
    }

    /// The training of a job, if it was done.
    pub(crate) fn earlier(&self, job: &Job<'_>) -> Option<Training> {
        self.done
            .iter()
            .find(|done| {
                done.training.seed == job.seed
                    && done.model.is(job.model)
                    && done.recipe == *job.recipe
            })
            .map(|done| done.training)
    }
}
