//! Where a figure of a design comes from, as it is asked for: `energy.adc`, `area`, `latency`, `throughput`.

mod charges;
mod critical_path;
mod formula;

use pimento_hardware::{Charge, ChipDesign, Gathers, MemorySystem};
use serde::Serialize;

use crate::{
    error::Error,
    priced_design::{PricedDesign, op_name},
};
use charges::{Charged, Charges, Figure};
use critical_path::Step;
use formula::Formula;

/// How a figure comes about.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Explained {
    /// A sum of charges.
    Charges(Charges),
    /// Operators one after the other, the last one ending at the latency, and the charges of their times.
    Latency {
        critical_path: Vec<Step>,
        #[serde(flatten)]
        charges: Charges,
    },
    /// Made of other figures.
    Formula(Formula),
}

impl Explained {
    /// How the figure of a design that `path` names comes about.
    pub(crate) fn of_design(path: &str, design: &PricedDesign) -> Result<Self, Error> {
        let ops = &design.cost.breakdown.ops;
        let mut explanation = design.explain();
        if let Some(formula) = Formula::new(path, design, &explanation) {
            return Ok(Self::Formula(formula));
        }
        let is_critical = |op: Option<usize>| op.is_some_and(|op| design.is_critical(op));
        explanation.latency_ns.retain(|time| is_critical(time.op));
        let charged = Charged {
            explanation,
            latency_ns: design.cost.summary.latency_ns,
            cause: &|op| op_name(&ops[op]),
            work: &|op| design.work(op),
            table: &|charge| charge.unit.table().to_owned(),
            sources: &|charge| design.sources(charge.unit.key),
            sizes: Some(sizes(&design.hardware.chip)),
            scaling: scaling(design),
        };
        let charges = of_charges(path, &charged, &formula::NAMES)?;
        if path != Figure::LatencyNs.name() {
            return Ok(Self::Charges(charges));
        }
        Ok(Self::Latency {
            critical_path: critical_path::steps(design),
            charges,
        })
    }

    /// How the figure of a memory system that `path` names comes about.
    pub(crate) fn of_system(
        path: &str,
        system: &MemorySystem,
        gathers: &Gathers,
    ) -> Result<Self, Error> {
        let charged = Charged {
            explanation: system.explain(gathers),
            latency_ns: system.summary(gathers).latency_ns,
            cause: &|tier| system.tier_name(tier).to_owned(),
            work: &|_| None,
            table: &|charge| in_system(system, charge, charge.unit.table()),
            sources: &|charge| {
                let key = charge.unit.key;
                let sources = match charge.op {
                    Some(_) => system.sources_of(key, charge.op),
                    None => system.sources(key),
                };
                let named = sources.into_iter();
                let named = named.map(|(key, text)| (in_system(system, charge, &key), text));
                named.collect()
            },
            sizes: None,
            scaling: None,
        };
        of_charges(path, &charged, &[]).map(Self::Charges)
    }

    /// The explanation for people.
    pub(crate) fn render(&self) -> String {
        match self {
            Self::Charges(charges) => charges.render(),
            Self::Latency {
                critical_path,
                charges,
            } => critical_path::render(critical_path) + &charges.render_parts(),
            Self::Formula(formula) => formula.render(),
        }
    }
}

/// A key or table of a charge's number, with the memory that it is of.
fn in_system(system: &MemorySystem, charge: &Charge, key: &str) -> String {
    match charge.op {
        Some(tier) => format!("{}.{key}", system.tier_name(tier)),
        None => key.to_owned(),
    }
}

/// The charges that `path` names; `beside` can be asked for, too.
fn of_charges(path: &str, charged: &Charged<'_>, beside: &[&str]) -> Result<Charges, Error> {
    let (figure, component) = match path.split_once('.') {
        Some((figure, component)) => (figure, Some(component.replace('-', "_"))),
        None => (path, None),
    };
    let figures = Figure::ALL.into_iter();
    let all: Vec<Charges> = figures
        .map(|figure| Charges::new(figure, charged))
        .collect();
    let mut known: Vec<String> = all.iter().flat_map(Charges::paths).collect();
    known.extend(beside.iter().map(|&path| path.to_owned()));
    let found = all.into_iter().find(|all| all.is_of(figure));
    let asked = found.and_then(|charges| charges.only(component.as_deref()));
    asked.ok_or_else(|| Error::Unknown {
        what: "figure to explain",
        name: path.to_owned(),
        known: format!("`{}`", known.join("`, `")),
    })
}

fn sizes(chip: &ChipDesign) -> String {
    format!(
        "crossbars of {} rows × {} columns, cells of {} bits, DACs of {}, ADCs of {}; {} crossbars in a processing \
         element, {} of these in a tile",
        chip.crossbar_rows,
        chip.crossbar_cols,
        chip.cell_bits,
        chip.dac_bits,
        chip.adc_bits,
        chip.crossbars_per_pe,
        chip.pes_per_tile
    )
}

fn scaling(design: &PricedDesign) -> Option<String> {
    let (from, to) = (design.published_node_nm, design.chip.node_nm);
    (from != to).then(|| {
        format!("numbers of the chip scaled from {from} to {to} nm: Stillmaker & Baas, Integration 58, 2017")
    })
}
