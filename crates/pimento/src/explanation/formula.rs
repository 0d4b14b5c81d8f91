//! Figures that are made of others.

use pimento_hardware::{Explanation, Resource};
use serde::Serialize;

use crate::{
    priced_design::{PricedDesign, op_name},
    quantity,
};

/// The figures that [`Formula`] explains.
pub(super) const NAMES: [&str; 8] = [
    "power",
    "throughput",
    "violation",
    "energy-latency",
    "tops",
    "tops-per-w",
    "tops-per-mm2",
    "static-power",
];

/// A figure, its formula, and the numbers that are put in.
#[derive(Debug, Serialize)]
pub(crate) struct Formula {
    figure: &'static str,
    /// With its unit.
    value: String,
    formula: &'static str,
    terms: Vec<Term>,
}

/// A number of a formula.
#[derive(Debug, Serialize)]
struct Term {
    name: String,
    /// With its unit.
    value: String,
}

impl Formula {
    /// The formula of a figure of a design; none for figures that are sums of charges.
    pub(super) fn new(
        path: &str,
        design: &PricedDesign,
        explanation: &Explanation,
    ) -> Option<Self> {
        let figure = NAMES.into_iter().find(|&name| name == path)?;
        let (summary, figures) = (&design.cost.summary, &design.cost.figures);
        let energy = || term("energy", quantity::energy(summary.energy_pj));
        let latency = || term("latency", quantity::time(summary.latency_ns));
        let macs = || term("multiply–accumulates", figures.macs.to_string());
        let per_s = |value: f64| format!("{}/s", quantity::count(value));
        let number = |value: f64, unit: &str| format!("{} {unit}", quantity::number(value, 4));
        let (value, formula, terms) = match figure {
            "power" => (
                quantity::power(summary.power_mw),
                "energy / latency: one inference after another",
                vec![energy(), latency()],
            ),
            "throughput" => (
                per_s(summary.throughput_per_s),
                "1 / the time that what works longest takes for an inference",
                busiest(design, explanation),
            ),
            "violation" => (
                summary.violation.to_string(),
                "the sum of what does not fit; 0 is feasible",
                violations(design, explanation),
            ),
            "energy-latency" => (
                number(figures.energy_delay_pj_ns / 1e9, "µJ·µs"),
                "energy · latency",
                vec![energy(), latency()],
            ),
            "tops" => (
                number(figures.tops, "TOPS"),
                "2 · multiply–accumulates · throughput",
                vec![macs(), term("throughput", per_s(summary.throughput_per_s))],
            ),
            "tops-per-w" => (
                number(figures.tops_per_w, "TOPS/W"),
                "2 · multiply–accumulates / energy",
                vec![macs(), energy()],
            ),
            "tops-per-mm2" => (
                number(figures.tops_per_mm2, "TOPS/mm²"),
                "tops / area",
                vec![
                    term("tops", number(figures.tops, "TOPS")),
                    term("area", quantity::area(summary.area_um2)),
                ],
            ),
            _ => (
                quantity::power(figures.static_mw),
                "the sum of what is taken whether anything works or not",
                statics(design, explanation),
            ),
        };
        Some(Self {
            figure,
            value,
            formula,
            terms,
        })
    }

    /// For people.
    pub(super) fn render(&self) -> String {
        let mut text = format!("{}: {}\n{}\n", self.figure, self.value, self.formula);
        let widths = self.terms.iter().map(|term| term.value.chars().count());
        let widest = widths.max().unwrap_or(0);
        for term in &self.terms {
            text.push_str(&format!("  {:>widest$}  {}\n", term.value, term.name));
        }
        text
    }
}

fn term(name: &str, value: String) -> Term {
    let name = name.to_owned();
    Term { name, value }
}

/// The operators of what works longest.
fn busiest(design: &PricedDesign, explanation: &Explanation) -> Vec<Term> {
    let busiest = &explanation.busiest;
    let whose = match busiest.resource {
        Resource::Own => String::new(),
        Resource::SharedCrossbar(number) => format!(", in shared crossbar {number}"),
        Resource::Lanes(tile) => format!(", on the lanes of tile {tile}"),
    };
    let ops = busiest.ops.iter();
    ops.map(|op| {
        let name = op_name(&design.cost.breakdown.ops[op.op]);
        term(&format!("{name}{whose}"), quantity::time(op.interval_ns))
    })
    .collect()
}

fn violations(design: &PricedDesign, explanation: &Explanation) -> Vec<Term> {
    let parts = explanation.violations.iter();
    parts
        .map(|part| {
            let of_op = part.op.map(|op| op_name(&design.cost.breakdown.ops[op]));
            let of_op = of_op.map_or_else(String::new, |name| format!(", {name}"));
            term(&format!("{}{of_op}", part.what), part.amount.to_string())
        })
        .collect()
}

/// Charges that no operator causes last as long as the inference.
fn statics(design: &PricedDesign, explanation: &Explanation) -> Vec<Term> {
    let charges = explanation.energy_pj.iter();
    let lasting = charges.filter(|charge| charge.op.is_none());
    lasting
        .map(|charge| {
            let power_mw = charge.amount() / design.cost.summary.latency_ns;
            let name = format!("{} ({})", charge.component, charge.unit.key);
            term(&name, quantity::power(power_mw))
        })
        .collect()
}
