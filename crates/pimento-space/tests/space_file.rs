//! What can be wrong with a space file.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use pimento_space::SearchSpace;

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
    assert_ne!(
        fingerprint(text),
        fingerprint(&text.replace("blocks = 5", "blocks = 6"))
    );
    assert_eq!(
        fingerprint(text),
        fingerprint(&text.replace("cell-bits = [1, 2, 4]", "cell-bits = [1]"))
    );
}
