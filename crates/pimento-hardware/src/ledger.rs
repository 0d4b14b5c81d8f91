//! Where charges of energy, area and time go: into sums, or into an explanation of the sums.
//!
//! Every charge is one number of a table times a count, and the count is the product of named
//! factors. Sums and explanations are made by the same charges, so that they cannot disagree. Times that
//! run side by side are not charged but the longest.

use serde::Serialize;

use crate::{
    arithmetic::per,
    component::{ALL, ByComponent, Component},
    cost::ComponentCost,
    reram::Stage,
};

/// A number of a table.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct UnitCost {
    /// Its table and key, for example `adc.energy-pj`.
    pub key: &'static str,
    /// Its value, in the unit of the charge.
    pub value: f64,
}

impl UnitCost {
    /// The table of the number.
    pub fn table(&self) -> &'static str {
        table_of(self.key)
    }
}

/// The table of a key such as `adc.energy-pj / 2`, `(energy.active - idle)-mw` or `1 / link.gb-per-s`.
pub(crate) fn table_of(key: &str) -> &str {
    let table = key.trim_start_matches("1 / ").trim_start_matches('(');
    let end = table.find(['.', ':']).unwrap_or(table.len());
    &table[..end]
}

/// A factor of a count.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Factor {
    /// What it counts.
    pub name: &'static str,
    /// How many.
    pub value: f64,
}

/// Takes charges.
pub(crate) trait Ledger {
    /// Whether anybody asks for the share of an operator.
    const BY_OPERATOR: bool = true;

    /// What follows is caused by this operator, or by none.
    fn begin(&mut self, _op: Option<usize>) {}

    /// Charges `unit` times the product of `factors` to a component; nothing where a factor is zero.
    fn charge(&mut self, component: Component, unit: UnitCost, factors: &[Factor]);

    /// The time of a stage, or a part of it: `unit` times the product of `factors`.
    #[inline]
    fn time(&mut self, _stage: Stage, unit: UnitCost, factors: &[Factor]) -> f64 {
        amount(unit, factors)
    }

    /// All charges so far, but for times.
    fn total(&self) -> f64;
}

/// The ledgers of a design.
#[derive(Debug, Clone, Default)]
pub(crate) struct Books<L> {
    /// Energy of one inference.
    pub(crate) energy_pj: L,
    /// Area.
    pub(crate) area_um2: L,
    /// Power of the chip's units at full activity.
    pub(crate) power_mw: L,
}

impl Books<Sums> {
    /// Energy, power and area of the components that have any, each inference taking so long.
    pub(crate) fn components(&self, time_ns: f64) -> Vec<ComponentCost> {
        let costs = ALL.iter().map(|&component| {
            let energy_pj = self.energy_pj.by_component.get(component);
            ComponentCost {
                component: component.name(),
                energy_pj,
                power_mw: per(energy_pj, time_ns),
                peak_power_mw: self.power_mw.by_component.get(component),
                area_um2: self.area_um2.by_component.get(component),
            }
        });
        costs
            .filter(|cost| cost.energy_pj != 0.0 || cost.area_um2 != 0.0)
            .collect()
    }
}

/// A number of a table.
pub(crate) const fn unit(key: &'static str, value: f64) -> UnitCost {
    UnitCost { key, value }
}

/// A factor of a count.
pub(crate) const fn times(name: &'static str, value: f64) -> Factor {
    Factor { name, value }
}

#[inline]
fn amount(unit: UnitCost, factors: &[Factor]) -> f64 {
    factors
        .iter()
        .fold(unit.value, |product, factor| product * factor.value)
}

/// The sum of all charges.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Total(f64);

impl Ledger for Total {
    const BY_OPERATOR: bool = false;

    #[inline]
    fn charge(&mut self, _: Component, unit: UnitCost, factors: &[Factor]) {
        self.0 += amount(unit, factors);
    }

    fn total(&self) -> f64 {
        self.0
    }
}

/// A ledger of an operator that has begun: the parts that it is made of begin nothing new.
#[derive(Debug)]
pub(crate) struct WithinOp<'a, L>(pub(crate) &'a mut L);

impl<L: Ledger> Ledger for WithinOp<'_, L> {
    const BY_OPERATOR: bool = L::BY_OPERATOR;

    #[inline]
    fn charge(&mut self, component: Component, unit: UnitCost, factors: &[Factor]) {
        self.0.charge(component, unit, factors);
    }

    #[inline]
    fn time(&mut self, stage: Stage, unit: UnitCost, factors: &[Factor]) -> f64 {
        self.0.time(stage, unit, factors)
    }

    fn total(&self) -> f64 {
        self.0.total()
    }
}

/// Sums by component.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Sums {
    pub(crate) by_component: ByComponent,
    total: Total,
}

impl Ledger for Sums {
    #[inline]
    fn charge(&mut self, component: Component, unit: UnitCost, factors: &[Factor]) {
        self.by_component.add(component, amount(unit, factors));
        self.total.charge(component, unit, factors);
    }

    fn total(&self) -> f64 {
        self.total.total()
    }
}

/// One charge.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Charge {
    /// The operator that causes it, if one does.
    pub op: Option<usize>,
    /// The component that it is charged to; of a time, the stage of the operator.
    pub component: &'static str,
    /// What one costs.
    pub unit: UnitCost,
    /// How many there are: the product of these.
    pub factors: Vec<Factor>,
}

impl Charge {
    /// The charge.
    pub fn amount(&self) -> f64 {
        amount(self.unit, &self.factors)
    }
}

/// All charges, one by one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Charges {
    pub(crate) charges: Vec<Charge>,
    /// Charges of time.
    pub(crate) times: Vec<Charge>,
    op: Option<usize>,
    total: Total,
}

impl Charges {
    fn charge_of(&self, component: &'static str, unit: UnitCost, factors: &[Factor]) -> Charge {
        Charge {
            op: self.op,
            component,
            unit,
            factors: factors.to_vec(),
        }
    }
}

impl Ledger for Charges {
    fn begin(&mut self, op: Option<usize>) {
        self.op = op;
    }

    fn charge(&mut self, component: Component, unit: UnitCost, factors: &[Factor]) {
        if factors.iter().any(|factor| factor.value == 0.0) {
            return;
        }
        self.total.charge(component, unit, factors);
        let charge = self.charge_of(component.name(), unit, factors);
        self.charges.push(charge);
    }

    fn time(&mut self, stage: Stage, unit: UnitCost, factors: &[Factor]) -> f64 {
        let charge = self.charge_of(stage.name(), unit, factors);
        let time_ns = charge.amount();
        if time_ns != 0.0 {
            self.times.push(charge);
        }
        time_ns
    }

    fn total(&self) -> f64 {
        self.total.total()
    }
}
