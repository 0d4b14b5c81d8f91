//! The tables of Criteo-Kaggle, whose rows are asked for by the law that fits their caches.

use pimento_hardware::{PimCostModel, Popularity, RankingModel};
use pimento_space::{InputShape, Network, dlrm_shaped};

/// ISAAC with that law, a handcrafted network, and the rows of the tables.
pub(crate) fn dlrm_on_isaac() -> (PimCostModel, Network, Vec<u64>) {
    let criteo = RankingModel::preset("heam-criteo").expect("a built-in model");
    let rows: Vec<u64> = criteo.tables(8).iter().map(|table| table.rows).collect();
    let laws = rows.iter();
    let laws = laws.map(|&rows| Popularity::zipf_mandelbrot(rows, 1.10, 5.0));
    let model = PimCostModel::isaac().with_popularities(laws.collect());
    let network = dlrm_shaped(InputShape {
        dense_dim: 13,
        fields: rows.len(),
    });
    (model, network, rows)
}
