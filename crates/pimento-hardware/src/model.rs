//! The cost of a co-design: matrices on a ReRAM chip, embedding tables in DRAM.

use crate::{
    component::{ALL, ByComponent, Component},
    cost::{Breakdown, ComponentCost, Cost, CostModel, CostSummary, OpCost},
    design::{ChipDesign, Hardware, MemoryDesign, MemoryStandard, PimLevel, Readout},
    dram::{DramStandard, Gather, active_surplus_mw, pim_area_um2, standby_mw},
    reram::{Chip, OpWork, ReramPreset},
    workload::{OpKind, Workload},
};

/// Widest fixed-point format of the chip's lanes.
const MAX_BITS: u8 = 16;

/// Prices networks whose matrices lie on a ReRAM chip and whose embedding tables lie in DRAM.
///
/// The chip is sized to the network: as many tiles as its matrices need. An inference takes as long
/// as the longest path through the operators; throughput is that of the slowest operator, all
/// others working on neighbouring inferences meanwhile.
#[derive(Debug, Clone, PartialEq)]
pub struct PimCostModel {
    reram: ReramPreset,
    ddr4_2400: DramStandard,
    ddr4_3200: DramStandard,
    hbm2: DramStandard,
}

impl Hardware {
    /// The default hardware, to which networks are mapped without thought: ISAAC's sizes, and
    /// tables on one channel of DDR4-2400 read by the host.
    pub fn naive() -> Self {
        Self {
            chip: ChipDesign {
                crossbar_rows: 128,
                crossbar_cols: 128,
                cell_bits: 2,
                dac_bits: 1,
                adc_bits: 8,
                crossbars_per_pe: 8,
                pes_per_tile: 12,
                replication: 1,
                readout: Readout::RowGroups,
            },
            memory: MemoryDesign {
                standard: MemoryStandard::Ddr4_2400,
                pim_level: PimLevel::Host,
                channels: 1,
            },
        }
    }
}

impl PimCostModel {
    /// A model with this chip and the built-in memory standards.
    pub fn new(reram: ReramPreset) -> Self {
        Self {
            reram,
            ddr4_2400: DramStandard::preset(MemoryStandard::Ddr4_2400),
            ddr4_3200: DramStandard::preset(MemoryStandard::Ddr4_3200),
            hbm2: DramStandard::preset(MemoryStandard::Hbm2),
        }
    }

    /// The model with ISAAC's chip.
    pub fn isaac() -> Self {
        Self::new(ReramPreset::isaac())
    }

    fn standard(&self, standard: MemoryStandard) -> &DramStandard {
        match standard {
            MemoryStandard::Ddr4_2400 => &self.ddr4_2400,
            MemoryStandard::Ddr4_3200 => &self.ddr4_3200,
            MemoryStandard::Hbm2 => &self.hbm2,
        }
    }

    /// The work of all operators, one after another.
    fn works(&self, workload: &Workload, hardware: &Hardware, chip: &Chip<'_>) -> Vec<OpWork> {
        let standard = self.standard(hardware.memory.standard);
        workload
            .ops()
            .iter()
            .map(|op| match &op.kind {
                OpKind::EmbeddingGather { tables } => {
                    let gather = Gather::new(standard, &hardware.memory, tables);
                    let surplus = active_surplus_mw(standard, &hardware.memory);
                    gather_work(&gather, surplus, chip)
                }
                kind => chip.work(kind),
            })
            .collect()
    }

    fn price(&self, workload: &Workload, hardware: &Hardware) -> Priced {
        let chip = Chip::new(&self.reram, &hardware.chip);
        let standard = self.standard(hardware.memory.standard);
        let works = self.works(workload, hardware, &chip);
        let (starts, latency_ns) = schedule(workload, &works);
        let mut energy_pj = ByComponent::default();
        let (mut pes, mut interval_ns, mut violation) = (0, 0.0_f64, chip.violation());
        for work in &works {
            energy_pj.add_all(&work.energy_pj);
            pes += work.pes;
            interval_ns = interval_ns.max(work.interval_ns);
            violation += work.violation;
        }
        let tiles = chip.tiles(pes);
        let leakage_pj = chip.leakage_mw(tiles) * latency_ns;
        let standby_pj = standby_mw(standard, &hardware.memory) * latency_ns;
        energy_pj.add(Component::Leakage, leakage_pj);
        energy_pj.add(Component::DramBackground, standby_pj);
        let mut area_um2 = chip.area_um2(tiles);
        area_um2.add(
            Component::PimUnits,
            pim_area_um2(standard, &hardware.memory),
        );
        let total_pj = energy_pj.total();
        let summary = CostSummary {
            latency_ns,
            energy_pj: total_pj,
            area_um2: area_um2.total(),
            power_mw: if latency_ns > 0.0 {
                total_pj / latency_ns
            } else {
                0.0
            },
            throughput_per_s: if interval_ns > 0.0 {
                1e9 / interval_ns
            } else {
                0.0
            },
            violation,
        };
        Priced {
            summary,
            works,
            starts,
            energy_pj,
            area_um2,
            pes,
            leakage_pj,
            standby_pj,
        }
    }
}

impl CostModel for PimCostModel {
    fn summary(&self, workload: &Workload, hardware: &Hardware) -> CostSummary {
        self.price(workload, hardware).summary
    }

    fn cost(&self, workload: &Workload, hardware: &Hardware) -> Cost {
        let priced = self.price(workload, hardware);
        let components = ALL
            .iter()
            .map(|&component| ComponentCost {
                component: component.name(),
                energy_pj: priced.energy_pj.get(component),
                area_um2: priced.area_um2.get(component),
            })
            .filter(|cost| cost.energy_pj != 0.0 || cost.area_um2 != 0.0)
            .collect();
        let breakdown = Breakdown {
            components,
            ops: priced.ops(workload),
        };
        Cost {
            summary: priced.summary,
            breakdown,
        }
    }
}

/// Everything about a priced design.
struct Priced {
    summary: CostSummary,
    works: Vec<OpWork>,
    starts: Vec<f64>,
    energy_pj: ByComponent,
    area_um2: ByComponent,
    pes: u32,
    leakage_pj: f64,
    standby_pj: f64,
}

impl Priced {
    /// The share of every operator: leakage goes by processing elements, standby to the gather.
    /// Where there is nobody to take a share, the last operator does.
    fn ops(&self, workload: &Workload) -> Vec<OpCost> {
        let is_gather = |kind: &OpKind| matches!(kind, OpKind::EmbeddingGather { .. });
        let gathers = workload
            .ops()
            .iter()
            .filter(|op| is_gather(&op.kind))
            .count();
        let last = workload.ops().len().saturating_sub(1);
        let ops = workload
            .ops()
            .iter()
            .zip(&self.works)
            .zip(&self.starts)
            .enumerate();
        ops.map(|(index, ((op, work), &start_ns))| {
            let is_last = index == last;
            let leakage_share = match self.pes {
                0 => f64::from(u8::from(is_last)),
                pes => f64::from(work.pes) / f64::from(pes),
            };
            let standby_share = match gathers {
                0 => f64::from(u8::from(is_last)),
                _ if is_gather(&op.kind) => 1.0 / gathers as f64,
                _ => 0.0,
            };
            OpCost {
                block: op.block,
                layer: op.layer,
                start_ns,
                latency_ns: work.latency_ns,
                energy_pj: work.energy_pj.total()
                    + leakage_share * self.leakage_pj
                    + standby_share * self.standby_pj,
                crossbars: work.crossbars,
                utilisation: work.utilisation,
            }
        })
        .collect()
    }
}

/// The work of a gather: the memory's, and what the host combines on the lanes of a tile. Ranks take
/// `surplus_mw` above standby meanwhile.
fn gather_work(gather: &Gather, surplus_mw: f64, chip: &Chip<'_>) -> OpWork {
    let mut work = OpWork {
        latency_ns: gather.latency_ns,
        interval_ns: gather.interval_ns,
        energy_pj: gather.energy_pj,
        violation: gather.violation,
        ..OpWork::default()
    };
    work.energy_pj
        .add(Component::DramBackground, surplus_mw * gather.interval_ns);
    if gather.host.macs > 0.0 {
        let combining = chip.work(&OpKind::DynamicProduct {
            macs: gather.host.macs as u64,
            outputs: gather.host.values as u32,
            activation_bits: gather.host.widest.min(MAX_BITS),
        });
        work.latency_ns += combining.latency_ns;
        work.interval_ns = work.interval_ns.max(combining.interval_ns);
        work.energy_pj.add_all(&combining.energy_pj);
    }
    work
}

/// When each operator starts, and when the last one ends.
fn schedule(workload: &Workload, works: &[OpWork]) -> (Vec<f64>, f64) {
    let mut starts: Vec<f64> = Vec::with_capacity(works.len());
    let mut end = 0.0_f64;
    for (op, work) in workload.ops().iter().zip(works) {
        let inputs = workload
            .inputs_of(op)
            .iter()
            .map(|&input| usize::from(input));
        let start = inputs
            .map(|input| starts[input] + works[input].latency_ns)
            .fold(0.0, f64::max);
        starts.push(start);
        end = end.max(start + work.latency_ns);
    }
    (starts, end)
}
