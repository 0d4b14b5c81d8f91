//! The cost of a co-design: matrices on a ReRAM chip, embedding tables in DRAM.

use crate::{
    component::{ALL, Component},
    cost::{Breakdown, ComponentCost, Cost, CostModel, CostSummary},
    design::{Hardware, MemoryStandard},
    dram::{DramStandard, Gather, active_surplus_mw, pim_area_um2, standby_mw},
    explanation::Explanation,
    ledger::{Books, Charges, Ledger, Sums, Total, times, unit},
    priced::Priced,
    reram::{Chip, Mesh, OpWork, ReramPreset, Stages},
    schedule::Schedule,
    workload::{OpKind, Workload},
};

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
        let mut books = Books::<Charges>::default();
        self.price(workload, hardware, &mut books);
        Explanation {
            energy_pj: books.energy_pj.charges,
            area_um2: books.area_um2.charges,
            power_mw: books.power_mw.charges,
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
            let host = &gather.host;
            let combining = chip.combining(host.macs, host.values, host.widest, ledger);
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

    fn price<L: Ledger>(
        &self,
        workload: &Workload,
        hardware: &Hardware,
        books: &mut Books<L>,
    ) -> Priced {
        let energy = &mut books.energy_pj;
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
        self.charge_area(&chip, hardware, tiles, &mut books.area_um2);
        chip.charge_power(tiles, &mut books.power_mw);
        let peak_power_mw = books.power_mw.total();
        let latency = times("ns", schedule.latency_ns);
        let before = energy.total();
        energy.charge(
            Component::Leakage,
            unit("leakage.fraction", self.reram.leakage.fraction),
            &[times("mW of all units", peak_power_mw), latency],
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
            peak_power_mw,
            static_mw: self.reram.leakage.fraction * peak_power_mw + standby_mw.unwrap_or_default(),
            leakage_pj,
            energy_pj: energy.total(),
            area_um2: books.area_um2.total(),
            standby_pj: energy.total() - before - leakage_pj,
            works,
            placement,
            schedule,
        }
    }
}

impl CostModel for PimCostModel {
    fn summary(&self, workload: &Workload, hardware: &Hardware) -> CostSummary {
        let mut books = Books::<Total>::default();
        self.price(workload, hardware, &mut books).summary()
    }

    fn cost(&self, workload: &Workload, hardware: &Hardware) -> Cost {
        let mut books = Books::<Sums>::default();
        let priced = self.price(workload, hardware, &mut books);
        let summary = priced.summary();
        let components = ALL
            .iter()
            .map(|&component| ComponentCost {
                component: component.name(),
                energy_pj: books.energy_pj.by_component.get(component),
                area_um2: books.area_um2.by_component.get(component),
            })
            .filter(|cost| cost.energy_pj != 0.0 || cost.area_um2 != 0.0)
            .collect();
        let endurance = self.reram.write.as_ref().map(|table| table.endurance);
        Cost {
            summary,
            figures: priced.figures(workload, &summary, endurance),
            breakdown: Breakdown {
                components,
                critical_path: priced.schedule.critical_path(workload),
                ops: priced.ops(workload),
            },
        }
    }
}
