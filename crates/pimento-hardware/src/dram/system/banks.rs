//! Systems whose banks have a port each and work side by side, one sample after another.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use serde::Deserialize;

use crate::{
    dram::{
        merging::{BankMemory, MergePlan, MergedTable, PlacementRule},
        system::{MemorySystem, placement::Placement, tier::TierTime},
        workload::Gathers,
    },
    workload::EmbeddingTable,
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
    #[serde(skip)]
    plans: Plans,
}

/// A batch in the banks.
pub(super) struct Served {
    pub(super) placement: Placement,
    /// Time of all samples, one after another.
    pub(super) busy_ns: f64,
    pub(super) violation: f64,
}

impl Banks {
    /// Places the tables and reads them for every sample of a batch.
    pub(super) fn serve(&self, system: &MemorySystem, gathers: &Gathers) -> Served {
        let tables: Vec<_> = gathers.tables.iter().map(|table| table.asked).collect();
        let plan = self
            .plans
            .of(tables, |tables| Plan::new(self, system, tables));
        let batch = f64::from(system.batch);
        let times = system.tiers.iter().zip(&plan.tiers).map(|(tier, part)| {
            let reads = batch * part.bursts;
            TierTime {
                lookups: batch * part.lookups,
                activations: batch * part.lookups,
                reads,
                crossing_bits: reads * tier.standard.burst_bits(),
                reading_ns: batch * part.busy_ns,
                imbalance: 1.0,
                ..TierTime::default()
            }
        });
        Served {
            placement: Placement {
                hot_share: 1.0,
                times: times.collect(),
                stored_bytes: plan.tiers.iter().map(|part| part.stored_bytes).collect(),
                ..Placement::default()
            },
            busy_ns: batch * plan.latency_ns,
            violation: plan.violation,
        }
    }
}

/// Where tables lie, in figures of a sample.
#[derive(Debug)]
struct Plan {
    latency_ns: f64,
    violation: f64,
    /// Of the memories of the system.
    tiers: Vec<TierPlan>,
}

/// A memory's part of a plan.
#[derive(Debug)]
struct TierPlan {
    lookups: f64,
    bursts: f64,
    busy_ns: f64,
    stored_bytes: f64,
}

impl Plan {
    fn new(banks: &Banks, system: &MemorySystem, tables: &[EmbeddingTable]) -> Self {
        let plan = if banks.merged {
            MergePlan::best(tables, &banks.memory)
        } else {
            MergePlan::unmerged(tables, &banks.memory, PlacementRule::Exchange)
        };
        let tiers = system.tiers.iter().map(|tier| {
            let tables = plan.tables_in(&tier.name);
            let lookups = |table: &MergedTable| f64::from(table.lookups);
            let bursts = |table: &MergedTable| {
                lookups(table) * tier.standard.bursts(table.row_bits() as f64 / 8.0)
            };
            TierPlan {
                lookups: tables.iter().map(lookups).sum(),
                bursts: tables.iter().map(bursts).sum(),
                busy_ns: plan.busy_ns(&tier.name),
                stored_bytes: tables.iter().map(MergedTable::bytes).sum(),
            }
        });
        Self {
            latency_ns: plan.lookup_latency_ns(),
            violation: plan.violation(),
            tiers: tiers.collect(),
        }
    }
}

/// The plans that were made before: a search prices the same tables again and again, and a plan takes
/// milliseconds.
#[derive(Debug, Clone, Default)]
struct Plans(Arc<Mutex<HashMap<Vec<EmbeddingTable>, Arc<Plan>>>>);

impl Plans {
    /// Plans that are kept at most.
    const MOST: usize = 4096;

    fn of(
        &self,
        tables: Vec<EmbeddingTable>,
        new: impl FnOnce(&[EmbeddingTable]) -> Plan,
    ) -> Arc<Plan> {
        let known = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(plan) = known().get(&tables) {
            return Arc::clone(plan);
        }
        let plan = Arc::new(new(&tables));
        let mut known = known();
        if known.len() >= Self::MOST {
            known.clear();
        }
        known.insert(tables, Arc::clone(&plan));
        plan
    }
}

/// What is known already tells no systems apart.
impl PartialEq for Plans {
    fn eq(&self, _: &Self) -> bool {
        true
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
    /// Plans that are kept are those of the same tables.
    #[test]
    fn tables_cost_the_same_whatever_was_priced_before() {
        let model = RankingModel::preset("microrec-small").expect("built in");
        let gathers = |bits| Gathers::by_law(&model.tables(bits), model.law());
        let used = MemorySystem::preset("microrec").expect("built in");
        let costs: Vec<_> = [32, 16, 32].map(|bits| used.cost(&gathers(bits))).into();
        assert_eq!(costs[0], costs[2]);
        assert!(costs[1].latency_ns < costs[0].latency_ns);
        let fresh = MemorySystem::preset("microrec").expect("built in");
        assert_eq!(fresh.cost(&gathers(16)), costs[1]);
    }
}
