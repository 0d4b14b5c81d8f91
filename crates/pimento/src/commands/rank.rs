//! `rank`: does the supernet rank networks as training from scratch does?

use std::{collections::BTreeSet, time::Instant};

use clap::ValueEnum;
use pimento_data::Split;
use pimento_space::{Network, PathSampler};
use pimento_supernet::{
    FactorsHead, HeadFit, Model, NewtonHead, SgdHead, Supernet, Tuning, input_shape,
};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde::Serialize;
use tracing::info;

use crate::{
    cli::{Cli, Method, RankArgs},
    commands::train::{Prepared, prepare, train_supernet_with},
    error::Error,
    interrupt::Interrupt,
    rank_statistics::{Interval, bootstrap, kendall_tau, regret, spearman_rho},
    score::{Copies, NarrowSection, ScoreSection},
    scores::{Scored, Scores},
    table,
    verify::{Job, Training, Trainings},
};

/// File with the results.
const FILE: &str = "rank.json";

/// Random numbers of the networks that are ranked.
const NETWORK_STREAM: u64 = 1 << 42;

/// Everything that was measured.
#[derive(Debug, Serialize)]
struct Ranking {
    networks: Vec<Network>,
    /// Trainings from scratch, one list per network.
    alone: Vec<Vec<Training>>,
    /// Seconds of one training from scratch, mean; absent if all had been done before.
    seconds_alone: Option<f64>,
    /// Kendall τ between the log losses of trainings with the first half of the seeds and with the
    /// others: no score can agree much better with either. Absent for one seed.
    agreement: Option<Interval>,
    /// What ranks without a supernet: it should do worse.
    controls: Vec<Control>,
    rows: Vec<Row>,
}

/// What may be taken for a score without a supernet.
#[derive(Debug, Serialize)]
struct Control {
    property: &'static str,
    kendall_tau: Interval,
    /// Absent where nothing is trained.
    #[serde(skip_serializing_if = "Option::is_none")]
    seconds_per_network: Option<f64>,
}

/// One way to train the supernet and one way to score with it.
#[derive(Debug, Serialize)]
struct Row {
    sampler: PathSampler,
    head: HeadFit,
    /// How all weights were tuned before.
    #[serde(skip_serializing_if = "Option::is_none")]
    tune: Option<Tuning>,
    /// The narrow copies whose log losses are joined with the supernet's.
    #[serde(skip_serializing_if = "Option::is_none")]
    narrow: Option<NarrowSection>,
    /// Log loss of each network.
    scores: Vec<f64>,
    seconds_per_network: f64,
    kendall_tau: Interval,
    spearman_rho: Interval,
    /// Log loss that is lost by trusting the best, and the best five, by score.
    regret_at_1: f64,
    regret_at_5: f64,
}

/// Scores random networks by the supernet and trains them from scratch.
pub(crate) fn run(cli: &Cli, arguments: &RankArgs, interrupt: &Interrupt) -> Result<(), Error> {
    let prepared = prepare(cli, &arguments.search)?;
    let command = format!(
        "rank --resume {} --networks {} --seeds {}{}{}",
        prepared.run.path().display(),
        arguments.networks,
        arguments.seeds,
        listed("samplers", &arguments.samplers),
        listed("methods", &arguments.methods)
    );
    rank(&prepared, arguments, interrupt).map_err(|error| error.resumed_by(&command))
}

/// An option with its values as they were given; nothing where there are none.
fn listed<V: ValueEnum>(option: &str, values: &[V]) -> String {
    let names = values.iter().filter_map(V::to_possible_value);
    let names: Vec<_> = names.map(|value| value.get_name().to_owned()).collect();
    if names.is_empty() {
        return String::new();
    }
    format!(" --{option} {}", names.join(","))
}

fn rank(prepared: &Prepared, arguments: &RankArgs, interrupt: &Interrupt) -> Result<(), Error> {
    let networks = draw(prepared, usize::from(arguments.networks));
    let (alone, seconds_alone) = train_alone(prepared, &networks, arguments.seeds, interrupt)?;
    let truth: Vec<f64> = alone
        .iter()
        .map(|trainings| mean_log_loss(trainings))
        .collect();
    let samplers = match &arguments.samplers[..] {
        [] => vec![prepared.config.file.supernet.sampler],
        samplers => samplers.iter().map(|sampler| (*sampler).into()).collect(),
    };
    let methods = methods(prepared, &arguments.methods);
    let seed = prepared.config.file.seed;
    let mut scores = Scores::open(&prepared.run, &networks)?;
    let seconds_alone = scores.seconds_alone(seconds_alone);
    let copies = Copies::of(&prepared.config, &prepared.device);
    let narrow = copies
        .map(|copies| train_copies(prepared, &mut scores, &copies, interrupt))
        .transpose()?;
    let mut rows = Vec::new();
    for sampler in samplers {
        let name = format!("supernet-{}.bin", text(sampler));
        let supernet = train_supernet_with(prepared, sampler, &name, interrupt)?;
        for method in &methods {
            let scored = scores.measure(Some(sampler), method, interrupt, |network| {
                Ok(score(prepared, &supernet, network, method))
            })?;
            let joined = narrow.as_ref().map(|(section, copies)| {
                let method = ScoreSection {
                    narrow: Some(section.clone()),
                    ..method.clone()
                };
                (method, scored.joined(copies, section))
            });
            let all = std::iter::once((method.clone(), scored)).chain(joined);
            for (method, scored) in all {
                let row = Row::new(sampler, &method, scored, &truth, seed);
                info!(
                    sampler = text(sampler),
                    method = row.method(),
                    kendall_tau = row.kendall_tau.value,
                    "ranked"
                );
                rows.push(row);
            }
        }
    }
    let mut controls = controls(&networks, &truth, seed);
    if let Some(method) = methods.iter().find(|method| method.tune.is_some()) {
        let scored = short_trainings(prepared, &mut scores, method, interrupt)?;
        let property = "trainings as short as the tuning";
        controls.push(Control::trained(property, &scored, &truth, seed));
    }
    if let Some((_, scored)) = &narrow {
        let property = "trainings of narrow copies";
        controls.push(Control::trained(property, scored, &truth, seed));
    }
    let ranking = Ranking {
        seconds_alone,
        agreement: agreement(&alone, seed),
        controls,
        alone,
        networks,
        rows,
    };
    prepared.run.write_json(FILE, &ranking)?;
    table::print(&render(&ranking, &truth));
    Ok(())
}

/// Different random networks of the space.
pub(crate) fn draw(prepared: &Prepared, count: usize) -> Vec<Network> {
    let mut rng = ChaCha8Rng::seed_from_u64(prepared.config.file.seed);
    rng.set_stream(NETWORK_STREAM);
    let input = input_shape(prepared.data.log.shape());
    let (mut networks, mut seen) = (Vec::new(), BTreeSet::new());
    // A tiny space may not have as many.
    for _ in 0..100 * count {
        if networks.len() == count {
            break;
        }
        let genotype = prepared.space.sample(&mut rng);
        let network = prepared.space.decode(&genotype, input).network;
        if seen.insert(network.clone()) {
            networks.push(network);
        }
    }
    networks
}

/// Trainings from scratch, one list per network, and the seconds of one, mean; no seconds if some had
/// been done before.
pub(crate) fn train_alone<'n>(
    prepared: &Prepared,
    networks: impl IntoIterator<Item = &'n Network>,
    seeds: u64,
    interrupt: &Interrupt,
) -> Result<(Vec<Vec<Training>>, Option<f64>), Error> {
    let recipe = &prepared.config.file.retrain.get_ref().recipe();
    let jobs: Vec<Job<'_>> = networks
        .into_iter()
        .enumerate()
        .flat_map(|(number, network)| {
            (0..seeds).map(move |seed| Job {
                name: format!("network {number}"),
                model: Model::Network(network),
                recipe,
                seed: prepared.config.file.seed + seed,
                device: &prepared.device,
            })
        })
        .collect();
    let mut trainings = Trainings::open(&prepared.run, prepared.data.log.as_ref())?;
    let is_new = jobs.iter().all(|job| trainings.earlier(job).is_none());
    let start = Instant::now();
    let trainings = trainings.train(&jobs, interrupt)?;
    let seconds = is_new.then(|| start.elapsed().as_secs_f64() / jobs.len() as f64);
    let by_network = trainings.chunks(seeds as usize).map(<[Training]>::to_vec);
    Ok((by_network.collect(), seconds))
}

/// The log loss that the supernet sees by this method.
pub(crate) fn score(
    prepared: &Prepared,
    supernet: &Supernet,
    network: &Network,
    method: &ScoreSection,
) -> f64 {
    let network = supernet.subnet(network);
    let log = prepared.data.log.as_ref();
    let tuned = method.tuned(supernet, &network, log);
    let supernet = tuned.as_ref().unwrap_or(supernet);
    let (split, samples) = (Split::Validation, method.validation_samples);
    supernet
        .evaluate(&network, log, split, samples, &method.head)
        .log_loss
}

/// The ways to score that are asked for; what the configuration says about one holds.
fn methods(prepared: &Prepared, asked: &[Method]) -> Vec<ScoreSection> {
    let configured = prepared.config.file.score.get_ref();
    let has_tuning = configured.tune.is_some();
    let all = Method::value_variants().iter();
    let all = all.filter(|&&method| method != Method::Tuned || has_tuning);
    let asked = if asked.is_empty() {
        all.copied().collect()
    } else {
        asked.to_vec()
    };
    let section = |method| ScoreSection {
        head: head(method, &configured.head),
        tune: (method == Method::Tuned).then(|| configured.tune.clone().unwrap_or_default()),
        narrow: None,
        ..configured.clone()
    };
    asked.into_iter().map(section).collect()
}

/// How a method fits the head.
fn head(method: Method, configured: &HeadFit) -> HeadFit {
    match (method, configured) {
        (Method::None | Method::Tuned, _) => HeadFit::None,
        (Method::Sgd, HeadFit::Sgd(_))
        | (Method::Newton, HeadFit::Newton(_))
        | (Method::Factors, HeadFit::Factors(_)) => configured.clone(),
        (Method::Sgd, _) => HeadFit::Sgd(SgdHead::default()),
        (Method::Newton, _) => HeadFit::Newton(NewtonHead::default()),
        (Method::Factors, _) => HeadFit::Factors(FactorsHead::default()),
    }
}

pub(crate) fn mean_log_loss(trainings: &[Training]) -> f64 {
    let losses = trainings
        .iter()
        .map(|training| training.validation.log_loss);
    losses.sum::<f64>() / trainings.len() as f64
}

/// How far trainings with different seeds agree about the networks.
fn agreement(alone: &[Vec<Training>], seed: u64) -> Option<Interval> {
    let halves = |trainings: &Vec<Training>| {
        let (first, second) = trainings.split_at(trainings.len() / 2);
        (!first.is_empty()).then(|| (mean_log_loss(first), mean_log_loss(second)))
    };
    let pairs: Vec<(f64, f64)> = alone.iter().map(halves).collect::<Option<_>>()?;
    Some(bootstrap(&pairs, kendall_tau, seed))
}

/// How well depth and work alone rank.
fn controls(networks: &[Network], truth: &[f64], seed: u64) -> Vec<Control> {
    let control = |property, of: &dyn Fn(&Network) -> f64| {
        let scores: Vec<f64> = networks.iter().map(|network| -of(network)).collect();
        let pairs = beside(&scores, truth);
        Control {
            property,
            kendall_tau: bootstrap(&pairs, kendall_tau, seed),
            seconds_per_network: None,
        }
    };
    vec![
        control("greater depth", &|network| network.depth() as f64),
        control("more operations", &|network| network.macs() as f64),
    ]
}

/// What trainings from scratch reach that are as short as a method's tuning.
fn short_trainings(
    prepared: &Prepared,
    scores: &mut Scores<'_>,
    method: &ScoreSection,
    interrupt: &Interrupt,
) -> Result<Scored, Error> {
    let recipe = prepared.config.file.retrain.get_ref().recipe();
    let (shape, seed) = (prepared.data.log.shape(), prepared.config.file.seed);
    scores.measure(None, method, interrupt, |network| {
        let initial = Supernet::stand_alone_for(network, &recipe.train, shape, seed)
            .on(prepared.device.clone());
        Ok(score(prepared, &initial, network, method))
    })
}

/// What narrow copies reach, trained from scratch.
fn train_copies(
    prepared: &Prepared,
    scores: &mut Scores<'_>,
    copies: &Copies<'_>,
    interrupt: &Interrupt,
) -> Result<(NarrowSection, Scored), Error> {
    let section = copies.section();
    let method = ScoreSection {
        narrow: Some(section.clone()),
        ..ScoreSection::default()
    };
    let log = prepared.data.log.as_ref();
    let scored = scores.measure(None, &method, interrupt, |network| {
        copies.log_loss(network, log, interrupt)
    })?;
    Ok((section.clone(), scored))
}

impl Control {
    fn trained(property: &'static str, scored: &Scored, truth: &[f64], seed: u64) -> Self {
        Self {
            property,
            kendall_tau: bootstrap(&beside(&scored.log_losses, truth), kendall_tau, seed),
            seconds_per_network: Some(scored.seconds_per_network()),
        }
    }
}

/// Pairs of scores and truths.
fn beside(scores: &[f64], truth: &[f64]) -> Vec<(f64, f64)> {
    scores.iter().copied().zip(truth.iter().copied()).collect()
}

impl Row {
    fn new(
        sampler: PathSampler,
        method: &ScoreSection,
        scored: Scored,
        truth: &[f64],
        seed: u64,
    ) -> Self {
        let pairs = beside(&scored.log_losses, truth);
        Self {
            sampler,
            head: method.head.clone(),
            tune: method.tune.clone(),
            narrow: method.narrow.clone(),
            seconds_per_network: scored.seconds_per_network(),
            kendall_tau: bootstrap(&pairs, kendall_tau, seed),
            spearman_rho: bootstrap(&pairs, spearman_rho, seed),
            regret_at_1: regret(&pairs, 1),
            regret_at_5: regret(&pairs, 5),
            scores: scored.log_losses,
        }
    }

    /// What it is called in reports.
    fn method(&self) -> String {
        let shared = if self.tune.is_some() {
            "tuned"
        } else {
            head_name(&self.head)
        };
        let copies = self.narrow.as_ref().map_or("", |_| ", narrow");
        format!("{shared}{copies}")
    }
}

fn text(sampler: PathSampler) -> &'static str {
    match sampler {
        PathSampler::SinglePath => "single-path",
        PathSampler::AnyConnection => "any-connection",
        PathSampler::FullPath => "full-path",
        PathSampler::Sandwich => "sandwich",
        PathSampler::Fair => "fair",
    }
}

fn head_name(head: &HeadFit) -> &'static str {
    match head {
        HeadFit::None => "none",
        HeadFit::Sgd(_) => "sgd",
        HeadFit::Newton(_) => "newton",
        HeadFit::Factors(_) => "factors",
    }
}

fn render(ranking: &Ranking, truth: &[f64]) -> String {
    let header = [
        "sampler",
        "method",
        "Kendall τ",
        "Spearman ρ",
        "regret@1",
        "regret@5",
        "ms/network",
        "share of training",
    ];
    let share = |seconds: f64| {
        let share = |alone| format!("{:.2} %", 100.0 * seconds / alone);
        ranking.seconds_alone.map_or_else(|| "–".to_owned(), share)
    };
    let rows = ranking.rows.iter().map(|row| {
        vec![
            text(row.sampler).to_owned(),
            row.method(),
            row.kendall_tau.text(),
            row.spearman_rho.text(),
            format!("{:.4}", row.regret_at_1),
            format!("{:.4}", row.regret_at_5),
            format!("{:.1}", 1e3 * row.seconds_per_network),
            share(row.seconds_per_network),
        ]
    });
    let mut sorted = truth.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let places = [0, sorted.len() / 2, sorted.len() - 1];
    let [best, median, worst] = places.map(|place| log_loss(sorted[place]));
    let controls = ranking.controls.iter().map(|control| {
        let (property, tau) = (control.property, control.kendall_tau.text());
        let share = control.seconds_per_network.map(share);
        let share = share.map_or_else(String::new, |share| format!(", {share} of a training"));
        format!("\nwithout a supernet, by {property}: τ = {tau}{share}")
    });
    let controls: String = controls.collect();
    let agreement = ranking.agreement.map_or_else(String::new, |agreement| {
        format!(
            "\ntrainings with different seeds agree with each other by τ = {}",
            agreement.text()
        )
    });
    format!(
        "{}\n{} networks trained from scratch: log loss {best} (best), {median} (median), {worst} (worst){controls}{agreement}",
        table::table(&header, rows),
        truth.len()
    )
}

/// A log loss, or that the answers overflowed.
fn log_loss(value: f64) -> String {
    if value < f64::MAX {
        format!("{value:.4}")
    } else {
        "diverged".to_owned()
    }
}
