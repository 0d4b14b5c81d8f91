//! `search.toml`: what a run does. Every key has a default; an empty file is the built-in run.

use std::{
    num::NonZero,
    ops::Range,
    path::{Path, PathBuf},
};

use pimento_data::SyntheticSettings;
use pimento_evolution::SearchSettings;
use pimento_hardware::CellPreset;
use pimento_space::PathSampler;
use pimento_supernet::TrainSettings;
use serde::{Deserialize, Serialize};
use toml::Spanned;

use crate::{
    analogue::{Conditions, built_in_cells, read_cells},
    chip::{HardwareSection, OpenChip},
    co_design::OBJECTIVES,
    error::Error,
    references::Reference,
    score::ScoreSection,
};

/// The built-in configuration: `search` without an argument.
pub(crate) const BUILT_IN: &str = include_str!("../search.toml");

/// Name that stands for the built-in configuration in messages and run folders.
pub(crate) const BUILT_IN_NAME: &str = "built-in";

/// A checked configuration.
#[derive(Debug, Clone)]
pub(crate) struct SearchConfig {
    /// Where it was read.
    pub(crate) path: PathBuf,
    /// Its text.
    pub(crate) text: String,
    /// What it says.
    pub(crate) file: ConfigFile,
    /// The chip that designs are priced on.
    pub(crate) chip: OpenChip,
}

/// The keys of `search.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(crate) struct ConfigFile {
    /// The seed that all randomness comes from.
    pub(crate) seed: u64,
    /// The click log.
    pub(crate) data: Spanned<DataSection>,
    /// A search space: the name of a built-in one or a file, relative to the configuration.
    pub(crate) space: Spanned<String>,
    /// What designs are priced on.
    pub(crate) hardware: HardwareSection,
    /// How the supernet is trained.
    pub(crate) supernet: SupernetSection,
    /// How networks are scored.
    pub(crate) score: Spanned<ScoreSection>,
    /// How designs are searched.
    pub(crate) search: Spanned<SearchSettings>,
    /// How networks are trained alone: references, and designs of the front.
    pub(crate) retrain: Spanned<RetrainSection>,
}

/// Section `data`: nothing for synthetic logs, or files and a schema.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(crate) struct DataSection {
    /// Name of a built-in schema or a schema file, relative to the configuration.
    pub(crate) schema: Option<Spanned<String>>,
    /// Text files, split as the schema says.
    pub(crate) files: Vec<PathBuf>,
    /// Text files to train on; with `validation` and `test`, instead of `files`.
    pub(crate) train: Vec<PathBuf>,
    /// Text files that decisions are made on.
    pub(crate) validation: Vec<PathBuf>,
    /// Text files that are looked at once.
    pub(crate) test: Vec<PathBuf>,
    /// Folder of packed logs.
    pub(crate) cache: Option<PathBuf>,
    /// The generator of synthetic logs, used where no files are given.
    pub(crate) synthetic: Option<Spanned<SyntheticSettings>>,
}

/// Section `supernet`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(crate) struct SupernetSection {
    /// The training.
    pub(crate) train: TrainSettings,
    /// Whether the shared layers are normalised, whatever the networks are when they stand alone:
    /// paths of all widths then train at one learning rate.
    pub(crate) layer_norm: bool,
    /// How the paths that are trained are drawn.
    pub(crate) sampler: PathSampler,
    /// With `sampler = "full-path"`: share of the steps over which the probability of full paths falls from 1 to 0, in [0, 1].
    pub(crate) full_path_share: f64,
    /// Steps between checkpoints.
    pub(crate) checkpoint_steps: u64,
}

/// Section `retrain`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(crate) struct RetrainSection {
    /// The training; `epochs` is the most, the weights after the best epoch are kept.
    pub(crate) train: TrainSettings,
    /// When it stops before its last epoch.
    pub(crate) stop: StopSettings,
    /// Ways to train of which each design gets the one that suits it best on the validation split,
    /// in place of `train` and `stop`.
    pub(crate) recipes: Vec<Recipe>,
    /// Designs of the front that are trained alone at the end of a search.
    pub(crate) designs: usize,
    /// Designs to compare with, trained and priced at the end of a search.
    pub(crate) references: Vec<Reference>,
}

/// How a network is trained alone.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Recipe {
    /// The training; `epochs` is the most.
    pub(crate) train: TrainSettings,
    /// When it stops.
    pub(crate) stop: StopSettings,
}

/// When a training alone slows down and stops.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(crate) struct StopSettings {
    /// What says which epoch is better.
    pub(crate) monitor: Monitor,
    /// Epochs without a better one after which the training stops.
    pub(crate) patience: NonZero<u64>,
    /// Factor on the learning rate after an epoch that was not better; 1 leaves it.
    pub(crate) plateau_factor: f64,
}

/// What tells a better epoch, on the validation split.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Monitor {
    /// A lower log loss.
    LogLoss,
    /// A larger area under the ROC curve.
    Auc,
}

impl Default for StopSettings {
    fn default() -> Self {
        Self {
            monitor: Monitor::LogLoss,
            patience: NonZero::new(2).expect("not zero"),
            plateau_factor: 1.0,
        }
    }
}

impl RetrainSection {
    /// The ways to train a network alone, at least one.
    pub(crate) fn recipes(&self) -> Vec<Recipe> {
        if self.recipes.is_empty() {
            vec![self.recipe()]
        } else {
            self.recipes.clone()
        }
    }

    /// The way that `train` and `stop` say.
    pub(crate) fn recipe(&self) -> Recipe {
        Recipe {
            train: self.train.clone(),
            stop: self.stop.clone(),
        }
    }
}

impl Default for ConfigFile {
    fn default() -> Self {
        let spanned = |text: &str| Spanned::new(0..0, text.to_owned());
        Self {
            seed: 1,
            data: Spanned::new(0..0, DataSection::default()),
            space: spanned("quickstart"),
            hardware: HardwareSection::default(),
            supernet: SupernetSection::default(),
            score: Spanned::new(0..0, ScoreSection::default()),
            search: Spanned::new(0..0, SearchSettings::default()),
            retrain: Spanned::new(0..0, RetrainSection::default()),
        }
    }
}

impl Default for SupernetSection {
    fn default() -> Self {
        Self {
            train: TrainSettings::default(),
            layer_norm: true,
            sampler: PathSampler::Fair,
            full_path_share: 0.2,
            checkpoint_steps: 1000,
        }
    }
}

impl Default for RetrainSection {
    fn default() -> Self {
        let references = vec![Reference::NasrecSmall, Reference::Dlrm];
        Self {
            train: TrainSettings::default(),
            stop: StopSettings::default(),
            recipes: Vec::new(),
            designs: 3,
            references,
        }
    }
}

impl SearchConfig {
    /// The built-in configuration.
    pub(crate) fn built_in() -> Result<Self, Error> {
        Self::parse(Path::new(BUILT_IN_NAME), BUILT_IN.to_owned())
    }

    /// Reads a file.
    pub(crate) fn read(path: &Path) -> Result<Self, Error> {
        let text =
            std::fs::read_to_string(path).map_err(|source| Error::file("read", path, source))?;
        Self::parse(path, text)
    }

    /// Reads a text; `path` is for messages and for paths relative to it.
    pub(crate) fn parse(path: &Path, text: String) -> Result<Self, Error> {
        Self::parse_with(path, text, Path::new(""))
    }

    /// The same; a chip that is not built in is read from the file `kept` if that exists.
    pub(crate) fn parse_with(path: &Path, text: String, kept: &Path) -> Result<Self, Error> {
        let file: ConfigFile = toml::from_str(&text)
            .map_err(|error| Error::toml(path, &text, error.message(), error.span()))?;
        let chip = file.hardware.open(path, &text, kept)?;
        let config = Self {
            path: path.to_owned(),
            text,
            file,
            chip,
        };
        config.check()?;
        Ok(config)
    }

    /// The cells that networks are scored on, if any.
    pub(crate) fn analogue(&self) -> Result<Option<Conditions>, Error> {
        let Some(section) = &self.file.score.get_ref().analogue else {
            return Ok(None);
        };
        let cells = built_in_cells(&section.cells).map_or_else(
            || {
                let path = self.resolve(Path::new(&section.cells));
                if path.exists() {
                    return read_cells(&path);
                }
                let known = CellPreset::preset_names().join("`, `");
                let name = &section.cells;
                Err(self.about(&format!(
                    "`score.analogue.cells` is `{name}`: give a file, or one of `{known}`"
                )))
            },
            Ok,
        )?;
        Ok(Some(section.conditions(cells, &self.chip.preset)))
    }

    /// A path in the configuration, relative to the configuration's folder.
    pub(crate) fn resolve(&self, path: &Path) -> PathBuf {
        match self.path.parent() {
            Some(folder) if path.is_relative() => folder.join(path),
            _ => path.to_owned(),
        }
    }

    /// An error about a part of the text.
    pub(crate) fn error(&self, message: impl ToString, span: Range<usize>) -> Error {
        Error::toml(&self.path, &self.text, message, Some(span))
    }

    fn check(&self) -> Result<(), Error> {
        self.check_data()?;
        let share = self.file.supernet.full_path_share;
        if !(0.0..=1.0).contains(&share) {
            return Err(self.about(&format!("`full-path-share` is {share}, expected 0 to 1")));
        }
        let retrain = self.file.retrain.get_ref();
        let shared = &self.file.supernet.train;
        let problem = train_problem("supernet.", shared)
            .or_else(|| batch_norm_problem("supernet.", shared, SHARED_MOMENTS))
            .or_else(|| recipe_problem("retrain.", &retrain.recipe()))
            .or_else(|| {
                let mut recipes = retrain.recipes.iter();
                recipes.find_map(|recipe| recipe_problem("retrain.recipes.", recipe))
            });
        if let Some(message) = problem {
            return Err(self.about(&message));
        }
        if self.file.supernet.checkpoint_steps == 0 {
            return Err(self.about("`checkpoint-steps` is 0, expected at least 1"));
        }
        if let Some(message) = self.file.score.get_ref().problem() {
            return Err(self.about(&message));
        }
        self.analogue()?;
        let settings = &self.file.search;
        settings
            .get_ref()
            .validate_for(&OBJECTIVES)
            .map_err(|error| self.error(error, settings.span()))
    }

    fn check_data(&self) -> Result<(), Error> {
        let (data, span) = (self.file.data.get_ref(), self.file.data.span());
        let split = [&data.train, &data.validation, &data.test];
        let given = split.iter().filter(|files| !files.is_empty()).count();
        let has_files = !data.files.is_empty();
        let message = if given != 0 && given != 3 {
            "`train`, `validation` and `test` belong together: give all three or use `files`"
        } else if has_files && given != 0 {
            "`files` and `train`, `validation`, `test` exclude each other: give one of them"
        } else if (has_files || given != 0) && data.synthetic.is_some() {
            "files and `synthetic` exclude each other: remove one of them"
        } else if (has_files || given != 0) && data.schema.is_none() {
            "files need a `schema`: a schema file or the name of a built-in one"
        } else if !has_files && given == 0 && data.schema.is_some() {
            "a `schema` needs `files`, or `train`, `validation` and `test`"
        } else {
            return Ok(());
        };
        Err(self.error(message, span))
    }

    /// An error that points at the key its message names first, `section.key` or `key`.
    fn about(&self, message: &str) -> Error {
        let path = message.split('`').nth(1).unwrap_or_default();
        let (mut section, key) = path.rsplit_once('.').unwrap_or(("", path));
        let mut first = self.text.find(&format!("[{section}]"));
        while first.is_none() && !section.is_empty() {
            section = section.rsplit_once('.').map_or("", |(parent, _)| parent);
            first = self.text.find(&format!("[{section}]"));
        }
        let first = first.unwrap_or(0);
        let span = self.text[first..]
            .find(key)
            .map(|start| first + start..first + start + key.len());
        Error::toml(&self.path, &self.text, message, span)
    }
}

/// What is wrong with a recipe; `section` stands before the names of its keys.
pub(crate) fn recipe_problem(section: &str, recipe: &Recipe) -> Option<String> {
    let factor = recipe.stop.plateau_factor;
    let is_sound = factor > 0.0 && factor <= 1.0;
    let key = format!("{section}stop.plateau-factor");
    train_problem(section, &recipe.train).or_else(|| {
        (!is_sound).then(|| format!("`{key}` is {factor}, expected more than 0, at most 1"))
    })
}

/// Why shared weights are not normalised over the batch.
const SHARED_MOMENTS: &str =
    "shared weights have other moments in every network; set it in [retrain.train]";

/// Why `batch-norm` cannot be set here; `section` stands before the name of the key.
pub(crate) fn batch_norm_problem(
    section: &str,
    train: &TrainSettings,
    reason: &str,
) -> Option<String> {
    let key = format!("{section}train.batch-norm");
    train
        .batch_norm
        .then(|| format!("`{key}` is true: {reason}"))
}

fn train_problem(section: &str, train: &TrainSettings) -> Option<String> {
    let positive = [
        ("epochs", train.epochs),
        ("learning-rate", train.learning_rate),
        ("epsilon", train.epsilon),
        ("clip-norm", train.clip_norm),
        (
            "embedding-deviation",
            train.embedding_deviation.unwrap_or(1.0),
        ),
    ];
    for (key, value) in positive {
        if !(value.is_finite() && value > 0.0) {
            return Some(format!(
                "`{section}train.{key}` is {value}, expected a positive number"
            ));
        }
    }
    let noise = train.weight_noise;
    if !(noise.is_finite() && noise >= 0.0) {
        return Some(format!(
            "`{section}train.weight-noise` is {noise}, expected 0 or more"
        ));
    }
    let dropout = train.dropout;
    if !(0.0..1.0).contains(&dropout) {
        return Some(format!(
            "`{section}train.dropout` is {dropout}, expected 0 or more, less than 1"
        ));
    }
    let decay = train.embedding_l2;
    let is_sound = decay.is_finite() && decay >= 0.0;
    (!is_sound).then(|| format!("`{section}train.embedding-l2` is {decay}, expected 0 or more"))
}
