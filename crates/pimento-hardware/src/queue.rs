//! Waiting under load: requests arrive at random, one inference enters the pipeline at a time.
//!
//! Arrivals are Poisson, the pipeline takes an inference every `interval_ns`: an M/D/1 queue, whose
//! waiting times are known in closed form. Franx, "A simple solution for the M/D/c waiting time
//! distribution", Operations Research Letters 29, 2001: with the probabilities Q_j that at most j
//! requests wait (j + 1 are in the system),
//!
//! P(W ≤ t) = e^(−λ(kD − t)) Σ_{j < k} Q_{k−1−j} (λ(kD − t))^j / j!, (k − 1)D ≤ t < kD,
//!
//! a sum of positive terms, unlike Erlang's.

/// Share of the throughput beyond which waiting times are told as infinite.
const LARGEST_LOAD: f64 = 0.999;

/// The time from request to answer of a design under load.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Load {
    latency_ns: f64,
    interval_ns: f64,
    /// Requests that arrive within an interval, in the mean: the share of the throughput.
    share: f64,
}

impl Load {
    /// `arrivals_per_s` requests at a design of this latency and throughput.
    pub fn new(latency_ns: f64, throughput_per_s: f64, arrivals_per_s: f64) -> Self {
        Self {
            latency_ns,
            interval_ns: 1e9 / throughput_per_s,
            share: arrivals_per_s / throughput_per_s,
        }
    }

    /// Share of the throughput that is asked for; at 1 and above the queue grows without end.
    pub fn share(&self) -> f64 {
        self.share
    }

    /// Mean time from request to answer (Pollaczek and Khinchine); infinite at full load.
    pub fn mean_ns(&self) -> f64 {
        if self.share >= LARGEST_LOAD {
            return f64::INFINITY;
        }
        self.latency_ns + self.interval_ns * self.share / (2.0 * (1.0 - self.share))
    }

    /// Time within which a share `quantile` (in [0, 1)) of the requests is answered; infinite at full
    /// load.
    pub fn quantile_ns(&self, quantile: f64) -> f64 {
        if self.share >= LARGEST_LOAD || quantile >= 1.0 {
            return f64::INFINITY;
        }
        let mut queue = Queue::new(self.share);
        let (mut low, mut high) = (0.0, 1.0);
        while queue.waits_at_most(high) < quantile {
            (low, high) = (high, 2.0 * high);
        }
        // To a millionth of an interval and to the last digits of a long wait.
        while high - low > 1e-6_f64.max(1e-12 * high) {
            let middle = f64::midpoint(low, high);
            if queue.waits_at_most(middle) < quantile {
                low = middle;
            } else {
                high = middle;
            }
        }
        let waits = if queue.waits_at_most(0.0) >= quantile {
            0.0
        } else {
            high
        };
        self.latency_ns + waits * self.interval_ns
    }
}

/// An M/D/1 queue in units of its service time.
struct Queue {
    share: f64,
    /// Probability that so many requests are in the system.
    states: Vec<f64>,
    /// Probability that at most so many are.
    at_most: Vec<f64>,
    /// Probability of so many arrivals during a service.
    arrivals: Vec<f64>,
}

impl Queue {
    fn new(share: f64) -> Self {
        Self {
            share,
            states: vec![1.0 - share],
            at_most: vec![1.0 - share],
            arrivals: vec![(-share).exp()],
        }
    }

    /// Probability of waiting at most so many service times.
    fn waits_at_most(&mut self, time: f64) -> f64 {
        let count = time.floor() as usize + 1;
        self.extend(count + 1);
        let mean = self.share * (count as f64 - time);
        let (mut sum, mut term) = (0.0, (-mean).exp());
        for arrivals in 0..count {
            sum += self.at_most[count - arrivals] * term;
            term *= mean / (arrivals + 1) as f64;
        }
        sum
    }

    /// States of the chain that is watched when services end:
    /// p_{n+1} a_0 = p_n − p_0 a_n − Σ_{1 ≤ i ≤ n} p_i a_{n+1−i}.
    fn extend(&mut self, count: usize) {
        while self.states.len() < count {
            let next = self.states.len();
            let arrivals = self.arrivals[next - 1] * self.share / next as f64;
            self.arrivals.push(arrivals);
            let from_earlier: f64 = (1..next)
                .map(|state| self.states[state] * self.arrivals[next - state])
                .sum();
            let from_empty = self.states[0] * self.arrivals[next - 1];
            let state = (self.states[next - 1] - from_empty - from_earlier) / self.arrivals[0];
            self.states.push(state.max(0.0));
            self.at_most
                .push((self.at_most[next - 1] + state.max(0.0)).min(1.0));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Waiting times of a long run: Lindley's recursion with a fixed sequence of random arrivals.
    fn simulated(share: f64, quantile: f64) -> (f64, f64) {
        let mut state = 0x9E37_79B9_7F4A_7C15_u64;
        let mut uniform = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 11) as f64 / (1_u64 << 53) as f64
        };
        let (mut wait, mut waits) = (0.0_f64, Vec::new());
        for _ in 0..400_000 {
            waits.push(wait);
            let gap = -(1.0 - uniform()).ln() / share;
            wait = (wait + 1.0 - gap).max(0.0);
        }
        let mean = waits.iter().sum::<f64>() / waits.len() as f64;
        waits.sort_by(f64::total_cmp);
        (mean, waits[(quantile * waits.len() as f64) as usize])
    }

    #[test]
    fn quantiles_are_those_of_a_simulation() {
        for share in [0.1, 0.5, 0.8, 0.9] {
            let load = Load::new(100.0, 1e9, share * 1e9);
            for quantile in [0.5, 0.95, 0.99] {
                let (mean, waits) = simulated(share, quantile);
                let found = load.quantile_ns(quantile) - 100.0;
                assert!(
                    (found - waits).abs() <= 0.05 * waits + 0.02,
                    "{found} {waits}"
                );
                assert!((load.mean_ns() - 100.0 - mean).abs() <= 0.05 * mean);
            }
        }
    }

    /// Nobody waits with the probability that the system is empty.
    #[test]
    fn without_load_nobody_waits() {
        let load = Load::new(100.0, 1e9, 0.3e9);
        assert_eq!(load.quantile_ns(0.69), 100.0);
        assert!(load.quantile_ns(0.71) > 100.0);
        assert!(Load::new(100.0, 1e9, 2e9).quantile_ns(0.5).is_infinite());
    }

    #[test]
    fn more_load_never_answers_earlier() {
        let tail = |share: f64| Load::new(5.0, 1e9, share * 1e9).quantile_ns(0.99);
        let tails: Vec<f64> = (0..100).map(|step| tail(f64::from(step) / 101.0)).collect();
        assert!(tails.is_sorted(), "{tails:?}");
    }
}
