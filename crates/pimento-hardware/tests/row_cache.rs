//! What holds for the cache of embedding rows that a design may have.

use pimento_hardware::{
    Cost, CostModel, EmbeddingTable, Hardware, MemoryDesign, MemoryStandard, OpKind, PimCostModel,
    PimLevel, Popularity, SystemChoice, TableStorage, Workload,
};
use proptest::prelude::*;

fn memory() -> impl Strategy<Value = MemoryDesign> {
    (
        prop::sample::select(vec![
            MemoryStandard::Ddr4_2400,
            MemoryStandard::Ddr5_4800,
            MemoryStandard::Lpddr5_6400,
            MemoryStandard::Gddr6_14000,
            MemoryStandard::Hbm2,
            MemoryStandard::Hbm3_6400,
        ]),
        prop::sample::select(vec![
            PimLevel::Host,
            PimLevel::Rank,
            PimLevel::BankGroup,
            PimLevel::Bank,
        ]),
        1..=8_u16,
        1..300_u16,
    )
        .prop_map(|(standard, pim_level, channels, cache_kb)| MemoryDesign {
            standard,
            pim_level,
            channels,
            cache_kb,
            system: SystemChoice::NONE,
        })
}

/// A table, and counts of a few of its rows.
fn table() -> impl Strategy<Value = (EmbeddingTable, Popularity)> {
    let storage = prop_oneof![
        Just(TableStorage::Rows),
        (2..64_u32).prop_map(|collisions| TableStorage::QuotientRemainder { collisions }),
        (1..=16_u16).prop_map(|rank| TableStorage::TensorTrain {
            rank,
            dims: [4, 4, 4]
        }),
    ];
    let counts = prop::collection::vec(0..10_000_u64, 1..40);
    let sizes = (40..200_000_u64, 1..=64_u16, 1..=3_u16);
    let bits = prop::sample::select(vec![4, 8, 16, 32]);
    (sizes, bits, storage, counts).prop_map(|((rows, width, lookups), bits, storage, counts)| {
        let table = EmbeddingTable {
            rows,
            width,
            bits,
            lookups,
            storage,
        };
        (table, Popularity::histogram(&counts, rows))
    })
}

/// A gather, and the model that knows how its rows are asked for.
fn gather(tables: Vec<(EmbeddingTable, Popularity)>) -> (Workload, PimCostModel) {
    let (tables, popularities): (Vec<_>, Vec<_>) = tables.into_iter().unzip();
    let mut model = PimCostModel::isaac().with_popularities(popularities);
    for (field, table) in tables.iter().enumerate() {
        model = model.with_tables(field, &[*table]);
    }
    let tables = tables.into();
    let workload = Workload::from_iter([OpKind::EmbeddingGather { tables }]);
    (workload, model)
}

fn on(memory: MemoryDesign) -> Hardware {
    Hardware {
        memory,
        ..Hardware::naive()
    }
}

fn energy(cost: &Cost, component: &str) -> f64 {
    let mut parts = cost.breakdown.components.iter();
    parts
        .find(|part| part.component == component)
        .map_or(0.0, |part| part.energy_pj)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_larger_cache_is_never_slower_and_never_reads_more(
        memory in memory(), tables in prop::collection::vec(table(), 1..12),
    ) {
        let (workload, model) = gather(tables);
        let with = |cache_kb| model.cost(&workload, &on(MemoryDesign { cache_kb, ..memory }));
        let sizes = [0, 1, memory.cache_kb, memory.cache_kb + 1, 2 * memory.cache_kb, u16::MAX];
        let mut smaller = with(0);
        for cache_kb in sizes {
            let larger = with(cache_kb);
            let least = 1.0 + 1e-12;
            for part in ["dram_activate", "dram_read", "dram_io", "dram_refresh", "pim_units"] {
                prop_assert!(energy(&larger, part) <= energy(&smaller, part) * least, "{} {}", cache_kb, part);
            }
            prop_assert!(larger.summary.latency_ns <= smaller.summary.latency_ns * least, "{}", cache_kb);
            prop_assert!(
                larger.summary.throughput_per_s * least >= smaller.summary.throughput_per_s, "{}", cache_kb
            );
            prop_assert!(larger.summary.area_um2 >= smaller.summary.area_um2);
            prop_assert_eq!(larger.summary.violation, smaller.summary.violation);
            smaller = larger;
        }
    }

    #[test]
    fn charges_add_up(memory in memory(), tables in prop::collection::vec(table(), 1..12)) {
        let (workload, model) = gather(tables);
        let (cost, explanation) = (model.cost(&workload, &on(memory)), model.explain(&workload, &on(memory)));
        let near = |a: f64, b: f64| (a - b).abs() <= 1e-9 * b.abs();
        let components: f64 = cost.breakdown.components.iter().map(|part| part.energy_pj).sum();
        let ops: f64 = cost.breakdown.ops.iter().map(|op| op.energy_pj).sum();
        let charges = |component: Option<&str>| -> f64 {
            let charges = explanation.energy_pj.iter();
            let charges = charges.filter(|charge| component.is_none_or(|name| name == charge.component));
            charges.map(pimento_hardware::Charge::amount).sum()
        };
        for sum in [components, ops, charges(None)] {
            prop_assert!(near(sum, cost.summary.energy_pj));
        }
        prop_assert!(energy(&cost, "cache") > 0.0);
        prop_assert!(near(charges(Some("cache")), energy(&cost, "cache")));
        prop_assert_eq!(model.summary(&workload, &on(memory)), cost.summary);
    }

    /// What is tabulated before and what is tabulated on the way are the same.
    #[test]
    fn tables_need_not_be_told(memory in memory(), tables in prop::collection::vec(table(), 1..6)) {
        let popularities = tables.iter().map(|(_, popularity)| popularity.clone()).collect();
        let (workload, model) = gather(tables);
        let other = PimCostModel::isaac().with_popularities(popularities);
        prop_assert_eq!(model.cost(&workload, &on(memory)), other.cost(&workload, &on(memory)));
    }
}

fn full(rows: u64, lookups: u16) -> EmbeddingTable {
    EmbeddingTable {
        rows,
        width: 16,
        bits: 8,
        lookups,
        storage: TableStorage::Rows,
    }
}

/// 26 tables of 100 rows of 16 bytes and tags of 4 fit into 51 KB: no row is opened, and 416 bytes leave
/// by a port of 64 bytes per ns.
#[test]
fn a_cache_of_all_rows_by_hand() {
    let law = Popularity::zipf_mandelbrot(100, 1.0, 0.0);
    let (workload, model) = gather(vec![(full(100, 1), law); 26]);
    let memory = MemoryDesign {
        cache_kb: 51,
        system: SystemChoice::NONE,
        ..Hardware::naive().memory
    };
    let cost = model.cost(&workload, &on(memory));
    assert!(energy(&cost, "dram_activate") < 1e-6);
    let expected_ns = 2.0 + 416.0 / 64.0;
    assert!((cost.breakdown.ops[0].stages.working_ns - expected_ns).abs() < 1e-6);
    let dynamic_pj = 0.07988 * 26.0 * (128.0 + 32.0);
    let static_pj = 51.0 * 0.46 / 64.0 * cost.summary.latency_ns;
    assert!((energy(&cost, "cache") / (dynamic_pj + static_pj) - 1.0).abs() < 1e-9);
    let area = cost.breakdown.components.iter();
    let area: f64 = area
        .filter(|part| part.component == "cache")
        .map(|part| part.area_um2)
        .sum();
    assert!((area / (51.0 * 83_000.0 / 64.0) - 1.0).abs() < 1e-9);
}

/// Without popularities, or with those of other tables, rows are asked for by the law of Criteo's.
#[test]
fn tables_that_were_not_measured_are_like_criteos() {
    let rows = [10_u64, 3000, 200_000];
    let law = |&rows: &u64| Popularity::zipf_mandelbrot(rows, 1.10, 5.0);
    let tables = rows.iter().map(|rows| (full(*rows, 1), law(rows)));
    let (workload, measured) = gather(tables.collect());
    let memory = MemoryDesign {
        cache_kb: 16,
        system: SystemChoice::NONE,
        ..Hardware::naive().memory
    };
    let expected = measured.cost(&workload, &on(memory));
    for model in [
        PimCostModel::isaac(),
        PimCostModel::isaac().with_popularities(vec![Popularity::uniform(10)]),
    ] {
        assert_eq!(model.cost(&workload, &on(memory)), expected);
    }
    let even = rows.map(Popularity::uniform).to_vec();
    let even = PimCostModel::isaac().with_popularities(even);
    let (even, skewed) = (even.cost(&workload, &on(memory)), expected);
    assert!(energy(&even, "dram_activate") > 1.2 * energy(&skewed, "dram_activate"));
}

#[test]
fn tables_in_crossbars_have_no_cache() {
    let (workload, model) = gather(vec![(full(1000, 1), Popularity::uniform(1000))]);
    let in_cells = MemoryDesign {
        standard: MemoryStandard::Reram,
        cache_kb: 64,
        system: SystemChoice::NONE,
        ..Hardware::naive().memory
    };
    assert_eq!(in_cells.canonical().cache_kb, 0);
    let (with, without) = (on(in_cells), on(in_cells.canonical()));
    assert_eq!(
        model.cost(&workload, &with),
        model.cost(&workload, &without)
    );
    let hbm = MemoryDesign {
        standard: MemoryStandard::Hbm2,
        ..in_cells
    };
    assert_eq!(hbm.canonical(), hbm);
}
