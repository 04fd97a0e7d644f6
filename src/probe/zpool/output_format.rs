//! Remembers whether the zpool of this host supports JSON.

use crate::probe::tools::{FileId, file_id};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

/// The format that this host's zpool supports, kept while the daemon runs. It is detected again when the file of zpool
/// changes, or when its text cannot be parsed any more.
#[derive(Debug, Default)]
pub(crate) struct OutputFormat {
    /// JSON was refused or unusable.
    text: AtomicBool,
    /// The refusal was logged.
    is_logged: AtomicBool,
    /// The file for which the format was detected.
    program: Mutex<Option<FileId>>,
}

impl OutputFormat {
    /// Text is queried first. False after the file of zpool has changed, which is recorded.
    pub(super) fn selects_text(&self, program: &Path) -> bool {
        let file = file_id(program);
        let mut known = self.program.lock().unwrap_or_else(PoisonError::into_inner);
        if *known != file {
            *known = file;
            self.forget();
        }
        self.text.load(Ordering::Relaxed)
    }

    pub(super) fn record_refusal(&self, refusal: &JsonRefusal) {
        self.text.store(true, Ordering::Relaxed);
        if !self.is_logged.swap(true, Ordering::Relaxed) {
            match refusal {
                JsonRefusal::Unknown => log::debug!("zpool status does not support JSON, reading its text"),
                JsonRefusal::Useless(why) => {
                    log::warn!("zpool status printed unusable JSON, reading its text error={why:?}");
                }
            }
        }
    }

    pub(super) fn record_json(&self) {
        self.is_logged.store(false, Ordering::Relaxed);
    }

    /// Text cannot be parsed any more: the next sweep queries JSON first.
    pub(super) fn forget(&self) {
        self.text.store(false, Ordering::Relaxed);
    }
}

/// Why text is queried instead.
pub(super) enum JsonRefusal {
    /// OpenZFS before 2.3: `-j` is an invalid option.
    Unknown,
    Useless(String),
}
