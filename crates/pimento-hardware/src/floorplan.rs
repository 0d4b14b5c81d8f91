//! Where tiles lie on a chip, for those who draw it.

use crate::reram::ReramPreset;

/// A square of routers that the tiles of a network fill, row by row, to and fro, so that neighbours in the numbering
/// are neighbours on the chip.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Floorplan {
    tiles_per_router: u32,
    /// Routers in a row.
    width: u32,
}

impl Floorplan {
    /// The floorplan of so many tiles.
    pub fn new(preset: &ReramPreset, tiles: u32) -> Self {
        let tiles_per_router = u32::from(preset.router.tiles);
        let routers = tiles.div_ceil(tiles_per_router).max(1);
        Self {
            tiles_per_router,
            width: f64::from(routers).sqrt().ceil() as u32,
        }
    }

    /// Tiles that share a router.
    pub fn tiles_per_router(&self) -> u32 {
        self.tiles_per_router
    }

    /// Column and row of a tile's router; the memory's port is beside the first one, (0, 0).
    pub fn router(&self, tile: u32) -> (u32, u32) {
        let router = tile / self.tiles_per_router;
        let (row, place) = (router / self.width, router % self.width);
        let col = if row.is_multiple_of(2) {
            place
        } else {
            self.width - 1 - place
        };
        (col, row)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// ISAAC has a router for four tiles.
    #[test]
    fn neighbours_in_the_numbering_are_neighbours_on_the_chip() {
        let floorplan = Floorplan::new(&ReramPreset::isaac(), 33);
        let routers = [0, 3, 4, 8, 12, 24, 32].map(|tile| floorplan.router(tile));
        let expected = [(0, 0), (0, 0), (1, 0), (2, 0), (2, 1), (0, 2), (2, 2)];
        assert_eq!(routers, expected);
    }
}
