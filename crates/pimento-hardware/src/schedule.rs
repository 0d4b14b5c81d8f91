//! When operators run: each as soon as its inputs are there and its crossbars are free.
//!
//! By vectors, an operator begins with the first vectors of inputs that come in the vectors that it
//! takes, as CLSA-CIM schedules the rows of feature maps across layers; it ends no earlier than one
//! vector's work after the last vector of such an input.

use crate::{
    design::Scheduling,
    reram::{Mesh, OpWork, Placement},
    workload::{Op, OpKind, Workload},
};

/// When operators start, and how long the design takes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Schedule {
    /// When every operator runs.
    pub(crate) spans: Vec<Span>,
    /// End of the last one.
    pub(crate) latency_ns: f64,
    /// Time between two inferences when operators work on neighbouring ones: that of the busiest
    /// operator or shared crossbar.
    pub(crate) interval_ns: f64,
}

/// When an operator runs.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Span {
    pub(crate) start_ns: f64,
    pub(crate) end_ns: f64,
}

/// The way of an operator's inputs over the chip.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Route {
    /// Hops of its farthest input.
    pub(crate) longest: f64,
    /// Mean hops of its inputs, and those to further tiles of the operator.
    pub(crate) mean: f64,
}

impl Schedule {
    pub(crate) fn new(
        workload: &Workload,
        works: &[OpWork],
        placement: &Placement,
        scheduling: Scheduling,
    ) -> Self {
        let ops = workload.ops();
        let mut spans: Vec<Span> = Vec::with_capacity(works.len());
        let mut free_at = vec![0.0_f64; placement.shared as usize];
        let mut busy = vec![0.0_f64; placement.shared as usize];
        let (mut latency_ns, mut interval_ns) = (0.0_f64, 0.0_f64);
        for (index, (op, work)) in ops.iter().zip(works).enumerate() {
            let own_ns = work.stages.latency_ns();
            let mut span = Span::default();
            for &input in workload.inputs_of(op) {
                let input = usize::from(input);
                let made = spans[input];
                if scheduling == Scheduling::Vectors && streams(&ops[input], op) {
                    let first_ns = first_vector_ns(&ops[input], &works[input]);
                    span.start_ns = span.start_ns.max(made.start_ns + first_ns);
                    span.end_ns = span.end_ns.max(made.end_ns + first_vector_ns(op, work));
                } else {
                    span.start_ns = span.start_ns.max(made.end_ns);
                }
            }
            interval_ns = interval_ns.max(work.interval_ns);
            let shared = placement.sites[index].shared.map(|shared| shared as usize);
            if let Some(shared) = shared {
                span.start_ns = span.start_ns.max(free_at[shared]);
                busy[shared] += work.interval_ns;
                interval_ns = interval_ns.max(busy[shared]);
            }
            span.end_ns = span.end_ns.max(span.start_ns + own_ns);
            if let Some(shared) = shared {
                free_at[shared] = span.end_ns;
            }
            latency_ns = latency_ns.max(span.end_ns);
            spans.push(span);
        }
        Self {
            spans,
            latency_ns,
            interval_ns,
        }
    }

    /// The operators that decide the latency, from first to last: of each one's inputs the one that
    /// ends last, back from the operator that ends last.
    pub(crate) fn critical_path(&self, workload: &Workload) -> Vec<usize> {
        let end = |op: usize| self.spans[op].end_ns;
        let latest =
            |ops: &mut dyn Iterator<Item = usize>| ops.max_by(|&a, &b| end(a).total_cmp(&end(b)));
        let mut path = Vec::new();
        let mut at = latest(&mut (0..self.spans.len()));
        while let Some(op) = at {
            path.push(op);
            let inputs = workload.inputs_of(&workload.ops()[op]).iter();
            at = latest(&mut inputs.map(|&input| usize::from(input)));
        }
        path.reverse();
        path
    }
}

/// Whether an operator can take an input vector by vector.
fn streams(input: &Op, op: &Op) -> bool {
    input.stream.is_some() && input.stream == op.stream
}

/// Time until an operator that works without waiting has given its first vector.
fn first_vector_ns(op: &Op, work: &OpWork) -> f64 {
    let parts = op.stream.map_or(1, |stream| stream.parts.max(1));
    let working_ns = work.stages.working_ns;
    work.stages.latency_ns() - working_ns + working_ns / f64::from(parts)
}

/// The tile of every operator: the first one of its crossbars, or of its inputs, or the first.
pub(crate) fn tiles(workload: &Workload, placement: &Placement, mesh: &Mesh) -> Vec<u32> {
    let mut tiles: Vec<u32> = Vec::with_capacity(workload.ops().len());
    for (op, site) in workload.ops().iter().zip(&placement.sites) {
        let tile = match (site.crossbars, workload.inputs_of(op).first()) {
            (0, Some(&input)) => tiles[usize::from(input)],
            (0, None) => 0,
            _ => mesh.tile(site.first_crossbar),
        };
        tiles.push(tile);
    }
    tiles
}

/// The way of an operator's inputs, which come from the tiles of their makers or from the memory's
/// port, to all tiles that it takes.
pub(crate) fn route(
    workload: &Workload,
    op: usize,
    tiles: &[u32],
    placement: &Placement,
    mesh: &Mesh,
) -> Route {
    let ops = workload.ops();
    let inputs = workload.inputs_of(&ops[op]);
    if inputs.is_empty() {
        return Route::default();
    }
    let (mut longest, mut sum) = (0, 0);
    for &input in inputs {
        let input = usize::from(input);
        let hops = match ops[input].kind {
            OpKind::EmbeddingGather { .. } => mesh.hops_from_memory(tiles[op]),
            _ => mesh.hops(tiles[input], tiles[op]),
        };
        longest = longest.max(hops);
        sum += hops;
    }
    let site = &placement.sites[op];
    let last = mesh.tile(site.first_crossbar + site.crossbars.saturating_sub(1));
    let further = if site.crossbars > 0 {
        last - tiles[op]
    } else {
        0
    };
    Route {
        longest: f64::from(longest + further),
        mean: f64::from(sum) / inputs.len() as f64 + f64::from(further),
    }
}
