//! Limits of stored values, checked before they are parsed. A larger value was not written by this program for this
//! host.
//!
//! The limits of a list grow with the host: they allow four times what a drive takes (950 bytes and 54 values in an
//! overview), and a base for the last overview of a host that has lost all its enclosures, some 600 drives. A
//! document of a real drive has some 17 kB and 1,050 values.

use super::json_limits::JsonLimits;

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

/// The limit of a list on the largest host.
const MAX_LIST_BYTES: usize = 32 * MIB;
/// Our own bodies are 7 levels deep, smartctl's JSON 8. The parser itself stops at 128.
const LIST_DEPTH: usize = 32;
const DOCUMENT_DEPTH: usize = 40;
const STRING: usize = 16 * KIB;

/// Of a drive's document. The largest recorded output of smartctl has 23 kB and 1,578 values.
pub const DOCUMENT: JsonLimits = JsonLimits { bytes: 320 * KIB, values: 20_000, depth: DOCUMENT_DEPTH, string: STRING };

/// The limits of the lists of one host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ValueLimits {
    /// Of the overview, the enclosures and the pools.
    pub list: JsonLimits,
    /// Of the list of missing drives, which holds their documents.
    pub missing_list: JsonLimits,
    /// Budget of all documents in memory, which limits those that are restored from Redis.
    pub(crate) documents_bytes: usize,
}

impl ValueLimits {
    /// Limits for a host with that number of present drives and bays.
    pub fn of(drives: usize, bays: usize) -> Self {
        let places = drives.max(bays);
        let with = |base: usize, each: usize| base.saturating_add(each.saturating_mul(places));
        let list = JsonLimits {
            bytes: with(MIB, 4 * KIB).min(MAX_LIST_BYTES),
            values: with(32 * KIB, 256),
            depth: LIST_DEPTH,
            string: STRING,
        };
        let missing_list = JsonLimits {
            bytes: with(4 * MIB, 16 * KIB).min(MAX_LIST_BYTES),
            values: with(256 * KIB, KIB),
            // The body and its list around each document.
            depth: DOCUMENT_DEPTH + 2,
            string: STRING,
        };
        let documents_bytes = (8 * MIB).saturating_add((64 * KIB).saturating_mul(drives));
        Self { list, missing_list, documents_bytes }
    }
}

impl Default for ValueLimits {
    /// Of a host without drives and bays.
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
