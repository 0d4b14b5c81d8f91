//! Systems whose banks have a port each and work side by side, one sample after another.

use serde::Deserialize;

use crate::dram::{
    merging::{BankMemory, MergePlan, MergedTable, PlacementRule},
    system::{MemorySystem, placement::Placement, tier::TierTime},
    workload::Gathers,
};

/// Banks with a port each. The memories behind them are those of the system whose names are those of the
/// groups; banks without one, such as those on a chip, cost time and no energy.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Banks {
    /// A built-in memory of banks.
    #[serde(deserialize_with = "named_memory")]
    pub(crate) memory: BankMemory,
    /// Whether tables are merged by Cartesian products where that is faster.
    pub(crate) merged: bool,
    pub(crate) source: String,
}

/// A batch in the banks.
pub(super) struct Served<'a> {
    pub(super) placement: Placement<'a>,
    /// Of the memories of the system.
    pub(super) times: Vec<TierTime>,
    /// Time of all samples, one after another.
    pub(super) busy_ns: f64,
    pub(super) violation: f64,
}

impl Banks {
    /// Places the tables and reads them for every sample of a batch.
    pub(super) fn serve<'a>(&self, system: &MemorySystem, gathers: &Gathers) -> Served<'a> {
        let tables: Vec<_> = gathers.tables.iter().map(|table| table.asked).collect();
        let plan = if self.merged {
            MergePlan::best(&tables, &self.memory)
        } else {
            MergePlan::unmerged(&tables, &self.memory, PlacementRule::Exchange)
        };
        let batch = f64::from(system.batch);
        let mut served = Served {
            placement: Placement {
                hot_share: 1.0,
                ..Placement::default()
            },
            times: Vec::new(),
            busy_ns: batch * plan.lookup_latency_ns(),
            violation: plan.violation(),
        };
        for tier in &system.tiers {
            let tables = plan.tables_in(&tier.name);
            let mut time = TierTime::default();
            for table in &tables {
                let lookups = batch * f64::from(table.lookups);
                time.lookups += lookups;
                time.activations += lookups;
                time.reads += lookups * tier.standard.bursts(table.row_bits() as f64 / 8.0);
            }
            time.crossing_bits = time.reads * tier.standard.burst_bits();
            time.reading_ns = batch * plan.busy_ns(&tier.name);
            time.imbalance = 1.0;
            served.times.push(time);
            let bytes = tables.iter().map(MergedTable::bytes).sum();
            served.placement.stored_bytes.push(bytes);
        }
        served
    }
}

fn named_memory<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<BankMemory, D::Error> {
    let name = String::deserialize(deserializer)?;
    BankMemory::preset(&name).ok_or_else(|| {
        let known = BankMemory::preset_names().join(", ");
        serde::de::Error::custom(format!("unknown banks `{name}`, expected one of {known}"))
    })
}

#[cfg(test)]
mod tests {
    use crate::dram::{Gathers, MemorySystem, RankingModel};

    /// W. Jiang, PhD thesis, ETH Zurich, table 8.4: 458 ns with products, one round.
    #[test]
    fn microrec_gathers_its_small_model_in_one_round() {
        let model = RankingModel::preset("microrec-small").expect("built in");
        let gathers = Gathers::by_law(&model.tables(32), model.law());
        let system = MemorySystem::preset("microrec").expect("built in");
        let cost = system.with_batch(1).cost(&gathers);
        assert!((cost.latency_ns / 458.0 - 1.0).abs() < 0.01, "{cost:?}");
        assert_eq!(cost.violation, 0.0);
        assert!(cost.energy_pj > 0.0);
    }
}
