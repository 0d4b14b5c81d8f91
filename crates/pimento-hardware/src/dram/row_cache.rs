//! A cache of embedding rows beside the memory controller.
//!
//! It keeps what would cross the channels: stored rows where the host gathers, and combined ones where
//! units near the banks combine. The row that was used longest ago goes first; content and hits are
//! expectations by the characteristic time (Che et al.; see `cache`).

use std::borrow::Cow;

use serde::Deserialize;

use crate::{
    component::Component,
    dram::{
        curves::STEP as CURVE_STEP,
        demand::{Demand, Flow},
        locality::Residents,
    },
    ledger::{Factor, Ledger, Total, times, unit},
    preset::{PresetError, positive},
    reram::Stage,
};

/// The built-in table.
const EDRAM: &str = include_str!("../../presets/caches/edram-32nm.toml");

/// Logarithms of the least and the largest characteristic time, in steps of the tabulated curves.
const LEAST_STEP: i32 = -20;
const MOST_STEP: i32 = 70;

/// Numbers of a cache of rows, whose size is a design's.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct RowCache {
    name: String,
    cache: Numbers,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Numbers {
    /// Energy of a bit read or written.
    pj_per_bit: f64,
    area_um2_per_kb: f64,
    static_mw_per_kb: f64,
    /// From the address to the row.
    access_ns: f64,
    /// What the slice of one channel delivers in a cycle.
    port_bits: f64,
    cycle_ns: f64,
    /// What is kept with a row to find it.
    tag_bits: f64,
    source: String,
}

/// Time that a gather takes in the cache.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct CacheTime {
    /// Until the last row has left.
    pub(crate) reading_ns: f64,
    /// Until the next gather.
    pub(crate) interval_ns: f64,
}

impl RowCache {
    /// Reads a table from TOML.
    pub(crate) fn parse(text: &str) -> Result<Self, PresetError> {
        let cache: Self = toml::from_str(text)?;
        cache.check()?;
        Ok(cache)
    }

    /// The built-in table.
    pub(crate) fn edram() -> Self {
        Self::parse(EDRAM).expect("a test reads it")
    }

    fn check(&self) -> Result<(), PresetError> {
        let numbers = &self.cache;
        if numbers.source.trim().is_empty() {
            return Err(PresetError::NoSource { table: "cache" });
        }
        positive([
            ("cache.pj-per-bit", numbers.pj_per_bit),
            ("cache.area-um2-per-kb", numbers.area_um2_per_kb),
            ("cache.static-mw-per-kb", numbers.static_mw_per_kb),
            ("cache.access-ns", numbers.access_ns),
            ("cache.port-bits", numbers.port_bits),
            ("cache.cycle-ns", numbers.cycle_ns),
            ("cache.tag-bits", numbers.tag_bits),
        ])
    }

    /// Where the numbers of a table come from.
    pub(crate) fn source(&self, table: &str) -> Option<&str> {
        (table == "cache").then_some(&self.cache.source)
    }

    /// Share of each flow's rows that a cache of so many KB misses, where `rows` tells what a cache has
    /// of each.
    pub(crate) fn misses(
        &self,
        kilobytes: u16,
        flows: &[Flow],
        rows: &[Cow<'_, Box<Residents>>],
    ) -> Vec<f64> {
        let capacity_bits = f64::from(kilobytes) * 1024.0 * 8.0;
        let all: f64 = flows.iter().map(|flow| flow.lookups).sum();
        let traffic: Vec<f64> = flows.iter().map(|flow| (flow.lookups / all).ln()).collect();
        let parts = || flows.iter().zip(rows).zip(&traffic);
        let content_bits = |log_time: f64| -> f64 {
            let flows = parts();
            flows
                .map(|((flow, rows), traffic)| {
                    rows.rows(log_time + traffic) * (flow.row_bits() + self.cache.tag_bits)
                })
                .sum()
        };
        let log_time = log_time_of(content_bits, capacity_bits);
        parts()
            .map(|((_, rows), traffic)| 1.0 - rows.hits(log_time + traffic))
            .collect()
    }

    /// Time in which the slices of the channels take or give all rows, hits and misses.
    pub(crate) fn time(&self, demand: &Demand, channels: f64) -> CacheTime {
        CacheTime {
            reading_ns: self.reading_ns(demand, channels, &mut Total::default()),
            interval_ns: self.slice_cycles(demand, channels) * self.cache.cycle_ns,
        }
    }

    /// Cycles of the slice of a channel.
    fn slice_cycles(&self, demand: &Demand, channels: f64) -> f64 {
        demand.all.packed_bits / channels / self.cache.port_bits
    }

    /// Time of all rows from the first access on.
    pub(crate) fn reading_ns(
        &self,
        demand: &Demand,
        channels: f64,
        ledger: &mut impl Ledger,
    ) -> f64 {
        let access = unit("cache.access-ns", self.cache.access_ns);
        let cycle = unit("cache.cycle-ns", self.cache.cycle_ns);
        let cycles = times("cycles of a slice", self.slice_cycles(demand, channels));
        ledger.time(Stage::Working, access, &[]) + ledger.time(Stage::Working, cycle, &[cycles])
    }

    /// Charges tags, and rows: a hit is read, a miss filled in.
    pub(crate) fn charge(&self, demand: &Demand, ledger: &mut impl Ledger) {
        let energy = unit("cache.pj-per-bit", self.cache.pj_per_bit);
        let lookups = demand.flows.iter().map(|flow| flow.lookups).sum();
        ledger.charge(
            Component::Cache,
            energy,
            &[times("bits of rows", demand.all.packed_bits)],
        );
        ledger.charge(
            Component::Cache,
            energy,
            &[
                times("look-ups", lookups),
                times("bits of a tag", self.cache.tag_bits),
            ],
        );
    }

    /// Charges the area of a cache of so many KB.
    pub(crate) fn charge_area(&self, kilobytes: u16, ledger: &mut impl Ledger) {
        ledger.charge(
            Component::Cache,
            unit("cache.area-um2-per-kb", self.cache.area_um2_per_kb),
            &[times("KB", f64::from(kilobytes))],
        );
    }

    /// Charges what it takes while nothing happens.
    pub(crate) fn charge_static(&self, kilobytes: u16, latency: Factor, ledger: &mut impl Ledger) {
        ledger.charge(
            Component::Cache,
            unit("cache.static-mw-per-kb", self.cache.static_mw_per_kb),
            &[times("KB", f64::from(kilobytes)), latency],
        );
    }

    /// Power while nothing happens.
    pub(crate) fn static_mw(&self, kilobytes: u16) -> f64 {
        f64::from(kilobytes) * self.cache.static_mw_per_kb
    }
}

/// The logarithm at which a content that grows is as large as the capacity, straight between steps; the
/// last one where it never is.
fn log_time_of(content: impl Fn(f64) -> f64, capacity: f64) -> f64 {
    let log_of = |step: i32| f64::from(step) * CURVE_STEP;
    let (mut low, mut high) = (LEAST_STEP, MOST_STEP);
    let (mut below, mut above) = (content(log_of(low)), content(log_of(high)));
    if above <= capacity {
        return log_of(high);
    }
    while high - low > 1 {
        let middle = i32::midpoint(low, high);
        let found = content(log_of(middle));
        if found > capacity {
            (high, above) = (middle, found);
        } else {
            (low, below) = (middle, found);
        }
    }
    let share = ((capacity - below) / (above - below)).max(0.0);
    log_of(low) + share * CURVE_STEP
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        design::{MemoryDesign, MemoryStandard, PimLevel},
        dram::{
            SystemChoice, cache::CachePolicy, field_laws::FieldLaws, popularity::Popularity,
            standard::DramStandard,
        },
        workload::{EmbeddingTable, TableStorage},
    };

    fn table(rows: u64, lookups: u16) -> EmbeddingTable {
        EmbeddingTable {
            rows,
            width: 16,
            bits: 8,
            lookups,
            storage: TableStorage::Rows,
        }
    }

    fn misses(tables: &[EmbeddingTable], laws: &[Popularity], cache_kb: u16) -> Vec<f64> {
        let memory = MemoryDesign {
            standard: MemoryStandard::Hbm2,
            pim_level: PimLevel::Host,
            channels: 1,
            cache_kb,
            system: SystemChoice::NONE,
        };
        let standard = DramStandard::preset(MemoryStandard::Hbm2).expect("a table");
        let demand = Demand::new(&standard, &memory, tables);
        let laws = FieldLaws::new(laws.to_vec());
        let rows = laws.residents(tables, &demand.flows);
        RowCache::edram().misses(cache_kb, &demand.flows, &rows)
    }

    /// Rows of 16 bytes and tags of 4.
    #[test]
    fn misses_are_those_of_the_characteristic_time() {
        let tables = [table(100_000, 1), table(5000, 3), table(40, 1)];
        let laws: Vec<Popularity> = tables
            .iter()
            .map(|table| Popularity::zipf_mandelbrot(table.rows, 1.1, 5.0))
            .collect();
        let traffic = [(0.2, &laws[0]), (0.6, &laws[1]), (0.2, &laws[2])];
        for cache_kb in [1, 4, 16, 64, 256] {
            let entries = f64::from(cache_kb) * 1024.0 / 20.0;
            let expected = CachePolicy::Lru.hit_shares(&traffic, entries);
            let found = misses(&tables, &laws, cache_kb);
            for (missed, hit) in found.iter().zip(&expected) {
                assert!(
                    (1.0 - missed - hit).abs() < 0.01,
                    "{cache_kb} {found:?} {expected:?}"
                );
            }
        }
    }

    #[test]
    fn nothing_is_missed_where_all_rows_fit() {
        let tables = [table(400, 1), table(300, 1)];
        let laws = tables.map(|table| Popularity::zipf_mandelbrot(table.rows, 1.1, 5.0));
        let missed: f64 = misses(&tables, &laws, 14).iter().sum();
        assert!(missed.abs() < 1e-9, "{missed}");
        assert!(misses(&tables, &laws, 13)[0] > 0.0);
    }

    #[test]
    fn what_cannot_be_is_an_error_that_names_the_key() {
        let check = |old: &str, new: &str, expected: &str| {
            let error = RowCache::parse(&EDRAM.replacen(old, new, 1)).expect_err("a fault");
            assert!(error.to_string().contains(expected), "{error}");
        };
        check("port-bits = 512", "port-bits = 0", "`cache.port-bits` is 0");
        check("tag-bits", "tags", "unknown field `tags`");
        check(
            "source = \"energy",
            "source = \"\" #",
            "`cache.source` is empty",
        );
    }
}
