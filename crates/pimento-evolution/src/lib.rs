//! Multi-objective evolutionary search over any [`Problem`].
//!
//! [`Search`] evaluates one generation per step, keeps every evaluation, and holds its whole state
//! in a [`SearchState`] that can be stored and resumed: the random numbers of a generation depend
//! on the seed and the number of the generation only.

mod crowding;
mod dominance;
mod evaluation;
mod front;
mod hypervolume;
mod problem;
mod search;
mod settings;
mod state;

pub use crowding::crowding_distance;
pub use dominance::{dominates, non_dominated_sort};
pub use evaluation::{Evaluation, Individual, Objective};
pub use front::ParetoFront;
pub use hypervolume::hypervolume;
pub use problem::{Problem, evaluate_parallel};
pub use search::{Search, StopReason};
pub use settings::{Algorithm, SearchSettings, SettingsError};
pub use state::{GenerationReport, SearchState};
