//! `analogue`: how well designs of a front predict on their hardware, and what takes how much of it.

use std::path::Path;

use pimento_data::Split;
use pimento_hardware::CellPreset;
use pimento_supernet::{Device, Fidelity, HeadFit, Model, Quality, Supernet};
use rayon::prelude::*;
use serde::Serialize;
use tracing::info;

use crate::{
    analogue::{AnalogueSection, Conditions, Exam, built_in_cells, mean, read_cells},
    catalogue::open_log,
    cli::{AnalogueArgs, Cli},
    commands::{front::load, retrain::choose, train::use_threads},
    config::SearchConfig,
    error::Error,
    interrupt::Interrupt,
    journal,
    pareto::DesignRecord,
    progress,
    run::RunFolder,
    table,
    verify::{Job, train_alone},
};

/// File with the results.
const FILE: &str = "analogue.json";

/// Cells that are used where nothing says which.
const DEFAULT_CELLS: &str = "wan-2022-1d";

/// What of the hardware acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Effects {
    /// Nothing.
    None,
    /// Converters.
    Converters,
    /// Converters and the spread of cells.
    Spread,
    /// Converters and stuck cells.
    Stuck,
    /// Converters and wires.
    Wires,
    /// Everything.
    All,
    /// Everything, columns not corrected.
    Uncorrected,
}

impl Effects {
    const EACH: [Self; 7] = [
        Self::None,
        Self::Converters,
        Self::Spread,
        Self::Stuck,
        Self::Wires,
        Self::All,
        Self::Uncorrected,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::None => "no hardware",
            Self::Converters => "converters",
            Self::Spread => "+ spread of cells",
            Self::Stuck => "+ stuck cells",
            Self::Wires => "+ wires",
            Self::All => "+ all",
            Self::Uncorrected => "+ all, uncorrected",
        }
    }

    /// What is left of these conditions; absent if nothing is.
    fn of(self, conditions: &Conditions) -> Option<Conditions> {
        let mut left = conditions.clone();
        let cells = left.cells;
        left.cells = match self {
            Self::None => return None,
            Self::Converters => cells.without_spread().without_stuck().without_wires(),
            Self::Spread => cells.without_stuck().without_wires(),
            Self::Stuck => cells.without_spread().without_wires(),
            Self::Wires => cells.without_spread().without_stuck(),
            Self::All | Self::Uncorrected => cells,
        };
        left.corrects_columns = self != Self::Uncorrected;
        Some(left)
    }
}

/// A design's results.
#[derive(Debug, Serialize)]
struct Record {
    design: String,
    cells: String,
    fidelity: Fidelity,
    rows: Vec<Row>,
}

/// Qualities under some effects, one for each chip.
#[derive(Debug, Serialize)]
struct Row {
    effects: Effects,
    chips: Vec<Quality>,
}

/// Trains the chosen designs from scratch and scores them on chips.
pub(crate) fn run(cli: &Cli, arguments: &AnalogueArgs, interrupt: &Interrupt) -> Result<(), Error> {
    use_threads(cli);
    let device = &Device::find(cli.device.into())?;
    let run = RunFolder::open(&arguments.run)?;
    let (config, front) = (run.config()?, load(&run)?);
    let designs = choose(&arguments.designs, &front.designs)?;
    let conditions = conditions(arguments, &config)?;
    let mut recipe = config.file.retrain.get_ref().recipe();
    recipe.train.weight_noise = arguments.weight_noise.unwrap_or(recipe.train.weight_noise);
    let data = open_log(&config)?;
    journal::start(cli.log_format, Some(run.path()))?;

    let seed = config.file.seed;
    let bar = progress::bar(0, "training alone", "steps");
    let trained = designs
        .par_iter()
        .with_max_len(1)
        .map(|design| {
            let job = Job {
                name: design.name.clone(),
                model: Model::Network(&design.network),
                recipe: &recipe,
                seed,
                device,
            };
            let (_, supernet) = train_alone(&job, data.log.as_ref(), &bar, interrupt)?;
            Ok((*design, supernet))
        })
        .collect::<Result<Vec<(&DesignRecord, Supernet)>, Error>>()?;
    bar.finish_and_clear();

    let exam = Exam {
        log: data.log.as_ref(),
        split: Split::Test,
        samples: arguments.samples,
        head: &HeadFit::None,
    };
    let bar = progress::bar(
        (trained.len() * Effects::EACH.len()) as u64,
        "scoring",
        "rows",
    );
    let mut records = Vec::new();
    for (design, supernet) in &trained {
        let mut rows = Vec::new();
        for effects in Effects::EACH {
            interrupt.check()?;
            rows.push(Row {
                effects,
                chips: qualities(effects, &conditions, design, supernet, exam, seed),
            });
            bar.inc(1);
        }
        info!(design = design.name, "scored on chips");
        records.push(Record {
            design: design.name.clone(),
            cells: conditions.cells.name().to_owned(),
            fidelity: conditions.fidelity,
            rows,
        });
    }
    bar.finish_and_clear();
    run.write_json(FILE, &records)?;
    table::print(&render(&records));
    Ok(())
}

/// The conditions of the run as far as the arguments do not say otherwise.
fn conditions(arguments: &AnalogueArgs, config: &SearchConfig) -> Result<Conditions, Error> {
    let of_run = match config.analogue()? {
        Some(conditions) => conditions,
        None => AnalogueSection::new(DEFAULT_CELLS)
            .conditions(cells(Path::new(DEFAULT_CELLS))?, &config.chip.preset),
    };
    Ok(Conditions {
        cells: match &arguments.cells {
            Some(path) => cells(path)?,
            None => of_run.cells,
        },
        chips: arguments.chips,
        fidelity: if arguments.statistical {
            Fidelity::Statistical
        } else {
            Fidelity::BitExact
        },
        ..of_run
    })
}

fn cells(path: &Path) -> Result<CellPreset, Error> {
    match path.to_str().and_then(built_in_cells) {
        Some(cells) if !path.exists() => Ok(cells),
        _ if path.exists() => read_cells(path),
        _ => Err(Error::Unknown {
            what: "file or kind of cells",
            name: path.display().to_string(),
            known: format!("`{}`", CellPreset::preset_names().join("`, `")),
        }),
    }
}

fn qualities(
    effects: Effects,
    conditions: &Conditions,
    design: &DesignRecord,
    supernet: &Supernet,
    exam: Exam<'_>,
    seed: u64,
) -> Vec<Quality> {
    if let Some(conditions) = effects.of(conditions) {
        let chip = design.hardware.chip;
        return conditions.qualities(supernet, &design.network, chip, exam, seed);
    }
    vec![exam.quality(supernet, &design.network)]
}

fn render(records: &[Record]) -> String {
    let header = [
        "design",
        "hardware",
        "log loss",
        "worst chip",
        "loss",
        "AUC",
    ];
    let rows = records.iter().flat_map(|record| {
        let ideal = mean(&record.rows[0].chips).log_loss;
        record.rows.iter().map(move |row| {
            let quality = mean(&row.chips);
            let losses = row.chips.iter().map(|chip| chip.log_loss);
            let worst = losses.fold(f64::MIN, f64::max);
            vec![
                record.design.clone(),
                row.effects.name().to_owned(),
                format!("{:.4}", quality.log_loss),
                format!("{worst:.4}"),
                format!("{:+.4}", quality.log_loss - ideal),
                quality
                    .auc
                    .map_or_else(|| "–".to_owned(), |auc| format!("{auc:.4}")),
            ]
        })
    });
    let (cells, chips) = records.first().map_or(("", 0), |record| {
        (&record.cells[..], record.rows[1].chips.len())
    });
    format!(
        "{}cells `{cells}`, mean over {chips} chips; trained alone, test split\n",
        table::table(&header, rows)
    )
}
