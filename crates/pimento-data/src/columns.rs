//! Where the columns of a schema are in the lines of a file.

use std::path::Path;

use crate::{Column, DataError, DataSchema};

/// Positions, from 0, of the columns of a schema.
#[derive(Debug, Clone)]
pub(crate) struct Columns {
    /// Fields of every line.
    pub(crate) count: usize,
    /// Names, from the header or from the schema.
    pub(crate) names: Option<Vec<String>>,
    /// The label.
    pub(crate) label: usize,
    /// Dense columns.
    pub(crate) dense: Vec<usize>,
    /// Categorical columns.
    pub(crate) categorical: Vec<usize>,
}

impl Columns {
    /// The columns in a file with this header, or with `count` fields in its first line.
    pub(crate) fn resolve(
        schema: &DataSchema,
        path: &Path,
        header: Option<Vec<String>>,
        count: usize,
    ) -> Result<Self, DataError> {
        let names = header.or_else(|| schema.columns.clone());
        let count = names.as_ref().map_or(count, Vec::len);
        let position = |column: &Column| match (column, &names) {
            (Column::Name(name), Some(names)) => find_name(path, name, names),
            (Column::Number(number), _) if *number < count => Ok(*number),
            _ => Err(missing(path, column.to_string(), names.as_deref(), count)),
        };
        let label = position(&schema.label)?;
        let dense = schema
            .dense
            .iter()
            .map(position)
            .collect::<Result<_, _>>()?;
        let categorical = schema
            .categorical
            .iter()
            .map(position)
            .collect::<Result<_, _>>()?;
        Ok(Self {
            count,
            names,
            label,
            dense,
            categorical,
        })
    }

    /// Name of the column at a position, or the position.
    pub(crate) fn name(&self, position: usize) -> String {
        match &self.names {
            Some(names) => names[position].clone(),
            None => position.to_string(),
        }
    }
}

fn find_name(path: &Path, name: &str, names: &[String]) -> Result<usize, DataError> {
    let mut positions = (0..names.len()).filter(|&position| names[position] == name);
    match (positions.next(), positions.next()) {
        (Some(position), None) => Ok(position),
        (Some(_), Some(_)) => Err(DataError::ColumnTwice {
            path: path.to_owned(),
            column: name.to_owned(),
        }),
        (None, _) => Err(missing(path, name.to_owned(), Some(names), names.len())),
    }
}

fn missing(path: &Path, column: String, names: Option<&[String]>, count: usize) -> DataError {
    let found = match names {
        Some(names) => names.to_vec(),
        None => (0..count).map(|position| position.to_string()).collect(),
    };
    DataError::MissingColumn {
        path: path.to_owned(),
        column,
        found,
    }
}
