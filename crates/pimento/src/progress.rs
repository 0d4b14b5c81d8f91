//! Progress bars with rate and remaining time; silent where standard error is not a terminal.

use indicatif::{ProgressBar, ProgressStyle};

/// A bar over `total` units of `unit`.
pub(crate) fn bar(total: u64, what: &'static str, unit: &str) -> ProgressBar {
    let template = format!(
        "{{prefix:>20}} [{{bar:32}}] {{pos}}/{{len}} {unit} · {{per_sec}} · {{eta}} left {{msg}}"
    );
    let style = ProgressStyle::with_template(&template)
        .expect("the template is well formed")
        .progress_chars("=> ");
    ProgressBar::new(total).with_style(style).with_prefix(what)
}
