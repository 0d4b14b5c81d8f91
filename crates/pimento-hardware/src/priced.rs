//! A priced design, and what its figures are.

use std::collections::BTreeMap;

use crate::{
    arithmetic::per,
    cost::{CostSummary, Figures, OpCost},
    explanation::{Busiest, OpInterval, Resource, Violation},
    reram::{OpWork, Placement},
    schedule::{Place, Schedule},
    workload::{Op, OpKind, Workload},
};

/// Everything about a priced design.
pub(crate) struct Priced {
    pub(crate) works: Vec<OpWork>,
    pub(crate) placement: Placement,
    pub(crate) schedule: Schedule,
    pub(crate) tiles: f64,
    pub(crate) cells_per_crossbar: f64,
    pub(crate) adc_violation: f64,
    pub(crate) buffer_violation: f64,
    pub(crate) energy_pj: f64,
    pub(crate) area_um2: f64,
    /// The chip's part of the area.
    pub(crate) chip_um2: f64,
    pub(crate) leakage_pj: f64,
    pub(crate) standby_pj: f64,
    pub(crate) static_mw: f64,
    pub(crate) peak_power_mw: f64,
}

impl Priced {
    /// The figures of merit.
    pub(crate) fn summary(&self) -> CostSummary {
        let (latency_ns, interval_ns) = (self.schedule.latency_ns, self.schedule.interval_ns);
        let violations = self.works.iter().map(|work| work.violation);
        let of_chip = self.adc_violation + self.buffer_violation;
        CostSummary {
            latency_ns,
            energy_pj: self.energy_pj,
            area_um2: self.area_um2,
            power_mw: per(self.energy_pj, latency_ns),
            throughput_per_s: per(1e9, interval_ns),
            violation: violations.fold(of_chip, |sum, violation| sum + violation),
        }
    }

    /// Further figures, on cells that survive `endurance` writes.
    pub(crate) fn figures(
        &self,
        workload: &Workload,
        summary: &CostSummary,
        endurance: Option<f64>,
    ) -> Figures {
        let macs: u64 = workload.ops().iter().map(Op::macs).sum();
        let operations = 2.0 * macs as f64;
        let writes = self.works.iter().any(OpWork::writes_cells);
        let one_by_one = self.works.iter().map(|work| work.stages.latency_ns());
        let tops = operations * summary.throughput_per_s / 1e12;
        Figures {
            macs,
            energy_delay_pj_ns: summary.energy_pj * summary.latency_ns,
            tops,
            tops_per_w: operations / summary.energy_pj.max(f64::MIN_POSITIVE),
            tops_per_mm2: tops / (summary.area_um2 / 1e6),
            tiles: self.tiles as u32,
            one_by_one_ns: one_by_one.sum(),
            crossbar_utilisation: self.crossbar_utilisation(),
            static_mw: self.static_mw,
            peak_power_mw: self.peak_power_mw,
            lifetime_inferences: endurance.filter(|_| writes),
        }
    }

    /// What works longest for an inference.
    pub(crate) fn busiest(&self) -> Busiest {
        let mut resources: BTreeMap<(Resource, usize), Vec<OpInterval>> = BTreeMap::new();
        let runs = self.schedule.runs.iter().zip(&self.placement.sites);
        for (op, (work, (run, site))) in self.works.iter().zip(runs).enumerate() {
            let interval_ns = work.interval_ns;
            let mut keeps = |resource, number| {
                let ops = resources.entry((resource, number)).or_default();
                ops.push(OpInterval { op, interval_ns });
            };
            keeps(Resource::Own, op);
            if let Some(shared) = site.shared {
                keeps(Resource::SharedCrossbar(shared), 0);
            }
            if let (0, Place::Tile(tile)) = (site.crossbars, run.place) {
                keeps(Resource::Lanes(tile), 0);
            }
        }
        let busy = resources.into_iter();
        let busy = busy.map(|((resource, _), ops)| Busiest { resource, ops });
        // Of equals the first: what an operator has for itself.
        let longest = busy
            .rev()
            .max_by(|a, b| a.interval_ns().total_cmp(&b.interval_ns()));
        longest.unwrap_or_default()
    }

    /// What does not fit.
    pub(crate) fn violations(&self, workload: &Workload) -> Vec<Violation> {
        let of_chip = [
            (
                "bits from those asked for to the nearest ADC of the table",
                self.adc_violation,
            ),
            (
                "inputs of the fullest tile beyond its buffer, as a share of it",
                self.buffer_violation,
            ),
        ];
        let of_chip = of_chip.into_iter().map(|(what, amount)| Violation {
            op: None,
            what,
            amount,
        });
        let ops = workload.ops().iter().zip(&self.works).enumerate();
        let of_ops = ops.map(|(op, (kind, work))| Violation {
            op: Some(op),
            what: match kind.kind {
                OpKind::EmbeddingGather { .. } => "tables beyond the memory, as a share of it",
                OpKind::StaticMvm { .. } => "bits that the ADC lacks for one row",
                _ => "operands cannot be written, or bits that the ADC lacks for one row",
            },
            amount: work.violation,
        });
        of_chip
            .chain(of_ops)
            .filter(|part| part.amount != 0.0)
            .collect()
    }

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

    /// The share of every operator: leakage and the chip's area go by crossbars, standby and the area of the
    /// memory's units to gathers. Where there is nobody to take a share, the last operator does.
    pub(crate) fn ops(&self, workload: &Workload) -> Vec<OpCost> {
        let ops = workload.ops();
        let is_gather = |op: &Op| matches!(op.kind, OpKind::EmbeddingGather { .. });
        let gathers = ops.iter().filter(|op| is_gather(op)).count();
        let memory_um2 = self.area_um2 - self.chip_um2;
        let crossbars: u32 = self.works.iter().map(|work| work.crossbars).sum();
        let runs = self.works.iter().zip(&self.schedule.runs);
        let mut costs = Vec::with_capacity(ops.len());
        for ((op, site), (work, run)) in ops.iter().zip(&self.placement.sites).zip(runs) {
            let tile = run.place.tile().unwrap_or_default();
            let own_cells = f64::from(work.crossbars.max(1)) * self.cells_per_crossbar;
            let of_chip = f64::from(work.crossbars) / f64::from(crossbars.max(1));
            let of_memory = if is_gather(op) {
                1.0 / gathers as f64
            } else {
                0.0
            };
            costs.push(OpCost {
                block: op.block,
                layer: op.layer,
                start_ns: run.start_ns,
                latency_ns: run.end_ns - run.start_ns,
                stages: work.stages,
                interval_ns: work.interval_ns,
                energy_pj: work.energy_pj + of_chip * self.leakage_pj + of_memory * self.standby_pj,
                power_mw: 0.0,
                area_um2: of_chip * self.chip_um2 + of_memory * memory_um2,
                crossbars: work.crossbars,
                first_crossbar: site.first_crossbar,
                tile,
                utilisation: work.cells / own_cells,
            });
        }
        if let Some(last) = costs.last_mut() {
            if crossbars == 0 {
                last.energy_pj += self.leakage_pj;
                last.area_um2 += self.chip_um2;
            }
            if gathers == 0 {
                last.energy_pj += self.standby_pj;
                last.area_um2 += memory_um2;
            }
        }
        for cost in &mut costs {
            cost.power_mw = per(cost.energy_pj, self.schedule.latency_ns);
        }
        costs
    }
}
