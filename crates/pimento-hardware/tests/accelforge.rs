//! AccelForge's ISAAC, component by component: energy of an action, number of actions, area.
//!
//! The oracle holds what AccelForge says. Its energies of an action are worked out here once more, from
//! NeuroSim's cell and driver and the histograms of its example, before our model gets them.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod oracle;

use pimento_hardware::{
    Cost, CostModel, Hardware, OpKind, PimCostModel, ReramPreset, Workload, adc_regression,
};
use serde_json::Value;

use oracle::assert_close;

/// Energies of an action in pJ: a conversion, its leakage included, a drive of a row, a read of a cell, a
/// shift-and-add.
#[derive(Debug, Clone, Copy)]
struct Units {
    adc: f64,
    row_driver: f64,
    cell: f64,
    shift_add: f64,
}

impl Units {
    /// AccelForge's, at weights and inputs of `bits`.
    fn of(oracle: &Value, bits: u64) -> Self {
        let (cell, driver) = (&oracle["cell"], &oracle["row_driver"]);
        let input = mean_slice(&oracle["values"]["inputs_histogram"], bits, 1);
        let weight = mean_slice(&oracle["values"]["weights_histogram"], bits, 2);
        let (on, off) = (number(cell, "on_pj"), number(cell, "off_pj"));
        let swing = number(driver, "drive_pj") + number(driver, "wire_pj");
        Self {
            adc: adc_regression(8.0, 32.0, 1.28e9, 1.0).energy_pj,
            row_driver: number(driver, "idle_pj") + input * swing,
            cell: input * (off + weight * (on - off)),
            shift_add: number(&oracle["shift_add"], "energy_pj_16bit") * bits as f64 / 16.0,
        }
    }

    /// ISAAC's chip with AccelForge's converters, drivers, cells and shift-and-adds.
    fn preset(self, oracle: &Value) -> ReramPreset {
        let mut text = ReramPreset::preset_text("isaac").unwrap().to_owned();
        let mut change = |from: &str, to: &str| {
            assert!(text.contains(from), "{from}");
            text = text.replacen(from, to, 1);
        };
        let crossbar = |part: &str| number(&oracle[part], "area_um2_per_crossbar");
        // A cell of 16 F² at 32 nm.
        let cells = 128.0 * 128.0 * number(&oracle["cell"], "area_f2") * 0.032 * 0.032;
        let power = self.cell * 128.0 * 128.0 / 100.0;
        change("rule = \"table\"", "rule = \"regression\"");
        change("power-mw = 0.3 ", &format!("power-mw = {power} "));
        change("area-um2 = 25.0", &format!("area-um2 = {cells}"));
        let driver = format!("energy-pj = {}", self.row_driver);
        change("energy-pj = 0.41667", &driver);
        let area = format!("area-um2 = {}", crossbar("row_driver") / 128.0);
        change("area-um2 = 0.166015625", &area);
        change("crossbars = 2\n", "crossbars = 1\n");
        let shift_add = format!("energy-pj = {}", self.shift_add);
        change("energy-pj = 0.021", &shift_add);
        ReramPreset::parse(&text).unwrap()
    }
}

/// The mean value, from 0 to 1, of slices of `slice_bits` of an offset-encoded value of `bits`. A histogram
/// of seven values tells three bits; AccelForge takes the mean of those for all further ones.
fn mean_slice(histogram: &Value, bits: u64, slice_bits: u64) -> f64 {
    let weights: Vec<f64> = histogram.as_array().unwrap().iter().map(float).collect();
    let all: f64 = weights.iter().sum();
    let ones = |place: u64| {
        let set = (0..).zip(&weights);
        let set = set.filter(|(value, _)| value >> (2 - place) & 1 == 1_u64);
        set.map(|(_, weight)| weight / all).sum::<f64>()
    };
    let mean = (ones(0) + ones(1) + ones(2)) / 3.0;
    let bit = |place: u64| if place < 3 { ones(place) } else { mean };
    let slice = |first: u64| {
        let value = (0..slice_bits).fold(0.0, |sum, place| 2.0 * sum + bit(first + place));
        value / ((1 << slice_bits) - 1) as f64
    };
    let slices = bits / slice_bits;
    (0..slices).map(|at| slice(at * slice_bits)).sum::<f64>() / slices as f64
}

fn float(value: &Value) -> f64 {
    value.as_f64().unwrap()
}

fn number(value: &Value, key: &str) -> f64 {
    value[key].as_f64().unwrap_or_else(|| panic!("`{key}`"))
}

fn accelforge() -> Value {
    oracle::read(include_str!("oracles/accelforge_isaac.json"))
}

/// A run's matrix for one input vector on macros of eight crossbars, each macro a tile.
fn cost(preset: ReramPreset, run: &Value) -> Cost {
    let bits = number(run, "bits") as u8;
    let kind = OpKind::StaticMvm {
        rows: number(run, "rows") as u32,
        cols: number(run, "cols") as u32,
        vectors: 1,
        weight_bits: bits,
        activation_bits: bits,
    };
    let workload = Workload::from_iter([kind]);
    let mut hardware = Hardware::naive();
    hardware.chip.pes_per_tile = 1;
    PimCostModel::new(preset).cost(&workload, &hardware)
}

/// Energy in pJ and area in µm².
fn part(cost: &Cost, name: &str) -> (f64, f64) {
    let mut parts = cost.breakdown.components.iter();
    let part = parts.find(|part| part.component == name).unwrap();
    (part.energy_pj, part.area_um2)
}

/// The converter's dynamic energy and leakage: together they are the regression's energy where it converts
/// all the time.
#[test]
fn energies_of_an_action() {
    let oracle = accelforge();
    let adc = &oracle["adc"];
    for run in oracle["runs"].as_array().unwrap() {
        let units = Units::of(&oracle, run["bits"].as_u64().unwrap());
        let check = |name: &str, unit: f64| {
            let theirs = number(&run["energy_pj"], name);
            let actions = number(&run["actions"], name);
            assert_close(unit * actions, theirs, 1e-6, name);
        };
        check("adc", 0.8 * units.adc);
        check("row_drivers", units.row_driver);
        check("cells", units.cell);
        check("shift_add", units.shift_add);
        let leakage = number(adc, "leakage_mw") / number(adc, "rate_gs");
        let energy = number(adc, "energy_pj") + leakage;
        assert_close(units.adc, energy, 1e-12, "converter");
    }
}

/// Six matrices with AccelForge's energies of an action. AccelForge adds up crossbars of the same macro
/// before it shifts and adds, for nothing; we shift and add after each conversion. Its shift-and-adds do
/// 1.2 of them in a nanosecond and are slower than the converters where they are not fewer; ours keep up.
#[test]
fn energies_with_the_same_constants() {
    let oracle = accelforge();
    for run in oracle["runs"].as_array().unwrap() {
        let units = Units::of(&oracle, run["bits"].as_u64().unwrap());
        let cost = cost(units.preset(&oracle), run);
        assert_eq!(
            f64::from(cost.figures.tiles),
            number(run, "macros"),
            "macros"
        );
        let check = |name: &str, theirs: &str, ratio: f64| {
            let theirs = number(&run["energy_pj"], theirs);
            assert_close(part(&cost, name).0, ratio * theirs, 1e-6, name);
        };
        check("adc", "adc", 1.25);
        check("dac", "row_drivers", 1.0);
        check("crossbar", "cells", 1.0);
        let summed_up = (number(run, "rows") / 128.0).ceil();
        check("shift_add", "shift_add", summed_up);
        // Eight shift-and-adds of a macro, one after each conversion.
        let shift_adds = number(&run["actions"], "shift_add") / (8.0 * number(run, "macros"));
        let shifting_ns = shift_adds / number(&oracle["shift_add"], "rate_gs");
        let working_ns = cost.breakdown.ops[0].stages.working_ns;
        let latency_ns = number(run, "latency_ns");
        assert_close(working_ns.max(shifting_ns), latency_ns, 1e-6, "time");
    }
}

/// Areas of a macro of eight crossbars. Drivers of bit lines are not in our model.
#[test]
fn areas_with_the_same_constants() {
    let oracle = accelforge();
    let run = &oracle["runs"][1];
    let cost = cost(Units::of(&oracle, 16).preset(&oracle), run);
    let check = |name: &str, theirs: &str| {
        let theirs = number(&oracle["macro_area_um2"], theirs);
        assert_close(part(&cost, name).1, theirs, 1e-6, name);
    };
    check("adc", "adc");
    check("dac", "row_drivers");
    check("crossbar", "cells");
    check("shift_add", "shift_add");
}

/// Our chip `isaac` ÷ AccelForge's, a macro filled by 128 × 128 weights of 16 bits: docs/cost-model.md has
/// the reasons.
#[test]
fn isaac_beside_accelforge() {
    let oracle = accelforge();
    let run = &oracle["runs"][1];
    let cost = cost(ReramPreset::isaac(), run);
    let energy = |name: &str| part(&cost, name).0;
    let area = |name: &str| part(&cost, name).1;
    let theirs = |name: &str| number(&run["energy_pj"], name);
    let adc = theirs("adc") + number(&run["leakage_pj"], "adc");
    assert_close(energy("adc"), 0.8525 * adc, 1e-3, "converters");
    let drivers = theirs("row_drivers");
    assert_close(energy("dac"), 11.562 * drivers, 1e-3, "row drivers");
    assert_close(energy("crossbar"), 0.2852 * theirs("cells"), 1e-3, "cells");
    assert_close(energy("shift_add"), theirs("shift_add"), 1e-6, "shift-add");
    let buffers = theirs("buffers") + number(&run["leakage_pj"], "buffers");
    assert_close(energy("registers"), 6.538 * buffers, 1e-3, "buffers");
    let theirs = |name: &str| number(&oracle["macro_area_um2"], name);
    assert_close(area("adc"), 0.18549 * theirs("adc"), 1e-3, "converters");
    let drivers = theirs("row_drivers");
    assert_close(area("dac"), 0.0155 * drivers, 1e-3, "row drivers");
    assert_close(area("crossbar"), 0.09313 * theirs("cells"), 1e-3, "cells");
    assert_close(area("shift_add"), theirs("shift_add") / 2.0, 1e-6, "");
    let buffers = theirs("input_buffer") + theirs("output_buffer");
    assert_close(area("registers"), 0.49081 * buffers, 1e-3, "buffers");
}

/// ISAAC's parts in hwcomponents-library, and its energies of a bit in buffer and bus, for the same macro.
#[test]
fn isaac_parts_of_the_library() {
    let oracle = accelforge();
    let run = &oracle["runs"][1];
    let cost = cost(ReramPreset::isaac(), run);
    let check = |name: &str, key: &str, count: f64| {
        let theirs = number(&oracle["library"], key) * count;
        assert_close(part(&cost, name).0, theirs, 1e-6, name);
    };
    let count = |name: &str| number(&run["actions"], name);
    check("adc", "adc_pj", count("adc"));
    check("dac", "dac_pj", count("row_drivers"));
    check("shift_add", "shift_add_pj", count("shift_add"));
    // 128 values in and 128 out, of 16 bits each.
    let bits = 256.0 * 16.0;
    check("edram", "edram_pj_per_bit", bits);
    check("bus", "bus_pj_per_bit", bits);
}
