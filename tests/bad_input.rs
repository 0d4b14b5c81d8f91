//! Mistakes end in a message with the place and the right exit code, and overwrite nothing.

mod program;

use std::fs;

use program::{Bench, SMALL_SEARCH, SMALL_SPACE, exists};

#[test]
fn mistakes_in_a_search_file() {
    let check = |from: &str, to: &str, line: usize, message: &str| {
        assert!(SMALL_SEARCH.contains(from), "{from}");
        let bench = Bench::new();
        bench.write("search.toml", &SMALL_SEARCH.replacen(from, to, 1));
        let error = bench.fail(2, &["search", "search.toml", "--run", "run"]);
        assert!(error.contains(message), "{error}");
        assert!(error.contains(&format!("search.toml:{line}:")), "{error}");
        assert!(!exists(&bench.path("run")), "nothing is made");
    };
    check("seed = 3", "sead = 3", 1, "unknown field `sead`");
    check("seed = 3", "seed = \"x\"", 1, "invalid type: string");
    check(
        "\"small_space.toml\"",
        "\"other\"",
        2,
        "there is no space `other`",
    );
    check("batch-size = 256", "batch-size = 0", 12, "nonzero");
    check(
        "epochs = 1.0",
        "epochs = -1.0",
        11,
        "expected a positive number",
    );
    check(
        "epochs = 1.0",
        "epochs = 1.0\nbatch-norm = true",
        12,
        "`supernet.train.batch-norm` is true: shared weights",
    );
    check(
        "epochs = 0.2",
        "epochs = 0.2\nbatch-norm = 1",
        29,
        "invalid type: integer",
    );
    check(
        "steps = 2 }",
        "steps = 2, learning-rate = 0.0 }",
        16,
        "`score.head.learning-rate` is 0",
    );
    check(
        "steps = 2 }",
        "steps = 2 }\ntune = { epsilon = 0.0 }",
        17,
        "`score.tune.epsilon` is 0",
    );
    check(
        "steps = 2 }",
        "steps = 2 }\nnarrow = { weight = 1.5 }",
        17,
        "`score.narrow.weight` is 1.5, expected more than 0, at most 1",
    );
    check(
        "steps = 2 }",
        "steps = 2 }\nnarrow = { by = { rows = 0 } }",
        17,
        "nonzero",
    );
    check(
        "steps = 2 }",
        "steps = 2 }\ntune = { steps = 0 }",
        17,
        "nonzero",
    );
    check(
        "\"sgd\"",
        "\"magic\"",
        16,
        "expected one of `none`, `sgd`, `newton`",
    );
    check(
        "population-size = 6",
        "population-size = 1",
        18,
        "`population-size` is 1",
    );
    check(
        "[data.synthetic]",
        "[data]\nfiles = [\"x\"]\n[data.synthetic]",
        4,
        "exclude each other",
    );
}

#[test]
fn mistakes_in_a_space_file() {
    let check = |from: &str, to: &str, message: &str| {
        let bench = Bench::new();
        bench.write("small_space.toml", &SMALL_SPACE.replacen(from, to, 1));
        let line = SMALL_SPACE
            .lines()
            .position(|line| line.contains(from))
            .unwrap()
            + 1;
        let error = bench.fail(2, &["search", "search.toml", "--run", "run"]);
        assert!(error.contains(message), "{error}");
        assert!(
            error.contains(&format!("small_space.toml:{line}:")),
            "{error}"
        );
    };
    check("\"sum\"]", "\"product\"]", "unknown variant `product`");
    check(
        "dense-widths = [16, 32]",
        "dense-widths = []",
        "`dense-widths` is empty",
    );
    check("blocks = 2", "blocks = 99", "`blocks` has `99`");
}

#[cfg(not(feature = "wgpu"))]
#[test]
fn a_device_that_the_build_lacks() {
    let bench = Bench::new();
    let arguments = ["search", "search.toml", "--run", "run", "--device"];
    let error = bench.fail(2, &[&arguments[..], &["wgpu"]].concat());
    assert!(error.contains("build with `--features wgpu`"), "{error}");
    let error = bench.fail(2, &[&arguments[..], &["tpu"]].concat());
    assert!(error.contains("[possible values: cpu"), "{error}");
    assert!(!error.contains("wgpu"), "{error}");
    assert!(!exists(&bench.path("run")), "nothing is made");
}

/// A search on a log of two columns.
fn own_log(log: &str) -> Bench {
    let bench = Bench::new();
    bench.write("log.csv", log);
    bench.write(
        "schema.toml",
        "header = true\nlabel = \"click\"\ndense = [\"age\"]\ncategorical = [\"shop\"]\n",
    );
    let data = "[data]\nschema = \"schema.toml\"\nfiles = [\"log.csv\"]\ncache = \"cache\"";
    bench.write(
        "search.toml",
        &SMALL_SEARCH.replace("[data.synthetic]\nrows = 4000", data),
    );
    bench
}

#[test]
fn mistakes_in_a_click_log() {
    let check = |log: &str, place: &str, message: &str| {
        let bench = own_log(log);
        let error = bench.fail(1, &["search", "search.toml", "--run", "run"]);
        assert!(error.contains(message) && error.contains(place), "{error}");
        assert!(!exists(&bench.path("run")), "nothing is made");
    };
    check("click,age\n1,2\n", "log.csv", "shop");
    check("click,age,shop\n1,2,a\n0,3,b,c\n", "line 3", "4");
    check("click,age,shop\n1,2,a\n0,x,b\n", "line 3", "`x`");
    check("click,age,shop\n1,2,a\n7,3,b\n", "line 3", "`7`");
    check("", "log.csv", "no rows");
}

#[test]
fn a_truncated_cache_is_refused_and_kept() {
    let mut log = "click,age,shop\n".to_owned();
    for row in 0..300 {
        log.push_str(&format!("{},{row},s{}\n", u8::from(row % 3 == 0), row % 5));
    }
    let bench = own_log(&log);
    bench.succeed(&["data", "describe", "search.toml"]);
    let cached = fs::read_dir(bench.path("cache"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let bytes = fs::read(&cached).unwrap();
    fs::write(&cached, &bytes[..bytes.len() / 2]).unwrap();
    let error = bench.fail(1, &["data", "describe", "search.toml"]);
    assert!(error.contains("delete"), "{error}");
    assert_eq!(fs::read(&cached).unwrap().len(), bytes.len() / 2);
}

#[test]
fn runs_are_never_overwritten_and_checkpoints_never_mixed_up() {
    let bench = Bench::new();
    bench.succeed(&["train", "search.toml", "--run", "run"]);
    let error = bench.fail(1, &["search", "search.toml", "--run", "run"]);
    assert!(error.contains("exists already"), "{error}");
    let before = fs::read(bench.path("run/supernet.bin")).unwrap();
    bench.write(
        "run/search.toml",
        &SMALL_SEARCH.replace("seed = 3", "seed = 4"),
    );
    let error = bench.fail(1, &["search", "--resume", "run"]);
    assert!(error.contains("another seed"), "{error}");
    bench.write("run/search.toml", SMALL_SEARCH);
    bench.write(
        "small_space.toml",
        &SMALL_SPACE.replace("blocks = 2", "blocks = 3"),
    );
    let error = bench.fail(1, &["search", "--resume", "run"]);
    assert!(error.contains("another space"), "{error}");
    assert_eq!(fs::read(bench.path("run/supernet.bin")).unwrap(), before);
    fs::write(bench.path("run/supernet.bin"), &before[..before.len() / 2]).unwrap();
    bench.write("small_space.toml", SMALL_SPACE);
    bench.fail(1, &["search", "--resume", "run"]);
    let error = bench.fail(1, &["front", "run"]);
    assert!(error.contains("pareto.json"), "{error}");
    bench.fail(1, &["front", "nowhere"]);
}

#[test]
fn mistakes_on_the_command_line_and_in_designs() {
    let bench = Bench::new();
    bench.fail(2, &["serch"]);
    bench.fail(2, &["search", "search.toml", "--resume", "run"]);
    bench.fail(1, &["search", "missing.toml"]);
    let design = bench.succeed(&["space", "sample", "quickstart"]);
    let check = |from: &str, to: &str, message: &str| {
        assert!(design.contains(from), "{from}");
        bench.write("design.json", &design.replacen(from, to, 1));
        let error = bench.fail(2, &["cost", "design.json"]);
        assert!(
            error.contains("design.json") && error.contains(message),
            "{error}"
        );
    };
    check("\"network\"", "\"net\"", "missing field `network`");
    check("\"embedding_dim\": 16", "\"embedding_dim\": \"x\"", "line");
    check(
        "\"embedding_dim\": 16",
        "\"embedding_dim\": 0",
        "`embedding_dim` is 0",
    );
    check(
        "\"fields\": 26",
        "\"fields\": 25",
        "`table_rows` has 26 entries",
    );
    let hardware: serde_json::Value = serde_json::from_str(&design).expect("JSON");
    for (table, key, expected) in [
        ("chip", "cell_bits", "1 to 8"),
        ("chip", "dac_bits", "1 to 8"),
        ("chip", "crossbar_rows", "1 or more"),
        ("chip", "pes_per_tile", "1 or more"),
        ("memory", "channels", "1 or more"),
    ] {
        let number = &hardware["hardware"][table][key];
        check(
            &format!("\"{key}\": {number}"),
            &format!("\"{key}\": 0"),
            &format!("`hardware.{table}.{key}` is 0, expected {expected}"),
        );
    }
}

#[test]
fn mistakes_about_cells() {
    let check = |cells: &str, message: &str, place: &str| {
        let bench = Bench::new();
        let section = format!("[score]\nanalogue = {{ cells = \"{cells}\" }}\n");
        bench.write(
            "search.toml",
            &SMALL_SEARCH.replacen("[score]\n", &section, 1),
        );
        bench.write("cells.toml", CELLS);
        let error = bench.fail(2, &["search", "search.toml", "--run", "run"]);
        assert!(error.contains(message) && error.contains(place), "{error}");
        assert!(!exists(&bench.path("run")), "nothing is made");
    };
    check("flash", "give a file, or one of `ideal`", "search.toml:");
    let message = "`range.high-us` is 2, expected more than `range.low-us`";
    check("cells.toml", message, "cells.toml:5:1");
}

#[test]
fn mistakes_about_chips() {
    let check = |section: &str, from: &str, to: &str, message: &str, place: &str| {
        let bench = Bench::new();
        let table = bench.succeed(&["chips", "isaac"]);
        assert!(table.contains(from), "{from}");
        bench.write("chip.toml", &table.replacen(from, to, 1));
        let section = format!("[hardware]\n{section}\n[score]\n");
        bench.write(
            "search.toml",
            &SMALL_SEARCH.replacen("[score]\n", &section, 1),
        );
        let error = bench.fail(2, &["search", "search.toml", "--run", "run"]);
        assert!(error.contains(message) && error.contains(place), "{error}");
        assert!(!exists(&bench.path("run")), "nothing is made");
        error
    };
    let own = "chip = \"chip.toml\"";
    check(
        "chip = \"tpu\"",
        "",
        "",
        "there is no chip `tpu`",
        "search.toml:15:8",
    );
    check(
        "node-nm = 5",
        "",
        "",
        "`node-nm` is 5, expected 7 to 130",
        "search.toml:15:11",
    );
    check(
        "chips = 2",
        "",
        "",
        "unknown field `chips`",
        "search.toml:15:1",
    );
    check(
        own,
        "tiles = 168",
        "tils = 168",
        "unknown field `tils`",
        "chip.toml:123:1",
    );
    let message = "`crossbar.area-um2` is -25, expected 0 or more";
    let error = check(
        own,
        "area-um2 = 25.0",
        "area-um2 = -25.0",
        message,
        "chip.toml:18:1",
    );
    assert!(error.contains("^^^^^^^^"), "{error}");
    check(
        own,
        "hop-ns = \"assumption",
        "hops = \"assumption",
        "`router.source` names `hops`, which the table has not: expected `others`, `tiles`",
        "chip.toml:113:1",
    );
    let message = "the inputs of a tile's 96 crossbars take";
    check(own, "rows = 128", "rows = 1024", message, "chip.toml:14:1");
    check(
        own,
        "node-nm = 32.0",
        "node-nm = 0.0",
        "`node-nm` is 0",
        "chip.toml:7:1",
    );
}

/// Cells whose highest level is below the lowest.
const CELLS: &str = r#"name = "upside-down"

[range]
low-us = 5.0
high-us = 2.0
source = "nowhere"

[spread]
polynomial = []
source = "nowhere"

[stuck]
low = 0.0
high = 0.0
source = "nowhere"

[wires]
row-ohm = 0.0
col-ohm = 0.0
source = "nowhere"
"#;
