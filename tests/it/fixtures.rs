//! The index of `tests/fixtures` lists each file once, and no other.

use crate::support::fixture;
use std::collections::BTreeSet;

#[test]
fn the_index_of_the_fixtures_is_complete() {
    let mut files = BTreeSet::new();
    for folder in ["hosts", "smartctl", "zpool"] {
        for entry in std::fs::read_dir(fixture(folder)).expect("a folder").flatten() {
            files.insert(format!("{folder}/{}", entry.file_name().to_str().expect("a name")));
        }
    }
    let index = std::fs::read_to_string(fixture("README.md")).expect("the index");
    let mut indexed = BTreeSet::new();
    let mut folder = "";
    for line in index.lines() {
        // `## smartctl (…)` begins the rows of a folder.
        if let Some(heading) = line.strip_prefix("## ") {
            folder = heading.split(' ').next().expect("a folder");
        } else if let Some(row) = line.strip_prefix("| `") {
            let name = row.split('`').next().expect("a file");
            assert!(indexed.insert(format!("{folder}/{name}")), "{folder}/{name} is listed twice");
        }
    }
    assert_eq!(indexed, files);
}
