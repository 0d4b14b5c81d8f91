//! A recommendation model end to end: tables in a memory system, perceptrons on a chip or a host.
//!
//! Samples of a batch follow one another through the chip. The perceptron of dense features works while
//! rows are gathered; the one over everything begins when both are done. Batches overlap: the next one
//! is gathered while this one is computed.

use serde::Serialize;

use crate::{
    cost::CostModel,
    design::{ChipDesign, Hardware, MemoryDesign, MemoryStandard, PimLevel},
    dram::{RankingModel, SystemChoice, SystemCost},
    host::Host,
    model::PimCostModel,
    queue::Load,
    workload::{ElementwiseFunction, Op, OpKind, Operand, Workload, WorkloadBuilder},
};

/// A batch through gather and perceptrons.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RecommenderCost {
    /// Samples of the batch.
    pub batch: u16,
    /// From request to the last answer.
    pub latency_ns: f64,
    /// Until the next batch can begin.
    pub interval_ns: f64,
    /// Samples per second, batch after batch.
    pub samples_per_s: f64,
    /// Energy of a sample, standby included.
    pub energy_pj: f64,
    /// Power, batch after batch.
    pub power_mw: f64,
    /// Area of the chip and of the memory's processing units.
    pub area_um2: f64,
    /// `embeddings` or `perceptrons`: what sets the throughput.
    pub bottleneck: &'static str,
    /// The perceptrons.
    pub dense: Dense,
    /// The gather of a batch.
    pub gather: SystemCost,
}

/// Perceptrons on a chip or a host.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Dense {
    /// One sample through all of them.
    pub latency_ns: f64,
    /// One sample through the perceptron of dense features.
    pub bottom_ns: f64,
    /// From sample to sample.
    pub interval_ns: f64,
    /// Before each batch.
    pub launch_ns: f64,
    /// Energy of a sample.
    pub energy_pj: f64,
    /// Area; 0 on a host.
    pub area_um2: f64,
}

impl RecommenderCost {
    /// The cost of `model` whose gather costs `gather`, with perceptrons of so many bits on a chip;
    /// absent where the model tells no perceptrons.
    pub fn on_chip(
        model: &RankingModel,
        gather: SystemCost,
        chip: &PimCostModel,
        sizes: ChipDesign,
        bits: u8,
    ) -> Option<Self> {
        let hardware = Hardware {
            chip: sizes,
            // The chip has no memory of its own beside it.
            memory: MemoryDesign {
                standard: MemoryStandard::Reram,
                pim_level: PimLevel::Host,
                channels: 1,
                cache_kb: 0,
                system: SystemChoice::NONE,
            },
        };
        let (all, bottom) = perceptrons(model, bits)?;
        let summary = chip.summary(&all, &hardware);
        let bottom_ns = if bottom.ops().is_empty() {
            0.0
        } else {
            chip.summary(&bottom, &hardware).latency_ns
        };
        let dense = Dense {
            latency_ns: summary.latency_ns,
            bottom_ns,
            interval_ns: 1e9 / summary.throughput_per_s,
            launch_ns: 0.0,
            energy_pj: summary.energy_pj,
            area_um2: summary.area_um2,
        };
        Some(Self::new(gather, dense))
    }

    /// The same with the perceptrons on a host.
    pub fn on_host(model: &RankingModel, gather: SystemCost, host: &Host) -> Option<Self> {
        let (all, bottom) = perceptrons(model, 32)?;
        let macs = |workload: &Workload| workload.ops().iter().map(Op::macs).sum::<u64>() as f64;
        let (all, bottom) = (macs(&all), macs(&bottom));
        let batch = f64::from(gather.batch);
        let working_ns = host.batch_ns(all, batch) / batch;
        let dense = Dense {
            latency_ns: host.batch_ns(all, 1.0),
            bottom_ns: bottom / host.macs_per_ns,
            interval_ns: all / host.macs_per_ns,
            launch_ns: host.launch_ns,
            energy_pj: 1e3 * host.power_w * working_ns,
            area_um2: 0.0,
        };
        Some(Self::new(gather, dense))
    }

    fn new(gather: SystemCost, dense: Dense) -> Self {
        let batch = f64::from(gather.batch);
        let dense_ns = dense.launch_ns + batch * dense.interval_ns;
        let interval_ns = gather.interval_ns.max(dense_ns);
        let latency_ns = gather.latency_ns.max(dense.bottom_ns)
            + (batch - 1.0) * dense.interval_ns
            + (dense.latency_ns - dense.bottom_ns);
        // Memories stand by while they wait.
        let waiting = interval_ns - gather.interval_ns;
        let gather_pj = gather.energy_pj + waiting * gather.standby_mw;
        let energy_pj = gather_pj / batch + dense.energy_pj;
        Self {
            batch: gather.batch,
            latency_ns,
            interval_ns,
            samples_per_s: batch * 1e9 / interval_ns,
            energy_pj,
            power_mw: energy_pj * batch / interval_ns,
            area_um2: gather.area_um2 + dense.area_um2,
            bottleneck: if gather.interval_ns >= dense_ns {
                "embeddings"
            } else {
                "perceptrons"
            },
            dense,
            gather,
        }
    }

    /// Waiting under so many samples per second, which come at random in full batches.
    pub fn load(&self, samples_per_s: f64) -> Load {
        let batch = f64::from(self.batch);
        let batches_per_s = self.samples_per_s / batch;
        Load::new(self.latency_ns, batches_per_s, samples_per_s / batch)
    }
}

/// Both perceptrons with what joins them, and that of dense features alone.
fn perceptrons(model: &RankingModel, bits: u8) -> Option<(Workload, Workload)> {
    let top = model.top();
    if top.is_empty() {
        return None;
    }
    let bottom: Vec<u32> = model.bottom().iter().copied().map(u32::from).collect();
    let mut only_bottom = WorkloadBuilder::with_capacity(2 * bottom.len());
    perceptron(&mut only_bottom, 0, &bottom, bits, None);
    let mut all = WorkloadBuilder::with_capacity(2 * (bottom.len() + top.len()) + 1);
    let mut last = perceptron(&mut all, 0, &bottom, bits, None);
    if let Some((vectors, width)) = model.pairs() {
        let outputs = vectors * (vectors - 1) / 2;
        let kind = OpKind::DynamicProduct {
            macs: u64::from(outputs) * u64::from(width),
            outputs,
            operand: Operand {
                count: 1,
                rows: width,
                cols: vectors,
                vectors,
            },
            activation_bits: bits,
        };
        let inputs: Vec<u16> = last.into_iter().collect();
        last = Some(all.push(1, "interaction", kind, &inputs));
    }
    perceptron(&mut all, 2, &top, bits, last);
    Some((all.build(), only_bottom.build()))
}

/// Appends the layers of a perceptron of these widths, its inputs first; the last operator.
fn perceptron(
    workload: &mut WorkloadBuilder,
    block: u16,
    widths: &[u32],
    bits: u8,
    mut last: Option<u16>,
) -> Option<u16> {
    for pair in widths.windows(2) {
        let kind = OpKind::StaticMvm {
            rows: pair[0],
            cols: pair[1],
            vectors: 1,
            weight_bits: bits,
            activation_bits: bits,
        };
        let inputs: Vec<u16> = last.into_iter().collect();
        let product = workload.push(block, "fc", kind, &inputs);
        let function = if pair[1] == 1 {
            ElementwiseFunction::Sigmoid
        } else {
            ElementwiseFunction::Relu
        };
        let kind = OpKind::Elementwise {
            function,
            elements: pair[1],
            activation_bits: bits,
        };
        last = Some(workload.push(block, "activation", kind, &[product]));
    }
    last
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dram::{Gathers, MemorySystem};

    fn cost(batch: u16) -> RecommenderCost {
        let model = RankingModel::preset("rm1").expect("built in");
        let system = MemorySystem::preset("host")
            .expect("built in")
            .with_batch(batch);
        let gathers = Gathers::by_law(&model.tables(32), model.law());
        let chip = PimCostModel::isaac();
        let sizes = chip.chip().sizes();
        RecommenderCost::on_chip(&model, system.cost(&gathers), &chip, sizes, 8)
            .expect("perceptrons")
    }

    #[test]
    fn embeddings_and_perceptrons_overlap() {
        let cost = cost(1);
        assert_eq!(cost.bottleneck, "embeddings");
        let top_ns = cost.dense.latency_ns - cost.dense.bottom_ns;
        let longer = cost.gather.latency_ns.max(cost.dense.bottom_ns);
        assert!((cost.latency_ns - longer - top_ns).abs() < 1e-6);
        assert_eq!(cost.interval_ns, cost.gather.interval_ns);
        assert!(cost.area_um2 > 0.0 && cost.energy_pj > cost.dense.energy_pj);
    }

    #[test]
    fn energy_times_rate_is_power() {
        for batch in [1, 64] {
            let cost = cost(batch);
            let power_mw = cost.energy_pj * cost.samples_per_s * 1e-9;
            assert!((cost.power_mw / power_mw - 1.0).abs() < 1e-9);
        }
    }

    /// MicroRec's small model on its host: 1.016 million MACs a sample.
    #[test]
    fn a_host_starts_once_per_batch() {
        let model = RankingModel::preset("microrec-small").expect("built in");
        let host = Host::preset("xeon-e5-2686-v4").expect("built in");
        let cost = |batch| {
            let system = MemorySystem::preset("host")
                .expect("built in")
                .with_batch(batch);
            let gathers = Gathers::by_law(&model.tables(32), model.law());
            RecommenderCost::on_host(&model, system.cost(&gathers), &host).expect("perceptrons")
        };
        let (one, many) = (cost(1), cost(2048));
        assert!((one.dense.interval_ns * 146.5 / 1.016e6 - 1.0).abs() < 0.01);
        assert_eq!(
            (one.bottleneck, many.bottleneck),
            ("perceptrons", "perceptrons")
        );
        assert!(many.samples_per_s > 100.0 * one.samples_per_s);
        assert!(many.energy_pj < 0.02 * one.energy_pj);
    }

    #[test]
    fn load_makes_answers_later() {
        let cost = cost(4);
        let half = cost.load(0.5 * cost.samples_per_s);
        assert!((half.share() - 0.5).abs() < 1e-12);
        assert!(half.quantile_ns(0.99) > cost.latency_ns);
    }
}
