//! Whether the zpool of this host answers in JSON.

use crate::probe::tools::{FileId, file_id};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

/// What this host's zpool was found to understand, kept while the daemon lives. A zpool that is
/// exchanged meanwhile is asked anew, and where the file does not tell, found out by its answers.
#[derive(Debug, Default)]
pub(crate) struct OutputFormat {
    /// JSON was refused, or was no good.
    text: AtomicBool,
    /// That was logged.
    told: AtomicBool,
    /// The file that this was found out of.
    program: Mutex<Option<FileId>>,
}

impl OutputFormat {
    /// Text is asked for at once. Not of a program that is another than last time.
    pub(super) fn is_text(&self, program: &Path) -> bool {
        let file = file_id(program);
        let mut known = self.program.lock().unwrap_or_else(PoisonError::into_inner);
        if *known != file {
            *known = file;
            self.forget();
        }
        self.text.load(Ordering::Relaxed)
    }

    pub(super) fn takes_text(&self, refusal: &JsonRefusal) {
        self.text.store(true, Ordering::Relaxed);
        if !self.told.swap(true, Ordering::Relaxed) {
            match refusal {
                JsonRefusal::Unknown => log::debug!("zpool status has no JSON, reading its text"),
                JsonRefusal::Useless(why) => {
                    log::warn!("zpool status gives no good JSON, reading its text error={why:?}");
                }
            }
        }
    }

    pub(super) fn takes_json(&self) {
        self.told.store(false, Ordering::Relaxed);
    }

    /// Text is not understood any more: the next sweep asks for JSON first.
    pub(super) fn forget(&self) {
        self.text.store(false, Ordering::Relaxed);
    }
}

/// Why text should be asked instead.
pub(super) enum JsonRefusal {
    /// OpenZFS before 2.3: `-j` is an invalid option.
    Unknown,
    Useless(String),
}
