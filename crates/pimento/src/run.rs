//! A run's folder: what is in it, and how it is written.
//!
//! Every file is written whole to a temporary name beside it and then renamed.

use std::{
    fs,
    io::{BufReader, BufWriter, Write},
    path::{Path, PathBuf},
};

use pimento_supernet::{Identity, Supernet};
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    config::{BUILT_IN_NAME, SearchConfig},
    error::Error,
};

/// The chip of a run, where it is not built in.
const CHIP_FILE: &str = "chip.toml";

/// The folder of one run.
#[derive(Debug, Clone)]
pub(crate) struct RunFolder {
    path: PathBuf,
}

impl RunFolder {
    /// Makes a new folder for `config` and writes the configuration and its chip into it.
    pub(crate) fn create(config: &SearchConfig, path: Option<&Path>) -> Result<Self, Error> {
        let path = match path {
            Some(path) => path.to_owned(),
            None => next_free(config),
        };
        if path.exists() {
            let problem = "exists already: choose another, or continue it with `--resume`";
            return Err(Error::Run { path, problem });
        }
        fs::create_dir_all(&path).map_err(|source| Error::file("create", &path, source))?;
        let run = Self { path };
        run.write("search.toml", config.text.as_bytes())?;
        if let Some(chip) = &config.chip.record.toml {
            run.write(CHIP_FILE, chip.as_bytes())?;
        }
        let folder = config.path.parent().unwrap_or(Path::new("")).to_owned();
        let folder = fs::canonicalize(if folder.as_os_str().is_empty() {
            Path::new(".")
        } else {
            &folder
        })
        .unwrap_or(folder);
        run.write(
            "search.toml.from",
            folder
                .join(file_name(config))
                .as_os_str()
                .as_encoded_bytes(),
        )?;
        Ok(run)
    }

    /// Opens the folder of an earlier run.
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        if !path.join("search.toml").is_file() {
            let problem = "holds no `search.toml`: is it the folder of a run?";
            return Err(Error::Run {
                path: path.to_owned(),
                problem,
            });
        }
        Ok(Self {
            path: path.to_owned(),
        })
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The configuration the run began with, on the chip that it began with; its relative paths mean
    /// what they meant then.
    pub(crate) fn config(&self) -> Result<SearchConfig, Error> {
        let path = self.path.join("search.toml");
        let text =
            fs::read_to_string(&path).map_err(|source| Error::file("read", &path, source))?;
        let from = self.path.join("search.toml.from");
        let origin =
            fs::read_to_string(&from).map_err(|source| Error::file("read", &from, source))?;
        SearchConfig::parse_with(Path::new(&origin), text, &self.path.join(CHIP_FILE))
    }

    /// Writes a JSON file.
    pub(crate) fn write_json(&self, name: &str, value: &impl Serialize) -> Result<(), Error> {
        let path = self.path.join(name);
        let mut text =
            serde_json::to_vec_pretty(value).map_err(|error| Error::json(&path, error))?;
        text.push(b'\n');
        self.write(name, &text)
    }

    /// Reads a JSON file, if it is there.
    pub(crate) fn read_json<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, Error> {
        let path = self.path.join(name);
        if !path.exists() {
            return Ok(None);
        }
        let text =
            fs::read_to_string(&path).map_err(|source| Error::file("read", &path, source))?;
        serde_json::from_str(&text)
            .map(Some)
            .map_err(|error| Error::json(&path, error))
    }

    /// Saves a supernet after `step` steps.
    pub(crate) fn save_supernet(
        &self,
        name: &str,
        supernet: &Supernet,
        identity: &Identity,
        step: u64,
    ) -> Result<(), Error> {
        self.write_with(name, |file| supernet.write(identity, step, file))
    }

    /// Loads a supernet, if it was saved, and returns the steps done.
    pub(crate) fn load_supernet(
        &self,
        name: &str,
        supernet: &mut Supernet,
        identity: &Identity,
    ) -> Result<Option<u64>, Error> {
        let path = self.path.join(name);
        if !path.exists() {
            return Ok(None);
        }
        let file = fs::File::open(&path).map_err(|source| Error::file("open", &path, source))?;
        supernet
            .read(identity, &mut BufReader::new(file))
            .map(Some)
            .map_err(|source| Error::Checkpoint { path, source })
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        self.write_with(name, |file| file.write_all(bytes))
    }

    fn write_with(
        &self,
        name: &str,
        fill: impl FnOnce(&mut BufWriter<fs::File>) -> std::io::Result<()>,
    ) -> Result<(), Error> {
        write_whole(&self.path.join(name), fill)
    }
}

/// Writes a file whole or not at all.
pub(crate) fn write_whole(
    path: &Path,
    fill: impl FnOnce(&mut BufWriter<fs::File>) -> std::io::Result<()>,
) -> Result<(), Error> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let temporary = path.with_file_name(format!(".{name}.tmp"));
    let write = || {
        let mut file = BufWriter::new(fs::File::create(&temporary)?);
        fill(&mut file)?;
        file.into_inner()?.sync_all()?;
        fs::rename(&temporary, path)
    };
    write().map_err(|source| Error::file("write", path, source))
}

fn file_name(config: &SearchConfig) -> PathBuf {
    config.path.file_name().unwrap_or_default().into()
}

/// `runs/NAME-NUMBER` with the lowest number that is free.
fn next_free(config: &SearchConfig) -> PathBuf {
    let name = config
        .path
        .file_stem()
        .and_then(|name| name.to_str())
        .unwrap_or(BUILT_IN_NAME);
    (1..u32::MAX)
        .map(|number| Path::new("runs").join(format!("{name}-{number}")))
        .find(|path| !path.exists())
        .expect("some number is free")
}
