//! The way of sums: from the units that have a part of one to whoever asked for it.

use crate::{
    design::PimLevel,
    dram::system::{Layout, Tier, Units},
};

/// Sums of as many rows each that a memory is asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Sums {
    /// How many, in a batch.
    pub(super) count: f64,
    /// Rows of each.
    pub(super) rows: f64,
    /// Bytes of all results.
    pub(super) bytes: f64,
    /// Values added up and multiplied.
    pub(super) values: f64,
}

impl Sums {
    /// As if all had as many rows.
    pub(super) fn alike(all: &[Self]) -> Self {
        let mut alike = Self::default();
        for sums in all {
            alike.count += sums.count;
            alike.rows += sums.count * sums.rows;
            alike.bytes += sums.bytes;
            alike.values += sums.values;
        }
        alike.rows /= alike.count.max(f64::MIN_POSITIVE);
        alike
    }

    /// Adds further ones to those of as many rows each.
    pub(super) fn join(all: &mut Vec<Self>, further: Self) {
        match all.iter_mut().find(|sums| sums.rows == further.rows) {
            Some(sums) => {
                sums.count += further.count;
                sums.bytes += further.bytes;
                sums.values += further.values;
            }
            None => all.push(further),
        }
    }
}

/// What the sums of a batch cross on their way.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct WayOfSums {
    /// Partial sums to merge.
    pub(super) partial: f64,
    /// Bytes over the data paths of ranks, from units below them.
    pub(super) rank_bytes: f64,
    /// Bytes over the channels.
    pub(super) crossing_bytes: f64,
}

impl WayOfSums {
    /// Rows lie at random, so a sum has parts in as many units as they touch.
    pub(super) fn new(tier: &Tier, table: &Units, sums: &[Sums]) -> Self {
        let channels = f64::from(tier.channels);
        let units = Places::new(channels * tier.units_per_channel());
        let modules = channels * f64::from(tier.modules);
        let modules =
            (table.merges_below_channel && modules != units.count).then(|| Places::new(modules));
        let mut way = Self::default();
        for sums in sums {
            let (partial, parts, crossing) = match tier.layout {
                // Each unit has its slice of the sum, or all of it.
                Layout::Ranks | Layout::Tables => (0.0, 1.0, 1.0),
                Layout::Bank | Layout::Banks => {
                    let parts = units.touched(sums.rows);
                    let crossing = if table.tree_stages > 0 {
                        1.0
                    } else {
                        modules.map_or(parts, |modules| modules.touched(sums.rows))
                    };
                    (parts, parts, crossing)
                }
            };
            way.partial += sums.count * partial;
            way.crossing_bytes += sums.bytes * crossing;
            if matches!(tier.gather, PimLevel::BankGroup | PimLevel::Bank) {
                way.rank_bytes += sums.bytes * parts;
            }
        }
        way
    }
}

/// Places among which rows are placed at random.
#[derive(Debug, Clone, Copy)]
struct Places {
    count: f64,
    /// Logarithm of the probability that a row lies elsewhere than in a given one.
    elsewhere: f64,
}

impl Places {
    fn new(count: f64) -> Self {
        Self {
            count,
            // A single place has every row.
            elsewhere: (1.0 - 1.0 / count).max(f64::MIN_POSITIVE).ln(),
        }
    }

    /// Those that `rows` rows touch.
    fn touched(self, rows: f64) -> f64 {
        self.count * (1.0 - (rows * self.elsewhere).exp())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dram::MemorySystem;

    /// A million rows touch every unit: parts of sums of `trim-g`'s 32, `recnmp`'s 32, `fafnir`'s 32 and
    /// `upmem`'s 2560, and what is left of them on ranks and channels, in sums.
    #[test]
    fn sums_are_merged_where_the_preset_says() {
        let check = |name: &str, expected: [f64; 3]| {
            let system = MemorySystem::preset(name).expect("built in");
            let tier = &system.tiers[0];
            let sums = Sums {
                count: 2.0,
                rows: 1e6,
                bytes: 128.0,
                values: 0.0,
            };
            let way = WayOfSums::new(tier, tier.units.as_ref().expect("units"), &[sums]);
            let found = [
                way.partial,
                way.rank_bytes / 64.0,
                way.crossing_bytes / 64.0,
            ];
            for (found, expected) in found.iter().zip(expected) {
                assert!((found - 2.0 * expected).abs() < 1e-6, "{name}: {found}");
            }
        };
        check("trim-g", [32.0, 32.0, 2.0]);
        check("recnmp", [32.0, 0.0, 16.0]);
        check("fafnir", [32.0, 0.0, 1.0]);
        check("tensordimm", [0.0, 0.0, 1.0]);
        check("upmem", [0.0, 1.0, 1.0]);
        check("heam", [32.0, 32.0, 32.0]);
    }

    /// TRiM (MICRO 2021), by summaries: parts of a sum of 20 rows in 8, 16, 32 and 64 units.
    #[test]
    fn rows_touch_units() {
        let parts = [8.0, 16.0, 32.0, 64.0].map(|units| Places::new(units).touched(20.0));
        for (found, expected) in parts.iter().zip([7.45, 11.6, 15.0, 17.3]) {
            assert!((found - expected).abs() < 0.06, "{found}");
        }
    }
}
