//! The closed form of memory systems: a gather from 26 tables, on one core.
//!
//! `cargo bench -p pimento-hardware --bench memory_system`
#![expect(clippy::print_stdout, reason = "a bench prints its figures")]

use std::{hint::black_box, time::Instant};

use pimento_hardware::{Gathers, MemorySystem, RankingModel};

const CALLS: usize = 2000;
const ROUNDS: usize = 11;

fn main() {
    let model = RankingModel::preset("mlperf-dlrm-v2").expect("built in");
    let start = Instant::now();
    let gathers = Gathers::by_law(&model.tables(32), model.law());
    let tabulated_ms = start.elapsed().as_secs_f64() * 1e3;
    println!("distribution of 26 tables, tabulated once: {tabulated_ms:.1} ms");
    for name in MemorySystem::preset_names() {
        let system = MemorySystem::preset(name).expect("one of the names");
        // Systems of banks look for products of tables anew every time.
        let start = Instant::now();
        black_box(system.summary(&gathers));
        let calls = if start.elapsed().as_micros() > 1000 {
            2
        } else {
            CALLS
        };
        let mut times: Vec<f64> = (0..ROUNDS)
            .map(|_| {
                let start = Instant::now();
                for _ in 0..calls {
                    black_box(system.summary(black_box(&gathers)));
                }
                start.elapsed().as_secs_f64() * 1e6 / calls as f64
            })
            .collect();
        times.sort_by(f64::total_cmp);
        println!("{name:14} {:6.2} µs", times[ROUNDS / 2]);
    }
}
