//! `search`: supernet, evolution, comparison, `pareto.json`.

use std::{collections::BTreeMap, sync::Mutex};

use pimento_evolution::{ParetoFront, Search, SearchState};
use pimento_space::{Design, Genotype, Network};
use pimento_supernet::{Model, input_shape};
use tracing::info;

use crate::{
    cli::{Cli, SearchArgs},
    co_design::{CoDesign, OBJECTIVES, Pricing, embedding_bytes},
    commands::train::{Prepared, prepare, train_supernet},
    error::Error,
    hardware_search,
    interrupt::Interrupt,
    pareto::{self, DesignRecord, FORMAT, FORMAT_VERSION, Origin, ParetoFile},
    popularity, progress,
    score::Copies,
    table,
    verify::{Candidate, Training, Trainings},
};

/// File with the state of the evolution after the last whole generation.
const STATE_FILE: &str = "search-state.json";

/// Runs a search to its end, or to the next safe point if interrupted.
pub(crate) fn run(cli: &Cli, arguments: &SearchArgs, interrupt: &Interrupt) -> Result<(), Error> {
    let prepared = prepare(cli, arguments)?;
    let command = format!("search --resume {}", prepared.run.path().display());
    search(&prepared, interrupt).map_err(|error| error.resumed_by(&command))
}

fn search(prepared: &Prepared, interrupt: &Interrupt) -> Result<(), Error> {
    let supernet = train_supernet(prepared, interrupt)?;
    let log = prepared.data.log.as_ref();
    let problem = CoDesign {
        space: &prepared.space,
        supernet: &supernet,
        log,
        pricing: pricing(prepared),
        score: prepared.config.file.score.get_ref(),
        copies: Copies::of(&prepared.config, &prepared.device),
        analogue: prepared
            .config
            .analogue()?
            .map(|conditions| (conditions, prepared.config.file.seed)),
        bar: progress::bar(0, "searching", "generations"),
        interrupt,
        known: Mutex::default(),
    };
    let state = evolve(prepared, &problem, interrupt)?;
    let mut front = ParetoFront::from_individuals(state.individuals());
    if front.members().is_empty() {
        return Err(Error::NoFeasibleDesign {
            evaluations: state.evaluations(),
        });
    }
    let added = hardware_search::extend(&mut front, &problem, prepared.config.file.seed);
    interrupt.check()?;
    info!(
        designs = front.members().len(),
        added,
        hypervolume = hypervolume(&front, &state),
        "hardware searched anew for the networks of the front"
    );
    let file = describe(prepared, &problem, &state, &front, interrupt)?;
    prepared.run.write_json(pareto::FILE, &file)?;
    table::print(&table::front(&file));
    info!(path = %prepared.run.path().join(pareto::FILE).display(), "front written");
    Ok(())
}

/// Volume that a front dominates below the reference point of the search.
fn hypervolume(front: &ParetoFront<Genotype>, state: &SearchState<Genotype>) -> f64 {
    let reference = state.reference();
    reference.map_or(0.0, |reference| front.hypervolume(reference))
}

/// What designs cost, which depends on how rows are read only where a memory may have a cache, be crossbars
/// or a published system.
fn pricing(prepared: &Prepared) -> Pricing {
    let pricing = Pricing::new(prepared.config.chip.clone(), prepared.table_rows());
    let space = &prepared.space;
    let by_popularity = [
        space.has_row_caches(),
        space.has_tables_in_crossbars(),
        space.has_memory_systems(),
    ];
    if by_popularity.iter().all(|by_popularity| !by_popularity) {
        return pricing;
    }
    let popularity = popularity::of_training(prepared.data.log.as_ref());
    pricing.with_popularity(popularity).for_space(space)
}

fn evolve(
    prepared: &Prepared,
    problem: &CoDesign<'_>,
    interrupt: &Interrupt,
) -> Result<SearchState<Genotype>, Error> {
    let mut settings = prepared.config.file.search.get_ref().clone();
    settings.seed = prepared.config.file.seed;
    let total = settings.generations as u64 + 1;
    let mut search = match prepared.run.read_json(STATE_FILE)? {
        Some(state) => Search::resume(problem, settings, state),
        None => Search::new(problem, settings),
    };
    let bar = &problem.bar;
    bar.set_length(total);
    loop {
        bar.set_position(search.state().generations() as u64);
        interrupt.check()?;
        let stopped = search.step();
        // A generation that was cut short is not kept.
        interrupt.check()?;
        prepared.run.write_json(STATE_FILE, search.state())?;
        if let Some(report) = search.state().reports().last() {
            info!(
                generation = report.generation,
                evaluations = report.evaluations_total,
                front = report.front_size,
                hypervolume = report.hypervolume,
                duplicates = report.duplicates_redrawn,
                "generation done"
            );
            bar.set_message(format!("· front of {}", report.front_size));
        }
        if let Some(reason) = stopped {
            bar.finish_and_clear();
            info!(?reason, scores = problem.score_count(), "search done");
            return Ok(search.into_state());
        }
    }
}

/// Everything about the front and the references, trainings from scratch included.
fn describe(
    prepared: &Prepared,
    problem: &CoDesign<'_>,
    state: &SearchState<Genotype>,
    front: &ParetoFront<Genotype>,
    interrupt: &Interrupt,
) -> Result<ParetoFile, Error> {
    let mut members: Vec<_> = front.members().iter().collect();
    members.sort_by(|a, b| {
        let losses = (a.evaluation.objectives[0], b.evaluation.objectives[0]);
        losses
            .0
            .total_cmp(&losses.1)
            .then_with(|| a.genotype.cmp(&b.genotype))
    });
    let retrain = prepared.config.file.retrain.get_ref();
    let input = input_shape(problem.log.shape());
    let naive = prepared.config.chip.naive_hardware();
    let references = retrain.references.iter();
    let references: Vec<_> = references.map(|r| r.network(input)).collect();
    let designs: Vec<Design> = members
        .iter()
        .map(|m| problem.decode(&m.genotype))
        .collect();
    let objectives: Vec<_> = members
        .iter()
        .map(|m| &m.evaluation.objectives[..])
        .collect();
    let recipes = retrain.recipes();
    let candidate = |name: String, network| {
        let (model, device) = (Model::Network(network), &prepared.device);
        let candidate = Candidate {
            name,
            model,
            recipes: &recipes,
            device,
        };
        (network, candidate)
    };
    let of_references = references
        .iter()
        .map(|(name, network)| candidate(name.clone(), network));
    let of_designs = choose(&designs, &objectives, retrain.designs)
        .into_iter()
        .map(|number| candidate(format!("design {number}"), &designs[number].network));
    let (trained, candidates): (Vec<&Network>, Vec<Candidate<'_>>) =
        of_references.chain(of_designs).unzip();
    let seed = prepared.config.file.seed;
    let trainings = Trainings::open(&prepared.run, problem.log)?.train_best(
        &candidates,
        seed..seed + 1,
        interrupt,
    )?;
    let trainings = trainings.into_iter().map(|alone| alone.trainings[0]);
    let alone: BTreeMap<&Network, Training> = trained.into_iter().zip(trainings).collect();

    let scored: Vec<&Design> = designs.iter().collect();
    let qualities = problem.qualities(&scored);
    interrupt.check()?;
    let designs: Vec<DesignRecord> = members
        .iter()
        .zip(&designs)
        .zip(qualities)
        .enumerate()
        .map(|(number, ((member, design), quality))| DesignRecord {
            genotype: Some(member.genotype.clone()),
            quality: Some(quality),
            ..record(problem, number.to_string(), design, &alone)
        })
        .collect();
    let references = references
        .iter()
        .flat_map(|(name, network)| {
            let searched = hardware_search::balanced(problem, network, seed);
            let searched = searched.map(|hardware| ("hardware searched", hardware));
            let mapped = [("naive mapping", naive)].into_iter().chain(searched);
            mapped
                .map(|(how, hardware)| {
                    let network = network.clone();
                    let design = Design { network, hardware };
                    record(problem, format!("{name}, {how}"), &design, &alone)
                })
                .collect::<Vec<_>>()
        })
        .collect();
    log_gap(prepared, &designs);
    Ok(ParetoFile {
        format: FORMAT.to_owned(),
        version: FORMAT_VERSION,
        pimento_version: env!("CARGO_PKG_VERSION").to_owned(),
        seed: prepared.config.file.seed,
        origin: origin(prepared, problem),
        objectives: OBJECTIVES
            .iter()
            .map(|objective| objective.name.to_owned())
            .collect(),
        evaluations: state.evaluations(),
        hypervolume: state
            .reports()
            .iter()
            .map(|report| report.hypervolume)
            .chain([hypervolume(front, state)])
            .collect(),
        designs,
        references,
    })
}

/// Designs whose networks are trained from scratch, all different: by turns the one with the lowest
/// log loss and the one that costs least (geometric mean of the costs) among a widening share of
/// the best by log loss.
fn choose(designs: &[Design], objectives: &[&[f64]], count: usize) -> Vec<usize> {
    let cost = |number: &usize| -> f64 {
        objectives[*number][1..]
            .iter()
            .map(|figure| figure.max(1e-300).ln())
            .sum()
    };
    let mut chosen: Vec<usize> = Vec::new();
    for place in 0..count {
        let mut new = (0..designs.len()).filter(|&number| {
            let network = &designs[number].network;
            chosen
                .iter()
                .all(|&chosen| designs[chosen].network != *network)
        });
        let reach = designs.len() * (place + 1) / (2 * count);
        let candidate = if place % 2 == 0 {
            new.next()
        } else {
            let by_log_loss: Vec<usize> = new.collect();
            let best = &by_log_loss[..reach.max(1).min(by_log_loss.len())];
            best.iter()
                .copied()
                .min_by(|a, b| cost(a).total_cmp(&cost(b)))
        };
        chosen.extend(candidate);
    }
    chosen
}

/// A design, what it costs and what its network reached alone.
fn record(
    problem: &CoDesign<'_>,
    name: String,
    design: &Design,
    alone: &BTreeMap<&Network, Training>,
) -> DesignRecord {
    let cost = problem.pricing.cost(&design.network, &design.hardware);
    DesignRecord {
        name,
        genotype: None,
        macs: design.network.macs(),
        dense_parameters: design.network.dense_parameters(),
        table_rows: problem.pricing.table_rows().to_vec(),
        popularity: problem.pricing.popularity().to_vec(),
        embedding_bytes: (!design.network.embeddings.is_empty())
            .then(|| embedding_bytes(&design.network, problem.pricing.table_rows())),
        network: design.network.clone(),
        hardware: design.hardware,
        chip: problem.pricing.chip().clone(),
        quality: None,
        trainings: alone.get(&design.network).copied().into_iter().collect(),
        cost: cost.summary,
        breakdown: cost.breakdown,
    }
}

fn origin(prepared: &Prepared, problem: &CoDesign<'_>) -> Origin {
    Origin {
        space: prepared.space.name().to_owned(),
        space_fingerprint: prepared.space.fingerprint(),
        data_fingerprint: problem.log.fingerprint().to_owned(),
        table_rows: problem.pricing.table_rows().to_vec(),
        chip: problem.pricing.chip().clone(),
        best_possible: prepared.data.best_possible,
    }
}

fn log_gap(prepared: &Prepared, designs: &[DesignRecord]) {
    let Some(best) = prepared.data.best_possible else {
        return;
    };
    let supernet = designs
        .iter()
        .filter_map(|design| design.quality)
        .map(|q| q.log_loss);
    let alone = designs.iter().filter_map(DesignRecord::alone_log_loss);
    let gap = |losses: &mut dyn Iterator<Item = f64>| {
        losses.reduce(f64::min).map(|loss| loss - best.log_loss)
    };
    info!(
        best_possible = best.log_loss,
        gap_in_supernet = gap(&mut { supernet }),
        gap_trained_alone = gap(&mut { alone }),
        "log loss against the best possible on this synthetic log"
    );
}
