//! `funnel`: pairs of designs of a front as the two stages of a ranking, beside each design alone.

use std::collections::BTreeSet;

use pimento_data::Split;
use rayon::prelude::*;
use serde::Serialize;

use crate::{
    cli::{Cli, FunnelArgs, SearchArgs},
    commands::{
        front::load,
        retrain::choose,
        train::{Prepared, prepare, train_supernet},
    },
    error::Error,
    funnel::{Entry, Queries, QueryCost, Sizes, sort_and_mark},
    interrupt::Interrupt,
    pareto::DesignRecord,
    progress, quantity,
    run::RunFolder,
    table,
};

/// Logits of every row for each design, and the labels.
type Answers = (Vec<Vec<f32>>, Vec<f32>);

/// Everything that was measured.
#[derive(Debug, Serialize)]
struct Funnel {
    sizes: Sizes,
    queries: usize,
    queries_without_click: usize,
    rows_left_over: usize,
    /// The design with the highest NDCG alone.
    best_alone: String,
    /// All designs alone and all pairs of different ones, best first.
    entries: Vec<Entry>,
}

/// Scores designs of a front alone and in pairs.
pub(crate) fn run(cli: &Cli, arguments: &FunnelArgs, interrupt: &Interrupt) -> Result<(), Error> {
    let sizes = arguments.sizes();
    // Before anything is read: whether it can be at all.
    sizes.check(usize::MAX)?;
    let front = load(&RunFolder::open(&arguments.run)?)?;
    let designs = chosen(&arguments.designs, &front.designs)?;
    let prepared = prepare(cli, &SearchArgs::resuming(&arguments.run))?;
    sizes.check(prepared.data.log.len(Split::Validation))?;
    let (logits, labels) = answers(&prepared, &designs, interrupt)?;
    let queries = Queries::new(&labels, sizes)?;
    let funnel = measure(&queries, sizes, &designs, &logits, interrupt)?;
    table::print(&if arguments.json {
        let path = &arguments.run;
        serde_json::to_string_pretty(&funnel).map_err(|error| Error::json(path, error))? + "\n"
    } else {
        render(&funnel)
    });
    Ok(())
}

/// The designs of these numbers, each once; all if there are none.
fn chosen<'a>(
    numbers: &[usize],
    designs: &'a [DesignRecord],
) -> Result<Vec<&'a DesignRecord>, Error> {
    let numbers: BTreeSet<usize> = match numbers {
        [] => (0..designs.len()).collect(),
        numbers => numbers.iter().copied().collect(),
    };
    choose(&Vec::from_iter(numbers), designs)
}

/// What each design says about each row of the validation split, as the search scored it.
fn answers(
    prepared: &Prepared,
    designs: &[&DesignRecord],
    interrupt: &Interrupt,
) -> Result<Answers, Error> {
    let supernet = train_supernet(prepared, interrupt)?;
    let log = prepared.data.log.as_ref();
    let head = &prepared.config.file.score.get_ref().head;
    let bar = progress::bar(designs.len() as u64, "scoring", "designs");
    let answers = designs.par_iter().with_max_len(1).map(|design| {
        interrupt.check()?;
        let network = supernet.subnet(&design.network);
        let answers = supernet.answers(&network, log, Split::Validation, usize::MAX, head);
        bar.inc(1);
        Ok(answers)
    });
    let answers: Vec<(Vec<f32>, Vec<f32>)> = answers.collect::<Result<_, Error>>()?;
    bar.finish_and_clear();
    let (logits, mut labels): (Vec<_>, Vec<_>) = answers.into_iter().unzip();
    Ok((logits, labels.pop().unwrap_or_default()))
}

fn measure(
    queries: &Queries<'_>,
    sizes: Sizes,
    designs: &[&DesignRecord],
    logits: &[Vec<f32>],
    interrupt: &Interrupt,
) -> Result<Funnel, Error> {
    let alone: Vec<Vec<f64>> = logits.par_iter().map(|l| queries.alone(l)).collect();
    let best = best(&alone);
    let bar = progress::bar(designs.len() as u64, "pairing", "first stages");
    let entries = (0..designs.len()).into_par_iter().map(|first| {
        interrupt.check()?;
        let cost = QueryCost::of_stage(&designs[first].cost, sizes.candidates);
        let name = &designs[first].name[..];
        let mut entries = vec![Entry::new(&[name], &alone[first], &alone[best], cost)];
        let kept = queries.kept(&logits[first]);
        for second in (0..designs.len()).filter(|&second| second != first) {
            let design = designs[second];
            let ndcg = queries.cascade(&kept, &logits[second]);
            let cost = cost + QueryCost::of_stage(&design.cost, sizes.keep);
            entries.push(Entry::new(&[name, &design.name], &ndcg, &alone[best], cost));
        }
        bar.inc(1);
        Ok(entries)
    });
    let entries: Vec<Vec<Entry>> = entries.collect::<Result<_, Error>>()?;
    bar.finish_and_clear();
    let mut entries = entries.concat();
    sort_and_mark(&mut entries);
    Ok(Funnel {
        sizes,
        queries: queries.len(),
        queries_without_click: queries.without_click,
        rows_left_over: queries.rows_left_over,
        best_alone: designs[best].name.clone(),
        entries,
    })
}

/// The design with the highest mean; the first of equal ones.
fn best(alone: &[Vec<f64>]) -> usize {
    let sum = |design: usize| alone[design].iter().sum::<f64>();
    (0..alone.len())
        .reduce(|best, design| {
            if sum(design) > sum(best) {
                design
            } else {
                best
            }
        })
        .expect("a front has a design")
}

fn render(funnel: &Funnel) -> String {
    let ndcg = format!("NDCG@{}", funnel.sizes.top);
    let header = ["designs", &ndcg, "− best alone", "time", "energy", "area"];
    let best = [funnel.best_alone.clone()];
    let entries = funnel.entries.iter();
    let shown = entries.filter(|entry| !entry.is_dominated || entry.designs == best);
    let rows = shown.map(|entry| {
        let is_best = entry.designs == best;
        let mark = if is_best { " (best alone)" } else { "" };
        vec![
            entry.designs.join(" → ") + mark,
            entry.ndcg.text(),
            entry.difference.signed_text(),
            quantity::time(entry.cost.time_ns),
            quantity::energy(entry.cost.energy_pj),
            quantity::area(entry.cost.area_um2),
        ]
    });
    format!("{}{}", table::table(&header, rows), notes(funnel))
}

/// What the table is about.
fn notes(funnel: &Funnel) -> String {
    let of_stages = |stages| {
        let entries = funnel.entries.iter();
        let entries: Vec<_> = entries.filter(|e| e.designs.len() == stages).collect();
        let best = entries.iter().filter(|entry| !entry.is_dominated).count();
        format!("{best} of {}", entries.len())
    };
    format!(
        "{} queries of {} candidates, of which a first design keeps {} for a second; left out: {} queries \
         without a click, {} rows at the end\n\
         nothing dominates {} designs alone and {} pairs in NDCG, time and energy of a query\n\
         scored with the supernet's shared weights on the validation split; ± standard error over queries; \
         stages one after the other\n",
        funnel.queries,
        funnel.sizes.candidates,
        funnel.sizes.keep,
        funnel.queries_without_click,
        funnel.rows_left_over,
        of_stages(1),
        of_stages(2),
    )
}
