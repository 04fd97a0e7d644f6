//! Limits of stored values, checked before they are parsed. A larger value was not written by this program for this
//! host.
//!
//! The limits of a list grow with the host: they allow four times the size of a drive (950 bytes and 54 values in an
//! overview), and a base for the last overview of a host that has lost all its enclosures, some 600 drives. A
//! document of a real drive has some 17 kB and 1,050 values.

use super::json_limits::JsonLimits;

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

/// Maximum size of a list, whatever the size of the host.
const MAX_LIST_BYTES: usize = 32 * MIB;
/// The bodies of this program are 7 levels deep, the JSON of smartctl 8. The parser itself stops at 128.
const LIST_DEPTH: usize = 32;
const DOCUMENT_DEPTH: usize = 40;
const STRING: usize = 16 * KIB;

/// Limits of the document of a drive. The largest recorded output of smartctl has 23 kB and 1,578 values.
pub const DOCUMENT: JsonLimits = JsonLimits { bytes: 320 * KIB, values: 20_000, depth: DOCUMENT_DEPTH, string: STRING };

/// The limits of the lists of one host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ValueLimits {
    /// Limits of the overview, the enclosures and the pools.
    pub list: JsonLimits,
    /// Limits of the list of missing drives, which contains their documents.
    pub missing_list: JsonLimits,
    /// Maximum bytes of all documents in memory, which limits those that are restored from Redis.
    pub(crate) documents_bytes: usize,
}

impl ValueLimits {
    /// Limits for a host with that number of present drives and bays.
    pub fn of(drives: usize, bays: usize) -> Self {
        let places = drives.max(bays);
        let list = JsonLimits {
            bytes: linear(MIB, 4 * KIB, places).min(MAX_LIST_BYTES),
            values: linear(32 * KIB, 256, places),
            depth: LIST_DEPTH,
            string: STRING,
        };
        let missing_list = JsonLimits {
            bytes: linear(4 * MIB, 16 * KIB, places).min(MAX_LIST_BYTES),
            values: linear(256 * KIB, KIB, places),
            // The body and its list around each document.
            depth: DOCUMENT_DEPTH + 2,
            string: STRING,
        };
        Self { list, missing_list, documents_bytes: linear(8 * MIB, 64 * KIB, drives) }
    }
}

fn linear(base: usize, each: usize, count: usize) -> usize {
    base.saturating_add(each.saturating_mul(count))
}

impl Default for ValueLimits {
    /// The limits for a host without drives and bays.
    fn default() -> Self {
        Self::of(0, 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_grow_with_the_host_up_to_a_maximum() {
        let (none, rack, huge) = (ValueLimits::default(), ValueLimits::of(79, 84), ValueLimits::of(0, usize::MAX));
        assert_eq!(none.list.bytes, MIB);
        assert_eq!((rack.list.bytes, rack.list.values), (MIB + 84 * 4 * KIB, 32 * KIB + 84 * 256));
        assert_eq!(rack.documents_bytes, 8 * MIB + 79 * 64 * KIB);
        for limits in [none.list, none.missing_list, rack.list, rack.missing_list, huge.list, huge.missing_list] {
            assert!(limits.bytes <= MAX_LIST_BYTES);
        }
        assert_eq!(huge.list.bytes, MAX_LIST_BYTES);
    }
}
