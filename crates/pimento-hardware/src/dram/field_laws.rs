//! The popularity of the rows of every field, with what a cache needs of it tabulated once.

use std::borrow::Cow;

use crate::{
    dram::{
        cache::CachePolicy, demand::Flow, locality::Residents, popularity::Popularity,
        stored_law::StoredLaw,
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

/// The popularity of a field, and caches of what may be stored of it.
#[derive(Debug, Clone, PartialEq)]
struct FieldLaw {
    popularity: Popularity,
    known: Vec<(Stored, Box<Residents>)>,
}

/// What is stored of a field: rows of its table, and which of them a row is for.
type Stored = (u64, StoredLaw);

impl FieldLaws {
    /// The laws of fields whose tables are full.
    pub(crate) fn new(popularities: Vec<Popularity>) -> Self {
        let law = |popularity: Popularity| {
            let whole = (popularity.rows() as u64, StoredLaw::WHOLE);
            let known = vec![(whole, residents(&popularity, whole))];
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
            if law.known.iter().all(|(known, _)| *known != stored) {
                let new = residents(&law.popularity, stored);
                law.known.push((stored, new));
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
}

impl FieldLaw {
    fn residents(&self, stored: Stored) -> Cow<'_, Box<Residents>> {
        match self.known.iter().find(|(known, _)| *known == stored) {
            Some((_, residents)) => Cow::Borrowed(residents),
            None => Cow::Owned(residents(&self.popularity, stored)),
        }
    }
}

fn residents(popularity: &Popularity, (rows, law): Stored) -> Box<Residents> {
    let stored = law.popularity(popularity, rows);
    Box::new(Residents::new(&stored, CachePolicy::Lru))
}
