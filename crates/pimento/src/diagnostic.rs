//! Errors as people read them: what is wrong, where, and what to do.

use std::{io::Write, ops::Range, path::Path};

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};

use crate::error::Error;

/// Prints an error to standard error.
pub(crate) fn report(error: &Error) {
    let text = match error {
        Error::Toml {
            path,
            text,
            message,
            span,
        } => render(path, text, message, span.clone()),
        Error::Interrupted { .. } => format!("{error}\n"),
        other => format!("error: {other}\n"),
    };
    // Nothing is left to do where standard error is closed.
    let _ = std::io::stderr().write_all(text.as_bytes());
}

/// The message, and the line it is about with a caret below.
fn render(path: &Path, text: &str, message: &str, span: Option<Range<usize>>) -> String {
    let Some(span) = span else {
        return format!("error: {}: {message}\n", path.display());
    };
    let start = span.start.min(text.len());
    let end = span.end.clamp(start, text.len());
    let name = path.display().to_string();
    let snippet = Snippet::source(text)
        .path(name)
        .annotation(AnnotationKind::Primary.span(start..end));
    let report = [Level::ERROR.primary_title(message).element(snippet)];
    format!("{}\n", Renderer::plain().render(&report))
}
