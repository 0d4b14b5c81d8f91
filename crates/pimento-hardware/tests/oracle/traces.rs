//! The traces that the reference simulators were given, drawn again, and what they said.
//!
//! Ranks come from NumPy's generator (`default_rng(1)`: PCG64 seeded by `SeedSequence`, M. E. O'Neill,
//! HMC-CS-2014-0905), so that nothing of an error is the noise of another draw.

use std::{collections::BTreeMap, iter};

use pimento_hardware::{DramStandard, Lookup, Scheduler, TraceMode, TracePlacement, TraceReport};
use serde::Deserialize;

const TABLES: u32 = 8;
const ROWS: u64 = 1_000_000;
const SAMPLES: usize = 16;
const POOLING: usize = 80;

/// What a reference simulator said.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Run {
    pub(crate) tool: String,
    pub(crate) standard: String,
    pub(crate) channels: u32,
    pub(crate) ranks: u32,
    pub(crate) placement: String,
    pub(crate) vector_bytes: u32,
    pub(crate) alpha: f64,
    pub(crate) cycles: f64,
    pub(crate) activations: f64,
    pub(crate) reads: f64,
    pub(crate) row_hits: f64,
    pub(crate) latency_cycles: f64,
    pub(crate) refreshes: f64,
    pub(crate) background_pj: Option<f64>,
    pub(crate) refresh_pj: Option<f64>,
}

#[derive(Deserialize)]
struct Oracle {
    runs: Vec<Run>,
}

/// All runs.
pub(crate) fn runs() -> Vec<Run> {
    let text = include_str!("../oracles/dram_traces.json");
    let oracle: Oracle = serde_json::from_str(text).expect("an oracle is JSON");
    oracle.runs
}

/// Popularity ranks by alpha (in hundredths), in order of the trace.
#[derive(Debug, Default)]
pub(crate) struct Traces(BTreeMap<u64, Vec<(u32, u64)>>);

impl Traces {
    /// Serves the trace of a run as its simulator would.
    pub(crate) fn serve(&mut self, run: &Run) -> TraceReport {
        let standard = DramStandard::named(&run.standard).expect("a built-in standard");
        let is_dramsim = run.tool == "dramsim3";
        let scheduler = if is_dramsim {
            Scheduler::BankQueues
        } else {
            Scheduler::OneBuffer
        };
        let mode = TraceMode::new(&standard, (run.channels, run.ranks), scheduler, is_dramsim);
        let seed: u64 = if run.alpha == 0.0 {
            3_266_217_084_456_764_787
        } else {
            2_842_266_189_111_750_143
        };
        let is_hashed = run.placement == "hash";
        let placement = if is_hashed {
            TracePlacement::Hashed { seed }
        } else {
            let mapping = run.placement.parse().expect("a mapping");
            TracePlacement::linear(mapping, [(ROWS, run.vector_bytes); TABLES as usize])
        };
        let shift = seed % (1 << 31);
        let lookups = self.ranks(run.alpha).iter().map(|&(table, rank)| Lookup {
            table,
            row: if is_hashed {
                rank
            } else {
                (rank * 2_654_435_761 + shift) % ROWS
            },
            bytes: run.vector_bytes,
        });
        mode.run_lookups(&placement, lookups)
    }

    /// Table and rank of every lookup, in order.
    pub(crate) fn ranks(&mut self, alpha: f64) -> &[(u32, u64)] {
        self.0
            .entry((alpha * 100.0).round() as u64)
            .or_insert_with(|| draw(alpha))
    }
}

fn draw(alpha: f64) -> Vec<(u32, u64)> {
    let mut random = Pcg64::seeded(1);
    let weights = (1..=ROWS).map(|rank| (rank as f64).powf(-alpha));
    let sums: Vec<f64> = weights
        .scan(0.0, |sum, weight| {
            *sum += weight;
            Some(*sum)
        })
        .collect();
    let total = sums[sums.len() - 1];
    let tables: Vec<Vec<u64>> = (0..TABLES)
        .map(|_| {
            let rank = || {
                if alpha == 0.0 {
                    return random.below(ROWS as u32).into();
                }
                let unit = random.unit();
                sums.partition_point(|sum| sum / total < unit) as u64
            };
            iter::repeat_with(rank).take(SAMPLES * POOLING).collect()
        })
        .collect();
    let mut ranks = Vec::with_capacity(SAMPLES * POOLING * tables.len());
    for sample in 0..SAMPLES {
        for (table, drawn) in (0..).zip(&tables) {
            let own = &drawn[sample * POOLING..(sample + 1) * POOLING];
            ranks.extend(own.iter().map(|&rank| (table, rank)));
        }
    }
    ranks
}

/// NumPy's PCG64.
struct Pcg64 {
    state: u128,
    increment: u128,
    half: Option<u32>,
}

impl Pcg64 {
    fn seeded(entropy: u32) -> Self {
        let words = seed_words(entropy);
        let pair = |index: usize| (u128::from(words[index]) << 64) | u128::from(words[index + 1]);
        let mut random = Self {
            state: 0,
            increment: (pair(2) << 1) | 1,
            half: None,
        };
        random.step();
        random.state = random.state.wrapping_add(pair(0));
        random.step();
        random
    }

    fn step(&mut self) {
        let product = self
            .state
            .wrapping_mul(0x2360_ED05_1FC6_5DA4_4385_DF64_9FCC_F645);
        self.state = product.wrapping_add(self.increment);
    }

    fn next(&mut self) -> u64 {
        self.step();
        let folded = (self.state >> 64) as u64 ^ self.state as u64;
        folded.rotate_right((self.state >> 122) as u32)
    }

    /// From 0 to 1.
    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// From 0 to below a bound (Lemire); low halves first.
    fn below(&mut self, bound: u32) -> u32 {
        loop {
            let half = self.half.take().unwrap_or_else(|| {
                let word = self.next();
                self.half = Some((word >> 32) as u32);
                word as u32
            });
            let product = u64::from(half) * u64::from(bound);
            if product as u32 >= bound.wrapping_neg() % bound {
                return (product >> 32) as u32;
            }
        }
    }
}

/// NumPy's `SeedSequence` of one word: four words of 64 bits.
fn seed_words(entropy: u32) -> [u64; 4] {
    let mut constant = 0x43b0_d7e5_u32;
    let mut hash = |value: u32| {
        let value = value ^ constant;
        constant = constant.wrapping_mul(0x931e_8875);
        let value = value.wrapping_mul(constant);
        value ^ (value >> 16)
    };
    let mut pool = [entropy, 0, 0, 0].map(&mut hash);
    for source in 0..4 {
        for target in 0..4 {
            if source != target {
                let left = 0xca01_f9dd_u32.wrapping_mul(pool[target]);
                let mixed = left.wrapping_sub(0x4973_f715_u32.wrapping_mul(hash(pool[source])));
                pool[target] = mixed ^ (mixed >> 16);
            }
        }
    }
    let mut constant = 0x8b51_f9dd_u32;
    let mut word = |index: usize| {
        let value = pool[index % 4] ^ constant;
        constant = constant.wrapping_mul(0x58f3_8ded);
        let value = value.wrapping_mul(constant);
        u64::from(value ^ (value >> 16))
    };
    [0, 2, 4, 6].map(|index| word(index) | (word(index + 1) << 32))
}
