//! Memory systems side by side: time and energy of a look-up.

use crate::{
    commands::compare::Compared,
    picture::colour::{EMPTY, Family, INK, MUTED},
    quantity,
    svg::{Anchor, Rect, Style, Svg, text_width},
};

const WIDTH: f64 = 1180.0;
const MARGIN: f64 = 36.0;
const TOP: f64 = 96.0;
/// From system to system.
const PITCH: f64 = 30.0;
const NAME_WIDTH: f64 = 120.0;
const COLUMN_WIDTH: f64 = 470.0;
/// Room for a figure behind a bar.
const FIGURE_WIDTH: f64 = 150.0;

/// Draws systems, the first one the baseline.
pub(crate) fn draw(title: &str, compared: &[Compared]) -> String {
    let mut svg = Svg::new();
    svg.text((MARGIN, 44.0), title, Style::new(20.0, INK).bold());
    let left = MARGIN + NAME_WIDTH;
    let right = left + COLUMN_WIDTH + 36.0;
    let style = Style::new(13.0, MUTED);
    svg.text((left, 76.0), "time of a look-up, batch after batch", style);
    svg.text((right, 76.0), "energy of a look-up", style);
    let largest = |of: fn(&Compared) -> f64| compared.iter().map(of).fold(0.0, f64::max);
    let (slowest, hungriest) = (largest(Compared::lookup_ns), largest(Compared::lookup_pj));
    for (place, system) in compared.iter().enumerate() {
        let y = TOP + place as f64 * PITCH;
        svg.text(
            (MARGIN, y + 14.0),
            &system.system,
            Style::new(13.0, INK).bold(),
        );
        let room = COLUMN_WIDTH - FIGURE_WIDTH;
        let width = room * system.lookup_ns() / slowest;
        svg.rect(Rect::new(left, y, room, 18.0), EMPTY, 2.0);
        let colour = Family::Memory.colour().hex();
        svg.rect(Rect::new(left, y, width.max(1.0), 18.0), &colour, 2.0);
        let faster = compared[0].lookup_ns() / system.lookup_ns();
        let told = format!("{}, {faster:.2}×", quantity::time(system.lookup_ns()));
        svg.text((left + room + 8.0, y + 13.0), &told, Style::new(12.0, INK));
        energy(&mut svg, Rect::new(right, y, room, 18.0), system, hungriest);
        let told = quantity::energy(system.lookup_pj());
        svg.text((right + room + 8.0, y + 13.0), &told, Style::new(12.0, INK));
    }
    let bottom = TOP + compared.len() as f64 * PITCH + 20.0;
    legend(&mut svg, right, bottom, compared);
    svg.finish(WIDTH, bottom + MARGIN, title)
}

/// Components of the energy, one after another, in the same shade for every system.
fn energy(svg: &mut Svg, rect: Rect, system: &Compared, hungriest: f64) {
    svg.rect(rect, EMPTY, 2.0);
    let mut x = rect.x;
    let per_lookup = 1.0 / system.gather.lookups;
    for part in &system.gather.components {
        let width = rect.width * part.energy_pj * per_lookup / hungriest;
        let told = format!(
            "{}, {}",
            part.component,
            quantity::energy(part.energy_pj * per_lookup)
        );
        svg.titled_rect(Rect { x, width, ..rect }, &shade(part.component), &told);
        x += width;
    }
}

/// The components in the order of their bars.
const COMPONENTS: [&str; 8] = [
    "dram_activate",
    "dram_read",
    "dram_io",
    "dram_refresh",
    "dram_background",
    "pim_units",
    "cache",
    "link",
];

fn shade(component: &str) -> String {
    let place = COMPONENTS
        .iter()
        .position(|known| *known == component)
        .unwrap_or(0);
    let families = Family::ALL;
    families[place % families.len()]
        .colour()
        .lighter(0.3 * (place / families.len()) as f64)
        .hex()
}

fn legend(svg: &mut Svg, left: f64, y: f64, compared: &[Compared]) {
    let mut x = left;
    let is_used = |component: &str| {
        let parts = compared.iter().flat_map(|system| &system.gather.components);
        parts
            .into_iter()
            .any(|part| part.component == component && part.energy_pj > 0.0)
    };
    for component in COMPONENTS
        .into_iter()
        .filter(|component| is_used(component))
    {
        let name = component.trim_start_matches("dram_").replace('_', " ");
        svg.rect(Rect::new(x, y - 9.0, 10.0, 10.0), &shade(component), 2.0);
        svg.text(
            (x + 14.0, y),
            &name,
            Style::new(11.0, MUTED).at(Anchor::Start),
        );
        x += 14.0 + text_width(&name, 11.0) + 12.0;
    }
}
