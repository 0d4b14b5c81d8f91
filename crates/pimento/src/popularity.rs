//! How often the rows of a log's tables are read.

use pimento_data::{Batch, ClickLog, Split};
use pimento_hardware::AccessBins;

/// Samples that are counted at a time.
const SAMPLES: usize = 4096;

/// Reads of the rows of each field's table by the training samples.
pub(crate) fn of_training(log: &dyn ClickLog) -> Vec<AccessBins> {
    let sizes = log.shape().table_rows.iter();
    let mut counts: Vec<Vec<u32>> = sizes.map(|&rows| vec![0; rows as usize]).collect();
    let (mut batch, all) = (Batch::default(), log.len(Split::Train) as u32);
    for first in (0..all).step_by(SAMPLES) {
        let rows: Vec<u32> = (first..all).take(SAMPLES).collect();
        log.fill(Split::Train, &rows, &mut batch);
        for sample in batch.indices.chunks_exact(counts.len()) {
            for (counts, &row) in counts.iter_mut().zip(sample) {
                counts[row as usize] += 1;
            }
        }
    }
    counts
        .iter()
        .map(|counts| AccessBins::of_counts(counts))
        .collect()
}
