//! Memory systems that gather embedding rows, as published: mechanisms put together in TOML.

mod balance;
mod banks;
mod charges;
mod check;
mod choice;
mod placement;
mod price;
mod sums;
mod tier;
mod traced;

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{self, MapAccess, Visitor, value::MapAccessDeserializer},
};

pub(crate) use banks::Banks;
pub use choice::{SystemChoice, UnknownSystem};
pub use price::{SystemCost, SystemSummary, TierCost};
pub use tier::TierTime;
pub use traced::{AccessTrace, TraceCheck};

use crate::{
    design::PimLevel,
    dram::{cache::CachePolicy, counts::Controller, standard::DramStandard, workload::Gathers},
    ledger::table_of,
    preset::{Catalogue, PresetError},
};

/// The built-in systems.
const PRESETS: Catalogue<17> = Catalogue([
    ("host", include_str!("../../presets/systems/host.toml")),
    (
        "host-ddr5",
        include_str!("../../presets/systems/host-ddr5.toml"),
    ),
    (
        "host-hbm",
        include_str!("../../presets/systems/host-hbm.toml"),
    ),
    (
        "tensordimm",
        include_str!("../../presets/systems/tensordimm.toml"),
    ),
    ("recnmp", include_str!("../../presets/systems/recnmp.toml")),
    ("trim-r", include_str!("../../presets/systems/trim-r.toml")),
    ("trim-g", include_str!("../../presets/systems/trim-g.toml")),
    ("trim-b", include_str!("../../presets/systems/trim-b.toml")),
    ("space", include_str!("../../presets/systems/space.toml")),
    ("fafnir", include_str!("../../presets/systems/fafnir.toml")),
    ("heam", include_str!("../../presets/systems/heam.toml")),
    (
        "proactivepim",
        include_str!("../../presets/systems/proactivepim.toml"),
    ),
    ("upmem", include_str!("../../presets/systems/upmem.toml")),
    (
        "hbm-pim",
        include_str!("../../presets/systems/hbm-pim.toml"),
    ),
    (
        "gddr6-aim",
        include_str!("../../presets/systems/gddr6-aim.toml"),
    ),
    (
        "microrec",
        include_str!("../../presets/systems/microrec.toml"),
    ),
    (
        "fleetrec",
        include_str!("../../presets/systems/fleetrec.toml"),
    ),
]);

/// A memory system: one memory, or a fast one for hot rows and a large one, with caches, units and
/// links, read from TOML, every table with its source.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct MemorySystem {
    pub(crate) name: String,
    /// What it is, in a sentence.
    about: String,
    source: String,
    /// Samples gathered at a time.
    pub(crate) batch: u16,
    /// Whether the next batch waits for the last sum of this one.
    #[serde(default)]
    pub(crate) barrier: bool,
    /// Whether every row of a batch is read once, whoever asks for it.
    #[serde(default)]
    pub(crate) unique_reads: bool,
    #[serde(default)]
    pub(crate) subtables: Subtables,
    pub(crate) banks: Option<Banks>,
    pub(crate) cache: Option<Cache>,
    pub(crate) link: Option<Link>,
    pub(crate) tiers: Vec<Tier>,
}

/// Where the small tables of compressed ones are: remainders, and cores of tensor trains but the
/// largest.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Subtables {
    /// In memory as other tables, read as they are.
    #[default]
    Read,
    /// In tables of the units, read at no cost in memory.
    Lookup,
    /// Copied into the banks of every unit and fetched before a batch into its buffer.
    Prefetched,
    /// In some unit's banks, from where other units get them.
    Remote,
}

/// A cache of rows before the memories.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Cache {
    pub(crate) bytes: f64,
    pub(crate) policy: CachePolicy,
    /// What it delivers; 1 GB/s is a byte per ns.
    pub(crate) gb_per_s: f64,
    /// Energy of a hit.
    pub(crate) pj_per_bit: f64,
    source: String,
}

/// The way of sums to whoever asked for them.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Link {
    /// 1 GB/s is a byte per ns.
    pub(crate) gb_per_s: f64,
    /// Before a batch.
    pub(crate) launch_ns: f64,
    pub(crate) pj_per_bit: f64,
    /// Whether it carries partial sums as they leave the memories, and whoever asked merges them.
    #[serde(default)]
    pub(crate) partial: bool,
    source: String,
}

/// One memory.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Tier {
    pub(crate) name: String,
    /// A built-in standard, a variant of one, or a table `[tiers.standard]` as `presets/dram` has them.
    #[serde(deserialize_with = "named_standard")]
    pub(crate) standard: DramStandard,
    pub(crate) channels: u16,
    /// Ranks per channel, where not those of the standard.
    ranks: Option<u32>,
    pub(crate) gather: PimLevel,
    #[serde(default)]
    pub(crate) layout: Layout,
    /// Modules of a channel; each merges the sums of its own ranks, if it merges them at all.
    #[serde(default = "one")]
    pub(crate) modules: u16,
    /// Slices of a row, each in a unit of its own, where `layout` is `tables`.
    #[serde(default = "one")]
    pub(crate) slices: u16,
    pub(crate) controller: Controller,
    /// Whether requests for a row that is already waiting are served with it.
    #[serde(default)]
    pub(crate) merging: bool,
    pub(crate) units: Option<Units>,
    source: String,
}

/// Where the bursts of a row lie.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Layout {
    /// In one row of one bank.
    #[default]
    Bank,
    /// Each in another bank.
    Banks,
    /// Spread over all ranks of all channels, so that every look-up opens a row in each.
    Ranks,
    /// With all rows of its table, or of a slice of the table's columns, in one unit.
    Tables,
}

/// The processing units of a memory.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Units {
    /// Cycles of the memory's clock that the command of a look-up takes.
    #[serde(default)]
    pub(crate) command_cycles: f64,
    /// Cycles of the memory's clock in which partial sums are merged one by one; 0 where they are on
    /// their way.
    #[serde(default)]
    pub(crate) merge_cycles: f64,
    /// Whether nothing is read while sums are transferred and small tables fetched.
    #[serde(default)]
    pub(crate) transfers_apart: bool,
    /// Whether each module merges partial sums before they cross the channel.
    #[serde(default)]
    pub(crate) merges_below_channel: bool,
    /// Values that a unit adds up per ns; without it, a burst as fast as a data bus carries it.
    pub(crate) values_per_ns: Option<f64>,
    /// Cache of rows in each unit.
    #[serde(default)]
    pub(crate) cache_bytes: f64,
    /// Stages of a tree of adders over the ranks of all channels, which one sum leaves, and the time of
    /// each; 0 without one.
    #[serde(default)]
    pub(crate) tree_stages: u16,
    #[serde(default)]
    pub(crate) stage_ns: f64,
    /// Share of the rows for which stored sums stand, and which are neither read nor added.
    #[serde(default)]
    pub(crate) reused_sums: f64,
    /// Banks of a unit, where `gather` is `bank`.
    #[serde(default = "one")]
    pub(crate) banks_per_unit: u16,
    /// Share of the look-ups that goes to rows of which every unit has a copy.
    #[serde(default)]
    pub(crate) copied_share: f64,
    /// Whether all banks of a rank open the same row at the same time.
    #[serde(default)]
    pub(crate) lock_step: bool,
    /// A processor's own access to its bank, in place of the bank's timing.
    pub(crate) access: Option<Access>,
    /// Area of a unit, where not that of the standard.
    pub(crate) area_um2: Option<f64>,
    source: String,
}

/// An access of a processor to its bank.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Access {
    pub(crate) setup_ns: f64,
    pub(crate) bytes_per_ns: f64,
    source: String,
}

impl MemorySystem {
    /// Reads a system from TOML.
    pub fn parse(text: &str) -> Result<Self, PresetError> {
        let mut system: Self = toml::from_str(text)?;
        for tier in &mut system.tiers {
            tier.standard.check()?;
            if let Some(ranks) = tier.ranks {
                tier.standard = tier.standard.clone().with_ranks(ranks);
            }
        }
        check::check(&system)?;
        Ok(system)
    }

    /// The built-in system of that name.
    pub fn preset(name: &str) -> Option<Self> {
        PRESETS.open(name, Self::parse)
    }

    /// Names of the built-in systems.
    pub fn preset_names() -> Vec<&'static str> {
        PRESETS.names()
    }

    /// The text of a built-in system.
    pub fn preset_text(name: &str) -> Option<&'static str> {
        PRESETS.text(name)
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it is, in a sentence.
    pub fn about(&self) -> &str {
        &self.about
    }

    /// Where it is from.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The name of a memory, by its number in a [`Charge`](crate::Charge).
    pub fn tier_name(&self, tier: usize) -> &str {
        self.tiers.get(tier).map_or("", |tier| &tier.name)
    }

    /// Where the numbers of a formula come from, of a memory, by its number, or of the system: by key or, for all
    /// others of a table, by table.
    pub fn sources_of(&self, formula: &str, tier: Option<usize>) -> Vec<(String, String)> {
        let table = table_of(formula);
        let source = match (table, tier.and_then(|tier| self.tiers.get(tier))) {
            ("units", Some(tier)) => tier.units.as_ref().map(|units| &units.source),
            (_, Some(tier)) => {
                let sources = tier.standard.sources(formula);
                if !sources.is_empty() {
                    return sources;
                }
                None
            }
            ("banks", None) => self.banks.as_ref().map(|banks| &banks.source),
            ("cache", None) => self.cache.as_ref().map(|cache| &cache.source),
            ("link", None) => self.link.as_ref().map(|link| &link.source),
            _ => None,
        };
        vec![(table.to_owned(), source.unwrap_or(&self.source).clone())]
    }

    /// Where the numbers of a formula come from, of all memories that have them, in one text, or of the system.
    pub fn sources(&self, formula: &str) -> Vec<(String, String)> {
        let places = (0..self.tiers.len()).map(Some).chain([None]);
        let all: Vec<_> = places
            .flat_map(|tier| self.sources_of(formula, tier))
            .collect();
        let has_own = all.iter().any(|(_, source)| *source != self.source);
        let mut by_key: Vec<(String, Vec<String>)> = Vec::new();
        for (key, source) in all {
            if has_own && source == self.source {
                continue;
            }
            match by_key.iter_mut().find(|(known, _)| *known == key) {
                Some((_, known)) if known.contains(&source) => {}
                Some((_, known)) => known.push(source),
                None => by_key.push((key, vec![source])),
            }
        }
        let joined = by_key.into_iter();
        joined
            .map(|(key, sources)| (key, sources.join("; ")))
            .collect()
    }

    /// Whether all that is gathered goes through units which tell how fast they add and multiply.
    pub(crate) fn combines(&self) -> bool {
        let has_rate = |tier: &Tier| {
            let units = tier.units.as_ref();
            tier.gather != PimLevel::Host
                && units.is_some_and(|units| units.values_per_ns.is_some())
        };
        self.tiers.iter().all(has_rate)
    }

    /// Samples gathered at a time.
    pub fn batch(&self) -> u16 {
        self.batch
    }

    /// The same with batches of another size.
    #[must_use]
    pub fn with_batch(self, batch: u16) -> Self {
        Self { batch, ..self }
    }
}

impl Tier {
    /// Units of a channel: none where the host gathers.
    pub(crate) fn units_per_channel(&self) -> f64 {
        let organisation = &self.standard.organisation;
        match self.gather {
            PimLevel::Host => 0.0,
            PimLevel::Rank => self.standard.ranks(),
            PimLevel::BankGroup => self.standard.ranks() * f64::from(organisation.bank_groups),
            PimLevel::Bank => {
                let each = self.units.as_ref().map_or(1, |units| units.banks_per_unit);
                self.standard.banks() / f64::from(each)
            }
        }
    }

    /// Bytes that it holds.
    pub(crate) fn capacity_bytes(&self) -> f64 {
        f64::from(self.channels) * self.standard.organisation.channel_bytes as f64
    }

    /// Share by which `bytes` of the tables exceed the capacity, or the largest slice that of a unit
    /// where units have whole slices; 0 where all fit.
    fn excess(&self, gathers: &Gathers, bytes: f64) -> f64 {
        let capacity = self.capacity_bytes();
        let used = match self.layout {
            Layout::Tables => {
                let largest = gathers.largest_table_bytes() / gathers.bytes() * bytes;
                let units = f64::from(self.channels) * self.units_per_channel();
                bytes.max(largest / f64::from(self.slices) * units)
            }
            Layout::Bank | Layout::Banks | Layout::Ranks => bytes,
        };
        (used / capacity - 1.0).max(0.0)
    }
}

fn one() -> u16 {
    1
}

/// A standard by its name, or told in full in a table, which is not checked yet.
fn named_standard<'de, D: Deserializer<'de>>(deserializer: D) -> Result<DramStandard, D::Error> {
    struct Told;

    impl<'de> Visitor<'de> for Told {
        type Value = DramStandard;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("the name of a memory, or a table of its own")
        }

        fn visit_str<E: de::Error>(self, name: &str) -> Result<Self::Value, E> {
            DramStandard::named(name).ok_or_else(|| {
                let known = DramStandard::preset_names().join(", ");
                E::custom(format!("unknown memory `{name}`, expected one of {known}"))
            })
        }

        fn visit_map<A: MapAccess<'de>>(self, told: A) -> Result<Self::Value, A::Error> {
            // Read as it stands, so that errors know their place.
            DramStandard::deserialize(MapAccessDeserializer::new(told))
        }
    }

    deserializer.deserialize_any(Told)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presets_are_sound_and_named_as_listed() {
        for name in MemorySystem::preset_names() {
            let system = MemorySystem::preset(name).map(|system| system.name().to_owned());
            assert_eq!(system.as_deref(), Some(name));
        }
    }

    #[test]
    fn a_standard_may_be_told_in_full() {
        let host = MemorySystem::preset_text("host").expect("built in");
        let told = include_str!("../../presets/dram/ddr4-2400.toml");
        let told: String = told
            .lines()
            .take_while(|line| !line.starts_with("[variants"))
            .fold(String::new(), |text, line| match line.strip_prefix('[') {
                Some(table) => text + "[tiers.standard." + table + "\n",
                None => text + line + "\n",
            });
        let own = host.replace("standard = \"ddr4-2400\"\n", "") + "\n[tiers.standard]\n" + &told;
        let (own, built_in) = (MemorySystem::parse(&own), MemorySystem::preset("host"));
        assert_eq!(own.as_ref().ok(), built_in.as_ref(), "{own:?}");
        let short = host.replace("standard = \"ddr4-2400\"\n", "")
            + "\n[tiers.standard]\n"
            + &told.replace("rc = 56", "rc = 54");
        let error = MemorySystem::parse(&short).expect_err("a row cycle too short");
        assert!(
            error
                .to_string()
                .contains("`timing.rc` is 54, expected ras + rp"),
            "{error}"
        );
    }
}
