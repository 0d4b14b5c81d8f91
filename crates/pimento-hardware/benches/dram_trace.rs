//! Commands per second of the trace mode, on one core.
//!
//! `cargo bench -p pimento-hardware --bench dram_trace`
#![expect(clippy::print_stdout, reason = "a bench prints its figures")]

use std::{fs, sync::LazyLock, time::Instant};

use pimento_hardware::{DramStandard, Lookup, Scheduler, TraceMode, TracePlacement};

const LOOKUPS: u64 = 1_000_000;
const ROWS: u64 = 1_000_000;
const BYTES: u32 = 128;
const ROUNDS: usize = 3;

/// Rows whose popularity falls as 1 / rank: `ROWS` to a power spread evenly.
fn lookup(index: u64) -> Lookup {
    let spread = (index.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 11) as f64 / (1_u64 << 53) as f64;
    Lookup {
        table: (index / 80 % 8) as u32,
        row: (ROWS as f64).powf(spread) as u64,
        bytes: BYTES,
    }
}

/// Seconds that this thread has computed: what the kernel counts where it tells, or else the clock.
fn seconds() -> f64 {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    let counted = fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanoseconds = counted.and_then(|text| text.split(' ').next()?.parse::<f64>().ok());
    nanoseconds.map_or_else(|| START.elapsed().as_secs_f64(), |time| time / 1e9)
}

fn main() {
    let lookups: Vec<Lookup> = (0..LOOKUPS).map(lookup).collect();
    println!("{LOOKUPS} lookups of {BYTES} B, medians of {ROUNDS} rounds");
    let memories = [
        ("ddr4-3200", 1, 1),
        ("ddr4-3200", 1, 4),
        ("ddr5-4800", 2, 2),
        ("hbm2", 8, 1),
        ("hbm3-6400", 8, 2),
        ("lpddr5-6400", 1, 1),
        ("gddr6-14000", 1, 1),
    ];
    for (name, channels, ranks) in memories {
        let standard = DramStandard::named(name).expect("a built-in standard");
        for controller in [Scheduler::BankQueues, Scheduler::OneBuffer] {
            for is_coalescing in [true, false] {
                let mode = TraceMode::new(&standard, (channels, ranks), controller, is_coalescing);
                let mut rates: Vec<(f64, f64)> = (0..ROUNDS)
                    .map(|_| {
                        let start = seconds();
                        let placement = TracePlacement::Hashed { seed: 1 };
                        let report = mode.run_lookups(&placement, lookups.iter().copied());
                        let seconds = seconds() - start;
                        let commands = report.reads + report.activations + report.precharges;
                        (commands as f64 / seconds / 1e6, seconds)
                    })
                    .collect();
                rates.sort_by(|one, other| one.0.total_cmp(&other.0));
                let (rate, seconds) = rates[ROUNDS / 2];
                println!(
                    "{name:11} {channels}×{ranks} {controller:?} coalescing {is_coalescing:5}  \
                     {rate:6.2} million commands/s  {seconds:5.2} s"
                );
            }
        }
    }
}
