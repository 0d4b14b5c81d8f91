//! The cost of a co-design: matrices on a ReRAM chip, embedding tables in DRAM.

use crate::{
    component::Component,
    cost::{Breakdown, Cost, CostModel, CostSummary},
    design::{Hardware, MemoryStandard},
    dram::{
        Combining, DramStandard, FieldLaws, Gather, MemorySystem, Popularity, RowCache,
        active_surplus_mw, pim_area_um2, standby_mw,
    },
    explanation::Explanation,
    ledger::{Books, Charges, Ledger, Sums, Total, table_of, times, unit},
    priced::Priced,
    reram::{Chip, Copies, Mesh, OpWork, ReramPreset, Stages},
    schedule::Schedule,
    workload::{EmbeddingTable, OpKind, Workload},
};

/// Prices networks whose matrices lie on a ReRAM chip and whose embedding tables lie in DRAM, in the
/// chip's crossbars or in a published memory system.
///
/// The chip is sized to the network: as many tiles as its matrices need. An inference takes as long
/// as the longest path through the operators; throughput is that of the busiest operator, all
/// others working on neighbouring inferences meanwhile.
#[derive(Debug, Clone, PartialEq)]
pub struct PimCostModel {
    reram: ReramPreset,
    /// Tables of the memory standards, in the order of their numbers.
    standards: Vec<DramStandard>,
    /// The cache that a memory may have, and what it knows of the tables.
    cache: RowCache,
    laws: FieldLaws,
}

impl PimCostModel {
    /// A model with this chip and the built-in memory standards.
    pub fn new(reram: ReramPreset) -> Self {
        let standards = MemoryStandard::ALL.into_iter();
        Self {
            reram,
            standards: standards.filter_map(DramStandard::preset).collect(),
            cache: RowCache::edram(),
            laws: FieldLaws::default(),
        }
    }

    /// The model of tables whose rows are asked for so, one popularity per table of a gather; they count
    /// where a design has a cache, tables in crossbars or a published memory system. Gathers of another
    /// number of tables are taken to be asked for as Criteo's largest are: by the law of Zipf and
    /// Mandelbrot with exponent 1.10 and shift 5.
    #[must_use]
    pub fn with_popularities(mut self, popularities: Vec<Popularity>) -> Self {
        self.laws = FieldLaws::new(popularities);
        self
    }

    /// The same model, faster for gathers whose table number `field` is one of `tables`: what caches
    /// need of them is tabulated. Full tables need nothing.
    #[must_use]
    pub fn with_tables(mut self, field: usize, tables: &[EmbeddingTable]) -> Self {
        for table in tables {
            self.laws.tabulate(field, table);
        }
        self
    }

    /// The model with ISAAC's chip.
    pub fn isaac() -> Self {
        Self::new(ReramPreset::isaac())
    }

    /// The chip's preset.
    pub fn chip(&self) -> &ReramPreset {
        &self.reram
    }

    /// Every charge of energy, time, area and power of a design, as a number of a table times a count, what sets
    /// its throughput, and what does not fit.
    pub fn explain(&self, workload: &Workload, hardware: &Hardware) -> Explanation {
        let mut books = Books::<Charges>::default();
        let priced = self.price(workload, hardware, &mut books);
        Explanation {
            energy_pj: books.energy_pj.charges,
            latency_ns: books.energy_pj.times,
            area_um2: books.area_um2.charges,
            power_mw: books.power_mw.charges,
            busiest: priced.busiest(),
            violations: priced.violations(workload),
        }
    }

    /// Where the numbers of a [`Charge`](crate::Charge)'s key come from: by key or, for all others of a table, by
    /// table. Memories of one system that have their own are told in one text.
    pub fn sources(&self, key: &str, hardware: &Hardware) -> Vec<(String, String)> {
        let table = table_of(key);
        let of_chip = self.reram.sources(key);
        let system = hardware.memory.system.system();
        // Chips have links, too, which are told by power.
        let is_of_chip = system.is_none() || table != "link" || key.contains("power");
        if is_of_chip && !of_chip.is_empty() {
            return of_chip;
        }
        if let Some(system) = system {
            return system.sources(key);
        }
        let standard = self.standard(hardware.memory.standard);
        let of_standard = standard.map_or_else(Vec::new, |standard| standard.sources(key));
        if !of_standard.is_empty() {
            return of_standard;
        }
        let of_cache = self.cache.source(table).unwrap_or_default();
        vec![(table.to_owned(), of_cache.to_owned())]
    }

    /// The table of a memory standard; the chip's crossbars have none.
    fn standard(&self, standard: MemoryStandard) -> Option<&DramStandard> {
        self.standards.get(standard as usize)
    }

    /// The work of all operators, one after another.
    fn works<L: Ledger>(
        &self,
        workload: &Workload,
        hardware: &Hardware,
        (chip, copies): (&Chip<'_>, &Copies),
        ledger: &mut L,
    ) -> Vec<OpWork> {
        let mut works = vec![OpWork::default(); workload.ops().len()];
        for (index, (op, work)) in workload.ops().iter().zip(&mut works).enumerate() {
            let before = ledger.total();
            ledger.begin(Some(index));
            match &op.kind {
                OpKind::EmbeddingGather { tables } => {
                    *work = self.gather(tables, hardware, chip, ledger);
                }
                kind => chip.work((index, kind), copies, ledger, work),
            }
            if L::BY_OPERATOR {
                work.energy_pj = ledger.total() - before;
            }
        }
        works
    }

    /// The work of a gather: the memory's, and what the host combines on the lanes of a tile. Ranks
    /// take more than standby meanwhile.
    // Among the operators of the chip this one would take registers that they need.
    #[inline(never)]
    fn gather(
        &self,
        tables: &[EmbeddingTable],
        hardware: &Hardware,
        chip: &Chip<'_>,
        ledger: &mut impl Ledger,
    ) -> OpWork {
        if let Some(system) = hardware.memory.system.system() {
            return self.system_gather(system, tables, chip, ledger);
        }
        let Some(standard) = self.standard(hardware.memory.standard) else {
            return chip.lookups(tables, &self.laws, ledger);
        };
        let cache = (&self.cache, &self.laws);
        let gather = Gather::new(standard, &hardware.memory, tables, cache, ledger);
        let surplus_mw = active_surplus_mw(standard, &hardware.memory);
        ledger.charge(
            Component::DramBackground,
            unit("energy.(active - idle)-mw, all ranks", surplus_mw),
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
        combine(&gather.host, chip, &mut work, ledger);
        work
    }

    /// The work of a gather on a memory system. Rows of compressed tables are combined in the units if every
    /// memory has some that tell a rate, otherwise on the lanes of a tile.
    fn system_gather(
        &self,
        system: &MemorySystem,
        tables: &[EmbeddingTable],
        chip: &Chip<'_>,
        ledger: &mut impl Ledger,
    ) -> OpWork {
        let gather = system.gather(&self.laws.gathers(tables), ledger);
        let combining = Combining::of(tables);
        let mut work = OpWork {
            stages: gather.stages,
            interval_ns: gather.interval_ns,
            violation: gather.violation,
            ..OpWork::default()
        };
        if system.combines() {
            system.charge_operands(combining.operand_bits, ledger);
        } else {
            combine(&combining, chip, &mut work, ledger);
        }
        work
    }

    fn charge_memory_area(&self, hardware: &Hardware, ledger: &mut impl Ledger) {
        if let Some(system) = hardware.memory.system.system() {
            return system.charge_area(ledger);
        }
        if let Some(standard) = self.standard(hardware.memory.standard) {
            let area = pim_area_um2(standard, &hardware.memory);
            let units = unit("units.area-um2, all units", area);
            ledger.charge(Component::PimUnits, units, &[]);
            self.cache.charge_area(hardware.memory.cache_kb, ledger);
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
        let copies = chip.copies(workload);
        let mut works = self.works(workload, hardware, (&chip, &copies), energy);
        let placement = chip.place(&works, &copies);
        let mesh = Mesh::new(&self.reram, &hardware.chip, &placement, workload.gathers());
        let times_of = (hardware.chip.scheduling, self.reram.router.hop_ns);
        let schedule = Schedule::new(workload, &mut works, &placement, &mesh, times_of);
        for (index, (work, run)) in works.iter_mut().zip(&schedule.runs).enumerate() {
            let before = energy.total();
            energy.begin(Some(index));
            chip.charge_hops(work.input_bits, (run.hops, run.longest_hops), energy);
            if L::BY_OPERATOR {
                work.energy_pj += energy.total() - before;
            }
        }
        energy.begin(None);
        let tiles = chip.tiles(placement.pes);
        chip.charge_area(tiles, &mut books.area_um2);
        let chip_um2 = books.area_um2.total();
        self.charge_memory_area(hardware, &mut books.area_um2);
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
        let mut memory_mw = 0.0;
        if let Some(system) = hardware.memory.system.system() {
            memory_mw = system.idle_mw();
            let standby = unit("energy.idle-mw, all ranks", memory_mw);
            energy.charge(Component::DramBackground, standby, &[latency]);
        } else if let Some(standard) = self.standard(hardware.memory.standard) {
            let (standby_mw, cache_kb) = (
                standby_mw(standard, &hardware.memory),
                hardware.memory.cache_kb,
            );
            let standby = unit("energy.idle-mw, all ranks", standby_mw);
            energy.charge(Component::DramBackground, standby, &[latency]);
            self.cache.charge_static(cache_kb, latency, energy);
            memory_mw = standby_mw + self.cache.static_mw(cache_kb);
        }
        Priced {
            tiles,
            cells_per_crossbar: chip.cells_per_crossbar(),
            adc_violation: chip.violation(),
            buffer_violation: chip.buffer_violation(workload, &placement, &copies),
            peak_power_mw,
            static_mw: self.reram.leakage.fraction * peak_power_mw + memory_mw,
            leakage_pj,
            energy_pj: energy.total(),
            area_um2: books.area_um2.total(),
            chip_um2,
            standby_pj: energy.total() - before - leakage_pj,
            works,
            placement,
            schedule,
        }
    }
}

/// Rows of compressed tables combined on the lanes of a tile, after a gather.
fn combine(host: &Combining, chip: &Chip<'_>, work: &mut OpWork, ledger: &mut impl Ledger) {
    if host.macs > 0.0 {
        let combining_ns = chip.combining_ns(host.macs, host.values, host.widest, ledger);
        work.stages.reduction_ns += combining_ns;
        work.interval_ns = work.interval_ns.max(combining_ns);
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
        let components = books.components(summary.latency_ns);
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
