//! `retrain`: designs of a front or of files, and handcrafted models, trained from scratch over several
//! seeds.

use std::path::Path;

use pimento_hardware::CostSummary;
use pimento_space::{InputShape, Network};
use pimento_supernet::{Device, Model, Quality, input_shape};
use serde::Serialize;

use crate::{
    baselines::{self, Baseline},
    catalogue::open_log,
    chip::OpenChip,
    cli::{Cli, RetrainArgs},
    co_design::Pricing,
    commands::{front::load, train::use_threads},
    config::Recipe,
    design_file::DesignFile,
    error::Error,
    interrupt::Interrupt,
    journal,
    pareto::DesignRecord,
    run::RunFolder,
    table,
    verify::{Candidate, Training, Trainings},
};

/// File with the results.
const FILE: &str = "retrain.json";

/// A model that is trained.
struct Work<'a> {
    name: String,
    supernet: Option<Quality>,
    model: Model<'a>,
    recipes: Vec<Recipe>,
    macs: u64,
    cost: Option<CostSummary>,
}

/// A model and its trainings.
#[derive(Debug, Serialize)]
struct Retrained {
    name: String,
    supernet: Option<Quality>,
    /// Number of the recipe, of those of the configuration, that suited it best.
    recipe: usize,
    trainings: Vec<Training>,
    /// Multiply–accumulates per inference.
    macs: u64,
    /// A design on its hardware, a baseline at 16 bits on the chip's published sizes.
    cost: Option<CostSummary>,
}

/// A design of a file.
struct FileDesign {
    name: String,
    network: Network,
    cost: CostSummary,
}

impl FileDesign {
    /// Reads a design for data of this shape, and prices it on its chip with its own tables.
    fn read(path: &Path, input: InputShape) -> Result<Self, Error> {
        let design = DesignFile::read(path)?;
        let found = design.network.input;
        if found != input {
            let message = format!(
                "the network takes {} dense values and {} fields, the data of the run have {} and {}",
                found.dense_dim, found.fields, input.dense_dim, input.fields
            );
            return Err(Error::json(path, message));
        }
        let chip = OpenChip::recorded(&design.chip, path)?;
        let pricing = Pricing::new(chip, design.table_rows).with_popularity(design.popularity);
        Ok(Self {
            name: path.display().to_string(),
            cost: pricing.summary(&design.network, &design.hardware),
            network: design.network,
        })
    }

    fn work(&self, recipes: &[Recipe]) -> Work<'_> {
        Work {
            name: self.name.clone(),
            supernet: None,
            model: Model::Network(&self.network),
            recipes: recipes.to_vec(),
            macs: self.network.macs(),
            cost: Some(self.cost),
        }
    }
}

/// Trains the chosen models and prints mean ± standard deviation beside the supernet's estimate.
pub(crate) fn run(cli: &Cli, arguments: &RetrainArgs, interrupt: &Interrupt) -> Result<(), Error> {
    use_threads(cli);
    let device = &Device::find(cli.device.into())?;
    let run = RunFolder::open(&arguments.run)?;
    let (config, front) = (run.config()?, load(&run)?);
    let others = arguments.baselines.is_some() || !arguments.files.is_empty();
    let chosen = if arguments.designs.is_empty() && others {
        Vec::new()
    } else {
        choose(&arguments.designs, &front.designs)?
    };
    let data = open_log(&config)?;
    let files = arguments.files.iter();
    let files = files.map(|path| FileDesign::read(path, input_shape(data.log.shape())));
    let files = files.collect::<Result<Vec<_>, _>>()?;
    let baselines = match &arguments.baselines {
        Some(file) => baselines::read(file, &arguments.models, input_shape(data.log.shape()))?,
        None => Vec::new(),
    };
    journal::start(cli.log_format, Some(run.path()))?;

    let recipes = config.file.retrain.get_ref().recipes();
    let regression = Network::without_blocks(input_shape(data.log.shape()), 1);
    let regression = arguments.logistic_regression.then_some(&regression);
    let tables = data.log.shape().table_rows.iter();
    let tables = tables.map(|&rows| u64::from(rows)).collect();
    let pricing = Pricing::new(config.chip.clone(), tables);
    let input = input_shape(data.log.shape());
    let mut work = work(&chosen, regression, &baselines, &recipes, (&pricing, input));
    work.extend(files.iter().map(|file| file.work(&recipes)));
    if let Some(epochs) = arguments.epochs {
        for recipe in work.iter_mut().flat_map(|work| &mut work.recipes) {
            recipe.train.epochs = epochs;
        }
    }
    let candidates: Vec<Candidate<'_>> = work
        .iter()
        .map(|work| Candidate {
            name: work.name.clone(),
            model: work.model,
            recipes: &work.recipes,
            device,
        })
        .collect();
    // The command as it was typed: what is done is kept.
    let resume = std::env::args().skip(1).collect::<Vec<_>>().join(" ");
    let seeds = config.file.seed..config.file.seed + arguments.seeds;
    let trainings = Trainings::open(&run, data.log.as_ref())?
        .train_best(&candidates, seeds, interrupt)
        .map_err(|error| error.resumed_by(&resume))?;
    let results: Vec<Retrained> = work
        .iter()
        .zip(trainings)
        .map(|(work, alone)| Retrained {
            name: work.name.clone(),
            supernet: work.supernet,
            recipe: alone.recipe,
            trainings: alone.trainings,
            macs: work.macs,
            cost: work.cost,
        })
        .collect();
    run.write_json(FILE, &results)?;
    table::print(&render(&results));
    Ok(())
}

fn work<'a>(
    designs: &[&'a DesignRecord],
    regression: Option<&'a Network>,
    baselines: &'a [Baseline],
    recipes: &[Recipe],
    (pricing, input): (&Pricing, InputShape),
) -> Vec<Work<'a>> {
    let designs = designs.iter().map(|design| Work {
        name: design.name.clone(),
        supernet: design.quality,
        model: Model::Network(&design.network),
        recipes: recipes.to_vec(),
        macs: design.macs,
        cost: Some(design.cost),
    });
    let regression = regression.map(|network| Work {
        name: "logistic regression".to_owned(),
        supernet: None,
        model: Model::Network(network),
        recipes: recipes.to_vec(),
        macs: network.macs(),
        cost: None,
    });
    let baselines = baselines.iter().map(|baseline| Work {
        name: baseline.name.clone(),
        supernet: None,
        model: Model::Handcrafted(&baseline.model),
        recipes: vec![baseline.recipe.clone()],
        macs: baseline.model.macs(input),
        cost: Some(pricing.handcrafted(&baseline.model, input)),
    });
    designs.chain(regression).chain(baselines).collect()
}

/// The designs of these numbers; the first one if there are none.
pub(crate) fn choose<'a>(
    numbers: &[usize],
    designs: &'a [DesignRecord],
) -> Result<Vec<&'a DesignRecord>, Error> {
    let numbers = if numbers.is_empty() {
        &[0][..]
    } else {
        numbers
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
        "model",
        "supernet log loss",
        "validation log loss",
        "test log loss",
        "validation AUC",
        "test AUC",
        "recipe",
        "seeds",
        "kMAC",
        "latency µs",
        "energy nJ",
        "area mm²",
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
        let price = |figure: fn(&CostSummary) -> f64| {
            result
                .cost
                .as_ref()
                .map_or_else(|| "–".to_owned(), |cost| format!("{:.3}", figure(cost)))
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
            result.recipe.to_string(),
            result.trainings.len().to_string(),
            format!("{:.1}", result.macs as f64 / 1e3),
            price(|cost| cost.latency_ns / 1e3),
            price(|cost| cost.energy_pj / 1e3),
            price(|cost| cost.area_um2 / 1e6),
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
