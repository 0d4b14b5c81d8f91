//! Where matrices lie on the chip.
//!
//! Crossbars are numbered through: processing element after processing element, tile after tile, in
//! the order of the operators.

use crate::{
    arithmetic::Divisor,
    design::{ChipDesign, Packing},
    reram::chip::OpWork,
};

/// The crossbars of one operator.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Site {
    /// The first one.
    pub(crate) first_crossbar: u32,
    /// How many.
    pub(crate) crossbars: u32,
    /// The shared crossbar that it lies in.
    pub(crate) shared: Option<u32>,
}

/// The crossbars of all operators.
#[derive(Debug, Clone, Default)]
pub(crate) struct Placement {
    /// By operator; those without crossbars have an empty site.
    pub(crate) sites: Vec<Site>,
    /// Processing elements of these crossbars.
    pub(crate) pes: u32,
    /// All crossbars, spare ones included.
    pub(crate) crossbars: u32,
    /// Shared crossbars.
    pub(crate) shared: u32,
}

/// A crossbar that matrices share: shelves one above the other, matrices side by side on each.
#[derive(Debug, Clone, Copy)]
struct Shared {
    crossbar: u32,
    free_rows: u32,
}

#[derive(Debug, Clone, Copy)]
struct Shelf {
    shared: u32,
    rows: u32,
    free_cols: u32,
}

impl Placement {
    /// Places the operators in their order. Crossbars have `sides` inputs and columns of slices, and
    /// `twins` make up one.
    pub(crate) fn new(
        design: &ChipDesign,
        works: &[OpWork],
        sides: (u32, u32),
        twins: u32,
    ) -> Self {
        match design.packing {
            Packing::Off => Self::apart(design, works),
            Packing::Shelves => Self::packed(design, works, sides, twins),
        }
    }

    /// Crossbars behind those of the operators that hold nothing.
    pub(crate) fn add_spare(&mut self, design: &ChipDesign, crossbars: u32) {
        self.crossbars = self.crossbars.saturating_add(crossbars);
        self.pes = self.crossbars.div_ceil(u32::from(design.crossbars_per_pe));
    }

    fn apart(design: &ChipDesign, works: &[OpWork]) -> Self {
        let per_pe = u32::from(design.crossbars_per_pe);
        let by_pe = Divisor::new(per_pe);
        let mut pes = 0;
        let sites = works
            .iter()
            .map(|work| {
                let first_crossbar = pes * per_pe;
                pes += by_pe.ceil(work.crossbars);
                Site {
                    first_crossbar,
                    crossbars: work.crossbars,
                    shared: None,
                }
            })
            .collect();
        Self {
            sites,
            pes,
            crossbars: pes * per_pe,
            shared: 0,
        }
    }

    /// Large matrices in their order, then small ones on shelves: the highest first (of equals the
    /// widest, of these the slowest), so that the order of the operators decides nothing.
    fn packed(design: &ChipDesign, works: &[OpWork], sides: (u32, u32), twins: u32) -> Self {
        let mut next = 0;
        let mut take = |crossbars: u32| {
            next += crossbars;
            next - crossbars
        };
        let mut sites: Vec<Site> = works
            .iter()
            .map(|work| match work.shelf {
                Some(_) => Site::default(),
                None => Site {
                    first_crossbar: take(work.crossbars),
                    crossbars: work.crossbars,
                    shared: None,
                },
            })
            .collect();
        let mut small: Vec<(usize, (u32, u32))> = works
            .iter()
            .enumerate()
            .filter_map(|(op, work)| Some((op, work.shelf?)))
            .collect();
        small.sort_by(|a, b| {
            let slowest = || works[b.0].interval_ns.total_cmp(&works[a.0].interval_ns);
            b.1.cmp(&a.1).then_with(slowest)
        });
        let (mut shelves, mut shared): (Vec<Shelf>, Vec<Shared>) = (Vec::new(), Vec::new());
        for (op, size) in small {
            let number = find_shelf(&mut shelves, &mut shared, size, sides, || take(twins));
            sites[op] = Site {
                first_crossbar: shared[number as usize].crossbar,
                crossbars: works[op].crossbars,
                shared: Some(number),
            };
        }
        Self {
            sites,
            pes: next.div_ceil(u32::from(design.crossbars_per_pe)),
            crossbars: next,
            shared: shared.len() as u32,
        }
    }
}

/// The shared crossbar with the first shelf that has room, or the first one with room for a shelf.
fn find_shelf(
    shelves: &mut Vec<Shelf>,
    shared: &mut Vec<Shared>,
    (rows, cols): (u32, u32),
    sides: (u32, u32),
    open: impl FnOnce() -> u32,
) -> u32 {
    let mut known = shelves.iter_mut();
    if let Some(shelf) = known.find(|shelf| shelf.rows >= rows && shelf.free_cols >= cols) {
        shelf.free_cols -= cols;
        return shelf.shared;
    }
    let place = shared.iter().position(|one| one.free_rows >= rows);
    let number = place.unwrap_or_else(|| {
        shared.push(Shared {
            crossbar: open(),
            free_rows: sides.0,
        });
        shared.len() - 1
    });
    shared[number].free_rows -= rows;
    shelves.push(Shelf {
        shared: number as u32,
        rows,
        free_cols: sides.1 - cols,
    });
    number as u32
}

#[cfg(test)]
mod tests {
    use crate::reram::ReramPreset;

    use super::*;

    fn work(crossbars: u32, shelf: Option<(u32, u32)>) -> OpWork {
        OpWork {
            crossbars,
            shelf,
            ..OpWork::default()
        }
    }

    #[test]
    fn matrices_apart_begin_with_a_processing_element() {
        let design = ReramPreset::isaac().sizes();
        let works = [work(9, None), work(0, None), work(1, Some((4, 4)))];
        let placement = Placement::new(&design, &works, (128, 128), 1);
        let firsts: Vec<u32> = placement
            .sites
            .iter()
            .map(|site| site.first_crossbar)
            .collect();
        assert_eq!((firsts, placement.pes), (vec![0, 16, 16], 3));
    }

    /// 65 × 1 opens a shelf that 64 × 100 and 64 × 27 fill; 64 × 29 finds no room for a shelf beside it,
    /// and 1 × 1 lies behind that.
    #[test]
    fn small_matrices_lie_on_shelves() {
        let mut design = ReramPreset::isaac().sizes();
        design.packing = Packing::Shelves;
        let sizes = [(1, 1), (64, 27), (64, 29), (64, 100), (65, 1)];
        let mut works: Vec<OpWork> = sizes.iter().map(|&size| work(1, Some(size))).collect();
        works.insert(1, work(3, None));
        let placement = Placement::new(&design, &works, (128, 128), 1);
        let shared: Vec<_> = placement.sites.iter().map(|site| site.shared).collect();
        let expected = [Some(1), None, Some(0), Some(1), Some(0), Some(0)];
        assert_eq!(shared, expected);
        assert_eq!(placement.sites[1].first_crossbar, 0);
        assert_eq!(placement.sites[5].first_crossbar, 3);
        assert_eq!((placement.pes, placement.shared), (1, 2));
    }
}
