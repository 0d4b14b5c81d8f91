//! Matrices on a cluster of digital modules with memories of several kinds, placed for the least energy
//! within a latency bound: HH-PIM, DAC 2025, arXiv 2504.01468.
//!
//! Matrices work one after the other, each on all places that hold parts of it in turn. A byte of weights
//! read and multiplied takes a time and an energy that depend on its place only, times the matrix's input
//! vectors. Places that lose their weights without power are on for the whole period, others while they
//! are read.
//!
//! For a price λ of time a place costs k = energy + λ · time for each byte and vector. The sum of vectors ·
//! k over all bytes is least when the matrices with the most vectors lie in the places with the smallest k
//! (the rearrangement inequality), filled to their capacity. The bound fixes λ; between the two placements
//! on either side of it the mixture that just meets it is the optimum of the linear programme. Which
//! places are on at all is tried out.

mod preset;

use serde::Serialize;

pub use preset::ClusterPreset;
use preset::Place;

use crate::workload::{OpKind, Workload};

/// Halvings of the interval of λ.
const HALVINGS: usize = 200;

/// Where weights lie, and what an inference takes.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct ClusterPlacement {
    /// Names of the places, for example `fast sram`.
    pub places: Vec<String>,
    /// Bytes in each.
    pub bytes: Vec<f64>,
    /// Bytes of every matrix in each.
    pub matrices: Vec<MatrixPlacement>,
    /// Time of one inference.
    pub latency_ns: f64,
    /// Energy of one period: an inference, and what must stay on.
    pub energy_pj: f64,
    /// Zero if the bound and the capacities hold, otherwise how far they are exceeded, as a share.
    pub violation: f64,
}

/// Where a matrix lies.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MatrixPlacement {
    /// Number of its operator.
    pub op: usize,
    /// Input vectors per inference.
    pub vectors: u32,
    /// Bytes in each place.
    pub bytes: Vec<f64>,
}

/// A matrix to be placed.
#[derive(Debug, Clone, Copy)]
struct Matrix {
    op: usize,
    vectors: u32,
    bytes: f64,
}

impl ClusterPreset {
    /// Places the matrices of a workload for the least energy in a period of `deadline_ns`, within which
    /// an inference has to end. Other operators are not the cluster's.
    pub fn place(&self, workload: &Workload, deadline_ns: f64) -> ClusterPlacement {
        let places = self.places();
        let mut matrices = matrices(workload);
        matrices.sort_by_key(|matrix| std::cmp::Reverse(matrix.vectors));
        let subsets = 1..1_u32 << places.len();
        let solved = subsets.filter_map(|on| {
            let on: Vec<bool> = (0..places.len())
                .map(|place| on >> place & 1 == 1)
                .collect();
            let problem = Problem {
                places: &places,
                on: &on,
                matrices: &matrices,
                deadline_ns,
            };
            problem.solve()
        });
        let best = solved.min_by(|a, b| {
            let violation = a.violation.total_cmp(&b.violation);
            violation.then(a.energy_pj.total_cmp(&b.energy_pj))
        });
        best.unwrap_or_else(|| {
            let needed: f64 = matrices.iter().map(|matrix| matrix.bytes).sum();
            let capacity: f64 = places.iter().map(|place| place.capacity_bytes).sum();
            ClusterPlacement {
                places: places.into_iter().map(|place| place.name).collect(),
                violation: needed / capacity - 1.0,
                ..ClusterPlacement::default()
            }
        })
    }
}

fn matrices(workload: &Workload) -> Vec<Matrix> {
    let ops = workload.ops().iter().enumerate();
    ops.filter_map(|(op, found)| match found.kind {
        OpKind::StaticMvm {
            rows,
            cols,
            vectors,
            weight_bits,
            ..
        } => Some(Matrix {
            op,
            vectors,
            bytes: f64::from(rows) * f64::from(cols) * f64::from(weight_bits) / 8.0,
        }),
        _ => None,
    })
    .collect()
}

/// One choice of places that are on.
struct Problem<'a> {
    places: &'a [Place],
    on: &'a [bool],
    /// By falling vectors.
    matrices: &'a [Matrix],
    deadline_ns: f64,
}

/// Bytes of every matrix in every place, with the time and the energy that depend on them.
#[derive(Debug, Clone)]
struct Filling {
    bytes: Vec<Vec<f64>>,
    latency_ns: f64,
    energy_pj: f64,
}

impl Problem<'_> {
    /// The least energy; absent if the places are too small.
    fn solve(&self) -> Option<ClusterPlacement> {
        let frugal = self.filling(Place::pj)?;
        let fast = self.filling(|place| place.ns_per_byte)?;
        let filling = if frugal.latency_ns <= self.deadline_ns {
            frugal
        } else if fast.latency_ns >= self.deadline_ns {
            fast
        } else {
            self.on_the_bound(frugal, fast)
        };
        let stays_on = self.places.iter().zip(self.on);
        let standby_mw: f64 = stays_on
            .filter(|(place, on)| **on && !place.keeps_without_power)
            .map(|(place, _)| place.static_mw)
            .sum();
        let in_each = |place: usize| filling.bytes.iter().map(|bytes| bytes[place]).sum();
        let matrices = self.matrices.iter().zip(&filling.bytes);
        Some(ClusterPlacement {
            places: self.places.iter().map(|place| place.name.clone()).collect(),
            bytes: (0..self.places.len()).map(in_each).collect(),
            matrices: matrices
                .map(|(matrix, bytes)| MatrixPlacement {
                    op: matrix.op,
                    vectors: matrix.vectors,
                    bytes: bytes.clone(),
                })
                .collect(),
            latency_ns: filling.latency_ns,
            energy_pj: filling.energy_pj + standby_mw * self.deadline_ns.max(filling.latency_ns),
            violation: (filling.latency_ns / self.deadline_ns - 1.0).max(0.0),
        })
    }

    /// The mixture of the placements on either side of the bound that just meets it.
    fn on_the_bound(&self, mut slow: Filling, mut fast: Filling) -> Filling {
        let (mut low, mut high) = (0.0, 1.0);
        // λ = price / (1 − price), so that all of them lie in [0, 1).
        for _ in 0..HALVINGS {
            let price = f64::midpoint(low, high);
            let filling =
                self.filling(|place| (1.0 - price) * place.pj() + price * place.ns_per_byte);
            let Some(filling) = filling else { break };
            if filling.latency_ns > self.deadline_ns {
                (low, slow) = (price, filling);
            } else {
                (high, fast) = (price, filling);
            }
        }
        let share = (slow.latency_ns - self.deadline_ns) / (slow.latency_ns - fast.latency_ns);
        slow.mix(&fast, share)
    }

    /// Matrices with the most vectors into the places with the smallest `cost`.
    fn filling(&self, cost: impl Fn(&Place) -> f64) -> Option<Filling> {
        let mut order: Vec<usize> = (0..self.places.len()).filter(|&at| self.on[at]).collect();
        order.sort_by(|&a, &b| cost(&self.places[a]).total_cmp(&cost(&self.places[b])));
        let mut free: Vec<f64> = self
            .places
            .iter()
            .map(|place| place.capacity_bytes)
            .collect();
        let mut filling = Filling {
            bytes: Vec::with_capacity(self.matrices.len()),
            latency_ns: 0.0,
            energy_pj: 0.0,
        };
        for matrix in self.matrices {
            let (mut left, mut bytes) = (matrix.bytes, vec![0.0; self.places.len()]);
            for &at in &order {
                let taken = left.min(free[at]);
                let work = taken * f64::from(matrix.vectors);
                let place = &self.places[at];
                (free[at], left, bytes[at]) = (free[at] - taken, left - taken, taken);
                filling.latency_ns += work * place.ns_per_byte;
                filling.energy_pj += work * place.pj();
            }
            if left > 0.0 {
                return None;
            }
            filling.bytes.push(bytes);
        }
        Some(filling)
    }
}

impl Filling {
    /// A share of another filling, and of this one the rest.
    fn mix(mut self, other: &Self, share: f64) -> Self {
        let mix = |own: f64, other: f64| own + (other - own) * share;
        for (own, other) in self.bytes.iter_mut().zip(&other.bytes) {
            for (own, other) in own.iter_mut().zip(other) {
                *own = mix(*own, *other);
            }
        }
        self.latency_ns = mix(self.latency_ns, other.latency_ns);
        self.energy_pj = mix(self.energy_pj, other.energy_pj);
        self
    }
}

impl Place {
    /// Energy of a byte for each vector, with the power of what is on only while it is read.
    fn pj(&self) -> f64 {
        let gated_mw = if self.keeps_without_power {
            self.static_mw
        } else {
            0.0
        };
        self.pj_per_byte + gated_mw * self.ns_per_byte
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workload(matrices: &[(u32, u32)]) -> Workload {
        let matrices = matrices.iter().map(|&(cols, vectors)| OpKind::StaticMvm {
            rows: 1024,
            cols,
            vectors,
            weight_bits: 8,
            activation_bits: 8,
        });
        matrices.collect()
    }

    fn cluster() -> ClusterPreset {
        ClusterPreset::preset("hh-pim").expect("built in")
    }

    /// The least energy over all splits of two matrices in steps of a sixteenth, for each choice of
    /// places that stay on.
    fn searched(matrices: &[(u32, u32)], deadline_ns: f64) -> f64 {
        const STEPS: usize = 16;
        let places = cluster().places();
        let mut splits = Vec::new();
        for a in 0..=STEPS {
            for b in 0..=STEPS - a {
                for c in 0..=STEPS - a - b {
                    splits.push([a, b, c, STEPS - a - b - c]);
                }
            }
        }
        let mut best = f64::INFINITY;
        for first in &splits {
            for second in &splits {
                let (mut bytes, mut time, mut energy) = ([0.0; 4], 0.0, 0.0);
                for (split, &(cols, vectors)) in [first, second].into_iter().zip(matrices) {
                    for (at, place) in places.iter().enumerate() {
                        let part = f64::from(cols) * 1024.0 * split[at] as f64 / STEPS as f64;
                        bytes[at] += part;
                        time += part * f64::from(vectors) * place.ns_per_byte;
                        energy += part * f64::from(vectors) * place.pj();
                    }
                }
                let fits = bytes
                    .iter()
                    .zip(&places)
                    .all(|(bytes, place)| *bytes <= place.capacity_bytes);
                if !fits || time > deadline_ns {
                    continue;
                }
                let on = bytes.iter().zip(&places);
                energy += on
                    .filter(|(bytes, place)| **bytes > 0.0 && !place.keeps_without_power)
                    .map(|(_, place)| place.static_mw * deadline_ns)
                    .sum::<f64>();
                best = best.min(energy);
            }
        }
        best
    }

    #[test]
    fn no_split_on_a_grid_is_better_and_the_best_one_is_near() {
        let matrices = [(200, 4), (300, 1)];
        let workload = workload(&matrices);
        let fastest = cluster().place(&workload, 1.0).latency_ns;
        for factor in [1.02, 1.2, 1.5, 2.0, 4.0, 20.0] {
            let deadline_ns = factor * fastest;
            let found = cluster().place(&workload, deadline_ns);
            let searched = searched(&matrices, deadline_ns);
            assert!(found.violation < 1e-9 && found.latency_ns <= deadline_ns * (1.0 + 1e-9));
            assert!(found.energy_pj <= searched * (1.0 + 1e-9), "{factor}");
            // A grid may have no placement within a tight bound.
            assert!(
                searched <= found.energy_pj * 1.1 || factor < 1.1,
                "{factor} {searched}"
            );
        }
    }

    #[test]
    fn looser_bounds_use_less_power_and_capacities_hold() {
        let workload = workload(&[(100, 16), (300, 1), (200, 2)]);
        let fastest = cluster().place(&workload, 1.0);
        assert!(fastest.violation > 0.0);
        let mut last_mw = f64::INFINITY;
        for step in 0..40 {
            let deadline_ns = fastest.latency_ns * 1.15_f64.powi(step);
            let found = cluster().place(&workload, deadline_ns);
            let power_mw = found.energy_pj / deadline_ns;
            assert!(power_mw <= last_mw * (1.0 + 1e-9));
            last_mw = power_mw;
            for (bytes, place) in found.bytes.iter().zip(cluster().places()) {
                assert!(*bytes <= place.capacity_bytes * (1.0 + 1e-9));
            }
            let placed: f64 = found.bytes.iter().sum();
            assert!((placed - 600.0 * 1024.0).abs() < 1e-3);
        }
    }

    #[test]
    fn too_many_weights_are_a_violation_with_a_size() {
        let found = cluster().place(&workload(&[(2048, 1)]), 1e9);
        assert!((found.violation - 1.0).abs() < 1e-9);
    }
}
