//! Designs, operators, tables and chips of which laws hold.

use pimento_hardware::{
    ChipDesign, Dynamic, ElementwiseFunction, EmbeddingTable, Hardware, MemoryDesign,
    MemoryStandard, OpKind, Operand, Packing, PimLevel, Readout, Scheduling, SystemChoice,
    TableStorage, cube_root,
};
use proptest::prelude::*;

prop_compose! {
    pub(crate) fn chip()(
        crossbar_rows in prop::sample::select(vec![32_u16, 64, 128, 256, 512]),
        crossbar_cols in prop::sample::select(vec![32_u16, 64, 128, 256, 512]),
        cell_bits in 1..=4_u8,
        dac_bits in 1..=4_u8,
        adc_bits in 4..=10_u8,
        crossbars_per_pe in 1..=16_u16,
        pes_per_tile in 1..=16_u16,
        replication in 1..=16_u16,
        readout in prop::sample::select(vec![Readout::RowGroups, Readout::AllRows]),
        packing in prop::sample::select(vec![Packing::Off, Packing::Shelves]),
        dynamic in prop::sample::select(vec![Dynamic::Digital, Dynamic::Crossbar, Dynamic::CrossbarAll]),
        scheduling in prop::sample::select(vec![Scheduling::Operators, Scheduling::Vectors]),
    ) -> ChipDesign {
        ChipDesign {
            crossbar_rows, crossbar_cols, cell_bits, dac_bits, adc_bits, crossbars_per_pe,
            pes_per_tile, replication, copy_tiles: 0, readout, packing, dynamic, scheduling,
        }
    }
}

prop_compose! {
    pub(crate) fn hardware()(
        chip in chip(),
        standard in prop::sample::select(vec![
            MemoryStandard::Ddr4_2400, MemoryStandard::Ddr4_3200, MemoryStandard::Hbm2,
        ]),
        pim_level in prop::sample::select(vec![
            PimLevel::Host, PimLevel::Rank, PimLevel::BankGroup, PimLevel::Bank,
        ]),
        channels in 1..=8_u16,
    ) -> Hardware {
        Hardware { chip, memory: MemoryDesign { standard, pim_level, channels, cache_kb: 0, system: SystemChoice::NONE } }
    }
}

prop_compose! {
    pub(crate) fn matrix()(
        rows in 1..700_u32, cols in 1..700_u32, vectors in 1..40_u32,
        weight_bits in 2..=16_u8, activation_bits in 2..=16_u8,
    ) -> OpKind {
        OpKind::StaticMvm { rows, cols, vectors, weight_bits, activation_bits }
    }
}

pub(crate) fn digital() -> impl Strategy<Value = OpKind> {
    let functions = prop::sample::select(vec![
        ElementwiseFunction::Softmax,
        ElementwiseFunction::Multiply,
    ]);
    prop_oneof![
        (1..8_u32, 1..200_u32, 1..200_u32, 1..40_u32, 2..=16_u8).prop_map(
            |(count, rows, cols, vectors, activation_bits)| OpKind::DynamicProduct {
                macs: u64::from(count * rows) * u64::from(cols * vectors),
                outputs: count * cols * vectors,
                operand: Operand {
                    count,
                    rows,
                    cols,
                    vectors
                },
                activation_bits,
            }
        ),
        (functions, 1..10_000_u32, 2..=16_u8).prop_map(|(function, elements, activation_bits)| {
            OpKind::Elementwise {
                function,
                elements,
                activation_bits,
            }
        }),
        (1..64_u32, 1..1000_u32, 2..=16_u8).prop_map(|(vectors, width, activation_bits)| {
            OpKind::Normalisation {
                vectors,
                width,
                activation_bits,
            }
        }),
    ]
}

prop_compose! {
    pub(crate) fn table()(
        rows in 1..2_000_000_u64, width in 1..=64_u16, bits in prop::sample::select(vec![4, 8, 16, 32]),
        storage in prop_oneof![
            Just(TableStorage::Rows),
            (2..64_u32).prop_map(|collisions| TableStorage::QuotientRemainder { collisions }),
            (1..=16_u16).prop_map(|rank| TableStorage::TensorTrain { rank, dims: [0; 3] }),
        ],
    ) -> EmbeddingTable {
        // Outer axes of at least `width` values: a cube, its first axis cut.
        let side = cube_root(u64::from(width)) as u16;
        let storage = match storage {
            TableStorage::TensorTrain { rank, .. } => TableStorage::TensorTrain {
                rank,
                dims: [width.div_ceil(side * side), side, side],
            },
            other => other,
        };
        EmbeddingTable { rows, width, bits, lookups: 1, storage }
    }
}
