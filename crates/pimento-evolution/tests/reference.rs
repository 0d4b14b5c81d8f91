//! Searches and volumes whose best possible figure is known.

mod problems {
    pub(crate) mod dtlz2;
    pub(crate) mod zdt1;
}

use std::f64::consts::{FRAC_PI_2, PI};

use pimento_evolution::{Algorithm, Problem, Search, SearchSettings, hypervolume};
use problems::{dtlz2::Dtlz2, zdt1::Zdt1};

/// Median over five seeds of the hypervolume of all that was evaluated, reference point 1.1.
fn median_hypervolume(problem: &impl Problem, settings: &SearchSettings) -> f64 {
    let mut found: Vec<f64> = (1..=5)
        .map(|seed| {
            let settings = SearchSettings {
                reference: Some(vec![1.1; problem.objectives().len()]),
                seed,
                ..settings.clone()
            };
            let checked = settings.validate_for(problem.objectives());
            checked.expect("the settings are valid");
            let mut search = Search::new(problem, settings);
            while search.step().is_none() {}
            let report = search.last_report();
            report.expect("a generation is done").hypervolume
        })
        .collect();
    found.sort_by(f64::total_cmp);
    found[2]
}

fn settings(algorithm: Algorithm, size: usize, generations: usize) -> SearchSettings {
    SearchSettings {
        algorithm,
        population_size: size,
        children_per_generation: size,
        generations,
        ..SearchSettings::default()
    }
}

/// The area below (1.1, 1.1) and above f₂ = 1 − √f₁: 0.11 + ∫₀¹ (0.1 + √x) dx.
const BEST_ZDT1: f64 = 0.11 + 0.1 + 2.0 / 3.0;

/// What the positive part of the unit ball leaves of a cube of side 1.1: 1.1⁴ − π²/32.
const BEST_DTLZ2: f64 = 1.1 * 1.1 * 1.1 * 1.1 - PI * PI / 32.0;

#[test]
fn two_objectives_come_near_the_best_front() {
    let problem = Zdt1 { most: u32::MAX };
    let random = median_hypervolume(&problem, &settings(Algorithm::Random, 40, 60));
    for algorithm in [Algorithm::Nsga2, Algorithm::SmsEmoa] {
        let found = median_hypervolume(&problem, &settings(algorithm, 40, 60));
        let share = found / BEST_ZDT1;
        assert!((0.8..=1.0).contains(&share), "{algorithm:?}: {share}");
        assert!(random < 0.5 * found, "{algorithm:?}: {random} {found}");
    }
    let ageing = SearchSettings {
        tournament_size: 20,
        ..settings(Algorithm::RegularizedEvolution, 40, 60)
    };
    let found = median_hypervolume(&problem, &ageing);
    assert!(found > random + 0.1 * BEST_ZDT1, "{found} {random}");
}

#[test]
fn four_objectives_need_the_hypervolume() {
    let share = |algorithm| median_hypervolume(&Dtlz2, &settings(algorithm, 60, 40)) / BEST_DTLZ2;
    let crowding = share(Algorithm::Nsga2);
    let volume = share(Algorithm::SmsEmoa);
    let random = share(Algorithm::Random);
    assert!(random < 0.5 * crowding, "{random} {crowding}");
    assert!(crowding + 0.05 < volume, "{crowding} {volume}");
    assert!((0.83..=1.0).contains(&volume), "{volume}");
}

/// moocore (CRAN, 2026), documentation of `hypervolume`: 38 when minimised, 39 when maximised from
/// zero.
#[test]
fn the_example_of_moocore() {
    let points: [&[f64]; 4] = [&[5.0, 5.0], &[4.0, 6.0], &[2.0, 7.0], &[7.0, 4.0]];
    assert_eq!(hypervolume(&points, &[10.0, 10.0]), 38.0);
    let points: [&[f64]; 4] = [&[-5.0, -5.0], &[-4.0, -6.0], &[-2.0, -7.0], &[-7.0, -4.0]];
    assert_eq!(hypervolume(&points, &[0.0, 0.0]), 39.0);
}

/// A box of 24 with another inside it, and boxes of 24 and 12 that share 8.
#[test]
fn three_objectives_by_hand() {
    let points: [&[f64]; 2] = [&[1.0, 2.0, 0.0], &[2.0, 2.0, 1.0]];
    assert_eq!(hypervolume(&points, &[4.0, 4.0, 4.0]), 24.0);
    let points: [&[f64]; 2] = [&[1.0, 2.0, 0.0], &[2.0, 1.0, 2.0]];
    assert_eq!(hypervolume(&points, &[4.0, 4.0, 4.0]), 24.0 + 12.0 - 8.0);
}

/// Points on the unit sphere in three and four dimensions leave a little less than 1.1ⁿ minus the
/// ball's share where all coordinates are positive: π/6 and π²/32.
#[test]
fn spherical_fronts_come_near_the_sphere() {
    let steps = 12;
    let angle = |step: usize| step as f64 / steps as f64 * FRAC_PI_2;
    let (mut three, mut four) = (Vec::new(), Vec::new());
    for a in 0..=steps {
        for b in 0..=steps {
            let ((sin_a, cos_a), (sin_b, cos_b)) = (angle(a).sin_cos(), angle(b).sin_cos());
            three.push(vec![sin_a, cos_a * sin_b, cos_a * cos_b]);
            for c in 0..=steps {
                let (sin_c, cos_c) = angle(c).sin_cos();
                let rest = cos_a * cos_b;
                four.push(vec![sin_a, cos_a * sin_b, rest * sin_c, rest * cos_c]);
            }
        }
    }
    let share = |points: &[Vec<f64>], best: f64| {
        let points: Vec<&[f64]> = points.iter().map(Vec::as_slice).collect();
        hypervolume(&points, &vec![1.1; points[0].len()]) / best
    };
    let three = share(&three, 1.1_f64.powi(3) - PI / 6.0);
    let four = share(&four, BEST_DTLZ2);
    assert!((0.9..1.0).contains(&three), "{three}");
    assert!((0.9..1.0).contains(&four), "{four}");
}
