//! A design on one page: where its energy and area go, where its matrices lie, and when they work.

mod breakdown;
mod colour;
mod comparison;
mod schedule;
mod tiles;

pub(crate) use comparison::draw as draw_comparison;

use pimento_hardware::MemoryDesign;

use crate::{
    picture::colour::{INK, MUTED, OpColours, WARNING},
    priced_design::PricedDesign,
    quantity,
    svg::{Rect, Style, Svg},
};

/// Width of the page in pixels.
const WIDTH: f64 = 1280.0;
const MARGIN: f64 = 36.0;
/// Space between panels.
const GAP: f64 = 36.0;
/// Where panels begin.
const TOP: f64 = 172.0;
const PANEL_HEIGHT: f64 = 320.0;
const BREAKDOWN_WIDTH: f64 = 346.0;

/// Draws a design as SVG.
pub(crate) fn draw(design: &PricedDesign, name: &str) -> String {
    let mut svg = Svg::new();
    let colours = OpColours::new(&design.cost.breakdown.ops);
    header(&mut svg, design, name);
    let breakdown = Rect::new(MARGIN, TOP, BREAKDOWN_WIDTH, PANEL_HEIGHT);
    breakdown::draw_energy(&mut svg, breakdown, design);
    let left = MARGIN + BREAKDOWN_WIDTH + GAP;
    let area = Rect {
        x: left,
        ..breakdown
    };
    breakdown::draw_area(&mut svg, area, design);
    let left = left + BREAKDOWN_WIDTH + GAP;
    let right = Rect::new(left, TOP, WIDTH - MARGIN - left, PANEL_HEIGHT);
    tiles::draw(&mut svg, right, design, &colours);
    let schedule = Rect::new(
        MARGIN,
        TOP + PANEL_HEIGHT + GAP,
        WIDTH - 2.0 * MARGIN,
        schedule::height(design),
    );
    schedule::draw(&mut svg, schedule, design, &colours);
    let height = schedule.y + schedule.height + MARGIN;
    svg.finish(WIDTH, height, &format!("Design {name}"))
}

/// The name of the design, its hardware, and its figures.
fn header(svg: &mut Svg, design: &PricedDesign, name: &str) {
    let right = WIDTH - MARGIN;
    svg.text((MARGIN, 46.0), name, Style::new(24.0, INK).bold());
    svg.text((MARGIN, 68.0), &hardware(design), Style::new(13.0, MUTED));
    svg.lines(&[(MARGIN, 84.0), (right, 84.0)], "#dfe3e8", 1.0);
    let figures = figures(design);
    let pitch = (right - MARGIN) / figures.len() as f64;
    for (place, (label, value)) in figures.iter().enumerate() {
        let x = MARGIN + place as f64 * pitch;
        svg.text((x, 103.0), label, Style::new(11.0, MUTED));
        let fill = if *label == "violation" { WARNING } else { INK };
        svg.text((x, 123.0), value, Style::new(17.0, fill).bold());
    }
}

fn hardware(design: &PricedDesign) -> String {
    let chip = &design.hardware.chip;
    format!(
        "chip {}, {} nm: crossbars {} × {}, {}-bit cells, {}-bit ADCs, {}-bit DACs, {} × {} \
         crossbars per tile  ·  memory {}",
        design.chip.name,
        design.chip.node_nm,
        chip.crossbar_rows,
        chip.crossbar_cols,
        chip.cell_bits,
        chip.adc_bits,
        chip.dac_bits,
        chip.pes_per_tile,
        chip.crossbars_per_pe,
        memory(&design.hardware.memory),
    )
}

fn memory(memory: &MemoryDesign) -> String {
    if !memory.system.is_none() {
        return memory.system.name().to_owned();
    }
    let in_toml = |value: serde_json::Result<serde_json::Value>| {
        let value = value.unwrap_or_default();
        value.as_str().unwrap_or_default().to_owned()
    };
    format!(
        "{} × {}, gathers at {}",
        memory.channels,
        in_toml(serde_json::to_value(memory.standard)),
        in_toml(serde_json::to_value(memory.pim_level)),
    )
}

fn figures(design: &PricedDesign) -> Vec<(&'static str, String)> {
    let (summary, figures) = (&design.cost.summary, &design.cost.figures);
    let mut all = vec![
        ("latency", quantity::time(summary.latency_ns)),
        ("energy per inference", quantity::energy(summary.energy_pj)),
        ("average power", quantity::power(summary.power_mw)),
        ("area", quantity::area(summary.area_um2)),
        (
            "inferences per second",
            quantity::count(summary.throughput_per_s),
        ),
        ("TOPS/W", quantity::number(figures.tops_per_w, 3)),
        ("multiply–accumulates", quantity::count(figures.macs as f64)),
    ];
    if summary.violation > 0.0 {
        all.push(("violation", quantity::number(summary.violation, 3)));
    }
    all
}
