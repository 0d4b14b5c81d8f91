//! Where the numbers of a preset's table come from.

use std::{collections::BTreeMap, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{self, MapAccess},
};

use crate::{ledger::table_of, preset::PresetError};

/// The key of a table's sources.
pub(crate) const SOURCE: &str = "source";
/// The key of the source of all numbers that have none of their own.
pub(crate) const OTHERS: &str = "others";

/// The source of each number of a table: one text for all, or some by key and one for the `others`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Source {
    others: String,
    by_key: BTreeMap<String, String>,
}

/// A table whose numbers have sources.
pub(crate) trait Sourced {
    /// Its keys, as Rust writes them.
    const FIELDS: &'static [&'static str];

    /// Where its numbers come from.
    fn source(&self) -> &Source;
}

/// Tables of numbers, each with its source, as TOML has them.
macro_rules! sourced_tables {
    ($($(#[$doc:meta])* $name:ident {
        $($(#[$attribute:meta])* $field:ident: $type:ty),* $(,)?
    })*) => {
        $(
            $(#[$doc])*
            #[derive(Debug, Clone, PartialEq, serde::Deserialize)]
            #[serde(rename_all = "kebab-case", deny_unknown_fields)]
            pub(crate) struct $name {
                $($(#[$attribute])* pub(crate) $field: $type,)*
                /// Where the numbers come from.
                pub(crate) source: $crate::source::Source,
            }

            impl $crate::source::Sourced for $name {
                const FIELDS: &'static [&'static str] = &[$(stringify!($field)),*];

                fn source(&self) -> &$crate::source::Source {
                    &self.source
                }
            }
        )*
    };
}

pub(crate) use sourced_tables;

/// A table of a preset: its name, the sources of its numbers, and its keys as Rust writes them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SourcedTable<'a> {
    name: &'static str,
    source: &'a Source,
    fields: &'static [&'static str],
}

impl<'a> SourcedTable<'a> {
    pub(crate) fn new<T: Sourced>(name: &'static str, table: &'a T) -> Self {
        Self {
            name,
            source: table.source(),
            fields: T::FIELDS,
        }
    }

    /// An error that names the first table of which a number has no source, or that has one of a number that it has
    /// not.
    pub(crate) fn check(tables: &[Self]) -> Result<(), PresetError> {
        let mut checks = tables
            .iter()
            .map(|table| table.source.check(table.name, table.fields));
        checks.find(Result::is_err).unwrap_or(Ok(()))
    }

    /// Where the numbers of a formula such as `router.energy-pj / router.tiles` come from, by key or, for all others of
    /// a table, by table; none if its table is not among these.
    pub(crate) fn sources(tables: &[Self], formula: &str) -> Vec<(String, String)> {
        let name = table_of(formula);
        let of = tables.iter().find(|table| table.name == name);
        of.map_or_else(Vec::new, |table| table.source.of(name, formula))
    }
}

impl Source {
    /// An error if a number of `table`, which has these fields, has no source, or if there is one of a number that it
    /// has not.
    pub(crate) fn check(&self, table: &'static str, fields: &[&str]) -> Result<(), PresetError> {
        let keys: Vec<String> = fields.iter().map(|field| field.replace('_', "-")).collect();
        let mut named = self.by_key.iter();
        if let Some((key, _)) = named.clone().find(|(key, _)| !keys.contains(key)) {
            return Err(PresetError::SourceOfNothing {
                table,
                key: key.clone(),
                known: keys.join("`, `"),
            });
        }
        let is_empty = |text: &str| text.trim().is_empty();
        let needs_others = keys.iter().any(|key| !self.by_key.contains_key(key));
        if named.any(|(_, text)| is_empty(text)) || (needs_others && is_empty(&self.others)) {
            return Err(PresetError::NoSource { table });
        }
        Ok(())
    }

    /// The sources of the numbers of `table` that stand in a formula such as `router.energy-pj / router.tiles`, by
    /// key, or by table where it is that of the others.
    pub(crate) fn of(&self, table: &str, formula: &str) -> Vec<(String, String)> {
        let start = format!("{table}.");
        let keys = formula.split(&start).skip(1).map(|rest| {
            let is_key = |char: char| char.is_ascii_alphanumeric() || char == '-';
            rest.find(|char| !is_key(char))
                .map_or(rest, |end| &rest[..end])
        });
        let mut sources: Vec<(String, String)> = keys
            .map(|key| match self.by_key.get(key) {
                Some(text) => (start.clone() + key, text.clone()),
                None => (table.to_owned(), self.others.clone()),
            })
            .collect();
        if sources.is_empty() {
            sources.push((table.to_owned(), self.others.clone()));
        }
        sources.dedup();
        sources
    }
}

impl From<&str> for Source {
    fn from(others: &str) -> Self {
        Self {
            others: others.to_owned(),
            by_key: BTreeMap::new(),
        }
    }
}

impl<'de> Deserialize<'de> for Source {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Visitor)
    }
}

struct Visitor;

impl<'de> de::Visitor<'de> for Visitor {
    type Value = Source;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a text, or a table with one by key and `others`")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Source, E> {
        Ok(text.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Source, A::Error> {
        let mut by_key = BTreeMap::new();
        while let Some((key, text)) = map.next_entry::<String, String>()? {
            by_key.insert(key, text);
        }
        Ok(Source {
            others: by_key.remove(OTHERS).unwrap_or_default(),
            by_key,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    struct Router {
        source: Source,
    }

    fn source(text: &str) -> Source {
        toml::from_str::<Router>(text).expect("a table").source
    }

    const FIELDS: [&str; 2] = ["hop_ns", "tiles"];

    #[test]
    fn numbers_have_a_source_of_their_own_or_that_of_the_others() {
        let source = source("[source]\nothers = \"a paper\"\nhop-ns = \"assumption\"");
        let of = |formula| source.of("router", formula);
        let named = |name: &str, text: &str| (name.to_owned(), text.to_owned());
        let (hop, others) = (
            named("router.hop-ns", "assumption"),
            named("router", "a paper"),
        );
        assert_eq!(of("router.hop-ns"), std::slice::from_ref(&hop));
        assert_eq!(of("router.tiles"), std::slice::from_ref(&others));
        assert_eq!(
            of("(router.hop-ns + 1) / router.tiles"),
            [hop, others.clone()]
        );
        assert_eq!(of("router: by hand"), [others]);
        source.check("router", &FIELDS).expect("all have one");
    }

    #[test]
    fn each_number_needs_one() {
        for (text, error) in [
            (
                "source = \" \"",
                "`router.source` is empty or lacks `others`",
            ),
            (
                "[source]\nhop-ns = \"a paper\"",
                "`router.source` is empty or lacks `others`",
            ),
            (
                "[source]\nothers = \"a\"\nhop-ns = \"\"",
                "`router.source` is empty or lacks `others`",
            ),
            (
                "[source]\nothers = \"a\"\nhops = \"b\"",
                "`router.source` names `hops`, which the table has not: expected `others`, `hop-ns`, `tiles`",
            ),
        ] {
            let found = source(text).check("router", &FIELDS).expect_err(error);
            assert!(found.to_string().starts_with(error), "{found}");
        }
        let every = "[source]\nhop-ns = \"a\"\ntiles = \"b\"";
        source(every)
            .check("router", &FIELDS)
            .expect("all have one");
        let error = toml::from_str::<Router>("source = 3").expect_err("no source");
        assert!(error.message().contains("a text, or a table"), "{error}");
    }
}
