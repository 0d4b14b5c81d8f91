//! `front`: the front of a finished run, again.

use crate::{
    cli::FrontArgs,
    error::Error,
    pareto::{FILE, FORMAT, FORMAT_VERSION, ParetoFile},
    run::RunFolder,
    table,
};

/// Prints the front of a run.
pub(crate) fn run(arguments: &FrontArgs) -> Result<(), Error> {
    let run = RunFolder::open(&arguments.run)?;
    table::print(&table::front(&load(&run)?));
    Ok(())
}

/// The front of a run.
pub(crate) fn load(run: &RunFolder) -> Result<ParetoFile, Error> {
    let file: ParetoFile = run.read_json(FILE)?.ok_or_else(|| {
        let problem = "holds no `pareto.json` yet: finish it with `pimento search --resume`";
        Error::Run {
            path: run.path().to_owned(),
            problem,
        }
    })?;
    if file.format != FORMAT || file.version != FORMAT_VERSION {
        let message = format!(
            "format `{}` version {}, expected `{FORMAT}` version {FORMAT_VERSION}",
            file.format, file.version
        );
        return Err(Error::json(&run.path().join(FILE), message));
    }
    Ok(file)
}
