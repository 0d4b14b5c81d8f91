//! Choices about the tables of each field, section `embedding` of a space.

use num_bigint::BigUint;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use serde::Deserialize;
use toml::Spanned;

use crate::{
    embedding::{FieldEmbedding, TableKind},
    sampling::pick,
    space::SearchSpace,
    space_file::{Menu, SpaceError, menu},
};

/// Section `embedding`. Without it every field has a full table of full width, and all share one
/// precision.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct EmbeddingSection {
    /// Absent: full tables.
    pub(crate) tables: Option<Menu<String>>,
    /// Absent: the embedding width.
    pub(crate) widths: Option<Menu<usize>>,
}

/// Choices about the table of a field; its precisions are those of the space's embedding rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EmbeddingMenus {
    pub(crate) tables: Vec<TableKind>,
    pub(crate) widths: Vec<usize>,
    pub(crate) bits: Vec<u8>,
    embedding_dim: usize,
    /// Values of every field; empty until they are known.
    table_rows: Vec<u64>,
}

impl SearchSpace {
    /// The space of designs for a log whose fields have these numbers of values. Only a space that
    /// offers tables per field needs to know them; until it does, its designs have full tables and
    /// one precision for all.
    #[must_use]
    pub fn for_tables(&self, table_rows: &[u64]) -> Self {
        let mut space = self.clone();
        if let Some(menus) = &mut space.embedding {
            menus.table_rows = table_rows.to_vec();
        }
        space
    }

    /// Every kind of table at every width, unrounded, widest first; none where fields have no choice.
    pub fn table_menu(&self) -> Vec<FieldEmbedding> {
        let Some(menus) = &self.embedding else {
            return Vec::new();
        };
        let mut widths = menus.widths.clone();
        widths.sort_unstable_by(|a, b| b.cmp(a));
        let kinds = menus.tables.iter();
        kinds
            .flat_map(|&table| {
                widths.iter().map(move |&width| FieldEmbedding {
                    table,
                    width,
                    bits: 32,
                })
            })
            .collect()
    }

    /// For each field, every embedding that a network of this space may have, precisions aside;
    /// none where fields have no choice or are not known.
    pub fn embedding_choices(&self) -> Vec<Vec<FieldEmbedding>> {
        self.embedding
            .as_ref()
            .map_or_else(Vec::new, EmbeddingMenus::choices)
    }
}

impl EmbeddingMenus {
    pub(crate) fn check(
        section: &EmbeddingSection,
        embedding_dim: usize,
        bits: &[u8],
    ) -> Result<Self, SpaceError> {
        let tables = match &section.tables {
            None => vec![TableKind::Full],
            Some(tables) => kinds(tables)?,
        };
        let widths = match &section.widths {
            None => vec![embedding_dim],
            Some(widths) => {
                let is_allowed = |width: usize| (1..=embedding_dim).contains(&width);
                menu("widths", widths, is_allowed, "1 to `embedding-dim`")?
            }
        };
        Ok(Self {
            tables,
            widths,
            bits: bits.to_vec(),
            embedding_dim,
            table_rows: Vec::new(),
        })
    }

    /// Choices of one field.
    pub(crate) fn choices_per_field(&self) -> usize {
        self.tables.len() * self.widths.len() * self.bits.len()
    }

    /// Choices of all fields that are known.
    pub(crate) fn size(&self) -> BigUint {
        BigUint::from(self.choices_per_field()).pow(self.table_rows.len() as u32)
    }

    /// Whether the fields are known.
    pub(crate) fn has_fields(&self) -> bool {
        !self.table_rows.is_empty()
    }

    /// A random embedding for every field.
    pub(crate) fn sample(&self, rng: &mut ChaCha8Rng) -> Vec<FieldEmbedding> {
        self.table_rows.iter().map(|_| self.random(rng)).collect()
    }

    /// Draws one gene of one field anew.
    pub(crate) fn redraw(&self, fields: &mut [FieldEmbedding], rng: &mut ChaCha8Rng) {
        let field = rng.random_range(0..fields.len());
        let new = self.random(rng);
        match rng.random_range(0..3) {
            0 => fields[field].table = new.table,
            1 => fields[field].width = new.width,
            _ => fields[field].bits = new.bits,
        }
    }

    /// Tables that save nothing made full ones.
    pub(crate) fn canonical(&self, fields: &[FieldEmbedding]) -> Vec<FieldEmbedding> {
        let fields = fields.iter().zip(&self.table_rows);
        fields
            .map(|(field, &rows)| field.canonical(rows, self.embedding_dim))
            .collect()
    }

    /// The part of a fingerprint that shapes weights.
    pub(crate) fn fingerprint(&self) -> String {
        format!("{:?} {:?}", self.tables, self.widths)
    }

    fn random(&self, rng: &mut ChaCha8Rng) -> FieldEmbedding {
        FieldEmbedding {
            table: pick(&self.tables, rng),
            width: pick(&self.widths, rng),
            bits: pick(&self.bits, rng),
        }
    }

    fn choices(&self) -> Vec<Vec<FieldEmbedding>> {
        let of_field = |&rows: &u64| {
            let mut choices = Vec::new();
            for &table in &self.tables {
                for &width in &self.widths {
                    let bits = self.bits[0];
                    let choice = FieldEmbedding { table, width, bits };
                    choices.push(choice.canonical(rows, self.embedding_dim));
                }
            }
            choices.sort_unstable();
            choices.dedup();
            choices
        };
        self.table_rows.iter().map(of_field).collect()
    }
}

fn kinds(tables: &Menu<String>) -> Result<Vec<TableKind>, SpaceError> {
    let texts = tables.get_ref().iter().map(String::as_str).collect();
    let texts: Spanned<Vec<&str>> = Spanned::new(tables.span(), texts);
    let is_kind = |text: &str| text.parse::<TableKind>().is_ok();
    let texts = menu("tables", &texts, is_kind, TableKind::EXPECTED)?;
    Ok(texts
        .into_iter()
        .filter_map(|text| text.parse().ok())
        .collect())
}
