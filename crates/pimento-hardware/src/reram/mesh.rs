//! How far data travel on a chip.
//!
//! Routers, one for some tiles, form a square mesh that the tiles of a network fill. Which tile of it an operator
//! gets is left open: distances are means over all places, so that they grow with the network and with nothing
//! else, however it is listed.

use crate::{
    arithmetic::Divisor,
    design::ChipDesign,
    reram::{placement::Placement, preset::ReramPreset},
    schedule::Place,
};

/// Distances between the tiles of a chip, in routers that data pass.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mesh {
    /// From one operator's matrices to another's.
    between: f64,
    /// From the memory's port, which is in a corner.
    from_memory: f64,
    /// From tables in crossbars, which lie around the matrices.
    from_tables: f64,
    by_tile: Divisor,
    /// Crossbars that matrices begin with, and the share of a tile that these are.
    by_start: Divisor,
    starts_per_tile: f64,
}

impl Mesh {
    /// The mesh of a chip with this placement, whose first operators, `gathers` of them, hold embedding tables.
    pub(crate) fn new(
        preset: &ReramPreset,
        design: &ChipDesign,
        placement: &Placement,
        gathers: usize,
    ) -> Self {
        let per_pe = u32::from(design.crossbars_per_pe);
        let per_tile = per_pe * u32::from(design.pes_per_tile);
        let start = design.crossbars_per_start();
        let (by_tile, by_start) = (Divisor::new(per_tile), Divisor::new(start));
        let tables = placement.sites[..gathers].iter();
        let tables: u32 = tables
            .map(|site| by_start.ceil(site.crossbars) * start)
            .sum();
        let square = |crossbars: u32| {
            let tiles = by_tile.ceil(crossbars).max(1);
            Square::new(tiles, preset.router.tiles)
        };
        let of_matrices = square(placement.crossbars - tables);
        Self {
            between: of_matrices.between(),
            from_memory: of_matrices.side,
            from_tables: square(placement.crossbars).between(),
            by_tile,
            by_start,
            starts_per_tile: f64::from(start) / f64::from(per_tile),
        }
    }

    /// Hops to another tile from where an operator is.
    pub(crate) fn hops_from(&self, place: Place) -> f64 {
        match place {
            Place::Tile(_) => self.between,
            Place::Tables(_) => self.from_tables,
            Place::Memory => self.from_memory,
        }
    }

    /// The tile of a crossbar.
    pub(crate) fn tile(&self, crossbar: u32) -> u32 {
        self.by_tile.floor(crossbar)
    }

    /// Tiles that a matrix on so many crossbars takes after its first one, in the mean over where in that one it
    /// begins; 0 without any.
    pub(crate) fn further_tiles(&self, crossbars: u32) -> f64 {
        f64::from(self.by_start.floor(crossbars.saturating_sub(1))) * self.starts_per_tile
    }
}

/// A square mesh of routers that tiles fill.
#[derive(Debug, Clone, Copy)]
struct Square {
    tiles: f64,
    /// Routers along a side; at least one.
    side: f64,
}

impl Square {
    fn new(tiles: u32, tiles_per_router: u16) -> Self {
        let tiles = f64::from(tiles);
        let side = (tiles / f64::from(tiles_per_router)).sqrt().max(1.0);
        Self { tiles, side }
    }

    /// |Δx| + |Δy| + 1 routers between two tiles, none within one, in the mean over all pairs of tiles: two places
    /// on a line of n are (n − 1 / n) / 3 apart.
    fn between(self) -> f64 {
        let apart = (self.side - 1.0 / self.side) / 3.0;
        2.0 * apart + 1.0 - 1.0 / self.tiles
    }
}

#[cfg(test)]
mod tests {
    use crate::design::Packing;

    use super::*;

    /// All pairs of tiles of a square, counted.
    #[test]
    fn mean_distances_are_those_of_all_pairs() {
        for (side, per_router) in [(1, 4), (2, 1), (3, 4), (5, 2)] {
            let tiles = side * side * per_router;
            let router = |tile: u32| (tile / per_router % side, tile / per_router / side);
            let (mut between, mut from_corner) = (0, 0);
            for a in 0..tiles {
                let (col, row) = router(a);
                from_corner += col + row + 1;
                for b in (0..tiles).filter(|&b| b != a) {
                    let (other_col, other_row) = router(b);
                    between += col.abs_diff(other_col) + row.abs_diff(other_row) + 1;
                }
            }
            let square = Square::new(tiles, per_router as u16);
            let tiles = f64::from(tiles);
            assert!((square.between() - f64::from(between) / tiles / tiles).abs() < 1e-12);
            assert!((square.side - f64::from(from_corner) / tiles).abs() < 1e-12);
        }
    }

    /// ISAAC: 8 crossbars in a processing element, 12 of these in a tile.
    #[test]
    fn matrices_cross_from_tile_to_tile() {
        let preset = ReramPreset::isaac();
        let mesh = |packing| {
            let design = ChipDesign {
                packing,
                ..preset.sizes()
            };
            Mesh::new(&preset, &design, &Placement::default(), 0)
        };
        let apart = [1, 8, 9, 96, 97].map(|crossbars| mesh(Packing::Off).further_tiles(crossbars));
        assert_eq!(
            apart.map(|tiles| (12.0 * tiles).round()),
            [0.0, 0.0, 1.0, 11.0, 12.0]
        );
        assert!((mesh(Packing::Shelves).further_tiles(9) - 8.0 / 96.0).abs() < 1e-15);
        assert_eq!(
            (mesh(Packing::Off).tile(95), mesh(Packing::Off).tile(96)),
            (0, 1)
        );
    }
}
