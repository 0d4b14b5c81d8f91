//! Tables on banks: which are on chip, and which bank serves which.

mod exchange;

use serde::Serialize;

use super::{
    memory::{Bank, BankMemory},
    product::{MergedTable, Order, sorted},
};

/// Times that differ by less are equal: they are sums of the same numbers in another order.
const TOLERANCE: f64 = 1e-12;

/// How tables are dealt to the banks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlacementRule {
    /// MicroRec's layouts: from small to large, table i on bank i mod banks. Small tables lie in small
    /// banks, which take no more look-ups than the rounds need.
    Turns,
    /// The table with the longest look-up goes to the bank that is done first with it; tables that fit
    /// few banks come before all others (LPT, at most 4/3 of the optimum for equal banks with room;
    /// Graham, SIAM J. Appl. Math. 17, 1969).
    LongestFirst,
    /// As [`Self::LongestFirst`], and then tables go to another bank, or change places with one of its
    /// tables, while this relieves the busiest bank.
    Exchange,
}

/// How tables are placed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placement {
    /// How they are dealt to the banks.
    pub rule: PlacementRule,
    /// How many lie on chip, those of the fewest bytes: so many, or as many as make the look-up shortest
    /// and fit.
    pub on_chip: Option<usize>,
}

impl From<PlacementRule> for Placement {
    fn from(rule: PlacementRule) -> Self {
        Self {
            rule,
            on_chip: None,
        }
    }
}

/// What a bank holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct BankLoad {
    /// Time of its look-ups of a sample, ns.
    pub busy_ns: f64,
    /// Bytes of its tables.
    pub bytes: f64,
    /// Its look-ups per sample.
    pub lookups: u32,
}

/// Where tables lie.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Layout {
    /// Bank of each table.
    pub(super) banks: Vec<usize>,
    pub(super) loads: Vec<BankLoad>,
    /// Bytes beyond the capacities of their banks.
    pub(super) excess_bytes: f64,
}

impl Layout {
    /// Time until the last bank is done, ns.
    pub(super) fn latency_ns(&self) -> f64 {
        let busy = self.loads.iter().map(|load| load.busy_ns);
        busy.fold(0.0, f64::max)
    }

    /// Whether no layout of at least `bound_ns` is better; `or_equal` if none is as good.
    pub(super) fn is_beyond(&self, bound_ns: f64, or_equal: bool) -> bool {
        let tolerance = if or_equal { -TOLERANCE } else { TOLERANCE };
        self.excess_bytes == 0.0 && self.latency_ns() <= bound_ns * (1.0 + tolerance)
    }

    /// Whether more fits, or as much in less time; `or_equal` if neither differs.
    pub(super) fn is_better(&self, other: &Self, or_equal: bool) -> bool {
        let (own, others) = (self.latency_ns(), other.latency_ns());
        if self.excess_bytes != other.excess_bytes {
            self.excess_bytes < other.excess_bytes
        } else if (own - others).abs() <= TOLERANCE * others {
            or_equal
        } else {
            own < others
        }
    }
}

/// Tables that are dealt to banks.
pub(super) struct Placer {
    placement: Placement,
    /// From few bytes to many.
    tables: Vec<MergedTable>,
    /// Time of the words of each, ns.
    words_ns: Vec<f64>,
    banks: Vec<Bank>,
    /// Numbers of the tables in the order of [`PlacementRule::LongestFirst`].
    longest_first: Vec<usize>,
}

impl Placer {
    pub(super) fn new(tables: &[MergedTable], memory: &BankMemory, placement: Placement) -> Self {
        let tables = sorted(tables, Order::Bytes);
        let banks = memory.banks();
        let words = tables.iter();
        let words_ns: Vec<f64> = words
            .map(|table| memory.words_ns(table.row_bits()))
            .collect();
        let mut keys: Vec<(usize, f64, usize)> = { tables.iter().enumerate() }
            .map(|(number, table)| {
                let has_room = |bank: &&Bank| bank.capacity_bytes >= table.bytes();
                let fitting = banks.iter().filter(has_room).count();
                let off_chip = banks.last().expect("a memory has banks");
                let lookup_ns = off_chip.start_ns + words_ns[number];
                (fitting, f64::from(table.lookups) * lookup_ns, number)
            })
            .collect();
        keys.sort_by(|a, b| a.0.cmp(&b.0).then(b.1.total_cmp(&a.1)).then(b.2.cmp(&a.2)));
        Self {
            placement,
            tables,
            words_ns,
            banks,
            longest_first: keys.into_iter().map(|(_, _, number)| number).collect(),
        }
    }

    /// The tables, and the layout with the asked number of them on chip or with the best number.
    pub(super) fn best(self) -> (Vec<MergedTable>, Layout) {
        let (on_chip, off_chip): (Vec<usize>, Vec<usize>) =
            (0..self.banks.len()).partition(|&bank| self.banks[bank].on_chip);
        let all = self.tables.len();
        let asked = match self.placement.on_chip {
            _ if on_chip.is_empty() => Some(0),
            _ if off_chip.is_empty() => Some(all),
            asked => asked.map(|count| count.min(all)),
        };
        let layout = match asked {
            Some(count) => {
                let near = self.deal(self.empty(), 0..count, &on_chip);
                self.deal(near, count..all, &off_chip)
            }
            None => self.best_split(&on_chip, &off_chip),
        };
        let layout = match self.placement.rule {
            PlacementRule::Exchange => self.relieved(layout),
            PlacementRule::Turns | PlacementRule::LongestFirst => layout,
        };
        (self.tables, layout)
    }

    /// The more tables lie on chip, the longer their look-ups take and the shorter the others': halves the
    /// range of numbers until two are left, of which one ends on chip and one elsewhere.
    fn best_split(&self, on_chip: &[usize], off_chip: &[usize]) -> Layout {
        let all = self.tables.len();
        let (mut best, mut best_count) = (self.deal(self.empty(), 0..all, off_chip), 0);
        let (mut few, mut many) = (0, all + 1);
        while many - few > 1 {
            let count = few.midpoint(many);
            let near = self.deal(self.empty(), 0..count, on_chip);
            let (near_ns, fits) = (near.latency_ns(), near.excess_bytes == 0.0);
            let found = self.deal(near, count..all, off_chip);
            if fits && (found.excess_bytes > 0.0 || found.latency_ns() > near_ns) {
                few = count;
            } else {
                many = count;
            }
            if fits && found.is_better(&best, count > best_count) {
                (best, best_count) = (found, count);
            }
        }
        best
    }

    fn empty(&self) -> Layout {
        Layout {
            banks: vec![0; self.tables.len()],
            loads: vec![BankLoad::default(); self.banks.len()],
            excess_bytes: 0.0,
        }
    }

    /// A time that no layout of the tables is below, ns.
    pub(super) fn bound_ns(&self) -> f64 {
        self.least_ns(|_| true)
    }

    /// A time that no layout is below, ns, of these tables or of products of theirs.
    pub(super) fn bound_of_products_ns(&self) -> f64 {
        let capacities = self.banks.iter().map(|bank| bank.capacity_bytes);
        let room = capacities.fold(0.0, f64::max);
        self.least_ns(|tables| {
            let fits = |(at, a): (usize, &MergedTable)| {
                let products = tables[..at].iter().filter_map(|b| a.times(*b));
                products
                    .map(|product| product.bytes())
                    .any(|bytes| bytes <= room)
            };
            !tables.iter().enumerate().any(fits)
        })
    }

    /// The longest look-up; and of the tables that fit none of the small banks, where `stay_apart`, some large
    /// bank serves as many as there are rounds.
    fn least_ns(&self, stay_apart: impl Fn(&[MergedTable]) -> bool) -> f64 {
        let capacities = self.banks.iter().map(|bank| bank.capacity_bytes);
        let mut bound_ns = 0.0_f64;
        let mut last = None;
        for small in [0.0].into_iter().chain(capacities) {
            if last.replace(small) == Some(small) {
                continue;
            }
            // From few bytes to many.
            let from = self.tables.partition_point(|table| table.bytes() <= small);
            let large = self.banks.iter().filter(|bank| bank.capacity_bytes > small);
            let start_ns = { large.clone() }
                .map(|bank| bank.start_ns)
                .fold(f64::INFINITY, f64::min);
            let tables = self.tables[from..].iter().zip(&self.words_ns[from..]);
            let mut times: Vec<f64> = tables
                .map(|(table, words_ns)| f64::from(table.lookups) * (start_ns + words_ns))
                .collect();
            times.sort_by(f64::total_cmp);
            bound_ns = bound_ns.max(times.last().copied().unwrap_or(0.0));
            if stay_apart(&self.tables[from..]) {
                let rounds = times.len().div_ceil(large.count().max(1));
                bound_ns = bound_ns.max(times[..rounds].iter().sum());
            }
        }
        bound_ns
    }

    /// Deals a range of the tables to some of the banks.
    fn deal(&self, layout: Layout, range: std::ops::Range<usize>, banks: &[usize]) -> Layout {
        if self.placement.rule == PlacementRule::Turns {
            let rounds = 1..=range.len();
            let mut dealt = rounds.filter_map(|rounds| {
                let layout = layout.clone();
                self.turns(layout, range.clone(), banks, rounds)
            });
            if let Some(found) = dealt.next() {
                return found;
            }
        }
        let longest = self.longest_first.iter().copied();
        let by_time = self.greedy(
            layout.clone(),
            longest.filter(|at| range.contains(at)),
            banks,
        );
        if by_time.excess_bytes == layout.excess_bytes {
            return by_time;
        }
        let by_bytes = self.greedy(layout, range.rev(), banks);
        if by_bytes.is_better(&by_time, false) {
            by_bytes
        } else {
            by_time
        }
    }

    /// Each table in turn to the bank with room that is done first with it, or to the roomiest.
    fn greedy(
        &self,
        mut layout: Layout,
        order: impl Iterator<Item = usize>,
        banks: &[usize],
    ) -> Layout {
        for number in order {
            let (bytes, mut first, mut roomiest) = (self.tables[number].bytes(), None, None);
            for &bank in banks {
                let room = self.banks[bank].capacity_bytes - layout.loads[bank].bytes;
                let done_ns = layout.loads[bank].busy_ns + self.service_ns(number, bank);
                if room >= bytes && first.is_none_or(|(_, best_ns)| done_ns < best_ns) {
                    first = Some((bank, done_ns));
                }
                if roomiest.is_none_or(|(_, most)| room > most) {
                    roomiest = Some((bank, room));
                }
            }
            let (bank, _) = first.or(roomiest).expect("some banks");
            self.put(&mut layout, number, bank);
        }
        layout
    }

    /// Tables from small to large, in turns over the banks of a group, small banks first; none where a
    /// group would need more than `rounds` tables for a bank.
    fn turns(
        &self,
        mut layout: Layout,
        range: std::ops::Range<usize>,
        banks: &[usize],
        rounds: usize,
    ) -> Option<Layout> {
        let mut groups: Vec<&[usize]> = { banks }
            .chunk_by(|a, b| self.banks[*a].group == self.banks[*b].group)
            .collect();
        groups.sort_by(|a, b| {
            let capacity = |banks: &[usize]| self.banks[banks[0]].capacity_bytes;
            capacity(a).total_cmp(&capacity(b))
        });
        let (mut group, mut turn) = (0, 0);
        for number in range {
            loop {
                let banks = *groups.get(group)?;
                let bank = banks[turn % banks.len()];
                let room = self.banks[bank].capacity_bytes - layout.loads[bank].bytes;
                if turn < rounds * banks.len() && self.tables[number].bytes() <= room {
                    self.put(&mut layout, number, bank);
                    turn += 1;
                    break;
                }
                (group, turn) = (group + 1, 0);
            }
        }
        Some(layout)
    }

    fn put(&self, layout: &mut Layout, number: usize, bank: usize) {
        let (table, found) = (&self.tables[number], &self.banks[bank]);
        layout.banks[number] = bank;
        let load = &mut layout.loads[bank];
        let excess = |bytes: f64| (bytes - found.capacity_bytes).max(0.0);
        let before = excess(load.bytes);
        load.bytes += table.bytes();
        load.busy_ns += self.service_ns(number, bank);
        load.lookups += u32::from(table.lookups);
        layout.excess_bytes += excess(load.bytes) - before;
    }

    /// Time for which a table keeps a bank busy for a sample, ns.
    fn service_ns(&self, number: usize, bank: usize) -> f64 {
        let lookup_ns = self.banks[bank].start_ns + self.words_ns[number];
        f64::from(self.tables[number].lookups) * lookup_ns
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One bank on chip with a start of 50 ns, and two with 100 ns; 10 ns for a word.
    fn memory() -> BankMemory {
        let group = |name: &str, count: u8, start_ns: u8, on_chip: bool| {
            format!(
                "[[groups]]\nname = '{name}'\ncount = {count}\ncapacity-bytes = 1000\n\
                 start-ns = {start_ns}\non-chip = {on_chip}\nsource = 'test'\n"
            )
        };
        let head = "name = 'test'\nclock-mhz = 100.0\nport-bits = 32\nsource = 'test'\n";
        let text = head.to_owned() + &group("near", 1, 50, true) + &group("far", 2, 100, false);
        BankMemory::parse(&text).expect("a memory")
    }

    /// One row of each table, of so many values.
    fn placed(dims: &[u64], rule: PlacementRule, on_chip: Option<usize>) -> Layout {
        let tables: Vec<_> = { dims.iter().enumerate() }
            .map(|(first, &dim)| MergedTable {
                rows: 1,
                dim,
                bits: 32,
                lookups: 1,
                first,
                second: None,
            })
            .collect();
        let placer = Placer::new(&tables, &memory(), Placement { rule, on_chip });
        let bound_ns = placer.bound_ns();
        let (_, layout) = placer.best();
        assert!(bound_ns <= layout.latency_ns(), "{bound_ns}");
        layout
    }

    /// 150, 200, 250 ns: the first and the last on one bank.
    #[test]
    fn turns() {
        let layout = placed(&[5, 10, 15], PlacementRule::Turns, Some(0));
        assert_eq!(layout.banks, [1, 2, 1]);
        assert_eq!(layout.latency_ns(), 400.0);
    }

    /// Two of 300 and three of 200 ns: 700 + 500, and after one exchange 600 + 600.
    #[test]
    fn an_exchange_relieves_the_busiest_bank() {
        let dims = [10, 10, 10, 20, 20];
        let latency_ns = |rule| placed(&dims, rule, Some(0)).latency_ns();
        assert_eq!(latency_ns(PlacementRule::LongestFirst), 700.0);
        assert_eq!(latency_ns(PlacementRule::Exchange), 600.0);
    }

    /// 60 ns each on chip, 110 ns elsewhere: of four tables two on chip take 120 ns, three 180 ns, and one
    /// leaves 220 ns.
    #[test]
    fn on_chip_as_long_as_it_is_in_time() {
        let layout = |count| placed(&[1; 4], PlacementRule::LongestFirst, count);
        let near = |layout: Layout| layout.loads[0].lookups;
        assert_eq!(layout(None).latency_ns(), 120.0);
        assert_eq!(near(layout(None)), 2);
        assert_eq!(
            (layout(Some(1)).latency_ns(), near(layout(Some(1)))),
            (220.0, 1)
        );
        assert_eq!(near(layout(Some(9))), 4);
    }
}
