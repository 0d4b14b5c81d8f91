//! Headline figures of published memory systems and ours, with sweeps where conditions are unknown.
//! No number is fitted to them; why ours differ stands in `docs/cost-model.md`.
//!
//! `cargo run --release -p pimento-hardware --example headlines`
#![expect(clippy::print_stdout, reason = "an example prints its figures")]

use pimento_hardware::{
    EmbeddingTable, Gathers, Law, MemorySystem, RankingModel, SystemCost, TableStorage,
};

/// Laws by which rows are asked for.
const LAWS: [(&str, Law); 3] = [
    ("uniform", law(0.0, 0.0)),
    ("Zipf 1.05", law(1.05, 0.0)),
    ("Criteo", law(1.10, 5.0)),
];
const VECTOR_BYTES: [u16; 4] = [64, 128, 256, 512];
const QR: TableStorage = TableStorage::QuotientRemainder { collisions: 4 };
const TT: TableStorage = TableStorage::TensorTrain {
    rank: 16,
    dims: [2, 4, 4],
};

const fn law(exponent: f64, shift: f64) -> Law {
    Law { exponent, shift }
}

/// A published figure and what we compare with it.
struct Headline {
    figure: &'static str,
    /// Of a system over its baseline: times as fast, or the share of its energy saved.
    published: Ratio,
    condition: &'static str,
    system: MemorySystem,
    baseline: MemorySystem,
    model: &'static str,
    vector_bytes: u16,
    law: &'static str,
    /// How the tables are stored in the system and in its baseline.
    storage: [TableStorage; 2],
}

#[derive(Clone, Copy)]
enum Ratio {
    Faster(f64),
    Saved(f64),
}

impl Headline {
    fn costs(&self, law: Law, vector_bytes: u16) -> [SystemCost; 2] {
        let model = RankingModel::preset(self.model).expect("built in");
        let tables = |storage| -> Vec<EmbeddingTable> {
            let mut tables = model.tables(32);
            for table in &mut tables {
                (table.width, table.storage) = (vector_bytes / 4, storage);
            }
            tables
        };
        let [own, others] = self.storage;
        let gathers = Gathers::by_law(&tables(own), law);
        let cost = self.system.cost(&gathers);
        if own == others {
            return [cost, self.baseline.cost(&gathers)];
        }
        let others = Gathers::by_law(&tables(others), law);
        [cost, self.baseline.cost(&others)]
    }

    fn ours(&self, costs: &[SystemCost; 2]) -> f64 {
        let [own, other] = costs;
        let per_sample = |value: f64, cost: &SystemCost| value / f64::from(cost.batch);
        match self.published {
            Ratio::Faster(_) => {
                per_sample(other.interval_ns, other) / per_sample(own.interval_ns, own)
            }
            Ratio::Saved(_) => {
                1.0 - per_sample(own.energy_pj, own) / per_sample(other.energy_pj, other)
            }
        }
    }

    fn print(&self) {
        let (published, of_all) = match self.published {
            Ratio::Faster(times) => (times, false),
            Ratio::Saved(share) => (share, true),
        };
        let shown = |value: f64| {
            if of_all {
                format!("{:6.1} %", 100.0 * value)
            } else {
                format!("{value:6.2} x")
            }
        };
        let named = LAWS.iter().find(|(name, _)| *name == self.law);
        let law = named.map_or(LAWS[2].1, |(_, law)| *law);
        let costs = self.costs(law, self.vector_bytes);
        let ours = self.ours(&costs);
        println!("\n{}: {}", self.figure, self.condition);
        println!(
            "  published {}, ours {} at {} B ({}), {:.2} of it; waits for {}, baseline for {}",
            shown(published),
            shown(ours),
            self.vector_bytes,
            self.law,
            ours / published,
            costs[0].bottleneck,
            costs[1].bottleneck,
        );
        for (name, law) in LAWS {
            let swept = VECTOR_BYTES.map(|bytes| {
                let costs = self.costs(law, bytes);
                format!("{bytes} B {}", shown(self.ours(&costs)))
            });
            println!("    {name:9} {}", swept.join(", "));
        }
    }
}

/// A built-in system with some words of its table replaced.
fn system(name: &str, changes: &[(&str, &str)]) -> MemorySystem {
    let mut text = MemorySystem::preset_text(name)
        .expect("built in")
        .to_owned();
    for (from, to) in changes {
        assert!(text.contains(from), "`{from}` in {name}");
        text = text.replace(from, to);
    }
    MemorySystem::parse(&text).expect("a sound table")
}

/// The host over DIMMs.
fn host(standard: &str, channels: u16, ranks: u16) -> MemorySystem {
    let standard = format!("standard = \"{standard}\"");
    let channels = format!("channels = {channels}\nranks = {ranks}");
    let changes = [
        ("standard = \"ddr4-2400\"", &*standard),
        ("channels = 4", &*channels),
    ];
    system("host", &changes)
}

/// RecNMP on the memory of TRiM: a module of DDR5 with two ranks.
fn recnmp_ddr5() -> MemorySystem {
    let changes = [
        ("standard = \"ddr4-2400\"", "standard = \"ddr5-4800\""),
        ("channels = 4", "channels = 2"),
        ("ranks = 8 ", "ranks = 2 "),
        ("modules = 4", "modules = 1"),
    ];
    system("recnmp", &changes)
}

fn main() {
    println!("vector bytes and popularity are swept: the papers' are unknown or several");
    let all = [dimms(), trim(), stacks(), proactive()];
    for headline in all.iter().flatten() {
        headline.print();
    }
    end_to_end(&all[0][1]);
}

fn headline(
    figure: &'static str,
    published: Ratio,
    condition: &'static str,
    [system, baseline]: [MemorySystem; 2],
    (model, vector_bytes, law): (&'static str, u16, &'static str),
) -> Headline {
    Headline {
        figure,
        published,
        condition,
        system,
        baseline,
        model,
        vector_bytes,
        law,
        storage: [TableStorage::Rows; 2],
    }
}

/// Systems on DDR4.
fn dimms() -> Vec<Headline> {
    let recnmp = || [system("recnmp", &[]), host("ddr4-2400", 4, 8)];
    let fafnir = [
        system("fafnir", &[]),
        system("recnmp", &[("batch = 4", "batch = 32")]),
    ];
    let pool = [("channels = 2", "channels = 8"), ("ranks = 2", "ranks = 4")];
    vec![
        headline(
            "TensorDIMM (MICRO 2019), 6.2 to 15.0 x over a CPU",
            Ratio::Faster(6.2),
            "rm1, 32 ranks of DDR4-3200 on eight channels, and a host with as many; a burst per rank at 2 KB",
            [system("tensordimm", &pool), host("ddr4-3200", 8, 4)],
            ("rm1", 2048, "uniform"),
        ),
        headline(
            "RecNMP (ISCA 2020), latency of the memory",
            Ratio::Faster(9.8),
            "rm1, four channels with eight ranks of DDR4-2400, and a host with as many",
            recnmp(),
            ("rm1", 64, "Criteo"),
        ),
        headline(
            "RecNMP (ISCA 2020), if tables lay in one module and adders were free",
            Ratio::Faster(9.8),
            "the same",
            [
                system(
                    "recnmp",
                    &[
                        ("modules = 4", ""),
                        ("cache-bytes", "values-per-ns = 1e9\ncache-bytes"),
                    ],
                ),
                host("ddr4-2400", 4, 8),
            ],
            ("rm1", 64, "Criteo"),
        ),
        headline(
            "RecNMP (ISCA 2020), energy of the memory",
            Ratio::Saved(0.458),
            "the same",
            recnmp(),
            ("rm1", 64, "Criteo"),
        ),
        headline(
            "FAFNIR (HPCA 2021), up to 21.3 x over the best of its time",
            Ratio::Faster(21.3),
            "rm1, batch 32, RecNMP with as many ranks of DDR4-2400",
            fafnir,
            ("rm1", 512, "Criteo"),
        ),
    ]
}

/// TRiM on a module of DDR5.
fn trim() -> Vec<Headline> {
    let trim_g = |other| [system("trim-g", &[]), other];
    let base = || system("host-ddr5", &[]);
    let sums = ("trim-gather", 256, "Criteo");
    vec![
        headline(
            "TRiM-G (MICRO 2021), up to 7.7 x",
            Ratio::Faster(7.7),
            "trim-gather, DDR5-4800, two sub-channels with two ranks",
            trim_g(base()),
            sums,
        ),
        headline(
            "TRiM-G (MICRO 2021), energy",
            Ratio::Saved(0.55),
            "the same",
            trim_g(base()),
            sums,
        ),
        headline(
            "TRiM-G (MICRO 2021), up to 3.9 x over earlier units",
            Ratio::Faster(3.9),
            "the same; RecNMP on the same memory",
            trim_g(recnmp_ddr5()),
            sums,
        ),
    ]
}

/// Stacks for hot rows.
fn stacks() -> Vec<Headline> {
    let space = || [system("space", &[]), system("tensordimm", &[])];
    let heam = || [system("heam", &[]), host("ddr4-3200", 2, 2)];
    let pareto = ("heam-criteo", 128, "Criteo");
    let quotients = |headline: Headline| Headline {
        storage: [QR, QR],
        ..headline
    };
    vec![
        headline(
            "SPACE (ISCA 2021), over TensorDIMM",
            Ratio::Faster(3.2),
            "rm1, TensorDIMM with as many channels of DDR4-3200",
            space(),
            ("rm1", 256, "Criteo"),
        ),
        headline(
            "SPACE (ISCA 2021), energy against TensorDIMM",
            Ratio::Saved(0.56),
            "the same",
            space(),
            ("rm1", 256, "Criteo"),
        ),
        quotients(headline(
            "HEAM (arXiv v3), 6.2 x (6.3 x in v1 and v2)",
            Ratio::Faster(6.2),
            "heam-criteo, quotients and remainders of 4, a host with its DIMMs alone",
            heam(),
            pareto,
        )),
        quotients(headline(
            "HEAM (arXiv v1 to v3), energy",
            Ratio::Saved(0.589),
            "the same",
            heam(),
            pareto,
        )),
    ]
}

/// ProactivePIM against earlier systems, and against itself without its mechanisms.
fn proactive() -> Vec<Headline> {
    let own = || system("proactivepim", &[]);
    let bare = || {
        let changes = [
            ("subtables = \"prefetched\"", "subtables = \"remote\""),
            ("name = \"proactivepim\"", "name = \"bare\""),
        ];
        system("proactivepim", &changes)
    };
    let pareto = ("heam-criteo", 128, "Criteo");
    let stored = |storage, headline: Headline| Headline {
        storage: [storage; 2],
        ..headline
    };
    vec![
        stored(
            QR,
            headline(
                "ProactivePIM (arXiv v4, v5), over earlier systems",
                Ratio::Faster(4.8),
                "heam-criteo, quotients and remainders of 4, over HEAM",
                [own(), system("heam", &[])],
                pareto,
            ),
        ),
        stored(
            QR,
            headline(
                "ProactivePIM (IEEE Access), quotients and remainders",
                Ratio::Faster(2.22),
                "heam-criteo; the baseline reads remainders, of which most lie with other units",
                [own(), bare()],
                pareto,
            ),
        ),
        stored(
            TT,
            headline(
                "ProactivePIM (IEEE Access), tensor trains of rank 16",
                Ratio::Faster(2.15),
                "the same with cores",
                [own(), bare()],
                pareto,
            ),
        ),
    ]
}

/// RecNMP's figure for a whole model, with the share of embeddings in time that follows from its own
/// two figures.
fn end_to_end(memory: &Headline) {
    let (published, of_memory) = (4.2, 9.8);
    let share = (1.0 - 1.0 / published) / (1.0 - 1.0 / of_memory);
    let ours = memory.ours(&memory.costs(LAWS[2].1, memory.vector_bytes));
    let whole = 1.0 / (1.0 - share + share / ours);
    println!(
        "\nRecNMP (ISCA 2020), end to end: embeddings are {share:.2} of the time by its figures"
    );
    println!(
        "  published {published:.2} x, ours {whole:.2} x, {:.2} of it",
        whole / published
    );
}
