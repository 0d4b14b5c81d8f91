//! What real cells do to the weights that are written into them.

use serde::Deserialize;

use crate::{
    preset::{Catalogue, PresetError},
    reram::wires::Wires,
};

/// The built-in cells.
const PRESETS: Catalogue<6> = Catalogue([
    ("ideal", include_str!("../../presets/cells/ideal.toml")),
    (
        "wan-2022-1s",
        include_str!("../../presets/cells/wan-2022-1s.toml"),
    ),
    (
        "wan-2022-1d",
        include_str!("../../presets/cells/wan-2022-1d.toml"),
    ),
    (
        "wan-2022-2d",
        include_str!("../../presets/cells/wan-2022-2d.toml"),
    ),
    (
        "milo-2021",
        include_str!("../../presets/cells/milo-2021.toml"),
    ),
    (
        "cmo-hfox",
        include_str!("../../presets/cells/cmo-hfox.toml"),
    ),
]);

/// A kind of cell: its range of conductance, how far a programmed conductance lies from what was
/// meant, how many cells are stuck, and the wires between cells. Read from TOML, every number with
/// its source.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct CellPreset {
    name: String,
    range: RangeTable,
    spread: SpreadTable,
    stuck: StuckTable,
    wires: WireTable,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct RangeTable {
    low_us: f64,
    high_us: f64,
    source: String,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct SpreadTable {
    /// Deviation in µS, by powers of the conductance in µS.
    polynomial: Vec<f64>,
    source: String,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct StuckTable {
    low: f64,
    high: f64,
    source: String,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct WireTable {
    row_ohm: f64,
    col_ohm: f64,
    source: String,
}

impl CellPreset {
    /// Reads cells from TOML.
    pub fn parse(text: &str) -> Result<Self, PresetError> {
        let preset: Self = toml::from_str(text)?;
        preset.check()?;
        Ok(preset)
    }

    /// The built-in cells of that name.
    pub fn preset(name: &str) -> Option<Self> {
        PRESETS.open(name, Self::parse)
    }

    /// Names of the built-in cells.
    pub fn preset_names() -> Vec<&'static str> {
        PRESETS.names()
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Conductance of the lowest level in µS.
    pub fn low_us(&self) -> f64 {
        self.range.low_us
    }

    /// Conductance of the highest level in µS.
    pub fn high_us(&self) -> f64 {
        self.range.high_us
    }

    /// Standard deviation in µS of the conductance of cells programmed to `conductance_us`.
    pub fn deviation_us(&self, conductance_us: f64) -> f64 {
        let coefficients = self.spread.polynomial.iter().rev();
        coefficients
            .fold(0.0, |sum, coefficient| sum * conductance_us + coefficient)
            .max(0.0)
    }

    /// Share of cells stuck at the lowest level.
    pub fn stuck_low(&self) -> f64 {
        self.stuck.low
    }

    /// Share of cells stuck at the highest level.
    pub fn stuck_high(&self) -> f64 {
        self.stuck.high
    }

    /// The wires between cells.
    pub fn wires(&self) -> Wires {
        Wires {
            row_ohm: self.wires.row_ohm,
            col_ohm: self.wires.col_ohm,
        }
    }

    /// The same cells, all programmed exactly.
    #[must_use]
    pub fn without_spread(mut self) -> Self {
        self.spread.polynomial.clear();
        self
    }

    /// The same cells, none of them stuck.
    #[must_use]
    pub fn without_stuck(mut self) -> Self {
        (self.stuck.low, self.stuck.high) = (0.0, 0.0);
        self
    }

    /// The same cells on wires without resistance.
    #[must_use]
    pub fn without_wires(mut self) -> Self {
        (self.wires.row_ohm, self.wires.col_ohm) = (0.0, 0.0);
        self
    }

    fn check(&self) -> Result<(), PresetError> {
        let sources = [
            ("range", &self.range.source),
            ("spread", &self.spread.source),
            ("stuck", &self.stuck.source),
            ("wires", &self.wires.source),
        ];
        if let Some((table, _)) = sources.iter().find(|(_, source)| source.trim().is_empty()) {
            return Err(PresetError::NoSource { table });
        }
        let (low, high) = (self.range.low_us, self.range.high_us);
        let stuck = self.stuck.low + self.stuck.high;
        let rules = [
            (
                "range.low-us",
                low,
                low.is_finite() && low >= 0.0,
                "0 or more",
            ),
            (
                "range.high-us",
                high,
                high.is_finite() && high > low,
                "more than `range.low-us`",
            ),
            (
                "stuck.low",
                self.stuck.low,
                self.stuck.low >= 0.0,
                "0 or more",
            ),
            (
                "stuck.high",
                self.stuck.high,
                self.stuck.high >= 0.0,
                "0 or more",
            ),
            (
                "stuck",
                stuck,
                stuck <= 1.0,
                "shares that add up to at most 1",
            ),
            (
                "wires.row-ohm",
                self.wires.row_ohm,
                is_ohm(self.wires.row_ohm),
                "0 or more",
            ),
            (
                "wires.col-ohm",
                self.wires.col_ohm,
                is_ohm(self.wires.col_ohm),
                "0 or more",
            ),
        ];
        match rules.into_iter().find(|(_, _, holds, _)| !holds) {
            Some((key, value, _, expected)) => Err(PresetError::OutOfRange {
                key,
                value,
                expected,
            }),
            None => Ok(()),
        }
    }
}

fn is_ohm(value: f64) -> bool {
    value.is_finite() && value >= 0.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presets_are_sound_and_named_as_listed() {
        for name in CellPreset::preset_names() {
            let cells = CellPreset::preset(name).map(|cells| cells.name().to_owned());
            assert_eq!(cells.as_deref(), Some(name));
        }
        assert!(CellPreset::preset("flash").is_none());
    }

    /// The worked value of two published fits of the same measurement: 2.02 and 2.36 µS at 20 µS.
    #[test]
    fn deviations_are_the_published_ones() {
        let wan = CellPreset::preset("wan-2022-1s").expect("built in");
        assert!((wan.deviation_us(20.0) - 2.02).abs() < 0.01);
        let milo = CellPreset::preset("milo-2021").expect("built in");
        assert!((milo.deviation_us(100.0) - 3.871_621).abs() < 1e-9);
        assert!(milo.clone().without_spread().deviation_us(100.0).abs() < 1e-12);
    }

    #[test]
    fn what_cannot_be_is_an_error() {
        let text = PRESETS.0[0].1;
        let check = |old: &str, new: &str, expected: &str| {
            let error = CellPreset::parse(&text.replace(old, new)).expect_err("a fault");
            assert!(error.to_string().contains(expected), "{error}");
        };
        check(
            "high-us = 40.0",
            "high-us = 0.5",
            "`range.high-us` is 0.5, expected more than",
        );
        check(
            "low = 0.0",
            "low = -0.1",
            "`stuck.low` is -0.1, expected 0 or more",
        );
        check(
            "source = \"ideal\"",
            "source = \"\"",
            "`spread.source` is empty",
        );
        check("row-ohm", "row-ohms", "unknown field");
    }
}
