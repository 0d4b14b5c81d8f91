//! `train`: the supernet of a search; also the first part of `search`.

use pimento_data::{ClickLog, Split};
use pimento_space::{PathSampler, SearchSpace};
use pimento_supernet::{Capacity, Device, Identity, Supernet, Trainer, input_shape};
use tracing::{info, warn};

use crate::{
    catalogue::{OpenLog, open_log, space_of},
    cli::{Cli, SearchArgs},
    config::SearchConfig,
    error::Error,
    interrupt::Interrupt,
    journal, progress,
    run::RunFolder,
};

/// One over the share of steps that may overflow before a training counts as failed.
const MOST_LEFT_OUT: u64 = 5;

/// A run that can begin or go on.
pub(crate) struct Prepared {
    /// What to do.
    pub(crate) config: SearchConfig,
    /// Where results go.
    pub(crate) run: RunFolder,
    /// The click log.
    pub(crate) data: OpenLog,
    /// The search space.
    pub(crate) space: SearchSpace,
    /// Where networks are computed.
    pub(crate) device: Device,
}

impl Prepared {
    /// Rows of the embedding tables, were they full.
    pub(crate) fn table_rows(&self) -> Vec<u64> {
        table_rows(self.data.log.as_ref())
    }
}

fn table_rows(log: &dyn ClickLog) -> Vec<u64> {
    let rows = log.shape().table_rows.iter();
    rows.map(|&rows| u64::from(rows)).collect()
}

/// Trains the supernet of a configuration.
pub(crate) fn run(cli: &Cli, arguments: &SearchArgs, interrupt: &Interrupt) -> Result<(), Error> {
    let prepared = prepare(cli, arguments)?;
    let folder = prepared.run.path().display();
    train_supernet(&prepared, interrupt)
        .map_err(|error| error.resumed_by(&format!("train --resume {folder}")))?;
    info!("supernet trained; go on with `pimento search --resume {folder}`");
    Ok(())
}

/// Reads everything that a run needs; the run's folder is made last, when nothing can be wrong.
pub(crate) fn prepare(cli: &Cli, arguments: &SearchArgs) -> Result<Prepared, Error> {
    use_threads(cli);
    let device = Device::find(cli.device.into())?;
    let (earlier, config) = configuration(arguments)?;
    let space = space_of(&config)?;
    let data = open_log(&config)?;
    let space = space.for_tables(&table_rows(data.log.as_ref()));
    let run = match earlier {
        Some(run) => run,
        None => RunFolder::create(&config, arguments.run.as_deref())?,
    };
    journal::start(cli.log_format, Some(run.path()))?;
    let prepared = Prepared {
        config,
        run,
        data,
        space,
        device,
    };
    announce(&prepared);
    Ok(prepared)
}

/// The configuration that the arguments name, and the run that they continue.
pub(crate) fn configuration(
    arguments: &SearchArgs,
) -> Result<(Option<RunFolder>, SearchConfig), Error> {
    let earlier = arguments
        .resume
        .as_deref()
        .map(RunFolder::open)
        .transpose()?;
    let config = match (&earlier, &arguments.config) {
        (Some(run), _) => run.config()?,
        (None, Some(path)) => SearchConfig::read(path)?,
        (None, None) => SearchConfig::built_in()?,
    };
    Ok((earlier, config))
}

/// Limits the worker threads of the whole program, once.
pub(crate) fn use_threads(cli: &Cli) {
    if let Some(threads) = cli.threads {
        // It fails only if a pool exists already, which then stays.
        let _ = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build_global();
    }
}

fn announce(prepared: &Prepared) {
    let splits = &prepared.data.summary.splits;
    info!(
        run = %prepared.run.path().display(),
        configuration = %prepared.config.path.display(),
        device = %prepared.device,
        space = prepared.space.name(),
        designs = %prepared.space.size().total_log10_text(),
        train = splits[Split::Train].rows,
        validation = splits[Split::Validation].rows,
        test = splits[Split::Test].rows,
        embedding_rows = prepared.data.summary.table_rows(),
        "run opened"
    );
    if let Some(best) = prepared.data.best_possible {
        info!(
            log_loss = best.log_loss,
            auc = best.auc,
            "best possible on the validation split"
        );
    }
}

/// Trains the supernet, or goes on from its checkpoint, or just loads it.
pub(crate) fn train_supernet(
    prepared: &Prepared,
    interrupt: &Interrupt,
) -> Result<Supernet, Error> {
    let sampler = prepared.config.file.supernet.sampler;
    train_supernet_with(prepared, sampler, "supernet.bin", interrupt)
}

/// The same with another sampler of paths, kept in the run's file `name`.
pub(crate) fn train_supernet_with(
    prepared: &Prepared,
    sampler: PathSampler,
    name: &str,
    interrupt: &Interrupt,
) -> Result<Supernet, Error> {
    let log = prepared.data.log.as_ref();
    let (config, seed) = (&prepared.config.file.supernet, prepared.config.file.seed);
    let identity = Identity {
        space: prepared.space.fingerprint(),
        data: log.fingerprint().to_owned(),
        seed,
    };
    let input = input_shape(log.shape());
    let capacity = Capacity::of(&prepared.space, input, config.layer_norm);
    let choices = prepared.space.embedding_choices();
    let mut supernet = Supernet::shared_with_tables(capacity, &choices, log.shape(), seed)
        .with_embedding_deviation(config.train.embedding_deviation)
        .on(prepared.device.clone());
    let done = prepared
        .run
        .load_supernet(name, &mut supernet, &identity)?
        .unwrap_or(0);
    info!(
        weights = supernet.weight_count(),
        embedding_values = supernet.embedding_count(),
        steps_done = done,
        "supernet ready"
    );
    let mut trainer = Trainer::new(supernet, log, config.train.clone(), seed, done);
    let steps = trainer.steps();
    if done >= steps {
        return Ok(trainer.into_supernet());
    }
    let save = |trainer: &Trainer<'_, dyn ClickLog>| {
        prepared
            .run
            .save_supernet(name, trainer.supernet(), &identity, trainer.step_count())
    };
    let bar = progress::bar(steps, "training supernet", "steps");
    let full_path_steps = config.full_path_share * steps as f64;
    let (mut recent, mut applied) = (0.0, 0_u64);
    while trainer.step_count() < steps {
        if interrupt.is_asked() {
            save(&trainer)?;
            interrupt.check()?;
        }
        let probability = (1.0 - trainer.step_count() as f64 / full_path_steps.max(1e-9)).max(0.0);
        let step = trainer.step_count();
        let genotype = prepared
            .space
            .sample_path(sampler, probability, step, |step| trainer.path_rng(step));
        let network = prepared.space.decode(&genotype, input).network;
        let report = trainer.step(&trainer.supernet().subnet(&network));
        if report.is_applied {
            recent += (report.loss - recent) / f64::min(50.0, (applied + 1) as f64);
            applied += 1;
        }
        bar.set_position(trainer.step_count());
        if trainer.step_count().is_multiple_of(50) {
            bar.set_message(format!("· log loss {recent:.4}"));
        }
        if trainer.step_count().is_multiple_of(config.checkpoint_steps)
            || trainer.step_count() == steps
        {
            save(&trainer)?;
            info!(
                step = trainer.step_count(),
                log_loss = recent,
                "checkpoint written"
            );
        }
    }
    bar.finish_and_clear();
    let left_out = steps - done - applied;
    if left_out * MOST_LEFT_OUT > steps - done {
        return Err(Error::Diverged { left_out, steps });
    }
    if left_out > 0 {
        warn!(left_out, steps, "some steps overflowed and were left out");
    }
    Ok(trainer.into_supernet())
}
