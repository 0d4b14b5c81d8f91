//! When operators run: a row for each, from its start to its end, in stages.

use pimento_hardware::{OpCost, Stages};

use crate::{
    picture::colour::{CRITICAL, Colour, INK, MUTED, OpColours},
    priced_design::{PricedDesign, op_name},
    quantity,
    svg::{Anchor, Rect, Style, Svg, text_width},
};

/// Space for the title above the rows, and for the axis.
const TITLE: f64 = 34.0;
const AXIS: f64 = 24.0;
const LABEL_WIDTH: f64 = 150.0;
/// Room for the latency of an operator.
const TIME_WIDTH: f64 = 62.0;
/// Ticks of the axis, about.
const TICKS: f64 = 10.0;

/// A part of an operator's time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Transfer,
    Write,
    Working,
    Fill,
    Reduction,
}

/// The panel's place and scale.
struct Chart {
    left: f64,
    right: f64,
    top: f64,
    pitch: f64,
    pixels_per_ns: f64,
    /// The row of each operator.
    rows: Vec<usize>,
}

/// Height of the panel.
pub(super) fn height(design: &PricedDesign) -> f64 {
    let rows = design.cost.breakdown.ops.len();
    TITLE + AXIS + rows as f64 * pitch(rows)
}

/// Rows are narrower where there are many.
fn pitch(rows: usize) -> f64 {
    match rows {
        0..=24 => 18.0,
        25..=60 => 14.0,
        _ => 12.0,
    }
}

/// Draws the schedule.
pub(super) fn draw(svg: &mut Svg, panel: Rect, design: &PricedDesign, colours: &OpColours) {
    let ops = &design.cost.breakdown.ops;
    let latency_ns = design.cost.summary.latency_ns;
    let chart = Chart::new(panel, &design.by_block(), latency_ns);
    let title = format!("Schedule of one inference, {}", quantity::time(latency_ns));
    svg.text(
        (panel.x, panel.y + 4.0),
        &title,
        Style::new(15.0, INK).bold(),
    );
    legend(svg, (panel.x + panel.width, panel.y + 4.0), design);
    bands(svg, panel, &chart, ops);
    axis(svg, &chart, ops.len(), latency_ns);
    for (index, op) in ops.iter().enumerate() {
        let (row, is_critical) = (chart.rows[index], design.is_critical(index));
        let colour = colours.of(index);
        label(svg, panel, &chart, (row, op), is_critical, colour);
        bar(svg, &chart, (row, op), is_critical, colour);
    }
    critical_path(svg, &chart, design);
}

impl Chart {
    /// The chart of operators from the first row to the last.
    fn new(panel: Rect, ops: &[usize], latency_ns: f64) -> Self {
        let (left, right) = (panel.x + LABEL_WIDTH, panel.x + panel.width - TIME_WIDTH);
        let mut rows = vec![0; ops.len()];
        for (row, &op) in ops.iter().enumerate() {
            rows[op] = row;
        }
        Self {
            left,
            right,
            top: panel.y + TITLE,
            pitch: pitch(ops.len()),
            rows,
            pixels_per_ns: (right - left) / latency_ns.max(f64::MIN_POSITIVE),
        }
    }

    fn x(&self, ns: f64) -> f64 {
        self.left + ns * self.pixels_per_ns
    }

    fn y(&self, row: usize) -> f64 {
        self.top + row as f64 * self.pitch
    }

    /// The bar of a row between two times, at least half a pixel wide.
    fn bar(&self, row: usize, start_ns: f64, end_ns: f64) -> Rect {
        let width = ((end_ns - start_ns) * self.pixels_per_ns).max(0.5);
        Rect::new(self.x(start_ns), self.y(row) + 2.0, width, self.pitch - 4.0)
    }
}

/// Every second block has a grey ground.
fn bands(svg: &mut Svg, panel: Rect, chart: &Chart, ops: &[OpCost]) {
    for (op, &row) in ops.iter().zip(&chart.rows) {
        if op.block % 2 == 1 {
            let band = Rect::new(panel.x, chart.y(row), panel.width, chart.pitch);
            svg.rect(band, "#f4f6f8", 0.0);
        }
    }
}

fn axis(svg: &mut Svg, chart: &Chart, rows: usize, latency_ns: f64) {
    let bottom = chart.y(rows);
    let step_us = step(latency_ns / 1e3 / TICKS);
    let decimals = (-step_us.log10().floor()).max(0.0) as usize;
    let count = (latency_ns / 1e3 / step_us + 1e-9).floor() as u32;
    for tick in 0..=count {
        let us = f64::from(tick) * step_us;
        let x = chart.x(us * 1e3);
        svg.lines(&[(x, chart.top), (x, bottom + 4.0)], "#dfe3e8", 0.8);
        let style = Style::new(11.0, MUTED).at(Anchor::Middle);
        svg.text((x, bottom + 17.0), &format!("{us:.decimals$}"), style);
    }
    svg.lines(&[(chart.left, bottom), (chart.right, bottom)], MUTED, 1.0);
    let style = Style::new(11.0, MUTED).at(Anchor::End);
    svg.text(
        (chart.right + TIME_WIDTH, bottom + 17.0),
        "time in µs",
        style,
    );
}

/// The nearest larger of 1, 2 and 5 times a power of ten.
fn step(least: f64) -> f64 {
    if !(least.is_finite() && least > 0.0) {
        return 1.0;
    }
    let power = 10_f64.powf(least.log10().floor());
    let steps = [1.0, 2.0, 5.0];
    let fits = steps.into_iter().find(|step| step * power >= least);
    fits.unwrap_or(10.0) * power
}

fn label(
    svg: &mut Svg,
    panel: Rect,
    chart: &Chart,
    (row, op): (usize, &OpCost),
    is_critical: bool,
    colour: Colour,
) {
    let (y, size) = (chart.y(row), (chart.pitch - 3.0).min(11.0));
    let base = y + chart.pitch / 2.0 + 0.35 * size;
    let swatch = Rect::new(panel.x + 2.0, y + chart.pitch / 2.0 - 4.0, 8.0, 8.0);
    svg.rect(swatch, &colour.hex(), 1.5);
    let style = if is_critical {
        Style::new(size, INK).bold()
    } else {
        Style::new(size, MUTED)
    };
    svg.text((panel.x + 16.0, base), &op_name(op), style);
    let style = style.at(Anchor::End);
    let time = quantity::time(op.latency_ns);
    svg.text((panel.x + panel.width - 4.0, base), &time, style);
}

fn bar(
    svg: &mut Svg,
    chart: &Chart,
    (row, op): (usize, &OpCost),
    is_critical: bool,
    colour: Colour,
) {
    let end_ns = op.start_ns + op.latency_ns;
    let title = format!(
        "{}: {} to {}",
        op_name(op),
        quantity::time(op.start_ns),
        quantity::time(end_ns)
    );
    let whole = chart.bar(row, op.start_ns, end_ns);
    svg.titled_rect(whole, &colour.hex(), &title);
    // Where an operator waits for vectors, its work is spread over the whole time.
    let waiting_ns = (op.latency_ns - op.stages.latency_ns()).max(0.0);
    let mut start_ns = op.start_ns;
    let mut stages = Stage::all(&op.stages);
    // What is gathered crosses the link of a memory system at the end.
    if op.block == 0 {
        stages.rotate_left(1);
    }
    for (stage, ns) in stages {
        let ns = if stage == Stage::Working {
            ns + waiting_ns
        } else {
            ns
        };
        let part = chart.bar(row, start_ns, start_ns + ns);
        start_ns += ns;
        if stage != Stage::Working && ns * chart.pixels_per_ns >= 0.5 {
            svg.rect(part, &stage.shade(colour).hex(), 0.0);
        }
    }
    if is_critical {
        svg.border(whole, CRITICAL, 1.0, 0.0);
    }
}

/// Lines from each operator of the path to the next one.
fn critical_path(svg: &mut Svg, chart: &Chart, design: &PricedDesign) {
    let breakdown = &design.cost.breakdown;
    for pair in breakdown.critical_path.windows(2) {
        let x = chart.x(breakdown.ops[pair[1]].start_ns);
        let middle = |op: usize| chart.y(chart.rows[op]) + chart.pitch / 2.0;
        svg.lines(&[(x, middle(pair[0])), (x, middle(pair[1]))], CRITICAL, 1.2);
    }
}

fn legend(svg: &mut Svg, (right, y): (f64, f64), design: &PricedDesign) {
    let grey = Colour::grey();
    let ops = &design.cost.breakdown.ops;
    let is_used = |stage: Stage| {
        let mut stages = ops.iter().flat_map(|op| Stage::all(&op.stages));
        stages.any(|(other, ns)| other == stage && ns > 0.0)
    };
    let mut x = right;
    x -= text_width("critical path", 11.0);
    svg.text((x, y), "critical path", Style::new(11.0, CRITICAL));
    x -= 20.0;
    svg.border(Rect::new(x, y - 9.0, 14.0, 10.0), CRITICAL, 1.2, 0.0);
    for stage in Stage::ALL.into_iter().rev().filter(|&stage| is_used(stage)) {
        x -= 18.0 + text_width(stage.name(), 11.0);
        svg.text((x, y), stage.name(), Style::new(11.0, MUTED));
        x -= 20.0;
        let colour = stage.shade(grey).hex();
        svg.rect(Rect::new(x, y - 9.0, 14.0, 10.0), &colour, 0.0);
    }
}

impl Stage {
    const ALL: [Self; 5] = [
        Self::Transfer,
        Self::Write,
        Self::Working,
        Self::Fill,
        Self::Reduction,
    ];

    fn all(stages: &Stages) -> [(Self, f64); 5] {
        [
            (Self::Transfer, stages.transfer_ns),
            (Self::Write, stages.write_ns),
            (Self::Working, stages.working_ns),
            (Self::Fill, stages.fill_ns),
            (Self::Reduction, stages.reduction_ns),
        ]
    }

    fn name(self) -> &'static str {
        match self {
            Self::Transfer => "transfer",
            Self::Write => "write of an operand",
            Self::Working => "working",
            Self::Fill => "fill",
            Self::Reduction => "reduction",
        }
    }

    fn shade(self, colour: Colour) -> Colour {
        match self {
            Self::Transfer => colour.lighter(0.65),
            Self::Write => colour.darker(0.55),
            Self::Working => colour,
            Self::Fill => colour.lighter(0.35),
            Self::Reduction => colour.darker(0.3),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round() {
        let check = |least: f64, expected: f64| {
            assert!((step(least) - expected).abs() < 1e-9, "{least}");
        };
        check(9.7, 10.0);
        check(0.11, 0.2);
        check(3.0, 5.0);
        check(1.0, 1.0);
        check(0.0, 1.0);
    }
}
