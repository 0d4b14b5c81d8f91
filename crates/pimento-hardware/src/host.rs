//! A host that computes perceptrons, as measured: a start per batch and a rate.

use serde::Deserialize;

use crate::preset::{Catalogue, PresetError, not_negative, positive};

/// The built-in hosts.
const PRESETS: Catalogue<1> = Catalogue([(
    "xeon-e5-2686-v4",
    include_str!("../presets/hosts/xeon-e5-2686-v4.toml"),
)]);

/// A host for perceptrons, read from TOML.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Host {
    name: String,
    pub(crate) macs_per_ns: f64,
    /// Of a batch.
    pub(crate) launch_ns: f64,
    /// While it works.
    pub(crate) power_w: f64,
    source: String,
}

impl Host {
    /// Reads a host from TOML.
    pub fn parse(text: &str) -> Result<Self, PresetError> {
        let host: Self = toml::from_str(text)?;
        if host.source.trim().is_empty() {
            return Err(PresetError::NoSource { table: "host" });
        }
        positive([("macs-per-ns", host.macs_per_ns), ("power-w", host.power_w)])?;
        not_negative([("launch-ns", host.launch_ns)])?;
        Ok(host)
    }

    /// The built-in host of that name.
    pub fn preset(name: &str) -> Option<Self> {
        PRESETS.open(name, Self::parse)
    }

    /// Names of the built-in hosts.
    pub fn preset_names() -> Vec<&'static str> {
        PRESETS.names()
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Time of a batch with so many multiply–accumulates per sample.
    pub fn batch_ns(&self, macs: f64, batch: f64) -> f64 {
        self.launch_ns + batch * macs / self.macs_per_ns
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presets_are_sound_and_named_as_listed() {
        for name in Host::preset_names() {
            let host = Host::preset(name).map(|host| host.name().to_owned());
            assert_eq!(host.as_deref(), Some(name));
        }
    }

    /// Latency of the whole less that of the embedding layer, tables 8.2 and 8.4: in ms at batches of 1,
    /// 64, 256, 512, 1024 and 2048. Between 64 and 512 the host gains more from the batch than a rate tells.
    #[test]
    fn measured_perceptrons() {
        let host = Host::preset("xeon-e5-2686-v4").expect("built in");
        let batches = [1.0, 64.0, 256.0, 512.0, 1024.0, 2048.0];
        let models = [
            (1.016e6, [0.75, 1.55, 3.44, 5.19, 8.78, 15.22]),
            (1.556e6, [1.23, 2.18, 4.70, 7.39, 13.61, 25.73]),
        ];
        let mut errors = Vec::new();
        for (macs, measured) in models {
            for (batch, measured) in batches.into_iter().zip(measured) {
                errors.push((host.batch_ns(macs, batch) / 1e6 / measured - 1.0_f64).abs());
            }
        }
        let mean = errors.iter().sum::<f64>() / errors.len() as f64;
        assert!(
            mean < 0.18 && errors.iter().all(|error| *error < 0.36),
            "{errors:?}"
        );
    }
}
