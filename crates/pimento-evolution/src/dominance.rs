//! Which of two solutions is better, and sorting by it.
//!
//! Deb et al., "A Fast and Elitist Multiobjective Genetic Algorithm: NSGA-II", 2002.

use crate::evaluation::Evaluation;

/// Whether `a` is better than `b`: feasible before infeasible; of two infeasible ones the smaller
/// violation, a failed measurement last; of two feasible ones the one that is nowhere worse and
/// somewhere better. A strict partial order, whatever the values.
pub fn dominates(a: &Evaluation, b: &Evaluation) -> bool {
    match (a.is_feasible(), b.is_feasible()) {
        (true, false) => true,
        (false, true) => false,
        (false, false) => a.distance() < b.distance(),
        (true, true) => {
            let pairs = || a.objectives.iter().zip(&b.objectives);
            pairs().all(|(a, b)| a <= b) && pairs().any(|(a, b)| a < b)
        }
    }
}

/// Indices by front: the first front is dominated by nobody, the next one only by earlier fronts.
/// Within a front indices ascend.
pub fn non_dominated_sort(evaluations: &[Evaluation]) -> Vec<Vec<usize>> {
    let count = evaluations.len();
    let mut beaten_by = vec![0_usize; count];
    let mut beats = vec![Vec::new(); count];
    for a in 0..count {
        for b in a + 1..count {
            if dominates(&evaluations[a], &evaluations[b]) {
                beats[a].push(b);
                beaten_by[b] += 1;
            } else if dominates(&evaluations[b], &evaluations[a]) {
                beats[b].push(a);
                beaten_by[a] += 1;
            }
        }
    }
    let mut fronts = Vec::new();
    let mut front: Vec<usize> = (0..count).filter(|&index| beaten_by[index] == 0).collect();
    while !front.is_empty() {
        let mut next = Vec::new();
        for &winner in &front {
            for &loser in &beats[winner] {
                beaten_by[loser] -= 1;
                if beaten_by[loser] == 0 {
                    next.push(loser);
                }
            }
        }
        next.sort_unstable();
        fronts.push(std::mem::replace(&mut front, next));
    }
    fronts
}

/// The value, or infinity for what is not finite.
pub(crate) fn number(value: f64) -> f64 {
    if value.is_finite() {
        value
    } else {
        f64::INFINITY
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feasible(objectives: &[f64]) -> Evaluation {
        Evaluation {
            objectives: objectives.to_vec(),
            violation: 0.0,
        }
    }

    #[test]
    fn feasible_beats_infeasible_whatever_its_figures() {
        let infeasible = Evaluation {
            objectives: vec![0.0, 0.0],
            violation: 0.1,
        };
        assert!(dominates(&feasible(&[9.0, 9.0]), &infeasible));
        assert!(!dominates(&infeasible, &feasible(&[9.0, 9.0])));
        let worse = Evaluation {
            violation: 0.2,
            ..infeasible.clone()
        };
        assert!(dominates(&infeasible, &worse));
    }

    #[test]
    fn equal_ones_do_not_beat_each_other() {
        assert!(!dominates(&feasible(&[1.0, 2.0]), &feasible(&[1.0, 2.0])));
    }

    #[test]
    fn what_is_not_finite_is_worst() {
        let good = feasible(&[1.0, 2.0]);
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert!(dominates(&good, &feasible(&[1.0, value])), "{value}");
            assert!(!dominates(&feasible(&[1.0, value]), &good), "{value}");
        }
        let far = Evaluation {
            violation: 1e9,
            ..good.clone()
        };
        let unknown = Evaluation {
            violation: f64::NAN,
            ..good.clone()
        };
        assert!(!unknown.is_feasible() && dominates(&good, &unknown));
        assert!(dominates(&far, &unknown));
        assert!(dominates(&far, &feasible(&[f64::NAN, 0.0])));
    }

    #[test]
    fn sorts_into_fronts() {
        let evaluations =
            [[1.0, 4.0], [2.0, 2.0], [2.0, 4.0], [4.0, 1.0], [5.0, 5.0]].map(|o| feasible(&o));
        assert_eq!(
            non_dominated_sort(&evaluations),
            [vec![0, 1, 3], vec![2], vec![4]]
        );
    }
}
