//! What holds for all designs.

mod strategies;
mod workloads;

use pimento_hardware::{
    ChipDesign, CostModel, Dynamic, EmbeddingTable, Hardware, MemoryDesign, MemoryStandard, OpKind,
    Packing, PimCostModel, PimLevel, Readout, ReramPreset, Scheduling, Stream, StreamAxis,
    TableStorage, Workload, WorkloadBuilder,
};
use proptest::prelude::*;
use strategies::{digital, hardware, matrix, table};
use workloads::{component, gather, listed, workload};

/// Models of all built-in chips.
fn model() -> impl Strategy<Value = PimCostModel> {
    let presets = prop::sample::select(ReramPreset::preset_names());
    presets.prop_map(|name| PimCostModel::new(ReramPreset::preset(name).expect("one of the names")))
}

fn ops() -> impl Strategy<Value = Vec<OpKind>> {
    prop::collection::vec(prop_oneof![matrix(), digital()], 0..8)
}

/// A text with the numbers behind a key, or its end, multiplied.
fn scaled(text: &str, key: &str, factor: f64) -> String {
    let mut parts = text.split(key);
    let mut scaled = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.find([' ', ',', '\n']);
        let (number_text, after) = part.split_at(end.unwrap_or(part.len()));
        let number: Result<f64, _> = number_text.parse();
        let number = number.map_or_else(
            |_| number_text.to_owned(),
            |number| format!("{:?}", number * factor),
        );
        scaled += &format!("{key}{number}{after}");
    }
    scaled
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn breakdowns_add_up_and_summaries_agree(hardware in hardware(), ops in ops()) {
        let (model, workload) = (PimCostModel::isaac(), workload(&ops));
        let cost = model.cost(&workload, &hardware);
        prop_assert_eq!(cost.summary, model.summary(&workload, &hardware));
        let summary = cost.summary;
        let components = &cost.breakdown.components;
        let energy: f64 = components.iter().map(|part| part.energy_pj).sum();
        let area: f64 = components.iter().map(|part| part.area_um2).sum();
        let by_op: f64 = cost.breakdown.ops.iter().map(|op| op.energy_pj).sum();
        let is_close = |a: f64, b: f64| (a - b).abs() <= 1e-9 * b.abs();
        prop_assert!(is_close(energy, summary.energy_pj));
        prop_assert!(is_close(area, summary.area_um2));
        prop_assert!(is_close(by_op, summary.energy_pj), "{} {}", by_op, summary.energy_pj);
        let area: f64 = cost.breakdown.ops.iter().map(|op| op.area_um2).sum();
        prop_assert!(is_close(area, summary.area_um2));
        let by_op: f64 = cost.breakdown.ops.iter().map(|op| op.power_mw).sum();
        let power: f64 = components.iter().map(|part| part.power_mw).sum();
        let peak: f64 = components.iter().map(|part| part.peak_power_mw).sum();
        prop_assert!(is_close(by_op, summary.power_mw) && is_close(power, summary.power_mw));
        prop_assert!(is_close(peak, cost.figures.peak_power_mw));
        prop_assert!(is_close(summary.power_mw * summary.latency_ns, summary.energy_pj));
        for figure in [summary.latency_ns, summary.energy_pj, summary.area_um2, summary.throughput_per_s] {
            prop_assert!(figure.is_finite() && figure > 0.0);
        }
        prop_assert!(summary.violation >= 0.0);
    }

    /// Every preset, with sizes of its own or others, prices everything, and its explanation adds up.
    #[test]
    fn explanations_add_up_for_every_preset(
        hardware in hardware(), ops in ops(), own_sizes in any::<bool>(), in_cells in any::<bool>(),
    ) {
        let workload = workload(&ops);
        for name in ReramPreset::preset_names() {
            let preset = ReramPreset::preset(name).expect("built in");
            let chip = if own_sizes { preset.sizes() } else { hardware.chip };
            let mut hardware = Hardware { chip, ..hardware };
            if in_cells {
                hardware.memory.standard = MemoryStandard::Reram;
            }
            let model = PimCostModel::new(preset);
            let cost = model.cost(&workload, &hardware);
            prop_assert_eq!(cost.summary, model.summary(&workload, &hardware));
            let explanation = model.explain(&workload, &hardware);
            let is_close = |a: f64, b: f64| (a - b).abs() <= 1e-9 * b.abs();
            for part in &cost.breakdown.components {
                let sum = |charges: &[pimento_hardware::Charge]| -> f64 {
                    let charges = charges.iter().filter(|charge| charge.component == part.component);
                    charges.map(pimento_hardware::Charge::amount).sum()
                };
                let (energy, area) = (sum(&explanation.energy_pj), sum(&explanation.area_um2));
                prop_assert!(is_close(energy, part.energy_pj), "{} {}", name, part.component);
                prop_assert!(is_close(area, part.area_um2), "{} {}", name, part.component);
            }
            for (index, op) in cost.breakdown.ops.iter().enumerate() {
                let stages = op.stages;
                for (stage, expected) in [
                    ("transfer", stages.transfer_ns),
                    ("write", stages.write_ns),
                    ("working", stages.working_ns),
                    ("fill", stages.fill_ns),
                    ("reduction", stages.reduction_ns),
                ] {
                    let times = explanation.latency_ns.iter();
                    let own = times.filter(|time| time.op == Some(index) && time.component == stage);
                    let found: f64 = own.map(pimento_hardware::Charge::amount).sum();
                    prop_assert!(is_close(found, expected), "{} {} {} {}", name, stage, found, expected);
                }
            }
            let interval_ns = explanation.busiest.interval_ns();
            prop_assert!(is_close(interval_ns * cost.summary.throughput_per_s, 1e9), "{}", name);
            let violation: f64 = explanation.violations.iter().map(|part| part.amount).sum();
            prop_assert!(is_close(violation, cost.summary.violation), "{}", name);
            let charges = explanation.energy_pj.iter().chain(&explanation.area_um2);
            for charge in charges.chain(&explanation.latency_ns) {
                let sources = model.sources(charge.unit.key, &hardware);
                prop_assert!(!sources.is_empty(), "{}", charge.unit.key);
                prop_assert!(sources.iter().all(|(_, source)| !source.is_empty()));
                for factor in &charge.factors {
                    prop_assert!(factor.rule().is_some(), "{}", factor.name);
                }
            }
            let summary = cost.summary;
            for figure in [summary.latency_ns, summary.energy_pj, summary.area_um2] {
                prop_assert!(figure.is_finite() && figure > 0.0, "{}", name);
            }
        }
    }

    /// Copies within a budget: at least as fast as without, no larger than the budget allows, for the same
    /// energy of reads.
    #[test]
    fn copies_within_a_budget_serve_and_keep_to_it(
        hardware in hardware(), ops in prop::collection::vec(matrix(), 1..8), copy_tiles in 1..5_u16,
    ) {
        let with = |replication, copy_tiles| {
            let chip = ChipDesign { replication, copy_tiles, packing: Packing::Off, ..hardware.chip };
            PimCostModel::isaac().cost(&workload(&ops), &Hardware { chip, ..hardware })
        };
        let (single, copied) = (with(1, 0), with(64, copy_tiles));
        prop_assume!(single.summary.violation == 0.0);
        prop_assert!(copied.summary.throughput_per_s >= single.summary.throughput_per_s);
        let (per_pe, per_tile) = (hardware.chip.crossbars_per_pe, hardware.chip.pes_per_tile);
        let pes = |cost: &pimento_hardware::Cost| -> u32 {
            let ops = cost.breakdown.ops.iter();
            ops.map(|op| op.crossbars.div_ceil(per_pe.into())).sum()
        };
        prop_assert!(pes(&copied) <= pes(&single) + u32::from(copy_tiles) * u32::from(per_tile));
        prop_assert_eq!(copied.figures.tiles, single.figures.tiles + u32::from(copy_tiles));
    }

    #[test]
    fn sharing_crossbars_never_takes_area_nor_dynamic_energy(
        hardware in hardware(), ops in prop::collection::vec(matrix(), 1..20),
    ) {
        let with = |packing| {
            let chip = ChipDesign { packing, ..hardware.chip };
            PimCostModel::isaac().cost(&workload(&ops), &Hardware { chip, ..hardware })
        };
        let (apart, packed) = (with(Packing::Off), with(Packing::Shelves));
        prop_assert!(packed.summary.area_um2 <= apart.summary.area_um2);
        let of = |cost: &pimento_hardware::Cost, name: &str| {
            let mut parts = cost.breakdown.components.iter();
            parts.find(|part| part.component == name).map_or(0.0, |part| part.energy_pj)
        };
        for name in ["adc", "dac", "crossbar", "shift_add", "edram"] {
            prop_assert_eq!(of(&apart, name), of(&packed, name));
        }
    }

    #[test]
    fn operators_side_by_side_wait_for_a_shared_crossbar(count in 2..6_u32) {
        let op = OpKind::StaticMvm { rows: 16, cols: 4, vectors: 1, weight_bits: 4, activation_bits: 4 };
        let price = |packing| {
            let mut hardware = Hardware::naive();
            hardware.chip.packing = packing;
            let workload: Workload = (0..count).map(|_| op.clone()).collect();
            PimCostModel::isaac().summary(&workload, &hardware)
        };
        let (apart, packed) = (price(Packing::Off), price(Packing::Shelves));
        prop_assert!((packed.latency_ns / apart.latency_ns - f64::from(count)).abs() < 1e-9);
        prop_assert!((apart.throughput_per_s / packed.throughput_per_s - f64::from(count)).abs() < 1e-9);
    }

    /// Each operator of the path begins when the one before it ends, which made its input or had its
    /// crossbar.
    #[test]
    fn the_critical_path_has_no_gaps(
        model in model(), hardware in hardware(), ops in ops(), few in prop::collection::vec(1..30_u32, 1..6),
    ) {
        let chip = ChipDesign { scheduling: Scheduling::Operators, ..hardware.chip };
        let mut workload = listed(&ops);
        // Small matrices side by side, which may share a crossbar.
        let last = workload.ops().len() as u16 - 1;
        for &rows in &few {
            let kind = OpKind::StaticMvm { rows, cols: 4, vectors: rows, weight_bits: 4, activation_bits: 8 };
            workload.push(1, "small", kind, &[last]);
        }
        let cost = model.cost(&workload.build(), &Hardware { chip, ..hardware });
        let mut now_ns = 0.0_f64;
        for &op in &cost.breakdown.critical_path {
            let op = &cost.breakdown.ops[op];
            prop_assert!((op.start_ns - now_ns).abs() <= 1e-9 * now_ns);
            now_ns = op.start_ns + op.latency_ns;
        }
        prop_assert_eq!(now_ns, cost.summary.latency_ns);
    }

    /// Without crossbars all operators are on the first tile's lanes.
    #[test]
    fn lanes_of_a_tile_have_one_operator_at_a_time(
        model in model(), hardware in hardware(), ops in prop::collection::vec(digital(), 1..6),
    ) {
        let chip = ChipDesign { dynamic: Dynamic::Digital, ..hardware.chip };
        let workload: Workload = ops.iter().cloned().collect();
        let cost = model.cost(&workload, &Hardware { chip, ..hardware });
        let interval_ns: f64 = cost.breakdown.ops.iter().map(|op| op.interval_ns).sum();
        prop_assert!((cost.summary.throughput_per_s * interval_ns / 1e9 - 1.0).abs() < 1e-9);
    }

    /// A chain whose operators give vectors: the consumer of vectors begins earlier, ends no later, and
    /// never before its input does.
    #[test]
    fn streaming_is_never_slower_and_never_ends_before_its_input(
        hardware in hardware(), ops in prop::collection::vec((1..200_u32, 1..200_u32), 2..8), parts in 1..32_u32,
    ) {
        let with = |scheduling| {
            let mut workload = WorkloadBuilder::with_capacity(ops.len());
            let mut last: Option<u16> = None;
            for &(rows, cols) in &ops {
                let kind = OpKind::StaticMvm { rows, cols, vectors: parts, weight_bits: 4, activation_bits: 8 };
                let op = workload.push(1, "op", kind, last.as_slice());
                workload.set_stream(op, Some(Stream { axis: StreamAxis::Row, parts }));
                last = Some(op);
            }
            let chip = ChipDesign { scheduling, packing: Packing::Off, ..hardware.chip };
            PimCostModel::isaac().cost(&workload.build(), &Hardware { chip, ..hardware })
        };
        let (whole, streamed) = (with(Scheduling::Operators), with(Scheduling::Vectors));
        prop_assert!(streamed.summary.latency_ns <= whole.summary.latency_ns * (1.0 + 1e-12));
        prop_assert_eq!(streamed.summary.throughput_per_s, whole.summary.throughput_per_s);
        let end = |op: &pimento_hardware::OpCost| op.start_ns + op.latency_ns;
        for pair in streamed.breakdown.ops.windows(2) {
            prop_assert!(end(&pair[1]) > end(&pair[0]) || end(&pair[1]) == 0.0);
            prop_assert!(pair[1].start_ns <= end(&pair[0]));
        }
    }

    /// A slower clock: all that a chip does takes twice as long.
    #[test]
    fn halving_the_clock_never_lowers_latency(
        name in prop::sample::select(ReramPreset::preset_names()), hardware in hardware(), ops in ops(),
    ) {
        let text = ReramPreset::preset_text(name).expect("one of the names");
        let slow = scaled(&scaled(text, "-ns = ", 2.0), "rate-gs = ", 0.5);
        let slow = PimCostModel::new(ReramPreset::parse(&slow).expect("a preset"));
        let model = PimCostModel::new(ReramPreset::preset(name).expect("one of the names"));
        let workload = workload(&ops);
        let (before, after) = (model.summary(&workload, &hardware), slow.summary(&workload, &hardware));
        prop_assert!(after.latency_ns >= before.latency_ns);
        prop_assert!(after.throughput_per_s <= before.throughput_per_s);
    }

    #[test]
    fn another_operator_never_costs_less(
        model in model(), hardware in hardware(), ops in ops(), extra in matrix(),
    ) {
        let before = model.summary(&workload(&ops), &hardware);
        let mut more = ops;
        more.push(extra);
        let after = model.summary(&workload(&more), &hardware);
        prop_assert!(after.energy_pj >= before.energy_pj);
        prop_assert!(after.latency_ns >= before.latency_ns);
        prop_assert!(after.area_um2 >= before.area_um2);
        prop_assert!(after.throughput_per_s <= before.throughput_per_s);
        prop_assert!(after.violation >= before.violation);
    }

    #[test]
    fn a_larger_matrix_or_more_bits_never_cost_less(
        model in model(), hardware in hardware(), op in matrix(), axis in 0..5,
    ) {
        let OpKind::StaticMvm { rows, cols, vectors, weight_bits, activation_bits } = op else {
            unreachable!("the strategy makes matrices")
        };
        let grow = |place: i32| u32::from(axis == place);
        let larger = OpKind::StaticMvm {
            rows: rows + grow(0),
            cols: cols + grow(1),
            vectors: vectors + grow(2),
            weight_bits: weight_bits + grow(3) as u8,
            activation_bits: activation_bits + grow(4) as u8,
        };
        let before = model.summary(&workload(&[op]), &hardware);
        let after = model.summary(&workload(&[larger]), &hardware);
        prop_assume!(before.violation == 0.0);
        prop_assert!(after.energy_pj >= before.energy_pj * (1.0 - 1e-12));
        // Another copy of the weights, made for another vector, may shorten the time.
        if axis != 2 {
            prop_assert!(after.latency_ns >= before.latency_ns);
        }
    }

    #[test]
    fn operators_side_by_side_may_swap(
        model in model(), hardware in hardware(), ops in prop::collection::vec(matrix(), 2..6),
    ) {
        let parallel = |ops: &[OpKind]| {
            let workload: Workload = ops.iter().cloned().collect();
            model.summary(&workload, &hardware)
        };
        let (one, other) = (parallel(&ops), parallel(&ops.iter().rev().cloned().collect::<Vec<_>>()));
        prop_assert!((one.energy_pj - other.energy_pj).abs() <= 1e-12 * one.energy_pj);
        prop_assert_eq!(one.latency_ns, other.latency_ns);
        prop_assert_eq!(one.area_um2, other.area_um2);
    }

    #[test]
    fn more_channels_are_never_slower(hardware in hardware()) {
        let model = PimCostModel::isaac();
        let mut more = hardware;
        more.memory.channels += 1;
        let (before, after) = (model.summary(&workload(&[]), &hardware), model.summary(&workload(&[]), &more));
        prop_assert!(after.latency_ns <= before.latency_ns);
    }

    #[test]
    fn reading_all_rows_at_once_never_takes_longer_or_more_energy(
        hardware in hardware(), ops in prop::collection::vec(matrix(), 1..6),
    ) {
        let with = |readout| {
            let chip = ChipDesign { readout, ..hardware.chip };
            PimCostModel::isaac().summary(&workload(&ops), &Hardware { chip, ..hardware })
        };
        let (groups, all) = (with(Readout::RowGroups), with(Readout::AllRows));
        prop_assume!(groups.violation == 0.0);
        prop_assert!(all.latency_ns <= groups.latency_ns && all.energy_pj <= groups.energy_pj);
        prop_assert_eq!(all.area_um2, groups.area_um2);
    }

    #[test]
    fn compressed_tables_that_save_values_never_need_more_capacity(table in table()) {
        let full = EmbeddingTable { storage: TableStorage::Rows, ..table };
        let stored = table.storage.stored_values(table.rows, u64::from(table.width));
        prop_assume!(stored <= table.rows * u64::from(table.width));
        prop_assert!(table.bytes() <= full.bytes());
        // Terabytes of it: the violation is proportional to what is stored.
        let copies = |table: EmbeddingTable| vec![table; 4096];
        let violation = |table| {
            PimCostModel::isaac().summary(&gather(copies(table)), &Hardware::naive()).violation
        };
        prop_assert!(violation(table) <= violation(full));
    }

    #[test]
    fn units_never_send_more_over_the_channel_than_the_host_reads(
        hardware in hardware(), tables in prop::collection::vec(table(), 1..30),
    ) {
        let workload = gather(tables);
        let host = Hardware {
            memory: MemoryDesign { pim_level: PimLevel::Host, ..hardware.memory },
            ..hardware
        };
        let io = |hardware: &Hardware| component(&workload, hardware, "dram_io");
        prop_assert!(io(&hardware) <= io(&host));
    }

    #[test]
    fn another_table_never_costs_less(
        hardware in hardware(), tables in prop::collection::vec(table(), 1..10), extra in table(),
    ) {
        let model = PimCostModel::isaac();
        let before = model.cost(&gather(tables.clone()), &hardware);
        let mut more = tables;
        more.push(extra);
        let after = model.cost(&gather(more), &hardware);
        let reads = |cost: &pimento_hardware::Cost| {
            let mut parts = cost.breakdown.components.iter();
            parts.find(|part| part.component == "dram_activate").map_or(0.0, |part| part.energy_pj)
        };
        prop_assert!(reads(&after) > reads(&before));
        prop_assert!(after.summary.violation >= before.summary.violation);
    }

    #[test]
    fn finer_units_never_gather_slower(hardware in hardware()) {
        let model = PimCostModel::isaac();
        let latency = |pim_level| {
            let memory = MemoryDesign { pim_level, ..hardware.memory };
            model.summary(&workload(&[]), &Hardware { memory, ..hardware }).latency_ns
        };
        prop_assert!(latency(PimLevel::Rank) <= latency(PimLevel::Host));
    }
}
