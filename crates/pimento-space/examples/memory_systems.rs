//! What published memory systems are worth to a whole design, one sample at a time: a handcrafted network with
//! the tables of Criteo-Kaggle, full and as quotients and remainders.
//!
//! `cargo run --release -p pimento-space --example memory_systems`
#![expect(clippy::print_stdout, reason = "an example prints its figures")]

mod criteo;

use pimento_hardware::{
    Cost, CostModel, Hardware, MemoryDesign, MemorySystem, PimCostModel, SystemChoice, Workload,
};
use pimento_space::{FieldEmbedding, Network, TableKind, lower};

/// Values per quotient.
const COLLISIONS: u32 = 32;

fn main() {
    let (model, full, rows) = criteo::dlrm_on_isaac();
    println!("memory ÷ one channel of DDR4-2400 whose rows the host gathers");
    for (tables, network) in [
        ("full tables", full.clone()),
        ("quotients and remainders", compressed(&full)),
    ] {
        println!(
            "\n{tables:24} {:>12} {:>12} {:>12} {:>12} {:>10} {:>10}",
            "gather's ns", "gather's pJ", "latency", "energy", "mm² more", "violation"
        );
        let workload = lower(&network, &rows);
        let host = price(&model, &workload, SystemChoice::NONE);
        for name in MemorySystem::preset_names() {
            let system = SystemChoice::named(name).expect("one of the names");
            print_ratios(name, &price(&model, &workload, system), &host);
        }
    }
}

/// The network with every table as quotients and remainders.
fn compressed(network: &Network) -> Network {
    let embedding = FieldEmbedding {
        table: TableKind::QuotientRemainder {
            collisions: COLLISIONS,
        },
        width: network.embedding_dim,
        bits: network.embedding_bits,
    };
    Network {
        embeddings: vec![embedding; network.input.fields],
        ..network.clone()
    }
}

fn price(model: &PimCostModel, workload: &Workload, system: SystemChoice) -> Cost {
    let naive = Hardware::naive();
    let memory = MemoryDesign {
        system,
        ..naive.memory
    };
    model.cost(workload, &Hardware { memory, ..naive })
}

/// Figures of a design over those of another one.
fn print_ratios(name: &str, cost: &Cost, host: &Cost) {
    // What a gather does: standby goes on all the time.
    let work = |cost: &Cost| -> f64 {
        let parts = cost.breakdown.components.iter();
        let is_work = |name: &str| {
            matches!(
                name,
                "dram_activate" | "dram_read" | "dram_io" | "pim_units" | "cache" | "link"
            )
        };
        { parts.filter(|part| is_work(part.component)) }
            .map(|part| part.energy_pj)
            .sum()
    };
    let ratio = |figure: &dyn Fn(&Cost) -> f64| figure(cost) / figure(host);
    println!(
        "{name:24} {:12.3} {:12.3} {:12.3} {:12.3} {:10.3} {:10.3}",
        ratio(&|cost| cost.breakdown.ops[0].latency_ns),
        ratio(&work),
        ratio(&|cost| cost.summary.latency_ns),
        ratio(&|cost| cost.summary.energy_pj),
        (cost.summary.area_um2 - host.summary.area_um2) / 1e6,
        cost.summary.violation,
    );
}
