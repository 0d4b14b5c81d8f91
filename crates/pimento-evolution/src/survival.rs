//! Who stays: whole fronts first, and of the front that does not fit those that matter most.

use crate::{
    crowding::crowding_distance,
    dominance::{non_dominated_sort, number},
    evaluation::Evaluation,
    hypervolume::contribution,
};

/// Reference point of contributions, of values scaled to [0, 1] over a front: the ends of a front
/// contribute too.
const BEYOND: f64 = 1.1;

/// What matters within a front.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Measure {
    /// Crowding distance, computed once (NSGA-II: Deb et al. 2002).
    Crowding,
    /// Hypervolume that would be lost, computed anew after every removal (SMS-EMOA: Beume, Naujoks
    /// and Emmerich 2007).
    Contribution,
}

/// Places of the `size` best, ascending. Ties go to the earlier place.
pub(crate) fn survivors(evaluations: &[Evaluation], size: usize, measure: Measure) -> Vec<usize> {
    let mut kept = Vec::with_capacity(size);
    for front in non_dominated_sort(evaluations) {
        let room = size - kept.len();
        if front.len() <= room {
            kept.extend(front);
            continue;
        }
        kept.extend(match measure {
            Measure::Crowding => roomiest(evaluations, &front, room),
            Measure::Contribution => without_the_least(evaluations, &front, room),
        });
        break;
    }
    kept.sort_unstable();
    kept
}

fn roomiest(evaluations: &[Evaluation], front: &[usize], room: usize) -> Vec<usize> {
    let distances = crowding_distance(evaluations, front);
    let mut order: Vec<usize> = (0..front.len()).collect();
    order.sort_by(|&a, &b| distances[b].total_cmp(&distances[a]).then(a.cmp(&b)));
    order[..room].iter().map(|&place| front[place]).collect()
}

/// Removes the member that contributes least until `room` are left.
///
/// A contribution never falls when another member goes, so an old one is a lower bound, and only
/// the members that look least are computed anew.
fn without_the_least(evaluations: &[Evaluation], front: &[usize], room: usize) -> Vec<usize> {
    let scaled = scaled(evaluations, front);
    let reference = vec![BEYOND; scaled[0].len()];
    let mut members = front.to_vec();
    let mut points: Vec<&[f64]> = scaled.iter().map(Vec::as_slice).collect();
    let mut contributions: Vec<f64> = (0..points.len())
        .map(|member| contribution(&points, member, &reference))
        .collect();
    let mut is_new = vec![true; points.len()];
    while members.len() > room {
        let least = (0..members.len())
            .rev()
            .min_by(|&a, &b| contributions[a].total_cmp(&contributions[b]))
            .expect("the front has members");
        if is_new[least] {
            members.remove(least);
            points.remove(least);
            contributions.remove(least);
            is_new.pop();
            is_new.fill(false);
        } else {
            contributions[least] = contribution(&points, least, &reference);
            is_new[least] = true;
        }
    }
    members
}

/// Objectives of the members of a front, each divided by its range; an objective without a range
/// is 0, a value that is not finite infinite.
fn scaled(evaluations: &[Evaluation], front: &[usize]) -> Vec<Vec<f64>> {
    let objectives = evaluations[front[0]].objectives.len();
    let mut points = vec![Vec::with_capacity(objectives); front.len()];
    for objective in 0..objectives {
        let value = |place: &usize| number(evaluations[*place].objectives[objective]);
        let finite = || front.iter().map(value).filter(|value| value.is_finite());
        let least = finite().fold(f64::INFINITY, f64::min);
        let range = finite().fold(f64::NEG_INFINITY, f64::max) - least;
        for (point, place) in points.iter_mut().zip(front) {
            point.push(match value(place) - least {
                above if !above.is_finite() => f64::INFINITY,
                above if range > 0.0 => above / range,
                _ => 0.0,
            });
        }
    }
    points
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(points: &[[f64; 2]], size: usize, measure: Measure, expected: &[usize]) {
        let evaluations: Vec<Evaluation> = points
            .iter()
            .map(|point| Evaluation {
                objectives: point.to_vec(),
                violation: 0.0,
            })
            .collect();
        assert_eq!(survivors(&evaluations, size, measure), expected);
    }

    #[test]
    fn whole_fronts_come_first() {
        for measure in [Measure::Crowding, Measure::Contribution] {
            check(&[[5.0, 5.0], [0.0, 1.0], [1.0, 0.0]], 2, measure, &[1, 2]);
        }
    }

    #[test]
    fn the_member_with_the_least_room_goes() {
        let points = [[0.0, 10.0], [1.0, 8.0], [2.0, 7.0], [10.0, 0.0]];
        check(&points, 3, Measure::Crowding, &[0, 2, 3]);
    }

    /// By hand, in thousandths, with the reference at (1.1, 1.1): 10, 20, 440 and 25; once the
    /// first is gone, the second contributes 30.
    #[test]
    fn the_member_that_contributes_least_goes() {
        let points = [[0.0, 10.0], [1.0, 8.0], [2.0, 2.5], [10.0, 0.0]];
        check(&points, 3, Measure::Contribution, &[1, 2, 3]);
        check(&points, 2, Measure::Contribution, &[1, 2]);
    }

    #[test]
    fn of_two_equal_members_one_stays() {
        let points = [[0.0, 1.0], [0.5, 0.5], [0.5, 0.5], [1.0, 0.0]];
        check(&points, 3, Measure::Contribution, &[0, 1, 3]);
    }

    #[test]
    fn a_front_without_a_range_and_values_that_are_not_finite_are_kept_in_order() {
        for measure in [Measure::Crowding, Measure::Contribution] {
            check(&[[1.0, 1.0]; 3], 2, measure, &[0, 1]);
            check(&[[f64::NAN, f64::INFINITY]; 3], 2, measure, &[0, 1]);
        }
    }
}
