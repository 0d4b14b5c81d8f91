//! The chip that designs are priced on.

use std::path::Path;

use pimento_hardware::{Hardware, ReramPreset};
use serde::{Deserialize, Serialize};
use toml::Spanned;

use crate::error::Error;

/// The chip where nothing says which.
const DEFAULT: &str = "isaac";

/// Nodes that a chip can be scaled to, in nm.
const NODES_NM: std::ops::RangeInclusive<f64> = 7.0..=130.0;

/// Section `hardware`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(crate) struct HardwareSection {
    /// Name of a built-in chip or a file, relative to the configuration.
    pub(crate) chip: Spanned<String>,
    /// Node that the chip is scaled to; its own without it.
    pub(crate) node_nm: Option<Spanned<f64>>,
}

/// A chip and what it takes to have it again.
#[derive(Debug, Clone)]
pub(crate) struct OpenChip {
    /// Its tables, at the chosen node.
    pub(crate) preset: ReramPreset,
    /// Its tables, at their own node.
    published: ReramPreset,
    /// How it is written down.
    pub(crate) record: ChipRecord,
}

/// A chip as files keep it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChipRecord {
    /// Its name.
    pub(crate) name: String,
    /// Its node.
    pub(crate) node_nm: f64,
    /// Its tables at their own node; absent where the chip is built in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) toml: Option<String>,
}

impl Default for HardwareSection {
    fn default() -> Self {
        Self {
            chip: Spanned::new(0..0, DEFAULT.to_owned()),
            node_nm: None,
        }
    }
}

impl HardwareSection {
    /// The chip that the configuration in `path`, which reads `text`, asks for. A chip that is not
    /// built in is read from `kept` if that file exists.
    pub(crate) fn open(&self, path: &Path, text: &str, kept: &Path) -> Result<OpenChip, Error> {
        let name = self.chip.get_ref();
        let beside = path.parent().unwrap_or(Path::new("")).join(name);
        let chip = if let Some(chip) = OpenChip::built_in(name) {
            chip
        } else if kept.is_file() {
            OpenChip::read(kept)?
        } else if beside.is_file() {
            OpenChip::read(&beside)?
        } else {
            let known = ReramPreset::preset_names().join("`, `");
            let message = format!("there is no chip `{name}`: give a file, or one of `{known}`");
            return Err(Error::toml(path, text, message, Some(self.chip.span())));
        };
        let Some(node_nm) = &self.node_nm else {
            return Ok(chip);
        };
        let checked = checked_node_nm(*node_nm.get_ref());
        let node_nm = checked.map_err(|expected| {
            let message = format!("`node-nm` is {}, {expected}", node_nm.get_ref());
            Error::toml(path, text, message, Some(node_nm.span()))
        })?;
        Ok(chip.at_node(node_nm))
    }
}

impl OpenChip {
    /// The built-in chip of that name.
    pub(crate) fn built_in(name: &str) -> Option<Self> {
        ReramPreset::preset(name).map(|preset| Self::new(preset, None))
    }

    /// The chip in a file.
    pub(crate) fn read(path: &Path) -> Result<Self, Error> {
        let text =
            std::fs::read_to_string(path).map_err(|source| Error::file("read", path, source))?;
        let preset =
            ReramPreset::parse(&text).map_err(|error| Error::preset(path, &text, &error))?;
        Ok(Self::new(preset, Some(text)))
    }

    /// The chip in a file, or the built-in one of that name.
    pub(crate) fn named(path: &Path) -> Result<Self, Error> {
        if path.is_file() {
            return Self::read(path);
        }
        let built_in = path.to_str().and_then(Self::built_in);
        built_in.ok_or_else(|| Error::Unknown {
            what: "file or chip",
            name: path.display().to_string(),
            known: format!(
                "`{}`, or a file of your own: `pimento chips isaac > mine.toml` is one to start from",
                ReramPreset::preset_names().join("`, `")
            ),
        })
    }

    /// The chip of a record, which stands in the file `path`.
    pub(crate) fn recorded(record: &ChipRecord, path: &Path) -> Result<Self, Error> {
        let chip = match &record.toml {
            None => Self::built_in(&record.name).ok_or_else(|| {
                let message = format!(
                    "there is no built-in chip `{}`: name a chip with `--chip`",
                    record.name
                );
                Error::json(path, message)
            }),
            Some(text) => ReramPreset::parse(text)
                .map(|preset| Self::new(preset, Some(text.clone())))
                .map_err(|error| Error::json(path, format!("`chip.toml`: {error}"))),
        }?;
        let node_nm = checked_node_nm(record.node_nm).map_err(|expected| {
            Error::json(
                path,
                format!("`chip.node_nm` is {}, {expected}", record.node_nm),
            )
        })?;
        Ok(chip.at_node(node_nm))
    }

    /// The chip at another node.
    pub(crate) fn at_node(mut self, node_nm: f64) -> Self {
        self.preset = self.published.clone();
        if node_nm != self.published.node_nm() {
            self.preset = self.preset.at_node(node_nm);
        }
        self.record.node_nm = node_nm;
        self
    }

    /// The node that its tables are written for.
    pub(crate) fn published_node_nm(&self) -> f64 {
        self.published.node_nm()
    }

    /// The hardware to which networks are mapped without thought: the chip's published sizes, and
    /// the default memory.
    pub(crate) fn naive_hardware(&self) -> Hardware {
        Hardware {
            chip: self.preset.sizes(),
            ..Hardware::naive()
        }
    }

    fn new(preset: ReramPreset, toml: Option<String>) -> Self {
        let record = ChipRecord {
            name: preset.name().to_owned(),
            node_nm: preset.node_nm(),
            toml,
        };
        Self {
            published: preset.clone(),
            preset,
            record,
        }
    }
}

impl Default for OpenChip {
    fn default() -> Self {
        Self::built_in(DEFAULT).expect("built in")
    }
}

impl Default for ChipRecord {
    fn default() -> Self {
        OpenChip::default().record
    }
}

impl std::fmt::Display for ChipRecord {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "`{}`, {} nm", self.name, self.node_nm)
    }
}

/// The node, or what was expected.
pub(crate) fn checked_node_nm(node_nm: f64) -> Result<f64, String> {
    if NODES_NM.contains(&node_nm) {
        return Ok(node_nm);
    }
    let (least, most) = (NODES_NM.start(), NODES_NM.end());
    Err(format!("expected {least} to {most}"))
}
