//! Is the code as drawn in `docs/architecture.md`?
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use pimento_data::SyntheticSettings;
use pimento_evolution::SearchSettings;
use pimento_supernet::{HeadFit, NewtonHead, TrainSettings, Tuning};

/// What each crate may use of ours.
const ARROWS: [(&str, &[&str]); 6] = [
    ("pimento-evolution", &[]),
    ("pimento-hardware", &[]),
    ("pimento-data", &[]),
    ("pimento-space", &["pimento-hardware"]),
    (
        "pimento-supernet",
        &["pimento-space", "pimento-data", "pimento-hardware"],
    ),
    (
        "pimento",
        &[
            "pimento-evolution",
            "pimento-hardware",
            "pimento-data",
            "pimento-space",
            "pimento-supernet",
        ],
    ),
];

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

fn manifest(name: &str) -> toml::Table {
    let path = root().join("crates").join(name).join("Cargo.toml");
    fs::read_to_string(path).unwrap().parse().unwrap()
}

#[test]
fn crates_use_each_other_only_along_the_arrows() {
    let allowed: BTreeMap<_, _> = ARROWS.into_iter().collect();
    let mut folders = Vec::new();
    for entry in fs::read_dir(root().join("crates")).unwrap() {
        folders.push(entry.unwrap().file_name().into_string().unwrap());
    }
    folders.sort();
    assert_eq!(folders, allowed.keys().copied().collect::<Vec<_>>());
    for (name, allowed) in allowed {
        for section in ["dependencies", "dev-dependencies", "build-dependencies"] {
            let manifest = manifest(name);
            let Some(used) = manifest.get(section).and_then(toml::Value::as_table) else {
                continue;
            };
            for used in used.keys().filter(|used| used.starts_with("pimento")) {
                assert!(
                    allowed.contains(&used.as_str()),
                    "{name} may not use {used}"
                );
            }
        }
    }
}

#[test]
fn only_the_supernet_names_burn() {
    for (name, _) in ARROWS {
        let uses_burn = manifest(name)["dependencies"]
            .as_table()
            .unwrap()
            .contains_key("burn");
        assert_eq!(uses_burn, name == "pimento-supernet", "{name}");
    }
}

#[test]
fn every_crate_keeps_the_lints() {
    for (name, _) in ARROWS {
        let lints = &manifest(name)["lints"];
        assert_eq!(lints["workspace"].as_bool(), Some(true), "{name}");
    }
}

/// One maps files, the other hands pointers to matrix kernels.
#[test]
fn two_files_have_an_unsafe_call() {
    let mut found = Vec::new();
    for (name, _) in ARROWS {
        let folder = root().join("crates").join(name).join("src");
        for path in source_files(&folder) {
            let text = fs::read_to_string(&path).unwrap();
            if text.contains("unsafe {") || text.contains("unsafe_code") {
                let calls = text.matches("unsafe {").count();
                found.push((
                    path.strip_prefix(root().join("crates")).unwrap().to_owned(),
                    calls,
                ));
            }
        }
    }
    found.sort();
    let expected = [
        "pimento-data/src/mapped_file.rs",
        "pimento-supernet/src/fused/product.rs",
    ];
    assert_eq!(found, expected.map(|path| (path.into(), 1)));
}

fn source_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(source_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

#[test]
fn the_documents_that_the_readme_promises_exist() {
    for name in [
        "README.md",
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "LICENSE-MIT",
        "LICENSE-APACHE",
    ] {
        assert!(root().join(name).is_file(), "{name}");
    }
    for name in [
        "architecture.md",
        "glossary.md",
        "cost-model.md",
        "search-space.md",
        "configuration.md",
    ] {
        assert!(root().join("docs").join(name).is_file(), "docs/{name}");
    }
}

/// README and `docs`.
fn documents() -> String {
    let docs = fs::read_dir(root().join("docs")).unwrap();
    let mut text = fs::read_to_string(root().join("README.md")).unwrap();
    for path in docs.map(|entry| entry.unwrap().path()) {
        if path.extension().is_some_and(|extension| extension == "md") {
            text += &fs::read_to_string(path).unwrap();
        }
    }
    text
}

#[test]
fn examples_benches_and_tests_that_the_documents_run_exist() {
    let (text, mut found) = (documents(), 0);
    for (flag, folder) in [
        ("--example ", "examples"),
        ("--bench ", "benches"),
        ("--test ", "tests"),
    ] {
        for command in text.split(flag).skip(1) {
            let end = command.find(|c: char| c != '_' && !c.is_alphanumeric());
            let name = &command[..end.unwrap_or(command.len())];
            let exists = |(of, _): (&str, _)| {
                let folder = root().join("crates").join(of).join(folder);
                let is_there = |file: &str| folder.join(file).is_file();
                is_there(&format!("{name}.rs")) || is_there(&format!("{name}/main.rs"))
            };
            let mut all = ARROWS.into_iter();
            assert!(
                all.any(exists) || root().join(format!("tests/{name}.rs")).is_file(),
                "{flag}{name}"
            );
            found += 1;
        }
    }
    assert!(found > 10, "{found}");
}

#[test]
fn files_that_the_documents_name_exist() {
    let (text, mut found) = (documents(), 0);
    for word in text.split(|c: char| c.is_whitespace() || "`[]()".contains(c)) {
        let path = word
            .trim_start_matches("../")
            .trim_end_matches(['.', ',', ';', ':']);
        let folders = ["crates/", "examples/", "search_spaces/"];
        if folders.iter().any(|folder| path.starts_with(folder)) {
            assert!(root().join(path).exists(), "{path}");
            found += 1;
        }
    }
    assert!(found > 10, "{found}");
}

#[test]
fn the_documents_name_every_key_of_the_shipped_files() {
    let docs = fs::read_to_string(root().join("docs/search-space.md")).unwrap();
    for name in [
        "quickstart",
        "nasrec-small",
        "nasrec-full",
        "autorac",
        "compressed",
        "ctr",
        "epitomes",
    ] {
        let path = root().join("search_spaces").join(format!("{name}.toml"));
        let space: toml::Table = fs::read_to_string(path).unwrap().parse().unwrap();
        let sections = space.values().filter_map(toml::Value::as_table);
        for key in space.keys().chain(sections.flat_map(toml::Table::keys)) {
            assert!(
                docs.contains(&format!("`{key}`")),
                "docs/search-space.md lacks `{key}`"
            );
        }
    }
}

#[test]
fn the_documents_name_every_key_of_the_settings() {
    let docs = fs::read_to_string(root().join("docs/configuration.md")).unwrap();
    let built_in = fs::read_to_string(root().join("crates/pimento/search.toml")).unwrap();
    let settings = [
        built_in.parse().unwrap(),
        toml::Table::try_from(TrainSettings::default()).unwrap(),
        toml::Table::try_from(HeadFit::default()).unwrap(),
        toml::Table::try_from(HeadFit::Newton(NewtonHead::default())).unwrap(),
        toml::Table::try_from(Tuning::default()).unwrap(),
        toml::Table::try_from(SearchSettings::default()).unwrap(),
        toml::Table::try_from(SyntheticSettings::default()).unwrap(),
    ];
    let mut keys = Vec::new();
    for table in &settings {
        collect_keys(table, &mut keys);
    }
    assert!(keys.len() > 40, "{keys:?}");
    for key in keys {
        let is_named = [format!("`{key}`"), format!("{key}]`"), format!("`[{key}")]
            .iter()
            .any(|form| docs.contains(form));
        assert!(is_named, "docs/configuration.md lacks `{key}`");
    }
}

#[test]
fn the_documents_name_every_key_of_systems_and_workloads() {
    let docs = fs::read_to_string(root().join("docs/configuration.md")).unwrap();
    let mut keys = Vec::new();
    for folder in ["systems", "workloads"] {
        let presets = root().join("crates/pimento-hardware/presets").join(folder);
        for entry in fs::read_dir(presets).unwrap() {
            let text = fs::read_to_string(entry.unwrap().path()).unwrap();
            collect_keys(&text.parse().unwrap(), &mut keys);
        }
    }
    assert!(keys.len() > 100, "{keys:?}");
    for key in keys {
        let is_named = docs.contains(&format!("`{key}`")) || docs.contains(&format!("{key}]`"));
        assert!(is_named, "docs/configuration.md lacks `{key}`");
    }
}

fn collect_keys(table: &toml::Table, keys: &mut Vec<String>) {
    for (key, value) in table {
        keys.push(key.clone());
        let one = value.as_table().into_iter();
        let many = value.as_array().into_iter().flatten();
        for table in one.chain(many.filter_map(toml::Value::as_table)) {
            collect_keys(table, keys);
        }
    }
}
