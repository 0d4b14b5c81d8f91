//! Tables that change places to relieve the busiest bank.

use super::{Layout, Placer, TOLERANCE};

/// A table of the busiest bank goes to another bank, perhaps for one of its tables.
#[derive(Debug, Clone, Copy)]
struct Exchange {
    table: usize,
    bank: usize,
    back: Option<usize>,
    /// The longer of the times of both banks afterwards, ns.
    busy_ns: f64,
}

impl Placer {
    /// Exchanges tables while this makes the busiest bank's time shorter and no other's as long.
    pub(super) fn relieved(&self, mut layout: Layout) -> Layout {
        if layout.excess_bytes > 0.0 {
            return layout;
        }
        while let Some(exchange) = self.best_exchange(&layout) {
            let mut banks = layout.banks;
            if let Some(back) = exchange.back {
                banks[back] = banks[exchange.table];
            }
            banks[exchange.table] = exchange.bank;
            // Times are added up anew: differences of sums would drift.
            layout = self.empty();
            for (table, bank) in banks.into_iter().enumerate() {
                self.put(&mut layout, table, bank);
            }
        }
        layout
    }

    fn best_exchange(&self, layout: &Layout) -> Option<Exchange> {
        let loads = layout.loads.iter().enumerate();
        let (busiest, load) = loads.max_by(|a, b| a.1.busy_ns.total_cmp(&b.1.busy_ns))?;
        let bound = load.busy_ns * (1.0 - TOLERANCE);
        let tables = layout.banks.iter().enumerate();
        let own = tables.filter(|&(_, &bank)| bank == busiest);
        let exchanges = own.flat_map(|(table, _)| {
            let moves = (0..self.banks.len()).map(move |bank| (table, bank, None));
            let others = layout.banks.iter().enumerate();
            let swaps = others.map(move |(back, &bank)| (table, bank, Some(back)));
            moves.chain(swaps)
        });
        { exchanges.filter(|&(_, bank, _)| bank != busiest && self.may_exchange(busiest, bank)) }
            .filter_map(|(table, bank, back)| self.exchange(layout, busiest, table, bank, back))
            .filter(|exchange| exchange.busy_ns < bound)
            .min_by(|a, b| a.busy_ns.total_cmp(&b.busy_ns))
    }

    /// With a given number of tables on chip none goes on or off it.
    fn may_exchange(&self, from: usize, to: usize) -> bool {
        let is_free = self.placement.on_chip.is_none();
        is_free || self.banks[from].on_chip == self.banks[to].on_chip
    }

    /// An exchange, if there is room for it.
    fn exchange(
        &self,
        layout: &Layout,
        from: usize,
        table: usize,
        bank: usize,
        back: Option<usize>,
    ) -> Option<Exchange> {
        let bytes = |table: usize| self.tables[table].bytes();
        let back_bytes = back.map_or(0.0, bytes);
        let fits = |bank: usize, bytes: f64| {
            layout.loads[bank].bytes + bytes <= self.banks[bank].capacity_bytes
        };
        if !fits(bank, bytes(table) - back_bytes) || !fits(from, back_bytes - bytes(table)) {
            return None;
        }
        let service_ns = |table: Option<usize>, bank: usize| {
            table.map_or(0.0, |table| self.service_ns(table, bank))
        };
        let busy_ns = |bank: usize, comes: Option<usize>, goes: Option<usize>| {
            layout.loads[bank].busy_ns + service_ns(comes, bank) - service_ns(goes, bank)
        };
        let busy_ns = busy_ns(from, back, Some(table)).max(busy_ns(bank, Some(table), back));
        Some(Exchange {
            table,
            bank,
            back,
            busy_ns,
        })
    }
}
