//! The text files of a log.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::Split;

/// The text files of a log, plain or gzip; several files of a part are read as one stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum LogInputs {
    /// One log, split as its schema says.
    Single(Vec<PathBuf>),
    /// Three logs, one for each split; the split rule of the schema is not used.
    Split {
        /// Files of the training split.
        train: Vec<PathBuf>,
        /// Files of the validation split.
        validation: Vec<PathBuf>,
        /// Files of the test split.
        test: Vec<PathBuf>,
    },
}

impl LogInputs {
    /// The parts in the order in which they are read, each with its split if that is given.
    pub(crate) fn parts(&self) -> Vec<(Option<Split>, &[PathBuf])> {
        match self {
            Self::Single(files) => vec![(None, files)],
            Self::Split {
                train,
                validation,
                test,
            } => vec![
                (Some(Split::Train), train),
                (Some(Split::Validation), validation),
                (Some(Split::Test), test),
            ],
        }
    }
}
