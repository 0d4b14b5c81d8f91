//! Agreement with the tools and chips that others trust, each with its own constants; each oracle file
//! names its source.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod oracle;

use pimento_hardware::{
    ChipDesign, CostModel, Hardware, OpKind, PimCostModel, ReramPreset, Workload,
};
use serde_json::Value;

use oracle::assert_close;

fn layer(rows: u64, cols: u64, bits: (u64, u64)) -> Workload {
    let kind = OpKind::StaticMvm {
        rows: rows as u32,
        cols: cols as u32,
        vectors: 1,
        weight_bits: bits.0 as u8,
        activation_bits: bits.1 as u8,
    };
    Workload::from_iter([kind])
}

fn number(value: &Value, key: &str) -> u64 {
    value[key].as_u64().unwrap_or_else(|| panic!("`{key}`"))
}

/// Changes a key of a preset's text.
fn with(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "{from}");
    text.replacen(from, to, 1)
}

/// A preset's hardware, of other sizes.
fn hardware(preset: &ReramPreset, change: impl FnOnce(&mut ChipDesign)) -> Hardware {
    let mut chip = preset.sizes();
    change(&mut chip);
    Hardware {
        chip,
        ..Hardware::naive()
    }
}

/// DNN+NeuroSim V1.4: cycles of the converters of every layer of 27 runs. With the clock that it
/// reports a period is one conversion, so that the time of our reads over the period is our count of
/// cycles. It divides a single vector's time by the copies of the weights, which we do not.
#[test]
fn neurosim_cycles_of_the_converters() {
    let oracle = oracle::read(include_str!("oracles/neurosim_adc_cycles.json"));
    let text = ReramPreset::preset_text("neurosim-22nm").unwrap();
    let mut layers = 0;
    for run in oracle["runs"].as_array().unwrap() {
        let config = &run["config"];
        let period = run["clock_period_ns"].as_f64().unwrap();
        let text = with(text, "read-ns = 0.12376", "read-ns = 1e-300");
        let text = with(
            &text,
            "rate-gs = 0.714286",
            &format!("rate-gs = {}", 1.0 / period),
        );
        let text = with(
            &text,
            "fixed = 1.0, per-bit = 1.0",
            "fixed = 1.0, per-bit = 0.0",
        );
        let columns = format!("columns = {}", number(config, "columns_per_adc"));
        let text = with(&text, "columns = 8", &columns);
        let preset = ReramPreset::parse(&text).unwrap();
        let hardware = hardware(&preset, |chip| {
            chip.crossbar_rows = number(config, "array_rows") as u16;
            chip.crossbar_cols = number(config, "array_cols") as u16;
            chip.cell_bits = number(config, "cell_bits") as u8;
        });
        let model = PimCostModel::new(preset);
        let bits = (
            number(config, "weight_bits"),
            number(config, "activation_bits"),
        );
        for layer_of_run in run["layers"].as_array().unwrap() {
            let (rows, cols) = (number(layer_of_run, "k"), number(layer_of_run, "n"));
            let cost = model.cost(&layer(rows, cols, bits), &hardware);
            let working_ns = cost.breakdown.ops[0].stages.working_ns;
            let theirs = layer_of_run["adc_latency_ns"].as_f64().unwrap();
            let copies = number(layer_of_run, "speed_up") as f64;
            assert_close(working_ns, theirs * copies, 1e-3, "time of the converters");
            let cycles = bits.1 * number(config, "columns_per_adc");
            assert_eq!((working_ns / period).round() as u64, cycles, "cycles");
            layers += 1;
        }
    }
    assert!(layers > 70);
}

/// Its converters by successive approximation at 22 nm: the period follows from the preset.
#[test]
fn neurosim_periods_of_successive_approximation() {
    let oracle = oracle::read(include_str!("oracles/neurosim_adc_cycles.json"));
    let preset = ReramPreset::preset("neurosim-22nm").unwrap();
    let mut runs = 0;
    for run in oracle["runs"].as_array().unwrap() {
        let config = &run["config"];
        let is_22nm = number(config, "node_nm") == 22 && number(config, "columns_per_adc") == 8;
        if config["adc"] != "sar" || !is_22nm {
            continue;
        }
        let levels = number(config, "adc_levels");
        let hardware = hardware(&preset, |chip| {
            chip.adc_bits = levels.ilog2() as u8;
            chip.cell_bits = number(config, "cell_bits") as u8;
        });
        let bits = (
            number(config, "weight_bits"),
            number(config, "activation_bits"),
        );
        let model = PimCostModel::new(preset.clone());
        let cost = model.cost(&layer(512, 256, bits), &hardware);
        let cycles = (bits.1 * 8) as f64;
        let period = run["clock_period_ns"].as_f64().unwrap();
        let found = cost.breakdown.ops[0].stages.working_ns / cycles;
        assert_close(found, period, 1e-3, "period");
        runs += 1;
    }
    assert!(runs > 0);
}

/// MNSIM-2.0: tiles, and area, energy and power of crossbars, converters and drivers, of all 18 runs. Its power is
/// that of the time in which a part works: the energy over what our explanation charges for it.
#[test]
fn mnsim_crossbars_converters_and_drivers() {
    let oracle = oracle::read(include_str!("oracles/mnsim_mlp.json"));
    let runs = oracle["runs"].as_array().unwrap();
    for run in runs {
        let (preset, sizes) = mnsim(&run["overrides"]);
        let sizes = hardware(&preset, |chip| *chip = sizes);
        let model = PimCostModel::new(preset);
        let bits = (number(run, "weight_bits"), number(run, "activation_bits"));
        let tiles = run["tiles_per_layer"].as_array().unwrap();
        // Layer by layer: its layers do not share tiles.
        let (mut energy, mut area, mut power) = ([0.0; 3], [0.0; 3], [0.0; 3]);
        let dims: Vec<u64> = mnsim_dims(run["net"].as_str().unwrap());
        for (sides, tiles) in dims.windows(2).zip(tiles) {
            let layer = layer(sides[0], sides[1], bits);
            let cost = model.cost(&layer, &sizes);
            let times = model.explain(&layer, &sizes).latency_ns;
            assert_eq!(u64::from(cost.figures.tiles), tiles.as_u64().unwrap());
            for (index, (name, key)) in [
                ("crossbar", "crossbar.read-ns and settling"),
                ("adc", "adc.cycles / adc.rate-gs"),
                ("dac", "dac.drive-ns"),
            ]
            .into_iter()
            .enumerate()
            {
                let mut parts = cost.breakdown.components.iter();
                let part = parts.find(|part| part.component == name).unwrap();
                energy[index] += part.energy_pj / 1e3;
                area[index] += part.area_um2;
                let time = times.iter().find(|time| time.unit.key == key).unwrap();
                power[index] += part.energy_pj / time.amount() / 1e3;
            }
        }
        for (index, name) in ["xbar", "ADC", "DAC"].into_iter().enumerate() {
            let theirs = |group: &str| run[group][name].as_f64().unwrap();
            assert_close(energy[index], theirs("energy_nj"), 1e-9, name);
            assert_close(area[index], theirs("area_um2"), 1e-9, name);
            assert_close(power[index], theirs("power_w"), 1e-9, name);
        }
    }
    assert_eq!(runs.len(), 18);
}

fn mnsim_dims(net: &str) -> Vec<u64> {
    match net {
        "mlp3_dlrm_bot" => vec![13, 512, 256, 64],
        "mlp_mnist" => vec![784, 512, 256, 10],
        "mlp3_wide" => vec![1024, 1024, 512, 256],
        "mlp4_ctr" => vec![624, 400, 400, 400, 1],
        other => panic!("`{other}`"),
    }
}

/// Its release defaults with the overrides of a run.
fn mnsim(overrides: &Value) -> (ReramPreset, ChipDesign) {
    let mut text = ReramPreset::preset_text("mnsim-default")
        .unwrap()
        .to_owned();
    let (mut adc_bits, mut side) = (6, 256);
    for (key, value) in overrides.as_object().unwrap() {
        match (key.as_str(), value.as_u64(), value.as_str()) {
            ("ADC_Choice", Some(choice), _) => adc_bits = if choice == 2 { 8 } else { 4 },
            ("Xbar_Size", _, Some("128,128")) => side = 128,
            ("ADC_Num", Some(count), _) => {
                let count = format!("{{ per-crossbar = {count} }}");
                text = with(&text, "{ per-crossbar = 128 }", &count);
            }
            ("DAC_Num", Some(count), _) => {
                let count = format!("\nper-crossbar = {count}");
                text = with(&text, "\nper-crossbar = 128", &count);
            }
            ("Device_Resistance", _, Some("1e6, 1e5")) => {
                // Of a cell, in W, as in the preset's comment.
                let power = |on: f64, off: f64| {
                    let ohm = on * off / (0.67 * on + 0.33 * off);
                    0.1 * 0.15 * 0.15 / ohm
                };
                let all = 65536.0 * 1e3;
                let to = power(1e5, 1e6) * all;
                let line = text.lines().find(|line| line.contains("0.1 V1²")).unwrap();
                text = with(&text, line, &format!("power-mw = {to}"));
            }
            ("Read_Latency", Some(ns), _) => {
                text = with(&text, "read-ns = 3.16", &format!("read-ns = {ns}.0"));
            }
            ("Subarray_Size" | "Digital_Frequency" | "Buffer_Technology", _, _) => (),
            other => panic!("`{other:?}`"),
        }
    }
    let preset = ReramPreset::parse(&text).unwrap();
    let mut sizes = preset.sizes();
    (sizes.adc_bits, sizes.crossbar_rows, sizes.crossbar_cols) = (adc_bits, side, side);
    (preset, sizes)
}

/// NeuRRAM's silicon (Wan et al., Nature 608, 2022): all cores with 4-bit weights.
#[test]
fn neurram_silicon() {
    let oracle = oracle::read(include_str!("oracles/neurram.json"));
    let text = ReramPreset::preset_text("neurram").unwrap();
    let two_phases = ReramPreset::parse(text).unwrap();
    let one_phase = with(text, "bits-per-phase = 3", "bits-per-phase = 8");
    let one_phase = ReramPreset::parse(&one_phase).unwrap();
    let points = oracle["points"].as_array().unwrap();
    let efficiency = |point: &Value| point["tops_per_w"].as_f64().unwrap();
    // The labels of the two ways to take 6 bits look exchanged: the energy split of two phases adds up
    // to 9.18 TOPS/W.
    let exchanged = |index: usize| match index {
        2 => efficiency(&points[5]),
        5 => efficiency(&points[2]),
        _ => efficiency(&points[index]),
    };
    let mut errors = [const { Vec::new() }; 4];
    for (index, point) in points.iter().enumerate() {
        let is_one = point["phases"] == "one";
        let preset = if is_one { &one_phase } else { &two_phases };
        let bits = |key: &str| number(point, key) as u8;
        let found = preset.macro_figures(4, bits("input_bits"), bits("output_bits"));
        let error = |found: f64, published: f64| (found / published - 1.0).abs();
        let tops = point["tops_48_tiles"].as_f64().unwrap();
        errors[0].push(error(found.tops, tops));
        errors[1].push(error(found.tops_per_w, efficiency(point)));
        errors[2].push(error(found.tops_per_w, exchanged(index)));
        if exchanged(index) == efficiency(point) {
            errors[3].push(error(found.tops_per_w, efficiency(point)));
        }
    }
    let mean = |errors: &[f64]| errors.iter().sum::<f64>() / errors.len() as f64;
    let worst = |errors: &[f64]| errors.iter().copied().fold(0.0, f64::max);
    assert!(
        mean(&errors[0]) <= 0.0139 && worst(&errors[0]) <= 0.035,
        "{errors:?}"
    );
    assert!(
        mean(&errors[1]) <= 0.059 && worst(&errors[1]) <= 0.11,
        "{errors:?}"
    );
    assert!(
        mean(&errors[2]) <= 0.032 && worst(&errors[2]) <= 0.07,
        "{errors:?}"
    );
    assert_eq!(errors[3].len(), 5);
    assert!(
        mean(&errors[3]) <= 0.0405 && worst(&errors[3]) <= 0.07,
        "{errors:?}"
    );
}

/// Where the energy of its products goes: word lines, neurons and input pulses.
#[test]
fn neurram_energy_split() {
    let oracle = oracle::read(include_str!("oracles/neurram.json"));
    let preset = ReramPreset::preset("neurram").unwrap();
    let model = PimCostModel::new(preset.clone());
    let groups: [(&str, &[&str]); 3] = [
        ("wordline_switching_fj_per_op", &["dac"]),
        (
            "neuron_and_control_fj_per_op",
            &["adc", "shift_add", "sample_hold"],
        ),
        ("input_pulses_fj_per_op", &["crossbar"]),
    ];
    let mut errors = Vec::new();
    for row in oracle["energy_split_two_phase"].as_array().unwrap() {
        let output_bits = number(row, "output_bits") as u8;
        let hardware = hardware(&preset, |chip| chip.adc_bits = output_bits);
        let layer = layer(128, 256, (4, number(row, "input_bits")));
        let cost = model.cost(&layer, &hardware);
        for (published, components) in groups {
            let parts = cost.breakdown.components.iter();
            let parts = parts.filter(|part| components.contains(&part.component));
            let fj_per_op = parts.map(|part| part.energy_pj).sum::<f64>() * 1e3 / 65536.0;
            errors.push((fj_per_op / row[published].as_f64().unwrap() - 1.0).abs());
        }
    }
    let mean = errors.iter().sum::<f64>() / errors.len() as f64;
    let worst = errors.iter().copied().fold(0.0, f64::max);
    assert!(mean <= 0.031 && worst <= 0.105, "{errors:?}");
}

/// One of its cores: neurons, drivers and cells.
#[test]
fn neurram_area_of_a_core() {
    let oracle = oracle::read(include_str!("oracles/neurram.json"));
    let preset = ReramPreset::preset("neurram").unwrap();
    let hardware = hardware(&preset, |_| ());
    let model = PimCostModel::new(preset);
    let cost = model.cost(&layer(128, 256, (4, 4)), &hardware);
    assert_eq!(cost.figures.tiles, 1);
    let area = |name: &str| {
        let mut parts = cost.breakdown.components.iter();
        parts.find(|part| part.component == name).unwrap().area_um2
    };
    let published = |key: &str| oracle["area_per_core"][key].as_f64().unwrap();
    let neurons = area("adc") + area("shift_add");
    assert_close(neurons, published("neurons_um2"), 1e-3, "neurons");
    let crossbar = published("rram_um2") + published("array_drivers_um2");
    assert_close(area("crossbar"), crossbar, 1e-3, "cells and drivers");
}
