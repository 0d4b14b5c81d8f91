//! How the factors of charges come about, in the words of the tables and of the operators.

use crate::ledger::Factor;

/// Names of factors and their rules. `rows`, `columns`, weight bits and input bits are those of the
/// operator's matrix; what is `of a` crossbar, a tile and so on are
/// the sizes of the design.
const RULES: &[(&str, &str)] = &[
    // Matrices on crossbars.
    (
        "vectors",
        "input vectors of the operator's matrices; of a time, those of one copy: ⌈vectors / copies⌉, \
         or, where the tiles of copies are counted, as many as the slowest copies' time has room for",
    ),
    (
        "passes",
        "⌈input bits / DAC bits⌉; a bit less where the chip's inputs have signs",
    ),
    ("reads", "passes × row groups of the fullest crossbar"),
    (
        "row groups",
        "⌈rows / rows at once⌉, of all crossbars one below the other; at once are all, or as many as the drivers \
         drive and the ADC resolves: ⌊(2^b − 1) / ((2^DAC bits − 1) · (2^cell bits − 1))⌋, b being its bits, one \
         more where the encoding saves one",
    ),
    (
        "columns of slices",
        "columns × slices; slices are ⌈weight bits / cell bits⌉, a bit less where pairs of cells have the sign",
    ),
    (
        "slices",
        "⌈weight bits / cell bits⌉, a bit less where pairs of cells have the sign",
    ),
    (
        "columns of a converter",
        "columns that the busiest converter reads one after the other: adc.sharing, or ⌈columns of slices of the \
         fullest crossbar / converters⌉",
    ),
    (
        "rows",
        "rows of the matrix, or of a crossbar; in a memory, rows that are opened",
    ),
    (
        "drives of a row",
        "crossbars side by side, ⌈columns of slices / columns of a crossbar⌉, times columns of a converter where a \
         row is driven anew for each",
    ),
    (
        "of each crossbar",
        "converters, drivers or cells that the multiplexers select, times their steps",
    ),
    (
        "of each",
        "converters or drivers of a crossbar: adc.sharing, dac.per-crossbar, or one for each row",
    ),
    (
        "crossbars of a pair",
        "2 where two crossbars make up one for the sign, or else 1",
    ),
    ("neurons", "columns of slices × ⌈rows / rows of a crossbar⌉"),
    ("input bits", "bits of an input without its sign"),
    (
        "steps of integration",
        "2^bits − 1 of each phase of an input's bits",
    ),
    (
        "steps of conversion",
        "bits of the result, and of a second phase those beyond the first one's",
    ),
    (
        "phases",
        "1, or 2 where an input has more bits than integrator.bits-per-phase",
    ),
    (
        "2^(DAC bits − 1)",
        "a DAC doubles with every bit after the first",
    ),
    (
        "ns of a read",
        "crossbar.read-ns and the settling of its lines",
    ),
    ("ns of a pulse", "crossbar.pulse-ns, or the time of a read"),
    (
        "ns of a vector",
        "working time of the operator / its vectors one after another",
    ),
    (
        "levels of additions",
        "⌈log₂ of crossbars one below the other⌉",
    ),
    ("accesses", "⌈rows × input bits / edram.access-bits⌉"),
    (
        "bits in and out",
        "values that the operator reads and writes × their bits",
    ),
    (
        "cells",
        "weights that are written × slices × cells of a slice",
    ),
    ("pulses", "write.pulses"),
    (
        "lines",
        "rows of the fullest crossbar, twice where pairs of rows have the sign: written one after the other",
    ),
    ("cells of a row", "values of a row of the table × slices"),
    (
        "crossbars of a row",
        "⌈cells of a row / columns of a crossbar⌉",
    ),
    ("look-ups", "rows that a sample asks for"),
    // The chip.
    (
        "crossbars",
        "those of the operator, or of all tiles: tiles × processing elements of a tile × crossbars of one",
    ),
    (
        "crossbars with converters",
        "all of the tiles, or one of each pair",
    ),
    ("columns", "columns of a crossbar"),
    (
        "tiles",
        "⌈processing elements that hold matrices / processing elements of a tile⌉",
    ),
    ("lanes", "digital.lanes-per-tile"),
    (
        "hops",
        "routers that inputs pass in the mean, of a time those of the farthest one: 1 − 1 / n + ⅔ (k − 1 / k) between \
         two of n tiles with matrices, k from the memory, k = √(n / router.tiles) but at least 1; none for the last \
         input of digital lanes; and the further tiles of one copy of a matrix",
    ),
    ("flits", "bits of the inputs / router.flit-bits"),
    ("mW of all units", "the peak power: `--explain peak-power`"),
    (
        "ns",
        "how long it lasts: the latency, or the time until the next gather",
    ),
    // Digital lanes.
    (
        "32-bit additions",
        "one for each multiply–accumulate of two inputs",
    ),
    (
        "multiplications",
        "operations of the operator's recipe on the lanes",
    ),
    (
        "additions",
        "operations of the operator's recipe on the lanes",
    ),
    ("sigmoids", "elements"),
    ("exponentials", "elements"),
    (
        "(bits / 8)²",
        "a multiplication grows with the square of its bits",
    ),
    ("bits / 32", "an addition grows with its bits"),
    (
        "cycles of the lanes",
        "⌈operations / digital.lanes-per-tile⌉",
    ),
    // Memories.
    ("cycles to the first data", "tRCD + CL + burst"),
    (
        "gathers that miss a cache",
        "1 − the chance that all rows of a sample are in the cache",
    ),
    (
        "bursts on a bus",
        "⌈bursts over the channels / channels⌉, times the share that misses the cache",
    ),
    (
        "cycles of a burst",
        "max(burst, tCCD_S) / data buses of a channel",
    ),
    (
        "rows of a channel",
        "⌈rows / channels⌉, times the share that misses the cache",
    ),
    (
        "cycles of a row",
        "what a row takes of activations, its bank and the bus of the units, whichever is longest",
    ),
    ("lengthened by refreshes", "1 / (1 − tRFC / tREFI)"),
    (
        "vectors of the busiest unit",
        "⌈vectors of compressed tables / units⌉",
    ),
    (
        "cycles of a vector",
        "⌈multiply–accumulates of a vector / those of a unit in a cycle⌉",
    ),
    (
        "share that is missed",
        "multiply–accumulates of rows that are not in the cache / all",
    ),
    (
        "bursts",
        "⌈bytes of a row / bytes of a burst⌉, of all rows that are read",
    ),
    (
        "bursts over the channel",
        "all that are read, or those of the sums where units are in the memory",
    ),
    ("bits", "those of a burst, or those that units take in"),
    ("channels", "memory.channels, or those of the system"),
    ("ranks", "organisation.ranks"),
    ("refreshes", "time of the gather / tREFI"),
    ("bits of rows", "rows that are asked for × their bits"),
    ("bits of a tag", "cache.tag-bits"),
    ("KB", "size of the cache"),
    (
        "cycles of a slice",
        "accesses of the busiest slice of the cache",
    ),
    // Memory systems.
    (
        "banks at once",
        "banks of a rank that work in lock step, or 1",
    ),
    ("near-bank-share", "data-path.near-bank-share"),
    (
        "1 - near-bank-share",
        "the rest of the data path, that sums take",
    ),
    (
        "bursts of sums",
        "bits of sums that leave the banks / bits of a burst",
    ),
    (
        "bits over the channel",
        "rows, or sums where units are in the memory",
    ),
    ("units", "units of a channel"),
    ("stages of the tree", "units.tree-stages"),
    (
        "accesses of the busiest unit",
        "look-ups / units, times the imbalance of the popularity",
    ),
    (
        "cycles of merging sums",
        "sums of different places that belong to one look-up, one after the other",
    ),
    ("bytes of sums", "bits of sums / 8"),
    ("bits of sums", "what the link carries in a batch"),
    ("bits of hits", "rows that the cache serves × their bits"),
    ("bits combined", "operands of compressed tables"),
];

impl Factor {
    /// How it comes about.
    pub fn rule(&self) -> Option<&'static str> {
        let mut rules = RULES.iter();
        rules
            .find(|(name, _)| *name == self.name)
            .map(|&(_, rule)| rule)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::times;

    #[test]
    fn rules_are_told_once() {
        for (number, (name, rule)) in RULES.iter().enumerate() {
            assert!(RULES[..number].iter().all(|(other, _)| other != name));
            assert_eq!(times(name, 1.0).rule(), Some(*rule));
        }
        assert_eq!(times("nothing", 1.0).rule(), None);
    }
}
