//! When operators run: each as soon as its inputs are there and its crossbars are free.
//!
//! By vectors, an operator begins with the first vectors of inputs that come in the vectors that it
//! takes, as CLSA-CIM schedules the rows of feature maps across layers; it ends no earlier than one
//! vector's work after the last vector of such an input.

use crate::{
    design::Scheduling,
    reram::{Mesh, Node, OpWork, Placement},
    workload::{Op, OpKind, Workload},
};

/// When and where operators run, and how long the design takes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Schedule {
    /// When and where every operator runs.
    pub(crate) runs: Vec<Run>,
    /// End of the last one.
    pub(crate) latency_ns: f64,
    /// Time between two inferences when operators work on neighbouring ones: that of the busiest
    /// operator or shared crossbar.
    pub(crate) interval_ns: f64,
}

/// When and where an operator runs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Run {
    pub(crate) start_ns: f64,
    pub(crate) end_ns: f64,
    /// The first tile of its crossbars, or that of its first input, or the first one; the memory's port
    /// for gathers.
    pub(crate) node: Node,
}

/// The way of an operator's inputs over the chip: from the tiles of their makers or the memory's port
/// to all tiles that it takes.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Route {
    /// Hops of its farthest input.
    pub(crate) longest: f64,
    /// Mean hops of its inputs, and those to further tiles of the operator.
    pub(crate) mean: f64,
}

/// When the inputs of an operator are there, and how far they come.
#[derive(Debug, Clone, Copy, Default)]
struct Arrival {
    /// The operator may begin.
    start_ns: f64,
    /// The last vector of an input that streams is there.
    last_vector_ns: Option<f64>,
    farthest: u32,
    hops: u32,
    inputs: u32,
}

impl Schedule {
    /// Runs the operators in their order. `transfer` is told the way of each one's inputs before it
    /// runs, and may change its work.
    pub(crate) fn new(
        workload: &Workload,
        works: &mut [OpWork],
        placement: &Placement,
        mesh: &Mesh,
        scheduling: Scheduling,
        mut transfer: impl FnMut(usize, &mut OpWork, Route),
    ) -> Self {
        let ops = workload.ops();
        let mut schedule = Self {
            runs: Vec::with_capacity(ops.len()),
            ..Self::default()
        };
        let mut free_at = vec![0.0_f64; placement.shared as usize];
        let mut busy = vec![0.0_f64; placement.shared as usize];
        for (index, op) in ops.iter().enumerate() {
            let node = schedule.node(workload, index, placement, mesh);
            let arrival = schedule.arrival(workload, works, index, node, scheduling);
            let work = &mut works[index];
            let site = &placement.sites[index];
            let further = match site.crossbars {
                0 | 1 => 0,
                all => mesh.tile(site.first_crossbar + all - 1) - node.tile,
            };
            transfer(index, work, arrival.route(further));
            let mut run = Run {
                node,
                start_ns: arrival.start_ns,
                end_ns: arrival
                    .last_vector_ns
                    .map_or(0.0, |last| last + first_vector_ns(op, work)),
            };
            schedule.interval_ns = schedule.interval_ns.max(work.interval_ns);
            let shared = site.shared.map(|shared| shared as usize);
            if let Some(shared) = shared {
                run.start_ns = run.start_ns.max(free_at[shared]);
                busy[shared] += work.interval_ns;
                schedule.interval_ns = schedule.interval_ns.max(busy[shared]);
            }
            run.end_ns = run.end_ns.max(run.start_ns + work.stages.latency_ns());
            if let Some(shared) = shared {
                free_at[shared] = run.end_ns;
            }
            schedule.latency_ns = schedule.latency_ns.max(run.end_ns);
            schedule.runs.push(run);
        }
        schedule
    }

    /// The operators that decide the latency, from first to last: of each one's inputs the one that
    /// ends last, back from the operator that ends last.
    pub(crate) fn critical_path(&self, workload: &Workload) -> Vec<usize> {
        let end = |op: usize| self.runs[op].end_ns;
        let latest =
            |ops: &mut dyn Iterator<Item = usize>| ops.max_by(|&a, &b| end(a).total_cmp(&end(b)));
        let mut path = Vec::new();
        let mut at = latest(&mut (0..self.runs.len()));
        while let Some(op) = at {
            path.push(op);
            let inputs = workload.inputs_of(&workload.ops()[op]).iter();
            at = latest(&mut inputs.map(|&input| usize::from(input)));
        }
        path.reverse();
        path
    }

    fn node(&self, workload: &Workload, op: usize, placement: &Placement, mesh: &Mesh) -> Node {
        let site = &placement.sites[op];
        if site.crossbars > 0 {
            return mesh.node(site.first_crossbar);
        }
        let op = &workload.ops()[op];
        if let OpKind::EmbeddingGather { .. } = op.kind {
            return Node::MEMORY;
        }
        let first = workload.inputs_of(op).first();
        let made_at = first.map(|&input| self.runs[usize::from(input)].node);
        let on_chip = made_at.filter(|&node| node != Node::MEMORY);
        on_chip.unwrap_or_else(|| mesh.node(0))
    }

    fn arrival(
        &self,
        workload: &Workload,
        works: &[OpWork],
        op: usize,
        node: Node,
        scheduling: Scheduling,
    ) -> Arrival {
        let ops = workload.ops();
        let op = &ops[op];
        let inputs = workload.inputs_of(op);
        let by_vectors = scheduling == Scheduling::Vectors && op.stream.is_some();
        let mut arrival = Arrival {
            inputs: inputs.len() as u32,
            ..Arrival::default()
        };
        for &input in inputs {
            let input = usize::from(input);
            let made = &self.runs[input];
            let hops = node.hops_from(made.node);
            arrival.farthest = arrival.farthest.max(hops);
            arrival.hops += hops;
            let mut ready_ns = made.end_ns;
            if by_vectors && ops[input].stream == op.stream {
                ready_ns = made.start_ns + first_vector_ns(&ops[input], &works[input]);
                let last = arrival.last_vector_ns.unwrap_or(0.0).max(made.end_ns);
                arrival.last_vector_ns = Some(last);
            }
            arrival.start_ns = arrival.start_ns.max(ready_ns);
        }
        arrival
    }
}

impl Arrival {
    fn route(&self, further: u32) -> Route {
        if self.inputs == 0 {
            return Route::default();
        }
        Route {
            longest: f64::from(self.farthest + further),
            mean: f64::from(self.hops) / f64::from(self.inputs) + f64::from(further),
        }
    }
}

/// Time until an operator that works without waiting has given its first vector.
fn first_vector_ns(op: &Op, work: &OpWork) -> f64 {
    let parts = op.stream.map_or(1, |stream| stream.parts.max(1));
    let working_ns = work.stages.working_ns;
    work.stages.latency_ns() - working_ns + working_ns / f64::from(parts)
}
