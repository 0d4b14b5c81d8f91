//! The price of a batch of gathers on a memory system.

use serde::Serialize;

use crate::{
    component::Component,
    cost::ComponentCost,
    dram::{
        standard::DramEnergies,
        system::{
            MemorySystem, Tier,
            banks::Served,
            charges::{
                charge_commands, charge_open_rows, charge_refresh, charge_units, first_ns,
                standby_mw,
            },
            placement::{Placement, result_bytes},
            tier::TierTime,
        },
        workload::Gathers,
    },
    explanation::Explanation,
    ledger::{Books, Charges, Ledger, Sums, Total, WithinOp, times, unit},
    reram::{Stage, Stages},
};

/// What a batch of gathers costs on a memory system.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SystemCost {
    /// Samples of the batch.
    pub batch: u16,
    /// Look-ups of the batch.
    pub lookups: f64,
    /// From the first command to the last sum.
    pub latency_ns: f64,
    /// Until the next batch can begin.
    pub interval_ns: f64,
    /// Samples per second, batch after batch.
    pub samples_per_s: f64,
    /// Energy of the batch, standby included.
    pub energy_pj: f64,
    /// Power, batch after batch.
    pub power_mw: f64,
    /// Standby and refresh of the memories.
    pub standby_mw: f64,
    /// Area of processing units.
    pub area_um2: f64,
    /// Share by which the tables exceed the capacity; 0 where they fit.
    pub violation: f64,
    /// Share of the look-ups that the cache before the memories serves.
    pub cache_share: f64,
    /// Share of the others that the first memory serves.
    pub hot_share: f64,
    /// What the batch waits for most.
    pub bottleneck: &'static str,
    /// The memories.
    pub tiers: Vec<TierCost>,
    /// Energy and area by component.
    pub components: Vec<ComponentCost>,
}

/// The figures of a batch of gathers that a search asks for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SystemSummary {
    /// From the first command to the last sum.
    pub latency_ns: f64,
    /// Until the next batch can begin.
    pub interval_ns: f64,
    /// Energy of the batch, standby included.
    pub energy_pj: f64,
    /// Area of processing units.
    pub area_um2: f64,
    /// Share by which the tables exceed the capacity; 0 where they fit.
    pub violation: f64,
}

/// A memory's share.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TierCost {
    /// Its name.
    pub name: String,
    /// Bytes in store.
    pub stored_bytes: f64,
    /// Times and counts.
    pub time: TierTime,
}

/// Times of a gather as part of a design.
#[derive(Debug, Clone, Copy)]
pub(crate) struct GatherTime {
    /// Reading, sums merged one by one, the way over a link.
    pub(crate) stages: Stages,
    /// Until the next gather can begin.
    pub(crate) interval_ns: f64,
    /// Share by which the tables exceed the capacity; 0 where they fit.
    pub(crate) violation: f64,
}

/// What a batch waits for longest.
enum Busy {
    /// The cache before the memories, for so many bits.
    Cache(f64),
    /// Banks with a port each, for so long.
    Banks(f64),
    /// The memory of this number.
    Tier(usize),
}

/// Times of a batch.
struct Priced {
    placement: Placement,
    stages: Stages,
    latency_ns: f64,
    interval_ns: f64,
    link_bytes: f64,
    link_ns: f64,
    cache_ns: f64,
    violation: f64,
}

impl MemorySystem {
    /// The cost of gathering a batch. Pure; some microseconds for a system with one memory.
    pub fn cost(&self, gathers: &Gathers) -> SystemCost {
        let mut books = Books::<Sums>::default();
        let priced = self.price(gathers, &mut books);
        let energy_pj = books.energy_pj.total();
        let components = books.components(priced.interval_ns);
        let stored = priced.placement.stored_bytes.iter();
        let tiers = self.tiers.iter().zip(&priced.placement.times).zip(stored);
        SystemCost {
            batch: self.batch,
            lookups: f64::from(self.batch) * gathers.lookups(),
            latency_ns: priced.latency_ns,
            interval_ns: priced.interval_ns,
            samples_per_s: f64::from(self.batch) * 1e9 / priced.interval_ns,
            energy_pj,
            power_mw: energy_pj / priced.interval_ns,
            standby_mw: self.tiers.iter().map(standby_mw).sum(),
            area_um2: books.area_um2.total(),
            violation: priced.violation,
            cache_share: priced.placement.cache_share,
            hot_share: priced.placement.hot_share,
            bottleneck: priced.bottleneck(),
            tiers: tiers
                .map(|((tier, time), stored_bytes)| TierCost {
                    name: tier.name.clone(),
                    stored_bytes: *stored_bytes,
                    time: *time,
                })
                .collect(),
            components,
        }
    }

    /// Latency, interval, energy, area and violation of a gather, without breakdown.
    pub fn summary(&self, gathers: &Gathers) -> SystemSummary {
        let mut books = Books::<Total>::default();
        let priced = self.price(gathers, &mut books);
        SystemSummary {
            latency_ns: priced.latency_ns,
            interval_ns: priced.interval_ns,
            energy_pj: books.energy_pj.total(),
            area_um2: books.area_um2.total(),
            violation: priced.violation,
        }
    }

    /// Every charge of energy, area and time.
    pub fn explain(&self, gathers: &Gathers) -> Explanation {
        let mut books = Books::<Charges>::default();
        self.price(gathers, &mut books);
        Explanation {
            energy_pj: books.energy_pj.charges,
            latency_ns: books.energy_pj.times,
            area_um2: books.area_um2.charges,
            ..Explanation::default()
        }
    }

    /// A gather as part of a design, whose standby is told apart ([`Self::idle_mw`]): its times and the
    /// energy of what it does. Power of open rows and refresh count for its interval.
    pub(crate) fn gather(&self, gathers: &Gathers, energy: &mut impl Ledger) -> GatherTime {
        let priced = self.priced(gathers, &mut WithinOp(energy));
        for (tier, time) in self.tiers.iter().zip(&priced.placement.times) {
            charge_commands(tier, time, energy);
            charge_refresh(tier, priced.interval_ns, energy);
        }
        self.charge_way(&priced, energy);
        energy.charge(
            Component::DramBackground,
            unit(
                "energy.(active - idle)-mw, all ranks",
                self.all_ranks_mw(|e| e.active_mw - e.idle_mw),
            ),
            &[times("ns", priced.interval_ns)],
        );
        GatherTime {
            stages: priced.stages,
            interval_ns: priced.interval_ns,
            violation: priced.violation,
        }
    }

    /// Charges what units combine: the bits of the operands of all multiplications.
    pub(crate) fn charge_operands(&self, bits: f64, energy: &mut impl Ledger) {
        energy.charge(
            Component::PimUnits,
            unit("units.pj-per-bit", self.tiers[0].standard.units.pj_per_bit),
            &[times("bits combined", bits)],
        );
    }

    /// Power of all ranks while nothing is gathered.
    pub(crate) fn idle_mw(&self) -> f64 {
        self.all_ranks_mw(|energies| energies.idle_mw)
    }

    fn all_ranks_mw(&self, of: impl Fn(&DramEnergies) -> f64) -> f64 {
        let tiers = self.tiers.iter();
        let mw = tiers.map(|tier| {
            let ranks = f64::from(tier.channels) * tier.standard.ranks();
            ranks * of(&tier.standard.energies())
        });
        mw.sum()
    }

    /// Area of all processing units.
    pub(crate) fn charge_area(&self, area_um2: &mut impl Ledger) {
        for tier in &self.tiers {
            charge_units(tier, area_um2);
        }
    }

    fn price<L: Ledger>(&self, gathers: &Gathers, books: &mut Books<L>) -> Priced {
        let energy = &mut books.energy_pj;
        let priced = self.priced(gathers, energy);
        for (index, (tier, time)) in self.tiers.iter().zip(&priced.placement.times).enumerate() {
            energy.begin(Some(index));
            charge_commands(tier, time, energy);
            charge_refresh(tier, priced.interval_ns, energy);
            charge_open_rows(tier, priced.interval_ns, energy);
            books.area_um2.begin(Some(index));
            charge_units(tier, &mut books.area_um2);
        }
        energy.begin(None);
        self.charge_way(&priced, energy);
        priced
    }

    /// Times; what a memory decides is charged to it.
    fn priced(&self, gathers: &Gathers, ledger: &mut impl Ledger) -> Priced {
        let Served {
            placement,
            busy_ns,
            violation,
        } = match &self.banks {
            Some(banks) => banks.serve(self, gathers),
            None => self.serve(gathers),
        };
        let tier_times = &placement.times;
        let link_bytes = self.link_bytes(gathers, tier_times);
        let cache_ns = self
            .cache
            .as_ref()
            .map_or(0.0, |cache| placement.cached_bits / 8.0 / cache.gb_per_s);
        let longest = |of: fn(&TierTime) -> f64| {
            let times = tier_times.iter().map(of).enumerate();
            times.max_by(|a, b| a.1.total_cmp(&b.1))
        };
        let busy = if cache_ns > busy_ns {
            Busy::Cache(placement.cached_bits)
        } else if self.banks.is_some() {
            Busy::Banks(busy_ns)
        } else {
            let busiest = longest(TierTime::busy_ns);
            busiest.map_or(Busy::Banks(0.0), |(tier, _)| Busy::Tier(tier))
        };
        let busy_ns = self.busy_ns(&busy, tier_times, ledger);
        let merging = longest(|time| time.merge_ns).filter(|&(_, merge_ns)| merge_ns > 0.0);
        let merge_ns = merging.map_or(0.0, |(tier, _)| {
            ledger.begin(Some(tier));
            tier_times[tier].merging_ns(&self.tiers[tier], ledger)
        });
        ledger.begin(None);
        let (launch_ns, link_ns) = self.link_ns(link_bytes, ledger);
        let stages = Stages {
            transfer_ns: link_ns,
            working_ns: launch_ns + self.first_ns(ledger) + busy_ns,
            reduction_ns: merge_ns,
            ..Stages::default()
        };
        let latency_ns = stages.latency_ns();
        let interval_ns = if self.barrier {
            latency_ns
        } else {
            busy_ns.max(merge_ns).max(link_ns)
        };
        Priced {
            placement,
            stages,
            latency_ns,
            interval_ns,
            link_bytes,
            link_ns,
            cache_ns,
            violation,
        }
    }

    /// Time until what is busy longest can serve the next batch.
    fn busy_ns(&self, busy: &Busy, tiers: &[TierTime], ledger: &mut impl Ledger) -> f64 {
        let mut working = |key, ns, name, count| {
            ledger.time(Stage::Working, unit(key, ns), &[times(name, count)])
        };
        match *busy {
            Busy::Cache(bits) => {
                let rate = self.cache.as_ref().map_or(1.0, |cache| cache.gb_per_s);
                working(
                    "1 / cache.gb-per-s",
                    1.0 / rate,
                    "bytes of hits",
                    bits / 8.0,
                )
            }
            Busy::Banks(busy_ns) => {
                let samples = f64::from(self.batch);
                working(
                    "banks: look-ups of the busiest",
                    busy_ns / samples,
                    "samples",
                    samples,
                )
            }
            Busy::Tier(tier) => {
                ledger.begin(Some(tier));
                tiers[tier].charged_ns(&self.tiers[tier], ledger)
            }
        }
    }

    /// Time before anything is read, and of the way over the link.
    fn link_ns(&self, bytes: f64, ledger: &mut impl Ledger) -> (f64, f64) {
        let Some(link) = &self.link else {
            return (0.0, 0.0);
        };
        let launch = unit("link.launch-ns", link.launch_ns);
        let rate = unit("1 / link.gb-per-s", 1.0 / link.gb_per_s);
        let launch_ns = ledger.time(Stage::Working, launch, &[]);
        let bytes = times("bytes of sums", bytes);
        (launch_ns, ledger.time(Stage::Transfer, rate, &[bytes]))
    }

    /// Time from the first command to the first data, through the tree of adders, where that is longest.
    fn first_ns(&self, ledger: &mut impl Ledger) -> f64 {
        // Banks tell the start of every look-up.
        if self.banks.is_some() {
            return 0.0;
        }
        let total_ns = |tier: &Tier| first_ns(tier, &mut Total::default());
        let tiers = self.tiers.iter().map(total_ns).enumerate();
        let longest = tiers.max_by(|a, b| a.1.total_cmp(&b.1));
        longest.map_or(0.0, |(tier, _)| {
            ledger.begin(Some(tier));
            let first_ns = first_ns(&self.tiers[tier], ledger);
            ledger.begin(None);
            first_ns
        })
    }

    /// Bytes that the link carries in a batch.
    fn link_bytes(&self, gathers: &Gathers, times: &[TierTime]) -> f64 {
        match &self.link {
            Some(link) if link.partial => {
                times.iter().map(|time| time.crossing_bits).sum::<f64>() / 8.0
            }
            _ => result_bytes(f64::from(self.batch), &gathers.tables),
        }
    }

    /// A batch in memories whose controllers choose what they read next.
    fn serve(&self, gathers: &Gathers) -> Served {
        let placement = Placement::new(self, gathers);
        let stored = placement.stored_bytes.iter().zip(&self.tiers);
        let over = stored.map(|(&bytes, tier)| tier.excess(gathers, bytes));
        Served {
            violation: over.fold(0.0, f64::max),
            busy_ns: { placement.times.iter() }
                .map(TierTime::busy_ns)
                .fold(0.0, f64::max),
            placement,
        }
    }

    /// What crosses the cache before the memories, and the link.
    fn charge_way(&self, priced: &Priced, energy: &mut impl Ledger) {
        if let Some(cache) = &self.cache {
            energy.charge(
                Component::Cache,
                unit("cache.pj-per-bit", cache.pj_per_bit),
                &[times("bits of hits", priced.placement.cached_bits)],
            );
        }
        if let Some(link) = &self.link {
            energy.charge(
                Component::Link,
                unit("link.pj-per-bit", link.pj_per_bit),
                &[times("bits of sums", 8.0 * priced.link_bytes)],
            );
        }
    }
}

impl Priced {
    /// What the batch waits for most.
    fn bottleneck(&self) -> &'static str {
        let mut longest = ("link", self.link_ns);
        let mut ask = |name: &'static str, time_ns: f64| {
            if time_ns > longest.1 {
                longest = (name, time_ns);
            }
        };
        ask("cache", self.cache_ns);
        for time in &self.placement.times {
            ask(time.channel.bottleneck().name(), time.reading_ns);
            ask("commands", time.command_ns);
            ask("adding", time.adding_ns);
            ask("transfer", time.transfer_ns);
            ask("fetch", time.fetch_ns);
            ask("merge", time.merge_ns);
        }
        longest.0
    }
}
