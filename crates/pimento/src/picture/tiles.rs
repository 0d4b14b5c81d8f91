//! The tiles of a chip with the operators whose crossbars lie on them.

use std::collections::BTreeMap;

use pimento_hardware::{Floorplan, OpCost};

use crate::{
    picture::colour::{EMPTY, INK, MUTED, OpColours},
    priced_design::{PricedDesign, op_name},
    svg::{Anchor, Rect, Style, Svg, text_width},
};

/// Space for the title above and the legend below.
const TITLE: f64 = 30.0;
const LEGEND: f64 = 22.0;
/// Largest gaps between tiles of a router, and between routers; as shares of a tile's room.
const TILE_GAP: (f64, f64) = (3.0, 0.05);
const ROUTER_GAP: (f64, f64) = (14.0, 0.26);
/// Width of the memory's port.
const PORT: f64 = 6.0;
const LARGEST_ROOM: f64 = 120.0;
const LABEL: f64 = 9.0;

/// Where tiles are drawn.
struct Grid {
    floorplan: Floorplan,
    left: f64,
    top: f64,
    /// Side of a tile.
    tile: f64,
    tile_gap: f64,
    router_gap: f64,
    /// Tiles of a router in a row, and rows of them.
    router: (u32, u32),
}

/// Neighbouring crossbars of one operator on one tile, in crossbars; rows are processing elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Piece {
    tile: u32,
    row: u32,
    col: u32,
    rows: u32,
    cols: u32,
}

/// Draws the tiles.
pub(super) fn draw(svg: &mut Svg, panel: Rect, design: &PricedDesign, colours: &OpColours) {
    let tiles = design.cost.figures.tiles;
    svg.text(
        (panel.x, panel.y),
        "Mapping on tiles",
        Style::new(15.0, INK).bold(),
    );
    let chip = &design.hardware.chip;
    let crossbars = taken_crossbars(&design.cost.breakdown.ops);
    let count = format!(
        "{crossbars} of {} crossbars on {tiles} {}",
        tiles * u32::from(chip.crossbars_per_pe) * u32::from(chip.pes_per_tile),
        if tiles == 1 { "tile" } else { "tiles" }
    );
    let style = Style::new(12.0, MUTED).at(Anchor::End);
    svg.text((panel.x + panel.width, panel.y), &count, style);
    let grid = Grid::new(panel, design);
    grid.ground(svg, tiles);
    operators(svg, &grid, design, colours);
    legend(svg, panel, &grid, design, colours);
}

/// The signs below the tiles, and in the room above them the operators, as many as there is room for.
fn legend(svg: &mut Svg, panel: Rect, grid: &Grid, design: &PricedDesign, colours: &OpColours) {
    let (y, style) = (panel.y + panel.height, Style::new(11.0, MUTED));
    svg.rect(Rect::new(panel.x, y - 9.0, PORT, 10.0), INK, 1.0);
    let per_router = grid.floorplan.tiles_per_router();
    let tiles = if per_router == 1 { "tile" } else { "tiles" };
    let text =
        format!("memory's port · frame: router of {per_router} {tiles} · row: processing element");
    svg.text((panel.x + PORT + 6.0, y), &text, style);
    names(svg, grid.room_for_names(panel, design), design, colours);
}

/// The operators with crossbars, as many as there is room for.
fn names(svg: &mut Svg, room: Rect, design: &PricedDesign, colours: &OpColours) {
    let (mut x, mut line) = (room.x, room.y + 10.0);
    let ops = design.cost.breakdown.ops.iter().enumerate();
    for (index, op) in ops.filter(|(_, op)| op.crossbars > 0) {
        let name = op_name(op);
        let width = 13.0 + text_width(&name, 10.0) + 10.0;
        if x > room.x && x + width > room.x + room.width {
            (x, line) = (room.x, line + 16.0);
        }
        if line > room.y + room.height {
            svg.text((x, line - 8.0), "…", Style::new(11.0, MUTED));
            return;
        }
        svg.rect(
            Rect::new(x, line - 8.0, 9.0, 9.0),
            &colours.of(index).hex(),
            1.5,
        );
        svg.text((x + 13.0, line), &name, Style::new(10.0, INK));
        x += width;
    }
}

impl Grid {
    fn new(panel: Rect, design: &PricedDesign) -> Self {
        let floorplan = Floorplan::new(design.model.chip(), design.cost.figures.tiles);
        let per_router = floorplan.tiles_per_router();
        let wide = f64::from(per_router).sqrt().ceil() as u32;
        let router = (wide, per_router.div_ceil(wide));
        let routers = (0..design.cost.figures.tiles).map(|tile| floorplan.router(tile));
        let last = routers.fold((0, 0), |last, (col, row)| {
            (last.0.max(col), last.1.max(row))
        });
        let share = |room: f64, routers: u32, tiles: u32| room / f64::from((routers + 1) * tiles);
        let room = share(panel.width - 2.0 * PORT, last.0, router.0)
            .min(share(panel.height - TITLE - LEGEND, last.1, router.1))
            .min(LARGEST_ROOM);
        let gap = |(most, share): (f64, f64)| most.min(share * room);
        let (tile_gap, router_gap) = (gap(TILE_GAP), gap(ROUTER_GAP));
        let fewest = f64::from(router.0.min(router.1));
        Self {
            floorplan,
            left: panel.x + 2.0 * PORT,
            top: panel.y + TITLE - 12.0,
            tile: room - ((fewest + 1.0) * tile_gap + router_gap) / fewest,
            tile_gap,
            router_gap,
            router,
        }
    }

    fn router(&self, tile: u32) -> Rect {
        let side = |tiles: u32| f64::from(tiles) * (self.tile + self.tile_gap) + self.tile_gap;
        let (width, height) = (side(self.router.0), side(self.router.1));
        let (col, row) = self.floorplan.router(tile);
        Rect::new(
            self.left + f64::from(col) * (width + self.router_gap),
            self.top + f64::from(row) * (height + self.router_gap),
            width,
            height,
        )
    }

    /// The larger of the rooms below the routers and to their right.
    fn room_for_names(&self, panel: Rect, design: &PricedDesign) -> Rect {
        let routers = (0..design.cost.figures.tiles).map(|tile| self.router(tile));
        let (right, bottom) = routers.fold((self.left, self.top), |(right, bottom), router| {
            let (x, y) = (router.x + router.width, router.y + router.height);
            (right.max(x), bottom.max(y))
        });
        let end = panel.y + panel.height - LEGEND;
        let width = (panel.x + panel.width - right - 16.0).max(0.0);
        let beside = Rect::new(right + 16.0, self.top, width, end - self.top);
        let height = (end - bottom - 12.0).max(0.0);
        let below = Rect::new(panel.x, bottom + 12.0, panel.width, height);
        if beside.width * beside.height > below.width * below.height {
            beside
        } else {
            below
        }
    }

    fn tile(&self, tile: u32) -> Rect {
        let router = self.router(tile);
        let local = tile % self.floorplan.tiles_per_router();
        let step = |count: u32| self.tile_gap + f64::from(count) * (self.tile + self.tile_gap);
        Rect::new(
            router.x + step(local % self.router.0),
            router.y + step(local / self.router.0),
            self.tile,
            self.tile,
        )
    }

    /// Routers with their links and the memory's port, and empty tiles.
    fn ground(&self, svg: &mut Svg, tiles: u32) {
        let per_router = self.floorplan.tiles_per_router() as usize;
        let routers = (0..tiles).step_by(per_router).map(|tile| self.router(tile));
        let routers: Vec<Rect> = routers.collect();
        for (place, router) in routers.iter().enumerate() {
            for earlier in &routers[..place] {
                if self.are_neighbours(router, earlier) {
                    svg.lines(&[middle(earlier), middle(router)], "#c3cad4", 2.0);
                }
            }
        }
        for router in &routers {
            svg.rect(*router, "#f6f7f9", 3.0);
            svg.border(*router, "#c3cad4", 1.0, 3.0);
        }
        let first = self.router(0);
        let port = Rect::new(first.x - 2.0 * PORT, first.y, PORT, first.height);
        svg.rect(port, INK, 1.0);
        for tile in 0..tiles {
            svg.rect(self.tile(tile), EMPTY, 0.0);
        }
    }

    /// Whether one router is beside or below the other.
    fn are_neighbours(&self, a: &Rect, b: &Rect) -> bool {
        let is_next = |a: f64, b: f64, side: f64| (a - b).abs() < side + 1.5 * self.router_gap;
        let is_same = |a: f64, b: f64| (a - b).abs() < 1e-6;
        is_same(a.y, b.y) && is_next(a.x, b.x, a.width)
            || is_same(a.x, b.x) && is_next(a.y, b.y, a.height)
    }
}

fn middle(rect: &Rect) -> (f64, f64) {
    (rect.x + rect.width / 2.0, rect.y + rect.height / 2.0)
}

fn operators(svg: &mut Svg, grid: &Grid, design: &PricedDesign, colours: &OpColours) {
    let ops = &design.cost.breakdown.ops;
    let chip = &design.hardware.chip;
    let mut largest: Vec<Option<Rect>> = vec![None; ops.len()];
    for (index, piece) in pieces_of_all(design) {
        let tile = grid.tile(piece.tile);
        let (width, height) = (
            tile.width / f64::from(chip.crossbars_per_pe),
            tile.height / f64::from(chip.pes_per_tile),
        );
        // Operators that share a crossbar stand side by side in it.
        let is_beside = |other: &&OpCost| {
            other.crossbars > 0 && other.first_crossbar == ops[index].first_crossbar
        };
        let sharers = ops.iter().filter(is_beside).count() as f64;
        let place = ops[..index].iter().filter(is_beside).count() as f64;
        let part = width * f64::from(piece.cols) / sharers;
        let rect = Rect::new(
            tile.x + width * f64::from(piece.col) + part * place,
            tile.y + height * f64::from(piece.row),
            part,
            height * f64::from(piece.rows),
        );
        let op = &ops[index];
        let title = format!("{}, {} crossbars", op_name(op), op.crossbars);
        svg.titled_rect(rect, &colours.of(index).hex(), &title);
        let size = |rect: Rect| rect.width * rect.height;
        if largest[index].is_none_or(|known| size(known) < size(rect)) {
            largest[index] = Some(rect);
        }
    }
    rows(svg, grid, design);
    for (index, rect) in largest.iter().enumerate() {
        let Some(rect) = rect else { continue };
        let name = op_name(&ops[index]);
        if text_width(&name, LABEL) < rect.width && rect.height >= LABEL + 1.0 {
            let (x, y) = middle(rect);
            let style = Style::new(LABEL, colours.of(index).text()).at(Anchor::Middle);
            svg.text((x, y + 0.35 * LABEL), &name, style);
        }
    }
}

/// Crossbars that hold something, shared ones once.
fn taken_crossbars(ops: &[OpCost]) -> u32 {
    let with_crossbars = ops.iter().filter(|op| op.crossbars > 0);
    let sites: BTreeMap<u32, u32> = with_crossbars
        .map(|op| (op.first_crossbar, op.crossbars))
        .collect();
    sites.values().sum()
}

/// Lines between processing elements, where there is room for them.
fn rows(svg: &mut Svg, grid: &Grid, design: &PricedDesign) {
    let pes = design.hardware.chip.pes_per_tile;
    let height = grid.tile / f64::from(pes);
    if height < 4.0 {
        return;
    }
    for tile in 0..design.cost.figures.tiles {
        let tile = grid.tile(tile);
        for row in 1..pes {
            let y = tile.y + f64::from(row) * height;
            svg.lines(&[(tile.x, y), (tile.x + tile.width, y)], "#ffffff", 0.4);
        }
    }
}

fn pieces_of_all(design: &PricedDesign) -> impl Iterator<Item = (usize, Piece)> {
    let chip = &design.hardware.chip;
    let sides = (
        u32::from(chip.crossbars_per_pe),
        u32::from(chip.pes_per_tile),
    );
    let ops = design.cost.breakdown.ops.iter().enumerate();
    ops.flat_map(move |(index, op)| {
        let pieces = pieces(op.first_crossbar, op.crossbars, sides);
        pieces.into_iter().map(move |piece| (index, piece))
    })
}

/// The pieces of so many crossbars from the first one on, at most three on a tile of `cols`
/// crossbars in each of its `rows`.
fn pieces(first: u32, count: u32, (cols, rows): (u32, u32)) -> Vec<Piece> {
    let (mut at, end) = (first, first + count);
    let mut pieces = Vec::new();
    while at < end {
        let (tile, local) = (at / (cols * rows), at % (cols * rows));
        let left = (end - at).min(cols * rows - local);
        let (row, col) = (local / cols, local % cols);
        let (piece_rows, piece_cols) = if col == 0 && left >= cols {
            (left / cols, cols)
        } else {
            (1, left.min(cols - col))
        };
        pieces.push(Piece {
            tile,
            row,
            col,
            rows: piece_rows,
            cols: piece_cols,
        });
        at += piece_rows * piece_cols;
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tiles of 3 rows of 4: crossbars 6 to 25 take the rest of a row, the last row, a whole tile and
    /// the first two of the third one.
    #[test]
    fn crossbars_by_hand() {
        let piece = |(tile, row, col), (rows, cols)| Piece {
            tile,
            row,
            col,
            rows,
            cols,
        };
        let expected = [
            piece((0, 1, 2), (1, 2)),
            piece((0, 2, 0), (1, 4)),
            piece((1, 0, 0), (3, 4)),
            piece((2, 0, 0), (1, 2)),
        ];
        assert_eq!(pieces(6, 20, (4, 3)), expected);
        assert_eq!(pieces(5, 0, (4, 3)), []);
    }
}
