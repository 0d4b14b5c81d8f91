//! Ctrl-C and SIGTERM: the first asks to stop at the next safe point, the second stops at once.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use crate::error::Error;

/// Exit code of an interrupted run, as shells expect it.
pub(crate) const INTERRUPTED: i32 = 130;

/// Whether somebody asked to stop.
#[derive(Debug, Clone)]
pub(crate) struct Interrupt {
    asked: Arc<AtomicBool>,
}

impl Interrupt {
    /// Listens from now on.
    pub(crate) fn install() -> Self {
        let asked = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&asked);
        let handler = move || {
            if flag.swap(true, Ordering::SeqCst) {
                std::process::exit(INTERRUPTED);
            }
        };
        if let Err(error) = ctrlc::set_handler(handler) {
            tracing::warn!(%error, "cannot listen to Ctrl-C");
        }
        Self { asked }
    }

    /// Whether to stop.
    pub(crate) fn is_asked(&self) -> bool {
        self.asked.load(Ordering::SeqCst)
    }

    /// An error if the run should stop.
    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.is_asked() {
            Err(Error::Interrupted { resume: None })
        } else {
            Ok(())
        }
    }
}
