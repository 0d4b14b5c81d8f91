//! Published memory systems as the memory of a design.

mod workloads;

use pimento_hardware::{
    Charge, Cost, CostModel, EmbeddingTable, Gathers, Hardware, Law, MemoryDesign, MemorySystem,
    OpKind, PimCostModel, Popularity, SystemChoice, TableStorage,
};
use workloads::{component, gather, workload};

/// The law that tables are asked for by where it was not measured.
const CRITEO: Law = Law {
    exponent: 1.1,
    shift: 5.0,
};

/// What a gather does, in components.
const WORK: [&str; 7] = [
    "dram_activate",
    "dram_read",
    "dram_io",
    "dram_refresh",
    "pim_units",
    "cache",
    "link",
];

/// Systems all of whose memories have units that tell how fast they add and multiply: these combine rows of
/// compressed tables, for others a tile of the chip does.
const COMBINING: [&str; 5] = ["trim-g", "trim-b", "upmem", "hbm-pim", "gddr6-aim"];

fn tables(storage: TableStorage) -> Vec<EmbeddingTable> {
    let table = |rows| EmbeddingTable {
        rows,
        width: 16,
        bits: 16,
        lookups: 1,
        storage,
    };
    [300, 5_000, 5_000, 80_000, 1_000_000].map(table).to_vec()
}

fn on(name: &str) -> Hardware {
    let naive = Hardware::naive();
    Hardware {
        memory: MemoryDesign {
            system: SystemChoice::named(name).expect("built in"),
            ..naive.memory
        }
        .canonical(),
        ..naive
    }
}

fn assert_close(found: f64, expected: f64, what: &str) {
    let error = (found - expected).abs();
    assert!(error <= 1e-9 * expected.abs(), "{what}: {found} {expected}");
}

#[test]
fn a_design_gathers_as_its_system_does() {
    let model = PimCostModel::isaac();
    for storage in [
        TableStorage::Rows,
        TableStorage::QuotientRemainder { collisions: 4 },
        TableStorage::TensorTrain {
            rank: 2,
            dims: [2, 2, 4],
        },
    ] {
        let workload = gather(tables(storage));
        let gathers = Gathers::by_law(&tables(storage), CRITEO);
        for name in MemorySystem::preset_names() {
            let system = MemorySystem::preset(name).unwrap().with_batch(1);
            let alone = system.cost(&gathers);
            let design = model.cost(&workload, &on(name));
            for part in WORK {
                let found = component(&workload, &on(name), part);
                let mut parts = alone.components.iter();
                let expected = parts.find(|cost| cost.component == part);
                let expected = expected.map_or(0.0, |cost| cost.energy_pj);
                if part == "pim_units" && storage != TableStorage::Rows && COMBINING.contains(&name)
                {
                    // 80 products of 16 bits, some picojoules each.
                    let combined_pj = found - expected;
                    assert!(combined_pj > 10.0 && combined_pj < 1e4, "{combined_pj}");
                } else {
                    assert_close(found, expected, &format!("{name} {part}"));
                }
            }
            let op = &design.breakdown.ops[0];
            assert_close(design.summary.violation, alone.violation, name);
            let is_on_tile = storage != TableStorage::Rows && !COMBINING.contains(&name);
            let combining_ns = op.stages.latency_ns() - alone.latency_ns;
            assert_eq!(combining_ns > 1e-6, is_on_tile, "{name}: {combining_ns}");
            let digital_pj = component(&workload, &on(name), "digital");
            assert_eq!(digital_pj > 0.0, is_on_tile, "{name}");
            if !is_on_tile {
                assert_close(op.interval_ns, alone.interval_ns, name);
                assert_close(design.summary.latency_ns, alone.latency_ns, name);
            }
            let without = model.summary(&workload, &Hardware::naive());
            let units_um2 = design.summary.area_um2 - without.area_um2;
            let error = (units_um2 - alone.area_um2).abs();
            assert!(error <= 1e-9 * without.area_um2, "{name}: {units_um2}");
        }
    }
}

#[test]
fn breakdowns_and_explanations_add_up() {
    let model = PimCostModel::isaac();
    let workload = workload(&[OpKind::StaticMvm {
        rows: 26 * 16,
        cols: 64,
        vectors: 1,
        weight_bits: 8,
        activation_bits: 8,
    }]);
    for name in MemorySystem::preset_names() {
        let hardware = on(name);
        let Cost {
            summary, breakdown, ..
        } = model.cost(&workload, &hardware);
        assert_eq!(summary, model.summary(&workload, &hardware));
        let components = breakdown.components.iter();
        let sum: f64 = components.clone().map(|cost| cost.energy_pj).sum();
        assert_close(sum, summary.energy_pj, name);
        let area: f64 = components.map(|cost| cost.area_um2).sum();
        assert_close(area, summary.area_um2, name);
        let explanation = model.explain(&workload, &hardware);
        let charged = |charges: &[Charge]| -> f64 { charges.iter().map(Charge::amount).sum() };
        assert_close(charged(&explanation.energy_pj), summary.energy_pj, name);
        assert_close(charged(&explanation.area_um2), summary.area_um2, name);
        let gather_ns: f64 = {
            let times = explanation.latency_ns.iter();
            times
                .filter(|time| time.op == Some(0))
                .map(Charge::amount)
                .sum()
        };
        assert_close(gather_ns, breakdown.ops[0].stages.latency_ns(), name);
        let charges = explanation.energy_pj.iter().chain(&explanation.area_um2);
        for charge in charges.chain(&explanation.latency_ns) {
            let mut sources = model.sources(charge.unit.key, &hardware).into_iter();
            assert!(sources.all(|(_, source)| !source.is_empty()), "{charge:?}");
        }
    }
}

/// RecNMP's caches have hot rows.
#[test]
fn measured_popularity_counts() {
    let tables = tables(TableStorage::Rows);
    let energy_pj = |law: fn(u64) -> Popularity| {
        let laws = tables.iter().map(|table| law(table.rows)).collect();
        let model = PimCostModel::isaac().with_popularities(laws);
        model
            .summary(&gather(tables.clone()), &on("recnmp"))
            .energy_pj
    };
    let skewed = energy_pj(|rows| Popularity::zipf_mandelbrot(rows, 1.1, 5.0));
    let even = energy_pj(Popularity::uniform);
    assert!(skewed < even, "{skewed} {even}");
    let unknown = PimCostModel::isaac();
    let by_default = unknown.summary(&gather(tables.clone()), &on("recnmp"));
    assert_close(by_default.energy_pj, skewed, "Criteo's law by default");
}

#[test]
fn what_a_system_ignores_is_one_design() {
    let naive = Hardware::naive().memory;
    let system = SystemChoice::named("trim-g").unwrap();
    let eight = MemoryDesign {
        channels: 8,
        cache_kb: 64,
        system,
        ..naive
    };
    let one = MemoryDesign { system, ..naive };
    assert_eq!(eight.canonical(), one.canonical());
    let text = serde_json::to_string(&one.canonical()).unwrap();
    assert!(text.contains(r#""system":"trim-g""#), "{text}");
    assert_eq!(
        serde_json::from_str::<MemoryDesign>(&text).unwrap(),
        one.canonical()
    );
    let text = text.replace("trim-g", "trim");
    let error = serde_json::from_str::<MemoryDesign>(&text).unwrap_err();
    assert!(error.to_string().contains("unknown memory system `trim`"));
}

/// SPACE has HBM2 and DDR4, whose energies are from two tables; a link is one.
#[test]
fn numbers_of_several_memories_have_several_sources() {
    let model = PimCostModel::isaac();
    let space = MemorySystem::preset("space").unwrap();
    let of_tier = |tier| match &space.sources_of("energy.activate-pj", Some(tier))[..] {
        [(table, source)] if table == "energy" => source.clone(),
        others => panic!("{others:?}"),
    };
    let both = model.sources("energy.activate-pj", &on("space"));
    let joined = format!("{}; {}", of_tier(0), of_tier(1));
    assert_eq!(both, [("energy".to_owned(), joined)]);
    let fleetrec = MemorySystem::preset("fleetrec").unwrap();
    let link = model.sources("link.pj-per-bit", &on("fleetrec"));
    assert_eq!(link, fleetrec.sources_of("link.pj-per-bit", None));
    assert!(link[0].1 != fleetrec.source(), "{link:?}");
}
