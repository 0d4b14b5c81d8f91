//! Built-in systems as designs choose them.

use std::{fmt, sync::LazyLock};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::dram::system::{MemorySystem, PRESETS};

/// How the absence of a system is written.
const NONE: &str = "none";

/// The built-in systems, one sample at a time, in the order of their numbers.
static SYSTEMS: LazyLock<Vec<MemorySystem>> = LazyLock::new(|| {
    let systems = PRESETS.0.iter();
    systems
        .map(|(_, text)| MemorySystem::parse(text).expect("a test reads every preset"))
        .map(|system| system.with_batch(1))
        .collect()
});

/// A built-in memory system, or none; written as its name, or `none`.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "&'static str")]
pub struct SystemChoice(Option<u8>);

/// A name that no built-in memory system has.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("unknown memory system `{name}`, expected `{NONE}` or one of {}", MemorySystem::preset_names().join(", "))]
pub struct UnknownSystem {
    name: String,
}

impl SystemChoice {
    /// No system.
    pub const NONE: Self = Self(None);

    /// The built-in system of that name.
    pub fn named(name: &str) -> Option<Self> {
        let number = PRESETS.0.iter().position(|(known, _)| *known == name)?;
        Some(Self(Some(number as u8)))
    }

    /// Whether there is none.
    pub fn is_none(&self) -> bool {
        self.0.is_none()
    }

    /// The system, one sample at a time; absent for none.
    pub fn system(self) -> Option<&'static MemorySystem> {
        SYSTEMS.get(usize::from(self.0?))
    }
}

impl fmt::Debug for SystemChoice {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str((*self).into())
    }
}

impl TryFrom<String> for SystemChoice {
    type Error = UnknownSystem;

    fn try_from(name: String) -> Result<Self, UnknownSystem> {
        if name == NONE {
            return Ok(Self::NONE);
        }
        Self::named(&name).ok_or(UnknownSystem { name })
    }
}

impl From<SystemChoice> for &'static str {
    fn from(choice: SystemChoice) -> Self {
        let number = choice.0.map(usize::from);
        number.map_or(NONE, |number| PRESETS.0[number].0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn systems_are_chosen_by_name() {
        for name in MemorySystem::preset_names() {
            let choice = SystemChoice::named(name).expect("built in");
            assert_eq!(choice.system().map(MemorySystem::name), Some(name));
            assert_eq!(SystemChoice::try_from(name.to_owned()), Ok(choice));
            assert_eq!(<&str>::from(choice), name);
        }
        assert_eq!(
            SystemChoice::try_from("none".to_owned()),
            Ok(SystemChoice::NONE)
        );
        assert!(SystemChoice::NONE.system().is_none());
        let unknown = SystemChoice::try_from("trim".to_owned()).expect_err("no such system");
        assert!(unknown.to_string().starts_with(
            "unknown memory system `trim`, expected `none` or one of host, host-ddr5"
        ));
    }
}
