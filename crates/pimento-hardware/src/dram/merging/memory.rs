//! Banks that work side by side, as a table.

use serde::Deserialize;

use crate::preset::{Catalogue, PresetError, positive};

/// The built-in memories.
const PRESETS: Catalogue<2> = Catalogue([
    ("u280", include_str!("../../../presets/banks/u280.toml")),
    (
        "u280-fleetrec",
        include_str!("../../../presets/banks/u280-fleetrec.toml"),
    ),
]);

/// Banks with a port each, read from TOML, every table with its source. Banks work side by side; a bank
/// serves one look-up after the other, each in a start and the words of the row.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct BankMemory {
    name: String,
    clock_mhz: f64,
    port_bits: u32,
    source: String,
    groups: Vec<BankGroup>,
}

/// Banks of one kind.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct BankGroup {
    /// What they are called, for example `hbm`.
    pub name: String,
    /// How many there are.
    pub count: u16,
    /// Bytes in each.
    pub capacity_bytes: f64,
    /// Time of a look-up before its first word, ns.
    pub start_ns: f64,
    /// Whether they lie beside the logic: their look-ups are no rounds.
    pub on_chip: bool,
    /// Where the numbers come from.
    pub source: String,
}

/// One bank.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Bank {
    /// Number of its group.
    pub(super) group: usize,
    pub(super) capacity_bytes: f64,
    pub(super) start_ns: f64,
    pub(super) on_chip: bool,
}

impl BankMemory {
    /// Reads a memory from TOML.
    pub fn parse(text: &str) -> Result<Self, PresetError> {
        let memory: Self = toml::from_str(text)?;
        memory.check()?;
        Ok(memory)
    }

    /// The built-in memory of that name.
    pub fn preset(name: &str) -> Option<Self> {
        PRESETS.open(name, Self::parse)
    }

    /// The text of a built-in memory.
    pub fn preset_text(name: &str) -> Option<&'static str> {
        PRESETS.text(name)
    }

    /// Names of the built-in memories.
    pub fn preset_names() -> Vec<&'static str> {
        PRESETS.names()
    }

    /// The same banks at another clock of their ports, in MHz.
    pub fn at_clock_mhz(mut self, clock_mhz: f64) -> Result<Self, PresetError> {
        self.clock_mhz = clock_mhz;
        self.check()?;
        Ok(self)
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where its numbers come from.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Its kinds of banks.
    pub fn groups(&self) -> &[BankGroup] {
        &self.groups
    }

    /// Bytes of all banks.
    pub fn capacity_bytes(&self) -> f64 {
        let groups = self.groups.iter();
        groups
            .map(|group| f64::from(group.count) * group.capacity_bytes)
            .sum()
    }

    /// Time of the words of a row of `bits` bits, ns: one word of the port per clock cycle.
    pub fn words_ns(&self, bits: u64) -> f64 {
        bits.div_ceil(u64::from(self.port_bits)) as f64 * 1e3 / self.clock_mhz
    }

    /// All banks, group after group.
    pub(super) fn banks(&self) -> Vec<Bank> {
        let groups = self.groups.iter().enumerate();
        groups
            .flat_map(|(group, found)| {
                let bank = Bank {
                    group,
                    capacity_bytes: found.capacity_bytes,
                    start_ns: found.start_ns,
                    on_chip: found.on_chip,
                };
                std::iter::repeat_n(bank, usize::from(found.count))
            })
            .collect()
    }

    fn check(&self) -> Result<(), PresetError> {
        let is_empty = |source: &str| source.trim().is_empty();
        if is_empty(&self.source) {
            return Err(PresetError::NoSource { table: "banks" });
        }
        if self.groups.iter().any(|group| is_empty(&group.source)) {
            return Err(PresetError::NoSource { table: "groups" });
        }
        if self.groups.is_empty() {
            return Err(PresetError::Missing {
                key: "groups",
                reason: "tables need a bank",
            });
        }
        let own = [
            ("clock-mhz", self.clock_mhz),
            ("port-bits", f64::from(self.port_bits)),
        ];
        let of_groups = self.groups.iter().flat_map(|group| {
            [
                ("groups.count", f64::from(group.count)),
                ("groups.capacity-bytes", group.capacity_bytes),
                ("groups.start-ns", group.start_ns),
            ]
        });
        positive(own.into_iter().chain(of_groups))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_preset_parses_and_has_its_name() {
        for name in BankMemory::preset_names() {
            let memory = BankMemory::preset(name).expect("built in");
            assert_eq!(memory.name(), name);
        }
        assert_eq!(BankMemory::preset("u281"), None);
    }

    /// 32 banks of HBM and 2 of DDR4, 8 GB and 32 GB; a row of 16 words at 140 MHz takes 114 ns.
    #[test]
    fn u280() {
        let memory = BankMemory::preset("u280").expect("built in");
        assert_eq!(memory.banks().len(), 4 + 32 + 2);
        let off_chip = f64::from(2_u32.pow(30)) * (8.0 + 32.0);
        assert_eq!(memory.capacity_bytes(), off_chip + 4.0 * 960_000.0);
        assert!((memory.words_ns(16 * 32) - 16.0 / 0.14).abs() < 1e-9);
        assert!((memory.words_ns(33) - 2.0 / 0.14).abs() < 1e-9);
    }

    #[test]
    fn errors_name_the_key() {
        let check = |from: &str, to: &str, key: (&str, &str)| {
            let text = BankMemory::preset_text("u280").expect("built in");
            assert!(text.contains(from), "{from}");
            let error = BankMemory::parse(&text.replacen(from, to, 1)).expect_err(from);
            assert_eq!(error.key(), Some(key), "{error}");
        };
        check("140.0", "0.0", ("clock-mhz", ""));
        check("count = 32", "count = 0", ("groups", "count"));
        check("start-ns = 344.0", "start-ns = nan", ("groups", "start-ns"));
        let source = "source = \"fpgasystems/FPGA-Recommendation-Accelerator\"";
        check(source, "source = \" \"", ("banks", "source"));
        let unknown = BankMemory::parse("nmae = 1").expect_err("an unknown key");
        assert!(unknown.span().is_some(), "{unknown}");
    }
}
