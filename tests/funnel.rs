//! Does a ranking funnel compare designs alone and in pairs?
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod program;

use program::{Bench, exists};
use serde_json::{Value, json};

/// The small search has 400 validation rows.
const SIZES: [&str; 6] = ["--candidates", "50", "--keep", "10", "--top", "5"];

fn funnel(bench: &Bench, arguments: &[&str]) -> String {
    bench.succeed(&[&["funnel", "a"], arguments].concat())
}

fn json(bench: &Bench, arguments: &[&str]) -> Value {
    serde_json::from_str(&funnel(bench, &[arguments, &["--json"]].concat())).unwrap()
}

fn entry<'j>(funnel: &'j Value, designs: &Value) -> &'j Value {
    let entries = funnel["entries"].as_array().unwrap();
    let found = entries.iter().find(|entry| &entry["designs"] == designs);
    found.unwrap()
}

#[test]
fn designs_are_compared_alone_and_in_pairs() {
    let bench = Bench::new();
    bench.succeed(&["search", "search.toml", "--run", "a"]);
    let front: Value = serde_json::from_str(&bench.read("a/pareto.json")).unwrap();
    let designs = front["designs"].as_array().unwrap();
    assert!(designs.len() > 1, "the small front has a pair");

    let small = json(&bench, &SIZES);
    assert_eq!(small["queries"], 8);
    assert_eq!(small["queries_without_click"], 0);
    assert_eq!(small["rows_left_over"], 0);
    let entries = small["entries"].as_array().unwrap();
    assert_eq!(entries.len(), designs.len() * designs.len());
    for entry in entries {
        let ndcg = entry["ndcg"]["mean"].as_f64().unwrap();
        assert!((0.0..=1.0).contains(&ndcg), "{entry}");
    }
    let best = entry(&small, &json!([small["best_alone"]]));
    assert_eq!(
        best["difference"],
        json!({"mean": 0.0, "standard_error": 0.0})
    );
    prices(&small, designs);
    let threads = [&SIZES[..], &["--threads", "1"]].concat();
    assert_eq!(json(&bench, &threads), small, "whatever the threads");

    // The table, on two of the designs.
    let shown = funnel(&bench, &[&SIZES[..], &["--designs", "1,0,1"]].concat());
    for part in [
        "NDCG@5",
        "(best alone)",
        "8 queries of 50 candidates",
        "of 2 pairs",
    ] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    assert!(shown.contains("shared weights"), "{shown}");

    // A second stage that gets everything ranks as it does alone.
    let all = json(&bench, &["--candidates", "60", "--keep", "60"]);
    assert_eq!(all["rows_left_over"], 40);
    let pair = entry(&all, &json!(["0", "1"]));
    assert_eq!(pair["ndcg"], entry(&all, &json!(["1"]))["ndcg"]);
    assert_eq!(pair["is_dominated"], true);
    errors(&bench);
}

/// Time, energy and area of the pair 0 → 1, from the prices of its designs.
fn prices(funnel: &Value, designs: &[Value]) {
    let figure = |design: usize, name: &str| designs[design]["cost"][name].as_f64().unwrap();
    let time = |design, rows: f64| {
        let period = 1e9 / figure(design, "throughput_per_s");
        figure(design, "latency_ns") + (rows - 1.0) * period
    };
    let expected = [
        ("time_ns", time(0, 50.0) + time(1, 10.0)),
        (
            "energy_pj",
            50.0 * figure(0, "energy_pj") + 10.0 * figure(1, "energy_pj"),
        ),
        ("area_um2", figure(0, "area_um2") + figure(1, "area_um2")),
    ];
    let cost = &entry(funnel, &json!(["0", "1"]))["cost"];
    for (name, expected) in expected {
        let found = cost[name].as_f64().unwrap();
        assert!((found / expected - 1.0).abs() < 1e-12, "{name}: {found}");
    }
}

fn errors(bench: &Bench) {
    let check = |arguments: &[&str], expected: &str| {
        let error = bench.fail(2, &[&["funnel", "a"], arguments].concat());
        assert!(error.contains(expected), "{error}");
    };
    check(
        &["--candidates", "20", "--keep", "21"],
        "cannot keep `21` of `20` candidates",
    );
    check(
        &["--candidates", "401"],
        "the validation split has 400 rows, fewer than the `401`",
    );
    check(&["--designs", "0,999"], "there is no design `999`");
    check(&["--keep", "0"], "0 is not in 1..");
    let unfinished = bench.fail(1, &["funnel", "nowhere"]);
    assert!(unfinished.contains("is it the folder of a run?"));
    assert!(!exists(&bench.path("nowhere")));
}
