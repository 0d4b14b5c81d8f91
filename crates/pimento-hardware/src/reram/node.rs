//! Scaling of CMOS between nodes.
//!
//! Stillmaker & Baas, Integration 58, 2017, as tabulated in Accelergy-Project/accelergy-library-plug-in
//! `scaling.py`: linear between nodes (the plug-in gives the weight of the larger node to the smaller
//! one and the other way round: 22 nm comes out nearer to 32 nm than to 20 nm), clamped outside 7 to
//! 130 nm, where the area goes on with the ratio of the nodes and the energy with its square root. The
//! table is rounded to two digits, so that factors there and back do not cancel.

/// Nodes of the tables, in nm.
const NODES_NM: [f64; 10] = [130.0, 90.0, 65.0, 45.0, 32.0, 20.0, 16.0, 14.0, 10.0, 7.0];

/// Area of a circuit at the column's node, in areas at the row's.
const AREA: [[f64; 10]; 10] = [
    [
        1.0, 0.44, 0.23, 0.16, 0.072, 0.033, 0.03, 0.027, 0.016, 0.0092,
    ],
    [
        2.3, 1.0, 0.53, 0.35, 0.16, 0.075, 0.067, 0.061, 0.036, 0.021,
    ],
    [4.3, 1.9, 1.0, 0.66, 0.31, 0.14, 0.13, 0.12, 0.068, 0.039],
    [6.4, 2.8, 1.5, 1.0, 0.46, 0.21, 0.19, 0.17, 0.1, 0.059],
    [14.0, 6.1, 3.3, 2.2, 1.0, 0.46, 0.41, 0.38, 0.22, 0.13],
    [30.0, 13.0, 7.1, 4.7, 2.2, 1.0, 0.89, 0.82, 0.48, 0.28],
    [34.0, 15.0, 7.9, 5.3, 2.4, 1.1, 1.0, 0.91, 0.54, 0.31],
    [37.0, 16.0, 8.7, 5.8, 2.7, 1.2, 1.1, 1.0, 0.59, 0.34],
    [63.0, 28.0, 15.0, 9.8, 4.5, 2.1, 1.9, 1.7, 1.0, 0.58],
    [110.0, 48.0, 25.0, 17.0, 7.8, 3.6, 3.2, 2.9, 1.7, 1.0],
];

/// Coefficients a, b, c of the energy aV² + bV + c at each node.
const ENERGY: [[f64; 3]; 10] = [
    [7.171, -6.709, 2.904],
    [4.762, -4.781, 2.092],
    [3.755, -4.398, 1.975],
    [1.103, -0.362, 0.2767],
    [0.9559, -0.7823, 0.471],
    [0.373, -0.1582, 0.041_04],
    [0.2958, -0.1241, 0.030_24],
    [0.2363, -0.096_75, 0.022_39],
    [0.2068, -0.093_11, 0.023_75],
    [0.1776, -0.090_97, 0.024_47],
];

/// Supply that the energies are compared at, in volts.
const SUPPLY_V: f64 = 0.8;

/// Area of a digital circuit at `to_nm`, in areas at `from_nm`.
pub fn area_factor(from_nm: f64, to_nm: f64) -> f64 {
    let (from, to) = (Place::of(from_nm), Place::of(to_nm));
    let row = |index: usize| to.between(|column| AREA[index][column]);
    let outside = outside(to_nm) / outside(from_nm);
    from.between(row) * outside
}

/// Energy of an operation of a digital circuit at `to_nm`, in energies at `from_nm`; both at 0.8 V.
pub fn energy_factor(from_nm: f64, to_nm: f64) -> f64 {
    let energy = |node_nm: f64| {
        let place = Place::of(node_nm);
        let polynomial = |index: usize| {
            let [a, b, c] = ENERGY[index];
            (a * SUPPLY_V + b) * SUPPLY_V + c
        };
        place.between(polynomial) * outside(node_nm).sqrt()
    };
    energy(to_nm) / energy(from_nm)
}

/// A node between two of the table.
struct Place {
    index: usize,
    /// Share of the next, smaller node.
    share: f64,
}

impl Place {
    fn of(node_nm: f64) -> Self {
        let last = NODES_NM.len() - 1;
        let node_nm = node_nm.clamp(NODES_NM[last], NODES_NM[0]);
        let smaller = NODES_NM.iter().position(|&node| node < node_nm);
        let index = smaller.unwrap_or(last).saturating_sub(1).min(last - 1);
        let (large, small) = (NODES_NM[index], NODES_NM[index + 1]);
        Self {
            index,
            share: (large - node_nm) / (large - small),
        }
    }

    fn between(&self, figure: impl Fn(usize) -> f64) -> f64 {
        let (large, small) = (figure(self.index), figure(self.index + 1));
        large + (small - large) * self.share
    }
}

/// How far a node lies outside of the table: 1 within.
fn outside(node_nm: f64) -> f64 {
    node_nm / node_nm.clamp(NODES_NM[NODES_NM.len() - 1], NODES_NM[0])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_close(found: f64, expected: f64) -> bool {
        (found / expected - 1.0).abs() < 5e-6
    }

    #[test]
    fn worked_values() {
        let between = |large: f64, small: f64, share: f64| large + (small - large) * share;
        assert!(is_close(
            area_factor(32.0, 40.0),
            between(2.2, 1.0, 5.0 / 13.0)
        ));
        assert!(is_close(area_factor(32.0, 22.0), 0.55));
        let (at_32, at_20) = (0.456_936, 0.153_2);
        let at_22 = between(at_32, at_20, 10.0 / 12.0);
        assert!(is_close(energy_factor(32.0, 22.0), at_22 / at_32));
        assert!((energy_factor(32.0, 130.0) - 4.653).abs() < 5e-4);
        assert!((area_factor(7.0, 3.5) / 0.5 - 1.0).abs() < 1e-9);
    }

    #[test]
    fn the_same_node_changes_nothing() {
        for node in NODES_NM {
            assert!(is_close(area_factor(node, node), 1.0));
            assert!(is_close(energy_factor(node, node), 1.0));
        }
    }
}
