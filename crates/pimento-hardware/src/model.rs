//! The cost of a co-design: matrices on a ReRAM chip, embedding tables in DRAM.

use crate::{
    component::{ALL, Component},
    cost::{Breakdown, ComponentCost, Cost, CostModel, CostSummary, Figures, OpCost},
    design::{Dynamic, Hardware, MemoryStandard},
    dram::{DramStandard, Gather, active_surplus_mw, pim_area_um2, standby_mw},
    explanation::Explanation,
    ledger::{Charges, Ledger, Sums, Total, times, unit},
    reram::{Chip, Mesh, Node, OpWork, Placement, ReramPreset, Stages},
    schedule::Schedule,
    workload::{OpKind, Operand, Workload},
};

/// Widest fixed-point format of the chip's lanes.
const MAX_BITS: u8 = 16;

/// Prices networks whose matrices lie on a ReRAM chip and whose embedding tables lie in DRAM.
///
/// The chip is sized to the network: as many tiles as its matrices need. An inference takes as long
/// as the longest path through the operators; throughput is that of the busiest operator, all
/// others working on neighbouring inferences meanwhile.
#[derive(Debug, Clone, PartialEq)]
pub struct PimCostModel {
    reram: ReramPreset,
    ddr4_2400: DramStandard,
    ddr4_3200: DramStandard,
    hbm2: DramStandard,
}

impl PimCostModel {
    /// A model with this chip and the built-in memory standards.
    pub fn new(reram: ReramPreset) -> Self {
        let standard = |standard| DramStandard::preset(standard).expect("a memory with a table");
        Self {
            reram,
            ddr4_2400: standard(MemoryStandard::Ddr4_2400),
            ddr4_3200: standard(MemoryStandard::Ddr4_3200),
            hbm2: standard(MemoryStandard::Hbm2),
        }
    }

    /// The model with ISAAC's chip.
    pub fn isaac() -> Self {
        Self::new(ReramPreset::isaac())
    }

    /// The chip's preset.
    pub fn chip(&self) -> &ReramPreset {
        &self.reram
    }

    /// Every charge of energy, area and power of a design, as a number of a table times a count.
    pub fn explain(&self, workload: &Workload, hardware: &Hardware) -> Explanation {
        let mut energy = Charges::default();
        let priced = self.price(workload, hardware, &mut energy);
        let chip = Chip::new(&self.reram, &hardware.chip);
        let (mut area, mut power) = (Charges::default(), Charges::default());
        self.charge_area(&chip, hardware, priced.tiles, &mut area);
        chip.charge_power(priced.tiles, &mut power);
        Explanation {
            energy_pj: energy.charges,
            area_um2: area.charges,
            power_mw: power.charges,
        }
    }

    /// Where a number comes from, by its key in a [`Charge`](crate::Charge).
    pub fn source(&self, key: &str, hardware: &Hardware) -> &str {
        let table = key.trim_start_matches('(');
        let table = table.split_once('.').map_or(table, |(table, _)| table);
        let of_memory = || {
            self.standard(hardware.memory.standard)
                .map(|standard| &*standard.source)
        };
        let of_chip = self.reram.source(table);
        of_chip.or_else(of_memory).unwrap_or_default()
    }

    /// The table of a memory standard; the chip's crossbars have none.
    fn standard(&self, standard: MemoryStandard) -> Option<&DramStandard> {
        match standard {
            MemoryStandard::Ddr4_2400 => Some(&self.ddr4_2400),
            MemoryStandard::Ddr4_3200 => Some(&self.ddr4_3200),
            MemoryStandard::Hbm2 => Some(&self.hbm2),
            MemoryStandard::Reram => None,
        }
    }

    /// The work of all operators, one after another.
    fn works(
        &self,
        workload: &Workload,
        hardware: &Hardware,
        chip: &Chip<'_>,
        ledger: &mut impl Ledger,
    ) -> Vec<OpWork> {
        let copies = chip.copies(workload);
        let ops = workload.ops().iter().enumerate();
        ops.map(|(index, op)| {
            ledger.begin(Some(index));
            match &op.kind {
                OpKind::EmbeddingGather { .. } => self.gather(&op.kind, hardware, chip, ledger),
                kind => chip.work(kind, copies.of(index, kind), ledger),
            }
        })
        .collect()
    }

    /// The work of a gather: the memory's, and what the host combines on the lanes of a tile. Ranks
    /// take more than standby meanwhile.
    fn gather(
        &self,
        kind: &OpKind,
        hardware: &Hardware,
        chip: &Chip<'_>,
        ledger: &mut impl Ledger,
    ) -> OpWork {
        let OpKind::EmbeddingGather { tables } = kind else {
            return OpWork::default();
        };
        let before = ledger.total();
        let Some(standard) = self.standard(hardware.memory.standard) else {
            return chip.lookups(tables, ledger);
        };
        let gather = Gather::new(standard, &hardware.memory, tables, ledger);
        let surplus_mw = active_surplus_mw(standard, &hardware.memory);
        ledger.charge(
            Component::DramBackground,
            unit("active above idle standby, mW", surplus_mw),
            &[times("ns", gather.interval_ns)],
        );
        let mut work = OpWork {
            stages: Stages {
                working_ns: gather.reading_ns,
                reduction_ns: gather.combining_ns,
                ..Stages::default()
            },
            interval_ns: gather.interval_ns,
            violation: gather.violation,
            ..OpWork::default()
        };
        if gather.host.macs > 0.0 {
            let combining = OpKind::DynamicProduct {
                macs: gather.host.macs as u64,
                outputs: gather.host.values as u32,
                operand: Operand::default(),
                activation_bits: gather.host.widest.min(MAX_BITS),
            };
            let combining = chip.digital(&combining, ledger);
            work.stages.reduction_ns += combining.stages.latency_ns();
            work.interval_ns = work.interval_ns.max(combining.interval_ns);
        }
        work.energy_pj = ledger.total() - before;
        work
    }

    fn charge_area(
        &self,
        chip: &Chip<'_>,
        hardware: &Hardware,
        tiles: f64,
        ledger: &mut impl Ledger,
    ) {
        chip.charge_area(tiles, ledger);
        if let Some(standard) = self.standard(hardware.memory.standard) {
            let area = pim_area_um2(standard, &hardware.memory);
            let units = unit("pim-unit-area-um2, all units", area);
            ledger.charge(Component::PimUnits, units, &[]);
        }
    }

    fn price(&self, workload: &Workload, hardware: &Hardware, energy: &mut impl Ledger) -> Priced {
        let chip = Chip::new(&self.reram, &hardware.chip);
        let mut works = self.works(workload, hardware, &chip, energy);
        let placement = chip.place(&works);
        let mesh = Mesh::new(&self.reram, &hardware.chip);
        let hop_ns = self.reram.router.hop_ns;
        let schedule = Schedule::new(
            workload,
            &mut works,
            &placement,
            &mesh,
            hardware.chip.scheduling,
            |op, work, route| {
                if route.longest == 0.0 {
                    return;
                }
                let before = energy.total();
                energy.begin(Some(op));
                chip.charge_hops(work.input_bits, route.mean, energy);
                work.energy_pj += energy.total() - before;
                work.stages.transfer_ns += route.longest * hop_ns;
            },
        );
        energy.begin(None);
        let tiles = chip.tiles(placement.pes);
        let mut power = Total::default();
        chip.charge_power(tiles, &mut power);
        let latency = times("ns", schedule.latency_ns);
        let before = energy.total();
        energy.charge(
            Component::Leakage,
            unit("leakage.fraction", self.reram.leakage.fraction),
            &[times("mW of all units", power.total()), latency],
        );
        let leakage_pj = energy.total() - before;
        let standard = self.standard(hardware.memory.standard);
        let standby_mw = standard.map(|standard| standby_mw(standard, &hardware.memory));
        if let Some(standby_mw) = standby_mw {
            let standby = unit("idle standby, mW", standby_mw);
            energy.charge(Component::DramBackground, standby, &[latency]);
        }
        Priced {
            tiles,
            chip_violation: chip.violation(),
            peak_power_mw: power.total(),
            static_mw: self.reram.leakage.fraction * power.total() + standby_mw.unwrap_or_default(),
            leakage_pj,
            energy_pj: energy.total(),
            standby_pj: energy.total() - before - leakage_pj,
            works,
            placement,
            schedule,
        }
    }

    fn summarise(
        &self,
        priced: &Priced,
        hardware: &Hardware,
        area: &mut impl Ledger,
    ) -> CostSummary {
        let chip = Chip::new(&self.reram, &hardware.chip);
        self.charge_area(&chip, hardware, priced.tiles, area);
        let (latency_ns, interval_ns) = (priced.schedule.latency_ns, priced.schedule.interval_ns);
        let per = |figure: f64, time_ns: f64| if time_ns > 0.0 { figure / time_ns } else { 0.0 };
        let violations = priced.works.iter().map(|work| work.violation);
        CostSummary {
            latency_ns,
            energy_pj: priced.energy_pj,
            area_um2: area.total(),
            power_mw: per(priced.energy_pj, latency_ns),
            throughput_per_s: per(1e9, interval_ns),
            violation: violations.fold(priced.chip_violation, |sum, violation| sum + violation),
        }
    }

    fn figures(
        &self,
        workload: &Workload,
        hardware: &Hardware,
        priced: &Priced,
        summary: &CostSummary,
    ) -> Figures {
        let macs: u64 = workload.ops().iter().map(crate::Op::macs).sum();
        let operations = 2.0 * macs as f64;
        let writes = priced.works.iter().any(|work| work.writes);
        let endurance = self.reram.write.as_ref().map(|table| table.endurance);
        debug_assert!(!writes || hardware.chip.dynamic == Dynamic::Crossbar);
        let one_by_one = priced.works.iter().map(|work| work.stages.latency_ns());
        Figures {
            macs,
            energy_delay_pj_ns: summary.energy_pj * summary.latency_ns,
            tops: operations * summary.throughput_per_s / 1e12,
            tops_per_w: operations / summary.energy_pj.max(f64::MIN_POSITIVE),
            tops_per_mm2: operations * summary.throughput_per_s / 1e12 / (summary.area_um2 / 1e6),
            tiles: priced.tiles as u32,
            one_by_one_ns: one_by_one.sum(),
            crossbar_utilisation: priced.crossbar_utilisation(),
            static_mw: priced.static_mw,
            peak_power_mw: priced.peak_power_mw,
            lifetime_inferences: endurance.filter(|_| writes),
        }
    }
}

impl CostModel for PimCostModel {
    fn summary(&self, workload: &Workload, hardware: &Hardware) -> CostSummary {
        let priced = self.price(workload, hardware, &mut Total::default());
        self.summarise(&priced, hardware, &mut Total::default())
    }

    fn cost(&self, workload: &Workload, hardware: &Hardware) -> Cost {
        let (mut energy, mut area) = (Sums::default(), Sums::default());
        let priced = self.price(workload, hardware, &mut energy);
        let summary = self.summarise(&priced, hardware, &mut area);
        let components = ALL
            .iter()
            .map(|&component| ComponentCost {
                component: component.name(),
                energy_pj: energy.by_component.get(component),
                area_um2: area.by_component.get(component),
            })
            .filter(|cost| cost.energy_pj != 0.0 || cost.area_um2 != 0.0)
            .collect();
        Cost {
            summary,
            figures: self.figures(workload, hardware, &priced, &summary),
            breakdown: Breakdown {
                components,
                critical_path: priced.schedule.critical_path(workload),
                ops: priced.ops(workload),
            },
        }
    }
}

/// Everything about a priced design.
struct Priced {
    works: Vec<OpWork>,
    placement: Placement,
    schedule: Schedule,
    tiles: f64,
    chip_violation: f64,
    energy_pj: f64,
    leakage_pj: f64,
    standby_pj: f64,
    static_mw: f64,
    peak_power_mw: f64,
}

impl Priced {
    /// Share of the crossbars that work, in the mean over the inference.
    fn crossbar_utilisation(&self) -> f64 {
        let (mut busy, mut all) = (0.0, 0.0);
        for work in &self.works {
            let crossbars = f64::from(work.crossbars);
            busy += crossbars * work.stages.working_ns;
            all += crossbars;
        }
        if all > 0.0 {
            busy / (all * self.schedule.latency_ns)
        } else {
            0.0
        }
    }

    /// The tile of an operator; the first one for what is not on the chip.
    fn tile(&self, op: usize) -> u32 {
        match self.schedule.runs[op].node {
            Node::MEMORY => 0,
            node => node.tile,
        }
    }

    /// The share of every operator: leakage goes by crossbars, standby to the gather. Where there is
    /// nobody to take a share, the last operator does.
    fn ops(&self, workload: &Workload) -> Vec<OpCost> {
        let ops = workload.ops();
        let is_gather = |kind: &OpKind| matches!(kind, OpKind::EmbeddingGather { .. });
        let gathers = ops.iter().filter(|op| is_gather(&op.kind)).count();
        let crossbars: u32 = self.works.iter().map(|work| work.crossbars).sum();
        let works = self.works.iter().zip(&self.placement.sites);
        let mut costs = Vec::with_capacity(ops.len());
        for (index, (op, (work, site))) in ops.iter().zip(works).enumerate() {
            let is_last = index + 1 == ops.len();
            let leakage_share = match crossbars {
                0 => f64::from(u8::from(is_last)),
                all => f64::from(work.crossbars) / f64::from(all),
            };
            let standby_share = match gathers {
                0 => f64::from(u8::from(is_last)),
                _ if is_gather(&op.kind) => 1.0 / gathers as f64,
                _ => 0.0,
            };
            let run = &self.schedule.runs[index];
            costs.push(OpCost {
                block: op.block,
                layer: op.layer,
                start_ns: run.start_ns,
                latency_ns: run.end_ns - run.start_ns,
                stages: work.stages,
                interval_ns: work.interval_ns,
                energy_pj: work.energy_pj
                    + leakage_share * self.leakage_pj
                    + standby_share * self.standby_pj,
                crossbars: work.crossbars,
                first_crossbar: site.first_crossbar,
                tile: self.tile(index),
                utilisation: work.utilisation,
            });
        }
        costs
    }
}
