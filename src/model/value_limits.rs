//! How large a stored value may be before it is parsed. What is larger is none that this program wrote for this host.
//!
//! A list grows with what the host has. Its limits leave five times of what a drive takes in it (815 bytes and 42
//! values of an overview, 17 kB and 1,050 values of a document), and a base that holds the last overview of a host
//! whose shelves are all gone: of some 700 drives.

use super::json_size::JsonLimits;

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

/// No list is larger, whatever the host has.
const LARGEST_LIST: usize = 32 * MIB;
/// Every level of a form of ours, and of smartctl's, with room to spare. The parser itself gives up at 128.
const LIST_DEPTH: usize = 32;
const DOCUMENT_DEPTH: usize = 40;
const STRING: usize = 16 * KIB;

/// Of a drive's document. No drive on record comes near: the largest output of smartctl that is known has 23 kB.
pub const DOCUMENT: JsonLimits = JsonLimits { bytes: 320 * KIB, values: 20_000, depth: DOCUMENT_DEPTH, string: STRING };

/// The limits of the lists of one host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ValueLimits {
    /// Of the overview, the enclosures and the pools.
    pub list: JsonLimits,
    /// Of the list of drives that are gone, which holds their documents.
    pub gone: JsonLimits,
    /// What all documents in memory may have together, for one of Redis to be taken over into it.
    pub documents_bytes: usize,
}

impl ValueLimits {
    /// Of a host with so many drives present, and so many bays.
    pub fn of(drives: usize, bays: usize) -> Self {
        let places = drives.max(bays);
        let with = |base: usize, each: usize| base.saturating_add(each.saturating_mul(places));
        let list = JsonLimits {
            bytes: with(MIB, 4 * KIB).min(LARGEST_LIST),
            values: with(32 * KIB, 256),
            depth: LIST_DEPTH,
            string: STRING,
        };
        let gone = JsonLimits {
            bytes: with(4 * MIB, 16 * KIB).min(LARGEST_LIST),
            values: with(256 * KIB, KIB),
            // The list, and the field that holds it, around each document.
            depth: DOCUMENT_DEPTH + 2,
            string: STRING,
        };
        let documents_bytes = (8 * MIB).saturating_add((64 * KIB).saturating_mul(drives));
        Self { list, gone, documents_bytes }
    }
}

impl Default for ValueLimits {
    /// Of a host that has nothing, as far as is known.
    fn default() -> Self {
        Self::of(0, 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_grow_with_the_host_and_end_somewhere() {
        let (none, rack, huge) = (ValueLimits::default(), ValueLimits::of(79, 84), ValueLimits::of(0, usize::MAX));
        assert_eq!(none.list.bytes, MIB);
        assert_eq!((rack.list.bytes, rack.list.values), (MIB + 84 * 4 * KIB, 32 * KIB + 84 * 256));
        assert_eq!(rack.documents_bytes, 8 * MIB + 79 * 64 * KIB);
        for limits in [none.list, none.gone, rack.list, rack.gone, huge.list, huge.gone] {
            assert!(limits.bytes <= LARGEST_LIST);
        }
        assert_eq!(huge.list.bytes, LARGEST_LIST);
    }
}
