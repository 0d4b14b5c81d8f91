//! Quality of a network: its head fitted, its answers scored.

use pimento_data::{ClickLog, Split, auc, log_loss};
use pimento_space::Network;
use serde::{Deserialize, Serialize};

use crate::{
    head::HeadFit,
    supernet::{FORWARD_BATCH, Supernet},
};

/// How well a network predicts clicks.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quality {
    /// Mean binary cross-entropy in nats; [`f64::MAX`] if answers overflow.
    pub log_loss: f64,
    /// Area under the ROC curve; absent if all labels are equal.
    pub auc: Option<f64>,
}

impl Supernet {
    /// Quality of `network` on the first `samples` samples of `split`, its head first fitted
    /// to the first training samples as `head` says. The supernet stays as it is.
    pub fn evaluate(
        &self,
        network: &Network,
        log: &dyn ClickLog,
        split: Split,
        samples: usize,
        head: &HeadFit,
    ) -> Quality {
        let (answers, labels) = self.answers(network, log, split, samples, head);
        Quality::new(log_loss(&answers, &labels), auc(&answers, &labels))
    }

    /// Logits and labels of the first `samples` samples of `split`, as [`Self::evaluate`] scores them.
    pub fn answers(
        &self,
        network: &Network,
        log: &dyn ClickLog,
        split: Split,
        samples: usize,
        head: &HeadFit,
    ) -> (Vec<f32>, Vec<f32>) {
        let head = self.fit_head(network, log, head);
        let rows: Vec<u32> = (0..samples.min(log.len(split)) as u32).collect();
        let (mut answers, mut labels) = (Vec::new(), Vec::new());
        self.visit_features(network, log, split, &rows, FORWARD_BATCH, |f, l| {
            answers.extend(head.logits_of(f));
            labels.extend_from_slice(l);
        });
        (answers, labels)
    }
}

impl Quality {
    pub(crate) fn new(log_loss: f64, auc: Option<f64>) -> Self {
        let log_loss = if log_loss.is_finite() {
            log_loss
        } else {
            f64::MAX
        };
        Self { log_loss, auc }
    }
}
