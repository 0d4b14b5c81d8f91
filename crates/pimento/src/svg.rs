//! Writes SVG.

/// A picture that grows element by element. The same calls make the same text.
#[derive(Debug)]
pub(crate) struct Svg {
    body: String,
}

/// A rectangle, in pixels from the top left corner of the picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Rect {
    pub(crate) x: f64,
    pub(crate) y: f64,
    pub(crate) width: f64,
    pub(crate) height: f64,
}

/// How text looks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Style<'a> {
    /// Height of the letters in pixels.
    pub(crate) size: f64,
    /// Colour.
    pub(crate) fill: &'a str,
    /// Where the text's point is.
    pub(crate) anchor: Anchor,
    /// Whether it is bold.
    pub(crate) is_bold: bool,
}

/// Which point of a text lies where it is put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Anchor {
    /// Its left end.
    Start,
    /// Its middle.
    Middle,
    /// Its right end.
    End,
}

impl Rect {
    pub(crate) const fn new(x: f64, y: f64, width: f64, height: f64) -> Self {
        Self {
            x,
            y,
            width,
            height,
        }
    }
}

impl<'a> Style<'a> {
    /// Text that begins at its point.
    pub(crate) const fn new(size: f64, fill: &'a str) -> Self {
        Self {
            size,
            fill,
            anchor: Anchor::Start,
            is_bold: false,
        }
    }

    /// The same in bold.
    pub(crate) const fn bold(self) -> Self {
        Self {
            is_bold: true,
            ..self
        }
    }

    /// The same with another point.
    pub(crate) const fn at(self, anchor: Anchor) -> Self {
        Self { anchor, ..self }
    }
}

impl Svg {
    /// An empty picture.
    pub(crate) const fn new() -> Self {
        Self {
            body: String::new(),
        }
    }

    /// A filled rectangle with corners of so many pixels.
    pub(crate) fn rect(&mut self, rect: Rect, fill: &str, radius: f64) {
        let (place, radius) = (place(rect), pixels(radius));
        self.push(&format!(
            "<rect {place} rx=\"{radius}\" fill=\"{}\"/>",
            escape(fill)
        ));
    }

    /// The same with a title that viewers show where the pointer rests.
    pub(crate) fn titled_rect(&mut self, rect: Rect, fill: &str, title: &str) {
        self.push(&format!(
            "<rect {} fill=\"{}\"><title>{}</title></rect>",
            place(rect),
            escape(fill),
            escape(title)
        ));
    }

    /// The border of a rectangle.
    pub(crate) fn border(&mut self, rect: Rect, stroke: &str, width: f64, radius: f64) {
        self.push(&format!(
            "<rect {} rx=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"{}\"/>",
            place(rect),
            pixels(radius),
            escape(stroke),
            pixels(width)
        ));
    }

    /// Lines from point to point.
    pub(crate) fn lines(&mut self, points: &[(f64, f64)], stroke: &str, width: f64) {
        let points: Vec<String> = points
            .iter()
            .map(|&(x, y)| format!("{},{}", pixels(x), pixels(y)))
            .collect();
        self.push(&format!(
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"{}\"/>",
            points.join(" "),
            escape(stroke),
            pixels(width)
        ));
    }

    /// Text whose base line goes through a point.
    pub(crate) fn text(&mut self, (x, y): (f64, f64), text: &str, style: Style<'_>) {
        let anchor = match style.anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let weight = if style.is_bold { "600" } else { "400" };
        self.push(&format!(
            "<text x=\"{}\" y=\"{}\" font-size=\"{}\" font-weight=\"{weight}\" \
             text-anchor=\"{anchor}\" fill=\"{}\">{}</text>",
            pixels(x),
            pixels(y),
            pixels(style.size),
            escape(style.fill),
            escape(text)
        ));
    }

    /// The file, on a white ground.
    pub(crate) fn finish(self, width: f64, height: f64, title: &str) -> String {
        let (width, height) = (pixels(width), pixels(height));
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" \
             width=\"{width}\" height=\"{height}\" \
             font-family=\"Inter, 'Helvetica Neue', Arial, 'DejaVu Sans', sans-serif\">\n\
             <title>{}</title>\n\
             <rect x=\"0\" y=\"0\" width=\"{width}\" height=\"{height}\" fill=\"#ffffff\"/>\n\
             {}</svg>\n",
            escape(title),
            self.body
        )
    }

    fn push(&mut self, element: &str) {
        self.body.push_str(element);
        self.body.push('\n');
    }
}

/// Width of a text in pixels, about.
pub(crate) fn text_width(text: &str, size: f64) -> f64 {
    0.55 * size * text.chars().count() as f64
}

fn place(rect: Rect) -> String {
    format!(
        "x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"",
        pixels(rect.x),
        pixels(rect.y),
        pixels(rect.width.max(0.0)),
        pixels(rect.height.max(0.0))
    )
}

/// A length with at most two decimals.
fn pixels(length: f64) -> String {
    let text = format!("{length:.2}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0" } else { text }.to_owned()
}

/// Text as it may stand in an element or an attribute; what XML cannot say is left out.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            letter if letter.is_control() || matches!(letter, '\u{fffe}' | '\u{ffff}') => {}
            letter => escaped.push(letter),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_leave_their_element() {
        let mut svg = Svg::new();
        svg.text((1.0, -0.001), "<a \"b\" & \u{1}c>", Style::new(9.5, "#000"));
        let file = svg.finish(10.0, 20.125, "<t>");
        assert!(
            file.contains(">&lt;a &quot;b&quot; &amp; c&gt;</text>"),
            "{file}"
        );
        assert!(file.contains("<title>&lt;t&gt;</title>"), "{file}");
        assert!(file.contains("x=\"1\" y=\"0\" font-size=\"9.5\""), "{file}");
        assert!(file.contains("viewBox=\"0 0 10 20.12\""), "{file}");
    }
}
