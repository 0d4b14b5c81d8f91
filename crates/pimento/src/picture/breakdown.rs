//! Bars of energy and area by component.

use pimento_hardware::ComponentCost;

use crate::{
    picture::colour::{EMPTY, Family, INK, MUTED},
    priced_design::PricedDesign,
    quantity::{self, share},
    svg::{Anchor, Rect, Style, Svg, text_width},
};

/// Components with bars of their own.
const MOST_BARS: usize = 11;
/// From bar to bar.
const PITCH: f64 = 21.0;
const LABEL_WIDTH: f64 = 120.0;
/// Room for a figure and its share.
const FIGURES_WIDTH: f64 = 128.0;
/// Shares smaller than this have no part of the strip.
const LEAST_SHARE: f64 = 0.002;

/// A component's bar.
struct Bar {
    label: String,
    amount: f64,
    family: Family,
}

/// Draws the energy of one inference; the legend of both breakdowns stands below.
pub(super) fn draw_energy(svg: &mut Svg, panel: Rect, design: &PricedDesign) {
    let energy = |part: &ComponentCost| part.energy_pj;
    draw(
        svg,
        panel,
        design,
        "Energy per inference",
        energy,
        quantity::energy,
    );
    let mut x = panel.x;
    let y = panel.y + panel.height;
    for family in Family::ALL {
        svg.rect(
            Rect::new(x, y - 9.0, 10.0, 10.0),
            &family.colour().hex(),
            2.0,
        );
        svg.text((x + 15.0, y), family.name(), Style::new(11.0, MUTED));
        x += 15.0 + text_width(family.name(), 11.0) + 14.0;
    }
}

/// Draws the area.
pub(super) fn draw_area(svg: &mut Svg, panel: Rect, design: &PricedDesign) {
    let area = |part: &ComponentCost| part.area_um2;
    draw(svg, panel, design, "Area", area, quantity::area);
}

fn draw(
    svg: &mut Svg,
    panel: Rect,
    design: &PricedDesign,
    title: &str,
    figure: fn(&ComponentCost) -> f64,
    told: fn(f64) -> String,
) {
    let bars = bars(&design.cost.breakdown.components, figure);
    let total: f64 = bars.iter().map(|bar| bar.amount).sum();
    let right = panel.x + panel.width;
    svg.text((panel.x, panel.y), title, Style::new(15.0, INK).bold());
    let style = Style::new(15.0, INK).bold().at(Anchor::End);
    svg.text((right, panel.y), &told(total), style);
    strip(
        svg,
        Rect::new(panel.x, panel.y + 12.0, panel.width, 16.0),
        &bars,
        total,
    );
    let largest = bars.first().map_or(1.0, |bar| bar.amount);
    let room = panel.width - LABEL_WIDTH - FIGURES_WIDTH;
    for (place, bar) in bars.iter().enumerate() {
        let y = panel.y + 40.0 + place as f64 * PITCH;
        let base = y + 12.0;
        svg.text((panel.x, base), &bar.label, Style::new(12.0, INK));
        let width = (room * bar.amount / largest).max(1.0);
        let rect = Rect::new(panel.x + LABEL_WIDTH, y + 2.0, width, 12.0);
        svg.rect(rect, &bar.family.colour().hex(), 1.5);
        let style = Style::new(12.0, MUTED).at(Anchor::End);
        svg.text((right - 52.0, base), &told(bar.amount), style);
        svg.text(
            (right, base),
            &share(bar.amount, total),
            Style::new(12.0, INK).at(Anchor::End),
        );
    }
}

/// All components side by side.
fn strip(svg: &mut Svg, rect: Rect, bars: &[Bar], total: f64) {
    svg.rect(rect, EMPTY, 0.0);
    let mut x = rect.x;
    for family in Family::ALL {
        let of_family = bars.iter().filter(|bar| bar.family == family);
        for (place, bar) in of_family.enumerate() {
            let part = bar.amount / total;
            let width = rect.width * part;
            if part > LEAST_SHARE {
                let shade = 0.16 * (place % 4) as f64;
                let colour = family.colour().lighter(shade);
                let title = format!("{}, {}", bar.label, share(bar.amount, total));
                svg.titled_rect(Rect { x, width, ..rect }, &colour.hex(), &title);
                let place = (x + width / 2.0, rect.y + 12.0);
                if text_width(&bar.label, 10.0) + 6.0 < width {
                    let style = Style::new(10.0, colour.text()).at(Anchor::Middle);
                    svg.text(place, &bar.label, style);
                }
            }
            x += width;
        }
    }
}

/// The largest components, and the rest as one.
fn bars(components: &[ComponentCost], figure: fn(&ComponentCost) -> f64) -> Vec<Bar> {
    let mut bars: Vec<Bar> = components
        .iter()
        .filter(|part| figure(part) > 0.0)
        .map(|part| Bar {
            label: label(part.component),
            amount: figure(part),
            family: Family::of(part.component),
        })
        .collect();
    bars.sort_by(|a, b| b.amount.total_cmp(&a.amount));
    if bars.len() > MOST_BARS + 1 {
        let rest = bars.split_off(MOST_BARS);
        bars.push(Bar {
            label: format!("{} others", rest.len()),
            amount: rest.iter().map(|bar| bar.amount).sum(),
            family: Family::Leakage,
        });
    }
    bars
}

fn label(component: &str) -> String {
    match component {
        "adc" | "dac" => component.to_uppercase(),
        "edram" => "eDRAM".to_owned(),
        "sample_hold" => "sample and hold".to_owned(),
        "shift_add" => "shift and add".to_owned(),
        "pim_units" => "PIM units".to_owned(),
        _ => component.replace("dram_", "DRAM ").replace('_', " "),
    }
}
