//! Workloads, and what they cost.

use std::sync::Arc;

use pimento_hardware::{
    CostModel, EmbeddingTable, Hardware, OpKind, PimCostModel, Stream, StreamAxis, TableStorage,
    Workload, WorkloadBuilder,
};

/// A gather alone.
pub(crate) fn gather(tables: Vec<EmbeddingTable>) -> Workload {
    let tables = tables.into();
    Workload::from_iter([OpKind::EmbeddingGather { tables }])
}

/// Energy of a component.
pub(crate) fn component(workload: &Workload, hardware: &Hardware, name: &str) -> f64 {
    let cost = PimCostModel::isaac().cost(workload, hardware);
    let mut parts = cost.breakdown.components.iter();
    parts
        .find(|part| part.component == name)
        .map_or(0.0, |part| part.energy_pj)
}

/// A gather, then the operators in a row; those of several vectors give them one after the other, and
/// products value by value take them so.
pub(crate) fn listed(ops: &[OpKind]) -> WorkloadBuilder {
    let table = EmbeddingTable {
        rows: 10_000,
        width: 16,
        bits: 8,
        lookups: 1,
        storage: TableStorage::Rows,
    };
    let tables: Arc<[EmbeddingTable]> = vec![table; 26].into();
    let mut workload = WorkloadBuilder::with_capacity(ops.len() + 1);
    let mut last = workload.push(0, "embedding", OpKind::EmbeddingGather { tables }, &[]);
    for op in ops {
        let input = usize::from(last);
        last = workload.push(1, "op", op.clone(), &[last]);
        let stream = match *op {
            OpKind::StaticMvm { vectors, .. } if vectors > 1 => Some(Stream {
                axis: StreamAxis::Row,
                parts: vectors,
            }),
            OpKind::Elementwise { .. } => workload.ops()[input].stream,
            _ => None,
        };
        workload.set_stream(last, stream);
    }
    workload
}

/// The workload of these.
pub(crate) fn workload(ops: &[OpKind]) -> Workload {
    listed(ops).build()
}
