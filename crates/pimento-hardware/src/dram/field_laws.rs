//! The popularity of the rows of every field, with what a cache needs of it tabulated once.

use std::{
    borrow::Cow,
    sync::{Arc, OnceLock},
};

use crate::{
    dram::{
        cache::CachePolicy,
        demand::Flow,
        locality::{Locality, Residents},
        popularity::Popularity,
        stored_law::StoredLaw,
        workload::{GatherTable, Gathers},
    },
    workload::EmbeddingTable,
};

/// Law of the rows of a table whose accesses were not measured: exponent and shift of the law of Zipf
/// and Mandelbrot that fits the hit rates of caches before Criteo's largest tables
/// (harvard-acc/RecPipe; `docs/cost-model.md`).
const CRITEO: (f64, f64) = (1.10, 5.0);

/// Popularities of the tables of a gather, one each, or none.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct FieldLaws(Vec<FieldLaw>);

/// The popularity of a field, and what is known of what may be stored of it.
#[derive(Debug, Clone, PartialEq)]
struct FieldLaw {
    popularity: Popularity,
    known: Vec<Known>,
}

/// What prices need of stored rows.
#[derive(Debug, Clone)]
struct Known {
    stored: Stored,
    /// What a cache has of them.
    residents: Box<Residents>,
    /// How often they are asked for.
    rows: Popularity,
    /// What a memory system needs of them, tabulated when the first one asks.
    locality: OnceLock<Arc<Locality>>,
}

/// What is stored of a field: rows of its table, and which of them a row is for.
type Stored = (u64, StoredLaw);

impl FieldLaws {
    /// The laws of fields whose tables are full.
    pub(crate) fn new(popularities: Vec<Popularity>) -> Self {
        let law = |popularity: Popularity| {
            let whole = (popularity.rows() as u64, StoredLaw::WHOLE);
            let known = vec![Known::new(&popularity, whole)];
            FieldLaw { popularity, known }
        };
        Self(popularities.into_iter().map(law).collect())
    }

    /// Tabulates what this table of a field needs, so that it is not done for every price.
    pub(crate) fn tabulate(&mut self, field: usize, table: &EmbeddingTable) {
        let Some(law) = self.0.get_mut(field) else {
            return;
        };
        let parts = table.storage.parts(table.rows, u64::from(table.width));
        let stored = (0..parts.len()).map(|place| StoredLaw::of(table, place));
        for stored in stored.chain([StoredLaw::WHOLE]) {
            let stored = (table.rows, stored);
            if law.known(stored).is_none() {
                law.known.push(Known::new(&law.popularity, stored));
            }
        }
    }

    /// For each flow of a gather of `tables`, what a cache has of its rows. Where there is not one
    /// popularity per table, all are Criteo's; what is not tabulated takes milliseconds.
    pub(crate) fn residents(
        &self,
        tables: &[EmbeddingTable],
        flows: &[Flow],
    ) -> Vec<Cow<'_, Box<Residents>>> {
        let is_measured = self.0.len() == tables.len();
        let mut made: Vec<(Stored, Box<Residents>)> = Vec::new();
        let mut of_flow = |flow: &Flow| {
            let stored = (tables[flow.table].rows, flow.law);
            if is_measured {
                return self.0[flow.table].residents(stored);
            }
            let same = made.iter().find(|(known, _)| *known == stored);
            let new = same.map_or_else(
                || {
                    let law = Popularity::zipf_mandelbrot(stored.0, CRITEO.0, CRITEO.1);
                    residents(&law, stored)
                },
                |(_, residents)| residents.clone(),
            );
            made.push((stored, new.clone()));
            Cow::Owned(new)
        };
        flows.iter().map(&mut of_flow).collect()
    }

    /// What a gather of `tables` asks of a memory system; laws as [`Self::residents`] has them.
    pub(crate) fn gathers(&self, tables: &[EmbeddingTable]) -> Gathers {
        let is_measured = self.0.len() == tables.len();
        let mut made: Vec<(Stored, Arc<Locality>)> = Vec::new();
        let mut of_table = |(field, table): (usize, &EmbeddingTable)| {
            GatherTable::new(table, |law| {
                let stored = (table.rows, law);
                if is_measured {
                    return self.0[field].locality(stored);
                }
                let same = made.iter().find(|(known, _)| *known == stored);
                let new = same.map_or_else(
                    || {
                        let law = Popularity::zipf_mandelbrot(stored.0, CRITEO.0, CRITEO.1);
                        locality(&law, stored)
                    },
                    |(_, locality)| Arc::clone(locality),
                );
                made.push((stored, Arc::clone(&new)));
                new
            })
        };
        Gathers {
            tables: tables.iter().enumerate().map(&mut of_table).collect(),
        }
    }

    /// The popularity of the rows of the stored table number `place` of table number `field` of a gather,
    /// where that of its `tables` is known.
    pub(crate) fn stored_rows(
        &self,
        tables: &[EmbeddingTable],
        field: usize,
        place: usize,
    ) -> Option<Cow<'_, Popularity>> {
        if self.0.len() != tables.len() {
            return None;
        }
        let (law, table) = (&self.0[field], &tables[field]);
        let stored = (table.rows, StoredLaw::of(table, place));
        let known = law.known(stored).map(|known| Cow::Borrowed(&known.rows));
        Some(known.unwrap_or_else(|| Cow::Owned(popularity(&law.popularity, stored))))
    }
}

/// What was tabulated meanwhile follows from the rest.
impl PartialEq for Known {
    fn eq(&self, other: &Self) -> bool {
        (self.stored, &self.residents, &self.rows) == (other.stored, &other.residents, &other.rows)
    }
}

impl Known {
    fn new(field: &Popularity, stored: Stored) -> Self {
        let rows = popularity(field, stored);
        Self {
            stored,
            residents: Box::new(Residents::new(&rows, CachePolicy::Lru)),
            rows,
            locality: OnceLock::new(),
        }
    }
}

impl FieldLaw {
    fn known(&self, stored: Stored) -> Option<&Known> {
        self.known.iter().find(|known| known.stored == stored)
    }

    fn locality(&self, stored: Stored) -> Arc<Locality> {
        let new = || locality(&self.popularity, stored);
        match self.known(stored) {
            Some(known) => Arc::clone(known.locality.get_or_init(new)),
            None => new(),
        }
    }

    fn residents(&self, stored: Stored) -> Cow<'_, Box<Residents>> {
        match self.known(stored) {
            Some(known) => Cow::Borrowed(&known.residents),
            None => Cow::Owned(residents(&self.popularity, stored)),
        }
    }
}

fn locality(field: &Popularity, stored: Stored) -> Arc<Locality> {
    Arc::new(Locality::new(&popularity(field, stored)))
}

fn residents(field: &Popularity, stored: Stored) -> Box<Residents> {
    let rows = popularity(field, stored);
    Box::new(Residents::new(&rows, CachePolicy::Lru))
}

fn popularity(field: &Popularity, (rows, law): Stored) -> Popularity {
    law.popularity(field, rows)
}
