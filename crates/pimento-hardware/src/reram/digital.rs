//! Work on the digital lanes of a tile.

use crate::{
    component::Component,
    ledger::{Factor, Ledger, times, unit},
    quotient::ceil,
    reram::chip::{Chip, OpWork, Stage},
    workload::{ElementwiseFunction, OpKind, Operand},
};

/// What the lanes do for one element.
#[derive(Debug, Clone, Copy, Default)]
struct Recipe {
    multiplications: f64,
    additions: f64,
    sigmoids: f64,
    exponentials: f64,
}

/// Widest fixed-point format of the lanes.
const MAX_BITS: u8 = 16;

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
        let product = OpKind::DynamicProduct {
            macs: macs as u64,
            outputs: outputs as u32,
            operand: Operand::default(),
            activation_bits: bits.min(MAX_BITS),
        };
        let cycles = self.digital(&product, ledger, &mut OpWork::default());
        self.lanes_ns(Stage::Reduction, cycles, ledger)
    }

    /// Time of so many cycles of the lanes.
    pub(super) fn lanes_ns(&self, stage: Stage, cycles: f64, ledger: &mut impl Ledger) -> f64 {
        let cycle = unit("digital.cycle-ns", self.preset.digital.cycle_ns);
        ledger.time(stage, cycle, &[times("cycles of the lanes", cycles)])
    }

    /// Cycles of operators on the lanes of one tile; matrices and gathers have none.
    pub(super) fn digital(
        &self,
        kind: &OpKind,
        ledger: &mut impl Ledger,
        work: &mut OpWork,
    ) -> f64 {
        match *kind {
            OpKind::DynamicProduct {
                macs,
                outputs,
                operand,
                activation_bits,
            } => {
                let recipe = Recipe {
                    multiplications: 1.0,
                    ..Recipe::default()
                };
                // Sums of products are kept in 32 bits.
                let sums = times("32-bit additions", macs as f64);
                self.charge_additions(&[sums], ledger);
                let operands = f64::from(operand.count)
                    * f64::from(operand.rows)
                    * (f64::from(operand.cols) + f64::from(operand.vectors));
                let values = [operands, f64::from(outputs)];
                self.lanes(macs as f64, recipe, values, activation_bits, ledger, work)
            }
            OpKind::Elementwise {
                function,
                elements,
                activation_bits,
            } => {
                let elements = f64::from(elements);
                let values = [elements, elements];
                let recipe = recipe(function);
                self.lanes(elements, recipe, values, activation_bits, ledger, work)
            }
            OpKind::Normalisation {
                vectors,
                width,
                activation_bits,
            } => {
                // Mean, deviation, square, scale, gain and shift: three additions and two products.
                let recipe = Recipe {
                    multiplications: 0.4,
                    additions: 0.6,
                    ..Recipe::default()
                };
                let elements = f64::from(vectors) * f64::from(width);
                let values = [elements, elements];
                let operations = 5.0 * elements;
                self.lanes(operations, recipe, values, activation_bits, ledger, work)
            }
            OpKind::StaticMvm { .. } | OpKind::EmbeddingGather { .. } => 0.0,
        }
    }

    /// Cycles of `operations` on the lanes of a tile, which read and write so many values.
    fn lanes(
        &self,
        operations: f64,
        recipe: Recipe,
        [read, written]: [f64; 2],
        bits: u8,
        ledger: &mut impl Ledger,
        work: &mut OpWork,
    ) -> f64 {
        let table = &self.preset.digital;
        let bytes = f64::from(bits) / 8.0;
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
        self.charge_movement((read + written) * f64::from(bits), ledger);
        work.input_bits = read * f64::from(bits);
        ceil(operations / f64::from(table.lanes_per_tile))
    }

    fn charge_additions(&self, factors: &[Factor], ledger: &mut impl Ledger) {
        let addition = unit("digital.add-32bit-pj", self.preset.digital.add_32bit_pj);
        ledger.charge(Component::Digital, addition, factors);
    }
}

fn recipe(function: ElementwiseFunction) -> Recipe {
    let none = Recipe::default();
    match function {
        // A comparison is a subtraction whose sign is kept.
        ElementwiseFunction::Relu | ElementwiseFunction::Add => Recipe {
            additions: 1.0,
            ..none
        },
        ElementwiseFunction::Multiply => Recipe {
            multiplications: 1.0,
            ..none
        },
        ElementwiseFunction::Sigmoid => Recipe {
            sigmoids: 1.0,
            ..none
        },
        ElementwiseFunction::Softmax => Recipe {
            exponentials: 1.0,
            multiplications: 1.0,
            additions: 1.0,
            ..none
        },
    }
}
