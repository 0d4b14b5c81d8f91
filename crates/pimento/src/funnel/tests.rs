//! A funnel by hand.

use super::*;

const SIZES: Sizes = Sizes {
    candidates: 4,
    keep: 2,
    top: 2,
};
/// Two queries with one click each, one without, and a rest.
const LABELS: [f32; 13] = [
    0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0,
];
/// Puts the click of the first query third and that of the last one second.
const COARSE: [f32; 13] = [
    4.0, 3.0, 2.0, 1.0, 0.0, 0.0, 0.0, 0.0, 2.0, 3.0, 1.0, 0.0, 9.0,
];
/// Puts both clicks first.
const FINE: [f32; 13] = [
    0.0, 0.0, 5.0, 0.0, 0.0, 0.0, 0.0, 0.0, 5.0, 0.0, 0.0, 0.0, 0.0,
];

fn cascade(keep: usize, top: usize, first: &[f32], second: &[f32]) -> Vec<f64> {
    let sizes = Sizes { keep, top, ..SIZES };
    let queries = Queries::new(&LABELS, sizes).unwrap();
    queries.cascade(&queries.kept(first), second)
}

#[test]
fn queries_without_a_click_and_rows_at_the_end_are_left_out() {
    let queries = Queries::new(&LABELS, SIZES).unwrap();
    assert_eq!(queries.len(), 2);
    assert_eq!(queries.without_click, 1);
    assert_eq!(queries.rows_left_over, 1);
}

#[test]
fn a_design_alone_ranks_all_candidates() {
    let queries = Queries::new(&LABELS, SIZES).unwrap();
    let second_place = 1.0 / 3_f64.log2();
    assert_eq!(queries.alone(&COARSE), [0.0, second_place]);
    assert_eq!(queries.alone(&FINE), [1.0, 1.0]);
}

#[test]
fn what_the_first_network_drops_is_lost() {
    assert_eq!(cascade(2, 2, &COARSE, &FINE), [0.0, 1.0]);
    assert_eq!(cascade(3, 2, &COARSE, &FINE), [1.0, 1.0]);
}

#[test]
fn keeping_all_is_the_second_network_alone() {
    let alone = |logits: &[f32]| Queries::new(&LABELS, SIZES).unwrap().alone(logits);
    assert_eq!(cascade(4, 2, &COARSE, &FINE), alone(&FINE));
    assert_eq!(cascade(4, 2, &FINE, &COARSE), alone(&COARSE));
}

#[test]
fn fewer_rows_than_places_leave_the_last_places_empty() {
    // One row each for three places: the coarse network keeps no click.
    assert_eq!(cascade(1, 3, &COARSE, &FINE), [0.0, 0.0]);
    assert_eq!(cascade(1, 3, &FINE, &COARSE), [1.0, 1.0]);
}

#[test]
fn sizes_that_cannot_be_are_errors() {
    let check = |candidates, keep, labels: &[f32], expected| {
        let sizes = Sizes {
            candidates,
            keep,
            top: 1,
        };
        assert_eq!(Queries::new(labels, sizes).err(), expected);
    };
    let keeps_more = FunnelError::KeepsMore {
        keep: 3,
        candidates: 2,
    };
    check(2, 3, &LABELS, Some(keeps_more));
    let too_few = FunnelError::TooFewRows {
        rows: 13,
        candidates: 14,
    };
    check(14, 14, &LABELS, Some(too_few));
    check(13, 13, &LABELS, None);
    check(2, 1, &[0.0; 5], Some(FunnelError::NoClick { queries: 2 }));
}

#[test]
fn a_query_fills_the_pipeline_once_per_stage() {
    let cost = CostSummary {
        latency_ns: 100.0,
        energy_pj: 3.0,
        area_um2: 7.0,
        throughput_per_s: 1e8,
        ..CostSummary::default()
    };
    let stage = QueryCost::of_stage(&cost, 5);
    // 100 ns and four times 10 ns; five times 3 pJ.
    let expected = QueryCost {
        time_ns: 140.0,
        energy_pj: 15.0,
        area_um2: 7.0,
    };
    assert_eq!(stage, expected);
    // One row more: 100 ns and 3 pJ.
    let both = QueryCost {
        time_ns: 240.0,
        energy_pj: 18.0,
        area_um2: 14.0,
    };
    assert_eq!(stage + QueryCost::of_stage(&cost, 1), both);
}

#[test]
fn entries_that_another_one_dominates_are_marked() {
    let entry = |name: &str, ndcg: f64, time_ns: f64, energy_pj: f64| {
        let cost = QueryCost {
            time_ns,
            energy_pj,
            area_um2: 0.0,
        };
        Entry::new(&[name], &[ndcg], &[0.5], cost)
    };
    let mut entries = [
        entry("worse", 0.4, 2.0, 2.0),
        entry("slow", 0.5, 3.0, 1.0),
        entry("good", 0.5, 2.0, 2.0),
        entry("same", 0.5, 2.0, 2.0),
        entry("equal but for time", 0.5, 2.5, 2.0),
        entry("best", 0.9, 9.0, 9.0),
    ];
    sort_and_mark(&mut entries);
    let names: Vec<_> = entries.iter().map(|entry| &entry.designs[0][..]).collect();
    let expected = [
        "best",
        "good",
        "same",
        "equal but for time",
        "slow",
        "worse",
    ];
    assert_eq!(names, expected);
    let marks: Vec<_> = entries.iter().map(|entry| entry.is_dominated).collect();
    assert_eq!(marks, [false, false, false, true, false, true]);
    assert!((entries[0].difference.mean - 0.4).abs() < 1e-12);
}
