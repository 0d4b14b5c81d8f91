//! Work on the digital lanes of a tile.

use crate::{
    arithmetic::ceil,
    component::Component,
    ledger::{Factor, Ledger, times, unit},
    reram::chip::{Chip, Stage},
    workload::{ElementwiseFunction, Operand},
};

/// What the lanes do for one operation of an operator.
#[derive(Debug, Clone, Copy)]
struct Recipe {
    multiplications: f64,
    additions: f64,
    sigmoids: f64,
    exponentials: f64,
}

/// The work of an operator on digital lanes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lanes {
    operations: f64,
    recipe: &'static Recipe,
    /// Sums of products that are kept in 32 bits.
    sums: f64,
    /// Values that are read and written.
    read: f64,
    written: f64,
    bits: u8,
}

const NONE: Recipe = Recipe {
    multiplications: 0.0,
    additions: 0.0,
    sigmoids: 0.0,
    exponentials: 0.0,
};
const ADDITION: Recipe = Recipe {
    additions: 1.0,
    ..NONE
};
const MULTIPLICATION: Recipe = Recipe {
    multiplications: 1.0,
    ..NONE
};
const SIGMOID: Recipe = Recipe {
    sigmoids: 1.0,
    ..NONE
};
const SOFTMAX: Recipe = Recipe {
    exponentials: 1.0,
    multiplications: 1.0,
    additions: 1.0,
    ..NONE
};
/// Mean, deviation, square, scale, gain and shift: three additions and two products of five
/// operations.
const NORMALISATION: Recipe = Recipe {
    multiplications: 0.4,
    additions: 0.6,
    ..NONE
};

/// Widest fixed-point format of the lanes.
const MAX_BITS: u8 = 16;

impl Lanes {
    /// A product of two operands that are computed at run time.
    pub(super) fn product(macs: f64, operand: Operand, outputs: f64, bits: u8) -> Self {
        let operands = f64::from(operand.count)
            * f64::from(operand.rows)
            * (f64::from(operand.cols) + f64::from(operand.vectors));
        Self {
            operations: macs,
            recipe: &MULTIPLICATION,
            sums: macs,
            read: operands,
            written: outputs,
            bits,
        }
    }

    /// A function of each of so many elements.
    pub(super) fn elementwise(function: ElementwiseFunction, elements: u32, bits: u8) -> Self {
        // Looked up rather than branched on: nobody can guess which function is next.
        const RECIPES: [&Recipe; 5] = [&ADDITION, &SIGMOID, &ADDITION, &MULTIPLICATION, &SOFTMAX];
        let elements = f64::from(elements);
        Self {
            operations: elements,
            recipe: RECIPES[function as usize],
            sums: 0.0,
            read: elements,
            written: elements,
            bits,
        }
    }

    /// Layer normalisation.
    pub(super) fn normalisation(vectors: u32, width: u32, bits: u8) -> Self {
        let elements = f64::from(vectors) * f64::from(width);
        Self {
            operations: 5.0 * elements,
            recipe: &NORMALISATION,
            sums: 0.0,
            read: elements,
            written: elements,
            bits,
        }
    }

    pub(super) fn input_bits(&self) -> f64 {
        self.read * f64::from(self.bits)
    }
}

impl Chip<'_> {
    /// Time in which rows of compressed tables are combined on the lanes: `outputs` values of so many
    /// multiply–accumulates, the widest operand of `bits`.
    pub(crate) fn combining_ns(
        &self,
        macs: f64,
        outputs: f64,
        bits: u8,
        ledger: &mut impl Ledger,
    ) -> f64 {
        let bits = bits.min(MAX_BITS);
        let product = Lanes::product(macs.trunc(), Operand::default(), outputs.trunc(), bits);
        self.lanes(&product, Stage::Reduction, ledger)
    }

    /// Time of the lanes of one tile.
    pub(super) fn lanes(&self, lanes: &Lanes, stage: Stage, ledger: &mut impl Ledger) -> f64 {
        let table = &self.preset.digital;
        let (operations, recipe) = (lanes.operations, lanes.recipe);
        let bytes = f64::from(lanes.bits) / 8.0;
        self.charge_additions(&[times("32-bit additions", lanes.sums)], ledger);
        let squared = times("(bits / 8)²", bytes * bytes);
        let count = times("multiplications", operations * recipe.multiplications);
        ledger.charge(
            Component::Digital,
            unit("digital.multiply-8bit-pj", table.multiply_8bit_pj),
            &[count, squared],
        );
        let count = times("additions", operations * recipe.additions);
        self.charge_additions(&[count, times("bits / 32", bytes / 4.0)], ledger);
        ledger.charge(
            Component::Digital,
            unit("digital.sigmoid-pj", table.sigmoid_pj),
            &[times("sigmoids", operations * recipe.sigmoids)],
        );
        ledger.charge(
            Component::Digital,
            unit("digital.exponential-pj", table.exponential_pj),
            &[times("exponentials", operations * recipe.exponentials)],
        );
        let values = lanes.read + lanes.written;
        self.charge_movement(values * f64::from(lanes.bits), ledger);
        let cycles = ceil(operations / f64::from(table.lanes_per_tile));
        let cycle = unit("digital.cycle-ns", table.cycle_ns);
        ledger.time(stage, cycle, &[times("cycles of the lanes", cycles)])
    }

    fn charge_additions(&self, factors: &[Factor], ledger: &mut impl Ledger) {
        let addition = unit("digital.add-32bit-pj", self.preset.digital.add_32bit_pj);
        ledger.charge(Component::Digital, addition, factors);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_function_has_its_recipe() {
        let recipe = |function| {
            let recipe = Lanes::elementwise(function, 1, 8).recipe;
            let Recipe {
                multiplications,
                additions,
                sigmoids,
                exponentials,
            } = *recipe;
            [multiplications, additions, sigmoids, exponentials]
        };
        // A comparison is a subtraction whose sign is kept.
        assert_eq!(recipe(ElementwiseFunction::Relu), [0.0, 1.0, 0.0, 0.0]);
        assert_eq!(recipe(ElementwiseFunction::Add), [0.0, 1.0, 0.0, 0.0]);
        assert_eq!(recipe(ElementwiseFunction::Multiply), [1.0, 0.0, 0.0, 0.0]);
        assert_eq!(recipe(ElementwiseFunction::Sigmoid), [0.0, 0.0, 1.0, 0.0]);
        assert_eq!(recipe(ElementwiseFunction::Softmax), [1.0, 1.0, 0.0, 1.0]);
    }
}
