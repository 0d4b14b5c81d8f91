//! Memory systems as designs choose them.

use std::{
    fmt,
    sync::{LazyLock, PoisonError, RwLock},
};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{
    dram::system::{MemorySystem, PRESETS},
    preset::PresetError,
};

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

/// Systems of the user's own, numbered after the built-in ones. They last as long as the program: there are
/// a few of them, and designs are copied freely.
static OWN: RwLock<Vec<&'static OwnSystem>> = RwLock::new(Vec::new());

#[derive(Debug)]
struct OwnSystem {
    text: String,
    system: MemorySystem,
}

/// A memory system, or none; written as the name of a built-in one, as the TOML of another, or `none`.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "&'static str")]
pub struct SystemChoice(Option<u8>);

/// A text that is no memory system.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum UnknownSystem {
    /// A name that no built-in memory system has.
    #[error("unknown memory system `{name}`, expected `{NONE}` or one of {}", MemorySystem::preset_names().join(", "))]
    Name {
        /// The name.
        name: String,
    },
    /// TOML that does not tell one.
    #[error("memory system: {0}")]
    Toml(#[from] PresetError),
    /// A system of one's own that is called as a built-in one.
    #[error("a memory system is called `{name}`, which is built in: give it another name")]
    Taken {
        /// The name.
        name: String,
    },
    /// More systems than can be numbered.
    #[error("there are more than {} memory systems", u8::MAX)]
    TooMany,
}

impl SystemChoice {
    /// No system.
    pub const NONE: Self = Self(None);

    /// The built-in system of that name.
    pub fn named(name: &str) -> Option<Self> {
        let number = PRESETS.0.iter().position(|(known, _)| *known == name)?;
        Some(Self(Some(number as u8)))
    }

    /// A system of one's own, from its TOML.
    pub fn own(text: &str) -> Result<Self, UnknownSystem> {
        let system = MemorySystem::parse(text)?.with_batch(1);
        let name = system.name().to_owned();
        if name == NONE || Self::named(&name).is_some() {
            return Err(UnknownSystem::Taken { name });
        }
        let mut own = OWN.write().unwrap_or_else(PoisonError::into_inner);
        let known = own.iter().position(|known| known.text == text);
        let number = known.unwrap_or(own.len());
        let choice = u8::try_from(PRESETS.0.len() + number).map_err(|_| UnknownSystem::TooMany)?;
        if known.is_none() {
            let text = text.to_owned();
            own.push(Box::leak(Box::new(OwnSystem { text, system })));
        }
        Ok(Self(Some(choice)))
    }

    /// Whether there is none.
    pub fn is_none(&self) -> bool {
        self.0.is_none()
    }

    /// The system, one sample at a time; absent for none.
    pub fn system(self) -> Option<&'static MemorySystem> {
        let built_in = SYSTEMS.get(usize::from(self.0?));
        built_in.or_else(|| Some(&self.own_system()?.system))
    }

    /// Its name, or `none`.
    pub fn name(self) -> &'static str {
        self.system().map_or(NONE, MemorySystem::name)
    }

    fn own_system(self) -> Option<&'static OwnSystem> {
        let number = usize::from(self.0?).checked_sub(PRESETS.0.len())?;
        let own = OWN.read().unwrap_or_else(PoisonError::into_inner);
        own.get(number).copied()
    }
}

impl fmt::Debug for SystemChoice {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl TryFrom<String> for SystemChoice {
    type Error = UnknownSystem;

    fn try_from(name: String) -> Result<Self, UnknownSystem> {
        if name == NONE {
            return Ok(Self::NONE);
        }
        match Self::named(&name) {
            Some(choice) => Ok(choice),
            None if name.contains('=') => Self::own(&name),
            None => Err(UnknownSystem::Name { name }),
        }
    }
}

impl From<SystemChoice> for &'static str {
    fn from(choice: SystemChoice) -> Self {
        let own = choice.own_system();
        own.map_or_else(|| choice.name(), |own| &own.text)
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
    #[test]
    fn own_systems_are_written_as_their_tables() {
        let recnmp = MemorySystem::preset_text("recnmp").expect("built in");
        let mine = recnmp.replacen("\"recnmp\"", "\"mine\"", 1);
        let choice = SystemChoice::own(&mine).expect("a system");
        assert_eq!(
            (choice.name(), format!("{choice:?}")),
            ("mine", "mine".to_owned())
        );
        let built_in = SystemChoice::named("recnmp").and_then(SystemChoice::system);
        let system = choice.system().expect("there is one");
        assert_eq!(system.batch(), 1);
        assert_eq!(
            Some(system.tiers.clone()),
            built_in.map(|system| system.tiers.clone())
        );
        let text: &str = choice.into();
        assert_eq!(SystemChoice::try_from(text.to_owned()), Ok(choice));
        let other = SystemChoice::own(&mine.replace("\"mine\"", "\"other\"")).expect("a system");
        assert_ne!(other, choice);
        let error = |text: &str| SystemChoice::own(text).expect_err("none").to_string();
        assert!(error(recnmp).contains("called `recnmp`, which is built in"));
        assert!(error("name = \"mine\"").contains("missing field"));
    }
}
