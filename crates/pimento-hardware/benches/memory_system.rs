//! The closed form of memory systems: a gather from 26 tables, on one core.
//!
//! `cargo bench -p pimento-hardware --bench memory_system`
#![expect(clippy::print_stdout, reason = "a bench prints its figures")]

use std::{hint::black_box, time::Instant};

use pimento_hardware::{Gathers, MemorySystem, RankingModel};

/// As the application has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const CALLS: usize = 2000;
const ROUNDS: usize = 11;

fn main() {
    let model = RankingModel::preset("mlperf-dlrm-v2").expect("built in");
    let start = Instant::now();
    let gathers = Gathers::by_law(&model.tables(32), model.law());
    let tabulated_ms = start.elapsed().as_secs_f64() * 1e3;
    println!("distribution of 26 tables, tabulated once: {tabulated_ms:.1} ms");
    println!("first call (with what banks have to plan), then");
    for name in MemorySystem::preset_names() {
        let preset = || MemorySystem::preset(name).expect("one of the names");
        let first = median(|| {
            let system = preset();
            time_us(1, || system.summary(black_box(&gathers)))
        });
        let system = preset();
        let again = median(|| time_us(CALLS, || system.summary(black_box(&gathers))));
        println!("{name:14} {first:10.2} µs {again:8.2} µs");
    }
}

/// Time of each of so many calls.
fn time_us<T>(calls: usize, call: impl Fn() -> T) -> f64 {
    let start = Instant::now();
    for _ in 0..calls {
        black_box(call());
    }
    start.elapsed().as_secs_f64() * 1e6 / calls as f64
}

fn median(of: impl Fn() -> f64) -> f64 {
    let mut times: Vec<f64> = (0..ROUNDS).map(|_| of()).collect();
    times.sort_by(f64::total_cmp);
    times[ROUNDS / 2]
}
