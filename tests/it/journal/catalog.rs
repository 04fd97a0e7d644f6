//! The catalog of the journal.

use crate::helpers::{in_repository, read_file};
use crate::support::daemon::run;
use jbod_monitor::events::EventKind;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

fn catalog_file() -> PathBuf {
    in_repository("packaging/journal/jbod-monitor.catalog")
}

/// The entries of the catalog by message id.
fn catalog() -> BTreeMap<String, String> {
    let text = read_file(&catalog_file());
    let mut entries = BTreeMap::new();
    for entry in text.split("\n-- ").skip(1) {
        let (id, rest) = entry.split_once('\n').expect("an id, then its text");
        entries.insert(id.to_owned(), rest.to_owned());
    }
    entries
}

#[test]
fn the_catalog_explains_every_event_and_no_other() {
    let entries = catalog();
    let kinds: Vec<&str> = EventKind::ALL.iter().map(|kind| kind.message_id()).collect();
    for kind in EventKind::ALL {
        let entry = entries.get(kind.message_id()).unwrap_or_else(|| panic!("the catalog has no entry for {kind:?}"));
        let (head, text) = entry.split_once("\n\n").expect("a head, then the text");
        assert!(head.starts_with("Subject: ") && head.contains("Defined-By: jbod-monitor"), "{kind:?}: {head}");
        assert!(text.trim().len() > 10, "{kind:?}: {text}");
        // journalctl replaces names of fields between two @, and prints anything else unchanged.
        for field in entry.split('@').skip(1).step_by(2) {
            assert!(field.starts_with("JBOD_") && field.len() > 5, "{kind:?}: @{field}@");
        }
    }
    assert!(entries.keys().all(|id| kinds.contains(&id.as_str())), "{:#?}", entries.keys());
    assert_eq!(entries.len(), kinds.len());
}

#[test]
#[ignore = "needs journalctl"]
fn systemd_accepts_the_catalog() {
    let entries = catalog();
    let root = tempfile::tempdir().expect("a folder");
    let folder = root.path().join("usr/lib/systemd/catalog");
    std::fs::create_dir_all(&folder).expect("its folder");
    std::fs::create_dir_all(root.path().join("var/lib/systemd/catalog")).expect("the database's folder");
    std::fs::copy(catalog_file(), folder.join("jbod-monitor.catalog")).expect("the catalog is copied");
    let journalctl = |argument: &str| run(Command::new("journalctl").arg("--root").arg(root.path()).arg(argument));
    let update = journalctl("--update-catalog");
    assert!(update.code == Some(0) && update.stderr.is_empty(), "{update:?}");
    let list = journalctl("--list-catalog").stdout;
    for id in entries.keys() {
        assert!(list.contains(&format!("{id} jbod-monitor:")), "{id}: {list}");
    }
}
