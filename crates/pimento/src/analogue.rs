//! The cells that networks are scored on.

use std::{num::NonZero, path::Path};

use pimento_data::{ClickLog, Split};
use pimento_hardware::{CellPreset, ChipDesign, ReramPreset};
use pimento_space::Network;
use pimento_supernet::{Analogue, Fidelity, HeadFit, Quality, Supernet};
use serde::{Deserialize, Serialize};

use crate::error::Error;

/// Section `score.analogue`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct AnalogueSection {
    /// Name of built-in cells or a file, relative to the configuration.
    pub(crate) cells: String,
    /// Chips that are drawn for each design; its quality is the mean.
    #[serde(default = "two")]
    pub(crate) chips: NonZero<u32>,
    /// How closely conversions are followed.
    #[serde(default)]
    pub(crate) fidelity: Fidelity,
    /// Training samples that converters and corrections are calibrated on.
    #[serde(default = "calibration_samples")]
    pub(crate) calibration_samples: NonZero<usize>,
    /// Whether columns are corrected.
    #[serde(default = "yes")]
    pub(crate) corrects_columns: bool,
}

/// The cells of a section, read.
#[derive(Debug, Clone)]
pub(crate) struct Conditions {
    /// The cells.
    pub(crate) cells: CellPreset,
    /// Chips that are drawn.
    pub(crate) chips: u32,
    /// How closely conversions are followed.
    pub(crate) fidelity: Fidelity,
    /// Training samples that converters and corrections are calibrated on.
    pub(crate) calibration_samples: NonZero<usize>,
    /// Whether columns are corrected.
    pub(crate) corrects_columns: bool,
    /// Whether the chip stores columns flipped where that saves converters a bit.
    pub(crate) flips_columns: bool,
}

/// What is scored, on which samples.
#[derive(Clone, Copy)]
pub(crate) struct Exam<'a> {
    pub(crate) log: &'a dyn ClickLog,
    pub(crate) split: Split,
    pub(crate) samples: usize,
    pub(crate) head: &'a HeadFit,
}

impl Exam<'_> {
    /// Quality of a network without hardware.
    pub(crate) fn quality(self, supernet: &Supernet, network: &Network) -> Quality {
        supernet.evaluate(network, self.log, self.split, self.samples, self.head)
    }
}

impl AnalogueSection {
    /// The section with its defaults.
    pub(crate) fn new(cells: &str) -> Self {
        Self {
            cells: cells.to_owned(),
            chips: two(),
            fidelity: Fidelity::default(),
            calibration_samples: calibration_samples(),
            corrects_columns: yes(),
        }
    }

    /// What it says about these cells on this chip.
    pub(crate) fn conditions(&self, cells: CellPreset, chip: &ReramPreset) -> Conditions {
        Conditions {
            cells,
            chips: self.chips.get(),
            fidelity: self.fidelity,
            calibration_samples: self.calibration_samples,
            corrects_columns: self.corrects_columns,
            flips_columns: chip.saves_adc_bit(),
        }
    }
}

impl Conditions {
    /// Qualities of a network on the chips of a design, one for each chip that is drawn.
    pub(crate) fn qualities(
        &self,
        supernet: &Supernet,
        network: &Network,
        chip: ChipDesign,
        exam: Exam<'_>,
        seed: u64,
    ) -> Vec<Quality> {
        let analogue = Analogue {
            chip,
            cells: self.cells.clone(),
            flips_columns: self.flips_columns,
            corrects_columns: self.corrects_columns,
            fidelity: self.fidelity,
            calibration_samples: self.calibration_samples,
        };
        let seeds = seed..seed + u64::from(self.chips);
        supernet.evaluate_on_chips(
            network,
            exam.log,
            exam.split,
            exam.samples,
            exam.head,
            &analogue,
            seeds,
        )
    }
}

/// The mean over chips.
pub(crate) fn mean(qualities: &[Quality]) -> Quality {
    let count = qualities.len() as f64;
    let aucs: Option<f64> = qualities.iter().map(|quality| quality.auc).sum();
    Quality {
        log_loss: qualities.iter().map(|q| q.log_loss / count).sum(),
        auc: aucs.map(|sum| sum / count),
    }
}

/// The built-in cells of that name.
pub(crate) fn built_in_cells(name: &str) -> Option<CellPreset> {
    CellPreset::preset(name)
}

/// Reads cells from a file.
pub(crate) fn read_cells(path: &Path) -> Result<CellPreset, Error> {
    let text = std::fs::read_to_string(path).map_err(|source| Error::file("read", path, source))?;
    CellPreset::parse(&text).map_err(|error| Error::preset(path, &text, &error))
}

fn two() -> NonZero<u32> {
    NonZero::new(2).expect("not zero")
}

fn calibration_samples() -> NonZero<usize> {
    NonZero::new(128).expect("not zero")
}

fn yes() -> bool {
    true
}
