//! Networks on crossbars.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod example;

use std::num::NonZero;

use example::{SmallLog, capacity, clipped_network, random_network, with_only};
use pimento_data::{ClickLog, Split};
use pimento_hardware::{CellPreset, Hardware, Readout};
use pimento_space::Network;
use pimento_supernet::{Analogue, Fidelity, HeadFit, Quality, Supernet, TrainSettings, Trainer};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

fn analogue(cells: &str, fidelity: Fidelity) -> Analogue {
    Analogue {
        chip: Hardware::naive().chip,
        cells: CellPreset::preset(cells).unwrap(),
        flips_columns: true,
        corrects_columns: false,
        fidelity,
        calibration_samples: NonZero::new(64).unwrap(),
    }
}

/// A network alone that has learned something.
fn trained(network: &Network, log: &SmallLog) -> Supernet {
    trained_as(network, log, false)
}

fn trained_as(network: &Network, log: &SmallLog, batch_norm: bool) -> Supernet {
    let settings = TrainSettings {
        epochs: 8.0,
        batch_size: NonZero::new(64).unwrap(),
        batch_norm,
        ..TrainSettings::default()
    };
    let supernet = Supernet::stand_alone_for(network, &settings, log.shape(), 3);
    let mut trainer = Trainer::new(supernet, log, settings, 3, 0);
    while trainer.step_count() < trainer.steps() {
        trainer.step(network);
    }
    trainer.into_supernet()
}

/// Networks whose products with matrices all have rounded inputs: the sum of two rounded operands
/// is rounded once more on its way into a crossbar.
fn networks(bits: &[u8], count: usize) -> Vec<Network> {
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    (0..count)
        .map(|number| {
            let network = random_network(true, bits, &mut rng);
            with_only(4 + number % 2, with_only(number % 3, network))
        })
        .collect()
}

fn on_chips(
    supernet: &Supernet,
    network: &Network,
    log: &SmallLog,
    analogue: &Analogue,
    chips: u64,
) -> Vec<Quality> {
    let (split, head) = (Split::Validation, HeadFit::None);
    supernet.evaluate_on_chips(network, log, split, 300, &head, analogue, 0..chips)
}

fn without_chip(supernet: &Supernet, network: &Network, log: &SmallLog) -> f64 {
    let quality = supernet.evaluate(network, log, Split::Validation, 300, &HeadFit::None);
    quality.log_loss
}

/// With fewer bits, sums of floats without hardware often lie half way between two steps, and the
/// next rounding falls to another side than after exact sums; products of fewer bits are held to
/// whole numbers beside the code.
#[test]
fn ideal_crossbars_answer_as_no_hardware_does() {
    let log = SmallLog::new(600);
    for network in networks(&[6, 8], 12) {
        let supernet = trained(&network, &log);
        let expected = without_chip(&supernet, &network, &log);
        for (cell_bits, dac_bits, adc_bits) in [(2, 1, 8), (1, 2, 6), (4, 1, 9), (3, 3, 7)] {
            for fidelity in [Fidelity::BitExact, Fidelity::Statistical] {
                let mut ideal = analogue("ideal", fidelity);
                let chip = &mut ideal.chip;
                (chip.cell_bits, chip.dac_bits, chip.adc_bits) = (cell_bits, dac_bits, adc_bits);
                let found = on_chips(&supernet, &network, &log, &ideal, 1)[0].log_loss;
                let error = (found - expected).abs();
                assert!(error < 2e-4, "{fidelity:?}: {found} {expected}");
            }
        }
    }
}

/// Learned ranges are the same for all samples, and all that matrices read lies on their levels, the
/// sums of two rounded operands too.
#[test]
fn ideal_crossbars_follow_learned_ranges() {
    let log = SmallLog::new(600);
    let mut rng = ChaCha8Rng::seed_from_u64(6);
    for operator in [0, 1, 2, 3, 6] {
        let network = clipped_network(true, &[6, 8], &mut rng);
        let network = with_only(4 + operator % 2, with_only(operator, network));
        let supernet = trained(&network, &log);
        let expected = without_chip(&supernet, &network, &log);
        for fidelity in [Fidelity::BitExact, Fidelity::Statistical] {
            let mut ideal = analogue("ideal", fidelity);
            (ideal.chip.cell_bits, ideal.chip.dac_bits) = (2, 2);
            let found = on_chips(&supernet, &network, &log, &ideal, 1)[0].log_loss;
            let error = (found - expected).abs();
            assert!(error < 2e-4, "{operator}, {fidelity:?}: {found} {expected}");
        }
    }
}

/// Gain, shift and moments act on the sums that crossbars give.
#[test]
fn ideal_crossbars_follow_batch_norm() {
    let log = SmallLog::new(600);
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    for operator in [0, 6] {
        for layer_norm in [false, true] {
            let network = random_network(layer_norm, &[6, 8], &mut rng);
            let network = with_only(4, with_only(operator, network));
            let supernet = trained_as(&network, &log, true);
            let expected = without_chip(&supernet, &network, &log);
            assert!(expected < 0.69, "it has learned: {expected}");
            for fidelity in [Fidelity::BitExact, Fidelity::Statistical] {
                let ideal = analogue("ideal", fidelity);
                let found = on_chips(&supernet, &network, &log, &ideal, 1)[0].log_loss;
                let error = (found - expected).abs();
                assert!(error < 2e-4, "{operator}, {fidelity:?}: {found} {expected}");
            }
        }
    }
}

#[test]
fn the_same_seed_draws_the_same_chip() {
    let log = SmallLog::new(600);
    let network = &networks(&[8], 1)[0];
    let supernet = Supernet::shared(capacity(true), log.shape(), 3);
    for fidelity in [Fidelity::BitExact, Fidelity::Statistical] {
        let real = analogue("wan-2022-1d", fidelity);
        let chips = on_chips(&supernet, network, &log, &real, 3);
        assert_eq!(chips, on_chips(&supernet, network, &log, &real, 3));
        assert_eq!(chips[..2], on_chips(&supernet, network, &log, &real, 2));
        assert_ne!(chips[0], chips[1]);
        let alone = supernet.extract(network);
        assert_eq!(chips, on_chips(&alone, network, &log, &real, 3));
    }
}

/// Trained networks, and the mean of their log losses without hardware.
fn several(log: &SmallLog) -> (Vec<(Network, Supernet)>, f64) {
    let networks: Vec<(Network, Supernet)> = networks(&[8], 6)
        .into_iter()
        .map(|network| (network.clone(), trained(&network, log)))
        .collect();
    let losses = networks.iter().map(|(n, s)| without_chip(s, n, log));
    let mean = losses.sum::<f64>() / networks.len() as f64;
    (networks, mean)
}

/// Mean log loss over networks and four chips of each.
fn mean(networks: &[(Network, Supernet)], log: &SmallLog, analogue: &Analogue) -> f64 {
    let qualities = networks
        .iter()
        .flat_map(|(network, supernet)| on_chips(supernet, network, log, analogue, 4));
    qualities.map(|quality| quality.log_loss).sum::<f64>() / (4 * networks.len()) as f64
}

#[test]
fn statistics_stand_for_every_conversion() {
    let log = SmallLog::new(600);
    let (networks, ideal) = several(&log);
    for (adc_bits, readout) in [(8, Readout::RowGroups), (4, Readout::AllRows)] {
        let [exact, statistical] = [Fidelity::BitExact, Fidelity::Statistical].map(|fidelity| {
            let mut real = analogue("wan-2022-1d", fidelity);
            (real.chip.adc_bits, real.chip.readout) = (adc_bits, readout);
            mean(&networks, &log, &real)
        });
        let loss = exact - ideal;
        assert!(loss > 1e-3, "faults cost something: {exact} {ideal}");
        let error = (statistical - exact).abs();
        assert!(
            error < 0.25 * loss,
            "{readout:?}: {statistical} {exact} {ideal}"
        );
    }
}

#[test]
fn corrections_win_back_what_wires_take() {
    let log = SmallLog::new(600);
    let (networks, _) = several(&log);
    let mut wires = analogue("milo-2021", Fidelity::Statistical);
    wires.cells = wires.cells.without_spread().without_stuck();
    let plain = mean(&networks, &log, &wires);
    wires.corrects_columns = true;
    let corrected = mean(&networks, &log, &wires);
    wires.cells = wires.cells.without_wires();
    let ideal = mean(&networks, &log, &wires);
    assert!(
        corrected - ideal < 0.5 * (plain - ideal),
        "{plain} {corrected} {ideal}"
    );
}
