//! Are memory systems listed, priced, compared, drawn and checked against traces?
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod program;

use program::{Bench, SMALL_SPACE};
use serde_json::Value;

fn json(bench: &Bench, arguments: &[&str]) -> Value {
    let all = [arguments, &["--json"]].concat();
    serde_json::from_str(&bench.succeed(&all)).unwrap()
}

fn number(value: &Value, path: &str) -> f64 {
    value.pointer(path).and_then(Value::as_f64).unwrap()
}

#[test]
fn systems_and_workloads_are_listed_and_a_copy_prices_the_same() {
    let bench = Bench::new();
    let (systems, workloads) = (bench.succeed(&["systems"]), bench.succeed(&["workloads"]));
    for name in [
        "host",
        "recnmp",
        "trim-g",
        "heam",
        "proactivepim",
        "microrec",
        "upmem",
    ] {
        assert!(systems.contains(name), "{systems}");
    }
    for name in ["rm1", "rm2", "rm3", "wnd", "mlperf-dlrm", "microrec-small"] {
        assert!(workloads.contains(name), "{workloads}");
    }
    bench.write("mine.toml", &bench.succeed(&["systems", "recnmp"]));
    bench.write("model.toml", &bench.succeed(&["workloads", "rm3"]));
    let mine = ["cost", "--system", "mine.toml", "--workload", "model.toml"];
    let built_in = ["cost", "--system", "recnmp", "--workload", "rm3"];
    assert_eq!(json(&bench, &mine), json(&bench, &built_in));
    let error = bench.fail(2, &["systems", "tpu"]);
    assert!(error.contains("`recnmp`"), "{error}");
}

#[test]
fn a_price_is_explained_by_the_charges_it_is_made_of() {
    let bench = Bench::new();
    let arguments = [
        "cost",
        "--system",
        "space",
        "--workload",
        "rm1",
        "--explain",
        "energy",
    ];
    let told = json(&bench, &arguments);
    let components = told.pointer("/explanation/charges/components").unwrap();
    let parts = components.as_array().unwrap().iter();
    let sum: f64 = parts.map(|part| part["amount"].as_f64().unwrap()).sum();
    assert!((sum / number(&told, "/gather/energy_pj") - 1.0).abs() < 1e-9);
    let text = bench.succeed(&["cost", "--system", "space", "--explain", "energy.dram-read"]);
    assert!(
        text.contains("energy.read-pj") && text.contains("DRAMsim3"),
        "{text}"
    );
    let times = ["cost", "--system", "heam", "--explain", "latency"];
    let text = bench.succeed(&times);
    assert!(
        text.contains("cycles of merging sums") && text.contains("DRAMsim3"),
        "{text}"
    );
    let error = bench.fail(2, &["cost", "--system", "space", "--explain", "energy.adc"]);
    assert!(error.contains("`energy.dram_read`"), "{error}");
}

#[test]
fn systems_are_compared_and_drawn() {
    let bench = Bench::new();
    let systems = [
        "cost",
        "compare",
        "host",
        "recnmp",
        "trim-g",
        "--workload",
        "rm2",
    ];
    let compared = json(&bench, &systems);
    let rows = compared["systems"].as_array().unwrap();
    assert_eq!(rows.len(), 3);
    for row in rows {
        let power = number(row, "/gather/power_mw");
        let energy = number(row, "/gather/energy_pj") / number(row, "/gather/interval_ns");
        assert!((power / energy - 1.0).abs() < 1e-9);
        assert!(number(row, "/end_to_end/latency_ns") >= number(row, "/gather/latency_ns"));
    }
    let drawn = [&systems[..], &["--svg", "bars.svg"]].concat();
    let text = bench.succeed(&drawn);
    assert!(text.contains("faster") && text.contains("trim-g"), "{text}");
    let picture = bench.read("bars.svg");
    assert!(picture.starts_with("<svg") && picture.contains("recnmp"));
}

/// Compression, batch and popularity change what is gathered.
#[test]
fn what_is_gathered_can_be_chosen() {
    let bench = Bench::new();
    let host = ["cost", "--system", "host", "--workload", "rm1"];
    let cost = |more: &[&str]| json(&bench, &[&host, more].concat());
    let plain = cost(&[]);
    assert_eq!(plain["gather"]["batch"], 4);
    let larger = cost(&["--batch", "16"]);
    assert_eq!(larger["gather"]["batch"], 16);
    assert!(number(&larger, "/gather/energy_pj") > number(&plain, "/gather/energy_pj"));
    let stored = |cost: &Value| number(cost, "/gather/tiers/0/stored_bytes");
    let halved = cost(&["--compression", "quotient-remainder:4"]);
    assert!((stored(&halved) / stored(&plain) - 0.25).abs() < 0.01);
    assert!(stored(&cost(&["--compression", "tensor-train:8"])) < 0.01 * stored(&plain));
    assert!((stored(&cost(&["--bits", "8"])) / stored(&plain) - 0.25).abs() < 1e-9);
    // Hot rows are merged.
    let reads = |cost: &Value| number(cost, "/gather/tiers/0/time/reads");
    let (even, uneven) = (
        cost(&["--popularity", "uniform"]),
        cost(&["--popularity", "1.2"]),
    );
    assert!(reads(&uneven) < 0.9 * reads(&even));
    let error = bench.fail(2, &[&host[..], &["--popularity", "zipf"]].concat());
    assert!(error.contains("expected `uniform`"), "{error}");
    let error = bench.fail(2, &[&host[..], &["--compression", "qr:0"]].concat());
    assert!(error.contains("`quotient-remainder:COLLISIONS`"), "{error}");
}

/// A trace of a few hot rows and many cold ones.
#[test]
fn the_closed_form_is_checked_on_a_trace() {
    let bench = Bench::new();
    let mut trace = "table row\n".to_owned();
    for lookup in 0_u64..6400 {
        let row = lookup.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 42;
        let row = if lookup % 3 == 0 {
            lookup % 30
        } else {
            row % 4_000_000
        };
        trace.push_str(&format!("{} {row}\n", lookup / 80 % 8));
    }
    bench.write("trace.txt", &trace);
    let arguments = [
        "cost",
        "--system",
        "host",
        "--workload",
        "rm1",
        "--trace",
        "trace.txt",
    ];
    let told = json(&bench, &arguments);
    assert_eq!(told["popularity"], "a trace");
    let check = &told["trace"][0];
    assert_eq!(check["lookups"], 6400);
    let cycles = number(check, "/cycles") / number(check, "/trace/cycles");
    assert!((0.85..1.15).contains(&cycles), "{cycles}");
    let text = bench.succeed(&arguments);
    assert!(text.contains("command by command"), "{text}");
    bench.write("bad.txt", "0 1\n1 4000000\n");
    let bad = [
        "cost",
        "--system",
        "host",
        "--workload",
        "rm1",
        "--trace",
        "bad.txt",
    ];
    let error = bench.fail(2, &bad);
    assert!(
        error.contains("bad.txt: line 2, field 2: row 4000000"),
        "{error}"
    );
}

#[test]
fn mistakes_in_a_system_file() {
    let bench = Bench::new();
    let good = bench.succeed(&["systems", "trim-g"]);
    let check = |from: &str, to: &str, message: &str| {
        assert!(good.contains(from), "{from}");
        bench.write("mine.toml", &good.replacen(from, to, 1));
        let error = bench.fail(2, &["cost", "--system", "mine.toml"]);
        assert!(
            error.contains(message) && error.contains("mine.toml"),
            "{error}"
        );
    };
    check("gather = ", "gathers = ", "unknown field `gathers`");
    check(
        "\"ddr5-4800\"",
        "\"ddr9\"",
        "unknown memory `ddr9`, expected one of ddr4-2400",
    );
    check(
        "batch = 4",
        "batch = 0",
        "`batch` is 0, expected a positive number",
    );
    let error = bench.fail(2, &["cost", "--system", "nowhere"]);
    assert!(
        error.contains("there is no memory system `nowhere`"),
        "{error}"
    );
    let error = bench.fail(2, &["cost", "--system", "host", "--workload", "nowhere"]);
    assert!(error.contains("there is no workload `nowhere`"), "{error}");
    // A subcommand would hide a design of its name; without either, both ways are told.
    let error = bench.fail(2, &["cost"]);
    assert!(error.contains("<DESIGN>"), "{error}");
}

#[test]
fn a_search_chooses_among_memory_systems() {
    let bench = Bench::new();
    let menu = "memory-system = [\"trim-g\", \"space\"]\n";
    bench.write(
        "small_space.toml",
        &(program::SMALL_SPACE.to_owned() + menu),
    );
    bench.succeed(&["search", "search.toml", "--run", "run"]);
    let front: Value = serde_json::from_str(&bench.read("run/pareto.json")).unwrap();
    for record in front["designs"].as_array().unwrap() {
        let system = record["hardware"]["memory"]["system"].as_str().unwrap();
        assert!(["trim-g", "space"].contains(&system), "{record}");
        assert!(record["popularity"].is_array(), "{record}");
        bench.write("design.json", &record.to_string());
        let arguments = ["cost", "design.json", "--explain", "energy.dram-read"];
        let priced = json(&bench, &arguments);
        assert_eq!(priced["summary"], record["cost"]);
        let source = priced.pointer("/explanation/charges/sources/energy");
        assert!(!source.unwrap().as_str().unwrap().is_empty(), "{priced}");
        bench.succeed(&["cost", "design.json", "--svg", "design.svg"]);
        let picture = bench.read("design.svg");
        assert!(picture.contains(&format!("memory {system}")), "{picture}");
    }
    bench.write(
        "small_space.toml",
        &program::SMALL_SPACE.replace("[\"ddr4-2400\", ", "[\"trim-g\", "),
    );
    let error = bench.fail(2, &["search", "search.toml", "--run", "other"]);
    assert!(error.contains("small_space.toml:"), "{error}");
    let unknown = program::SMALL_SPACE.to_owned() + "memory-system = [\"trim\"]\n";
    bench.write("small_space.toml", &unknown);
    let error = bench.fail(2, &["search", "search.toml", "--run", "other"]);
    assert!(
        error.contains("unknown memory system `trim`, expected `none` or one of host,"),
        "{error}"
    );
    assert!(error.contains("small_space.toml:"), "{error}");
}

#[test]
fn a_search_may_choose_a_system_of_ones_own() {
    let bench = Bench::new();
    let recnmp = bench.succeed(&["systems", "recnmp"]);
    let mine = recnmp.replacen("\"recnmp\"", "\"mine\"", 1);
    let tables = mine
        .replace("\n[tiers", "\n[memory-systems.tiers")
        .replace("\n[[", "\n[[memory-systems.");
    let space = |systems: &str| {
        let menu = format!("{SMALL_SPACE}\nmemory-system = [{systems}]\n");
        bench.write(
            "small_space.toml",
            &(menu + "\n[[memory-systems]]\n" + &tables),
        );
    };
    let designs = |run: &str| -> Vec<Value> {
        bench.succeed(&["search", "search.toml", "--run", run]);
        let front: Value =
            serde_json::from_str(&bench.read(&format!("{run}/pareto.json"))).unwrap();
        front["designs"].as_array().unwrap().clone()
    };
    space("\"recnmp\"");
    let built_in = designs("built-in");
    space("\"mine\"");
    let own = designs("own");
    assert_eq!(own.len(), built_in.len());
    for (own, built_in) in own.iter().zip(&built_in) {
        assert_eq!(own["cost"], built_in["cost"]);
    }
    // A design tells its system, so that it is priced wherever it goes.
    let design = &own[0];
    bench.write("design.json", &design.to_string());
    let priced = json(&bench, &["cost", "design.json"]);
    assert_eq!(priced["summary"], design["cost"]);
    bench.succeed(&["cost", "design.json", "--svg", "design.svg"]);
    assert!(bench.read("design.svg").contains("mine"));
    assert!(
        bench
            .succeed(&["search", "--resume", "own"])
            .contains("log loss")
    );
}
