//! What holds for all inputs.

use pimento_evolution::{
    Evaluation, Individual, ParetoFront, crowding_distance, dominates, hypervolume,
    non_dominated_sort,
};
use proptest::prelude::*;

fn evaluation() -> impl Strategy<Value = Evaluation> {
    let figure = prop_oneof![
        30 => (0..6_u8).prop_map(f64::from),
        1 => prop_oneof![Just(f64::NAN), Just(f64::INFINITY), Just(f64::NEG_INFINITY)],
    ];
    let violation = prop_oneof![
        9 => Just(0.0),
        3 => (0..3_u8).prop_map(f64::from),
        1 => Just(f64::NAN),
    ];
    (prop::collection::vec(figure, 3), violation).prop_map(|(objectives, violation)| Evaluation {
        objectives,
        violation,
    })
}

fn points(dimensions: usize) -> impl Strategy<Value = Vec<Vec<f64>>> {
    prop::collection::vec(
        prop::collection::vec((0..7_u8).prop_map(f64::from), dimensions),
        0..8,
    )
}

fn volume(points: &[Vec<f64>], reference: &[f64]) -> f64 {
    hypervolume(
        &points.iter().map(Vec::as_slice).collect::<Vec<_>>(),
        reference,
    )
}

/// Unit cells of the grid that some point dominates.
fn cells(points: &[Vec<f64>], reference: usize, dimensions: u32) -> f64 {
    let total = reference.pow(dimensions);
    let is_covered = |cell: usize| {
        points.iter().any(|point| {
            let mut rest = cell;
            point.iter().all(|&value| {
                let corner = rest % reference;
                rest /= reference;
                value <= corner as f64
            })
        })
    };
    (0..total).filter(|&cell| is_covered(cell)).count() as f64
}

proptest! {
    #[test]
    fn domination_is_a_strict_partial_order(a in evaluation(), b in evaluation(), c in evaluation()) {
        prop_assert!(!dominates(&a, &a));
        prop_assert!(!(dominates(&a, &b) && dominates(&b, &a)));
        if dominates(&a, &b) && dominates(&b, &c) {
            prop_assert!(dominates(&a, &c));
        }
    }

    #[test]
    fn sorting_partitions_and_each_front_is_beaten_only_by_earlier_ones(
        evaluations in prop::collection::vec(evaluation(), 0..25),
    ) {
        let fronts = non_dominated_sort(&evaluations);
        let mut all: Vec<usize> = fronts.concat();
        all.sort_unstable();
        prop_assert_eq!(all, (0..evaluations.len()).collect::<Vec<_>>());
        for (number, front) in fronts.iter().enumerate() {
            for &member in front {
                let beats = |other: &usize| dominates(&evaluations[*other], &evaluations[member]);
                prop_assert!(!front.iter().any(beats));
                prop_assert!(number == 0 || fronts[number - 1].iter().any(beats));
            }
        }
    }

    #[test]
    fn hypervolume_counts_grid_cells(
        two in points(2), three in points(3), four in points(4), five in points(5),
    ) {
        prop_assert_eq!(volume(&two, &[6.0; 2]), cells(&two, 6, 2));
        prop_assert_eq!(volume(&three, &[6.0; 3]), cells(&three, 6, 3));
        prop_assert_eq!(volume(&four, &[6.0; 4]), cells(&four, 6, 4));
        prop_assert_eq!(volume(&five, &[6.0; 5]), cells(&five, 6, 5));
    }

    #[test]
    fn hypervolume_does_not_depend_on_the_order(
        (points, shuffled) in prop::collection::vec(prop::collection::vec(0.0..1.0, 4), 0..20)
            .prop_flat_map(|points| (Just(points.clone()), Just(points).prop_shuffle())),
    ) {
        let (one, other) = (volume(&points, &[1.0; 4]), volume(&shuffled, &[1.0; 4]));
        prop_assert!((one - other).abs() <= 1e-12, "{one} {other}");
    }

    #[test]
    fn hypervolume_does_not_depend_on_the_order_of_objectives(
        points in prop::collection::vec(prop::collection::vec(0.0..1.0, 4), 0..20),
    ) {
        let turned: Vec<Vec<f64>> = points
            .iter()
            .map(|point| point.iter().rev().copied().collect())
            .collect();
        let (one, other) = (volume(&points, &[1.0; 4]), volume(&turned, &[1.0; 4]));
        prop_assert!((one - other).abs() <= 1e-12, "{one} {other}");
    }

    #[test]
    fn a_front_is_what_nobody_dominates(
        evaluations in prop::collection::vec(evaluation(), 0..25),
    ) {
        let individuals: Vec<Individual<usize>> = evaluations
            .iter()
            .enumerate()
            .map(|(genotype, evaluation)| Individual { genotype, evaluation: evaluation.clone() })
            .collect();
        let front = ParetoFront::from_individuals(&individuals);
        let mut found: Vec<usize> = front.iter().map(|member| member.genotype).collect();
        found.sort_unstable();
        let best = non_dominated_sort(&evaluations).into_iter().next().unwrap_or_default();
        let best: Vec<usize> = best.into_iter().filter(|&i| evaluations[i].is_feasible()).collect();
        prop_assert_eq!(found, best);
        let backwards = ParetoFront::from_individuals(individuals.iter().rev());
        prop_assert_eq!(front, backwards);
    }

    #[test]
    fn another_point_never_lowers_the_hypervolume(points in points(4), new in prop::collection::vec(0.0..6.0, 4)) {
        let before = volume(&points, &[6.0; 4]);
        let mut more = points.clone();
        more.insert(0, new);
        prop_assert!(volume(&more, &[6.0; 4]) >= before - 1e-9);
        more.push(more[0].clone());
        let twice = volume(&more, &[6.0; 4]);
        more.pop();
        prop_assert!((twice - volume(&more, &[6.0; 4])).abs() < 1e-9);
    }

    #[test]
    fn crowding_is_never_negative(evaluations in prop::collection::vec(evaluation(), 1..12)) {
        let front: Vec<usize> = (0..evaluations.len()).collect();
        for distance in crowding_distance(&evaluations, &front) {
            prop_assert!(distance >= 0.0);
        }
    }
}
