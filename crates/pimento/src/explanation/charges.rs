//! Figures that are sums of charges.

use std::collections::BTreeMap;

use pimento_hardware::{Charge, Explanation};
use serde::Serialize;

use crate::quantity::{self, number, share};

/// Charges with what caused them and where their numbers are from.
pub(super) struct Charged<'a> {
    pub(super) explanation: Explanation,
    /// The latency; its charges are those of the operators that decide it.
    pub(super) latency_ns: f64,
    /// The name of what causes a charge, by its number.
    pub(super) cause: &'a dyn Fn(usize) -> String,
    /// What that computes.
    pub(super) work: &'a dyn Fn(usize) -> Option<String>,
    /// The table of a charge's number.
    pub(super) table: &'a dyn Fn(&Charge) -> String,
    /// The sources of a charge's numbers, by key, or by table where they are those of others.
    pub(super) sources: &'a dyn Fn(&Charge) -> Vec<(String, String)>,
    /// Sizes of the chip that factors follow from, if there is one.
    pub(super) sizes: Option<String>,
    /// What happened to the numbers of the tables, if something did.
    pub(super) scaling: Option<String>,
}

/// The charges of a figure, or of one of its components.
#[derive(Debug, Serialize)]
pub(crate) struct Charges {
    figure: Figure,
    /// All charges of the figure, other components' included, in its unit.
    total: f64,
    /// The components asked for, from the largest share to the smallest.
    components: Vec<Component>,
    /// Sizes of the chip that factors follow from; absent where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    sizes: Option<String>,
    /// How the factors come about, by name.
    factors: BTreeMap<&'static str, &'static str>,
    /// Where the numbers come from: by key, or by table for all others of it.
    sources: BTreeMap<String, String>,
    /// What happened to the numbers of the chip's tables, if something did.
    #[serde(skip_serializing_if = "Option::is_none")]
    scaling: Option<String>,
}

/// A figure that is a sum of charges.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Figure {
    LatencyNs,
    EnergyPj,
    AreaUm2,
    PeakPowerMw,
}

/// The charges of a component, or of a stage of operators.
#[derive(Debug, Serialize)]
struct Component {
    component: &'static str,
    amount: f64,
    /// From the operator with the largest share to that with the smallest.
    charges: Vec<OpCharge>,
    #[serde(skip)]
    sources: BTreeMap<String, String>,
}

/// A charge and the operator that causes it.
#[derive(Debug, Serialize)]
struct OpCharge {
    /// Absent where it is the design as a whole.
    op: Option<String>,
    /// What that computes; absent where it has no matrices.
    #[serde(skip_serializing_if = "Option::is_none")]
    work: Option<String>,
    /// The table of the number.
    table: String,
    amount: f64,
    unit: pimento_hardware::UnitCost,
    factors: Vec<pimento_hardware::Factor>,
}

impl Figure {
    pub(super) const ALL: [Self; 4] = [
        Self::LatencyNs,
        Self::EnergyPj,
        Self::AreaUm2,
        Self::PeakPowerMw,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::LatencyNs => "latency",
            Self::EnergyPj => "energy",
            Self::AreaUm2 => "area",
            Self::PeakPowerMw => "peak-power",
        }
    }

    fn meaning(self) -> &'static str {
        match self {
            Self::LatencyNs => "latency",
            Self::EnergyPj => "energy of one inference",
            Self::AreaUm2 => "area",
            Self::PeakPowerMw => "power with all units of the chip busy",
        }
    }

    fn quantity(self, amount: f64) -> String {
        match self {
            Self::LatencyNs => quantity::time(amount),
            Self::EnergyPj => quantity::energy(amount),
            Self::AreaUm2 => quantity::area(amount),
            Self::PeakPowerMw => quantity::power(amount),
        }
    }

    /// The unit of a number of a table: times are among the factors of an energy.
    fn unit_of(self, key: &str) -> &'static str {
        match self {
            Self::LatencyNs => " ns",
            Self::AreaUm2 => " µm²",
            Self::PeakPowerMw => " mW",
            Self::EnergyPj if key.contains("fraction") => "",
            Self::EnergyPj if key.contains("-mw") || key.contains("mW") => " mW",
            Self::EnergyPj => " pJ",
        }
    }
}

impl Charges {
    pub(super) fn new(figure: Figure, charged: &Charged<'_>) -> Self {
        let explanation = &charged.explanation;
        let charges = match figure {
            Figure::LatencyNs => &explanation.latency_ns,
            Figure::EnergyPj => &explanation.energy_pj,
            Figure::AreaUm2 => &explanation.area_um2,
            Figure::PeakPowerMw => &explanation.power_mw,
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
            total: match figure {
                Figure::LatencyNs => charged.latency_ns,
                _ => charges.iter().map(|charge| charge.amount()).sum(),
            },
            sources: BTreeMap::new(),
            factors: BTreeMap::new(),
            sizes: charged.sizes.clone(),
            scaling: charged.scaling.clone(),
            components,
        }
    }

    /// Those of one component; absent if it has none.
    pub(super) fn only(mut self, component: Option<&str>) -> Option<Self> {
        if let Some(component) = component {
            self.components.retain(|part| part.component == component);
            self.components.first()?;
        }
        for part in &mut self.components {
            self.sources.append(&mut part.sources);
        }
        let charges = self.components.iter().flat_map(|part| &part.charges);
        let factors = charges.flat_map(|charge| &charge.factors);
        let rules = factors.filter_map(|factor| Some((factor.name, factor.rule()?)));
        self.factors = rules.collect();
        Some(self)
    }

    /// Whether these are of the figure of that name, and there are any.
    pub(super) fn is_of(&self, figure: &str) -> bool {
        self.figure.name() == figure && !self.components.is_empty()
    }

    /// The figures that can be asked for: this one, and those of its components.
    pub(super) fn paths(&self) -> Vec<String> {
        let figure = self.figure.name();
        let parts = self.components.iter();
        let parts = parts.map(|part| format!("{figure}.{}", part.component));
        let whole = (!self.components.is_empty()).then(|| figure.to_owned());
        whole.into_iter().chain(parts).collect()
    }

    /// For people.
    pub(super) fn render(&self) -> String {
        let figure = self.figure;
        let heading = format!("{}: {}\n", figure.meaning(), figure.quantity(self.total));
        heading + &self.render_parts()
    }

    /// Components and sources.
    pub(super) fn render_parts(&self) -> String {
        let figure = self.figure;
        let mut text = String::new();
        for component in &self.components {
            let amount = figure.quantity(component.amount);
            let part = share(component.amount, self.total);
            text.push_str(&format!("\n{}: {amount}, {part}\n", component.component));
            text.push_str(&component.render(figure));
        }
        let sizes = self.sizes.iter().map(|sizes| format!(" ({sizes})"));
        text.push_str(&format!("\nfactors{}\n", sizes.collect::<String>()));
        let named = self.factors.iter();
        text.push_str(&listed(named.map(|(&name, &rule)| (name, rule))));
        text.push_str("\nsources\n");
        let named = self.sources.iter();
        text.push_str(&listed(
            named.map(|(table, source)| (&table[..], &source[..])),
        ));
        if let Some(scaling) = &self.scaling {
            text.push_str(&format!("  {scaling}\n"));
        }
        text
    }
}

/// Names and what they mean, a line each.
fn listed<'a>(named: impl Iterator<Item = (&'a str, &'a str)> + Clone) -> String {
    let widths = named.clone().map(|(name, _)| name.chars().count());
    let widest = widths.max().unwrap_or(0);
    let lines = named.map(|(name, meaning)| format!("  {name:widest$}  {meaning}\n"));
    lines.collect::<Vec<_>>().concat()
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
            sources: { charges.iter() }
                .flat_map(|charge| (charged.sources)(charge))
                .collect(),
            charges: sorted
                .into_iter()
                .map(|charge| OpCharge {
                    op: charge.op.map(charged.cause),
                    work: charge.op.and_then(charged.work),
                    table: (charged.table)(charge),
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
                Some(op) => {
                    let work = charge.work.iter().map(|work| format!(": {work}"));
                    let work: String = work.collect();
                    format!("  {formula:widest$}   {op}{work}\n")
                }
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
