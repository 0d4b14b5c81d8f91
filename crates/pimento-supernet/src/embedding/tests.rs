use std::collections::BTreeMap;

use pimento_space::TableKind;

use super::*;

/// Full tables of `dim` values.
fn full(rows: &[u32], dim: usize, seed: u64) -> EmbeddingTables {
    let choices = vec![vec![FieldEmbedding::full(dim, 32)]; rows.len()];
    EmbeddingTables::init(rows, &choices, dim, seed)
}

fn tables() -> EmbeddingTables {
    full(&[3, 5], 2, 7)
}

fn readings(tables: &EmbeddingTables) -> Vec<Reading> {
    tables.readings(&vec![FieldEmbedding::full(tables.dim, 32); tables.fields()])
}

fn embedding(table: &str, width: usize, bits: u8) -> FieldEmbedding {
    FieldEmbedding {
        table: table.parse().expect("a kind of table"),
        width,
        bits,
    }
}

fn values(tables: &EmbeddingTables, number: usize) -> &[f32] {
    let parameter = tables.parameters().nth(number);
    &parameter.expect("there are as many tables").values
}

fn deviation(values: &[f32]) -> f32 {
    let sum: f32 = values.iter().map(|value| value * value).sum();
    (sum / values.len() as f32).sqrt()
}

#[test]
fn gathers_transposed() {
    let tables = tables();
    let gathered = tables.gather(&[2, 4, 0, 1], &readings(&tables));
    let (first, second) = (values(&tables, 0), values(&tables, 1));
    assert_eq!(gathered[..4], [first[4], second[8], first[5], second[9]]);
    assert_eq!(gathered[4..], [first[0], second[2], first[1], second[3]]);
}

#[test]
fn equal_rows_add_up_and_others_stay() {
    let mut tables = tables();
    let before = tables.clone();
    let shards: [(&[u32], &[f32]); 2] = [
        (&[2, 4], &[1.0, 10.0, 2.0, 20.0]),
        (&[2, 1], &[3.0, 30.0, 4.0, 40.0]),
    ];
    let gradients = tables.row_gradients(&readings(&tables), &shards);
    let first = &gradients[0].parts[0];
    assert_eq!(
        (&first.rows[..], &first.gradients[..]),
        (&[2][..], &[4.0, 6.0][..])
    );
    let second = &gradients[1].parts[0];
    assert_eq!(second.rows, [1, 4]);
    assert_eq!(second.gradients, [30.0, 40.0, 10.0, 20.0]);
    let update = Optimizer::Adagrad.update(0, 1.0, 0.0, 1.0);
    tables.update(&gradients, &update);
    let table = tables.parameters().next().expect("the first table");
    assert_eq!(table.values[..4], values(&before, 0)[..4]);
    assert_eq!(table.values[4], values(&before, 0)[4] - 1.0);
    assert_eq!(table.accumulators[4..], [16.0, 36.0]);
}

#[test]
fn all_rows_decay_and_touched_ones_have_their_gradients_too() {
    let tables = tables();
    let shards: [(&[u32], &[f32]); 1] = [(&[2, 4], &[1.0, 10.0, 2.0, 20.0])];
    let touched = tables.row_gradients(&readings(&tables), &shards);
    let all = tables.all_row_gradients(&touched, 0.5);
    let (first, second) = (&all[0].parts[0], &all[1].parts[0]);
    assert_eq!(first.rows, [0, 1, 2]);
    assert_eq!(second.rows, [0, 1, 2, 3, 4]);
    let expected: Vec<f32> = values(&tables, 0).iter().map(|w| 0.5 * w).collect();
    assert_eq!(first.gradients[..4], expected[..4]);
    assert_eq!(first.gradients[4..], [expected[4] + 1.0, expected[5] + 2.0]);
}

#[test]
fn deviation_follows_the_rows() {
    let tables = full(&[20_000], 16, 1);
    let deviation = deviation(values(&tables, 0));
    assert!(
        (deviation * (20_016.0_f32 / 2.0).sqrt() - 1.0).abs() < 0.01,
        "{deviation}"
    );
}

#[test]
fn a_deviation_can_be_set() {
    let mut tables = full(&[20_000, 30_000], 4, 1);
    tables.set_deviation(1e-4);
    for number in 0..2 {
        let deviation = deviation(values(&tables, number));
        assert!((deviation / 1e-4 - 1.0).abs() < 0.02, "{deviation}");
    }
}

/// Rows of every kind of table start with the deviation of full ones, and with one that is set.
#[test]
fn combined_rows_have_the_deviation_of_full_ones() {
    let rows = 20_000_u32;
    for kind in ["full", "qr-4", "tt-1", "tt-8"] {
        let choice = embedding(kind, 16, 32);
        let mut tables = EmbeddingTables::init(&[rows], &[vec![choice]], 16, 5);
        let readings = tables.readings(&[choice]);
        let all: Vec<u32> = (0..rows).collect();
        // A train of rank 1 is a product of three variates: its tails are heavy, its draws few.
        let tolerance = if kind == "tt-1" { 0.3 } else { 0.1 };
        let of_rows = |tables: &EmbeddingTables| deviation(&tables.gather(&all, &readings));
        let found = of_rows(&tables) * (20_016.0_f32 / 2.0).sqrt();
        assert!((found - 1.0).abs() < tolerance, "{kind}: {found}");
        tables.set_deviation(0.5);
        let found = of_rows(&tables) / 0.5;
        assert!((found - 1.0).abs() < tolerance, "{kind}: {found}");
    }
}

#[test]
fn a_store_is_as_large_as_its_choices_and_no_larger() {
    let count = |choices: &[(&str, usize)]| {
        let choices: Vec<_> = choices
            .iter()
            .map(|(kind, width)| embedding(kind, *width, 8))
            .collect();
        let tables = EmbeddingTables::init(&[1000], &[choices], 16, 1);
        tables
            .parameters()
            .map(|table| table.values.len())
            .sum::<usize>()
    };
    assert_eq!(count(&[("full", 16)]), 16_000);
    assert_eq!(count(&[("full", 16), ("hash-4", 16), ("full", 4)]), 16_000);
    assert_eq!(count(&[("hash-4", 8), ("hash-16", 16)]), 250 * 16);
    assert_eq!(count(&[("qr-4", 16), ("qr-4", 8)]), 254 * 16);
    assert_eq!(count(&[("qr-4", 16), ("qr-16", 16)]), (254 + 79) * 16);
    assert_eq!(count(&[("tt-8", 16)]), 1760);
    assert_eq!(count(&[("tt-8", 16), ("tt-4", 16), ("tt-8", 4)]), 1760);
    assert_eq!(count(&[("tt-8", 4)]), 10 * (8 + 128 + 16));
}

/// Every kind at every width and precision of one field.
fn choices() -> Vec<FieldEmbedding> {
    let mut choices = Vec::new();
    for kind in ["full", "hash-4", "hash-7", "qr-4", "qr-16", "tt-2", "tt-3"] {
        for width in [4, 7, 8, 16] {
            choices.extend([4, 32].map(|bits| embedding(kind, width, bits)));
        }
    }
    choices
}

/// What rows and gradients must be, by the definition of each kind, in 64 bits and without slices.
struct Naive<'a> {
    choice: FieldEmbedding,
    /// Stored values, as far as the choice reads them: value numbers by table.
    tables: BTreeMap<usize, (&'a [f32], usize)>,
}

impl Naive<'_> {
    /// The row of `value` among `rows`, for unrounded choices.
    fn row(&self, value: usize, rows: usize) -> Vec<f64> {
        let at = |table: usize, row: usize, place: usize| {
            let (values, row_values) = self.tables[&table];
            f64::from(values[row * row_values + place])
        };
        let places = 0..self.choice.width;
        match self.choice.table {
            TableKind::Full => places.map(|place| at(0, value, place)).collect(),
            TableKind::Hash { ratio } => {
                let rows = rows.div_ceil(ratio as usize);
                places.map(|place| at(0, value % rows, place)).collect()
            }
            TableKind::QuotientRemainder { collisions } => {
                let (first, count) = (if collisions == 4 { 1 } else { 3 }, collisions as usize);
                places
                    .map(|place| {
                        at(first, value / count, place) * at(first + 1, value % count, place)
                    })
                    .collect()
            }
            TableKind::TensorTrain { rank } => {
                let (rank, stored, base) = (usize::from(rank), 3, 4);
                let digits = [value / base / base, value / base % base, value % base];
                let term = |place: usize, a: usize, b: usize| {
                    let (i, j, k) = (place / 4, place / 2 % 2, place % 2);
                    at(5, digits[0], i * stored + a)
                        * at(6, digits[1], (a * 2 + j) * stored + b)
                        * at(7, digits[2], b * 2 + k)
                };
                let pairs = || (0..rank).flat_map(|a| (0..rank).map(move |b| (a, b)));
                places
                    .map(|place| pairs().map(|(a, b)| term(place, a, b)).sum())
                    .collect()
            }
        }
    }
}

#[test]
fn rows_are_those_of_the_definitions() {
    let rows = 50;
    let tables = EmbeddingTables::init(&[rows], &[choices()], 16, 3);
    let stored = tables.fields[0]
        .stores
        .iter()
        .flat_map(|store| &store.tables);
    let stored = stored.map(|table| (&table.parameter.values[..], table.row_values));
    let stored: BTreeMap<_, _> = stored.enumerate().collect();
    assert_eq!(stored.len(), 1 + 2 + 2 + 3);
    let unrounded = choices().into_iter().filter(|choice| choice.bits == 32);
    for choice in unrounded {
        let naive = Naive {
            choice,
            tables: stored.clone(),
        };
        let readings = tables.readings(&[choice]);
        for value in 0..rows {
            let row = tables.gather(&[value], &readings);
            let mut expected = naive.row(value as usize, rows as usize);
            expected.resize(16, 0.0);
            for (value, expected) in row.iter().zip(expected) {
                assert!((f64::from(*value) - expected).abs() < 1e-6, "{choice:?}");
            }
        }
    }
}

/// The slope of a step is that of the rows: gradients of stored values are central differences.
#[test]
fn gradients_of_stored_values_are_central_differences() {
    let rows = 50;
    let mut tables = EmbeddingTables::init(&[rows], &[choices()], 16, 3);
    tables.set_deviation(1.0);
    // Values 9 and 10 share a quotient at 4, 9 and 25 a slice of the train, 17 stands alone.
    let indices = [9, 25, 10, 9, 17];
    let slope: Vec<f32> = (0..5 * 16).map(|place| (place % 7) as f32 - 3.0).collect();
    for choice in choices().into_iter().filter(|choice| choice.bits == 32) {
        let readings = tables.readings(&[choice]);
        let (one, other) = ((&indices[..2], &slope[..32]), (&indices[2..], &slope[32..]));
        let gradients = tables.row_gradients(&readings, &[one, other]);
        let loss = |tables: &EmbeddingTables| -> f64 {
            let rows = tables.gather(&indices, &readings);
            rows.iter().zip(&slope).map(|(a, b)| f64::from(a * b)).sum()
        };
        for (index, part) in gradients[0].parts.iter().enumerate() {
            let gradients = part.rows.iter().zip(part.gradients.chunks(part.part.len()));
            for (&row, gradient) in gradients {
                for (place, gradient) in gradient.iter().enumerate() {
                    let shifted = |step: f32| {
                        let mut tables = tables.clone();
                        let table = &mut tables.fields[0].stores[readings[0].store].tables[index];
                        let run = place / part.part.length * part.part.stride;
                        let at = row as usize * table.row_values + run + place % part.part.length;
                        table.parameter.values[at] += step;
                        loss(&tables)
                    };
                    let difference = (shifted(0.125) - shifted(-0.125)) / 0.25;
                    let error = (f64::from(*gradient) - difference).abs();
                    assert!(error < 1e-3, "{choice:?}: {gradient} is not {difference}");
                }
            }
        }
    }
}

/// What a network reads of shared tables it also has alone, and a step changes the same values.
#[test]
fn extracted_tables_answer_and_learn_as_shared_ones() {
    let tables = EmbeddingTables::init(&[50, 9], &[choices(), choices()], 16, 3);
    let indices = [3, 0, 41, 8, 19, 8];
    let slope: Vec<f32> = (0..3 * 16 * 2)
        .map(|place| (place % 5) as f32 - 2.0)
        .collect();
    for optimizer in [Optimizer::Adagrad, Optimizer::Adam] {
        let mut tables = tables.clone();
        tables.prepare(optimizer);
        for (one, other) in choices().into_iter().zip(choices().into_iter().rev()) {
            let pair = [one, other];
            let alone = tables.extract(&tables.readings(&pair));
            let step = |mut tables: EmbeddingTables| {
                let readings = tables.readings(&pair);
                let before = tables.gather(&indices, &readings);
                let gradients = tables.row_gradients(&readings, &[(&indices, &slope)]);
                tables.update(&gradients, &optimizer.update(0, 0.1, 1e-8, 1.0));
                let after = tables.gather(&indices, &readings);
                assert_ne!(before, after);
                (before, after, tables.extract(&readings))
            };
            assert!(step(tables.clone()) == step(alone));
        }
    }
}
