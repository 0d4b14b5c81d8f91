//! Does the tool run, repeat and survive?

mod program;

use std::{thread, time::Duration};

use program::{Bench, SMALL_SEARCH, exists};
use serde_json::{Value, json};

#[test]
fn a_search_writes_a_front_that_repeats_whatever_the_threads() {
    let bench = Bench::new();
    let shown = bench.succeed(&["search", "search.toml", "--run", "a", "--threads", "1"]);
    bench.succeed(&["search", "search.toml", "--run", "b", "--threads", "3"]);
    let file = bench.read("a/pareto.json");
    assert_eq!(file, bench.read("b/pareto.json"));

    let front: Value = serde_json::from_str(&file).unwrap();
    assert_eq!(front["format"], "pimento-pareto");
    assert_eq!(front["version"], 1);
    assert_eq!(front["seed"], 3);
    let designs = front["designs"].as_array().unwrap();
    assert!(!designs.is_empty());
    hardware_is_searched_anew(&front, &bench.read("a/run.log"));
    for design in designs {
        for part in [
            "genotype",
            "network",
            "hardware",
            "quality",
            "cost",
            "breakdown",
        ] {
            assert!(design[part].is_object(), "a design has `{part}`");
        }
    }
    assert!(
        shown.contains("NASRec Criteo Full, naive mapping")
            && shown.contains("NASRec Criteo Full, hardware searched"),
        "{shown}"
    );
    assert!(shown.contains("Best factors of the front"), "{shown}");
    assert_eq!(bench.succeed(&["front", "a"]), shown);
    assert!(bench.read("a/run.log").contains("best possible"));

    // Any design of the front can be priced again, with the same figures.
    bench.write("design.json", &designs[0].to_string());
    let cost: Value =
        serde_json::from_str(&bench.succeed(&["cost", "design.json", "--json"])).unwrap();
    assert_eq!(cost["summary"], designs[0]["cost"]);

    let retrained = bench.succeed(&[
        "retrain",
        "a",
        "--seeds",
        "2",
        "--epochs",
        "0.2",
        "--logistic-regression",
    ]);
    assert!(
        retrained.contains('±') && retrained.contains("logistic regression"),
        "{retrained}"
    );
    let trained = |log: &str| log.matches("trained alone").count();
    let before = trained(&bench.read("a/run.log"));
    bench.succeed(&["retrain", "a", "--seeds", "2", "--epochs", "0.2"]);
    assert_eq!(
        trained(&bench.read("a/run.log")),
        before,
        "nothing is trained twice"
    );

    // Any network in a file, on the data of the run.
    let shown = bench.succeed(&["retrain", "a", "--files", "design.json", "--epochs", "0.2"]);
    assert!(shown.contains("design.json"), "{shown}");
    let results: Value = serde_json::from_str(&bench.read("a/retrain.json")).unwrap();
    assert_eq!(
        results.as_array().unwrap().len(),
        1,
        "no design of the front"
    );
    assert_eq!(results[0]["cost"], designs[0]["cost"]);
    let mut other = designs[0].clone();
    other["network"]["input"]["dense_dim"] = 2.into();
    bench.write("other.json", &other.to_string());
    let error = bench.fail(2, &["retrain", "a", "--files", "other.json"]);
    assert!(error.contains("takes 2 dense values"), "{error}");

    // Handcrafted models on the same data, priced, and kept as well.
    bench.write("baselines.toml", BASELINES);
    let shown = bench.succeed(&["retrain", "a", "--baselines", "baselines.toml"]);
    assert!(
        shown.contains("tiny-fm") && shown.contains("tiny-deep"),
        "{shown}"
    );
    let results: Value = serde_json::from_str(&bench.read("a/retrain.json")).unwrap();
    assert_eq!(
        results.as_array().unwrap().len(),
        2,
        "no design was asked for"
    );
    for result in results.as_array().unwrap() {
        assert_eq!(result["trainings"].as_array().unwrap().len(), 3);
        assert!(result["cost"]["latency_ns"].as_f64().unwrap() > 0.0);
        let loss = result["trainings"][0]["test"]["log_loss"].as_f64().unwrap();
        assert!(loss < 0.69, "{loss}");
    }
    let before = trained(&bench.read("a/run.log"));
    let one = [
        "retrain",
        "a",
        "--baselines",
        "baselines.toml",
        "--models",
        "tiny-fm",
    ];
    bench.succeed(&one);
    assert_eq!(trained(&bench.read("a/run.log")), before);
}

/// The front dominates more than after the last generation, by designs that no generation had.
fn hardware_is_searched_anew(front: &Value, journal: &str) {
    let hypervolume = front["hypervolume"].as_array().expect("a list");
    let [.., before, after] = &hypervolume[..] else {
        panic!("two values at least: {hypervolume:?}");
    };
    assert!(after.as_f64() > before.as_f64(), "{hypervolume:?}");
    let line = journal
        .lines()
        .find(|line| line.contains("hardware searched anew"));
    assert!(
        !line.expect("it is told").contains(" added=0 "),
        "{journal}"
    );
}

#[test]
fn each_design_gets_the_recipe_that_suits_it() {
    let bench = Bench::new();
    let recipes = "\n[[retrain.recipes]]\ntrain = { learning-rate = 1e-9 }\n\
                   [[retrain.recipes]]\ntrain = { epochs = 0.3, batch-size = 64 }\n";
    bench.write("search.toml", &format!("{SMALL_SEARCH}{recipes}"));
    bench.succeed(&["search", "search.toml", "--run", "a"]);
    let trained = |log: &str| log.matches("trained alone").count();
    let before = trained(&bench.read("a/run.log"));
    bench.succeed(&["retrain", "a", "--seeds", "2"]);
    let results: Value = serde_json::from_str(&bench.read("a/retrain.json")).unwrap();
    assert_eq!(results[0]["recipe"], 1, "the first one learns nothing");
    assert_eq!(results[0]["trainings"].as_array().unwrap().len(), 2);
    // The search has tried both recipes with the first seed.
    assert_eq!(trained(&bench.read("a/run.log")), before + 1);
    let front: Value = serde_json::from_str(&bench.read("a/pareto.json")).unwrap();
    assert_eq!(
        front["designs"][0]["trainings"][0], results[0]["trainings"][0],
        "the front shows the better one"
    );
}

#[test]
fn a_recipe_may_have_batch_norm() {
    let bench = Bench::new();
    let recipes = "\n[[retrain.recipes]]\ntrain = { epochs = 0.2 }\n\
                   [[retrain.recipes]]\ntrain = { epochs = 0.2, batch-norm = true }\n";
    bench.write("search.toml", &format!("{SMALL_SEARCH}{recipes}"));
    bench.succeed(&["search", "search.toml", "--run", "a"]);
    let done: Value = serde_json::from_str(&bench.read("a/trainings.json")).unwrap();
    let done = done.as_array().unwrap();
    let is_normed = |done: &Value| done["recipe"]["train"]["batch-norm"].as_bool().unwrap();
    let mut pairs = 0;
    let mut differing = 0;
    for normed in done.iter().filter(|done| is_normed(done)) {
        let plain = done
            .iter()
            .find(|done| !is_normed(done) && done["model"] == normed["model"])
            .unwrap();
        pairs += 1;
        differing += usize::from(plain["training"] != normed["training"]);
    }
    assert_eq!(
        2 * pairs,
        done.len(),
        "each network is trained in both ways"
    );
    assert!(differing > 0, "some network has a fully connected layer");
}

#[test]
fn hardware_in_the_score_costs_and_repeats() {
    let bench = Bench::new();
    let section = "[score]\nanalogue = { cells = \"wan-2022-1d\", chips = 1 }\n";
    let config = SMALL_SEARCH.replacen("[score]\n", section, 1);
    bench.write("search.toml", &config);
    bench.succeed(&["search", "search.toml", "--run", "a", "--threads", "1"]);
    bench.succeed(&["search", "search.toml", "--run", "b", "--threads", "3"]);
    assert_eq!(bench.read("a/pareto.json"), bench.read("b/pareto.json"));

    let arguments = ["analogue", "a", "--chips", "2", "--samples", "300"];
    let shown = bench.succeed(&arguments);
    assert!(shown.contains("+ spread of cells"), "{shown}");
    let results: Value = serde_json::from_str(&bench.read("a/analogue.json")).unwrap();
    let rows = results[0]["rows"].as_array().unwrap();
    let loss = |row: usize, chip: usize| rows[row]["chips"][chip]["log_loss"].as_f64().unwrap();
    assert_eq!(rows[5]["effects"], "all");
    assert!(loss(5, 0) != loss(5, 1), "two chips");
    assert!(
        (loss(1, 0) - loss(0, 0)).abs() < 0.01,
        "nothing is lost in converters"
    );
    assert_eq!(bench.succeed(&arguments), shown);
}

const BASELINES: &str = r#"
[train]
epochs = 2
batch-size = 256
optimizer = "adam"
learning-rate = 0.03
epsilon = 1e-8
embedding-deviation = 0.01

[models.tiny-fm]
embedding-dim = 4
towers = [{ kind = "linear" }, { kind = "factorisation-machine" }]

[models.tiny-deep]
embedding-dim = 4
embedding-l2 = 1e-4
towers = [{ kind = "deep", layers = { widths = [16], batch-norm = true, dropout = 0.1 } }]
"#;

#[test]
fn every_example_is_a_configuration() {
    let bench = Bench::new();
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let output = bench.run(&["data", "describe", path.to_str().unwrap()]);
        let error = String::from_utf8_lossy(&output.stderr);
        // Logs that cannot come with the project are the reader's to bring.
        assert!(
            output.status.success() || error.contains("no such file"),
            "{}: {error}",
            path.display()
        );
        count += 1;
    }
    assert!(count >= 4);
}

#[test]
fn every_part_of_a_network_has_a_cost_by_precision() {
    let bench = Bench::new();
    let command = ["precision", "search.toml", "--run", "a", "--networks", "6"];
    let shown = bench.succeed(&command);
    assert!(
        shown.contains("EFC weights") && shown.contains("16 bits"),
        "{shown}"
    );
    let rows: Value = serde_json::from_str(&bench.read("a/precision.json")).unwrap();
    for row in rows.as_array().unwrap() {
        let costs = row["costs"].as_array().unwrap();
        assert_eq!(costs.len(), 6);
        if row["networks"].as_u64() == Some(0) {
            continue;
        }
        let mean = |place: usize| costs[place]["mean"].as_f64().unwrap();
        assert!(mean(5).abs() < 1e-3, "16 bits are as good as none: {row}");
        assert!(
            mean(0).abs() + 1e-6 >= mean(5).abs(),
            "2 bits change more: {row}"
        );
    }
}

#[test]
fn networks_with_learned_ranges_are_trained_alone_at_each_precision() {
    let bench = Bench::new();
    let space = program::SMALL_SPACE;
    let learned = "[precision]\nactivation-range = \"learned\"";
    bench.write("small_space.toml", &space.replace("[precision]", learned));
    let command = ["precision", "search.toml", "--run", "a", "--networks", "2"];
    let shown = bench.succeed(&[&command[..], &["--alone", "2"]].concat());
    assert!(shown.contains("each trained from scratch"), "{shown}");
    let alone: Value = serde_json::from_str(&bench.read("a/precision-alone.json")).unwrap();
    let parts = ["activations", "weights", "embeddings"];
    for (row, part) in alone.as_array().unwrap().iter().zip(parts) {
        assert_eq!(row["part"], part);
        assert_eq!(row["networks"], 2);
        let costs = row["costs"].as_array().unwrap();
        let bits: Vec<_> = costs.iter().map(|cost| &cost["bits"]).collect();
        assert_eq!(bits, [2, 3, 4, 6, 8, 16]);
        assert!(costs[5]["mean"].as_f64().unwrap().abs() < 0.05, "{row}");
    }
    assert_eq!(alone.as_array().unwrap().len(), 3);
    let trainings: Value = serde_json::from_str(&bench.read("a/trainings.json")).unwrap();
    assert_eq!(trainings.as_array().unwrap().len(), 2 * (1 + 3 * 6));
}

/// The small space with a choice of table for every field.
fn with_tables(bench: &Bench) {
    let section = "[embedding]\ntables = [\"full\", \"hash-4\", \"qr-4\", \"tt-4\"]\n\
                   widths = [4, 16]\n\n[precision]";
    let space = program::SMALL_SPACE.replace("[precision]", section);
    bench.write("small_space.toml", &space);
}

#[test]
fn fields_have_tables_of_their_own_from_the_search_to_the_price() {
    let bench = Bench::new();
    with_tables(&bench);
    let shown = bench.succeed(&["search", "search.toml", "--run", "a", "--threads", "1"]);
    assert!(shown.contains("tables KiB"), "{shown}");
    bench.succeed(&["search", "search.toml", "--run", "b", "--threads", "3"]);
    let file = bench.read("a/pareto.json");
    assert_eq!(file, bench.read("b/pareto.json"));
    assert_eq!(bench.succeed(&["front", "a"]), shown);
    let front: Value = serde_json::from_str(&file).unwrap();
    let designs = front["designs"].as_array().unwrap();
    for design in designs {
        for part in ["genotype", "network"] {
            let fields = design[part]["embeddings"].as_array().unwrap();
            assert_eq!(fields.len(), 26, "{part}");
        }
        assert_eq!(design["network"]["embedding_bits"], 32);
        assert!(design["embedding_bytes"].as_u64().unwrap() > 0);
    }
    let reference = &front["references"][0];
    assert!(reference["embedding_bytes"].is_null() && reference["network"]["embeddings"].is_null());

    let design = &designs[0];
    bench.write("design.json", &design.to_string());
    let cost: Value =
        serde_json::from_str(&bench.succeed(&["cost", "design.json", "--json"])).unwrap();
    assert_eq!(cost["summary"], design["cost"]);
    let error = bench.fail(2, &["space", "export", "design.json"]);
    assert!(
        error.contains("NASRec's schema has full ones only"),
        "{error}"
    );
    let mut wrong = design.clone();
    wrong["network"]["embeddings"][3]["table"] = "qr-1".into();
    bench.write("wrong.json", &wrong.to_string());
    let error = bench.fail(2, &["cost", "wrong.json"]);
    assert!(
        error.contains("there is no table `qr-1`, expected `full`"),
        "{error}"
    );
    wrong["network"]["embeddings"] =
        Value::Array(Vec::from([wrong["network"]["embeddings"][0].clone()]));
    bench.write("wrong.json", &wrong.to_string());
    let error = bench.fail(2, &["cost", "wrong.json"]);
    assert!(error.contains("`embeddings` has 1 entries"), "{error}");

    let retrained = bench.succeed(&["retrain", "a", "--seeds", "2", "--epochs", "0.2"]);
    assert!(retrained.contains('±'), "{retrained}");
    let sampled: Value =
        serde_json::from_str(&bench.succeed(&["space", "sample", "compressed", "--rows", "100"]))
            .unwrap();
    assert_eq!(
        sampled["network"]["embeddings"].as_array().unwrap().len(),
        26
    );
    bench.write("sampled.json", &sampled.to_string());
    bench.succeed(&["cost", "sampled.json"]);
}

#[test]
fn a_cache_of_rows_is_chosen_for_the_log_and_priced_again() {
    let bench = Bench::new();
    with_tables(&bench);
    let space = bench.read("small_space.toml");
    let menu = "[hardware]\nmemory-cache-kb = [0, 16, 64]";
    bench.write("small_space.toml", &space.replacen("[hardware]", menu, 1));
    bench.succeed(&["search", "search.toml", "--run", "a"]);
    let front: Value = serde_json::from_str(&bench.read("a/pareto.json")).unwrap();
    let designs = front["designs"].as_array().unwrap();
    let cache_kb = |design: &Value| design["hardware"]["memory"]["cache_kb"].as_u64();
    let cost = |design: &Value| -> Value {
        bench.write("design.json", &design.to_string());
        let shown = bench.succeed(&["cost", "design.json", "--json"]);
        serde_json::from_str(&shown).unwrap()
    };
    for design in designs {
        assert_eq!(design["popularity"].as_array().unwrap().len(), 26);
        assert!(cache_kb(design).is_none_or(|kb| kb == 16 || kb == 64));
        assert_eq!(cost(design)["summary"], design["cost"]);
    }
    // How rows are read is what the log says, not a law; that matters unless the cache holds all of them.
    let by_law = |design: &Value| {
        let mut unknown = design.clone();
        unknown.as_object_mut().unwrap().remove("popularity");
        cost(&unknown)["summary"].clone()
    };
    let mut cached = designs.iter().filter(|design| cache_kb(design).is_some());
    let mut design = cached
        .find(|design| by_law(design) != design["cost"])
        .expect("a small cache")
        .clone();
    cost(&design);
    let shown = bench.succeed(&["cost", "design.json", "--explain", "energy.cache"]);
    assert!(
        shown.contains("cache.pj-per-bit") && shown.contains("isaac_eDRAM.csv"),
        "{shown}"
    );
    bench.succeed(&["retrain", "a", "--files", "design.json", "--epochs", "0.1"]);
    let results: Value = serde_json::from_str(&bench.read("a/retrain.json")).unwrap();
    assert_eq!(results[0]["cost"], design["cost"]);

    let known = design["popularity"].take();
    for (popularity, message) in [
        (serde_json::json!(["1:2"]), "`popularity` has 1 entries"),
        (serde_json::json!(["2"]), "`2` is no bin"),
    ] {
        design["popularity"] = popularity;
        bench.write("design.json", &design.to_string());
        let error = bench.fail(2, &["cost", "design.json"]);
        assert!(error.contains(message), "{error}");
    }
    design["popularity"] = known;
    assert_eq!(cost(&design)["summary"], design["cost"]);
}

#[test]
fn every_kind_of_table_has_bytes_and_a_log_loss() {
    let bench = Bench::new();
    let error = bench.fail(2, &["tables", "search.toml", "--run", "plain"]);
    assert!(error.contains("no section `[embedding]`"), "{error}");
    assert!(!exists(&bench.path("plain")), "nothing is made");
    with_tables(&bench);
    let command = [
        "tables",
        "search.toml",
        "--run",
        "a",
        "--networks",
        "3",
        "--seeds",
        "1",
    ];
    let shown = bench.succeed(&command);
    assert!(
        shown.contains("hash-4") && shown.contains("trained alone"),
        "{shown}"
    );
    let rows: Value = serde_json::from_str(&bench.read("a/tables.json")).unwrap();
    let rows = rows.as_array().unwrap();
    assert_eq!(rows.len(), 8);
    let bytes = |row: &Value| row["bytes"].as_u64().unwrap();
    assert_eq!(rows[0]["supernet"]["mean"], 0.0);
    for pair in rows.chunks(2) {
        assert!(
            bytes(&pair[1]) < bytes(&pair[0]),
            "narrower tables are smaller: {shown}"
        );
        assert!(
            bytes(&pair[0]) <= bytes(&rows[0]),
            "none is larger than full ones: {shown}"
        );
    }
}

#[test]
fn an_interrupted_search_goes_on_to_the_same_front() {
    let bench = Bench::new();
    bench.succeed(&["search", "search.toml", "--run", "straight"]);
    let mut child = bench
        .command(&["search", "search.toml", "--run", "stopped"])
        .spawn()
        .unwrap();
    for _ in 0..600 {
        if bench.path("stopped/supernet.bin").exists() || child.try_wait().unwrap().is_some() {
            break;
        }
        thread::sleep(Duration::from_millis(50));
    }
    let killed = std::process::Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .unwrap();
    let status = child.wait().unwrap();
    if killed.success() && !status.success() {
        assert_eq!(status.code(), Some(130));
        bench.succeed(&["search", "--resume", "stopped"]);
    }
    assert_eq!(
        bench.read("stopped/pareto.json"),
        bench.read("straight/pareto.json")
    );
}

#[test]
fn a_network_on_other_hardware_is_not_scored_again() {
    let bench = Bench::new();
    bench.succeed(&["search", "search.toml", "--run", "run"]);
    let journal = bench.read("run/run.log");
    let last = |figure: &str| -> u32 {
        let (_, rest) = journal.rsplit_once(figure).expect("it is in the journal");
        let digits = rest.split(|c: char| !c.is_ascii_digit()).next().unwrap();
        digits.parse().unwrap()
    };
    let (scores, evaluations) = (last(" scores="), last(" evaluations="));
    assert!(0 < scores && scores < evaluations, "{journal}");
}

#[test]
fn train_stops_after_the_supernet_and_search_goes_on() {
    let bench = Bench::new();
    bench.succeed(&["train", "search.toml", "--run", "run"]);
    assert!(bench.path("run/supernet.bin").exists());
    assert!(!bench.path("run/pareto.json").exists());
    bench.succeed(&["search", "--resume", "run"]);
    assert!(bench.path("run/pareto.json").exists());
}

#[test]
fn log_lines_can_be_json() {
    let bench = Bench::new();
    bench.succeed(&[
        "--log-format",
        "json",
        "train",
        "search.toml",
        "--run",
        "run",
    ]);
    for line in bench.read("run/run.log").lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        assert!(line["message"].is_string(), "{line}");
    }
}

#[test]
fn a_log_of_the_users_own_is_read_through_a_schema() {
    let bench = Bench::new();
    let mut text = "click;age;shop\n".to_owned();
    for row in 0..600 {
        let (age, shop) = (row % 50, row % 7);
        text.push_str(&format!(
            "{};{age};s{shop}\n",
            u8::from((row * 7 + shop) % 3 == 0)
        ));
    }
    bench.write("log.csv", &text);
    bench.write(
        "schema.toml",
        "separator = \";\"\nheader = true\nlabel = \"click\"\ndense = [\"age\"]\n\
         categorical = [\"shop\"]\n\n[categorical-encoding]\nkind = \"vocabulary\"\n\
         minimum-count = 2\n",
    );
    let data = "[data]\nschema = \"schema.toml\"\nfiles = [\"log.csv\"]\ncache = \"cache\"";
    let search = program::SMALL_SEARCH.replace("[data.synthetic]\nrows = 4000", data);
    bench.write("own.toml", &search);
    let shown = bench.succeed(&["data", "describe", "own.toml"]);
    assert!(shown.contains("480") && shown.contains("shop"), "{shown}");
    bench.succeed(&["search", "own.toml", "--run", "own"]);
    assert!(bench.path("own/pareto.json").exists());
}

#[test]
fn spaces_are_described_and_sampled_and_designs_priced() {
    let bench = Bench::new();
    let shown = bench.succeed(&["space", "describe", "autorac"]);
    assert!(
        shown.contains("1.83·10^44") && shown.contains("co-designs"),
        "{shown}"
    );
    let design = bench.succeed(&["space", "sample", "nasrec-full", "--seed", "5"]);
    assert_eq!(
        design,
        bench.succeed(&["space", "sample", "nasrec-full", "--seed", "5"])
    );
    bench.write("design.json", &design);
    let exported = bench.succeed(&["space", "export", "design.json"]);
    bench.write("nasrec.json", &exported);
    let imported = bench.succeed(&["space", "import", "nasrec.json", "--design", "1000"]);
    bench.write("imported.json", &imported);
    assert_eq!(
        bench.succeed(&["space", "export", "imported.json"]),
        exported
    );
    let shown = bench.succeed(&["cost", "imported.json"]);
    assert!(shown.contains("latency"), "{shown}");
    let shown = bench.succeed(&["cost", "design.json"]);
    assert!(
        shown.contains("latency") && shown.contains("adc"),
        "{shown}"
    );
}

#[test]
fn epitomes_are_searched_trained_and_priced() {
    let bench = Bench::new();
    let space = program::SMALL_SPACE
        .replace("[\"fc\", \"dp\", \"sg\", \"sum\"]", "[\"fc\", \"flat\"]")
        .replace("dense-widths", "fc-reuse = [1, 2, 4]\ndense-widths");
    bench.write("small_space.toml", &space);
    assert!(
        bench
            .succeed(&["space", "describe", "small_space.toml"])
            .contains("fc reuse          [1, 2, 4]")
    );
    bench.succeed(&["search", "search.toml", "--run", "a"]);
    assert!(bench.read("a/search-state.json").contains("\"reuse\":"));
    let front: Value = serde_json::from_str(&bench.read("a/pareto.json")).unwrap();
    for design in front["designs"].as_array().unwrap() {
        bench.write("design.json", &design.to_string());
        let shown = bench.succeed(&["cost", "design.json", "--json"]);
        let cost: Value = serde_json::from_str(&shown).unwrap();
        assert_eq!(cost["summary"], design["cost"]);
    }

    // 429 inputs and 32 outputs of 4 slices are 4 blocks of 128 rows and 2 of 64 columns.
    let mut design = front["designs"][0].clone();
    let chip = &mut design["hardware"]["chip"];
    for (key, value) in [
        ("replication", 1),
        ("crossbar_rows", 128),
        ("crossbar_cols", 64),
        ("cell_bits", 2),
        ("adc_bits", 8),
    ] {
        chip[key] = value.into();
    }
    let write = |reuse: u32| {
        let inputs = json!({"kind": "flattened", "dense_inputs": [0], "sparse_inputs": [0]});
        let node = json!({"operator": inputs, "width": 32, "weight_bits": 8, "reuse": reuse});
        let mut design = design.clone();
        design["network"]["blocks"][0]["dense"] = node;
        bench.write("design.json", &design.to_string());
    };
    let crossbars = |reuse: u32| -> u64 {
        write(reuse);
        let shown = bench.succeed(&["cost", "design.json", "--json"]);
        let cost: Value = serde_json::from_str(&shown).unwrap();
        let ops = cost["breakdown"]["ops"].as_array().unwrap();
        let flat = ops.iter().find(|op| op["layer"] == "flat");
        flat.unwrap()["crossbars"].as_u64().unwrap()
    };
    assert_eq!([1, 2, 4].map(crossbars), [8, 4, 4]);
    let explained = bench.succeed(&["cost", "design.json", "--explain", "energy.adc"]);
    let line = explained.lines().find(|line| line.contains("   1.flat: "));
    assert!(line.unwrap().contains("× 4 vectors"), "{explained}");
    assert!(
        explained.contains("passes             ⌈input bits / DAC bits⌉"),
        "{explained}"
    );
    let shown = bench.succeed(&["retrain", "a", "--files", "design.json", "--epochs", "0.2"]);
    assert!(shown.contains("design.json"), "{shown}");

    write(5);
    let error = bench.fail(2, &["cost", "design.json"]);
    assert!(
        error.contains("`reuse` is 5, expected 1 or, of FC and Flat, a divisor of `width`: 32"),
        "{error}"
    );
}
