//! A training step on other devices than the CPU, against the same step on the CPU.
//!
//! `cargo bench -p pimento-supernet --features cuda --bench devices`, or `wgpu`, or both
//!
//! The same random paths of NASRec-Small at full precision. Every path takes one step that is not
//! timed first, in which a device compiles the kernels that it lacks.
#![expect(clippy::print_stdout, reason = "a bench prints its figures")]

use std::{
    num::NonZero,
    time::{Duration, Instant},
};

use pimento_data::{ClickLog, SyntheticSettings};
use pimento_space::{Network, PathSampler, SearchSpace};
use pimento_supernet::{
    Capacity, Device, DeviceError, DeviceKind, Supernet, TrainSettings, Trainer, input_shape,
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const PATHS: u64 = 16;

fn main() {
    let log = SyntheticSettings::default()
        .generate()
        .expect("the defaults are sound")
        .log;
    let space = SearchSpace::preset("nasrec-small").expect("a built-in space");
    let input = input_shape(log.shape());
    let capacity = Capacity::of(&space, input, true);
    for batch_size in [512, 4096] {
        let time = |device: Device| {
            let settings = TrainSettings {
                batch_size: NonZero::new(batch_size).expect("not zero"),
                ..TrainSettings::default()
            };
            let supernet = Supernet::shared(capacity.clone(), log.shape(), 1).on(device);
            let mut trainer = Trainer::new(supernet, &log, settings, 1, 0);
            let paths = (0..PATHS).map(|path| {
                let genotype = space.sample_path(PathSampler::AnyConnection, 0.0, path, |step| {
                    trainer.path_rng(step)
                });
                let network = space.decode(&genotype, input).network;
                trainer.supernet().subnet(&network).at_precision(32)
            });
            let paths: Vec<Network> = paths.collect();
            let times = paths.iter().map(|network| {
                trainer.step(network);
                let start = Instant::now();
                trainer.step(network);
                start.elapsed()
            });
            times.sum::<Duration>().as_secs_f64() / PATHS as f64
        };
        let on_cpu = time(Device::default());
        println!("batch {batch_size}: cpu {:.1} ms a step", 1e3 * on_cpu);
        for kind in [DeviceKind::Cuda, DeviceKind::Wgpu] {
            match Device::find(kind) {
                Ok(device) => {
                    let name = device.to_string();
                    let there = time(device);
                    println!(
                        "batch {batch_size}: {name} {:.1} ms a step, cpu ÷ {kind}: {:.2}",
                        1e3 * there,
                        on_cpu / there
                    );
                }
                Err(error @ DeviceError::NotFound { .. }) => println!("{error}"),
                Err(DeviceError::NotBuilt { .. }) => println!("{kind}: not in this build"),
            }
        }
    }
}
