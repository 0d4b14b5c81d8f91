//! Texts of a row as numbers.

use crate::{
    CategoricalEncoding, DataError, DataSchema, DenseTransform, HashedValues, TableRows,
    columns::Columns,
    record::{RecordLayout, index},
    row_reader::Row,
    values::{Values, fnv1a},
};

/// Vocabulary row of values that are too rare or unseen in training.
const RARE_ROW: u32 = 1;
/// Rows before those of values.
const RESERVED_ROWS: u32 = 2;

/// Turns rows into records. A hash gives embedding rows at once; under a vocabulary a value is
/// numbered in a first pass, 0 being missing, and gets its row when all training rows are counted.
pub(crate) struct Encoder<'a> {
    schema: &'a DataSchema,
    tables: Vec<Table>,
    missing_dense: Vec<u64>,
    missing_categorical: Vec<u64>,
}

/// How values of a column become numbers.
enum Table {
    Hash { rows: u32, values: HashedValues },
    Vocabulary(Values),
}

/// Embedding rows of the numbers that an [`Encoder`] gave out.
pub(crate) struct Tables {
    /// Rows of each table.
    pub(crate) rows: Vec<u32>,
    /// Row of each number, by column; absent where numbers are rows.
    row_of: Vec<Option<Vec<u32>>>,
}

impl<'a> Encoder<'a> {
    pub(crate) fn new(schema: &'a DataSchema) -> Self {
        let columns = schema.categorical.len();
        let table = |column: usize| match &schema.categorical_encoding {
            CategoricalEncoding::Hash {
                rows,
                values,
                rows_cap,
            } => {
                let rows = match rows {
                    TableRows::Same(rows) => *rows,
                    TableRows::PerColumn(rows) => rows[column],
                };
                Table::Hash {
                    rows: rows.min(rows_cap.unwrap_or(u32::MAX)),
                    values: *values,
                }
            }
            CategoricalEncoding::Vocabulary { .. } => Table::Vocabulary(Values::default()),
        };
        Self {
            schema,
            tables: (0..columns).map(table).collect(),
            missing_dense: vec![0; schema.dense.len()],
            missing_categorical: vec![0; columns],
        }
    }

    pub(crate) fn layout(&self) -> RecordLayout {
        RecordLayout {
            dense: self.schema.dense.len(),
            categorical: self.schema.categorical.len(),
        }
    }

    /// Rows in which each dense, and each categorical, column was missing.
    pub(crate) fn missing(&self) -> (&[u64], &[u64]) {
        (&self.missing_dense, &self.missing_categorical)
    }

    /// Replaces `record` by the row; returns whether it was clicked.
    pub(crate) fn encode(
        &mut self,
        row: &Row<'_>,
        record: &mut Vec<u8>,
    ) -> Result<bool, DataError> {
        let columns = row.columns;
        record.clear();
        let is_click = self.label(row, columns.label)?;
        record.extend_from_slice(&f32::from(u8::from(is_click)).to_le_bytes());
        self.encode_dense(row, columns, record)?;
        self.encode_categorical(row, columns, record)?;
        Ok(is_click)
    }

    fn label(&self, row: &Row<'_>, position: usize) -> Result<bool, DataError> {
        let text = row.fields.get(position);
        let (positive, negative) = (&self.schema.positive_labels, &self.schema.negative_labels);
        if is_among(text, positive) {
            return Ok(true);
        }
        if is_among(text, negative) {
            return Ok(false);
        }
        Err(DataError::Label {
            place: Box::new(row.place(position)),
            expected: positive.iter().chain(negative).cloned().collect(),
            found: row.text(position),
        })
    }

    fn encode_dense(
        &mut self,
        row: &Row<'_>,
        columns: &Columns,
        record: &mut Vec<u8>,
    ) -> Result<(), DataError> {
        for (&position, missing) in columns.dense.iter().zip(&mut self.missing_dense) {
            let text = row.fields.get(position);
            let value = if is_among(text, &self.schema.missing) {
                *missing += 1;
                0.0
            } else {
                let number = number(text).ok_or_else(|| DataError::Number {
                    place: Box::new(row.place(position)),
                    found: row.text(position),
                })?;
                transform(self.schema.dense_transform, number)
            };
            record.extend_from_slice(&value.to_le_bytes());
        }
        Ok(())
    }

    fn encode_categorical(
        &mut self,
        row: &Row<'_>,
        columns: &Columns,
        record: &mut Vec<u8>,
    ) -> Result<(), DataError> {
        for (column, &position) in columns.categorical.iter().enumerate() {
            let text = row.fields.get(position);
            let number = if is_among(text, &self.schema.missing) {
                self.missing_categorical[column] += 1;
                0
            } else {
                self.tables[column].number(text, row, position)?
            };
            record.extend_from_slice(&number.to_le_bytes());
        }
        Ok(())
    }

    /// No counts yet: one per number and column, none where numbers are rows.
    pub(crate) fn no_counts(&self) -> Vec<Vec<u32>> {
        let length = |table: &Table| match table {
            Table::Hash { .. } => 0,
            Table::Vocabulary(values) => values.len() + 1,
        };
        self.tables
            .iter()
            .map(|table| vec![0; length(table)])
            .collect()
    }

    /// Counts the numbers of a training record.
    pub(crate) fn count(&self, record: &[u8], counts: &mut [Vec<u32>]) {
        let layout = self.layout();
        for (column, counts) in counts.iter_mut().enumerate().filter(|(_, c)| !c.is_empty()) {
            counts[index(record, layout.index_at(column)) as usize] += 1;
        }
    }

    /// The tables, given how often each number occurs in training.
    pub(crate) fn tables(&self, counts: &[Vec<u32>]) -> Tables {
        let columns = self
            .tables
            .iter()
            .zip(counts)
            .map(|(table, counts)| match table {
                Table::Hash { rows, .. } => (*rows, None),
                Table::Vocabulary(values) => {
                    let (rows, row_of) = self.rank(values, counts);
                    (rows, Some(row_of))
                }
            });
        let (rows, row_of) = columns.unzip();
        Tables { rows, row_of }
    }

    /// Rows of the table of a vocabulary, and the row of each number.
    fn rank(&self, values: &Values, counts: &[u32]) -> (u32, Vec<u32>) {
        let CategoricalEncoding::Vocabulary {
            minimum_count,
            rows_cap,
        } = self.schema.categorical_encoding
        else {
            unreachable!("only a vocabulary is ranked")
        };
        let is_kept = |number: &u32| counts[*number as usize] >= minimum_count;
        let mut kept: Vec<u32> = (1..counts.len() as u32).filter(is_kept).collect();
        kept.sort_unstable_by(|&a, &b| {
            let by_count = counts[b as usize].cmp(&counts[a as usize]);
            by_count.then_with(|| values.text(a - 1).cmp(values.text(b - 1)))
        });
        kept.truncate(rows_cap.map_or(usize::MAX, |cap| (cap - RESERVED_ROWS) as usize));
        let mut row_of = vec![RARE_ROW; counts.len()];
        row_of[0] = 0;
        for (row, &number) in (RESERVED_ROWS..).zip(&kept) {
            row_of[number as usize] = row;
        }
        (kept.len() as u32 + RESERVED_ROWS, row_of)
    }
}

impl Tables {
    /// Replaces the numbers of a record by embedding rows.
    pub(crate) fn assign_rows(&self, layout: RecordLayout, record: &mut [u8]) {
        for (column, row_of) in self.row_of.iter().enumerate() {
            let Some(row_of) = row_of else { continue };
            let at = layout.index_at(column);
            let row = row_of[index(record, at) as usize];
            record[at..at + 4].copy_from_slice(&row.to_le_bytes());
        }
    }
}

impl Table {
    fn number(&mut self, text: &[u8], row: &Row<'_>, position: usize) -> Result<u32, DataError> {
        match self {
            Self::Hash { rows, values } => match hashed_value(*values, text) {
                Ok(value) => Ok((value % u64::from(*rows - 1)) as u32 + 1),
                Err(expected) => Err(DataError::HashedValue {
                    place: Box::new(row.place(position)),
                    expected,
                    found: row.text(position),
                }),
            },
            Self::Vocabulary(values) => {
                values
                    .number(text)
                    .map(|number| number + 1)
                    .ok_or(DataError::TooMany {
                        what: "distinct values in a column",
                    })
            }
        }
    }
}

/// The number that a text stands for, or what was expected of it.
fn hashed_value(values: HashedValues, text: &[u8]) -> Result<u64, &'static str> {
    let digits = |radix, expected| {
        let is_digit = |&byte: &u8| char::from(byte).is_digit(radix);
        let text = std::str::from_utf8(text)
            .ok()
            .filter(|text| text.as_bytes().iter().all(is_digit));
        text.and_then(|text| u64::from_str_radix(text, radix).ok())
            .ok_or(expected)
    };
    match values {
        HashedValues::Hex => digits(16, "a hexadecimal number of at most 16 digits"),
        HashedValues::Decimal => digits(10, "a decimal number below 2^64"),
        HashedValues::Text => Ok(fnv1a(text)),
    }
}

/// The finite number that a text stands for.
fn number(text: &[u8]) -> Option<f32> {
    let number: f32 = std::str::from_utf8(text).ok()?.parse().ok()?;
    number.is_finite().then_some(number)
}

fn transform(transform: DenseTransform, x: f32) -> f32 {
    match transform {
        DenseTransform::Log1p => x.max(0.0).ln_1p(),
        DenseTransform::None => x,
    }
}

fn is_among(text: &[u8], texts: &[String]) -> bool {
    texts.iter().any(|other| other.as_bytes() == text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log1p_of_known_values() {
        let check = |x, expected: f32| {
            assert!(
                (transform(DenseTransform::Log1p, x) - expected).abs() < 1e-6,
                "{x}"
            );
        };
        check(0.0, 0.0);
        check(-2.0, 0.0);
        check(1.0, std::f32::consts::LN_2);
        check(65535.0, 11.090_355);
        assert_eq!(transform(DenseTransform::None, -2.5), -2.5);
    }

    #[test]
    fn numbers_are_finite() {
        assert_eq!(number(b"-3"), Some(-3.0));
        assert_eq!(number(b"1e3"), Some(1000.0));
        for text in [&b"nan"[..], b"inf", b"1e99", b"", b"1 ", b"0x10", b"\xff"] {
            assert_eq!(number(text), None, "{text:?}");
        }
    }

    #[test]
    fn hashed_values_are_unsigned_digits() {
        let hex = |text: &str| hashed_value(HashedValues::Hex, text.as_bytes()).ok();
        assert_eq!(hex("68fd1e64"), Some(0x68fd_1e64));
        assert_eq!(hex("ffffffffffffffff"), Some(u64::MAX));
        for text in ["10000000000000000", "", "+1", "-1", "g"] {
            assert_eq!(hex(text), None, "{text}");
        }
        let decimal = |text: &str| hashed_value(HashedValues::Decimal, text.as_bytes()).ok();
        assert_eq!(decimal("18446744073709551615"), Some(u64::MAX));
        assert_eq!(decimal("18446744073709551616"), None);
        assert_eq!(decimal("a"), None);
    }

    #[test]
    fn a_vocabulary_ranks_by_count_and_then_by_text() {
        let schema = DataSchema::parse(
            "label = \"y\"\ncategorical = [\"a\"]\n\
             categorical-encoding = { kind = \"vocabulary\", minimum-count = 2, rows-cap = 4 }\n",
        )
        .unwrap();
        let encoder = Encoder::new(&schema);
        let mut values = Values::default();
        for text in ["z", "b", "a", "rare"] {
            values.number(text.as_bytes());
        }
        // Numbers: 0 missing, 1 z, 2 b, 3 a, 4 rare.
        let (rows, row_of) = encoder.rank(&values, &[9, 5, 3, 3, 1]);
        assert_eq!(rows, 4);
        assert_eq!(row_of, [0, 2, 1, 3, 1]);
    }
}
