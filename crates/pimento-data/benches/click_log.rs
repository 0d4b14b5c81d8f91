//! Batches per second out of a log in memory and a packed one, and rows per second of text in.

use std::{fmt::Write, hint::black_box};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use pimento_data::{
    Batch, ClickLog, DataSchema, LogInputs, MemoryLog, Split, SyntheticSettings, open_or_build,
};

const BATCH: usize = 512;

/// The training rows as raw text of the Criteo log.
fn criteo_text(log: &MemoryLog) -> String {
    let samples = log.samples(Split::Train);
    let mut text = String::new();
    for row in 0..samples.len() {
        write!(text, "{}", samples.labels[row]).expect("text grows");
        for value in &samples.dense[row * 13..][..13] {
            write!(text, "\t{}", value.exp_m1().round()).expect("text grows");
        }
        for index in &samples.indices[row * 26..][..26] {
            write!(text, "\t{index:08x}").expect("text grows");
        }
        text.push('\n');
    }
    text
}

/// Rows of a batch, spread over the split.
fn spread_rows(log: &dyn ClickLog) -> Vec<u32> {
    (0..BATCH)
        .map(|at| (at * 7919 % log.len(Split::Train)) as u32)
        .collect()
}

fn bench_fill(criterion: &mut Criterion, name: &str, log: &dyn ClickLog) {
    let rows = spread_rows(log);
    let mut batch = Batch::default();
    criterion.bench_function(name, |bencher| {
        bencher.iter(|| {
            log.fill(Split::Train, black_box(&rows), &mut batch);
            black_box(&batch);
        });
    });
}

fn click_log(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a folder");
    let log = SyntheticSettings::default()
        .generate()
        .expect("the defaults are valid")
        .log;
    let file = folder.path().join("train.txt");
    std::fs::write(&file, criteo_text(&log)).expect("a file");
    let inputs = LogInputs::Single(vec![file]);
    let schema = DataSchema::criteo();
    let build = || {
        let cache = tempfile::tempdir_in(folder.path()).expect("a folder");
        open_or_build(&inputs, &schema, cache.path(), &mut |_| ()).expect("a log")
    };
    bench_fill(criterion, "fill 512 rows from memory", &log);
    bench_fill(criterion, "fill 512 rows from a packed log", &build());
    let mut group = criterion.benchmark_group("text to packed log");
    group.throughput(Throughput::Elements(log.len(Split::Train) as u64));
    group
        .sample_size(10)
        .bench_function("criteo", |bencher| bencher.iter(build));
    group.finish();
}

criterion_group!(benches, click_log);
criterion_main!(benches);
