//! Laws of memory systems that hold for all inputs.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use pimento_hardware::{
    EmbeddingTable, Gathers, Law, MemorySystem, RankingModel, SystemCost, TableStorage,
};
use proptest::prelude::*;

/// A system of one memory, as a user would write it.
#[derive(Debug, Clone)]
struct Plan {
    standard: &'static str,
    channels: u16,
    ranks: u32,
    level: &'static str,
    merging: bool,
    cache_bytes: f64,
    unit_cache_bytes: f64,
    copied_share: f64,
}

impl Plan {
    fn system(&self) -> MemorySystem {
        let Self {
            standard,
            channels,
            ranks,
            level,
            merging,
            ..
        } = self;
        let mut text = format!(
            "name = \"plan\"\nabout = \"a plan\"\nsource = \"a test\"\nbatch = 4\n\n[[tiers]]\n\
             name = \"dimm\"\nstandard = \"{standard}\"\nchannels = {channels}\nranks = {ranks}\n\
             gather = \"{level}\"\ncontroller = \"bank-queues\"\nmerging = {merging}\n\
             source = \"a test\"\n"
        );
        if *level != "host" {
            text.push_str(&format!(
                "\n[tiers.units]\ncache-bytes = {}\ncopied-share = {}\nsource = \"a test\"\n",
                self.unit_cache_bytes, self.copied_share
            ));
        }
        if self.cache_bytes > 0.0 {
            text.push_str(&format!(
                "\n[cache]\nbytes = {}\npolicy = \"lru\"\ngb-per-s = 10000\npj-per-bit = 0.1\nsource = \"a test\"\n",
                self.cache_bytes
            ));
        }
        MemorySystem::parse(&text).unwrap()
    }

    fn cost(&self, gathers: &Gathers) -> SystemCost {
        self.system().cost(gathers)
    }
}

fn plan() -> impl Strategy<Value = Plan> {
    (
        prop::sample::select(vec!["ddr4-2400", "ddr4-3200", "ddr5-4800"]),
        1_u16..6,
        1_u32..5,
        prop::sample::select(vec!["host", "rank", "bank-group", "bank"]),
        any::<bool>(),
        prop::sample::select(vec![0.0, 1e5, 1e6]),
        prop::sample::select(vec![0.0, 1e4]),
        prop::sample::select(vec![0.0, 0.1]),
    )
        .prop_map(
            |(standard, channels, ranks, level, merging, cache_bytes, unit, copied)| Plan {
                standard,
                channels,
                ranks,
                level,
                merging,
                cache_bytes,
                unit_cache_bytes: unit,
                copied_share: copied,
            },
        )
}

fn table(rows: u64, width: u16, lookups: u16) -> EmbeddingTable {
    EmbeddingTable {
        rows,
        width,
        bits: 32,
        lookups,
        storage: TableStorage::Rows,
    }
}

fn gathers() -> impl Strategy<Value = Gathers> {
    let tables = prop::collection::vec(
        (
            prop::sample::select(vec![1000_u64, 50_000, 1_000_000]),
            prop::sample::select(vec![8_u16, 16, 32, 64, 128]),
            1_u16..60,
        ),
        1..4,
    );
    let exponent = prop::sample::select(vec![0.0, 0.8, 1.05, 1.2]);
    (tables, exponent).prop_map(|(tables, exponent)| {
        let tables: Vec<EmbeddingTable> = tables
            .into_iter()
            .map(|(rows, width, lookups)| table(rows, width, lookups))
            .collect();
        let shift = 0.0;
        Gathers::by_law(&tables, Law { exponent, shift })
    })
}

/// Not slower, to the accuracy of tabulated curves.
fn is_no_slower(one: &SystemCost, other: &SystemCost) -> bool {
    one.interval_ns <= 1.01 * other.interval_ns
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn more_memory_is_never_slower(plan in plan(), gathers in gathers()) {
        let cost = plan.cost(&gathers);
        let channels = Plan { channels: 2 * plan.channels, ..plan.clone() };
        let wider = channels.cost(&gathers);
        prop_assert!(is_no_slower(&wider, &cost), "channels");
        // Caches of units do not see what a cache before them serves, and drop it: misses may rise a little.
        if plan.unit_cache_bytes == 0.0 {
            let cache = Plan { cache_bytes: 2.0 * plan.cache_bytes + 1e4, ..plan.clone() };
            prop_assert!(is_no_slower(&cache.cost(&gathers), &cost), "cache");
        }
        // Units work apart: ranks share the channel only for sums. More ranks have more caches, which
        // leave a few long rows to read: not slower, but not by this mean of all rows.
        if plan.level != "host" && plan.unit_cache_bytes == 0.0 && plan.cache_bytes == 0.0 {
            let ranks = Plan { ranks: 2 * plan.ranks, ..plan.clone() };
            let more = ranks.cost(&gathers);
            let times = |cost: &SystemCost| cost.tiers[0].time;
            prop_assert!(times(&more).reading_ns <= 1.01 * times(&cost).reading_ns, "ranks");
        }
    }

    /// A system of two memories against each alone, where all tables fit. For a single small table there may be
    /// several balances, of which not the best one is found.
    #[test]
    fn a_second_memory_is_never_slower(
        name in prop::sample::select(vec!["space", "heam", "proactivepim", "host-hbm"]),
        gathers in gathers(),
    ) {
        let text = MemorySystem::preset_text(name).unwrap();
        let (fast, slow) = (text.find("[[tiers]]").unwrap(), text.rfind("[[tiers]]").unwrap());
        let busy_ns = |text: &str| {
            let cost = MemorySystem::parse(text).unwrap().cost(&gathers);
            assert_eq!(cost.violation, 0.0);
            let times = cost.tiers.iter().map(|tier| tier.time.busy_ns() + tier.time.merge_ns);
            times.fold(0.0, f64::max)
        };
        let both_ns = busy_ns(text);
        // Without units there is nothing to hold subtables, which these tables do not have.
        let slow_alone = text[..fast].to_owned() + &text[slow..];
        let slow_alone = slow_alone.replace("\nsubtables", "\n# ");
        for (alone, tolerance) in [(&text[..slow], 1.05), (&slow_alone, 1.25)] {
            let alone_ns = busy_ns(alone);
            prop_assert!(both_ns <= tolerance * alone_ns, "{both_ns} {alone_ns} {alone}");
        }
    }

    #[test]
    fn merging_never_reads_more(plan in plan(), gathers in gathers()) {
        let merging = Plan { merging: true, ..plan.clone() }.cost(&gathers);
        let apart = Plan { merging: false, ..plan }.cost(&gathers);
        prop_assert!(merging.tiers[0].time.reads <= 1.000_001 * apart.tiers[0].time.reads);
        prop_assert!(merging.tiers[0].time.activations <= 1.001 * apart.tiers[0].time.activations);
    }

    #[test]
    fn more_look_ups_are_never_cheaper(plan in plan(), gathers in gathers()) {
        let system = plan.system();
        let (few, many) = (system.cost(&gathers), system.with_batch(8).cost(&gathers));
        prop_assert!(few.interval_ns <= 1.01 * many.interval_ns);
        prop_assert!(few.energy_pj <= 1.01 * many.energy_pj);
    }

    #[test]
    fn energy_times_rate_is_power_and_parts_add_up(plan in plan(), gathers in gathers()) {
        let cost = plan.cost(&gathers);
        let batches_per_s = cost.samples_per_s / f64::from(cost.batch);
        prop_assert!((cost.power_mw / (cost.energy_pj * batches_per_s * 1e-9) - 1.0).abs() < 1e-9);
        let parts: f64 = cost.components.iter().map(|part| part.energy_pj).sum();
        prop_assert!((parts / cost.energy_pj - 1.0).abs() < 1e-9);
        let area: f64 = cost.components.iter().map(|part| part.area_um2).sum();
        prop_assert!((area - cost.area_um2).abs() <= 1e-9 * area);
        let summary = plan.system().summary(&gathers);
        prop_assert_eq!(summary.energy_pj, cost.energy_pj);
        prop_assert_eq!(summary.interval_ns, cost.interval_ns);
    }

    /// Everything in the cache: after it is warm, memory is idle.
    #[test]
    fn a_table_that_fits_the_cache_opens_no_rows(plan in plan(), rows in 100_u64..20_000) {
        let uniform = Law { exponent: 0.0, shift: 0.0 };
        let gathers = Gathers::by_law(&[table(rows, 16, 20)], uniform);
        let cost = Plan { cache_bytes: 64.0 * rows as f64, ..plan }.cost(&gathers);
        prop_assert!(cost.cache_share > 1.0 - 1e-6, "{}", cost.cache_share);
        prop_assert!(cost.tiers[0].time.activations < 1e-3, "{:?}", cost.tiers[0].time);
    }
}

/// Near-memory reduction is held back by activations: at one burst per row no level gains, at many
/// bursts finer levels do.
/// On every system, beside a table that is. Windows are shared by all tables, so that times differ a little.
#[test]
fn a_table_that_is_not_asked_for_takes_next_to_no_time() {
    let law = Law {
        exponent: 1.05,
        shift: 0.0,
    };
    let asked = table(100_000, 32, 20);
    let alone = Gathers::by_law(&[asked], law);
    let beside = Gathers::by_law(&[asked, table(50_000, 32, 0)], law);
    for name in MemorySystem::preset_names() {
        let system = MemorySystem::preset(name).unwrap();
        let (one, other) = (system.cost(&alone), system.cost(&beside));
        let ratio = other.interval_ns / one.interval_ns;
        assert!((0.9..1.1).contains(&ratio), "{name}: {ratio}");
        assert!(other.energy_pj.is_finite(), "{name}");
    }
}

#[test]
fn finer_levels_gain_on_wide_rows_only() {
    let uniform = Law {
        exponent: 0.0,
        shift: 0.0,
    };
    let reading = |level, width| {
        let gathers = Gathers::by_law(&[table(1_000_000, width, 4000)], uniform);
        let plan = Plan {
            standard: "ddr4-3200",
            channels: 1,
            ranks: 2,
            level,
            merging: false,
            cache_bytes: 0.0,
            unit_cache_bytes: 0.0,
            copied_share: 0.0,
        };
        plan.cost(&gathers).tiers[0].time.reading_ns
    };
    let narrow = reading("host", 16) / reading("bank-group", 16);
    assert!((0.8..1.2).contains(&narrow), "{narrow}");
    let wide = reading("host", 128) / reading("bank-group", 128);
    assert!((2.8..4.2).contains(&wide), "{wide}");
}

/// What a batch stores and reads of compressed tables depends on where the small tables are: units have theirs, the
/// host reads a remainder with each quotient.
#[test]
fn small_tables_in_units_are_not_read_from_their_memory() {
    let model = RankingModel::preset("heam-criteo").unwrap();
    let mut tables = model.tables(32);
    for table in &mut tables {
        table.storage = TableStorage::QuotientRemainder { collisions: 4 };
    }
    let gathers = Gathers::by_law(&tables, model.law());
    let text = MemorySystem::preset_text("proactivepim").unwrap();
    let reads = |subtables: &str| {
        let line = format!("subtables = \"{subtables}\"");
        let changed = text.replace("subtables = \"prefetched\"", &line);
        assert!(changed.contains(&line));
        MemorySystem::parse(&changed).unwrap().cost(&gathers)
    };
    let (fetched, all) = (reads("prefetched"), reads("read"));
    let lookups = |cost: &SystemCost| [0, 1].map(|tier| cost.tiers[tier].time.lookups);
    let ([hot, cold], [hot_both, cold_both]) = (lookups(&fetched), lookups(&all));
    let quotients = hot + 0.5 * cold;
    assert!(((hot_both + cold_both) / quotients - 2.0).abs() < 1e-6);
    assert!(fetched.interval_ns < all.interval_ns, "{fetched:?} {all:?}");
    assert!(reads("remote").interval_ns >= 0.999 * all.interval_ns);
    assert!(reads("lookup").interval_ns <= fetched.interval_ns);
}

#[test]
fn systems_with_mistakes_are_refused() {
    let good = MemorySystem::preset_text("recnmp").unwrap();
    let check = |from: &str, to: &str, message: &str| {
        assert!(good.contains(from), "{from}");
        let error = MemorySystem::parse(&good.replacen(from, to, 1)).unwrap_err();
        assert!(error.to_string().contains(message), "{error}");
    };
    check(
        "gather = \"rank\"",
        "gather = \"host\"",
        "`tiers.gather` is missing",
    );
    check(
        "standard = \"ddr4-2400\"",
        "standard = \"ddr9\"",
        "unknown memory `ddr9`",
    );
    check("channels = 4", "channels = 0", "`tiers.channels` is 0");
    check("modules = 4", "modules = 0", "`tiers.modules` is 0");
    check("modules = 4", "slices = 4", "`tiers.layout` is missing");
    check(
        "cache-bytes",
        "reused-sums = 1.0\ncache-bytes",
        "`tiers.units.reused-sums` is 1",
    );
    check(
        "cache-bytes",
        "banks-per-unit = 0\ncache-bytes",
        "`tiers.units.banks-per-unit` is 0",
    );
    check("batch = 4", "batch = 0", "`batch` is 0");
    check(
        "cache-bytes = 131072",
        "cache-bytes = -1",
        "`tiers.units.cache-bytes` is -1",
    );
}
