//! A memory standard as a table.

mod check;
mod energy;

use serde::Deserialize;

pub use energy::DramEnergies;

use crate::{
    arithmetic::ceil,
    design::{MemoryStandard, PimLevel},
    dram::standard::energy::Energy,
    preset::{Catalogue, PresetError},
    source::{OTHERS, SOURCE, SourcedTable, sourced_tables},
};

/// The built-in standards.
const PRESETS: Catalogue<9> = Catalogue([
    (
        "ddr4-2400",
        include_str!("../../presets/dram/ddr4-2400.toml"),
    ),
    (
        "ddr4-3200",
        include_str!("../../presets/dram/ddr4-3200.toml"),
    ),
    (
        "ddr5-4800",
        include_str!("../../presets/dram/ddr5-4800.toml"),
    ),
    (
        "lpddr5-6400",
        include_str!("../../presets/dram/lpddr5-6400.toml"),
    ),
    (
        "gddr6-14000",
        include_str!("../../presets/dram/gddr6-14000.toml"),
    ),
    ("hbm2", include_str!("../../presets/dram/hbm2.toml")),
    ("hbm2e", include_str!("../../presets/dram/hbm2e.toml")),
    (
        "hbm3-6400",
        include_str!("../../presets/dram/hbm3-6400.toml"),
    ),
    ("upmem", include_str!("../../presets/dram/upmem.toml")),
]);

/// Organisation, timing and energy of a memory standard, read from TOML, every number with its source.
///
/// Where sources differ, the file has variants: tables `[variants.NAME.TABLE]` whose numbers replace
/// those of the table.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct DramStandard {
    pub(crate) name: String,
    pub(crate) organisation: Organisation,
    pub(crate) timing: Timing,
    pub(crate) commands: Commands,
    energy: Energy,
    pub(crate) data_path: DataPath,
    pub(crate) units: Units,
}

sourced_tables! {
    /// What a channel is made of.
    Organisation {
        channel_bytes: u64,
        /// Ranks of a channel, or its pseudo channels.
        ranks: u32,
        /// Independent data buses: one, or one per pseudo channel.
        data_buses: u32,
        /// Bank groups of a rank.
        bank_groups: u32,
        banks_per_group: u32,
        /// Bytes of a row of a bank, over all devices of a rank.
        page_bytes: u32,
        burst_bytes: u32,
    }

    /// Times in clock cycles. Names follow JEDEC's: `rcd` is tRCD. Suffix `s` is between bank groups,
    /// `l` within one.
    Timing {
        clock_ns: f64,
        cl: f64,
        rcd: f64,
        rp: f64,
        ras: f64,
        rc: f64,
        ccd_s: f64,
        ccd_l: f64,
        rrd_s: f64,
        rrd_l: f64,
        faw: f64,
        /// Cycles of a burst on the data bus.
        burst: f64,
        rtp: f64,
        /// Between precharges of a rank, where the standard has such a time.
        #[serde(default)]
        ppd: f64,
        /// Idle cycles of the data bus between ranks.
        rank_switch: f64,
        rfc: f64,
        refi: f64,
    }

    /// Cycles of the command bus.
    Commands {
        activate: f64,
        precharge: f64,
        read: f64,
        /// Whether reads have a bus beside that of activations and precharges.
        separate_column_bus: bool,
        /// Where the two halves of an activation may lie apart: cycles within which the second follows.
        #[serde(default)]
        second_half_within: f64,
        /// Where a read needs a synchronising command only if the data clock has stopped: cycles after the
        /// last read in which it does not.
        #[serde(default)]
        clock_stops_after: f64,
    }

    /// Where the energy of a read goes.
    DataPath {
        /// Share of a read's energy up to the bank group's edge.
        near_bank_share: f64,
        /// Energy from the die to the host.
        io_pj_per_bit: f64,
    }

    /// A processing unit.
    Units {
        area_um2: f64,
        /// Energy of what it adds up.
        pj_per_bit: f64,
    }
}

impl DramStandard {
    /// Reads a standard from TOML, without its variants.
    pub fn parse(text: &str) -> Result<Self, PresetError> {
        Self::parse_variant(text, None)
    }

    /// Reads a variant of a standard from TOML: tables of it replace, number by number, those of the
    /// standard (`energy` as a whole).
    pub fn parse_variant(text: &str, variant: Option<&str>) -> Result<Self, PresetError> {
        let mut table: toml::Table = toml::from_str(text)?;
        let variants = table.remove("variants");
        // Read from the text where nothing is replaced, so that errors know their place.
        let standard: Self = match variant {
            None if variants.is_none() => toml::from_str(text)?,
            None => table.try_into()?,
            Some(name) => {
                let tables = variants.as_ref().and_then(|variants| variants.get(name));
                let tables = tables.and_then(toml::Value::as_table);
                replace(
                    &mut table,
                    tables.ok_or(PresetError::Missing {
                        key: "variants",
                        reason: "the standard has no variant of that name",
                    })?,
                );
                let own = table.get("name").and_then(toml::Value::as_str);
                let full = format!("{}/{name}", own.unwrap_or_default());
                table.insert("name".to_owned(), full.into());
                table.try_into()?
            }
        };
        standard.check()?;
        Ok(standard)
    }

    /// The built-in standard `NAME`, or the variant `NAME/VARIANT` of one.
    pub fn named(name: &str) -> Option<Self> {
        let (name, variant) = match name.split_once('/') {
            Some((name, variant)) => (name, Some(variant)),
            None => (name, None),
        };
        Self::parse_variant(PRESETS.text(name)?, variant).ok()
    }

    /// Names of the built-in standards and of their variants.
    pub fn preset_names() -> Vec<String> {
        let mut names = Vec::new();
        for name in PRESETS.names() {
            names.push(name.to_owned());
            let text = PRESETS.text(name).expect("one of its names");
            let table: toml::Table = toml::from_str(text).expect("a test reads every preset");
            let variants = table.get("variants").and_then(toml::Value::as_table);
            let variants = variants.into_iter().flat_map(toml::Table::keys);
            names.extend(variants.map(|variant| format!("{name}/{variant}")));
        }
        names
    }

    /// The built-in table of a standard; crossbars have none.
    pub fn preset(standard: MemoryStandard) -> Option<Self> {
        Self::named(standard.table()?)
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where the numbers of a formula such as `timing.clock-ns` come from, by key or, for all others of a table, by
    /// table; none if its table is not the standard's.
    pub fn sources(&self, formula: &str) -> Vec<(String, String)> {
        SourcedTable::sources(&self.tables(), formula)
    }

    /// The first rule that a table breaks.
    pub(super) fn check(&self) -> Result<(), PresetError> {
        check::check(self)
    }

    /// All tables.
    fn tables(&self) -> [SourcedTable<'_>; 6] {
        [
            SourcedTable::new("organisation", &self.organisation),
            SourcedTable::new("timing", &self.timing),
            SourcedTable::new("commands", &self.commands),
            self.energy.table(),
            SourcedTable::new("data-path", &self.data_path),
            SourcedTable::new("units", &self.units),
        ]
    }

    /// The same with other ranks per channel, each as large as before; not for pseudo channels, of which
    /// a channel has two.
    #[must_use]
    pub fn with_ranks(mut self, ranks: u32) -> Self {
        let organisation = &mut self.organisation;
        organisation.channel_bytes =
            organisation.channel_bytes / u64::from(organisation.ranks) * u64::from(ranks);
        organisation.ranks = ranks;
        organisation.data_buses = organisation.data_buses.min(ranks);
        self
    }

    /// Length of a clock cycle.
    pub fn clock_ns(&self) -> f64 {
        self.timing.clock_ns
    }

    /// Energies of commands.
    pub fn energies(&self) -> DramEnergies {
        self.energy.energies(&self.timing)
    }

    /// Cycles between two vectors of `bursts` bursts in one channel, for many vectors on evenly
    /// loaded banks: the four-activate window, which every level shares, the buses that the level
    /// leaves in the way, and the banks.
    pub fn cycles_per_vector(&self, level: PimLevel, bursts: f64) -> f64 {
        let timing = &self.timing;
        let (ranks, groups) = (self.ranks(), f64::from(self.organisation.bank_groups));
        let occupied = self.bank_cycles(bursts);
        let activation = timing.rrd_s.max(timing.faw / 4.0) / ranks;
        let banks = self.banks();
        let burst = timing.burst.max(timing.ccd_s);
        let own = match level {
            PimLevel::Host => {
                let buses = f64::from(self.organisation.data_buses);
                (bursts * burst / buses).max(occupied / banks)
            }
            PimLevel::Rank => (bursts * burst / ranks).max(occupied / banks),
            PimLevel::BankGroup => {
                (bursts * timing.ccd_l)
                    .max(timing.rrd_l)
                    .max(occupied / f64::from(self.organisation.banks_per_group))
                    / (ranks * groups)
            }
            PimLevel::Bank => occupied / banks,
        };
        activation.max(own)
    }

    /// Cycles for which a vector of `bursts` bursts keeps its bank busy.
    pub(crate) fn bank_cycles(&self, bursts: f64) -> f64 {
        let timing = &self.timing;
        timing
            .rc
            .max(timing.rcd + (bursts - 1.0) * timing.ccd_l + timing.rtp + timing.rp)
    }

    /// Ranks of a channel.
    pub fn ranks(&self) -> f64 {
        f64::from(self.organisation.ranks)
    }

    /// Banks of a channel.
    pub fn banks(&self) -> f64 {
        let organisation = &self.organisation;
        self.ranks() * f64::from(organisation.bank_groups * organisation.banks_per_group)
    }

    /// Bursts of so many bytes.
    pub(crate) fn bursts(&self, bytes: f64) -> f64 {
        ceil(bytes / f64::from(self.organisation.burst_bytes))
    }

    /// Bits of a burst.
    pub(crate) fn burst_bits(&self) -> f64 {
        f64::from(self.organisation.burst_bytes) * 8.0
    }

    /// Cycles by which refreshes lengthen a cycle.
    pub(crate) fn refresh_factor(&self) -> f64 {
        1.0 / (1.0 - self.timing.rfc / self.timing.refi)
    }
}

/// Replaces the tables of a standard by those of a variant, number by number.
fn replace(table: &mut toml::Table, variant: &toml::Table) {
    for (key, value) in variant {
        match (table.get_mut(key), value) {
            (Some(toml::Value::Table(old)), toml::Value::Table(new)) if key != "energy" => {
                replace_numbers(old, new);
            }
            _ => {
                table.insert(key.clone(), value.clone());
            }
        }
    }
}

/// Replaces some numbers of a table, or all, and their sources.
fn replace_numbers(old: &mut toml::Table, new: &toml::Table) {
    if old.keys().all(|key| new.contains_key(key)) {
        old.clone_from(new);
        return;
    }
    let by_key = |source: Option<toml::Value>| match source {
        Some(toml::Value::Table(by_key)) => by_key,
        Some(all) => toml::Table::from_iter([(OTHERS.to_owned(), all)]),
        None => toml::Table::new(),
    };
    let mut sources = by_key(old.remove(SOURCE));
    let replaced = by_key(new.get(SOURCE).cloned());
    for (key, value) in new.iter().filter(|(key, _)| *key != SOURCE) {
        old.insert(key.clone(), value.clone());
        if let Some(source) = replaced.get(key).or_else(|| replaced.get(OTHERS)) {
            sources.insert(key.clone(), source.clone());
        }
    }
    old.insert(SOURCE.to_owned(), sources.into());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presets_are_sound_and_named_as_listed() {
        for name in DramStandard::preset_names() {
            let standard = DramStandard::named(&name).expect("a sound table");
            assert_eq!(standard.name(), name);
        }
        assert_eq!(DramStandard::named("hbm2/none"), None);
        assert_eq!(DramStandard::named("sram"), None);
    }

    #[test]
    fn variants_replace_numbers() {
        let faw = |name| DramStandard::named(name).expect("built in").timing.faw;
        assert_eq!(faw("hbm2"), 30.0);
        assert_eq!(faw("hbm2/faw-16"), 16.0);
        assert_eq!(faw("hbm2/ramulator"), 15.0);
        let (all, one) = (
            DramStandard::named("hbm2"),
            DramStandard::named("hbm2/faw-16"),
        );
        let (all, one) = (all.expect("built in"), one.expect("built in"));
        assert_eq!(all.timing.rc, one.timing.rc);
        assert_eq!(all.energies(), one.energies());
    }

    /// A variant's numbers have its source, the others that of the standard; numbers of a whole table that of the
    /// table.
    #[test]
    fn each_number_has_its_source() {
        let source = |name, key| match &DramStandard::named(name).expect("built in").sources(key)[..]
        {
            [(of, source)] => (of.clone(), source.clone()),
            others => panic!("{others:?}"),
        };
        let (of, samsung) = source("hbm2/faw-16", "timing.faw");
        assert_eq!(of, "timing.faw");
        assert!(samsung.contains("PIMSimulator"), "{samsung}");
        assert_eq!(
            source("hbm2/faw-16", "timing.rc"),
            source("hbm2", "timing.rc")
        );
        let (of, ramulator) = source("hbm2/ramulator", "timing.faw");
        assert_eq!(of, "timing");
        assert!(ramulator.contains("ramulator2"), "{ramulator}");
        let (of, ranks) = source("ddr4-3200", "organisation.ranks");
        assert_eq!(
            (&of[..], &ranks[..]),
            ("organisation.ranks", "a usual module")
        );
        let standard = DramStandard::named("hbm2").expect("built in");
        assert_eq!(standard.sources("router.hop-ns"), []);
    }
}
