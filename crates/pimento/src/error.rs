//! Everything that can end the program early.

use std::{
    io,
    ops::Range,
    path::{Path, PathBuf},
    process::ExitCode,
};

use pimento_hardware::PresetError;
use thiserror::Error;

use crate::{funnel::FunnelError, interrupt::INTERRUPTED};

/// Why the program stopped.
#[derive(Debug, Error)]
pub(crate) enum Error {
    /// A TOML file says something that cannot be.
    #[error("{}: {message}", path.display())]
    Toml {
        /// The file, or the name of a built-in one.
        path: PathBuf,
        /// Its text.
        text: String,
        /// What is wrong.
        message: String,
        /// Where, in bytes.
        span: Option<Range<usize>>,
    },
    /// A JSON file says something that cannot be.
    #[error("{}: {message}", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// What is wrong, with line and column where they are known.
        message: String,
    },
    /// A file cannot be used.
    #[error("cannot {action} `{}`: {source}", path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The click log cannot be used.
    #[error(transparent)]
    Data(#[from] pimento_data::DataError),
    /// There is no such device.
    #[error(transparent)]
    Device(#[from] pimento_supernet::DeviceError),
    /// A checkpoint cannot be used.
    #[error("checkpoint `{}`: {source}", path.display())]
    Checkpoint {
        /// The file.
        path: PathBuf,
        /// Why.
        source: pimento_supernet::CheckpointError,
    },
    /// A run folder cannot be used as asked.
    #[error("run folder `{}` {problem}", path.display())]
    Run {
        /// The folder.
        path: PathBuf,
        /// What is wrong and what to do.
        problem: &'static str,
    },
    /// Something asked for by name or number does not exist.
    #[error("there is no {what} `{name}`; there is {known}")]
    Unknown {
        /// Kind of thing.
        what: &'static str,
        /// What was asked for.
        name: String,
        /// What there is.
        known: String,
    },
    /// A trace says something that cannot be.
    #[error("{}: {message}", path.display())]
    Trace {
        /// The file.
        path: PathBuf,
        /// What is wrong, with its line.
        message: String,
    },
    /// A ranking funnel cannot be measured.
    #[error(transparent)]
    Funnel(#[from] FunnelError),
    /// The search found no design that satisfies all constraints.
    #[error("no feasible design was found in {evaluations} evaluations: widen the hardware menus")]
    NoFeasibleDesign {
        /// Designs priced.
        evaluations: usize,
    },
    /// The supernet's weights run away.
    #[error(
        "the supernet's training diverged: {left_out} of {steps} steps overflowed; lower \
         `learning-rate` or raise `epsilon` in [supernet.train]"
    )]
    Diverged {
        /// Steps whose gradients were not finite.
        left_out: u64,
        /// All steps.
        steps: u64,
    },
    /// Somebody asked to stop; everything is saved.
    #[error("interrupted{}", resume.as_deref().unwrap_or_default())]
    Interrupted {
        /// How to go on.
        resume: Option<String>,
    },
}

impl Error {
    /// An error about a file.
    pub(crate) fn file(action: &'static str, path: &Path, source: io::Error) -> Self {
        Self::File {
            action,
            path: path.to_owned(),
            source,
        }
    }

    /// An error about the text of a TOML file.
    pub(crate) fn toml(
        path: &Path,
        text: &str,
        message: impl ToString,
        span: Option<Range<usize>>,
    ) -> Self {
        let message = message.to_string();
        Self::Toml {
            path: path.to_owned(),
            text: text.to_owned(),
            message,
            span,
        }
    }

    /// An error about the text of a hardware preset.
    pub(crate) fn preset(path: &Path, text: &str, error: &PresetError) -> Self {
        let span = error.span().or_else(|| place(text, error.key()?));
        Self::toml(path, text, error, span)
    }

    /// An error about the text of a JSON file.
    pub(crate) fn json(path: &Path, message: impl ToString) -> Self {
        Self::Json {
            path: path.to_owned(),
            message: message.to_string(),
        }
    }

    /// An interruption says which command goes on; other errors stay as they are.
    pub(crate) fn resumed_by(self, command: &str) -> Self {
        match self {
            Self::Interrupted { .. } => Self::Interrupted {
                resume: Some(format!(": go on with `pimento {command}`")),
            },
            other => other,
        }
    }

    /// 2 for what the user wrote, 1 for what went wrong, 130 for an interrupted run.
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Toml { .. }
            | Self::Json { .. }
            | Self::Trace { .. }
            | Self::Unknown { .. }
            | Self::Funnel(_)
            | Self::Device(_) => ExitCode::from(2),
            Self::Interrupted { .. } => ExitCode::from(INTERRUPTED as u8),
            _ => ExitCode::FAILURE,
        }
    }
}

/// Where a key of a table stands, a table itself or not, or else the table, which may be within others; nowhere if
/// several have its name. A key outside of tables is a table without keys.
fn place(text: &str, (table, key): (&str, &str)) -> Option<Range<usize>> {
    let line = |from: usize, start: &str| {
        let mut first = from;
        text[from..].split_inclusive('\n').find_map(|line| {
            let found = first + line.len() - line.trim_start().len();
            first += line.len();
            let rest = text[found..].strip_prefix(start)?;
            let is_whole = !rest.starts_with(|c: char| c.is_alphanumeric() || c == '-');
            is_whole.then_some(found..found + start.len())
        })
    };
    let own = header(text, &format!("[{table}]"));
    let Some(header) = own.or_else(|| header(text, &format!(".{table}]"))) else {
        return line(0, table);
    };
    let name = text[header.clone()].trim_matches(['[', ']']);
    line(header.end, key)
        .filter(|found| !key.is_empty() && !text[header.end..found.start].contains("\n["))
        .or_else(|| line(header.end, &format!("[{name}.{key}]")))
        .or(Some(header))
}

/// The header of a table that ends so, if there is one such.
fn header(text: &str, end: &str) -> Option<Range<usize>> {
    let mut found = text.match_indices(end).filter_map(|(at, _)| {
        let line = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
        let start = line + text[line..].find(|c: char| !c.is_whitespace())?;
        text[start..]
            .starts_with('[')
            .then_some(start..at + end.len())
    });
    found.next().filter(|_| found.next().is_none())
}

#[cfg(test)]
mod tests {
    use super::place;

    #[test]
    fn keys_are_found_in_their_table() {
        let text = "node-nm = 7\n[a]\ncell-rows = 1\nrows = 2\n[b]\n  rows = 3\n[b.source]\n";
        let check = |table, key, expected: Option<&str>| {
            let found = place(text, (table, key)).map(|span| &text[span.start..]);
            assert!(
                match (found, expected) {
                    (Some(found), Some(expected)) => found.starts_with(expected),
                    (found, expected) => found == expected,
                },
                "{found:?}"
            );
        };
        check("a", "rows", Some("rows = 2"));
        check("b", "rows", Some("rows = 3"));
        check("a", "cols", Some("[a]"));
        check("b", "cell-rows", Some("[b]"));
        check("b", "source", Some("[b.source]"));
        check("node-nm", "", Some("node-nm = 7"));
        check("c", "rows", None);
        let text = "[[tiers]]\n[tiers.standard.timing]\nrc = 1\n[tiers.standard.timing.source]\n";
        let place = |key| place(text, ("timing", key)).map(|span| &text[span.start..]);
        assert!(place("rc").is_some_and(|found| found.starts_with("rc = 1")));
        let source = "[tiers.standard.timing.source]";
        assert!(place("source").is_some_and(|found| found.starts_with(source)));
        let text = "[[tiers]]\nranks = 1\n[tiers.units]\nstages = 1\n";
        let place = |text: &str| super::place(text, ("tiers.units", "stages"));
        assert_eq!(place(text).map(|span| span.start), text.find("stages"));
        assert_eq!(place(&text.repeat(2)), None);
    }
}
