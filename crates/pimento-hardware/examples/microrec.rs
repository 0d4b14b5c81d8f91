//! MicroRec's evaluation (thesis of W. Jiang, chapter 8, tables 8.1 to 8.4), published and ours.
//!
//! `cargo run --release -p pimento-hardware --example microrec`
#![expect(clippy::print_stdout, reason = "an example prints its figures")]

#[path = "../tests/oracle/microrec.rs"]
mod microrec;

use microrec::{Model, numbers, operations};
use pimento_hardware::{
    EmbeddingTable, MergePlan, MergedTable, Pipeline, Placement, PlacementRule,
};
use serde_json::Value;

fn main() {
    let text = include_str!("../tests/oracles/microrec.json");
    let oracle: Value = serde_json::from_str(text).expect("an oracle is JSON");
    let models = Model::all(&oracle);
    for (index, model) in models.iter().enumerate() {
        println!("\n{} model", model.name);
        sizes(model, &oracle["table_8_1_models"][index]);
        merging(model, &oracle["table_8_3_cartesian"], 2 * index);
        lookups(model, &oracle["table_8_4_embedding_layer"][index]);
        let operations = operations(&oracle["table_8_1_models"][index]);
        let hbm_ms = &oracle["table_8_4_embedding_layer"][index]["fpga_hbm_cartesian_ms"];
        end_to_end(
            model,
            &oracle["table_8_2_end_to_end"][index],
            operations,
            hbm_ms,
        );
    }
}

fn row(what: &str, published: f64, ours: f64) {
    let error = 100.0 * (ours / published - 1.0);
    println!("  {what:<58} {published:>12.4} {ours:>12.4} {error:>8.2} %");
}

fn sizes(model: &Model, published: &Value) {
    println!(" table 8.1{:>50} published         ours", "");
    let figure = |key: &str| published[key].as_f64().expect("a number");
    for (number, tables) in model.originals.iter().enumerate() {
        let width: u16 = tables.iter().map(|table| table.width).sum();
        let bytes: f64 = tables.iter().map(EmbeddingTable::bytes).sum();
        println!("  originals {}", number + 1);
        row("tables", figure("tables"), tables.len() as f64);
        row("values", figure("concat_dim"), f64::from(width));
        row("size, GB", figure("size_gb"), bytes / 1e9);
    }
}

/// Plans of one set of original tables: what they stand for, and whether tables are merged. All but the
/// last have as many tables on chip as the published ones.
fn plans(model: &Model, tables: &[EmbeddingTable]) -> [(&'static str, bool, MergePlan); 4] {
    let (memory, on_chip) = (&model.memory, Some(model.groups[0].1.len()));
    let apart = |rule| MergePlan::unmerged(tables, memory, Placement { rule, on_chip });
    let heuristic = MergePlan::published(tables, memory, on_chip);
    [
        ("apart, in turns", false, apart(PlacementRule::Turns)),
        (
            "apart, longest first",
            false,
            apart(PlacementRule::LongestFirst),
        ),
        ("heuristic", true, heuristic),
        ("best plan", true, MergePlan::best(tables, memory)),
    ]
}

fn merging(model: &Model, table: &Value, first: usize) {
    println!(" table 8.3");
    for (number, tables) in model.originals.iter().enumerate() {
        let plans = plans(model, tables);
        let apart_ns = plans[1].2.lookup_latency_ns();
        for (what, is_merged, plan) in plans {
            let published = &table[first + usize::from(is_merged)];
            let figure = |key: &str| published[key].as_f64().expect("a number");
            println!(
                "  originals {}, {what}: {} products",
                number + 1,
                plan.products()
            );
            let on_chip = plan.tables_in("on-chip").len();
            let placed = plan.tables().len();
            row("tables", figure("tables"), placed as f64);
            row(
                "tables in DRAM",
                figure("tables_in_dram"),
                (placed - on_chip) as f64,
            );
            row("rounds", figure("rounds"), f64::from(plan.rounds()));
            row(
                "storage, %",
                figure("storage_pct"),
                100.0 * plan.storage_ratio(),
            );
            let share = 100.0 * plan.lookup_latency_ns() / apart_ns;
            row("look-up latency, %", figure("lookup_latency_pct"), share);
        }
        let free = MergePlan::unmerged(tables, &model.memory, PlacementRule::LongestFirst);
        let (on_chip, latency_ns) = (free.tables_in("on-chip").len(), free.lookup_latency_ns());
        println!("  apart with {on_chip} tables on chip: {latency_ns:.1} ns");
        let listed = model.listed_ns(tables);
        let [shortest, median, longest] =
            [0, listed.len() / 2, listed.len() - 1].map(|at| listed[at]);
        println!(
            "  apart, table i on bank i mod banks, {} lists: {shortest:.0}, {median:.0}, {longest:.0} ns (shortest, \
             median, longest)",
            listed.len()
        );
    }
}

fn lookups(model: &Model, published: &Value) {
    println!(" table 8.4");
    let ns = |key: &str| 1e6 * published[key].as_f64().expect("a number");
    let layout = MergePlan::unmerged(&model.merged(), &model.memory, PlacementRule::Turns);
    let merged_ns = ns("fpga_hbm_cartesian_ms");
    row(
        "published layout, ns",
        merged_ns,
        layout.lookup_latency_ns(),
    );
    let mut last = Vec::new();
    for (number, tables) in model.originals.iter().enumerate() {
        for (what, is_merged, plan) in plans(model, tables) {
            let published_ns = if is_merged {
                merged_ns
            } else {
                ns("fpga_hbm_ms")
            };
            let what = format!("originals {}, {what}, ns", number + 1);
            row(&what, published_ns, plan.lookup_latency_ns());
            last.push((is_merged, plan));
        }
    }
    let at_2048 = &published["speedup_at_2048"];
    let cpu_ms = numbers(&published["cpu_latency_ms"]);
    let listed = model.listed_ns(&model.originals[0]);
    let latency_ns = listed[listed.len() / 2];
    let items_per_s = 1e9 / latency_ns;
    let published_ns = ns("fpga_hbm_ms");
    let near = listed
        .iter()
        .filter(|&ns| (ns / published_ns - 1.0).abs() <= 0.05);
    let share = 100.0 * near.count() as f64 / listed.len() as f64;
    println!("  within 5 % of the published latency apart: {share:.0} % of the lists");
    row(
        "apart, median of the lists, ns",
        ns("fpga_hbm_ms"),
        latency_ns,
    );
    for (what, key, pipeline) in [
        (
            "speed-up at 2048, best plan",
            "hbm_cartesian",
            Pipeline::from(&last[3].1),
        ),
        (
            "speed-up at 2048, apart, longest first",
            "hbm",
            Pipeline::from(&last[1].1),
        ),
        (
            "speed-up at 2048, apart, median of the lists",
            "hbm",
            Pipeline {
                latency_ns,
                items_per_s,
            },
        ),
    ] {
        let batch_ms = pipeline.batch_ns(2048) / 1e6;
        let published = at_2048[key].as_f64().expect("a number");
        row(what, published, cpu_ms[5] / batch_ms);
    }
    let bytes = |tables: &[MergedTable]| tables.iter().map(MergedTable::bytes).sum::<f64>();
    for (what, plan) in [("published layout", &layout), ("best plan", &last[3].1)] {
        let on_chip = plan.tables_in("on-chip");
        let (tables, bytes) = (on_chip.len(), bytes(&on_chip));
        println!("  {what}: {tables} tables of {bytes} bytes on chip");
    }
}

/// The network's latency (published, less the published look-up) and its GOP/s are taken as given.
fn end_to_end(model: &Model, published: &Value, operations: f64, hbm_ms: &Value) {
    println!(" table 8.2");
    let plan = MergePlan::best(&model.originals[0], &model.memory);
    for precision in ["fp16", "fp32"] {
        let fpga = &published[format!("fpga_{precision}")];
        let figure = |key: &str| fpga[key].as_f64().expect("a number");
        let network = Pipeline {
            latency_ns: 1e6 * (figure("latency_ms") - hbm_ms.as_f64().expect("a number")),
            items_per_s: figure("gops") * 1e9 / operations,
        };
        let both = Pipeline::from(&plan).then(network);
        row(
            &format!("{precision}, latency, ms"),
            figure("latency_ms"),
            both.latency_ns / 1e6,
        );
        row(
            &format!("{precision}, items/s"),
            figure("items_per_s"),
            both.items_per_s,
        );
        let speedups = numbers(&published[format!("speedup_{precision}")]);
        let cpu_ms = numbers(&published["cpu_latency_ms"]);
        for (index, batch) in numbers(&published["cpu_batch"]).into_iter().enumerate() {
            let batch_ms = both.batch_ns(batch as u32) / 1e6;
            let what = format!("{precision}, speed-up at {batch}");
            row(&what, speedups[index], cpu_ms[index] / batch_ms);
        }
    }
}
