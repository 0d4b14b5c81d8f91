//! Where a figure of a design comes from, as it is asked for: `energy.adc`, `area`, `latency`.

use std::collections::BTreeMap;

use pimento_hardware::{Charge, Explanation, Gathers, MemorySystem, Stages};
use serde::Serialize;

use crate::{
    error::Error,
    priced_design::{PricedDesign, op_name},
    quantity::{self, number, share},
    table,
};

/// Charges with what caused them and where their numbers are from.
struct Charged<'a> {
    explanation: Explanation,
    /// The name of what causes a charge, by its number.
    cause: &'a dyn Fn(usize) -> String,
    /// The table of a charge's number, and its source.
    source: &'a dyn Fn(&Charge) -> (String, String),
    /// What happened to the numbers of the tables, if something did.
    scaling: Option<String>,
}

/// How a figure comes about.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Explained {
    /// A sum of charges.
    Charges(Charges),
    /// Operators one after the other, the last one ending at the latency.
    CriticalPath(Vec<Step>),
}

/// The charges of a figure, or of one of its components.
#[derive(Debug, Serialize)]
pub(crate) struct Charges {
    figure: Figure,
    /// All charges of the figure, other components' included, in its unit.
    total: f64,
    /// The components asked for, from the largest share to the smallest.
    components: Vec<Component>,
    /// Where the numbers come from, by table.
    sources: BTreeMap<String, String>,
    /// What happened to the numbers of the chip's tables, if something did.
    #[serde(skip_serializing_if = "Option::is_none")]
    scaling: Option<String>,
}

/// A figure that is a sum of charges.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Figure {
    EnergyPj,
    AreaUm2,
    PowerMw,
}

/// The charges of a component.
#[derive(Debug, Serialize)]
struct Component {
    component: &'static str,
    amount: f64,
    /// From the operator with the largest share to that with the smallest.
    charges: Vec<OpCharge>,
}

/// A charge and the operator that causes it.
#[derive(Debug, Serialize)]
struct OpCharge {
    /// Absent where it is the design as a whole.
    op: Option<String>,
    /// The table of the number.
    table: String,
    amount: f64,
    unit: pimento_hardware::UnitCost,
    factors: Vec<pimento_hardware::Factor>,
}

/// An operator of the critical path.
#[derive(Debug, Serialize)]
pub(crate) struct Step {
    op: String,
    start_ns: f64,
    latency_ns: f64,
    stages: Stages,
}

impl Explained {
    /// How the figure of a design that `path` names comes about.
    pub(crate) fn of_design(path: &str, design: &PricedDesign) -> Result<Self, Error> {
        if path == "latency" {
            return Ok(Self::CriticalPath(critical_path(design)));
        }
        let ops = &design.cost.breakdown.ops;
        let charged = Charged {
            explanation: design.explain(),
            cause: &|op| op_name(&ops[op]),
            source: &|charge| {
                let key = charge.unit.key;
                (table_name(key).to_owned(), design.source(key))
            },
            scaling: scaling(design),
        };
        Self::of_charges(path, &charged, &["latency"])
    }

    /// How the figure of a memory system that `path` names comes about.
    pub(crate) fn of_system(
        path: &str,
        system: &MemorySystem,
        gathers: &Gathers,
    ) -> Result<Self, Error> {
        let charged = Charged {
            explanation: system.explain(gathers),
            cause: &|tier| system.tier_name(tier).to_owned(),
            source: &|charge| {
                let table = table_name(charge.unit.key);
                let source = system.source_of(table, charge.op).to_owned();
                match charge.op {
                    Some(tier) => (format!("{}.{table}", system.tier_name(tier)), source),
                    None => (table.to_owned(), source),
                }
            },
            scaling: None,
        };
        Self::of_charges(path, &charged, &[])
    }

    fn of_charges(path: &str, charged: &Charged<'_>, beside: &[&str]) -> Result<Self, Error> {
        let path_asked = path.replace('-', "_");
        let (figure, component) = match path_asked.split_once('.') {
            Some((figure, component)) => (figure, Some(component)),
            None => (&path_asked[..], None),
        };
        let figures = Figure::ALL.into_iter();
        let all: Vec<Charges> = figures
            .map(|figure| Charges::new(figure, charged))
            .collect();
        let known = known_paths(&all, beside);
        let found = all.into_iter().find(|all| all.figure.name() == figure);
        found
            .and_then(|charges| charges.only(component))
            .map(Self::Charges)
            .ok_or_else(|| Error::Unknown {
                what: "figure to explain",
                name: path.to_owned(),
                known: format!("`{}`", known.join("`, `")),
            })
    }

    /// The explanation for people.
    pub(crate) fn render(&self) -> String {
        match self {
            Self::Charges(charges) => charges.render(),
            Self::CriticalPath(steps) => render_path(steps),
        }
    }
}

/// Everything that can be explained.
fn known_paths(all: &[Charges], beside: &[&str]) -> Vec<String> {
    let mut known: Vec<String> = beside.iter().map(|&path| path.to_owned()).collect();
    for charges in all.iter().filter(|charges| !charges.components.is_empty()) {
        let figure = charges.figure.name();
        known.push(figure.to_owned());
        let components = charges.components.iter();
        known.extend(components.map(|part| format!("{figure}.{}", part.component)));
    }
    known
}

impl Figure {
    const ALL: [Self; 3] = [Self::EnergyPj, Self::AreaUm2, Self::PowerMw];

    fn name(self) -> &'static str {
        match self {
            Self::EnergyPj => "energy",
            Self::AreaUm2 => "area",
            Self::PowerMw => "power",
        }
    }

    fn meaning(self) -> &'static str {
        match self {
            Self::EnergyPj => "energy of one inference",
            Self::AreaUm2 => "area",
            Self::PowerMw => "power with all units of the chip busy",
        }
    }

    fn quantity(self, amount: f64) -> String {
        match self {
            Self::EnergyPj => quantity::energy(amount),
            Self::AreaUm2 => quantity::area(amount),
            Self::PowerMw => quantity::power(amount),
        }
    }

    /// The unit of a number of a table: times are among the factors of an energy.
    fn unit_of(self, key: &str) -> &'static str {
        match self {
            Self::AreaUm2 => " µm²",
            Self::PowerMw => " mW",
            Self::EnergyPj if key.contains("fraction") => "",
            Self::EnergyPj if key.contains("-mw") || key.contains("mW") => " mW",
            Self::EnergyPj => " pJ",
        }
    }
}

impl Charges {
    fn new(figure: Figure, charged: &Charged<'_>) -> Self {
        let explanation = &charged.explanation;
        let charges = match figure {
            Figure::EnergyPj => &explanation.energy_pj,
            Figure::AreaUm2 => &explanation.area_um2,
            Figure::PowerMw => &explanation.power_mw,
        };
        let charges: Vec<&Charge> = charges.iter().filter(|c| c.amount() != 0.0).collect();
        let mut by_component: BTreeMap<&'static str, Vec<&Charge>> = BTreeMap::new();
        for charge in &charges {
            by_component
                .entry(charge.component)
                .or_default()
                .push(charge);
        }
        let mut components: Vec<Component> = by_component
            .into_iter()
            .map(|(component, charges)| Component::new(component, &charges, charged))
            .collect();
        components.sort_by(|a, b| b.amount.total_cmp(&a.amount));
        Self {
            figure,
            total: charges.iter().map(|charge| charge.amount()).sum(),
            sources: charges
                .iter()
                .map(|charge| (charged.source)(charge))
                .collect(),
            scaling: charged.scaling.clone(),
            components,
        }
    }

    /// Those of one component; absent if it has none.
    fn only(mut self, component: Option<&str>) -> Option<Self> {
        if let Some(component) = component {
            self.components.retain(|part| part.component == component);
            let charges = self.components.first()?.charges.iter();
            let tables: Vec<&str> = charges.map(|charge| &charge.table[..]).collect();
            self.sources.retain(|table, _| tables.contains(&&table[..]));
        }
        Some(self)
    }

    fn render(&self) -> String {
        let figure = self.figure;
        let mut text = format!("{}: {}\n", figure.meaning(), figure.quantity(self.total));
        for component in &self.components {
            let amount = figure.quantity(component.amount);
            let part = share(component.amount, self.total);
            text.push_str(&format!("\n{}: {amount}, {part}\n", component.component));
            text.push_str(&component.render(figure));
        }
        text.push_str("\nsources\n");
        let widest = self.sources.keys().map(String::len).max().unwrap_or(0);
        for (table, source) in &self.sources {
            text.push_str(&format!("  {table:widest$}  {source}\n"));
        }
        if let Some(scaling) = &self.scaling {
            text.push_str(&format!("  {scaling}\n"));
        }
        text
    }
}

impl Component {
    fn new(component: &'static str, charges: &[&Charge], charged: &Charged<'_>) -> Self {
        let mut of_ops: BTreeMap<Option<usize>, f64> = BTreeMap::new();
        for charge in charges {
            *of_ops.entry(charge.op).or_default() += charge.amount();
        }
        let mut sorted = charges.to_vec();
        sorted.sort_by(|a, b| {
            let by_op = of_ops[&b.op].total_cmp(&of_ops[&a.op]);
            by_op
                .then(a.op.cmp(&b.op))
                .then(b.amount().total_cmp(&a.amount()))
        });
        Self {
            component,
            amount: charges.iter().map(|charge| charge.amount()).sum(),
            charges: sorted
                .into_iter()
                .map(|charge| OpCharge {
                    op: charge.op.map(charged.cause),
                    table: (charged.source)(charge).0,
                    amount: charge.amount(),
                    unit: charge.unit,
                    factors: charge.factors.clone(),
                })
                .collect(),
        }
    }

    fn render(&self, figure: Figure) -> String {
        let formulas = self.charges.iter().map(|charge| charge.formula(figure));
        let formulas: Vec<String> = formulas.collect();
        let widths = formulas.iter().map(|formula| formula.chars().count());
        let widest = widths.max().unwrap_or(0);
        let lines = formulas.iter().zip(&self.charges);
        lines
            .map(|(formula, charge)| match &charge.op {
                Some(op) => format!("  {formula:widest$}   {op}\n"),
                None => format!("  {formula}\n"),
            })
            .collect()
    }
}

impl OpCharge {
    fn formula(&self, figure: Figure) -> String {
        let unit = &self.unit;
        let mut text = format!(
            "{}{} ({})",
            number(unit.value, 5),
            figure.unit_of(unit.key),
            unit.key
        );
        for factor in &self.factors {
            text.push_str(&format!(" × {} {}", number(factor.value, 5), factor.name));
        }
        format!("{text} = {}", figure.quantity(self.amount))
    }
}

fn scaling(design: &PricedDesign) -> Option<String> {
    let (from, to) = (design.published_node_nm, design.chip.node_nm);
    (from != to).then(|| {
        format!("numbers of the chip scaled from {from} to {to} nm: Stillmaker & Baas, Integration 58, 2017")
    })
}

/// The table of a key such as `adc.energy-pj / 2`.
fn table_name(key: &str) -> &str {
    let table = key.trim_start_matches('(');
    table.split_once('.').map_or(table, |(table, _)| table)
}

fn critical_path(design: &PricedDesign) -> Vec<Step> {
    let breakdown = &design.cost.breakdown;
    let path = breakdown.critical_path.iter();
    path.map(|&index| {
        let op = &breakdown.ops[index];
        Step {
            op: op_name(op),
            start_ns: op.start_ns,
            latency_ns: op.latency_ns,
            stages: op.stages,
        }
    })
    .collect()
}

fn render_path(steps: &[Step]) -> String {
    let end_ns = steps
        .last()
        .map_or(0.0, |last| last.start_ns + last.latency_ns);
    let header = [
        "operator",
        "starts ns",
        "transfer",
        "write",
        "working",
        "last conversion",
        "reduction",
        "all ns",
        "share",
    ];
    let rows = steps.iter().map(|step| {
        let stages = &step.stages;
        let mut row = vec![step.op.clone()];
        let times = [
            step.start_ns,
            stages.transfer_ns,
            stages.write_ns,
            stages.working_ns,
            stages.fill_ns,
            stages.reduction_ns,
            step.latency_ns,
        ];
        row.extend(times.map(|ns| format!("{ns:.1}")));
        row.push(share(step.latency_ns, end_ns));
        row
    });
    format!(
        "latency: {}, the end of the last of {} operators that wait for each other\n{}{STAGES}",
        quantity::time(end_ns),
        steps.len(),
        table::table(&header, rows)
    )
}

const STAGES: &str = "\
transfer: from buffers and over the chip's network; write: an operand into cells; working: reads of
crossbars, steps of digital lanes or rows from memory; last conversion: what follows the last read;
reduction: sums of crossbars are added up, rows of compressed tables combined; the rest of all ns an operator
waits for vectors of its inputs, while which operators overlap
";
