//! How much room a solution has on its front (NSGA-II).

use crate::{dominance::number, evaluation::Evaluation};

/// Crowding distance of each member of `front`, in its order.
///
/// For every objective the two ends of the front get infinity, and the others the distance between
/// their neighbours divided by the range, so that scales do not matter. Fronts of one or two members are all infinite. An
/// objective whose range is zero or not finite adds nothing; of several members at an end the one
/// that comes first in `front` is the end.
pub fn crowding_distance(evaluations: &[Evaluation], front: &[usize]) -> Vec<f64> {
    let mut distances = vec![0.0; front.len()];
    if front.len() <= 2 {
        return vec![f64::INFINITY; front.len()];
    }
    let objectives = evaluations[front[0]].objectives.len();
    for objective in 0..objectives {
        let value = |place: usize| number(evaluations[front[place]].objectives[objective]);
        let mut order: Vec<usize> = (0..front.len()).collect();
        order.sort_by(|&a, &b| value(a).total_cmp(&value(b)));
        let (first, last) = (order[0], order[order.len() - 1]);
        let range = value(last) - value(first);
        if range <= 0.0 || !range.is_finite() {
            continue;
        }
        distances[first] = f64::INFINITY;
        distances[last] = f64::INFINITY;
        for neighbours in order.windows(3) {
            distances[neighbours[1]] += (value(neighbours[2]) - value(neighbours[0])) / range;
        }
    }
    distances
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(points: &[[f64; 2]], expected: &[f64]) {
        let evaluations: Vec<Evaluation> = points
            .iter()
            .map(|point| Evaluation {
                objectives: point.to_vec(),
                violation: 0.0,
            })
            .collect();
        let front: Vec<usize> = (0..points.len()).collect();
        assert_eq!(crowding_distance(&evaluations, &front), expected);
    }

    #[test]
    fn by_hand() {
        let infinite = f64::INFINITY;
        check(
            &[[0.0, 4.0], [1.0, 3.0], [4.0, 0.0]],
            &[infinite, 2.0, infinite],
        );
        check(
            &[[0.0, 4.0], [1.0, 2.0], [3.0, 1.0], [4.0, 0.0]],
            &[infinite, 1.5, 1.25, infinite],
        );
    }

    #[test]
    fn edge_cases() {
        check(&[[1.0, 1.0]], &[f64::INFINITY]);
        check(&[[1.0, 1.0], [1.0, 1.0], [1.0, 1.0]], &[0.0, 0.0, 0.0]);
        let infinite = f64::INFINITY;
        check(
            &[[infinite, 0.0], [0.0, 1.0], [1.0, 0.5]],
            &[infinite, infinite, 1.0],
        );
    }
}
