//! Multi-objective evolutionary search over any [`Problem`].
//!
//! [`Search`] evaluates one generation per step, keeps every evaluation, and holds its whole state
//! in a [`SearchState`] that can be stored and resumed: the random numbers of a generation depend
//! on the seed and the number of the generation only.
//!
//! ```
//! use pimento_evolution::{Evaluation, Objective, Problem, Search, SearchSettings};
//! use rand::RngExt;
//! use rand_chacha::ChaCha8Rng;
//!
//! /// A wall is to be thin and warm, and at least 20 mm thick.
//! struct Wall;
//!
//! impl Problem for Wall {
//!     type Genotype = u16;
//!
//!     fn objectives(&self) -> &[Objective] {
//!         &[Objective { name: "thickness_mm" }, Objective { name: "loss_w" }]
//!     }
//!     fn sample(&self, rng: &mut ChaCha8Rng) -> u16 {
//!         rng.random_range(1..=500)
//!     }
//!     fn mutate(&self, wall: &u16, strength: usize, rng: &mut ChaCha8Rng) -> u16 {
//!         let reach = 5 * strength as u16;
//!         rng.random_range(wall.saturating_sub(reach).max(1)..=(wall + reach).min(500))
//!     }
//!     fn crossover(&self, a: &u16, b: &u16, _: &mut ChaCha8Rng) -> u16 {
//!         a.midpoint(*b)
//!     }
//!     fn evaluate(&self, walls: &[u16]) -> Vec<Evaluation> {
//!         let evaluation = |&wall: &u16| Evaluation {
//!             objectives: vec![f64::from(wall), 1000.0 / f64::from(wall)],
//!             violation: f64::from(20_u16.saturating_sub(wall)),
//!         };
//!         walls.iter().map(evaluation).collect()
//!     }
//! }
//!
//! let mut search = Search::new(&Wall, SearchSettings::default());
//! while search.step().is_none() {}
//! assert_eq!(search.front().members()[0].genotype, 20);
//! ```

mod breeding;
mod crowding;
mod dominance;
mod evaluation;
mod front;
mod hypervolume;
mod problem;
mod search;
mod settings;
mod state;
mod survival;

pub use crowding::crowding_distance;
pub use dominance::{dominates, non_dominated_sort};
pub use evaluation::{Evaluation, Individual, Objective};
pub use front::ParetoFront;
pub use hypervolume::hypervolume;
pub use problem::{Problem, evaluate_parallel};
pub use search::{Search, StopReason};
pub use settings::{Algorithm, SearchSettings, SettingsError};
pub use state::{GenerationReport, SearchState, StateError};
