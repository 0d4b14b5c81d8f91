//! The table of a cluster.

use serde::Deserialize;

use crate::preset::{Catalogue, PresetError, positive};

/// The built-in clusters.
const PRESETS: Catalogue<1> =
    Catalogue([("hh-pim", include_str!("../../presets/clusters/hh-pim.toml"))]);

/// Digital modules of several kinds with memories of several kinds, read from TOML, every table with its
/// source.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ClusterPreset {
    name: String,
    source: String,
    modules: Vec<ModuleTable>,
}

/// Modules of one kind.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct ModuleTable {
    name: String,
    count: u16,
    macs_per_ns: f64,
    mac_pj: f64,
    memories: Vec<MemoryTable>,
    source: String,
}

/// A memory of each module of a kind.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct MemoryTable {
    name: String,
    capacity_bytes: f64,
    bytes_per_ns: f64,
    read_pj_per_byte: f64,
    static_mw: f64,
    keeps_without_power: bool,
    source: String,
}

/// A place for weights: the memories of one kind in all modules of one kind.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Place {
    pub(super) name: String,
    pub(super) capacity_bytes: f64,
    /// Time to read a byte of weights and to multiply it with a value, all modules sharing the work.
    pub(super) ns_per_byte: f64,
    /// Energy of the same.
    pub(super) pj_per_byte: f64,
    /// Power while it is on, of all modules.
    pub(super) static_mw: f64,
    /// Whether it is on only while it is read.
    pub(super) keeps_without_power: bool,
}

impl ClusterPreset {
    /// Reads a cluster from TOML.
    pub fn parse(text: &str) -> Result<Self, PresetError> {
        let preset: Self = toml::from_str(text)?;
        preset.check()?;
        Ok(preset)
    }

    /// The built-in cluster of that name.
    pub fn preset(name: &str) -> Option<Self> {
        PRESETS.open(name, Self::parse)
    }

    /// The tables of a built-in cluster, to copy and change.
    pub fn preset_text(name: &str) -> Option<&'static str> {
        PRESETS.text(name)
    }

    /// Names of the built-in clusters.
    pub fn preset_names() -> Vec<&'static str> {
        PRESETS.names()
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Names of the memories, with what all modules of a kind have of them, in bytes.
    pub fn capacities(&self) -> Vec<(String, f64)> {
        let places = self.places().into_iter();
        places
            .map(|place| (place.name, place.capacity_bytes))
            .collect()
    }

    /// All places for weights; a weight of a byte takes one MAC per vector.
    pub(super) fn places(&self) -> Vec<Place> {
        let places = self.modules.iter().flat_map(|module| {
            let count = f64::from(module.count);
            module.memories.iter().map(move |memory| Place {
                name: format!("{} {}", module.name, memory.name),
                capacity_bytes: count * memory.capacity_bytes,
                ns_per_byte: (1.0 / module.macs_per_ns).max(1.0 / memory.bytes_per_ns) / count,
                pj_per_byte: module.mac_pj + memory.read_pj_per_byte,
                static_mw: count * memory.static_mw,
                keeps_without_power: memory.keeps_without_power,
            })
        });
        places.collect()
    }

    fn check(&self) -> Result<(), PresetError> {
        let no_source = |table| Err(PresetError::NoSource { table });
        if self.source.trim().is_empty() {
            return no_source("cluster");
        }
        let memories = || self.modules.iter().flat_map(|module| &module.memories);
        if self
            .modules
            .iter()
            .any(|module| module.source.trim().is_empty())
        {
            return no_source("modules");
        }
        if memories().any(|memory| memory.source.trim().is_empty()) {
            return no_source("modules.memories");
        }
        if memories().next().is_none() {
            return Err(PresetError::Missing {
                key: "modules.memories",
                reason: "weights need a memory",
            });
        }
        let numbers = self
            .modules
            .iter()
            .flat_map(|module| {
                [
                    ("modules.count", f64::from(module.count)),
                    ("modules.macs-per-ns", module.macs_per_ns),
                    ("modules.mac-pj", module.mac_pj),
                ]
            })
            .chain(memories().flat_map(|memory| {
                [
                    ("memories.capacity-bytes", memory.capacity_bytes),
                    ("memories.bytes-per-ns", memory.bytes_per_ns),
                    ("memories.read-pj-per-byte", memory.read_pj_per_byte),
                    ("memories.static-mw", memory.static_mw),
                ]
            }));
        positive(numbers)
    }
}
