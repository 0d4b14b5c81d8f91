//! Recommendation models as published: tables, look-ups, popularity and perceptrons.

mod gathers;

use serde::Deserialize;

pub use gathers::{Gathers, Law};

pub(crate) use gathers::{GatherTable, StoredPart};

use crate::{
    preset::{Catalogue, PresetError, not_negative, positive},
    workload::{EmbeddingTable, TableStorage},
};

/// The built-in models.
const PRESETS: Catalogue<15> = Catalogue([
    ("rm1", include_str!("../../presets/workloads/rm1.toml")),
    ("rm2", include_str!("../../presets/workloads/rm2.toml")),
    ("rm3", include_str!("../../presets/workloads/rm3.toml")),
    ("wnd", include_str!("../../presets/workloads/wnd.toml")),
    (
        "mt-wnd",
        include_str!("../../presets/workloads/mt-wnd.toml"),
    ),
    ("din", include_str!("../../presets/workloads/din.toml")),
    ("dien", include_str!("../../presets/workloads/dien.toml")),
    ("ncf", include_str!("../../presets/workloads/ncf.toml")),
    (
        "mlperf-dlrm",
        include_str!("../../presets/workloads/mlperf-dlrm.toml"),
    ),
    (
        "mlperf-dlrm-v2",
        include_str!("../../presets/workloads/mlperf-dlrm-v2.toml"),
    ),
    (
        "dlrm-terabyte",
        include_str!("../../presets/workloads/dlrm-terabyte.toml"),
    ),
    (
        "microrec-small",
        include_str!("../../presets/workloads/microrec-small.toml"),
    ),
    (
        "microrec-large",
        include_str!("../../presets/workloads/microrec-large.toml"),
    ),
    (
        "trim-gather",
        include_str!("../../presets/workloads/trim-gather.toml"),
    ),
    (
        "heam-criteo",
        include_str!("../../presets/workloads/heam-criteo.toml"),
    ),
]);

/// A recommendation model read from TOML: what it gathers and what it computes.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct RankingModel {
    name: String,
    source: String,
    tables: Vec<Tables>,
    popularity: LawTable,
    /// Widths of the perceptron of dense features, its inputs first; empty without one.
    #[serde(default)]
    bottom: Vec<u16>,
    /// Widths of the perceptron over everything, without its inputs; empty where only the gather is
    /// told.
    #[serde(default)]
    top: Vec<u16>,
    #[serde(default)]
    interaction: Interaction,
}

/// What the top perceptron reads.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Interaction {
    /// All vectors side by side.
    #[default]
    Concatenate,
    /// Products of all pairs of vectors, beside the bottom's output.
    Dot,
}

/// Tables of one kind.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Tables {
    count: u16,
    rows: u64,
    width: u16,
    /// Of one sample.
    lookups: u16,
}

/// The popularity of rows.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct LawTable {
    exponent: f64,
    shift: f64,
    source: String,
}

impl RankingModel {
    /// Reads a model from TOML.
    pub fn parse(text: &str) -> Result<Self, PresetError> {
        let model: Self = toml::from_str(text)?;
        model.check()?;
        Ok(model)
    }

    /// The built-in model of that name.
    pub fn preset(name: &str) -> Option<Self> {
        PRESETS.open(name, Self::parse)
    }

    /// Names of the built-in models.
    pub fn preset_names() -> Vec<&'static str> {
        PRESETS.names()
    }

    /// The text of a built-in model.
    pub fn preset_text(name: &str) -> Option<&'static str> {
        PRESETS.text(name)
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where it is from.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// How its rows are asked for.
    pub fn law(&self) -> Law {
        Law {
            exponent: self.popularity.exponent,
            shift: self.popularity.shift,
        }
    }

    /// Its tables, uncompressed, with values of `bits` bits.
    pub fn tables(&self, bits: u8) -> Vec<EmbeddingTable> {
        let tables = self.tables.iter();
        tables
            .flat_map(|tables| {
                let table = EmbeddingTable {
                    rows: tables.rows,
                    width: tables.width,
                    bits,
                    lookups: tables.lookups,
                    storage: TableStorage::Rows,
                };
                std::iter::repeat_n(table, usize::from(tables.count))
            })
            .collect()
    }

    /// Widths of the perceptron of dense features, its inputs first.
    pub fn bottom(&self) -> &[u16] {
        &self.bottom
    }

    /// Widths of the perceptron over everything, its inputs first.
    pub fn top(&self) -> Vec<u32> {
        if self.top.is_empty() {
            return Vec::new();
        }
        let bottom = self.bottom.last().copied().map_or(0, u32::from);
        let inputs = match self.interaction {
            Interaction::Concatenate => {
                let widths = self.tables.iter();
                bottom
                    + widths
                        .map(|tables| u32::from(tables.count) * u32::from(tables.width))
                        .sum::<u32>()
            }
            Interaction::Dot => {
                let vectors = self.vectors();
                bottom + vectors * vectors.saturating_sub(1) / 2
            }
        };
        let widths = self.top.iter().copied().map(u32::from);
        std::iter::once(inputs).chain(widths).collect()
    }

    /// Vectors that are multiplied pair by pair, and their width.
    pub(crate) fn pairs(&self) -> Option<(u32, u32)> {
        if self.interaction != Interaction::Dot {
            return None;
        }
        let width = self.tables.iter().map(|tables| tables.width).max()?;
        Some((self.vectors(), u32::from(width)))
    }

    /// Vectors of the tables and of dense features.
    fn vectors(&self) -> u32 {
        let tables = self.tables.iter();
        let vectors: u32 = tables.map(|tables| u32::from(tables.count)).sum();
        vectors + u32::from(!self.bottom.is_empty())
    }

    fn check(&self) -> Result<(), PresetError> {
        let sources = [
            ("model", &self.source),
            ("popularity", &self.popularity.source),
        ];
        for (table, source) in sources {
            if source.trim().is_empty() {
                return Err(PresetError::NoSource { table });
            }
        }
        if self.tables.is_empty() {
            let (key, reason) = ("tables", "a model without tables gathers nothing");
            return Err(PresetError::Missing { key, reason });
        }
        for tables in &self.tables {
            positive([
                ("tables.count", f64::from(tables.count)),
                ("tables.rows", tables.rows as f64),
                ("tables.width", f64::from(tables.width)),
                ("tables.lookups", f64::from(tables.lookups)),
            ])?;
        }
        let law = &self.popularity;
        not_negative([
            ("popularity.exponent", law.exponent),
            ("popularity.shift", law.shift),
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presets_are_sound_and_named_as_listed() {
        for name in RankingModel::preset_names() {
            let model = RankingModel::preset(name).map(|model| model.name().to_owned());
            assert_eq!(model.as_deref(), Some(name));
        }
    }

    /// MLPerf: 26 vectors and the bottom's of 128 make 351 pairs; RM1 puts 8 of 32 beside the bottom's.
    #[test]
    fn the_top_reads_pairs_or_all_values() {
        let top = |name| RankingModel::preset(name).expect("built in").top();
        assert_eq!(top("mlperf-dlrm"), [479, 1024, 1024, 512, 256, 1]);
        assert_eq!(top("rm1"), [288, 256, 64, 1]);
    }
}
