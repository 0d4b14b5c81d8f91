//! When operators run: each as soon as its inputs are there and its crossbars are free.
//!
//! By vectors, an operator begins with the first vectors of inputs that come in the vectors that it
//! takes, as CLSA-CIM schedules the rows of feature maps across layers; it ends no earlier than one
//! vector's work after the last vector of such an input. An operator that writes an operand into cells waits
//! for all of it.

use crate::{
    arithmetic::larger,
    design::Scheduling,
    reram::{Mesh, OpWork, Placement, Site},
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
    /// operator, shared crossbar or tile, whose lanes one operator has at a time.
    pub(crate) interval_ns: f64,
}

/// When and where an operator runs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Run {
    pub(crate) start_ns: f64,
    /// Its first vector is there, if it waits for nothing meanwhile; told where operators are scheduled by
    /// vectors.
    first_ns: f64,
    pub(crate) end_ns: f64,
    /// The operator before it in its shared crossbar, if it waits for that one longest.
    after: Option<u32>,
    /// Where its outputs come from.
    pub(crate) place: Place,
    /// Mean hops of its inputs, those to further tiles of the operator included.
    pub(crate) hops: f64,
    /// Hops of the input that comes farthest, those to further tiles included.
    pub(crate) longest_hops: f64,
    /// Hops of its outputs to another tile.
    hops_away: f64,
}

/// Where an operator is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// On this tile: the first of its crossbars, that of its last input, or the first of all.
    Tile(u32),
    /// Tables in crossbars, the first of which are on this tile.
    Tables(u32),
    /// Behind the memory's port.
    Memory,
}

impl Place {
    /// The tile, if it is on one.
    pub(crate) fn tile(self) -> Option<u32> {
        match self {
            Self::Tile(tile) | Self::Tables(tile) => Some(tile),
            Self::Memory => None,
        }
    }
}

impl Run {
    /// Not yet.
    const NEVER: Self = Self {
        start_ns: 0.0,
        first_ns: 0.0,
        end_ns: 0.0,
        after: None,
        place: Place::Tile(0),
        hops: 0.0,
        longest_hops: 0.0,
        hops_away: 0.0,
    };
}

/// When the inputs of an operator are there, and how far they come.
#[derive(Debug, Clone, Copy, Default)]
struct Arrival {
    /// The operator may begin.
    start_ns: f64,
    /// The last vector of the inputs that stream is there; 0 without any.
    last_vector_ns: f64,
    /// Hops of the farthest input.
    farthest: f64,
    /// Hops of all inputs.
    hops: f64,
}

impl Schedule {
    /// Runs the operators in their order, and adds the time of a hop, `hop_ns`, to their work for each
    /// router that the farthest input passes.
    pub(crate) fn new(
        workload: &Workload,
        works: &mut [OpWork],
        placement: &Placement,
        mesh: &Mesh,
        (scheduling, hop_ns): (Scheduling, f64),
    ) -> Self {
        match scheduling {
            Scheduling::Vectors => Self::of::<true>(workload, works, placement, mesh, hop_ns),
            Scheduling::Operators => Self::of::<false>(workload, works, placement, mesh, hop_ns),
        }
    }

    /// The same, by vectors or by whole operators.
    fn of<const BY_VECTORS: bool>(
        workload: &Workload,
        works: &mut [OpWork],
        placement: &Placement,
        mesh: &Mesh,
        hop_ns: f64,
    ) -> Self {
        let ops = workload.ops();
        let mut schedule = Self {
            runs: vec![Run::NEVER; ops.len()],
            ..Self::default()
        };
        let mut free = vec![(0.0_f64, 0_u32); placement.shared as usize];
        let mut busy = vec![0.0_f64; placement.shared as usize];
        let mut lanes_busy = vec![0.0_f64; mesh.tile(placement.crossbars) as usize + 1];
        for (index, ((op, work), site)) in ops.iter().zip(works).zip(&placement.sites).enumerate() {
            let inputs = workload.inputs_of(op);
            let place = schedule.place(op, inputs, site, mesh);
            // An operand is written whole before anything is read.
            let takes_vectors = BY_VECTORS && op.stream.is_some() && !work.writes_cells();
            let stays = site.crossbars == 0;
            let arrival = schedule.arrival(ops, (op, inputs), stays, takes_vectors);
            let (longest, hops) =
                arrival.way(inputs.len(), mesh.further_tiles(work.copy_crossbars));
            work.stages.transfer_ns += longest * hop_ns;
            let mut run = Run {
                place,
                hops_away: mesh.hops_from(place),
                hops,
                longest_hops: longest,
                start_ns: arrival.start_ns,
                first_ns: 0.0,
                end_ns: 0.0,
                after: None,
            };
            schedule.interval_ns = larger(schedule.interval_ns, work.interval_ns);
            if let (0, Place::Tile(tile)) = (site.crossbars, place) {
                let lanes = &mut lanes_busy[tile as usize];
                *lanes += work.interval_ns;
                schedule.interval_ns = larger(schedule.interval_ns, *lanes);
            }
            let shared = site.shared.map(|shared| shared as usize);
            if let Some(shared) = shared {
                let (free_ns, last) = free[shared];
                if free_ns > run.start_ns {
                    (run.start_ns, run.after) = (free_ns, Some(last));
                }
                busy[shared] += work.interval_ns;
                schedule.interval_ns = larger(schedule.interval_ns, busy[shared]);
            }
            run.end_ns = run.start_ns + work.stages.latency_ns();
            if BY_VECTORS {
                let first_vector_ns = if takes_vectors {
                    first_vector_ns(op, work)
                } else {
                    work.stages.latency_ns()
                };
                run.first_ns = run.start_ns + first_vector_ns;
                run.end_ns = larger(run.end_ns, arrival.last_vector_ns + first_vector_ns);
            }
            if let Some(shared) = shared {
                free[shared] = (run.end_ns, index as u32);
            }
            schedule.latency_ns = larger(schedule.latency_ns, run.end_ns);
            schedule.runs[index] = run;
        }
        schedule
    }

    /// The operators that decide the latency, from first to last: before each one that for which its
    /// crossbar waits, or else of its inputs the one that ends last, back from the operator that ends last.
    pub(crate) fn critical_path(&self, workload: &Workload) -> Vec<usize> {
        let end = |op: usize| self.runs[op].end_ns;
        let latest =
            |ops: &mut dyn Iterator<Item = usize>| ops.max_by(|&a, &b| end(a).total_cmp(&end(b)));
        let mut path = Vec::new();
        let mut at = latest(&mut (0..self.runs.len()));
        while let Some(op) = at {
            path.push(op);
            let inputs = workload.inputs_of(&workload.ops()[op]).iter();
            let latest = || latest(&mut inputs.map(|&input| usize::from(input)));
            let after = self.runs[op].after.map(|op| op as usize);
            at = after.or_else(latest);
        }
        path.reverse();
        path
    }

    /// Where an operator is.
    fn place(&self, op: &Op, inputs: &[u16], site: &Site, mesh: &Mesh) -> Place {
        let tile = mesh.tile(site.first_crossbar);
        match (&op.kind, site.crossbars) {
            (OpKind::EmbeddingGather { .. }, 0) => Place::Memory,
            (OpKind::EmbeddingGather { .. }, _) => Place::Tables(tile),
            (_, 0) => match inputs
                .last()
                .map(|&input| self.runs[usize::from(input)].place)
            {
                Some(Place::Tile(tile)) => Place::Tile(tile),
                _ => Place::Tile(0),
            },
            _ => Place::Tile(tile),
        }
    }

    /// The inputs of an operator; one that `stays` is on the tile of its last one.
    fn arrival(
        &self,
        ops: &[Op],
        (op, inputs): (&Op, &[u16]),
        stays: bool,
        takes_vectors: bool,
    ) -> Arrival {
        let mut arrival = Arrival::default();
        let (mut last, mut last_hops) = (Place::Memory, 0.0);
        for &input in inputs {
            let input = usize::from(input);
            let made = &self.runs[input];
            arrival.travel(last_hops);
            (last, last_hops) = (made.place, made.hops_away);
            let mut ready_ns = made.end_ns;
            if takes_vectors && ops[input].stream == op.stream {
                ready_ns = made.first_ns;
                arrival.last_vector_ns = larger(arrival.last_vector_ns, made.end_ns);
            }
            arrival.start_ns = larger(arrival.start_ns, ready_ns);
        }
        if !(stays && matches!(last, Place::Tile(_))) {
            arrival.travel(last_hops);
        }
        arrival
    }
}

impl Arrival {
    /// An input comes over so many hops.
    fn travel(&mut self, hops: f64) {
        self.farthest = larger(self.farthest, hops);
        self.hops += hops;
    }

    /// Hops of the farthest of so many inputs, and the mean, those to `further` tiles included.
    fn way(&self, inputs: usize, further: f64) -> (f64, f64) {
        if inputs == 0 {
            return (0.0, 0.0);
        }
        (self.farthest + further, self.hops / inputs as f64 + further)
    }
}

/// Time until an operator that works without waiting has given its first vector.
fn first_vector_ns(op: &Op, work: &OpWork) -> f64 {
    let parts = op.stream.map_or(1, |stream| stream.parts.max(1));
    let working_ns = work.stages.working_ns;
    work.stages.latency_ns() - working_ns + working_ns / f64::from(parts)
}
