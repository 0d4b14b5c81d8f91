//! Prices worked out by hand.

mod workloads;

use std::sync::Arc;

use pimento_hardware::{
    CostModel, Dynamic, ElementwiseFunction, EmbeddingTable, Hardware, MemoryStandard, OpKind,
    Operand, PimCostModel, Popularity, ReramPreset, Scheduling, Stream, StreamAxis, TableStorage,
    Workload, WorkloadBuilder,
};
use workloads::{component, gather, workload};

/// 26 × 64 values of 8 bits are written into cells of 2 bits: 64 word lines of 40 ns, 6656 cells of
/// 1.29 pJ; after 10⁶ inferences the cells are worn out.
#[test]
fn writing_an_operand_by_hand() {
    let op = OpKind::DynamicProduct {
        macs: 26 * 26 * 64,
        outputs: 26 * 26,
        operand: Operand {
            count: 1,
            rows: 64,
            cols: 26,
            vectors: 26,
        },
        activation_bits: 8,
    };
    let workload = Workload::from_iter([op]);
    let mut hardware = Hardware::naive();
    let model = PimCostModel::isaac();
    let digital = model.cost(&workload, &hardware);
    assert_eq!(digital.figures.lifetime_inferences, None);
    hardware.chip.dynamic = Dynamic::Crossbar;
    let cost = model.cost(&workload, &hardware);
    assert_eq!(cost.breakdown.ops[0].stages.write_ns, 2560.0);
    let explanation = model.explain(&workload, &hardware);
    let mut charges = explanation.energy_pj.iter();
    let written = charges.find(|charge| charge.unit.key == "write.cell-pj");
    let written = written.map_or(0.0, pimento_hardware::Charge::amount);
    assert!((written - 6656.0 * 1.29).abs() < 1e-9);
    assert_eq!(cost.figures.lifetime_inferences, Some(1e6));
    let years = cost.lifetime_years(1e4).expect("cells wear out");
    assert!((years * 365.25 * 24.0 * 3600.0 - 100.0).abs() < 1e-9);
}

/// 200 products of 8 bits in cells of 2 bits: 32 columns of four slices in a crossbar of 128 × 128, so 7
/// crossbars with diagonals of 29; their 29 word lines are written at once in all of them, 40 ns each. Eight
/// passes of 116 conversions, the one cell of a column read through a converter of its crossbar.
#[test]
fn products_on_diagonals_by_hand() {
    let op = OpKind::Elementwise {
        function: ElementwiseFunction::Multiply,
        elements: 200,
        activation_bits: 8,
    };
    let workload = Workload::from_iter([op]);
    let mut hardware = Hardware::naive();
    let model = PimCostModel::isaac();
    hardware.chip.dynamic = Dynamic::Crossbar;
    assert_eq!(
        model.cost(&workload, &hardware).breakdown.ops[0].crossbars,
        0
    );
    hardware.chip.dynamic = Dynamic::CrossbarAll;
    let cost = model.cost(&workload, &hardware);
    let found = &cost.breakdown.ops[0];
    assert_eq!(found.crossbars, 7);
    assert_eq!(found.stages.write_ns, 29.0 * 40.0);
    assert_eq!(found.stages.working_ns, 8.0 * 100.0);
    let cells = 7.0 * 29.0 * 4.0;
    assert!((found.utilisation - cells / (7.0 * 16_384.0)).abs() < 1e-12);
    let energy = |name: &str| component(&workload, &hardware, name);
    let conversions = 8.0 * 7.0 * 29.0 * 4.0;
    assert!((energy("adc") - conversions * 1.666_666_666_666_666_7).abs() < 1e-9);
    let read_pj = 8.0 * cells * 30.0 / 16_384.0;
    assert!((energy("crossbar") - read_pj - cells * 1.29).abs() < 1e-9);
    assert_eq!(cost.figures.lifetime_inferences, Some(1e6));
}

/// Written operands come whole, though the input's vectors come one after the other, and so does the
/// result.
#[test]
fn an_operand_on_diagonals_waits_for_all_of_its_input() {
    let vectors = 16;
    let product = OpKind::StaticMvm {
        rows: 16,
        cols: 12,
        vectors,
        weight_bits: 8,
        activation_bits: 8,
    };
    let square = OpKind::Elementwise {
        function: ElementwiseFunction::Multiply,
        elements: 200,
        activation_bits: 8,
    };
    let stream = Stream {
        axis: StreamAxis::Row,
        parts: vectors,
    };
    let mut workload = WorkloadBuilder::with_capacity(3);
    let mut last: Option<u16> = None;
    for op in [product.clone(), square, product] {
        let op = workload.push(1, "op", op, last.as_slice());
        workload.set_stream(op, Some(stream));
        last = Some(op);
    }
    let workload = workload.build();
    let mut hardware = Hardware::naive();
    hardware.chip.scheduling = Scheduling::Vectors;
    let starts = |dynamic| {
        let mut hardware = hardware;
        hardware.chip.dynamic = dynamic;
        let ops = PimCostModel::isaac().cost(&workload, &hardware);
        let ops = ops.breakdown.ops.into_iter();
        let times: Vec<_> = ops.map(|op| (op.start_ns, op.latency_ns)).collect();
        times
    };
    let digital = starts(Dynamic::Digital);
    assert!(digital[1].0 < digital[0].1 && digital[2].0 < digital[1].0 + digital[1].1);
    let written = starts(Dynamic::CrossbarAll);
    assert_eq!(written[1].0, written[0].1);
    assert_eq!(written[2].0, written[1].0 + written[1].1);
}

/// A table of 1000 rows of 16 values of 8 bits in cells of 2 bits: 64 cells a row, two rows side by side
/// in 128 columns, 256 in a crossbar, 4 crossbars. A read drives a line, converts 64 columns, as long as
/// crossbars take (100 ns, and 50 ns of conversion); latency needs no other table.
#[test]
fn tables_in_crossbars_by_hand() {
    let table = EmbeddingTable {
        rows: 1000,
        width: 16,
        bits: 8,
        lookups: 1,
        storage: TableStorage::Rows,
    };
    let mut hardware = Hardware::naive();
    hardware.memory.standard = MemoryStandard::Reram;
    let model = PimCostModel::isaac();
    let one = model.cost(&gather(vec![table]), &hardware);
    assert_eq!(one.breakdown.ops[0].crossbars, 4);
    assert!((one.breakdown.ops[0].utilisation - 64_000.0 / 65_536.0).abs() < 1e-12);
    assert!((one.summary.latency_ns - 150.0).abs() < 1e-9);
    let energy = |name: &str| component(&gather(vec![table]), &hardware, name);
    assert!((energy("adc") - 64.0 * 1.666_666_666_666_666_7).abs() < 1e-9);
    assert!((energy("dac") - 0.41667).abs() < 1e-12);
    assert!((energy("crossbar") - 64.0 * 30.0 / 16_384.0).abs() < 1e-9);
    assert_eq!(energy("dram_background"), 0.0);
    let many = model.cost(&gather(vec![table; 26]), &hardware);
    assert_eq!(many.summary.latency_ns, one.summary.latency_ns);
    assert_eq!(many.breakdown.ops[0].crossbars, 104);
    // Four crossbars share the look-ups, and copies of popular rows let them share more evenly.
    hardware.chip.replication = 4;
    let copied = model.summary(&gather(vec![table]), &hardware);
    assert!(one.summary.throughput_per_s > 1e9 / 100.0);
    assert!(copied.throughput_per_s > one.summary.throughput_per_s);
    assert!(copied.throughput_per_s <= 4.0 * 1e9 / 100.0 * (1.0 + 1e-12));
    // As often as the rows are read, where that is known: 100 ns for 1 - 0.6 of the look-ups shared by four
    // crossbars and 0.6 by copies of the hottest row, or by the one that has it.
    let mut reads = vec![1; 1000];
    reads[7] = 1499;
    let measured = model.with_popularities(vec![Popularity::histogram(&reads, 1000)]);
    for (replication, share) in [(4, 0.25), (2, 0.6_f64 / 2.0 + 0.1), (1, 0.6 + 0.1)] {
        hardware.chip.replication = replication;
        let found = measured.summary(&gather(vec![table]), &hardware);
        assert!((found.throughput_per_s * 100.0 * share / 1e9 - 1.0).abs() < 1e-3);
    }
}

#[test]
fn power_follows_the_load() {
    let (workload, hardware) = (workload(&[]), Hardware::naive());
    let cost = PimCostModel::isaac().cost(&workload, &hardware);
    assert!((cost.power_at_mw(0.0) - cost.figures.static_mw).abs() < 1e-12);
    let one_after_another = 1e9 / cost.summary.latency_ns;
    let power = cost.power_at_mw(one_after_another);
    assert!((power / cost.summary.power_mw - 1.0).abs() < 1e-12);
    let most = cost.power_at_mw(cost.summary.throughput_per_s);
    assert_eq!(cost.power_at_mw(1e12), most);
}

#[test]
fn tables_beyond_the_capacity_are_a_violation_with_a_size() {
    let violation = |rows| {
        let table = EmbeddingTable {
            rows,
            width: 16,
            bits: 32,
            lookups: 1,
            storage: TableStorage::Rows,
        };
        let tables: Arc<[EmbeddingTable]> = vec![table].into();
        let workload = Workload::from_iter([OpKind::EmbeddingGather { tables }]);
        PimCostModel::isaac()
            .summary(&workload, &Hardware::naive())
            .violation
    };
    // 16 GiB hold 268,435,456 rows of 64 bytes.
    assert_eq!(violation(268_435_456), 0.0);
    assert_eq!(violation(402_653_184), 0.5);
}

#[test]
fn converters_with_too_few_bits_read_in_groups_or_not_at_all() {
    let model = PimCostModel::isaac();
    let op = OpKind::StaticMvm {
        rows: 128,
        cols: 32,
        vectors: 1,
        weight_bits: 8,
        activation_bits: 8,
    };
    let price = |adc_bits, cell_bits, dac_bits| {
        let mut hardware = Hardware::naive();
        hardware.chip.adc_bits = adc_bits;
        hardware.chip.cell_bits = cell_bits;
        hardware.chip.dac_bits = dac_bits;
        model.summary(&workload(std::slice::from_ref(&op)), &hardware)
    };
    let (full, halved) = (price(8, 2, 1), price(7, 2, 1));
    assert!(
        halved.latency_ns > full.latency_ns + 700.0,
        "twice the reads"
    );
    assert!(price(4, 4, 4).violation > 0.0 && price(8, 2, 1).violation == 0.0);
}

/// 192 crossbars of 256 rows each, with weights of four columns, in a tile: one matrix that fills them reads
/// 49152 values at once, of 16 bits half as much again as 64 KB.
#[test]
fn inputs_beyond_the_buffer_of_a_tile_are_a_violation_with_a_size() {
    let violation = |pes_per_tile, activation_bits| {
        let op = OpKind::StaticMvm {
            rows: 192 * 256,
            cols: 8,
            vectors: 1,
            weight_bits: 8,
            activation_bits,
        };
        let mut hardware = Hardware::naive();
        (hardware.chip.crossbar_rows, hardware.chip.adc_bits) = (256, 9);
        (hardware.chip.crossbars_per_pe, hardware.chip.pes_per_tile) = (16, pes_per_tile);
        let priced = PimCostModel::isaac().summary(&workload(&[op]), &hardware);
        priced.violation
    };
    assert_eq!(violation(12, 16), 0.5);
    assert_eq!(violation(12, 8), 0.0);
    assert_eq!(violation(6, 16), 0.0, "half of it is in another tile");
    // In crossbars of MNSIM's, two of which hold positive and negative weights of one cell each, half as
    // many read something else.
    let mnsim = PimCostModel::new(ReramPreset::preset("mnsim-default").unwrap());
    let mut hardware = Hardware::naive();
    hardware.chip = mnsim.chip().sizes();
    (hardware.chip.crossbars_per_pe, hardware.chip.pes_per_tile) = (16, 12);
    let long = |rows| OpKind::StaticMvm {
        rows,
        cols: 8,
        vectors: 1,
        weight_bits: 8,
        activation_bits: 16,
    };
    let violation = |rows| mnsim.summary(&workload(&[long(rows)]), &hardware).violation;
    assert_eq!(violation(96 * 256), 0.0, "48 KB");
}
