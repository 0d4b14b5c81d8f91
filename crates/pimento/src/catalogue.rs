//! Spaces, schemas and logs by name or by file.

use std::path::{Path, PathBuf};

use pimento_data::{
    ClickLog, DataSchema, LogInputs, LogSummary, Progress, SCHEMA_PRESETS, SyntheticSettings,
    open_or_build,
};
use pimento_space::SearchSpace;
use pimento_supernet::Quality;

use crate::{
    config::{DataSection, SearchConfig},
    error::Error,
    progress,
};

/// Where packed logs are kept if the configuration does not say.
const DEFAULT_CACHE: &str = ".pimento-cache";

/// A click log and what is known about it.
pub(crate) struct OpenLog {
    /// The samples.
    pub(crate) log: Box<dyn ClickLog>,
    /// Rows, columns, missing values.
    pub(crate) summary: LogSummary,
    /// Best possible quality on the validation split, if the log is synthetic.
    pub(crate) best_possible: Option<Quality>,
}

/// The space of a configuration.
pub(crate) fn space_of(config: &SearchConfig) -> Result<SearchSpace, Error> {
    let name = config.file.space.get_ref();
    if let Some(space) = built_in_space(name) {
        return space;
    }
    let path = config.resolve(Path::new(name));
    if !path.exists() {
        let known = SearchSpace::preset_names().join("`, `");
        let message = format!("there is no space `{name}`: give a file, or one of `{known}`");
        return Err(config.error(message, config.file.space.span()));
    }
    read_space(&path)
}

/// The space in a file, or the built-in one of that name.
pub(crate) fn space(path: &Path) -> Result<SearchSpace, Error> {
    match path.to_str().and_then(built_in_space) {
        Some(space) if !path.exists() => space,
        _ => read_space(path),
    }
}

fn built_in_space(name: &str) -> Option<Result<SearchSpace, Error>> {
    SearchSpace::preset(name).map(Ok)
}

fn read_space(path: &Path) -> Result<SearchSpace, Error> {
    let text = std::fs::read_to_string(path).map_err(|source| Error::file("read", path, source))?;
    SearchSpace::parse(&text).map_err(|error| Error::toml(path, &text, &error, error.span()))
}

/// The click log of a configuration.
pub(crate) fn open_log(config: &SearchConfig) -> Result<OpenLog, Error> {
    let data = config.file.data.get_ref();
    match &data.schema {
        None => synthetic_log(config, data),
        Some(name) => {
            let schema = schema(config, name.get_ref(), name.span())?;
            files_log(config, data, &schema)
        }
    }
}

fn synthetic_log(config: &SearchConfig, data: &DataSection) -> Result<OpenLog, Error> {
    let default = SyntheticSettings::default();
    let (settings, span) = match &data.synthetic {
        Some(settings) => (settings.get_ref(), settings.span()),
        None => (&default, 0..0),
    };
    let made = settings
        .generate()
        .map_err(|error| config.error(error, span))?;
    let best = made.best.validation;
    let best = Quality {
        log_loss: best.log_loss,
        auc: best.auc,
    };
    Ok(OpenLog {
        summary: made.log.describe(),
        log: Box::new(made.log),
        best_possible: Some(best),
    })
}

fn files_log(
    config: &SearchConfig,
    data: &DataSection,
    schema: &DataSchema,
) -> Result<OpenLog, Error> {
    let resolve = |files: &[PathBuf]| files.iter().map(|file| config.resolve(file)).collect();
    let inputs = if data.files.is_empty() {
        LogInputs::Split {
            train: resolve(&data.train),
            validation: resolve(&data.validation),
            test: resolve(&data.test),
        }
    } else {
        LogInputs::Single(resolve(&data.files))
    };
    let cache = data
        .cache
        .as_deref()
        .map_or_else(|| DEFAULT_CACHE.into(), |path| config.resolve(path));
    let bar = progress::bar(0, "reading", "");
    let mut show = |now: Progress| match now {
        Progress::Hashing { bytes, total } => {
            bar.set_length(total);
            bar.set_position(bytes);
        }
        Progress::Reading { rows } => {
            bar.set_length(rows);
            bar.set_position(rows);
        }
        Progress::Packing { rows, total } => {
            bar.set_length(total);
            bar.set_position(rows);
        }
    };
    let log = open_or_build(&inputs, schema, &cache, &mut show)?;
    bar.finish_and_clear();
    Ok(OpenLog {
        summary: log.describe().clone(),
        log: Box::new(log),
        best_possible: None,
    })
}

/// A schema by name or by file.
fn schema(
    config: &SearchConfig,
    name: &str,
    span: std::ops::Range<usize>,
) -> Result<DataSchema, Error> {
    if let Ok(schema) = DataSchema::preset(name) {
        return Ok(schema);
    }
    let path = config.resolve(Path::new(name));
    if !path.exists() {
        let known = SCHEMA_PRESETS.join("`, `");
        let message = format!("there is no schema `{name}`: give a file, or one of `{known}`");
        return Err(config.error(message, span));
    }
    let text =
        std::fs::read_to_string(&path).map_err(|source| Error::file("read", &path, source))?;
    DataSchema::parse(&text).map_err(|error| Error::toml(&path, &text, &error, error.span()))
}
