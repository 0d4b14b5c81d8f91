//! A priced design, and what its figures are.

use crate::{
    cost::{CostSummary, Figures, OpCost},
    reram::{Node, OpWork, Placement},
    schedule::Schedule,
    workload::{Op, OpKind, Workload},
};

/// Everything about a priced design.
pub(crate) struct Priced {
    pub(crate) works: Vec<OpWork>,
    pub(crate) placement: Placement,
    pub(crate) schedule: Schedule,
    pub(crate) tiles: f64,
    pub(crate) chip_violation: f64,
    pub(crate) energy_pj: f64,
    pub(crate) area_um2: f64,
    pub(crate) leakage_pj: f64,
    pub(crate) standby_pj: f64,
    pub(crate) static_mw: f64,
    pub(crate) peak_power_mw: f64,
}

impl Priced {
    /// The figures of merit.
    pub(crate) fn summary(&self) -> CostSummary {
        let (latency_ns, interval_ns) = (self.schedule.latency_ns, self.schedule.interval_ns);
        let per = |figure: f64, time_ns: f64| if time_ns > 0.0 { figure / time_ns } else { 0.0 };
        let violations = self.works.iter().map(|work| work.violation);
        CostSummary {
            latency_ns,
            energy_pj: self.energy_pj,
            area_um2: self.area_um2,
            power_mw: per(self.energy_pj, latency_ns),
            throughput_per_s: per(1e9, interval_ns),
            violation: violations.fold(self.chip_violation, |sum, violation| sum + violation),
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
        let writes = self.works.iter().any(|work| work.writes);
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
    pub(crate) fn ops(&self, workload: &Workload) -> Vec<OpCost> {
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
