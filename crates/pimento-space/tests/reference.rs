//! Agreement with NASRec: the published networks and the sizes of its spaces.
//!
//! `oracles/live_layers.json` was computed from the published networks (facebookresearch/NasRec,
//! commit 79bf6f9) and the operator rules of its code by two programs that agree on every entry.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use pimento_space::{
    DenseOperator, FieldEmbedding, InputShape, LayerShape, SearchSpace, TableKind,
    nasrec::{Config, Dataset, NasrecNetwork, import, published},
};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde_json::Value;

/// Name, data set, space, inputs and fields, published MFLOPs, head width.
type Published = (&'static str, Dataset, Config, [usize; 2], f64, u64);

const NETWORKS: [Published; 6] = [
    (
        "criteo/autoctr",
        Dataset::Criteo,
        Config::Small,
        [13, 26],
        2.20,
        2048,
    ),
    (
        "criteo/xlarge",
        Dataset::Criteo,
        Config::Full,
        [13, 26],
        1.45,
        896,
    ),
    (
        "avazu/autoctr",
        Dataset::Avazu,
        Config::Small,
        [1, 23],
        3.08,
        1152,
    ),
    (
        "avazu/xlarge",
        Dataset::Avazu,
        Config::Full,
        [1, 23],
        1.87,
        1152,
    ),
    (
        "kdd/autoctr",
        Dataset::Kdd,
        Config::Small,
        [3, 10],
        3.48,
        1920,
    ),
    (
        "kdd/xlarge",
        Dataset::Kdd,
        Config::Full,
        [3, 10],
        1.09,
        1152,
    ),
];

fn oracle() -> Value {
    serde_json::from_str(include_str!("oracles/live_layers.json")).unwrap()
}

/// A layer as (block or 0, name, three sizes, MACs).
type Key = (u64, String, [u64; 3], u64);

fn oracle_key(layer: &Value) -> Key {
    let number = |name: &str| layer[name].as_u64();
    let sizes = match number("in") {
        Some(inputs) => [
            inputs,
            number("out").unwrap(),
            number("invocations_per_sample").unwrap(),
        ],
        None => [number("k").unwrap(), number("d").unwrap(), 0],
    };
    let name = layer["layer"].as_str().unwrap().to_owned();
    (
        layer["block"].as_u64().unwrap_or(0),
        name,
        sizes,
        number("macs").unwrap(),
    )
}

#[test]
fn live_layers_macs_and_parameters_are_exact() {
    let oracle = oracle();
    for (name, dataset, config, [dense_dim, fields], _, head) in NETWORKS {
        let network = published(dataset, config).to_network(InputShape { dense_dim, fields }, 16);
        let mut found: Vec<Key> = network
            .layers()
            .iter()
            .map(|layer| {
                let sizes = match layer.shape {
                    LayerShape::Linear {
                        inputs,
                        outputs,
                        invocations,
                    } => [inputs, outputs, invocations].map(|size| size as u64),
                    LayerShape::Product { k, d, .. } => [k as u64, d as u64, 0],
                };
                (
                    layer.block.unwrap_or(0) as u64,
                    layer.name.to_owned(),
                    sizes,
                    layer.macs(),
                )
            })
            .collect();
        let layers = oracle[name]["layers"].as_array().unwrap();
        let mut expected: Vec<Key> = layers.iter().map(oracle_key).collect();
        found.sort();
        expected.sort();
        assert_eq!(found, expected, "{name}");
        assert_eq!(
            network.macs(),
            oracle[name]["total_macs"].as_u64().unwrap(),
            "{name}"
        );
        let parameters = oracle[name]["live_dense_params"].as_u64().unwrap();
        assert_eq!(network.dense_parameters(), parameters, "{name}");
        assert_eq!(network.head_width() as u64, head, "{name}");
        network.validate().unwrap();
    }
}

#[test]
fn macs_are_within_one_percent_of_the_published_column() {
    for (name, dataset, config, [dense_dim, fields], published_millions, _) in NETWORKS {
        let network = published(dataset, config).to_network(InputShape { dense_dim, fields }, 16);
        let ratio = network.macs() as f64 / 1e6 / published_millions;
        assert!((ratio - 1.0).abs() < 0.01, "{name}: {ratio}");
    }
}

#[test]
fn designs_of_the_nasrec_spaces_go_through_their_schema() {
    for name in ["nasrec-small", "nasrec-full"] {
        let space = SearchSpace::preset(name).unwrap();
        let input = InputShape {
            dense_dim: 13,
            fields: 26,
        };
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        for _ in 0..200 {
            let network = space.decode(&space.sample(&mut rng), input).network;
            let json = NasrecNetwork::from_network(&network)
                .unwrap()
                .export()
                .unwrap();
            let back = import(&json).unwrap().to_network(input, 32);
            assert_eq!(back, network.at_precision(32));
        }
    }
}

#[test]
fn networks_are_exported_as_they_were_imported() {
    for (_, dataset, config, ..) in NETWORKS {
        let network = published(dataset, config);
        assert_eq!(import(&network.export().unwrap()).unwrap(), network);
    }
}

#[test]
fn dead_fields_do_not_matter_and_live_ones_do() {
    let input = InputShape {
        dense_dim: 13,
        fields: 26,
    };
    let original = published(Dataset::Criteo, Config::Full);
    let network = original.to_network(input, 16);
    let mut changed = original.clone();
    for block in 3..6 {
        changed.micro[block].dense_in_dims = 64;
        changed.micro[block].active_nodes = [3, 5];
        changed.connections[block].dense_idx = vec![1];
    }
    assert_eq!(changed.to_network(input, 16), network);
    changed.micro[6].sparse_in_dims = 16;
    assert_ne!(changed.to_network(input, 16), network);

    let mut small = published(Dataset::Kdd, Config::Small);
    let network = small.to_network(input, 16);
    for connections in &mut small.connections {
        connections.dense_left_idx = [0];
        connections.dense_right_idx = [0];
    }
    assert_eq!(small.to_network(input, 16), network);
}

#[test]
fn bad_networks_are_refused_with_the_place() {
    let good = published(Dataset::Criteo, Config::Full).export().unwrap();
    let check = |from: &str, to: &str, expected: &str| {
        assert!(good.contains(from), "{from}");
        let message = import(&good.replacen(from, to, 1)).unwrap_err().to_string();
        assert!(message.contains(expected), "{message}");
    };
    check("\"xlarge\"", "\"huge\"", "unknown variant `huge`");
    check("\"num_blocks\":7", "\"num_blocks\":6", "`num_blocks` is 6");
    check(
        "\"dense_idx\":[0]",
        "\"dense_idx\":[0,0]",
        "block 1: `dense_idx` must hold",
    );
    check(
        "\"dense_idx\":[0]",
        "\"dense_idx\":[1]",
        "block 1: `dense_idx` must hold",
    );
    check("\"deep_fm\":0", "\"deep_fm\":2", "`deep_fm` is 2");
    let width = "\"dense_in_dims\":128";
    check(
        width,
        "\"dense_in_dims\":100",
        "`dense_in_dims` is 100, expected one of 16",
    );
}

#[test]
fn tables_of_the_schema_are_full() {
    let input = InputShape {
        dense_dim: 13,
        fields: 2,
    };
    let mut network = published(Dataset::Criteo, Config::Full).to_network(input, 32);
    network.embeddings = vec![FieldEmbedding::full(16, 4); 2];
    assert!(
        NasrecNetwork::from_network(&network).is_ok(),
        "precisions are dropped"
    );
    network.embeddings[1].table = TableKind::Hash { ratio: 4 };
    let error = NasrecNetwork::from_network(&network).unwrap_err();
    let expected = "field 1 has a table `hash-4` of width 16, NASRec's schema has full ones only";
    assert_eq!(error.to_string(), expected);
}

#[test]
fn matrices_of_the_schema_are_used_once() {
    let input = InputShape {
        dense_dim: 13,
        fields: 2,
    };
    let mut network = published(Dataset::Criteo, Config::Full).to_network(input, 32);
    let mut nodes = network.blocks.iter_mut().filter_map(|b| b.dense.as_mut());
    let node = nodes.find(|node| matches!(node.operator, DenseOperator::FullyConnected { .. }));
    node.unwrap().reuse = 2;
    network.validate().unwrap();
    let error = NasrecNetwork::from_network(&network).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the network has no form in NASRec's schema"
    );
}

#[test]
fn sizes_are_those_of_the_literature() {
    let check = |name: &str, expected: f64| {
        let size = SearchSpace::preset(name).unwrap().size();
        let networks: f64 = size.networks.to_string().parse().unwrap();
        assert!(
            (networks / expected - 1.0).abs() < 1e-3,
            "{name}: {networks:e}"
        );
    };
    // Counted from the code of NASRec: 4.92·10³⁹ and 8.07·10⁴³ with at most four connections.
    check("nasrec-small", 4.92e39);
    check("nasrec-full", 8.07e43);
    // NASRec-Full with any number of connections.
    check("autorac", 1.83e44);
}

#[test]
fn three_weight_precisions_per_block_make_autoracs_ten_to_the_54() {
    let size = SearchSpace::preset("autorac").unwrap().size();
    assert_eq!(
        size.weight_precisions.to_string(),
        27_u64.pow(7).to_string()
    );
    let designs = (&size.networks * &size.weight_precisions).to_string();
    assert_eq!((&designs[..2], designs.len()), ("19", 55), "1.9·10^54");
}
