//! Figures that are made of others.

use pimento_hardware::{Explanation, Resource};
use serde::Serialize;

use crate::{
    priced_design::{PricedDesign, op_name},
    quantity,
};

/// The figures that [`Formula`] explains.
pub(super) const NAMES: [&str; 9] = [
    "power",
    "throughput",
    "violation",
    "energy-latency",
    "tops",
    "tops-per-w",
    "tops-per-mm2",
    "static-power",
    "lifetime",
];

/// A figure, its formula, and the numbers that are put in.
#[derive(Debug, Serialize)]
pub(crate) struct Formula {
    figure: &'static str,
    value: Amount,
    formula: &'static str,
    terms: Vec<Term>,
}

/// A number of a formula.
#[derive(Debug, Serialize)]
struct Term {
    name: String,
    value: Amount,
}

/// A number and its unit.
#[derive(Debug, Clone, Copy, Serialize)]
struct Amount {
    value: f64,
    unit: &'static str,
}

impl Amount {
    fn render(self) -> String {
        let Self { value, unit } = self;
        match unit {
            "pJ" => quantity::energy(value),
            "ns" => quantity::time(value),
            "mW" => quantity::power(value),
            "µm²" => quantity::area(value),
            "/s" => format!("{}/s", quantity::count(value)),
            "" => quantity::number(value, 4),
            unit => format!("{} {unit}", quantity::number(value, 4)),
        }
    }
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
        let energy = || term("energy", amount(summary.energy_pj, "pJ"));
        let latency = || term("latency", amount(summary.latency_ns, "ns"));
        let macs = || term("multiply–accumulates", amount(figures.macs as f64, ""));
        let throughput = amount(summary.throughput_per_s, "/s");
        let tops = amount(figures.tops, "TOPS");
        let (value, formula, terms) = match figure {
            "power" => (
                amount(summary.power_mw, "mW"),
                "energy / latency: one inference after another",
                vec![energy(), latency()],
            ),
            "throughput" => (
                throughput,
                "1 / the time that what works longest takes for an inference",
                busiest(design, explanation),
            ),
            "violation" => (
                amount(summary.violation, ""),
                "the sum of what does not fit; 0 is feasible",
                violations(design, explanation),
            ),
            "energy-latency" => (
                amount(figures.energy_delay_pj_ns / 1e9, "µJ·µs"),
                "energy · latency",
                vec![energy(), latency()],
            ),
            "tops" => (
                tops,
                "2 · multiply–accumulates · throughput",
                vec![macs(), term("throughput", throughput)],
            ),
            "tops-per-w" => (
                amount(figures.tops_per_w, "TOPS/W"),
                "2 · multiply–accumulates / energy",
                vec![macs(), energy()],
            ),
            "tops-per-mm2" => (
                amount(figures.tops_per_mm2, "TOPS/mm²"),
                "tops / area",
                vec![
                    term("tops", tops),
                    term("area", amount(summary.area_um2, "µm²")),
                ],
            ),
            "lifetime" => lifetime(design),
            _ => (
                amount(figures.static_mw, "mW"),
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
        let value = self.value.render();
        let mut text = format!("{}: {value}\n{}\n", self.figure, self.formula);
        let terms = self.terms.iter();
        let terms: Vec<_> = terms
            .map(|term| (term.value.render(), &term.name))
            .collect();
        let widths = terms.iter().map(|(value, _)| value.chars().count());
        let widest = widths.max().unwrap_or(0);
        for (value, name) in terms {
            text.push_str(&format!("  {value:>widest$}  {name}\n"));
        }
        text
    }
}

fn amount(value: f64, unit: &'static str) -> Amount {
    Amount { value, unit }
}

fn term(name: &str, value: Amount) -> Term {
    let name = name.to_owned();
    Term { name, value }
}

/// Inferences until written cells are worn out, and the time of as many.
fn lifetime(design: &PricedDesign) -> (Amount, &'static str, Vec<Term>) {
    let Some(inferences) = design.cost.figures.lifetime_inferences else {
        let formula = "inferences write no cells: they do not wear out";
        return (amount(f64::INFINITY, "inferences"), formula, Vec::new());
    };
    let summary = &design.cost.summary;
    let sources = design.sources("write.endurance").into_iter();
    let source: String = sources.map(|(_, source)| source).collect();
    let endurance = format!("write.endurance: writes that a cell survives ({source})");
    let ns = |rate_per_s: f64| amount(1e9 * inferences / rate_per_s, "ns");
    let (one_by_one, most) = (1e9 / summary.latency_ns, summary.throughput_per_s);
    let terms = vec![
        term(&endurance, amount(inferences, "")),
        term("one inference after another", ns(one_by_one)),
        term("at full throughput", ns(most)),
    ];
    let formula =
        "every inference writes such a cell once; a time is inferences / their rate (`--rate`)";
    (amount(inferences, "inferences"), formula, terms)
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
        term(&format!("{name}{whose}"), amount(op.interval_ns, "ns"))
    })
    .collect()
}

fn violations(design: &PricedDesign, explanation: &Explanation) -> Vec<Term> {
    let parts = explanation.violations.iter();
    parts
        .map(|part| {
            let of_op = part.op.map(|op| op_name(&design.cost.breakdown.ops[op]));
            let of_op = of_op.map_or_else(String::new, |name| format!(", {name}"));
            term(&format!("{}{of_op}", part.what), amount(part.amount, ""))
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
            term(&name, amount(power_mw, "mW"))
        })
        .collect()
}
