//! The names of keys in Redis, and their prefix.

use crate::api::content_version::VERSION_PREFIX_BYTES;
use crate::cache::{CopyKind, Key};
use redis::Cmd;
use std::collections::HashMap;

/// The key of the poll lease.
pub(super) fn lease_key(prefix: &str) -> String {
    format!("{prefix}:lock:poll")
}

/// The key that is written, for a second, to probe whether Redis accepts writes.
pub(super) fn write_probe_key(prefix: &str) -> String {
    format!("{prefix}:lock:trial")
}

/// All keys with one prefix.
#[derive(Debug)]
pub(super) struct KeySpace {
    pub(super) prefix: String,
    /// The packed commands that read the beginning of each list. Every request sends one.
    version_commands: HashMap<(Key, CopyKind), Vec<u8>>,
}

impl KeySpace {
    pub(super) fn new(prefix: &str) -> Self {
        let mut keys = Self { prefix: prefix.to_owned(), version_commands: HashMap::new() };
        for (key, copy) in [Key::Overview, Key::Enclosures, Key::ZfsMap].into_iter().flat_map(both_copies) {
            let mut cmd = Cmd::new();
            cmd.arg("GETRANGE").arg(keys.value(&key, copy)).arg(0).arg(VERSION_PREFIX_BYTES - 1);
            keys.version_commands.insert((key, copy), cmd.get_packed_command());
        }
        keys
    }

    /// The key of a stored value.
    pub(super) fn value(&self, key: &Key, copy: CopyKind) -> String {
        match copy {
            CopyKind::Live => format!("{}:{}", self.prefix, key.name()),
            CopyKind::LastKnown => format!("{}:last:{}", self.prefix, key.name()),
        }
    }

    pub(super) fn lease(&self) -> String {
        lease_key(&self.prefix)
    }

    /// The command that reads the content version of a list. `None` if the key is not that of a list.
    pub(super) fn version_command(&self, key: &Key, copy: CopyKind) -> Option<&[u8]> {
        self.version_commands.get(&(key.clone(), copy)).map(Vec::as_slice)
    }
}

fn both_copies(key: Key) -> [(Key, CopyKind); 2] {
    [(key.clone(), CopyKind::Live), (key, CopyKind::LastKnown)]
}
