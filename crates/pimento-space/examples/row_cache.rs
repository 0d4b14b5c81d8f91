//! What a cache of hot rows beside the memory controller is worth: a handcrafted network with the tables of
//! Criteo-Kaggle, whose rows are asked for by the law that fits their caches, on several memories.
//!
//! `cargo run --release -p pimento-space --example row_cache`
#![expect(clippy::print_stdout, reason = "an example prints its figures")]

mod criteo;

use pimento_hardware::{
    Cost, CostModel, Hardware, MemoryDesign, MemoryStandard, PimCostModel, PimLevel, SystemChoice,
    Workload,
};
use pimento_space::lower;

const SIZES_KB: [u16; 6] = [0, 16, 64, 256, 1024, 4096];

const MEMORIES: [(&str, MemoryStandard, PimLevel, u16); 3] = [
    (
        "DDR4-2400, host",
        MemoryStandard::Ddr4_2400,
        PimLevel::Host,
        1,
    ),
    (
        "DDR4-2400, bank groups",
        MemoryStandard::Ddr4_2400,
        PimLevel::BankGroup,
        1,
    ),
    (
        "HBM2, host, 8 channels",
        MemoryStandard::Hbm2,
        PimLevel::Host,
        8,
    ),
];

fn main() {
    let (model, network, rows) = criteo::dlrm_on_isaac();
    let workload = lower(&network, &rows);
    for (name, standard, pim_level, channels) in MEMORIES {
        println!("{name}: with a cache ÷ without");
        println!(
            "{:>8} {:>12} {:>12} {:>12} {:>12} {:>12} {:>14}",
            "KB",
            "rows opened",
            "memory's pJ",
            "gather's ns",
            "energy",
            "latency",
            "area added mm²"
        );
        let price = |cache_kb| {
            let memory = MemoryDesign {
                standard,
                pim_level,
                channels,
                cache_kb,
                system: SystemChoice::NONE,
            };
            priced(&model, &workload, memory)
        };
        let without = price(0);
        for cache_kb in SIZES_KB {
            print_ratios(cache_kb, &price(cache_kb), &without);
        }
        println!();
    }
}

fn priced(model: &PimCostModel, workload: &Workload, memory: MemoryDesign) -> Cost {
    let hardware = Hardware {
        memory,
        ..Hardware::naive()
    };
    model.cost(workload, &hardware)
}

fn print_ratios(cache_kb: u16, cost: &Cost, without: &Cost) {
    let energy = |cost: &Cost, components: &[&str]| -> f64 {
        let parts = cost.breakdown.components.iter();
        parts
            .filter(|part| components.contains(&part.component))
            .map(|part| part.energy_pj)
            .sum()
    };
    let memory = [
        "dram_activate",
        "dram_read",
        "dram_io",
        "dram_refresh",
        "pim_units",
        "cache",
    ];
    let ratio = |figure: &dyn Fn(&Cost) -> f64| figure(cost) / figure(without);
    println!(
        "{cache_kb:>8} {:12.3} {:12.3} {:12.3} {:12.3} {:12.3} {:14.3}",
        ratio(&|cost| energy(cost, &["dram_activate"])),
        ratio(&|cost| energy(cost, &memory)),
        ratio(&|cost| cost.breakdown.ops[0].latency_ns),
        ratio(&|cost| cost.summary.energy_pj),
        ratio(&|cost| cost.summary.latency_ns),
        (cost.summary.area_um2 - without.summary.area_um2) / 1e6,
    );
}
