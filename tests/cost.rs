//! Are prices told, explained and drawn, on any chip?
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod program;

use program::Bench;
use serde_json::Value;

/// A bench with a design in `design.json`.
fn with_design() -> Bench {
    let bench = Bench::new();
    let design = bench.succeed(&["space", "sample", "autorac", "--seed", "2"]);
    bench.write("design.json", &design);
    bench
}

fn cost(bench: &Bench, arguments: &[&str]) -> Value {
    let all = [&["cost", "design.json", "--json"], arguments].concat();
    serde_json::from_str(&bench.succeed(&all)).unwrap()
}

/// ISAAC's tables with 8-bit converters of twice the energy, by another name.
fn hungry_isaac(bench: &Bench) -> String {
    let table = bench.succeed(&["chips", "isaac"]);
    let (name, energy) = ("name = \"isaac\"", "energy-pj = 1.6666666666666667");
    assert!(table.contains(name) && table.contains(energy));
    table
        .replace(name, "name = \"hungry\"")
        .replace(energy, "energy-pj = 3.3333333333333335")
}

#[test]
fn chips_are_listed_and_each_prices_a_design() {
    let bench = with_design();
    let shown = bench.succeed(&["chips"]);
    for name in [
        "isaac",
        "puma",
        "neurram",
        "mnsim-default",
        "neurosim-22nm",
        "rerec-like",
        "custom",
    ] {
        assert!(shown.contains(name), "{shown}");
        let priced = cost(&bench, &["--chip", name]);
        assert_eq!(priced["chip"]["name"], name);
        assert!(priced["summary"]["energy_pj"].as_f64().unwrap() > 0.0);
    }
    assert!(
        shown.contains("65.81") && shown.contains("0.627"),
        "{shown}"
    );
    let error = bench.fail(2, &["chips", "tpu"]);
    assert!(error.contains("`neurram`"), "{error}");
}

#[test]
fn a_chip_of_the_users_own_prices_at_its_own_sizes() {
    let bench = with_design();
    bench.write("hungry.toml", &hungry_isaac(&bench));
    let (isaac, hungry) = (
        cost(&bench, &["--chip", "isaac"]),
        cost(&bench, &["--chip", "hungry.toml"]),
    );
    assert_eq!(isaac["hardware"]["chip"]["crossbar_rows"], 128);
    assert_eq!(isaac["hardware"], hungry["hardware"]);
    assert_ne!(isaac["hardware"], cost(&bench, &[])["hardware"]);
    let adc = |cost: &Value| {
        let components = cost["breakdown"]["components"].as_array().unwrap();
        let adc = components.iter().find(|part| part["component"] == "adc");
        adc.unwrap()["energy_pj"].as_f64().unwrap()
    };
    assert!((adc(&hungry) / adc(&isaac) - 2.0).abs() < 1e-9);
    let error = bench.fail(2, &["cost", "design.json", "--chip", "nowhere.toml"]);
    assert!(
        error.contains("`nowhere.toml`") && error.contains("`isaac`"),
        "{error}"
    );
}

#[test]
fn a_design_is_priced_on_the_chip_that_it_names() {
    let bench = with_design();
    let isaac = cost(&bench, &[]);
    let mut design: Value = serde_json::from_str(&bench.read("design.json")).unwrap();
    design.as_object_mut().unwrap().remove("chip");
    bench.write("design.json", &design.to_string());
    assert_eq!(
        cost(&bench, &[]),
        isaac,
        "designs of before there was a choice"
    );
    let mut check = |chip: Value, message: &str| {
        design["chip"] = chip;
        bench.write("design.json", &design.to_string());
        let error = bench.fail(2, &["cost", "design.json"]);
        assert!(
            error.contains("design.json") && error.contains(message),
            "{error}"
        );
        cost(&bench, &["--chip", "puma"]);
    };
    let (unknown, node) = (
        "there is no built-in chip `tpu`",
        "`chip.node_nm` is 1, expected",
    );
    check(
        serde_json::json!({ "name": "tpu", "node_nm": 32.0 }),
        unknown,
    );
    check(serde_json::json!({ "name": "isaac", "node_nm": 1.0 }), node);
    let tables = serde_json::json!({ "name": "x", "node_nm": 32.0, "toml": "name = 1" });
    check(tables, "`chip.toml`: invalid type");
}

#[test]
fn a_chip_goes_to_another_node() {
    let bench = with_design();
    let area = |arguments: &[&str]| {
        let cost = cost(&bench, arguments);
        cost["summary"]["area_um2"].as_f64().unwrap()
    };
    assert!(area(&["--node-nm", "16"]) < area(&[]));
    assert_eq!(area(&["--node-nm", "32"]), area(&[]));
    let shown = bench.succeed(&[
        "cost",
        "design.json",
        "--node-nm",
        "16",
        "--explain",
        "area",
    ]);
    assert!(shown.contains("scaled from 32 to 16 nm"), "{shown}");
    for node in ["6.9", "131", "nan", "x"] {
        let error = bench.fail(2, &["cost", "design.json", "--node-nm", node]);
        assert!(error.contains("expected 7 to 130"), "{error}");
    }
}

#[test]
fn charges_add_up_to_what_they_explain() {
    let bench = with_design();
    for path in [
        "energy",
        "area",
        "energy.adc",
        "energy.sample-hold",
        "area.dac",
        "peak-power.dac",
        "latency.working",
    ] {
        let cost = cost(&bench, &["--explain", path]);
        let explained = &cost["explanation"]["charges"];
        let components = explained["components"].as_array().unwrap();
        assert!(!components.is_empty(), "{path}");
        for part in components {
            let mut sum = 0.0;
            for charge in part["charges"].as_array().unwrap() {
                let unit = charge["unit"]["value"].as_f64().unwrap();
                let factors = charge["factors"].as_array().unwrap().iter();
                let count: f64 = factors.map(|f| f["value"].as_f64().unwrap()).product();
                sum += unit * count;
            }
            let amount = part["amount"].as_f64().unwrap();
            assert!((sum / amount - 1.0).abs() < 1e-9, "{path}");
        }
        assert!(!explained["sources"].as_object().unwrap().is_empty());
    }
    let energy = cost(&bench, &["--explain", "energy"]);
    let total = energy["explanation"]["charges"]["total"].as_f64().unwrap();
    let summary = energy["summary"]["energy_pj"].as_f64().unwrap();
    assert!((total / summary - 1.0).abs() < 1e-9);
}

/// Of operators that run one after another, the times add up to the latency.
#[test]
fn times_of_the_critical_path_add_up_to_the_latency() {
    let bench = with_design();
    let cost = cost(&bench, &["--explain", "latency"]);
    let latency = &cost["explanation"]["latency"];
    let mut end_ns = 0.0;
    let mut working_ns = 0.0;
    for step in latency["critical_path"].as_array().unwrap() {
        assert_eq!(step["start_ns"].as_f64().unwrap(), end_ns);
        end_ns += step["latency_ns"].as_f64().unwrap();
        working_ns += step["stages"]["working_ns"].as_f64().unwrap();
    }
    let total = cost["summary"]["latency_ns"].as_f64().unwrap();
    assert!((end_ns / total - 1.0).abs() < 1e-9);
    let stages = latency["components"].as_array().unwrap();
    let amount = |stage: &serde_json::Value| stage["amount"].as_f64().unwrap();
    let sum: f64 = stages.iter().map(amount).sum();
    assert!((sum / total - 1.0).abs() < 1e-9);
    let working = stages.iter().find(|stage| stage["component"] == "working");
    assert!((amount(working.unwrap()) / working_ns - 1.0).abs() < 1e-9);
}

#[test]
fn figures_made_of_others_tell_their_formula() {
    let bench = with_design();
    let explain = |path: &str| bench.succeed(&["cost", "design.json", "--explain", path]);
    for (figure, formula) in [
        ("power", "energy / latency"),
        ("energy-latency", "energy · latency"),
        ("tops", "2 · multiply–accumulates · throughput"),
        ("tops-per-w", "2 · multiply–accumulates / energy"),
        ("tops-per-mm2", "tops / area"),
    ] {
        let shown = explain(figure);
        assert!(shown.contains(formula), "{shown}");
    }
    assert!(explain("static-power").contains("leakage.fraction"));
    assert!(explain("violation").contains("violation: 0"));
    let cost = cost(&bench, &["--explain", "throughput"]);
    let terms = &cost["explanation"]["formula"]["terms"];
    assert!(!terms.as_array().unwrap().is_empty(), "{terms}");
}

#[test]
fn explanations_name_numbers_operators_and_sources() {
    let bench = with_design();
    let explain = |path: &str| bench.succeed(&["cost", "design.json", "--explain", path]);
    let shown = explain("energy.adc");
    for part in [
        "pJ (adc.energy-pj) × 1 vectors × 4 passes × 1024 columns of slices",
        "3.ds.proj",
        "accelergy library/isaac/isaac_adc.csv",
    ] {
        assert!(shown.contains(part), "{shown}");
    }
    assert!(!shown.contains("isaac_eDRAM"), "{shown}");
    let shown = explain("latency");
    for part in [
        "7.attn.qkv",
        "8.head",
        "1 ns (digital.cycle-ns) × ",
        "edram.access-ns",
        "puma include/constants.py",
    ] {
        assert!(shown.contains(part), "{part} in {shown}");
    }
    assert!(
        !shown.contains("3.sg.self"),
        "it does not decide the latency: {shown}"
    );
    let error = bench.fail(2, &["cost", "design.json", "--explain", "energy.flux"]);
    assert!(
        error.contains("`energy.adc`") && error.contains("`latency`"),
        "{error}"
    );
}

#[test]
fn figures_under_load() {
    let bench = with_design();
    let shown = bench.succeed(&["cost", "design.json", "--rate", "1000"]);
    assert!(shown.contains("99 % of latencies within"), "{shown}");
    let cost = cost(&bench, &["--rate", "1000"]);
    let load = &cost["under_load"];
    let ns = |key: &str| load[key].as_f64().unwrap();
    assert!(ns("p50_ns") <= ns("p95_ns") && ns("p95_ns") <= ns("p99_ns"));
    assert!(ns("power_mw") < cost["figures"]["peak_power_mw"].as_f64().unwrap());
    let shown = bench.succeed(&["cost", "design.json", "--rate", "1e12"]);
    assert!(shown.contains("the queue grows without end"), "{shown}");
    for rate in ["0", "-1"] {
        let error = bench.fail(2, &["cost", "design.json", "--rate", rate]);
        assert!(error.contains("expected a positive number"), "{error}");
    }
}

#[test]
fn a_picture_is_well_formed_and_has_every_operator() {
    let bench = with_design();
    bench.write("a<b & c.json", &bench.read("design.json"));
    for chip in [&[][..], &["--chip", "neurram"], &["--chip", "rerec-like"]] {
        let draw = |file: &str| {
            let arguments = [&["cost", "a<b & c.json", "--json", "--svg", file], chip].concat();
            serde_json::from_str::<Value>(&bench.succeed(&arguments)).unwrap()
        };
        let cost = draw("one.svg");
        draw("two.svg");
        let picture = bench.read("one.svg");
        assert_eq!(picture, bench.read("two.svg"));
        check_well_formed(&picture);
        assert!(picture.contains(">a&lt;b &amp; c</text>"));
        for op in cost["breakdown"]["ops"].as_array().unwrap() {
            let name = format!("{}.{}", op["block"], op["layer"].as_str().unwrap());
            assert!(picture.contains(&format!(">{name}</text>")), "{name}");
            let crossbars = op["crossbars"].as_u64().unwrap();
            let title = format!("<title>{name}, {crossbars} crossbars</title>");
            assert_eq!(picture.contains(&title), crossbars > 0, "{title}");
        }
        assert!(picture.contains("critical path") && !picture.contains("NaN"));
    }
}

/// Elements close in the order in which they open, and text has no bare marks.
fn check_well_formed(text: &str) {
    let mut open: Vec<&str> = Vec::new();
    for part in text.split('<').skip(1) {
        let (tag, rest) = part.split_once('>').unwrap();
        assert!(!rest.contains('>'), "{rest}");
        for part in part.split('&').skip(1) {
            let names = ["amp;", "lt;", "gt;", "quot;"];
            assert!(names.iter().any(|name| part.starts_with(name)), "{part}");
        }
        assert_eq!(tag.matches('"').count() % 2, 0, "{tag}");
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name));
        } else if !tag.ends_with('/') {
            open.push(tag.split(' ').next().unwrap());
        }
    }
    assert!(open.is_empty(), "{open:?}");
}

#[test]
fn a_search_on_another_chip_keeps_it() {
    let bench = Bench::new();
    bench.write("hungry.toml", &hungry_isaac(&bench));
    let section = "[hardware]\nchip = \"hungry.toml\"\nnode-nm = 22\n\n[search]\n";
    let config = program::SMALL_SEARCH.replacen("[search]\n", section, 1);
    bench.write("search.toml", &config);
    bench.succeed(&["train", "search.toml", "--run", "run"]);

    // What becomes of the file then does not matter.
    bench.write("hungry.toml", "");
    let shown = bench.succeed(&["search", "--resume", "run"]);
    assert!(shown.contains("chip `hungry`, 22 nm"), "{shown}");
    std::fs::remove_file(bench.path("hungry.toml")).unwrap();
    assert_eq!(bench.succeed(&["front", "run"]), shown);
    let front: Value = serde_json::from_str(&bench.read("run/pareto.json")).unwrap();
    assert_eq!(front["version"], 1);
    assert_eq!(front["origin"]["chip"]["name"], "hungry");
    assert_eq!(front["origin"]["chip"]["node_nm"], 22.0);

    for record in [&front["designs"][0], &front["references"][0]] {
        bench.write("design.json", &record.to_string());
        assert_eq!(cost(&bench, &[])["summary"], record["cost"]);
        let isaac = cost(&bench, &["--chip", "isaac"]);
        assert_ne!(isaac["summary"], record["cost"]);
    }
    let arguments = [
        "retrain",
        "run",
        "--baselines",
        "--models",
        "lr",
        "--seeds",
        "1",
    ];
    bench.succeed(&[&arguments[..], &["--epochs", "0.1"]].concat());
    let results: Value = serde_json::from_str(&bench.read("run/retrain.json")).unwrap();
    assert!(results[0]["cost"]["energy_pj"].as_f64().unwrap() > 0.0);
}

#[test]
fn matrices_are_placed_within_a_bound() {
    let bench = Bench::new();
    let design = bench.succeed(&["space", "sample", "quickstart", "--seed", "2"]);
    bench.write("design.json", &design);
    let place = |deadline: &str| -> Value {
        let arguments = [
            "cluster",
            "design.json",
            "--deadline-us",
            deadline,
            "--json",
        ];
        serde_json::from_str(&bench.succeed(&arguments)).unwrap()
    };
    let (tight, loose) = (place("0.001"), place("100000"));
    assert!(tight["violation"].as_f64().unwrap() > 0.0);
    assert_eq!(loose["violation"].as_f64(), Some(0.0));
    let bytes = |placement: &Value| -> f64 {
        let bytes = placement["bytes"].as_array().unwrap();
        bytes.iter().filter_map(Value::as_f64).sum()
    };
    assert!((bytes(&tight) - bytes(&loose)).abs() < 1e-6 && bytes(&loose) > 0.0);
    let shown = bench.succeed(&["cluster", "design.json", "--deadline-us", "100000"]);
    assert!(shown.contains("frugal mram"), "{shown}");
    let error = bench.fail(
        2,
        &[
            "cluster",
            "design.json",
            "--deadline-us",
            "1",
            "--cluster",
            "x",
        ],
    );
    assert!(error.contains("`hh-pim`"), "{error}");
}
