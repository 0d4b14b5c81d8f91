//! A design and everything that its price says.

use std::path::Path;

use pimento_hardware::{
    AccessBins, Cost, CostModel, Explanation, Hardware, OpCost, OpKind, PimCostModel, Workload,
};
use pimento_space::lower;

use crate::{
    chip::{ChipRecord, OpenChip},
    cli::CostArgs,
    design_file::DesignFile,
    error::Error,
};

/// A design on a chip, and what it costs there.
pub(crate) struct PricedDesign {
    /// The chip.
    pub(crate) chip: ChipRecord,
    /// The node that the chip's tables are written for.
    pub(crate) published_node_nm: f64,
    /// The sizes of the chip, and the memory.
    pub(crate) hardware: Hardware,
    /// What it costs.
    pub(crate) cost: Cost,
    /// What priced it.
    pub(crate) model: PimCostModel,
    workload: Workload,
}

impl PricedDesign {
    /// Prices the design of a file as the arguments ask.
    pub(crate) fn open(file: &Path, arguments: &CostArgs) -> Result<Self, Error> {
        let design = DesignFile::read(file)?;
        let mut hardware = design.hardware;
        let mut chip = if let Some(path) = &arguments.chip {
            let chip = OpenChip::named(path)?;
            hardware.chip = chip.preset.sizes();
            chip
        } else {
            OpenChip::recorded(&design.chip, file)?
        };
        if let Some(node_nm) = arguments.node_nm {
            chip = chip.at_node(node_nm);
        }
        let published_node_nm = chip.published_node_nm();
        let popularity = design.popularity.iter().map(AccessBins::popularity);
        let model = PimCostModel::new(chip.preset).with_popularities(popularity.collect());
        let workload = lower(&design.network, &design.table_rows);
        Ok(Self {
            chip: chip.record,
            published_node_nm,
            hardware,
            cost: model.cost(&workload, &hardware),
            model,
            workload,
        })
    }

    /// Every charge that the figures are made of.
    pub(crate) fn explain(&self) -> Explanation {
        self.model.explain(&self.workload, &self.hardware)
    }

    /// Where the numbers of a charge's key come from, by key or table.
    pub(crate) fn sources(&self, key: &str) -> Vec<(String, String)> {
        self.model.sources(key, &self.hardware)
    }

    /// The operators block by block, for people; on the chip a branch lies together whatever its blocks.
    pub(crate) fn by_block(&self) -> Vec<usize> {
        let ops = &self.cost.breakdown.ops;
        let mut by_block: Vec<usize> = (0..ops.len()).collect();
        by_block.sort_by_key(|&op| ops[op].block);
        by_block
    }

    /// What an operator computes with its matrices, if it has some.
    pub(crate) fn work(&self, op: usize) -> Option<String> {
        match self.workload.ops()[op].kind {
            OpKind::StaticMvm {
                rows,
                cols,
                vectors,
                weight_bits,
                activation_bits,
            } => Some(format!(
                "{rows} rows × {cols} columns, vectors {vectors}, weights of {weight_bits} bits, inputs of \
                 {activation_bits}"
            )),
            OpKind::DynamicProduct {
                operand,
                activation_bits,
                ..
            } => Some(format!(
                "{} × {} rows × {} columns, vectors {}, inputs of {activation_bits} bits",
                operand.count, operand.rows, operand.cols, operand.vectors
            )),
            OpKind::Elementwise { .. }
            | OpKind::Normalisation { .. }
            | OpKind::EmbeddingGather { .. } => None,
        }
    }

    /// Whether an operator decides the latency.
    pub(crate) fn is_critical(&self, op: usize) -> bool {
        self.cost.breakdown.critical_path.contains(&op)
    }
}

/// An operator's name for people.
pub(crate) fn op_name(op: &OpCost) -> String {
    format!("{}.{}", op.block, op.layer)
}
