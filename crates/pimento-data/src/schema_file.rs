//! A schema as it is typed, and the check that makes it one that can be used.

use std::collections::BTreeSet;

use serde::Deserialize;
use toml::Spanned;

use crate::{
    SchemaError, SplitRule,
    schema::{CategoricalEncoding, Column, DataSchema, DenseTransform, TableRows},
};

/// A schema as it is typed; [`DataSchema`] is what it means.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct SchemaFile {
    #[serde(default = "comma")]
    separator: Spanned<String>,
    #[serde(default = "yes")]
    header: bool,
    columns: Option<Spanned<Vec<String>>>,
    label: Spanned<Column>,
    #[serde(default = "one")]
    positive_labels: Spanned<Vec<String>>,
    #[serde(default = "zero")]
    negative_labels: Spanned<Vec<String>>,
    #[serde(default)]
    dense: Vec<Spanned<Column>>,
    categorical: Spanned<Vec<Spanned<Column>>>,
    #[serde(default = "empty_text")]
    missing: Vec<String>,
    #[serde(default)]
    dense_transform: DenseTransform,
    #[serde(default = "default_encoding")]
    categorical_encoding: Spanned<CategoricalEncoding>,
    #[serde(default)]
    split: SplitRule,
}

fn comma() -> Spanned<String> {
    Spanned::new(0..0, ",".to_owned())
}

fn yes() -> bool {
    true
}

fn one() -> Spanned<Vec<String>> {
    Spanned::new(0..0, vec!["1".to_owned()])
}

fn zero() -> Spanned<Vec<String>> {
    Spanned::new(0..0, vec!["0".to_owned()])
}

fn empty_text() -> Vec<String> {
    vec![String::new()]
}

fn default_encoding() -> Spanned<CategoricalEncoding> {
    Spanned::new(0..0, CategoricalEncoding::default())
}

impl TryFrom<SchemaFile> for DataSchema {
    type Error = SchemaError;

    fn try_from(file: SchemaFile) -> Result<Self, SchemaError> {
        file.check_separator()?;
        file.check_names()?;
        file.check_columns()?;
        file.check_labels()?;
        check_encoding(&file.categorical_encoding, file.categorical.as_ref().len())?;
        let plain = |columns: Vec<Spanned<Column>>| {
            columns
                .into_iter()
                .map(Spanned::into_inner)
                .collect::<Vec<_>>()
        };
        Ok(Self {
            separator: file.separator.into_inner(),
            header: file.header,
            columns: file.columns.map(Spanned::into_inner),
            label: file.label.into_inner(),
            positive_labels: file.positive_labels.into_inner(),
            negative_labels: file.negative_labels.into_inner(),
            dense: plain(file.dense),
            categorical: plain(file.categorical.into_inner()),
            missing: file.missing,
            dense_transform: file.dense_transform,
            categorical_encoding: file.categorical_encoding.into_inner(),
            split: file.split,
        })
    }
}

impl SchemaFile {
    fn check_separator(&self) -> Result<(), SchemaError> {
        let separator = self.separator.as_ref();
        if separator.is_empty() || separator.contains(['"', '\n', '\r']) {
            let span = self.separator.span();
            return Err(SchemaError::Separator {
                separator: separator.clone(),
                span,
            });
        }
        Ok(())
    }

    fn check_names(&self) -> Result<(), SchemaError> {
        let Some(columns) = &self.columns else {
            return Ok(());
        };
        if self.header {
            return Err(SchemaError::ColumnsTwice {
                span: columns.span(),
            });
        }
        let mut seen = BTreeSet::new();
        match columns.as_ref().iter().find(|name| !seen.insert(*name)) {
            Some(name) => Err(SchemaError::NameTwice {
                name: name.clone(),
                span: columns.span(),
            }),
            None => Ok(()),
        }
    }

    fn check_columns(&self) -> Result<(), SchemaError> {
        if self.categorical.as_ref().is_empty() {
            return Err(SchemaError::NoCategorical {
                span: self.categorical.span(),
            });
        }
        let mut seen = BTreeSet::new();
        let used = self.dense.iter().chain(self.categorical.as_ref());
        for column in std::iter::once(&self.label).chain(used) {
            let position = self.position(column)?;
            if !seen.insert(position) {
                let (column, span) = (column.as_ref().clone(), column.span());
                return Err(SchemaError::ColumnTwice { column, span });
            }
        }
        Ok(())
    }

    /// The column as a position if the schema can tell it.
    fn position(&self, column: &Spanned<Column>) -> Result<Column, SchemaError> {
        let (value, span) = (column.as_ref(), column.span());
        let Some(columns) = self.columns.as_ref().map(Spanned::as_ref) else {
            return match value {
                Column::Name(name) if !self.header => Err(SchemaError::NameWithoutHeader {
                    name: name.clone(),
                    span,
                }),
                _ => Ok(value.clone()),
            };
        };
        let position = match value {
            Column::Name(name) => columns.iter().position(|other| other == name),
            Column::Number(number) => Some(*number).filter(|&number| number < columns.len()),
        };
        position
            .map(Column::Number)
            .ok_or_else(|| SchemaError::UnknownColumn {
                column: value.clone(),
                columns: columns.clone(),
                span,
            })
    }

    fn check_labels(&self) -> Result<(), SchemaError> {
        let lists = [
            ("positive-labels", &self.positive_labels),
            ("negative-labels", &self.negative_labels),
        ];
        for (key, texts) in lists {
            if texts.as_ref().is_empty() {
                return Err(SchemaError::NoLabelText {
                    key,
                    span: texts.span(),
                });
            }
        }
        let positive = self.positive_labels.as_ref();
        let negative = self.negative_labels.as_ref();
        let Some(text) = negative.iter().find(|text| positive.contains(text)) else {
            return Ok(());
        };
        let typed = [self.negative_labels.span(), self.positive_labels.span()];
        let span = typed
            .into_iter()
            .find(|span| !span.is_empty())
            .unwrap_or_default();
        Err(SchemaError::LabelOverlap {
            text: text.clone(),
            span,
        })
    }
}

fn check_encoding(
    encoding: &Spanned<CategoricalEncoding>,
    columns: usize,
) -> Result<(), SchemaError> {
    let span = encoding.span();
    let at_least = |key, found: u32, least| {
        if found < least {
            return Err(SchemaError::TooFew {
                key,
                found,
                least,
                span: span.clone(),
            });
        }
        Ok(())
    };
    match encoding.as_ref() {
        CategoricalEncoding::Hash { rows, rows_cap, .. } => {
            at_least("rows-cap", rows_cap.unwrap_or(2), 2)?;
            match rows {
                TableRows::Same(rows) => at_least("rows", *rows, 2),
                TableRows::PerColumn(rows) if rows.len() != columns => {
                    let (expected, found) = (columns, rows.len());
                    Err(SchemaError::TableCount {
                        expected,
                        found,
                        span,
                    })
                }
                TableRows::PerColumn(rows) => {
                    rows.iter().try_for_each(|&rows| at_least("rows", rows, 2))
                }
            }
        }
        CategoricalEncoding::Vocabulary {
            minimum_count,
            rows_cap,
        } => {
            at_least("rows-cap", rows_cap.unwrap_or(2), 2)?;
            at_least("minimum-count", *minimum_count, 1)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SCHEMA_PRESETS;

    const LEAST: &str = "label = \"y\"\ncategorical = [\"a\", \"b\"]\n";

    fn check(text: &str, at: &str, message: &str) {
        let error = DataSchema::parse(text).unwrap_err();
        assert_eq!(error.to_string(), message);
        assert_eq!(&text[error.span().unwrap()], at);
    }

    #[test]
    fn the_least_schema_takes_the_defaults() {
        let schema = DataSchema::parse(LEAST).unwrap();
        assert_eq!(schema.separator, ",");
        assert!(schema.header);
        assert_eq!(schema.missing, [""]);
        assert_eq!(schema.split, SplitRule::Stratified { seed: 2018 });
        assert_eq!(schema.categorical_encoding, CategoricalEncoding::default());
    }

    #[test]
    fn every_preset_parses_and_survives_a_round_trip() {
        for name in SCHEMA_PRESETS {
            let schema = DataSchema::preset(name).unwrap();
            assert_eq!(
                DataSchema::parse(&schema.to_toml()).unwrap(),
                schema,
                "{name}"
            );
        }
    }

    #[test]
    fn criteo_has_13_dense_and_26_categorical_columns() {
        let schema = DataSchema::criteo();
        assert_eq!((schema.dense.len(), schema.categorical.len()), (13, 26));
    }

    #[test]
    fn an_unknown_preset_names_those_there_are() {
        let error = DataSchema::preset("kriteo").unwrap_err();
        assert_eq!(
            error.to_string(),
            "unknown schema `kriteo`; built in are `criteo`, `criteo-nasrec-hash`, `avazu`, `frappe`"
        );
        assert_eq!(error.span(), None);
    }

    #[test]
    fn an_unknown_key_names_the_valid_ones() {
        let text = format!("seperator = \",\"\n{LEAST}");
        let error = DataSchema::parse(&text).unwrap_err();
        assert_eq!(&text[error.span().unwrap()], "seperator");
        assert!(
            error
                .to_string()
                .starts_with("unknown field `seperator`, expected one of `separator`")
        );
    }

    #[test]
    fn an_unknown_key_of_a_table_is_refused() {
        let text = format!("{LEAST}[categorical-encoding]\nkind = \"vocabulary\"\nminimum = 2\n");
        let error = DataSchema::parse(&text).unwrap_err();
        assert!(error.to_string().contains("`minimum-count`"), "{error}");
    }

    #[test]
    fn a_separator_divides() {
        check(
            "separator = \"\"\nlabel = \"y\"\ncategorical = [\"a\"]\n",
            "\"\"",
            "separator \"\" cannot divide a line; use text without quotes and line ends such as \
             \",\" or \"\\t\"",
        );
    }

    #[test]
    fn a_column_is_used_once() {
        check(
            "label = \"y\"\ncategorical = [\"a\", \"y\"]\n",
            "\"y\"",
            "column `y` is used twice; a column is the label, dense, or categorical",
        );
        check(
            "header = false\ncolumns = [\"y\", \"a\"]\nlabel = 0\ncategorical = [\"y\"]\n",
            "\"y\"",
            "column `y` is used twice; a column is the label, dense, or categorical",
        );
    }

    #[test]
    fn names_need_a_header_or_a_list() {
        check(
            "header = false\nlabel = \"y\"\ncategorical = [1]\n",
            "\"y\"",
            "column `y` has no name in files without a header; give its position from 0, or the \
             names of all columns in `columns`",
        );
        check(
            "header = false\ncolumns = [\"y\", \"a\"]\nlabel = \"y\"\ncategorical = [\"b\"]\n",
            "\"b\"",
            "`columns` has no column `b`; it has `y`, `a`",
        );
        check(
            "columns = [\"y\"]\nlabel = \"y\"\ncategorical = [\"b\"]\n",
            "[\"y\"]",
            "`columns` names the columns of files without a header; remove it or set `header = \
             false`",
        );
        check(
            "header = false\ncolumns = [\"y\", \"y\"]\nlabel = \"y\"\ncategorical = [1]\n",
            "[\"y\", \"y\"]",
            "`columns` names `y` twice; give every column its own name",
        );
    }

    #[test]
    fn a_categorical_column_is_needed() {
        check(
            "label = \"y\"\ncategorical = []\n",
            "[]",
            "`categorical` is empty; name at least one column",
        );
    }

    #[test]
    fn labels_mean_one_thing() {
        check(
            &format!("positive-labels = [\"0\"]\n{LEAST}"),
            "[\"0\"]",
            "label `0` is both in `positive-labels` and in `negative-labels`; keep one",
        );
        check(
            &format!("negative-labels = []\n{LEAST}"),
            "[]",
            "`negative-labels` is empty; list the texts of the label that it stands for",
        );
    }

    #[test]
    fn every_table_has_a_size() {
        let of =
            |rows| format!("{LEAST}categorical-encoding = {{ kind = \"hash\", rows = {rows} }}\n");
        let error = DataSchema::parse(&of("[2, 3, 4]")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "`rows` lists 3 table sizes for 2 categorical columns; give one each"
        );
        assert_eq!(
            DataSchema::parse(&of("1")).unwrap_err().to_string(),
            "`rows` is 1, expected at least 2"
        );
        assert!(DataSchema::parse(&of("[2, 2]")).is_ok());
    }

    #[test]
    fn a_negative_position_is_refused() {
        let error = DataSchema::parse("label = -1\ncategorical = [\"a\"]\n").unwrap_err();
        assert!(
            error
                .to_string()
                .contains("a column name or a position from 0"),
            "{error}"
        );
    }
}
