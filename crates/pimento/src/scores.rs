//! Scores of random networks, as a ranking measures them.

use std::time::{Duration, Instant};

use pimento_space::{Network, PathSampler};
use serde::{Deserialize, Serialize};

use crate::{
    error::Error,
    interrupt::Interrupt,
    progress,
    run::RunFolder,
    score::{NarrowSection, ScoreSection},
};

/// File with the scores so far.
const FILE: &str = "scores.json";

/// Time after which scores are kept while more are measured.
const KEEP_AFTER: Duration = Duration::from_secs(10);

/// The scores of a run. They are kept, so that none is measured twice.
pub(crate) struct Scores<'a> {
    run: &'a RunFolder,
    /// Networks that are asked for.
    count: usize,
    kept: Kept,
}

/// What lies in the file.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    networks: Vec<Network>,
    /// Seconds of one training from scratch, mean, where all were done in one go.
    seconds_alone: Option<f64>,
    rows: Vec<Scored>,
}

/// Scores of the first networks by one method.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Scored {
    /// What trained the weights; absent for initial ones.
    sampler: Option<PathSampler>,
    method: ScoreSection,
    /// One of each network.
    pub(crate) log_losses: Vec<f64>,
    seconds: f64,
}

impl Scored {
    /// Seconds of one network, mean.
    pub(crate) fn seconds_per_network(&self) -> f64 {
        self.seconds / self.log_losses.len() as f64
    }

    /// Scores of a supernet joined with those of narrow copies.
    pub(crate) fn joined(&self, copies: &Self, section: &NarrowSection) -> Self {
        let both = self.log_losses.iter().zip(&copies.log_losses);
        let joined = both.map(|(&shared, &copy)| section.joined(shared, copy));
        Self {
            log_losses: joined.collect(),
            seconds: self.seconds + copies.seconds,
            ..self.clone()
        }
    }
}

impl<'a> Scores<'a> {
    /// Reads what the run has measured of these networks before.
    pub(crate) fn open(run: &'a RunFolder, networks: &[Network]) -> Result<Self, Error> {
        let mut kept: Kept = run.read_json(FILE)?.unwrap_or_default();
        // More or fewer networks of a run begin with the same ones.
        let common = networks.len().min(kept.networks.len());
        if kept.networks[..common] != networks[..common] {
            kept = Kept::default();
        }
        if kept.networks.len() < networks.len() {
            kept.networks = networks.to_vec();
        }
        Ok(Self {
            run,
            count: networks.len(),
            kept,
        })
    }

    /// Seconds of a training from scratch: those found now or, where there are none, found earlier.
    pub(crate) fn seconds_alone(&mut self, found: Option<f64>) -> Option<f64> {
        self.kept.seconds_alone = found.or(self.kept.seconds_alone);
        self.kept.seconds_alone
    }

    /// The networks' scores by one method, measured one network after the other, on all threads, as
    /// far as they are not known.
    pub(crate) fn measure(
        &mut self,
        sampler: Option<PathSampler>,
        method: &ScoreSection,
        interrupt: &Interrupt,
        score: impl Fn(&Network) -> Result<f64, Error>,
    ) -> Result<Scored, Error> {
        let row = self.row(sampler, method);
        let bar = progress::bar(self.count as u64, "scoring", "networks");
        let known = self.kept.rows[row].log_losses.len();
        bar.inc(known.min(self.count) as u64);
        let mut kept_at = Instant::now();
        for number in known..self.count {
            let start = Instant::now();
            let network = &self.kept.networks[number];
            let log_loss = match interrupt.check().and_then(|()| score(network)) {
                Ok(log_loss) => log_loss,
                Err(interrupted) => {
                    self.keep()?;
                    return Err(interrupted);
                }
            };
            let scored = &mut self.kept.rows[row];
            scored.log_losses.push(log_loss);
            scored.seconds += start.elapsed().as_secs_f64();
            if kept_at.elapsed() > KEEP_AFTER {
                self.keep()?;
                kept_at = Instant::now();
            }
            bar.inc(1);
        }
        bar.finish_and_clear();
        self.keep()?;
        let scored = &self.kept.rows[row];
        Ok(Scored {
            log_losses: scored.log_losses[..self.count].to_vec(),
            seconds: scored.seconds * self.count as f64 / scored.log_losses.len() as f64,
            ..scored.clone()
        })
    }

    /// Number of a method's row.
    fn row(&mut self, sampler: Option<PathSampler>, method: &ScoreSection) -> usize {
        let rows = &mut self.kept.rows;
        let is_it = |row: &Scored| row.sampler == sampler && row.method == *method;
        rows.iter().position(is_it).unwrap_or_else(|| {
            rows.push(Scored {
                sampler,
                method: method.clone(),
                log_losses: Vec::new(),
                seconds: 0.0,
            });
            rows.len() - 1
        })
    }

    fn keep(&self) -> Result<(), Error> {
        self.run.write_json(FILE, &self.kept)
    }
}
