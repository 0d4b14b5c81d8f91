//! Where tiles lie on a chip, for those who draw it.

use crate::{
    design::ChipDesign,
    reram::{Mesh, ReramPreset},
};

/// The mesh of a chip's routers.
#[derive(Debug, Clone, Copy)]
pub struct Floorplan {
    mesh: Mesh,
    tiles_per_router: u32,
}

impl Floorplan {
    /// The floorplan of a chip of these sizes.
    pub fn new(preset: &ReramPreset, design: &ChipDesign) -> Self {
        Self {
            mesh: Mesh::new(preset, design),
            tiles_per_router: u32::from(preset.router.tiles),
        }
    }

    /// Tiles that share a router.
    pub fn tiles_per_router(&self) -> u32 {
        self.tiles_per_router
    }

    /// Column and row of a tile's router; the memory's port is beside the first one, (0, 0).
    pub fn router(&self, tile: u32) -> (u32, u32) {
        let node = self.mesh.node_of_tile(tile);
        (node.col, node.row)
    }
}
