//! What can be wrong with a space file.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeSet;

use pimento_hardware::MemorySystem;
use pimento_space::SearchSpace;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

fn check(from: &str, to: &str, message: &str) {
    let good = include_str!("../../../search_spaces/quickstart.toml");
    assert!(good.contains(from), "{from}");
    let text = good.replacen(from, to, 1);
    let error = SearchSpace::parse(&text).unwrap_err();
    assert!(error.to_string().contains(message), "{error}");
    let span = error.span().unwrap();
    let line = text[..span.start].lines().count().max(1);
    let place = text.lines().position(|line| line.contains(to)).unwrap() + 1;
    assert!(
        line.abs_diff(place) <= 1,
        "line {line}, expected about {place}"
    );
}

#[test]
fn every_mistake_has_its_message_and_place() {
    check(
        "blocks = 5",
        "bloks = 5",
        "unknown field `bloks`, expected one of",
    );
    check(
        "blocks = 5",
        "blocks = 0",
        "`blocks` has `0`, expected 1 to 32",
    );
    check(
        "\"sum\"]",
        "\"mul\"]",
        "unknown variant `mul`, expected one of",
    );
    check("[16, 32, 64, 128]", "[]", "`dense-widths` is empty");
    check(
        "[16, 32, 64, 128]",
        "[16, 16]",
        "`dense-widths` lists `16` twice",
    );
    check("[16, 32, 64, 128]", "[16, 0]", "`dense-widths` has `0`");
    check("[16, 32, 64, 128]", "[\"16\"]", "invalid type: string");
    check(
        "embedding-dim = 16",
        "embedding-dim = 12",
        "a multiple of 8",
    );
    check(
        "activation-bits = [8,",
        "activation-bits = [1,",
        "`activation-bits` has `1`",
    );
    check(
        "crossbar-rows = [64,",
        "crossbar-rows = [65,",
        "a power of two",
    );
    check("\"hbm2\"", "\"hbm9\"", "unknown variant `hbm9`");
}

#[test]
fn reuse_divides_all_widths() {
    let good = include_str!("../../../search_spaces/quickstart.toml");
    let with = |menu: &str| {
        let keys = format!("fc-reuse = {menu}\ndense-widths");
        SearchSpace::parse(&good.replacen("dense-widths", &keys, 1))
    };
    let plain = SearchSpace::parse(good).unwrap();
    assert!(!plain.has_epitomes());
    assert_eq!(with("[1]").unwrap(), plain);
    assert_eq!(with("[1]").unwrap().fingerprint(), plain.fingerprint());
    let space = with("[1, 2, 4]").unwrap();
    assert!(space.has_epitomes());
    assert_ne!(space.fingerprint(), plain.fingerprint());
    assert_eq!(
        space.size().networks,
        plain.size().networks * 3_u32.pow(plain.block_count() as u32)
    );
    let text = space.describe().to_string();
    assert!(text.contains("fc reuse          [1, 2, 4]"), "{text}");
    assert!(!plain.describe().to_string().contains("reuse"));
    for menu in ["[1, 3]", "[0, 1]", "[32]"] {
        let error = with(menu).unwrap_err().to_string();
        assert!(
            error.contains("expected divisors of all `dense-widths`"),
            "{error}"
        );
    }
    assert!(
        with("[]")
            .unwrap_err()
            .to_string()
            .contains("`fc-reuse` is empty")
    );
}

#[test]
fn memory_systems_are_chosen_where_there_is_a_menu() {
    let good = include_str!("../../../search_spaces/quickstart.toml");
    let with = |menu: &str| SearchSpace::parse(&format!("{good}\nmemory-system = {menu}\n"));
    let plain = SearchSpace::parse(good).unwrap();
    assert!(!plain.has_memory_systems());
    assert_eq!(with(r#"["none"]"#).unwrap(), plain);
    let space = with(r#"["none", "trim-g", "heam"]"#).unwrap();
    assert!(space.has_memory_systems());
    assert_eq!(
        space.fingerprint(),
        plain.fingerprint(),
        "it shapes no weights"
    );
    // 3 standards, 4 levels, 4 numbers of channels, or one of two systems.
    assert_eq!(
        space.size().hardware * 48_u32,
        plain.size().hardware * 50_u32
    );
    let only = with(r#"["heam"]"#).unwrap();
    assert_eq!(only.size().hardware * 48_u32, plain.size().hardware);
    for (menu, message) in [
        ("[]", "`memory-system` is empty"),
        (r#"["heam", "heam"]"#, "`memory-system` lists `heam` twice"),
        (
            r#"["trim"]"#,
            "unknown memory system `trim`, expected `none` or one of host,",
        ),
    ] {
        let error = with(menu).unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
    }
}

#[test]
fn memory_systems_of_ones_own_are_chosen_by_their_names() {
    let good = include_str!("../../../search_spaces/quickstart.toml");
    let recnmp = MemorySystem::preset_text("recnmp").unwrap();
    let tables = |text: &str| {
        let tables = format!("[[memory-systems]]\n{text}");
        tables
            .replace("\n[tiers", "\n[memory-systems.tiers")
            .replace("\n[[", "\n[[memory-systems.")
    };
    let mine = tables(&recnmp.replacen("\"recnmp\"", "\"mine\"", 1));
    let with = |menu: &str, tables: &str| {
        SearchSpace::parse(&format!("{good}\nmemory-system = {menu}\n{tables}"))
    };
    let space = with(r#"["none", "mine", "recnmp"]"#, &mine).unwrap();
    let plain = SearchSpace::parse(good).unwrap();
    assert_eq!(
        space.size().hardware * 48_u32,
        plain.size().hardware * 50_u32
    );
    let chosen: BTreeSet<&str> = (0..200)
        .map(|seed| {
            let genotype = space.sample(&mut ChaCha8Rng::seed_from_u64(seed));
            genotype.hardware.memory.system.name()
        })
        .collect();
    assert_eq!(Vec::from_iter(chosen), ["mine", "none", "recnmp"]);
    for (tables, message) in [
        (mine.clone() + &mine, "`memory-systems` lists `mine` twice"),
        (tables(recnmp), "called `recnmp`, which is built in"),
        (mine.replace("channels", "chanels"), "chanels"),
        (String::new(), "unknown memory system `mine`"),
    ] {
        let error = with(r#"["mine"]"#, &tables).unwrap_err();
        assert!(error.to_string().contains(message), "{error}");
        assert!(error.span().is_some());
    }
    let error = with(r#"["min"]"#, &mine).unwrap_err().to_string();
    assert!(error.ends_with(", or of this file: mine"), "{error}");
    let wrong = mine.replace("channels = 4", "channels = 0");
    let error = with(r#"["mine"]"#, &wrong).unwrap_err();
    let text = format!("{good}\nmemory-system = [\"mine\"]\n{wrong}");
    assert!(text[error.span().unwrap().start..].starts_with("channels = 0"));
}

#[test]
fn caches_of_rows_are_chosen_where_there_is_a_menu() {
    let good = include_str!("../../../search_spaces/quickstart.toml");
    let with = |menu: &str| SearchSpace::parse(&format!("{good}\nmemory-cache-kb = {menu}\n"));
    let plain = SearchSpace::parse(good).unwrap();
    assert!(!plain.has_row_caches());
    assert_eq!(with("[0]").unwrap(), plain);
    let space = with("[0, 16, 64]").unwrap();
    assert!(space.has_row_caches() && with("[64]").unwrap().has_row_caches());
    assert_eq!(
        space.fingerprint(),
        plain.fingerprint(),
        "it shapes no weights"
    );
    assert_eq!(space.size().hardware, plain.size().hardware * 3_u32);
    for (menu, message) in [
        ("[]", "`memory-cache-kb` is empty"),
        ("[16, 16]", "`memory-cache-kb` lists `16` twice"),
        ("[65536]", "invalid value: integer `65536`"),
    ] {
        let error = with(menu).unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
    }
}

#[test]
fn activations_have_one_of_three_ranges() {
    let good = include_str!("../../../search_spaces/quickstart.toml");
    let with = |range: &str| {
        let keys = format!("[precision]\nactivation-range = \"{range}\"");
        SearchSpace::parse(&good.replacen("[precision]", &keys, 1))
    };
    let plain = SearchSpace::parse(good).unwrap();
    assert_eq!(
        with("symmetric").unwrap().fingerprint(),
        plain.fingerprint()
    );
    for (range, is_learned) in [("asymmetric", false), ("learned", true)] {
        let space = with(range).unwrap();
        assert_eq!(space.has_learned_ranges(), is_learned);
        assert_ne!(space.fingerprint(), plain.fingerprint());
        let text = space.describe().to_string().to_lowercase();
        assert!(text.contains(range), "{text}");
    }
    let error = with("learnt").unwrap_err().to_string();
    assert!(error.contains("unknown variant `learnt`"), "{error}");
}

#[test]
fn every_mistake_about_tables_has_its_message_and_place() {
    let good = include_str!("../../../search_spaces/compressed.toml");
    for (from, to, message) in [
        (
            "\"qr-4\"",
            "\"qr16\"",
            "`tables` has `\"qr16\"`, expected `full`, `hash-R` or `qr-C`",
        ),
        ("\"qr-4\"", "\"qr-1\"", "with R and C from 2 to 65536"),
        ("\"qr-4\"", "\"full\"", "`tables` lists `\"full\"` twice"),
        (
            "[4, 8, 16]\n\n",
            "[4, 32]\n\n",
            "`widths` has `32`, expected 1 to `embedding-dim`",
        ),
        ("[4, 8, 16]\n\n", "[]\n\n", "`widths` is empty"),
        (
            "widths = [4, ",
            "width = [4, ",
            "unknown field `width`, expected `tables` or `widths`",
        ),
    ] {
        assert!(good.contains(from), "{from}");
        let text = good.replacen(from, to, 1);
        let error = SearchSpace::parse(&text).unwrap_err();
        assert!(error.to_string().contains(message), "{error}");
        let line = text[..error.span().unwrap().start].lines().count().max(1);
        let place = text
            .lines()
            .position(|line| line.contains(to.trim()))
            .unwrap()
            + 1;
        assert!(
            line.abs_diff(place) <= 1,
            "line {line}, expected about {place}"
        );
    }
}

#[test]
fn choices_of_fields_are_counted_when_the_fields_are_known() {
    let space = SearchSpace::preset("compressed").unwrap();
    let text = space.describe().to_string();
    assert!(text.contains("full hash-4 qr-4 tt-8"), "{text}");
    assert!(text.contains("times 48 for every field"), "{text}");
    let bound = space.for_tables(&[100, 200]);
    assert_eq!(bound.size().total(), space.size().total() * 48_u32 * 48_u32);
    assert!(
        bound
            .describe()
            .to_string()
            .contains("tables            2.30·10^3 = 2304")
    );
    assert_eq!(bound.fingerprint(), space.fingerprint());
    let plain = SearchSpace::preset("quickstart").unwrap();
    assert_eq!(plain.for_tables(&[100, 200]), plain);
}

#[test]
fn every_built_in_space_is_sound() {
    for name in SearchSpace::preset_names() {
        let space = SearchSpace::preset(name).unwrap();
        assert_eq!(space.name(), name);
        assert!(space.describe().to_string().contains("co-designs"));
    }
    assert!(SearchSpace::preset("unknown").is_none());
}

#[test]
fn the_fingerprint_follows_what_shapes_the_weights() {
    let text = include_str!("../../../search_spaces/quickstart.toml");
    let fingerprint = |text: &str| SearchSpace::parse(text).unwrap().fingerprint();
    let compressed = include_str!("../../../search_spaces/compressed.toml");
    assert_ne!(
        fingerprint(compressed),
        fingerprint(&compressed.replace("\"qr-4\", ", ""))
    );
    assert_ne!(
        fingerprint(text),
        fingerprint(&text.replace("blocks = 5", "blocks = 6"))
    );
    assert_eq!(
        fingerprint(text),
        fingerprint(&text.replace("cell-bits = [1, 2, 4]", "cell-bits = [1]"))
    );
}
