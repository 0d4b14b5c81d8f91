//! A memory system, a model and the distribution of its look-ups, as the command line names them.

use std::path::Path;

use pimento_hardware::{
    AccessTrace, EmbeddingTable, Gathers, Law, MemorySystem, PresetError, RankingModel,
    TableStorage, TraceTable, parse_trace,
};

use crate::{cli::GatherArgs, error::Error};

/// What is gathered.
pub(crate) struct Gathering {
    pub(crate) model: RankingModel,
    pub(crate) gathers: Gathers,
    /// How rows are asked for, in words.
    pub(crate) law: String,
    /// The trace that tells it.
    pub(crate) trace: Option<AccessTrace>,
}

impl Gathering {
    /// What the arguments ask for.
    pub(crate) fn open(arguments: &GatherArgs) -> Result<Self, Error> {
        let model = preset(
            &arguments.workload,
            "workload",
            RankingModel::preset,
            RankingModel::parse,
            &RankingModel::preset_names(),
        )?;
        let mut tables = model.tables(arguments.bits);
        if let Some(compression) = arguments.compression {
            for table in &mut tables {
                table.storage = compression.storage(table);
            }
        }
        let law = arguments.popularity.unwrap_or_else(|| model.law());
        let trace = arguments.trace.as_deref();
        let trace = trace
            .map(|path| read_trace(path, &model.tables(arguments.bits)))
            .transpose()?;
        let (gathers, law) = match &trace {
            Some(trace) => {
                let popularities = trace.popularities();
                (
                    Gathers::measured(&tables, &popularities),
                    "a trace".to_owned(),
                )
            }
            None => (Gathers::by_law(&tables, law), told(law)),
        };
        Ok(Self {
            model,
            gathers,
            law,
            trace,
        })
    }
}

/// The look-ups of a trace of these tables, which it calls by their numbers.
fn read_trace(path: &Path, tables: &[EmbeddingTable]) -> Result<AccessTrace, Error> {
    let text = std::fs::read_to_string(path).map_err(|source| Error::file("read", path, source))?;
    let numbered: Vec<TraceTable> = { tables.iter().enumerate() }
        .map(|(number, table)| TraceTable {
            name: number.to_string(),
            rows: table.rows,
            bytes: (u32::from(table.width) * u32::from(table.bits)).div_ceil(8),
        })
        .collect();
    let lookups: Result<Vec<_>, _> = parse_trace(text.lines(), &numbered).collect();
    let lookups = lookups.map_err(|error| Error::Trace {
        path: path.to_owned(),
        message: error.to_string(),
    })?;
    if lookups.is_empty() {
        return Err(Error::Trace {
            path: path.to_owned(),
            message: "no look-ups, expected a line `TABLE ROW` for each".to_owned(),
        });
    }
    Ok(AccessTrace::new(lookups, tables))
}

/// The system in a file, or the built-in one of that name, with batches of the size asked for.
pub(crate) fn open_system(path: &Path, batch: Option<u16>) -> Result<MemorySystem, Error> {
    let system = preset(
        path,
        "memory system",
        MemorySystem::preset,
        MemorySystem::parse,
        &MemorySystem::preset_names(),
    )?;
    Ok(match batch {
        Some(batch) => system.with_batch(batch),
        None => system,
    })
}

/// What is in a file, or the built-in preset of that name.
pub(crate) fn preset<T>(
    path: &Path,
    what: &'static str,
    built_in: fn(&str) -> Option<T>,
    parse: fn(&str) -> Result<T, PresetError>,
    names: &[&str],
) -> Result<T, Error> {
    if path.is_file() {
        let text =
            std::fs::read_to_string(path).map_err(|source| Error::file("read", path, source))?;
        return parse(&text).map_err(|error| Error::preset(path, &text, &error));
    }
    let found = path.to_str().and_then(built_in);
    found.ok_or_else(|| Error::Unknown {
        what,
        name: path.display().to_string(),
        known: format!("`{}`, or give a file", names.join("`, `")),
    })
}

fn told(law: Law) -> String {
    match (law.exponent == 0.0, law.shift == 0.0) {
        (true, _) => "uniform".to_owned(),
        (false, true) => format!("Zipf, exponent {}", law.exponent),
        (false, false) => format!(
            "Zipf–Mandelbrot, exponent {}, shift {}",
            law.exponent, law.shift
        ),
    }
}

/// Parses `uniform`, `EXPONENT` or `EXPONENT,SHIFT`.
pub(crate) fn law(text: &str) -> Result<Law, String> {
    let expected = || {
        "expected `uniform`, the exponent of Zipf's law as in `1.05`, or exponent and shift as in `1.1,5`"
            .to_owned()
    };
    if text == "uniform" {
        return Ok(Law {
            exponent: 0.0,
            shift: 0.0,
        });
    }
    let (exponent, shift) = text.split_once(',').unwrap_or((text, "0"));
    let number = |text: &str| {
        let number = text.trim().parse::<f64>().ok();
        number.filter(|number| number.is_finite() && *number >= 0.0)
    };
    let (exponent, shift) = (number(exponent), number(shift));
    let (exponent, shift) = exponent.zip(shift).ok_or_else(expected)?;
    Ok(Law { exponent, shift })
}

/// A compression of every table that it makes smaller.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Compression {
    /// Quotients and remainders with so many collisions.
    QuotientRemainder(u32),
    /// A tensor train of that rank.
    TensorTrain(u16),
}

impl Compression {
    /// What is stored of a table: itself where compression would not make it smaller.
    fn storage(self, table: &EmbeddingTable) -> TableStorage {
        let storage = match self {
            Self::QuotientRemainder(collisions) => TableStorage::QuotientRemainder { collisions },
            Self::TensorTrain(rank) => TableStorage::TensorTrain {
                rank,
                dims: three_factors(table.width),
            },
        };
        let width = u64::from(table.width);
        if storage.stored_values(table.rows, width) < table.rows * width {
            storage
        } else {
            TableStorage::Rows
        }
    }
}

/// Three factors as near to one another as they come, the largest first.
fn three_factors(width: u16) -> [u16; 3] {
    let mut best = [width, 1, 1];
    for first in (1..=width).filter(|first| width.is_multiple_of(*first)) {
        let rest = width / first;
        for second in (1..=rest).filter(|second| rest.is_multiple_of(*second)) {
            let mut factors = [first, second, rest / second];
            factors.sort_unstable_by(|a, b| b.cmp(a));
            if factors[0] - factors[2] < best[0] - best[2] {
                best = factors;
            }
        }
    }
    best
}

/// Parses `quotient-remainder:COLLISIONS` or `tensor-train:RANK`.
pub(crate) fn compression(text: &str) -> Result<Compression, String> {
    let parsed = text.split_once(':').and_then(|(kind, number)| match kind {
        "quotient-remainder" => {
            let collisions = number
                .parse::<u32>()
                .ok()
                .filter(|&collisions| collisions > 1)?;
            Some(Compression::QuotientRemainder(collisions))
        }
        "tensor-train" => {
            let rank = number.parse::<u16>().ok().filter(|&rank| rank > 0)?;
            Some(Compression::TensorTrain(rank))
        }
        _ => None,
    });
    parsed.ok_or_else(|| {
        "expected `quotient-remainder:COLLISIONS` with 2 or more, or `tensor-train:RANK`".to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn laws_are_read() {
        let check = |text, expected: Option<(f64, f64)>| {
            let law = law(text).ok().map(|law| (law.exponent, law.shift));
            assert_eq!(law, expected, "{text}");
        };
        check("uniform", Some((0.0, 0.0)));
        check("1.05", Some((1.05, 0.0)));
        check("1.1,5", Some((1.1, 5.0)));
        check("-1", None);
        check("zipf", None);
    }

    #[test]
    fn trains_have_three_like_factors() {
        assert_eq!(three_factors(32), [4, 4, 2]);
        assert_eq!(three_factors(64), [4, 4, 4]);
        assert_eq!(three_factors(7), [7, 1, 1]);
    }

    #[test]
    fn only_what_shrinks_is_compressed() {
        let compression = compression("tensor-train:16").expect("well formed");
        let table = |rows| EmbeddingTable {
            rows,
            width: 16,
            bits: 32,
            lookups: 1,
            storage: TableStorage::Rows,
        };
        assert_eq!(compression.storage(&table(20)), TableStorage::Rows);
        assert_ne!(compression.storage(&table(1_000_000)), TableStorage::Rows);
    }
}
