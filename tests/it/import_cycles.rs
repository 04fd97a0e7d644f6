//! The import law below the top-level modules: which file imports which, and no cycle of more than two files.
//!
//! A file imports what its `use` lines and its other paths name: from `crate::`, `super::`, `self::` or a module below.
//! A module and one below it may import each other; three files or more that do so in a circle are one module that is
//! cut in the wrong places.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// A module, as its path below the crate: `["http", "server", "connection"]`.
type Module = Vec<String>;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// Every module of the library, with the code of its file, without comments and tests.
fn modules() -> BTreeMap<Module, String> {
    let mut found = BTreeMap::new();
    let mut folders = vec![root()];
    while let Some(folder) = folders.pop() {
        for entry in
            std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())).flatten()
        {
            let path = entry.path();
            if path.is_dir() {
                if path != root().join("bin") {
                    folders.push(path);
                }
                continue;
            }
            if path.extension().is_none_or(|extension| extension != "rs") {
                continue;
            }
            let below = path.strip_prefix(root()).expect("below src").with_extension("");
            let mut module: Module = below.iter().map(|part| part.to_string_lossy().into_owned()).collect();
            if module.last().is_some_and(|name| name == "mod") {
                module.pop();
            }
            let is_root = module.len() == 1 && (module[0] == "lib" || module[0] == "main");
            if !is_root && !module.iter().any(|name| name == "tests" || name == "interleavings") {
                let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
                found.insert(module, code_of(&text));
            }
        }
    }
    found
}

fn code_of(text: &str) -> String {
    let end = text.find("#[cfg(test)]\nmod tests {").unwrap_or(text.len());
    let lines = text[..end].lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.map(|line| line.split(" // ").next().unwrap_or(line)).collect::<Vec<_>>().join("\n")
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The paths of a `use` line: `a::{b, c::d}` is `a::b` and `a::c::d`.
fn flatten(tree: &str, before: &[&str], paths: &mut Vec<Module>) {
    let mut depth = 0;
    let mut start = 0;
    let mut parts = Vec::new();
    for (at, c) in tree.char_indices() {
        match c {
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
    for part in parts.into_iter().map(str::trim).filter(|part| !part.is_empty()) {
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

/// All paths that a file names.
fn paths_in(code: &str) -> Vec<Module> {
    let mut paths = Vec::new();
    let mut rest = code;
    while let Some(at) = rest.find("use ") {
        let starts =
            rest[..at].trim_end_matches(' ').chars().next_back().is_none_or(|letter| matches!(letter, '\n' | ')'));
        let is_public = rest[..at].ends_with("pub ");
        let end = rest[at..].find(';').map_or(rest.len(), |length| at + length);
        if starts || is_public {
            flatten(&rest[at + 4..end], &[], &mut paths);
        }
        rest = &rest[(at + 4).min(rest.len())..];
    }
    for (separator, _) in code.match_indices("::") {
        let start = code[..separator].trim_end_matches(is_word).len();
        if start == separator || code[..start].ends_with(':') {
            continue;
        }
        let end = code[start..]
            .find(|letter: char| !is_word(letter) && letter != ':')
            .map_or(code.len(), |length| start + length);
        let names = code[start..end].split("::").filter(|name| !name.is_empty());
        paths.push(names.map(str::to_owned).collect());
    }
    paths
}

/// The module that a path in `from` leads to, if it is one of ours.
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
    let imports = |(module, code): (&Module, &String)| {
        let targets = paths_in(code).iter().filter_map(|path| resolve(module, path, &modules)).collect();
        (module.clone(), targets)
    };
    modules.iter().map(imports).collect()
}

/// A way along imports from one module to another that takes more than one step; `None`: there is none.
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

/// A cycle of three files or more: an import, and a way back from its target that is no direct import.
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

#[test]
fn no_cycle_has_more_than_two_files() {
    let graph = graph();
    let imports: usize = graph.values().map(BTreeSet::len).sum();
    assert!(graph.len() > 150 && imports > 500, "{} files, {imports} imports", graph.len());
    let cycle = long_cycle(&graph).map(|way| way.iter().map(|module| module.join("::")).collect::<Vec<_>>());
    assert_eq!(cycle, None, "each imports the next, and the last the first");
}

#[test]
fn cycles_are_found_by_their_length() {
    assert_eq!(long_cycle(&example(&[("a", "b"), ("b", "c"), ("a", "c")])), None);
    assert_eq!(long_cycle(&example(&[("a", "b"), ("b", "a"), ("a", "c"), ("c", "a")])), None, "pairs");
    assert!(long_cycle(&example(&[("a", "b"), ("b", "c"), ("c", "a")])).is_some());
    assert!(long_cycle(&example(&[("a", "b"), ("b", "a"), ("b", "c"), ("c", "a"), ("a", "c")])).is_some());
    let mut paths = Vec::new();
    flatten("super::{a, b::{C, d::E}, f as g}", &[], &mut paths);
    let joined = |paths: &[Module]| paths.iter().map(|path| path.join("::")).collect::<Vec<_>>();
    assert_eq!(joined(&paths), ["super::a", "super::b::C", "super::b::d::E", "super::f"]);
    let named = paths_in("use a::B;\nfn f(x: &super::C) { child::parse(crate::d::E) }");
    assert_eq!(joined(&named), ["a::B", "a::B", "super::C", "child::parse", "crate::d::E"]);
}
