//! What the tests against published figures share.

use serde_json::Value;

/// Reads an oracle.
pub(crate) fn read(text: &str) -> Value {
    serde_json::from_str(text).expect("an oracle is JSON")
}

/// Fails unless two figures agree.
pub(crate) fn assert_close(found: f64, expected: f64, relative: f64, what: &str) {
    let error = (found / expected - 1.0).abs();
    assert!(
        error <= relative,
        "{what}: {found} instead of {expected}, {error:e} off"
    );
}
