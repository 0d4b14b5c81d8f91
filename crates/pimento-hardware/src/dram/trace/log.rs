//! Reads the accesses of a user: a line per lookup.
//!
//! A line has a table and a row, with spaces, tabs or a comma between them. `#` starts a comment. Empty
//! lines may separate samples; a first line `table row` is a header.

use thiserror::Error;

use crate::dram::trace::Lookup;

/// An embedding table that a trace reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceTable {
    /// What a trace calls it; its number, from 0, does as well.
    pub name: String,
    /// Rows.
    pub rows: u64,
    /// Bytes of a row.
    pub bytes: u32,
}

/// Why a line is not a lookup.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TraceError {
    /// Not two fields.
    #[error("line {line}: {found} fields, expected a table and a row")]
    Fields {
        /// The line, from 1.
        line: usize,
        /// How many fields it has.
        found: usize,
    },
    /// A table that nobody knows.
    #[error(
        "line {line}, field 1: `{table}` is neither the name nor the number of one of {tables} tables"
    )]
    UnknownTable {
        /// The line, from 1.
        line: usize,
        /// What it says.
        table: String,
        /// How many there are.
        tables: usize,
    },
    /// A row that is not a number.
    #[error("line {line}, field 2: `{row}` is not a number of a row")]
    NotARow {
        /// The line, from 1.
        line: usize,
        /// What it says.
        row: String,
    },
    /// A row beyond the table.
    #[error("line {line}, field 2: row {row} of `{table}`, which has {rows} rows, counted from 0")]
    RowOutOfRange {
        /// The line, from 1.
        line: usize,
        /// The table.
        table: String,
        /// The row.
        row: u64,
        /// Rows of the table.
        rows: u64,
    },
}

/// The lookups of the lines of a trace, in order.
pub fn parse_trace<Line: AsRef<str>>(
    lines: impl IntoIterator<Item = Line>,
    tables: &[TraceTable],
) -> impl Iterator<Item = Result<Lookup, TraceError>> {
    let numbered = (1..).zip(lines);
    numbered.filter_map(|(line, text)| parse_line(line, text.as_ref(), tables).transpose())
}

fn parse_line(
    line: usize,
    text: &str,
    tables: &[TraceTable],
) -> Result<Option<Lookup>, TraceError> {
    let text = text.split('#').next().unwrap_or_default();
    let is_between = |letter: char| letter.is_whitespace() || letter == ',';
    let mut fields = text.split(is_between).filter(|field| !field.is_empty());
    let (table, row) = match (fields.next(), fields.next(), fields.count()) {
        (None, ..) => return Ok(None),
        (Some("table"), Some("row"), 0) if line == 1 => return Ok(None),
        (Some(table), Some(row), 0) => (table, row),
        (_, second, more) => {
            let found = 1 + usize::from(second.is_some()) + more;
            return Err(TraceError::Fields { line, found });
        }
    };
    let named = tables.iter().position(|known| known.name == table);
    let index = named.or_else(|| table.parse().ok().filter(|index| *index < tables.len()));
    let index = index.ok_or_else(|| TraceError::UnknownTable {
        line,
        table: table.to_owned(),
        tables: tables.len(),
    })?;
    let number = row.parse().map_err(|_| TraceError::NotARow {
        line,
        row: row.to_owned(),
    })?;
    let known = &tables[index];
    if number >= known.rows {
        return Err(TraceError::RowOutOfRange {
            line,
            table: known.name.clone(),
            row: number,
            rows: known.rows,
        });
    }
    Ok(Some(Lookup {
        table: index as u32,
        row: number,
        bytes: known.bytes,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tables() -> Vec<TraceTable> {
        let table = |name: &str, rows, bytes| TraceTable {
            name: name.to_owned(),
            rows,
            bytes,
        };
        vec![table("user", 10, 64), table("item", 1000, 128)]
    }

    fn parse(text: &str) -> Result<Vec<(u32, u64, u32)>, TraceError> {
        parse_trace(text.lines(), &tables())
            .map(|lookup| lookup.map(|lookup| (lookup.table, lookup.row, lookup.bytes)))
            .collect()
    }

    #[test]
    fn spaces_tabs_and_commas_names_and_numbers() {
        let text = "table,row\nuser 9 # a comment\n\n# another\nitem\t999\n1,0\n 0 , 3 \n";
        let expected = vec![(0, 9, 64), (1, 999, 128), (1, 0, 128), (0, 3, 64)];
        assert_eq!(parse(text), Ok(expected));
    }

    #[test]
    fn errors_name_line_and_field() {
        let message = |text: &str| parse(text).expect_err("not a trace").to_string();
        assert_eq!(
            message("user 1\n\nuser 10"),
            "line 3, field 2: row 10 of `user`, which has 10 rows, counted from 0"
        );
        assert_eq!(
            message("shop 1"),
            "line 1, field 1: `shop` is neither the name nor the number of one of 2 tables"
        );
        assert_eq!(message("2 1"), message("shop 1").replace("shop", "2"));
        assert_eq!(
            message("user -1"),
            "line 1, field 2: `-1` is not a number of a row"
        );
        assert_eq!(
            message("user"),
            "line 1: 1 fields, expected a table and a row"
        );
        assert_eq!(
            message("0 1 2"),
            "line 1: 3 fields, expected a table and a row"
        );
        assert_eq!(
            message("user 1\ntable row").split(':').next(),
            Some("line 2, field 1")
        );
    }
}
