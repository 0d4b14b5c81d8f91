//! One module per command of the program.

pub(crate) mod analogue;
pub(crate) mod chips;
pub(crate) mod cluster;
pub(crate) mod compare;
pub(crate) mod cost;
pub(crate) mod data;
pub(crate) mod front;
pub(crate) mod funnel;
pub(crate) mod precision;
pub(crate) mod presets;
pub(crate) mod rank;
pub(crate) mod retrain;
pub(crate) mod search;
pub(crate) mod space;
pub(crate) mod system;
pub(crate) mod tables;
pub(crate) mod train;
