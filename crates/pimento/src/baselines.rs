//! Handcrafted models to compare designs with, each with its recipe: a TOML file.

use std::{collections::BTreeMap, path::Path};

use pimento_space::{Handcrafted, InputShape, Tower};
use pimento_supernet::TrainSettings;
use serde::Deserialize;
use toml::Spanned;

use crate::{
    config::{Recipe, StopSettings, batch_norm_problem, recipe_problem},
    error::Error,
};

/// The file that is used where none is given.
const BUILT_IN: &str = include_str!("../baselines.toml");

/// Its name in messages and on the command line.
pub(crate) const BUILT_IN_NAME: &str = "built-in";

/// Why the shared training says nothing about batch norm.
const OWN_LAYERS: &str = "models say themselves which `layers` have it";

/// A handcrafted model and how it is trained.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Baseline {
    pub(crate) name: String,
    pub(crate) model: Handcrafted,
    pub(crate) recipe: Recipe,
}

/// The keys of a file.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct BaselineFile {
    /// The training that the models share.
    #[serde(default)]
    train: TrainSettings,
    /// When it stops.
    #[serde(default)]
    stop: StopSettings,
    /// The models by name.
    models: BTreeMap<String, Spanned<BaselineSection>>,
}

/// A model's own keys.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct BaselineSection {
    embedding_dim: usize,
    towers: Vec<Tower>,
    /// In place of the shared training's.
    embedding_l2: Option<f64>,
}

/// The models of a file, or the built-in ones, that are in `chosen`; all if it is empty.
pub(crate) fn read(
    path: &Path,
    chosen: &[String],
    input: InputShape,
) -> Result<Vec<Baseline>, Error> {
    let text = if path == Path::new(BUILT_IN_NAME) && !path.exists() {
        BUILT_IN.to_owned()
    } else {
        std::fs::read_to_string(path).map_err(|source| Error::file("read", path, source))?
    };
    let file: BaselineFile = toml::from_str(&text)
        .map_err(|error| Error::toml(path, &text, error.message(), error.span()))?;
    if let Some(unknown) = chosen.iter().find(|name| !file.models.contains_key(*name)) {
        let names: Vec<&str> = file.models.keys().map(String::as_str).collect();
        return Err(Error::Unknown {
            what: "baseline",
            name: unknown.clone(),
            known: format!("`{}`", names.join("`, `")),
        });
    }
    let is_chosen = |name: &String| chosen.is_empty() || chosen.contains(name);
    let models = file.models.into_iter().filter(|(name, _)| is_chosen(name));
    models
        .map(|(name, section)| {
            let (span, section) = (section.span(), section.into_inner());
            let model = Handcrafted {
                embedding_dim: section.embedding_dim,
                towers: section.towers,
            };
            let mut recipe = Recipe {
                train: file.train.clone(),
                stop: file.stop.clone(),
            };
            recipe.train.embedding_l2 = section.embedding_l2.unwrap_or(file.train.embedding_l2);
            let problem = model
                .check(input)
                .err()
                .or_else(|| recipe_problem("", &recipe))
                .or_else(|| batch_norm_problem("", &recipe.train, OWN_LAYERS));
            match problem {
                Some(message) => {
                    let message = format!("`models.{name}`: {message}");
                    Err(Error::toml(path, &text, message, Some(span)))
                }
                None => Ok(Baseline {
                    name,
                    model,
                    recipe,
                }),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const INPUT: InputShape = InputShape {
        dense_dim: 1,
        fields: 10,
    };

    #[test]
    fn the_built_in_file_is_sound() {
        let baselines = read(Path::new(BUILT_IN_NAME), &[], INPUT).unwrap();
        assert_eq!(baselines.len(), 9);
        let chosen = read(Path::new(BUILT_IN_NAME), &["fm".to_owned()], INPUT).unwrap();
        assert_eq!(chosen[0].recipe.train.embedding_l2, 5e-6);
    }

    #[test]
    fn mistakes_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("baselines.toml");
        for (text, expected) in [
            (
                "[models.a]\nembedding-dim = 4\ntowers = []\n",
                "`towers` is empty",
            ),
            (
                "[models.a]\nembedding-dim = 4\ntowers = [{ kind = \"deep\", layers = { widths = [8], dropout = 1.5 } }]\n",
                "`dropout` is 1.5",
            ),
            (
                "[models.a]\nembedding-dim = 4\ntowers = [{ kind = \"attention\", layers = 1, width = 6, heads = 4 }]\n",
                "`heads` 4 does not divide",
            ),
            (
                "[train]\nepochs = 0\n[models.a]\nembedding-dim = 4\ntowers = [{ kind = \"linear\" }]\n",
                "`train.epochs` is 0",
            ),
            (
                "[train]\nbatch-norm = true\n[models.a]\nembedding-dim = 4\ntowers = [{ kind = \"linear\" }]\n",
                "`train.batch-norm` is true: models say",
            ),
            (
                "[models.a]\nembedding-dim = 4\ntowers = [{ kind = \"linear\", x = 1 }]\n",
                "unknown field",
            ),
        ] {
            std::fs::write(&path, text).unwrap();
            let message = read(&path, &[], INPUT).unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
        }
        let message = read(Path::new(BUILT_IN_NAME), &["x".to_owned()], INPUT).unwrap_err();
        assert!(message.to_string().contains("`deepfm`"), "{message}");
    }
}
