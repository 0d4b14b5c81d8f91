//! Batches through a pipeline.

/// Stages that work on successive samples: a latency of one, and a rate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pipeline {
    /// Time of one sample through all stages, ns.
    pub latency_ns: f64,
    /// Samples per second.
    pub items_per_s: f64,
}

impl Pipeline {
    /// This stage, and then another.
    #[must_use]
    pub fn then(self, next: Self) -> Self {
        Self {
            latency_ns: self.latency_ns + next.latency_ns,
            items_per_s: self.items_per_s.min(next.items_per_s),
        }
    }

    /// Time of a batch, ns: its first sample, and the others at the rate. None takes none.
    pub fn batch_ns(&self, batch: u32) -> f64 {
        if batch == 0 {
            return 0.0;
        }
        self.latency_ns + f64::from(batch - 1) * 1e9 / self.items_per_s
    }
}

impl From<&super::MergePlan> for Pipeline {
    fn from(plan: &super::MergePlan) -> Self {
        Self {
            latency_ns: plan.lookup_latency_ns(),
            items_per_s: plan.lookups_per_s(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 100 + 50 ns, 100 ns apart.
    #[test]
    fn the_slowest_stage_sets_the_rate() {
        let stage = |latency_ns: f64| Pipeline {
            latency_ns,
            items_per_s: 1e9 / latency_ns,
        };
        let both = stage(100.0).then(stage(50.0));
        assert_eq!(both.batch_ns(0), 0.0);
        assert_eq!(both.batch_ns(1), 150.0);
        assert!((both.batch_ns(11) - 1150.0).abs() < 1e-9);
    }
}
