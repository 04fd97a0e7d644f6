//! The script of the page: the ES modules in `page/`, joined into one.
//!
//! A browser opens at most six HTTP/1.1 connections to a host. As 32 files the script took six round trips, although
//! `modulepreload` links made the browser request all of them at once; as one file it takes one. With 150 ms for each
//! request, Chromium drew the page after 1.6 s before, and after 0.85 s since. All modules are then of one version, too,
//! when the daemon is upgraded while the page loads.
//!
//! The tests check what joining requires: no name is declared twice, and no import is renamed.

macro_rules! modules {
    ($($path:literal)+) => {
        &[$(($path, include_str!(concat!("page/", $path)))),+]
    };
}

/// Path and text of each module. A module is evaluated after those that it imports.
pub(super) const MODULES: &[(&str, &str)] = modules!(
    "js/decode.js"
    "js/vocabulary.js"
    "js/format.js"
    "js/state.js"
    "js/dom.js"
    "js/layout.js"
    "js/json_text.js"
    "js/keyboard.js"
    "js/client.js"
    "js/clock.js"
    "js/api.js"
    "js/address.js"
    "js/sign_in.js"
    "js/clipboard.js"
    "js/describe.js"
    "js/places.js"
    "js/problems.js"
    "js/pools.js"
    "js/summary.js"
    "js/freshness.js"
    "js/colours.js"
    "js/tiles.js"
    "js/shelves.js"
    "js/filter.js"
    "js/drive_parts.js"
    "js/drive_facts.js"
    "js/drive_logs.js"
    "js/drive_sections.js"
    "js/drive_dialog.js"
    "js/print_sheet.js"
    "js/refresh.js"
    "page.js"
);

/// The modules without `import` and `export`.
pub(super) fn joined() -> String {
    let mut script = String::new();
    for (_, text) in MODULES {
        let mut is_import = false;
        for line in text.lines() {
            is_import |= line.starts_with("import ");
            if !is_import {
                script.push_str(line.strip_prefix("export ").unwrap_or(line));
                script.push('\n');
            } else if line.ends_with(';') {
                is_import = false;
            }
        }
    }
    script
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{BTreeMap, BTreeSet};
    use std::path::Path;

    /// The path of each imported module, with the names that are imported.
    fn imports(path: &str, text: &'static str) -> Vec<(String, BTreeSet<&'static str>)> {
        let folder = if path.starts_with("js/") { "js/" } else { "" };
        let mut imports = Vec::new();
        for statement in text.split("\nimport ").skip(1) {
            let (names, rest) = statement.split_once(" from './").expect("an import of names from a relative path");
            let (module, _) = rest.split_once("';").expect("the end of the statement");
            let names = names.trim_matches(['{', '}']).split(',').map(str::trim).filter(|name| !name.is_empty());
            imports.push((format!("{folder}{module}"), names.collect()));
        }
        imports
    }

    /// The name that a line without indentation declares, and whether it is exported.
    fn declaration(line: &str) -> Option<(&str, bool)> {
        let (line, is_exported) = match line.strip_prefix("export ") {
            Some(exported) => (exported, true),
            None => (line, false),
        };
        let line = line.strip_prefix("async ").unwrap_or(line);
        let keywords = ["const ", "let ", "class ", "function* ", "function "];
        let rest = keywords.iter().find_map(|keyword| line.strip_prefix(keyword))?;
        let is_end = |character: char| !character.is_ascii_alphanumeric() && character != '_';
        let name = rest.split(is_end).next().unwrap_or_default();
        assert!(!name.is_empty(), "a top-level declaration of one name: {line}");
        Some((name, is_exported))
    }

    #[test]
    fn every_file_is_joined_once() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/http/page/js");
        let mut found = BTreeSet::from(["page.js".to_owned()]);
        for entry in std::fs::read_dir(folder).unwrap() {
            found.insert(format!("js/{}", entry.unwrap().file_name().into_string().unwrap()));
        }
        let listed: BTreeSet<String> = MODULES.iter().map(|(path, _)| (*path).to_owned()).collect();
        assert_eq!((&listed, MODULES.len()), (&found, listed.len()));
        let script = joined();
        assert!(!script.contains("\nimport ") && !script.contains("\nexport "));
    }

    /// All modules share a scope. No name may be declared twice, and an import must not rename one.
    #[test]
    fn imports_are_exported_by_earlier_modules_and_names_are_unique() {
        let mut exported: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
        let mut declared = BTreeSet::new();
        let mut imported = BTreeSet::new();
        for (path, text) in MODULES {
            for (module, names) in imports(path, text) {
                let exports = exported.get(&module).unwrap_or_else(|| panic!("{path} precedes {module}"));
                assert!(names.is_subset(exports), "{path} imports {names:?} from {module}");
                imported.insert(module);
            }
            let exports = exported.entry((*path).to_owned()).or_default();
            for (name, is_exported) in text.lines().filter_map(declaration) {
                assert!(declared.insert(name), "{path} declares {name} again");
                if is_exported {
                    exports.insert(name);
                }
            }
        }
        imported.insert("page.js".to_owned());
        assert!(exported.into_keys().eq(imported), "every module is imported");
    }
}
