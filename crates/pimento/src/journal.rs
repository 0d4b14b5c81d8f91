//! The log: to standard error and to the run's `run.log`.

use std::{fs::File, io, path::Path, sync::Arc};

use tracing::level_filters::LevelFilter;
use tracing_subscriber::{
    Layer, fmt, layer::SubscriberExt, registry::LookupSpan, util::SubscriberInitExt,
};

use crate::{cli::LogFormat, error::Error};

/// Starts the log; with a folder, lines also go to its `run.log`, after those of earlier parts of
/// the run.
pub(crate) fn start(format: LogFormat, folder: Option<&Path>) -> Result<(), Error> {
    let file = match folder {
        None => None,
        Some(folder) => {
            let path = folder.join("run.log");
            let file = File::options()
                .create(true)
                .append(true)
                .open(&path)
                .map_err(|source| Error::file("open", &path, source))?;
            Some(layer(format, Arc::new(file)))
        }
    };
    let console = layer(format, io::stderr);
    // A second start in one process keeps the first log.
    let _ = tracing_subscriber::registry()
        .with(LevelFilter::INFO)
        .with(console)
        .with(file)
        .try_init();
    Ok(())
}

fn layer<S, W>(format: LogFormat, writer: W) -> Box<dyn Layer<S> + Send + Sync>
where
    S: tracing::Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> fmt::MakeWriter<'a> + Send + Sync + 'static,
{
    match format {
        LogFormat::Text => fmt::layer()
            .with_target(false)
            .with_ansi(false)
            .with_writer(writer)
            .boxed(),
        LogFormat::Json => fmt::layer()
            .json()
            .flatten_event(true)
            .with_writer(writer)
            .boxed(),
    }
}
