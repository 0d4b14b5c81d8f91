//! A design in a JSON file.

use std::path::Path;

use pimento_hardware::{AccessBins, Hardware};
use pimento_space::Network;
use serde::{Deserialize, Serialize};

use crate::{chip::ChipRecord, error::Error};

/// A design as `cost` reads it and `space sample` writes it; the designs of a `pareto.json` have
/// these fields too.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct DesignFile {
    /// The network, all shapes known.
    pub(crate) network: Network,
    /// The hardware.
    pub(crate) hardware: Hardware,
    /// The chip whose sizes the hardware chooses.
    #[serde(default)]
    pub(crate) chip: ChipRecord,
    /// Rows of the embedding tables, one per field.
    pub(crate) table_rows: Vec<u64>,
    /// Reads of the rows of each table; none where they are not known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) popularity: Vec<AccessBins>,
}

impl DesignFile {
    /// Reads and checks a design.
    pub(crate) fn read(path: &Path) -> Result<Self, Error> {
        let text =
            std::fs::read_to_string(path).map_err(|source| Error::file("read", path, source))?;
        let design: Self = serde_json::from_str(&text).map_err(|error| Error::json(path, error))?;
        design
            .network
            .validate()
            .map_err(|error| Error::json(path, error))?;
        design
            .hardware
            .validate()
            .map_err(|error| Error::json(path, error))?;
        let (tables, fields) = (design.table_rows.len(), design.network.input.fields);
        if tables != fields {
            let message =
                format!("`table_rows` has {tables} entries, expected one per field: {fields}");
            return Err(Error::json(path, message));
        }
        let known = design.popularity.len();
        if known > 0 && known != fields {
            let message = format!(
                "`popularity` has {known} entries, expected none or one per field: {fields}"
            );
            return Err(Error::json(path, message));
        }
        Ok(design)
    }
}
