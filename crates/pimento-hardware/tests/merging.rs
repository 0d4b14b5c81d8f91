//! What holds for all merged tables, and how far the heuristic is from the best plan.

use pimento_hardware::{
    BankMemory, EmbeddingTable, MergePlan, MergedTable, PlacementRule, TableStorage,
};
use proptest::{prelude::*, strategy::ValueTree};

/// Banks on chip with a start of 100 ns and banks of DRAM with 300 ns, 10 ns for a word of 32 bits.
fn memory(on_chip: (u16, u64), off_chip: (u16, u64)) -> BankMemory {
    let group = |name: &str, (count, bytes): (u16, u64), start_ns: u32| {
        format!(
            "[[groups]]\nname = '{name}'\ncount = {count}\ncapacity-bytes = {bytes}\n\
             start-ns = {start_ns}\non-chip = {}\nsource = 'test'\n",
            name == "on-chip"
        )
    };
    let mut text = "name = 'test'\nclock-mhz = 100.0\nport-bits = 32\nsource = 'test'\n".to_owned();
    if on_chip.0 > 0 {
        text += &group("on-chip", on_chip, 100);
    }
    text += &group("dram", off_chip, 300);
    BankMemory::parse(&text).expect("a memory")
}

prop_compose! {
    fn table()(
        rows in prop_oneof![1..50_u64, 1..2000_u64, 1..200_000_u64],
        width in prop::sample::select(vec![4, 8, 12, 16, 32]),
        bits in prop::sample::select(vec![32, 32, 32, 16]),
        lookups in prop::sample::select(vec![1, 1, 1, 2]),
    ) -> EmbeddingTable {
        EmbeddingTable { rows, width, bits, lookups, storage: TableStorage::Rows }
    }
}

fn tables(most: usize) -> impl Strategy<Value = Vec<EmbeddingTable>> {
    prop::collection::vec(table(), 0..=most)
}

fn rule() -> impl Strategy<Value = PlacementRule> {
    prop::sample::select(vec![
        PlacementRule::Turns,
        PlacementRule::LongestFirst,
        PlacementRule::Exchange,
    ])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Every stored table is in exactly one table of a plan, whose rows are the product and whose values
    /// are the sum of theirs.
    #[test]
    fn nothing_is_lost(tables in tables(14)) {
        let plan = MergePlan::best(&tables, &memory((2, 100_000), (4, 1 << 28)));
        let stored = MergedTable::stored(&tables);
        let mut seen = vec![0; stored.len()];
        for table in plan.tables() {
            let factors: Vec<_> = [Some(table.first), table.second].into_iter().flatten().collect();
            for &factor in &factors {
                seen[factor] += 1;
            }
            let factors = || factors.iter().map(|&factor| stored[factor]);
            prop_assert_eq!(table.rows, factors().map(|factor| factor.rows).product::<u64>());
            prop_assert_eq!(table.dim, factors().map(|factor| factor.dim).sum::<u64>());
            prop_assert!(factors().all(|factor| factor.bits == table.bits));
            prop_assert!(factors().all(|factor| factor.lookups == table.lookups));
        }
        prop_assert!(seen.iter().all(|&count| count == 1));
    }

    /// What banks hold is what plans say; beyond the capacities there is a violation of that size.
    #[test]
    fn capacities_hold_or_are_a_violation(
        tables in tables(14), rule in rule(), bytes in 1_000..10_000_000_u64,
    ) {
        let memory = memory((2, bytes / 16), (3, bytes));
        for plan in [
            MergePlan::best(&tables, &memory),
            MergePlan::unmerged(&tables, &memory, rule),
        ] {
            let capacities = memory.groups().iter().flat_map(|group| {
                std::iter::repeat_n(group.capacity_bytes, usize::from(group.count))
            });
            let loads = plan.loads().iter().zip(capacities);
            let excess: f64 = loads.map(|(load, capacity)| (load.bytes - capacity).max(0.0)).sum();
            let violation = excess / memory.capacity_bytes();
            prop_assert!((plan.violation() - violation).abs() <= 1e-9 * (1.0 + violation));
            let held: f64 = plan.loads().iter().map(|load| load.bytes).sum();
            prop_assert!((held - plan.storage_bytes()).abs() <= 1e-9 * (1.0 + held));
        }
    }

    /// Whether there is room or not, merging never makes a plan worse.
    #[test]
    fn the_best_plan_is_no_worse_than_others(
        tables in tables(14), rule in rule(), bytes in 100_000..100_000_000_u64,
    ) {
        let memory = memory((2, bytes / 16), (3, bytes));
        let best = MergePlan::best(&tables, &memory);
        let apart = MergePlan::unmerged(&tables, &memory, rule);
        prop_assert!(best.violation() <= apart.violation());
        if apart.violation() == 0.0 {
            let bound = apart.lookup_latency_ns() * (1.0 + 1e-9);
            prop_assert!(best.lookup_latency_ns() <= bound);
        }
    }

    /// With room in every bank, whatever is merged; and the best plan for more banks is no slower than
    /// these plans for fewer.
    #[test]
    fn more_banks_are_never_slower(
        tables in tables(12), pairs in 0..=6_usize,
        on_chip in 0..3_u16, off_chip in 1..6_u16, is_on_chip in any::<bool>(),
    ) {
        let memory = |on_chip, off_chip| memory((on_chip, 1 << 50), (off_chip, 1 << 50));
        let few = memory(on_chip, off_chip);
        let more = memory(on_chip + u16::from(is_on_chip), off_chip + u16::from(!is_on_chip));
        let latency_ns = |memory: &BankMemory| {
            let candidates = 2 * pairs.min(tables.len() / 2);
            let rule = PlacementRule::LongestFirst;
            MergePlan::merged(&tables, memory, candidates, rule).lookup_latency_ns()
        };
        let bound = latency_ns(&few) * (1.0 + 1e-9);
        prop_assert!(latency_ns(&more) <= bound);
        prop_assert!(MergePlan::best(&tables, &more).lookup_latency_ns() <= bound);
    }

    #[test]
    fn no_candidates_are_no_merging(tables in tables(14), rule in rule()) {
        let memory = memory((2, 100_000), (4, 1 << 28));
        let none = MergePlan::merged(&tables, &memory, 0, rule);
        prop_assert_eq!(none.products(), 0);
        prop_assert_eq!(none.storage_ratio(), 1.0);
        prop_assert_eq!(none, MergePlan::unmerged(&tables, &memory, rule));
    }
}

/// Every way to pair some of the tables.
fn pairings(tables: &[MergedTable]) -> Vec<Vec<MergedTable>> {
    let Some((&first, rest)) = tables.split_first() else {
        return vec![Vec::new()];
    };
    let with = |table: MergedTable, others: Vec<MergedTable>| {
        pairings(&others).into_iter().map(move |mut pairing| {
            pairing.push(table);
            pairing
        })
    };
    let mut found: Vec<_> = with(first, rest.to_vec()).collect();
    for partner in 0..rest.len() {
        let mut others = rest.to_vec();
        let partner = others.remove(partner);
        if let Some(product) = first.times(partner) {
            found.extend(with(product, others));
        }
    }
    found
}

/// The shortest look-up of all pairings and all placements, and the least storage of those: latency in
/// ns, bytes. None where nothing fits.
fn exhaustive(tables: &[EmbeddingTable], memory: &BankMemory) -> Option<(f64, f64)> {
    let groups = memory.groups().iter();
    let banks: Vec<_> = groups
        .flat_map(|group| std::iter::repeat_n(group, usize::from(group.count)))
        .collect();
    let mut best: Option<(f64, f64)> = None;
    for pairing in pairings(&MergedTable::stored(tables)) {
        let bytes: f64 = pairing.iter().map(MergedTable::bytes).sum();
        for code in 0..banks.len().pow(pairing.len() as u32) {
            let (mut busy, mut held) = (vec![0.0; banks.len()], vec![0.0; banks.len()]);
            let mut digits = code;
            for table in &pairing {
                let bank = digits % banks.len();
                digits /= banks.len();
                let lookup_ns = banks[bank].start_ns + memory.words_ns(table.row_bits());
                busy[bank] += f64::from(table.lookups) * lookup_ns;
                held[bank] += table.bytes();
            }
            let mut fits = held.iter().zip(&banks);
            if !fits.all(|(held, bank)| *held <= bank.capacity_bytes) {
                continue;
            }
            let latency_ns = busy.iter().copied().fold(0.0, f64::max);
            let is_better = |best: (f64, f64)| {
                latency_ns < best.0 - 1e-9 || (latency_ns < best.0 + 1e-9 && bytes < best.1)
            };
            if best.is_none_or(is_better) {
                best = Some((latency_ns, bytes));
            }
        }
    }
    best
}

/// Six tables on a bank on chip and two of DRAM, against all pairings and placements.
#[test]
fn near_the_best_of_all_plans() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let memory = memory((1, 40_000), (2, 1 << 24));
    let strategy = prop::collection::vec(table(), 6..=6);
    let (mut ratios, mut storage) = (Vec::new(), Vec::new());
    while ratios.len() < 100 {
        let tables = strategy.new_tree(&mut runner).expect("tables").current();
        let Some((latency_ns, bytes)) = exhaustive(&tables, &memory) else {
            continue;
        };
        let plan = MergePlan::best(&tables, &memory);
        assert_eq!(plan.violation(), 0.0);
        let ratio = plan.lookup_latency_ns() / latency_ns;
        assert!(ratio >= 1.0 - 1e-9, "{ratio}");
        if ratio < 1.0 + 1e-9 {
            storage.push(plan.storage_bytes() / bytes);
        }
        ratios.push(ratio);
    }
    let mean = |ratios: &[f64]| ratios.iter().sum::<f64>() / ratios.len() as f64;
    let worst = |ratios: &[f64]| ratios.iter().copied().fold(1.0, f64::max);
    // As fast as the best plan in 99 of 100 cases; of these, storage.
    assert!(storage.len() >= 99, "{}", storage.len());
    assert!(mean(&ratios) < 1.001 && worst(&ratios) < 1.03, "{ratios:?}");
    assert!(
        mean(&storage) < 1.01 && worst(&storage) < 1.25,
        "{storage:?}"
    );
}
