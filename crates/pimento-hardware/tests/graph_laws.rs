//! What holds for networks whose operators send each other data, with copies of matrices under a budget.

mod strategies;

use pimento_hardware::{
    ChipDesign, Cost, CostModel, EmbeddingTable, Hardware, OpKind, Packing, PimCostModel,
    ReramPreset, TableStorage, Workload, WorkloadBuilder,
};
use proptest::{prelude::*, test_runner::TestCaseResult};
use strategies::{digital, hardware, matrix};

/// A network: a gather, operators that read any of what is before them, and one that reads all that
/// nobody else does.
#[derive(Debug, Clone)]
struct Graph {
    ops: Vec<OpKind>,
    inputs: Vec<Vec<usize>>,
}

impl Graph {
    /// Each operator reads what its mask says of the ones before it, the gather being number 0; one of
    /// these at least.
    fn new(parts: Vec<(OpKind, u32)>) -> Self {
        let table = EmbeddingTable {
            rows: 10_000,
            width: 16,
            bits: 8,
            lookups: 1,
            storage: TableStorage::Rows,
        };
        let tables = vec![table; 26].into();
        let (mut ops, mut inputs) = (vec![OpKind::EmbeddingGather { tables }], vec![Vec::new()]);
        for (op, mask) in parts {
            let mut read: Vec<usize> = (0..ops.len())
                .filter(|input| mask >> input & 1 == 1)
                .collect();
            if read.is_empty() {
                read.push(mask as usize % ops.len());
            }
            ops.push(op);
            inputs.push(read);
        }
        let is_read = |op: &usize| inputs.iter().flatten().any(|input| input == op);
        let last = (0..ops.len()).filter(|op| !is_read(op)).collect();
        ops.push(OpKind::StaticMvm {
            rows: 300,
            cols: 1,
            vectors: 1,
            weight_bits: 8,
            activation_bits: 8,
        });
        inputs.push(last);
        Self { ops, inputs }
    }

    /// The workload with operators and their inputs listed as they are.
    fn workload(&self) -> Workload {
        let every = (0..self.ops.len()).collect::<Vec<_>>();
        self.listed(&every, false)
    }

    /// The workload with operators listed in an order, inputs before their readers; the inputs of each the
    /// other way round if asked for.
    fn listed(&self, order: &[usize], backwards: bool) -> Workload {
        let mut workload = WorkloadBuilder::with_capacity(self.ops.len());
        let mut numbers = vec![0_u16; self.ops.len()];
        for &op in order {
            let mut inputs: Vec<u16> = self.inputs[op]
                .iter()
                .map(|&input| numbers[input])
                .collect();
            if backwards {
                inputs.reverse();
            }
            numbers[op] = workload.push(1, "op", self.ops[op].clone(), &inputs);
        }
        workload.build()
    }

    /// An order in which inputs come before their readers; of what may come next the one that `choices`
    /// say.
    fn other_order(&self, choices: &[u16]) -> Vec<usize> {
        let mut order: Vec<usize> = Vec::new();
        for &choice in choices.iter().cycle() {
            let is_next = |op: &usize| {
                !order.contains(op) && self.inputs[*op].iter().all(|input| order.contains(input))
            };
            let next: Vec<usize> = (0..self.ops.len()).filter(is_next).collect();
            if next.is_empty() {
                break;
            }
            order.push(next[usize::from(choice) % next.len()]);
        }
        order
    }
}

/// Networks of up to a dozen operators, many of them alike.
fn graph() -> impl Strategy<Value = Graph> {
    let few = prop::sample::select(vec![(64, 64, 8_u8), (300, 200, 8), (300, 200, 4)]);
    let few = few.prop_map(|(rows, cols, weight_bits)| OpKind::StaticMvm {
        rows,
        cols,
        vectors: 4,
        weight_bits,
        activation_bits: 8,
    });
    let op = prop_oneof![few, matrix(), digital()];
    prop::collection::vec((op, any::<u32>()), 1..12).prop_map(Graph::new)
}

prop_compose! {
    /// Designs with a budget of copies.
    fn copying()(hardware in hardware(), copy_tiles in 0..5_u16) -> Hardware {
        Hardware { chip: ChipDesign { copy_tiles, ..hardware.chip }, ..hardware }
    }
}

/// A built-in chip.
fn name() -> impl Strategy<Value = &'static str> {
    prop::sample::select(ReramPreset::preset_names())
}

fn model(name: &str) -> PimCostModel {
    PimCostModel::new(ReramPreset::preset(name).expect("one of the names"))
}

/// What does more takes at least as much energy, time and area, and its slowest operator is no faster. (Operators
/// that compute on the lanes of one tile may get tiles of their own where matrices grow, for more throughput.) Where
/// matrices share crossbars one that grows out of its own makes others wait no longer, which leak less meanwhile: there
/// what works, and all that it needs, is what never gets less.
fn check_more(name: &str, hardware: &Hardware, fewer: &Graph, more: &Graph) -> TestCaseResult {
    let model = model(name);
    let [before, after] = [fewer, more].map(|graph| model.cost(&graph.workload(), hardware));
    prop_assume!(before.summary.violation == 0.0);
    let areas = [before.summary.area_um2, after.summary.area_um2];
    let mut figures = vec![
        ("energy of work", [&before, &after].map(work_pj)),
        ("slowest operator", [&before, &after].map(slowest_ns)),
        ("area", areas),
    ];
    if hardware.chip.packing == Packing::Off {
        let [before, after] = [before.summary, after.summary];
        figures.push(("energy", [before.energy_pj, after.energy_pj]));
        figures.push(("latency", [before.latency_ns, after.latency_ns]));
    }
    for (figure, [before, after]) in figures {
        prop_assert!(
            after >= before * (1.0 - 1e-12),
            "{figure}: {before} {after}"
        );
    }
    Ok(())
}

/// Energy of all that works, without what leaks or stands by.
fn work_pj(cost: &Cost) -> f64 {
    let is_work = |name: &str| !matches!(name, "leakage" | "dram_background");
    let parts = cost.breakdown.components.iter();
    let parts = parts.filter(|part| is_work(part.component));
    parts.map(|part| part.energy_pj).sum()
}

/// The time in which the slowest operator can take the next inference.
fn slowest_ns(cost: &Cost) -> f64 {
    let intervals = cost.breakdown.ops.iter().map(|op| op.interval_ns);
    intervals.fold(0.0, f64::max)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn operators_may_be_listed_in_any_order(
        name in name(), hardware in copying(), graph in graph(),
        choices in prop::collection::vec(any::<u16>(), 1..20), backwards: bool,
    ) {
        let model = model(name);
        let other = graph.listed(&graph.other_order(&choices), backwards);
        let (one, other) = (model.summary(&graph.workload(), &hardware), model.summary(&other, &hardware));
        prop_assert_eq!(one.latency_ns, other.latency_ns);
        prop_assert_eq!(one.throughput_per_s, other.throughput_per_s);
        prop_assert_eq!(one.area_um2, other.area_um2);
        prop_assert!((one.energy_pj - other.energy_pj).abs() <= 1e-12 * one.energy_pj);
        prop_assert!((one.violation - other.violation).abs() <= 1e-12 * one.violation);
    }

    /// A matrix with another row or column, or bits, in the middle of a network.
    #[test]
    fn a_larger_matrix_never_makes_a_network_cheaper(
        name in name(), hardware in copying(), graph in graph(), place: prop::sample::Index, axis in 0..4,
    ) {
        let mut larger = graph.clone();
        let matrices = larger.ops.iter_mut().filter_map(|op| match op {
            OpKind::StaticMvm { rows, cols, weight_bits, activation_bits, .. } =>
                Some((rows, cols, weight_bits, activation_bits)),
            _ => None,
        });
        let mut matrices: Vec<_> = matrices.collect();
        let grown = place.index(matrices.len());
        let (rows, cols, weight_bits, activation_bits) = &mut matrices[grown];
        match axis {
            0 => **rows += 1,
            1 => **cols += 1,
            2 => **weight_bits += 1,
            _ => **activation_bits += 1,
        }
        check_more(name, &hardware, &graph, &larger)?;
    }

    #[test]
    fn another_operator_never_makes_a_network_cheaper(
        name in name(), hardware in copying(), graph in graph(), place: prop::sample::Index,
        extra in prop_oneof![matrix(), digital()], inputs: u32,
    ) {
        let mut more = graph.clone();
        let place = 1 + place.index(more.ops.len() - 1);
        for inputs in more.inputs.iter_mut().skip(place) {
            for input in inputs.iter_mut().filter(|input| **input >= place) {
                *input += 1;
            }
        }
        more.ops.insert(place, extra);
        more.inputs.insert(place, vec![inputs as usize % place]);
        let last = more.inputs.len() - 1;
        more.inputs[last].push(place);
        check_more(name, &hardware, &graph, &more)?;
    }
}
