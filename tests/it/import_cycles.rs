//! The import rules below the top-level modules: no cycle of imports has more than two files.
//!
//! The imports of a file are its `use` lines and its other paths from `crate::`, `super::`, `self::` or a module below.
//! A module and one below it may import each other. A longer cycle shows that a module is divided in the wrong places.

use crate::helpers::{in_repository, read_file};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// A module, as its path below the crate: `["http", "server", "connection"]`.
type Module = Vec<String>;

fn root() -> PathBuf {
    in_repository("src")
}

/// The code of every module of the library, without comments and tests.
fn modules() -> BTreeMap<Module, String> {
    let mut found = BTreeMap::new();
    let mut folders = vec![root()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder of the source").flatten() {
            let path = entry.path();
            if path.is_dir() && path != root().join("bin") {
                folders.push(path);
            } else if let Some(module) = module_of(&path) {
                found.insert(module, code_of(&read_file(&path)));
            }
        }
    }
    found
}

/// The module of a source file. `None` for crate roots, tests and other files.
fn module_of(file: &Path) -> Option<Module> {
    if file.extension()? != "rs" {
        return None;
    }
    let below = file.strip_prefix(root()).expect("below src").with_extension("");
    let mut module: Module = below.iter().map(|part| part.to_string_lossy().into_owned()).collect();
    if module.last()? == "mod" {
        module.pop();
    }
    let is_root = module == ["lib"] || module == ["main"];
    let is_test = module.iter().any(|name| name == "tests" || name == "interleavings");
    (!is_root && !is_test).then_some(module)
}

fn code_of(text: &str) -> String {
    let end = text.find("#[cfg(test)]\nmod tests {").unwrap_or(text.len());
    let lines = text[..end].lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.map(|line| line.split(" // ").next().unwrap_or(line)).collect::<Vec<_>>().join("\n")
}

fn is_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

/// Adds the paths of a `use` tree below `before`: `a::{b, c::d}` has `a::b` and `a::c::d`.
fn flatten(tree: &str, before: &[&str], paths: &mut Vec<Module>) {
    for part in split_at_commas(tree).into_iter().map(str::trim).filter(|part| !part.is_empty()) {
        if let Some((head, list)) = part.split_once('{') {
            let mut deeper = before.to_vec();
            deeper.extend(head.split("::").map(str::trim).filter(|name| !name.is_empty()));
            flatten(list.strip_suffix('}').unwrap_or(list), &deeper, paths);
        } else {
            let path = part.split(" as ").next().unwrap_or(part);
            let names = before.iter().copied().chain(path.split("::").map(str::trim));
            paths.push(names.map(str::to_owned).collect());
        }
    }
}

/// The text between commas that are outside braces.
fn split_at_commas(tree: &str) -> Vec<&str> {
    let mut depth = 0;
    let mut start = 0;
    let mut parts = Vec::new();
    for (at, letter) in tree.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&tree[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&tree[start..]);
    parts
}

/// All paths in the code of a file.
fn paths_in(code: &str) -> Vec<Module> {
    let mut paths = Vec::new();
    for (at, _) in code.match_indices("use ") {
        let before = &code[..at];
        let starts_line = matches!(before.trim_end_matches(' ').chars().next_back(), None | Some('\n' | ')'));
        if starts_line || before.ends_with("pub ") {
            let tree = code[at + 4..].split(';').next().unwrap_or_default();
            flatten(tree, &[], &mut paths);
        }
    }
    for (separator, _) in code.match_indices("::") {
        let start = code[..separator].trim_end_matches(is_word).len();
        if start == separator || code[..start].ends_with(':') {
            continue;
        }
        let path = code[start..].split(|letter| !is_word(letter) && letter != ':').next().unwrap_or_default();
        let names = path.split("::").filter(|name| !name.is_empty());
        paths.push(names.map(str::to_owned).collect());
    }
    paths
}

/// The module of this crate that a path in `from` leads to; `None` for `from` itself and for other crates.
fn resolve(from: &Module, path: &Module, modules: &BTreeMap<Module, String>) -> Option<Module> {
    let mut base = from.clone();
    let mut names = path.as_slice();
    match names.first()?.as_str() {
        "crate" => {
            base.clear();
            names = &names[1..];
        }
        "self" => names = &names[1..],
        "super" => {
            while names.first().is_some_and(|name| name == "super") {
                base.pop();
                names = &names[1..];
            }
        }
        child => {
            base.push(child.to_owned());
            let is_child = modules.contains_key(&base);
            base.pop();
            if !is_child {
                return None;
            }
        }
    }
    base.extend(names.iter().cloned());
    while !base.is_empty() && !modules.contains_key(&base) {
        base.pop();
    }
    if base.is_empty() || base == *from { None } else { Some(base) }
}

type Graph = BTreeMap<Module, BTreeSet<Module>>;

fn graph() -> Graph {
    let modules = modules();
    let mut graph = Graph::new();
    for (module, code) in &modules {
        let targets = paths_in(code).iter().filter_map(|path| resolve(module, path, &modules)).collect();
        graph.insert(module.clone(), targets);
    }
    graph
}

/// A way along imports from one module to another that is not the direct import.
fn detour(graph: &Graph, from: &Module, to: &Module) -> Option<Vec<Module>> {
    let mut ways: Vec<Vec<Module>> = vec![vec![from.clone()]];
    let mut seen = BTreeSet::from([from.clone()]);
    while let Some(way) = ways.pop() {
        let last = way.last().expect("a way has a start");
        for next in &graph[last] {
            let is_direct = last == from && next == to;
            if is_direct || !seen.insert(next.clone()) {
                continue;
            }
            let mut longer = way.clone();
            longer.push(next.clone());
            if next == to {
                return Some(longer);
            }
            ways.push(longer);
        }
    }
    None
}

/// A cycle of three files or more: an import, and a way back from its target that is not a direct import.
fn long_cycle(graph: &Graph) -> Option<Vec<Module>> {
    for (module, targets) in graph {
        for target in targets {
            if let Some(way) = detour(graph, target, module) {
                return Some(way);
            }
        }
    }
    None
}

fn example(edges: &[(&str, &str)]) -> Graph {
    let mut graph = Graph::new();
    for (from, to) in edges {
        graph.entry(vec![(*to).to_owned()]).or_default();
        graph.entry(vec![(*from).to_owned()]).or_default().insert(vec![(*to).to_owned()]);
    }
    graph
}

fn joined(paths: &[Module]) -> Vec<String> {
    paths.iter().map(|path| path.join("::")).collect()
}

#[test]
fn no_cycle_has_more_than_two_files() {
    let graph = graph();
    let imports: usize = graph.values().map(BTreeSet::len).sum();
    assert!(graph.len() > 150 && imports > 500, "{} files, {imports} imports", graph.len());
    let cycle = long_cycle(&graph).map(|cycle| joined(&cycle));
    assert_eq!(cycle, None, "each imports the next, and the last the first");
}

#[test]
fn cycles_of_three_modules_are_found() {
    assert_eq!(long_cycle(&example(&[("a", "b"), ("b", "c"), ("a", "c")])), None);
    assert_eq!(long_cycle(&example(&[("a", "b"), ("b", "a"), ("a", "c"), ("c", "a")])), None, "pairs");
    assert!(long_cycle(&example(&[("a", "b"), ("b", "c"), ("c", "a")])).is_some());
    assert!(long_cycle(&example(&[("a", "b"), ("b", "a"), ("b", "c"), ("c", "a"), ("a", "c")])).is_some());
    let mut paths = Vec::new();
    flatten("super::{a, b::{C, d::E}, f as g}", &[], &mut paths);
    assert_eq!(joined(&paths), ["super::a", "super::b::C", "super::b::d::E", "super::f"]);
    let named = paths_in("use a::B;\nfn f(x: &super::C) { child::parse(crate::d::E) }");
    assert_eq!(joined(&named), ["a::B", "a::B", "super::C", "child::parse", "crate::d::E"]);
}
