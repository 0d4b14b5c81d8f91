//! Agreement with published figures; each oracle file names its source.

mod oracle;

use pimento_hardware::{
    Charge, CostModel, DramStandard, EmbeddingTable, Hardware, MemoryStandard, OpKind,
    PimCostModel, PimLevel, ReramPreset, TableStorage, Workload, adc_regression, map_matrix,
};

use oracle::assert_close;

#[test]
fn isaac_chip_totals() {
    let oracle = oracle::read(include_str!("oracles/isaac_totals.json"));
    let totals = ReramPreset::isaac().totals();
    let published = |key: &str| oracle["published"][key].as_f64().unwrap();
    assert_close(totals.power_w, published("chip_power_w"), 0.005, "power");
    assert_close(totals.area_mm2, published("chip_area_mm2"), 0.005, "area");
    assert_close(
        totals.tops_per_w,
        published("peak_tops_per_w"),
        0.02,
        "TOPS/W",
    );
    let derived = |key: &str| oracle["derived"][key].as_f64().unwrap();
    assert_close(
        totals.power_w,
        derived("chip_power_w"),
        1e-4,
        "power from the parts",
    );
    // The oracle takes twelve processing elements as 0.157 mm², rounded; here their parts are added
    // up to 0.15744 mm².
    assert_close(
        totals.area_mm2,
        derived("chip_area_mm2"),
        1e-3,
        "area from the parts",
    );
    assert_close(totals.peak_tops, derived("peak_tops_16bit"), 1e-9, "peak");
}

/// PUMA's tile, component by component, and its node; docs/cost-model.md has the reasons.
#[test]
fn puma_parts_and_totals() {
    let oracle = oracle::read(include_str!("oracles/puma_components.json"));
    let puma = ReramPreset::preset("puma").unwrap();
    let totals = puma.totals();
    let paper = |key: &str| oracle["paper"][key].as_f64().unwrap();
    assert_close(totals.power_w, 0.9015 * paper("node_w"), 1e-3, "power");
    assert_close(totals.area_mm2, 0.979 * paper("node_mm2"), 1e-3, "area");
    let peak = 0.8645 * paper("node_peak_tops");
    assert_close(totals.peak_tops, peak, 1e-3, "peak");
    // Sixteen matrix units of 128 x 128 weights of 16 bits.
    let tile_mb = 16.0 * 128.0 * 128.0 * 2.0 / (1024.0 * 1024.0);
    let weights_mb = f64::from(puma.tiles()) * tile_mb;
    assert_close(weights_mb, paper("weights_mb"), 1e-9, "weights of a node");

    let hardware = Hardware {
        chip: puma.sizes(),
        ..Hardware::naive()
    };
    let kind = OpKind::StaticMvm {
        rows: 128,
        cols: 128,
        vectors: 1,
        weight_bits: 16,
        activation_bits: 16,
    };
    let workload = Workload::from_iter([kind]);
    let explanation = PimCostModel::new(puma).explain(&workload, &hardware);
    let check = |name: &str, power: f64, area: f64| {
        let sum = |charges: &[Charge]| {
            let of_part = charges.iter().filter(|charge| charge.component == name);
            of_part.map(Charge::amount).sum::<f64>()
        };
        let theirs = oracle["tile_mw"][name]["mw"].as_f64().unwrap();
        assert_close(sum(&explanation.power_mw), power * theirs, 1e-3, name);
        let theirs = oracle["tile_um2"][name]["um2"].as_f64().unwrap();
        assert_close(sum(&explanation.area_um2), area * theirs, 1e-3, name);
    };
    check("crossbar", 1.0, 1.0);
    check("dac", 1.0, 1.0);
    check("adc", 0.9, 1.0);
    check("sample_hold", 1.0, 1.0);
    check("shift_add", 1.0, 1.0);
    check("registers", 0.2287, 1.0);
    check("edram", 1.0, 1.0);
    check("bus", 0.8571, 1.0);
    check("router", 1.0, 1.0);
    check("tile_units", 1.0, 1.0);
    check("digital", 1.4151, 4.0);
}

#[test]
fn adc_regression_is_that_of_the_package() {
    let oracle = oracle::read(include_str!("oracles/adc_regression.json"));
    let points = oracle["points"].as_array().unwrap();
    assert!(points.len() > 50);
    for point in points {
        let number = |key: &str| point[key].as_f64().unwrap();
        let cost = adc_regression(number("bits"), number("node_nm"), number("rate_hz"), 1.0);
        assert_close(cost.energy_pj, number("energy_pj"), 1e-9, "energy");
        assert_close(cost.area_um2, number("area_um2"), 1e-9, "area");
    }
}

/// ISAAC's converter as AccelForge and the like price it, by the regression: 1.16 times the energy of the
/// published part, 5.4 times its area.
#[test]
fn isaac_converters_by_the_regression() {
    let text = ReramPreset::preset_text("isaac").unwrap();
    let by_regression = text.replacen("rule = \"table\"", "rule = \"regression\"", 1);
    let by_regression = PimCostModel::new(ReramPreset::parse(&by_regression).unwrap());
    let kind = OpKind::StaticMvm {
        rows: 128,
        cols: 16,
        vectors: 1,
        weight_bits: 16,
        activation_bits: 16,
    };
    let workload = Workload::from_iter([kind]);
    let part = |model: &PimCostModel| {
        let cost = model.cost(&workload, &Hardware::naive());
        let mut parts = cost.breakdown.components.into_iter();
        parts.find(|part| part.component == "adc").unwrap()
    };
    let (published, regression) = (part(&PimCostModel::isaac()), part(&by_regression));
    let energy = regression.energy_pj / published.energy_pj;
    let area = regression.area_um2 / published.area_um2;
    assert_close(energy, 1.929 * 0.6, 1e-3, "energy");
    assert_close(area, 6469.0 / 1200.0, 1e-3, "area");
}

/// A fully connected layer of 512 × 256 at 8 bits on ISAAC's parts, worked by hand: 32 crossbars,
/// 32,768 conversions of 1.6667 pJ, 32,768 drives of 0.41667 pJ, 256 reads of whole crossbars.
#[test]
fn worked_example_of_one_layer() {
    let hardware = Hardware::naive();
    let mapping = map_matrix(512, 256, 8, 8, &hardware.chip, 9).unwrap();
    assert_eq!(
        (mapping.slices, mapping.crossbars(), mapping.reads),
        (4, 32, 8)
    );
    let kind = OpKind::StaticMvm {
        rows: 512,
        cols: 256,
        vectors: 1,
        weight_bits: 8,
        activation_bits: 8,
    };
    let workload = Workload::from_iter([kind]);
    let cost = PimCostModel::isaac().cost(&workload, &hardware);
    let energy = |name: &str| {
        let mut components = cost.breakdown.components.iter();
        components
            .find(|part| part.component == name)
            .unwrap()
            .energy_pj
    };
    assert_close(energy("adc"), 54_613.3, 1e-4, "ADC");
    assert_close(energy("dac"), 13_653.4, 1e-4, "DAC");
    assert_close(energy("crossbar"), 7_680.0, 1e-9, "crossbar");
    assert_close(energy("shift_add"), 688.1, 1e-3, "shift-add");
    // Eight passes of 100 ns and the fill; then 2 levels of the adder tree, and 16 accesses of
    // 2 ns before the first.
    let latency = cost.summary.latency_ns;
    assert_close(latency, 900.0 + 2.0 + 32.0, 1e-9, "latency");
    assert_eq!(cost.breakdown.ops[0].crossbars, 32);
    assert_close(cost.breakdown.ops[0].utilisation, 1.0, 1e-12, "utilisation");
}

/// A table of 1000 rows of 16 values of 32 bits on HBM2, worked by hand. In full: one row of one
/// burst. Quotient and remainder at 4 collisions: two rows of one burst, 250 + 4 stored; 16
/// products. Tensor train of rank 8: slices of 32, 128 and 16 values are 2, 8 and 1 bursts; 640
/// multiply–accumulates are 10 cycles of 64 lanes.
#[test]
fn worked_example_of_compressed_tables() {
    let (model, mut hardware) = (PimCostModel::isaac(), Hardware::naive());
    hardware.memory.standard = MemoryStandard::Hbm2;
    let price = |storage: TableStorage, level: PimLevel| {
        let mut hardware = hardware;
        hardware.memory.pim_level = level;
        let table = EmbeddingTable {
            rows: 1000,
            width: 16,
            bits: 32,
            lookups: 1,
            storage,
        };
        let tables = vec![table].into();
        let workload = Workload::from_iter([OpKind::EmbeddingGather { tables }]);
        let cost = model.cost(&workload, &hardware);
        let energy = |name: &str| {
            let mut components = cost.breakdown.components.iter();
            let found = components.find(|part| part.component == name);
            found.map_or(0.0, |part| part.energy_pj)
        };
        let (io, activate) = (energy("dram_io"), energy("dram_activate"));
        (table.bytes(), cost.summary.latency_ns, io, activate)
    };
    let remainder = TableStorage::QuotientRemainder { collisions: 4 };
    let train = TableStorage::TensorTrain {
        rank: 8,
        dims: [4, 2, 2],
    };
    let io = 512.0 * 0.8;
    let energies = DramStandard::preset(MemoryStandard::Hbm2)
        .unwrap()
        .energies();
    let bytes = [64_000.0, 16_256.0, 7040.0];
    let reads = [(1.0, 1.0), (2.0, 2.0), (3.0, 11.0)];
    for (index, storage) in [TableStorage::Rows, remainder, train]
        .into_iter()
        .enumerate()
    {
        let (stored, _, host_io, activate) = price(storage, PimLevel::Host);
        assert_eq!(stored, bytes[index]);
        let (rows, bursts) = reads[index];
        assert_close(host_io, bursts * io, 1e-12, "bursts to the host");
        assert_close(activate, rows * energies.activate_pj, 1e-12, "rows read");
        let (_, _, unit_io, _) = price(storage, PimLevel::Bank);
        assert_close(unit_io, io, 1e-12, "one combined row");
    }
    // tRCD + CL + burst, then rows at the four-activate window of 7.5 cycles, with refresh; the
    // 11 bursts of the train need 22 bus cycles, less than three windows.
    let refresh = 1.0 - 260.0 / 3900.0;
    let latency = |storage, level| price(storage, level).1;
    let host = latency(TableStorage::Rows, PimLevel::Host);
    assert_close(host, 30.0 + 7.5 / refresh, 1e-12, "full");
    let host = latency(remainder, PimLevel::Host);
    assert_close(host, 30.0 + 15.0 / refresh + 1.0, 1e-12, "16 products");
    let host = latency(train, PimLevel::Host);
    assert_close(host, 30.0 + 22.5 / refresh + 10.0, 1e-12, "640 MACs");
    let unit = latency(remainder, PimLevel::BankGroup);
    assert_close(unit, 30.0 + 15.0 / refresh + 4.0, 1e-12, "4 per cycle");
}

/// DRAMsim3 (umd-memsys/DRAMsim3, `InitPowerParams`): pJ of a command, mW of a rank.
#[test]
fn dram_energies_are_those_of_dramsim3() {
    let check = |standard, expected: [f64; 5]| {
        let found = DramStandard::preset(standard).unwrap().energies();
        let found = [
            found.activate_pj,
            found.read_pj,
            found.refresh_pj,
            found.active_mw,
            found.idle_mw,
        ];
        for (found, expected) in found.into_iter().zip(expected) {
            assert_close(found, expected, 2e-4, &format!("{standard:?}"));
        }
    };
    check(
        MemoryStandard::Ddr4_2400,
        [3450.0, 2932.0, 692_738.0, 412.8, 326.4],
    );
    check(
        MemoryStandard::Ddr4_3200,
        [4234.0, 2806.0, 670_602.0, 499.2, 355.2],
    );
    check(MemoryStandard::Hbm2, [828.0, 804.0, 60_840.0, 66.0, 48.0]);
}

/// Cycles per vector and channel by level, from the rule of the ProactivePIM simulator
/// (YoungsukKim12/DRAMsim3, `channel_state.cc`): the four-activate window holds at every level.
#[test]
fn cycles_per_vector_by_level() {
    use PimLevel::{Bank, BankGroup, Host, Rank};
    let check = |standard, bursts: f64, expected: [f64; 4]| {
        let table = DramStandard::preset(standard).unwrap();
        for (level, expected) in [Host, Rank, BankGroup, Bank].into_iter().zip(expected) {
            let found = table.cycles_per_vector(level, bursts);
            assert_close(
                found,
                expected,
                1e-9,
                &format!("{standard:?} {level:?} {bursts}"),
            );
        }
    };
    check(MemoryStandard::Hbm2, 1.0, [7.5, 7.5, 7.5, 7.5]);
    check(MemoryStandard::Hbm2, 4.0, [8.0, 8.0, 7.5, 7.5]);
    check(MemoryStandard::Hbm2, 8.0, [16.0, 16.0, 7.5, 7.5]);
    check(MemoryStandard::Hbm2, 16.0, [32.0, 32.0, 8.0, 7.5]);
    check(MemoryStandard::Ddr4_3200, 1.0, [4.25, 4.25, 4.25, 4.25]);
    check(MemoryStandard::Ddr4_3200, 2.0, [8.0, 4.25, 4.25, 4.25]);
    check(MemoryStandard::Ddr4_3200, 4.0, [16.0, 8.0, 4.25, 4.25]);
    check(MemoryStandard::Ddr4_3200, 8.0, [32.0, 16.0, 8.0, 4.25]);
}

#[test]
fn presets_with_mistakes_are_refused() {
    let good = include_str!("../presets/chips/isaac.toml");
    let check = |from: &str, to: &str, message: &str| {
        assert!(good.contains(from), "{from}");
        let error = ReramPreset::parse(&good.replacen(from, to, 1))
            .unwrap_err()
            .to_string();
        assert!(error.contains(message), "{error}");
    };
    check(
        "read-ns = 100.0",
        "read-ns = -1.0",
        "`crossbar.read-ns` is -1",
    );
    check(
        "read-ns = 100.0",
        "reed-ns = 100.0",
        "unknown field `reed-ns`",
    );
    check(
        "source = \"ISAAC paper, component table\"",
        "source = \"\"",
        "`cell.source` is empty",
    );
}
