//! The volume that a front dominates.
//!
//! Three objectives are swept as in Beume et al., "On the Complexity of Computing the Hypervolume
//! Indicator", 2009; more are stacked from exclusive volumes, as in While, Bradstreet and Barone,
//! "A Fast Way of Calculating Exact Hypervolumes" (WFG), 2012.

/// Exact volume of the points that some of `points` dominates and that dominate `reference`.
///
/// Points that are not better than the reference everywhere, or that have a value that is not
/// finite, add nothing; equal points count once. O(n log n) for two objectives, for three apart
/// from moving the staircase's entries in memory; O(n² log n) for four; exponential in the
/// objectives from there on.
///
/// # Panics
/// If a point has another number of objectives than the reference.
pub fn hypervolume(points: &[&[f64]], reference: &[f64]) -> f64 {
    volume(&inside(points, reference), reference)
}

/// Volume that the point at `member` dominates and no other of `points` does.
pub(crate) fn contribution(points: &[&[f64]], member: usize, reference: &[f64]) -> f64 {
    let own = points[member];
    if inside(&[own], reference).is_empty() {
        return 0.0;
    }
    let mut others = points.to_vec();
    others.remove(member);
    exclusive(own, &inside(&others, reference), reference)
}

fn inside<'a>(points: &[&'a [f64]], reference: &[f64]) -> Vec<&'a [f64]> {
    let is_inside = |point: &&[f64]| {
        assert_eq!(
            point.len(),
            reference.len(),
            "points and reference have the same objectives"
        );
        let mut pairs = point.iter().zip(reference);
        pairs.all(|(value, limit)| value.is_finite() && value < limit)
    };
    points.iter().copied().filter(is_inside).collect()
}

fn volume(points: &[&[f64]], reference: &[f64]) -> f64 {
    match reference.len() {
        0 => 0.0,
        1 => {
            let lengths = points.iter().map(|point| reference[0] - point[0]);
            lengths.fold(0.0, f64::max)
        }
        2 => {
            let mut staircase = Staircase::below(reference[0], reference[1]);
            let areas = points.iter().map(|p| staircase.add(p[0], p[1]));
            areas.fold(0.0, |total, area| total + area)
        }
        3 => sweep(points, reference),
        _ => stack(points, reference),
    }
}

/// Three objectives: the area under the points seen so far, times the way to the next point.
fn sweep(points: &[&[f64]], reference: &[f64]) -> f64 {
    let order = by_last_value(points);
    let mut staircase = Staircase::below(reference[0], reference[1]);
    let mut area = 0.0;
    let mut total = 0.0;
    for (place, point) in order.iter().enumerate() {
        area += staircase.add(point[0], point[1]);
        let end = order.get(place + 1).map_or(reference[2], |next| next[2]);
        total += area * (end - point[2]);
    }
    total
}

/// Four and more objectives: among points in the order of their last value, what a point adds is a
/// prism over what it alone dominates in the other objectives.
fn stack(points: &[&[f64]], reference: &[f64]) -> f64 {
    let last = reference.len() - 1;
    let mut front: Vec<&[f64]> = Vec::new();
    let mut total = 0.0;
    for point in by_last_value(points) {
        let own = &point[..last];
        if front.iter().any(|other| covers(other, own)) {
            continue;
        }
        total += exclusive(own, &front, &reference[..last]) * (reference[last] - point[last]);
        front.retain(|other| !covers(own, other));
        front.push(own);
    }
    total
}

/// Volume that `own` dominates and none of `others` does; all lie inside the reference.
fn exclusive(own: &[f64], others: &[&[f64]], reference: &[f64]) -> f64 {
    if others.iter().any(|other| covers(other, own)) {
        return 0.0;
    }
    let shared: Vec<f64> = others
        .iter()
        .flat_map(|other| other.iter().zip(own).map(|(other, own)| other.max(*own)))
        .collect();
    let shared: Vec<&[f64]> = shared.chunks_exact(own.len()).collect();
    let all: f64 = own
        .iter()
        .zip(reference)
        .map(|(value, limit)| limit - value)
        .product();
    (all - volume(&shared, reference)).max(0.0)
}

fn by_last_value<'a>(points: &[&'a [f64]]) -> Vec<&'a [f64]> {
    let mut order = points.to_vec();
    order.sort_by(|a, b| {
        let (a, b) = (a[a.len() - 1], b[b.len() - 1]);
        a.total_cmp(&b)
    });
    order
}

fn covers(a: &[f64], b: &[f64]) -> bool {
    a.iter().zip(b).all(|(a, b)| a <= b)
}

/// The points of a plane of which none dominates another: x ascends, y falls.
struct Staircase {
    steps: Vec<(f64, f64)>,
    right: f64,
    top: f64,
}

impl Staircase {
    fn below(right: f64, top: f64) -> Self {
        Self {
            steps: Vec::new(),
            right,
            top,
        }
    }

    /// Adds a point and returns the area that it adds.
    fn add(&mut self, x: f64, y: f64) -> f64 {
        let first = self.steps.partition_point(|step| step.0 < x);
        let end = first + self.steps[first..].partition_point(|step| step.1 >= y);
        let mut ceiling = first.checked_sub(1).map_or(self.top, |at| self.steps[at].1);
        let is_covered =
            ceiling <= y || self.steps.get(first).is_some_and(|s| s.0 <= x && s.1 <= y);
        if is_covered {
            return 0.0;
        }
        let (mut left, mut area) = (x, 0.0);
        for &(step_x, step_y) in &self.steps[first..end] {
            area += (step_x - left) * (ceiling - y);
            (left, ceiling) = (step_x, step_y);
        }
        let right = self.steps.get(end).map_or(self.right, |step| step.0);
        area += (right - left) * (ceiling - y);
        self.steps.splice(first..end, [(x, y)]);
        area
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_hand() {
        assert_eq!(hypervolume(&[&[2.0]], &[5.0]), 3.0);
        assert_eq!(hypervolume(&[&[1.0, 2.0], &[2.0, 1.0]], &[3.0, 3.0]), 3.0);
        assert_eq!(hypervolume(&[&[0.0, 0.0, 0.0]], &[2.0, 3.0, 4.0]), 24.0);
        let corners: [&[f64]; 3] = [&[0.0, 1.0, 1.0], &[1.0, 0.0, 1.0], &[1.0, 1.0, 0.0]];
        assert_eq!(hypervolume(&corners, &[2.0, 2.0, 2.0]), 4.0);
        let apart: [&[f64]; 2] = [&[0.0, 0.0, 0.0, 1.0], &[1.0, 1.0, 1.0, 0.0]];
        assert_eq!(hypervolume(&apart, &[2.0; 4]), 9.0);
    }

    #[test]
    fn points_beyond_the_reference_add_nothing() {
        assert_eq!(hypervolume(&[&[3.0, 0.0]], &[3.0, 3.0]), 0.0);
        assert_eq!(hypervolume(&[], &[3.0, 3.0]), 0.0);
    }

    #[test]
    fn values_that_are_not_finite_add_nothing() {
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(hypervolume(&[&[value, 0.0]], &[3.0, 3.0]), 0.0, "{value}");
        }
    }

    #[test]
    fn a_contribution_is_what_a_point_alone_dominates() {
        let points: [&[f64]; 4] = [&[0.0, 2.0], &[1.0, 1.0], &[2.0, 0.0], &[2.0, 2.0]];
        let contributions: Vec<f64> = (0..4)
            .map(|member| contribution(&points, member, &[4.0, 3.0]))
            .collect();
        assert_eq!(contributions, [1.0, 1.0, 2.0, 0.0]);
        let twins: [&[f64]; 2] = [&[1.0, 1.0], &[1.0, 1.0]];
        assert_eq!(contribution(&twins, 0, &[4.0, 3.0]), 0.0);
    }
}
