//! `retrain`: designs of a front trained from scratch over several seeds.

use pimento_space::Network;
use pimento_supernet::{Quality, input_shape};
use serde::Serialize;

use crate::{
    catalogue::open_log,
    cli::{Cli, RetrainArgs},
    commands::{front::load, train::use_threads},
    error::Error,
    interrupt::Interrupt,
    journal,
    pareto::DesignRecord,
    run::RunFolder,
    table,
    verify::{Job, Training, Trainings, logistic_regression},
};

/// File with the results.
const FILE: &str = "retrain.json";

/// A design and its trainings.
#[derive(Debug, Serialize)]
struct Retrained {
    name: String,
    supernet: Option<Quality>,
    trainings: Vec<Training>,
}

/// Trains the chosen designs and prints mean ± standard deviation beside the supernet's estimate.
pub(crate) fn run(cli: &Cli, arguments: &RetrainArgs, interrupt: &Interrupt) -> Result<(), Error> {
    use_threads(cli);
    let run = RunFolder::open(&arguments.run)?;
    let (config, front) = (run.config()?, load(&run)?);
    let chosen = choose(arguments, &front.designs)?;
    let data = open_log(&config)?;
    journal::start(cli.log_format, Some(run.path()))?;

    let mut work: Vec<(String, Option<Quality>, Network)> = chosen
        .into_iter()
        .map(|design| (design.name.clone(), design.quality, design.network.clone()))
        .collect();
    if arguments.logistic_regression {
        let network = logistic_regression(input_shape(data.log.shape()));
        work.push(("logistic regression".to_owned(), None, network));
    }
    let mut recipe = config.file.retrain.get_ref().recipe();
    recipe.train.epochs = arguments.epochs.unwrap_or(recipe.train.epochs);
    let jobs: Vec<Job<'_>> = work
        .iter()
        .flat_map(|(name, _, network)| {
            (0..arguments.seeds).map(move |number| Job {
                name: name.clone(),
                network,
                seed: config.file.seed + number,
            })
        })
        .collect();
    // The command as it was typed: what is done is kept.
    let resume = std::env::args().skip(1).collect::<Vec<_>>().join(" ");
    let trainings = Trainings::open(&run, data.log.as_ref(), recipe)?
        .train(&jobs, interrupt)
        .map_err(|error| error.resumed_by(&resume))?;
    let results: Vec<Retrained> = work
        .into_iter()
        .zip(trainings.chunks(arguments.seeds as usize))
        .map(|((name, supernet, _), trainings)| Retrained {
            name,
            supernet,
            trainings: trainings.to_vec(),
        })
        .collect();
    run.write_json(FILE, &results)?;
    table::print(&render(&results));
    Ok(())
}

fn choose<'a>(
    arguments: &RetrainArgs,
    designs: &'a [DesignRecord],
) -> Result<Vec<&'a DesignRecord>, Error> {
    let numbers = if arguments.designs.is_empty() {
        &[0][..]
    } else {
        &arguments.designs
    };
    numbers
        .iter()
        .map(|&number| {
            designs.get(number).ok_or_else(|| Error::Unknown {
                what: "design",
                name: number.to_string(),
                known: format!("`0` to `{}`", designs.len().saturating_sub(1)),
            })
        })
        .collect()
}

fn render(results: &[Retrained]) -> String {
    let header = [
        "design",
        "supernet log loss",
        "validation log loss",
        "test log loss",
        "validation AUC",
        "test AUC",
        "seeds",
    ];
    let rows = results.iter().map(|result| {
        let figures = |figure: fn(&Training) -> Option<f64>| {
            mean_and_deviation(
                &result
                    .trainings
                    .iter()
                    .filter_map(figure)
                    .collect::<Vec<_>>(),
            )
        };
        vec![
            result.name.clone(),
            result
                .supernet
                .map_or_else(|| "–".to_owned(), |q| format!("{:.4}", q.log_loss)),
            figures(|training| Some(training.validation.log_loss)),
            figures(|training| Some(training.test.log_loss)),
            figures(|training| training.validation.auc),
            figures(|training| training.test.auc),
            result.trainings.len().to_string(),
        ]
    });
    table::table(&header, rows)
}

/// Mean ± sample standard deviation.
fn mean_and_deviation(values: &[f64]) -> String {
    let count = values.len() as f64;
    if values.is_empty() {
        return "–".to_owned();
    }
    let mean = values.iter().sum::<f64>() / count;
    if values.len() == 1 {
        return format!("{mean:.4}");
    }
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    format!("{mean:.4} ± {:.4}", (squares / (count - 1.0)).sqrt())
}
