//! Does a ranking repeat, go on where it was, and know every way to score?

mod program;

use program::{Bench, SMALL_SEARCH};
use serde_json::Value;

/// What a ranking prints and writes.
fn ranked(bench: &Bench, run: &str, threads: &str, asked: &[&str]) -> (String, Value) {
    let place = ["rank", "search.toml", "--run", run, "--threads", threads];
    let shown = bench.succeed(&[&place[..], asked].concat());
    let ranking = serde_json::from_str(&bench.read(&format!("{run}/rank.json")));
    (shown, ranking.expect("a ranking is JSON"))
}

#[test]
fn a_ranking_has_every_sampler_and_head_and_repeats() {
    let bench = Bench::new();
    let asked = ["--networks", "4", "--seeds", "2"];
    let asked = [&asked[..], &["--samplers", "fair,single-path"]].concat();
    let rank = |run: &str, threads: &str| -> Value {
        let (shown, ranking) = ranked(&bench, run, threads, &asked);
        assert!(
            shown.contains("Kendall τ")
                && shown.contains("4 networks")
                && shown.contains("without a supernet, by greater depth")
                && shown.contains("agree with each other by τ ="),
            "{shown}"
        );
        ranking
    };
    let (one, other) = (rank("a", "1"), rank("b", "2"));
    assert_eq!(one["alone"], other["alone"]);
    assert_eq!(one["agreement"], other["agreement"]);
    let (rows, others) = (
        one["rows"].as_array().unwrap(),
        other["rows"].as_array().unwrap(),
    );
    assert_eq!(rows.len(), 8);
    for (row, other) in rows.iter().zip(others) {
        assert_eq!(row["scores"].as_array().unwrap().len(), 4);
        for figure in ["sampler", "head", "scores", "kendall_tau", "regret_at_1"] {
            assert_eq!(row[figure], other[figure]);
        }
        let tau = row["kendall_tau"]["value"].as_f64().unwrap();
        assert!((-1.0..=1.0).contains(&tau));
        assert!(row["regret_at_5"] == 0.0);
    }
}

#[test]
fn a_ranking_measures_nothing_twice() {
    let bench = Bench::new();
    let asked = ["--networks", "3", "--methods", "none"];
    let (_, first) = ranked(&bench, "run", "2", &asked);
    let first = &first["rows"][0]["scores"];
    // A score that no network has: whoever finds it did not measure.
    let kept = bench.read("run/scores.json");
    bench.write(
        "run/scores.json",
        &kept.replace(&first[0].to_string(), "0.25"),
    );
    let resume = ["rank", "--resume", "run", "--networks", "4", "--methods"];
    let shown = bench.succeed(&[&resume[..], &["none,newton"]].concat());
    assert!(shown.contains("4 networks"), "{shown}");
    let ranking: Value = serde_json::from_str(&bench.read("run/rank.json")).unwrap();
    let scores = ranking["rows"][0]["scores"].as_array().unwrap();
    assert_eq!((scores.len(), scores[0].as_f64()), (4, Some(0.25)));
    assert_eq!(scores[1..3], first.as_array().unwrap()[1..]);
    assert_ne!(ranking["rows"][1]["scores"][0], 0.25, "another method");
}

#[test]
fn tuned_networks_are_ranked_and_searched() {
    let bench = Bench::new();
    let rank = |folder: &str, threads: &str| -> Value {
        let asked = ["--networks", "3", "--methods", "none,tuned"];
        let (shown, ranking) = ranked(&bench, folder, threads, &asked);
        assert!(
            shown.contains("tuned") && shown.contains("by trainings as short as the tuning"),
            "{shown}"
        );
        ranking
    };
    let (one, other) = (rank("a", "1"), rank("b", "2"));
    let rows = one["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 2);
    assert_eq!(rows[1]["tune"]["steps"], 400);
    assert_ne!(rows[0]["scores"], rows[1]["scores"]);
    for number in 0..2 {
        assert_eq!(rows[number]["scores"], other["rows"][number]["scores"]);
    }

    let tuned = SMALL_SEARCH.replace(
        "head = { method = \"sgd\", steps = 2 }",
        "head = { method = \"none\" }\ntune = { steps = 4 }",
    );
    bench.write("tuned.toml", &tuned);
    let shared = tuned.replace("tune = { steps = 4 }", "");
    bench.write("shared.toml", &shared);
    let search = |name: &str, threads: &str| -> Value {
        let (file, folder) = (format!("{name}.toml"), format!("{name}-{threads}"));
        bench.succeed(&["search", &file, "--run", &folder, "--threads", threads]);
        serde_json::from_str(&bench.read(&format!("{folder}/pareto.json"))).unwrap()
    };
    let (one, other) = (search("tuned", "1"), search("tuned", "2"));
    assert_eq!(one, other);
    assert_ne!(one["designs"], search("shared", "2")["designs"]);
}

#[test]
fn narrow_copies_are_ranked_and_searched() {
    let bench = Bench::new();
    let section =
        "[score.narrow]\nby = { widths = 4, rows = 2, embedding-dim = 1 }\nweight = 0.25\n";
    bench.write("search.toml", &format!("{SMALL_SEARCH}\n{section}"));
    let asked = ["--networks", "3", "--methods", "none,factors"];
    let (shown, one) = ranked(&bench, "a", "1", &asked);
    assert!(
        shown.contains("factors, narrow") && shown.contains("by trainings of narrow copies"),
        "{shown}"
    );
    let (_, other) = ranked(&bench, "b", "2", &asked);
    let scores = |ranking: &Value, row: usize| -> Vec<f64> {
        serde_json::from_value(ranking["rows"][row]["scores"].clone()).unwrap()
    };
    assert_eq!(one["rows"].as_array().unwrap().len(), 4);
    for row in 0..4 {
        assert_eq!(scores(&one, row), scores(&other, row));
    }
    // The copies' log losses, found from either method.
    let copies = |method: usize| -> Vec<f64> {
        let pairs = scores(&one, 2 * method)
            .into_iter()
            .zip(scores(&one, 2 * method + 1));
        pairs
            .map(|(shared, joined)| (joined - 0.75 * shared) / 0.25)
            .collect()
    };
    for (one, other) in copies(0).iter().zip(copies(1)) {
        assert!((one - other).abs() < 1e-9 && *one > 0.1, "{one} {other}");
    }

    let search = |threads: &str| -> Value {
        bench.succeed(&[
            "search",
            "search.toml",
            "--run",
            threads,
            "--threads",
            threads,
        ]);
        serde_json::from_str(&bench.read(&format!("{threads}/pareto.json"))).unwrap()
    };
    let found = search("2");
    assert_eq!(search("1"), found);
    bench.write("search.toml", SMALL_SEARCH);
    bench.succeed(&["search", "search.toml", "--run", "shared"]);
    let shared: Value = serde_json::from_str(&bench.read("shared/pareto.json")).unwrap();
    assert_ne!(found["designs"], shared["designs"]);
}
