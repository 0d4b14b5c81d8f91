//! One value per split.

use std::ops::{Index, IndexMut};

use serde::{Deserialize, Serialize};

use crate::Split;

/// One value per split, looked up by [`Split`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BySplit<T> {
    /// Value of [`Split::Train`].
    pub train: T,
    /// Value of [`Split::Validation`].
    pub validation: T,
    /// Value of [`Split::Test`].
    pub test: T,
}

impl<T> BySplit<T> {
    /// The values that `value` returns, asked in the order of [`Split::ALL`].
    pub fn from_fn(mut value: impl FnMut(Split) -> T) -> Self {
        Self {
            train: value(Split::Train),
            validation: value(Split::Validation),
            test: value(Split::Test),
        }
    }
}

impl<T> Index<Split> for BySplit<T> {
    type Output = T;

    fn index(&self, split: Split) -> &T {
        match split {
            Split::Train => &self.train,
            Split::Validation => &self.validation,
            Split::Test => &self.test,
        }
    }
}

impl<T> IndexMut<Split> for BySplit<T> {
    fn index_mut(&mut self, split: Split) -> &mut T {
        match split {
            Split::Train => &mut self.train,
            Split::Validation => &mut self.validation,
            Split::Test => &mut self.test,
        }
    }
}
