//! The volume that a front dominates.

/// Exact volume of the points that some of `points` dominates and that dominate `reference`.
///
/// Points that are not better than the reference everywhere add nothing. One objective is a
/// difference, two are a sweep; more are cut into slices along the last objective, each a
/// hypervolume of one objective less: O(n² log n) for three and O(n³ log n) for four objectives.
///
/// # Panics
/// If a point has another number of objectives than the reference.
pub fn hypervolume(points: &[&[f64]], reference: &[f64]) -> f64 {
    let mut inside: Vec<&[f64]> = Vec::with_capacity(points.len());
    for point in points {
        assert_eq!(
            point.len(),
            reference.len(),
            "points and reference have the same objectives"
        );
        if point
            .iter()
            .zip(reference)
            .all(|(value, limit)| value < limit)
        {
            inside.push(point);
        }
    }
    volume(&inside, reference)
}

fn volume(points: &[&[f64]], reference: &[f64]) -> f64 {
    match reference.len() {
        0 => 0.0,
        1 => points
            .iter()
            .map(|point| reference[0] - point[0])
            .fold(0.0, f64::max),
        2 => area(points, reference),
        dimensions => {
            let last = dimensions - 1;
            let mut order = points.to_vec();
            order.sort_by(|a, b| a[last].total_cmp(&b[last]));
            let mut slice: Vec<&[f64]> = Vec::new();
            let mut total = 0.0;
            for (index, point) in order.iter().enumerate() {
                let own = &point[..last];
                if !slice.iter().any(|other| covers(other, own)) {
                    slice.retain(|other| !covers(own, other));
                    slice.push(own);
                }
                let end = order
                    .get(index + 1)
                    .map_or(reference[last], |next| next[last]);
                let depth = end - point[last];
                if depth > 0.0 {
                    total += depth * volume(&slice, &reference[..last]);
                }
            }
            total
        }
    }
}

fn area(points: &[&[f64]], reference: &[f64]) -> f64 {
    let mut order = points.to_vec();
    order.sort_by(|a, b| a[0].total_cmp(&b[0]).then(a[1].total_cmp(&b[1])));
    let mut ceiling = reference[1];
    let mut total = 0.0;
    for point in order {
        if point[1] < ceiling {
            total += (reference[0] - point[0]) * (ceiling - point[1]);
            ceiling = point[1];
        }
    }
    total
}

fn covers(a: &[f64], b: &[f64]) -> bool {
    a.iter().zip(b).all(|(a, b)| a <= b)
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
    }

    #[test]
    fn points_beyond_the_reference_add_nothing() {
        assert_eq!(hypervolume(&[&[3.0, 0.0]], &[3.0, 3.0]), 0.0);
        assert_eq!(hypervolume(&[], &[3.0, 3.0]), 0.0);
    }
}
