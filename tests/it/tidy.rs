//! Rules on the source text, from `src/lib.rs` and the contribution guide: imports between modules, functions that only
//! some modules may use, length of files, routes in documents, a reason for each dependency.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// A longer file is split.
const LINES: usize = 450;

/// A source file: its path below the repository, its text, and its code without comments.
struct Source {
    path: String,
    text: String,
    code: String,
}

impl Source {
    /// The top-level module: `domain`, `http`, `main`.
    fn top_module(&self) -> &str {
        let below = self.path.strip_prefix("src/").unwrap_or(&self.path);
        below.split('/').next().unwrap_or(below).trim_end_matches(".rs")
    }

    /// Depth of the module: 1 for `src/stop.rs` and `src/http/mod.rs`, 2 for `src/http/route.rs`.
    fn depth(&self) -> usize {
        self.path.trim_end_matches("/mod.rs").split('/').count() - 1
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())).flatten() {
        let path = entry.path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension() == Some(OsStr::new("rs")) {
            found.push(path);
        }
    }
}

/// The simulator, a separate program that imitates the tools.
const SIMULATOR: &str = "src/bin/jbod-sim";

/// The source files in a folder; for `src`, those of the daemon without the simulator.
fn sources(folder: &str) -> Vec<Source> {
    let mut found = Vec::new();
    files(&root().join(folder), &mut found);
    found.retain(|path| folder == SIMULATOR || !path.starts_with(root().join(SIMULATOR)));
    found.sort();
    assert!(!found.is_empty(), "{folder} contains no source");
    found.iter().map(|path| source(path)).collect()
}

fn source(path: &Path) -> Source {
    let path = path.strip_prefix(root()).expect("below the root").to_string_lossy().into_owned();
    let text = read(&path);
    let code = text.lines().map(without_comment).collect::<Vec<_>>().join("\n");
    Source { path, text, code }
}

/// The line without its comment.
fn without_comment(line: &str) -> &str {
    if line.trim_start().starts_with("//") {
        return "";
    }
    match line.split_once(" // ") {
        Some((code, _)) => code,
        None => line,
    }
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// The code from each occurrence of `word` that is not the end of a longer name or path.
fn uses<'a>(code: &'a str, word: &str) -> Vec<&'a str> {
    let mut uses = Vec::new();
    for (at, _) in code.match_indices(word) {
        let (before, rest) = code.split_at(at);
        if !before.ends_with(|character| is_word(character) || character == ':') {
            uses.push(rest);
        }
    }
    uses
}

/// The text between the first occurrence of `begin` and the next one of `end`.
#[track_caller]
fn between<'a>(text: &'a str, begin: &str, end: &str) -> &'a str {
    let (_, rest) = text.split_once(begin).unwrap_or_else(|| panic!("{begin} does not occur"));
    let (between, _) = rest.split_once(end).unwrap_or_else(|| panic!("{end} does not occur after {begin}"));
    between
}

/// Fails with the list of violations of a rule.
#[track_caller]
fn assert_none(broken: &[String], rule: &str) {
    assert!(broken.is_empty(), "{rule}:\n{}", broken.join("\n"));
}

/// The levels of the import rules, from the table in `src/lib.rs`.
fn levels() -> BTreeMap<String, usize> {
    let text = read("src/lib.rs");
    let mut levels = BTreeMap::new();
    let mut level = None;
    for word in between(&text, "```text", "```").split_whitespace().filter(|word| *word != "//!") {
        if let Ok(number) = word.parse::<usize>() {
            level = Some(number);
        } else {
            levels.insert(word.trim_end_matches(',').to_owned(), level.expect("a level before its modules"));
        }
    }
    levels
}

/// The top-level modules that a file names: with `crate::`, with the name of the crate, or with `super::` up to its root.
fn top_modules_named(source: &Source, levels: &BTreeMap<String, usize>) -> Vec<String> {
    let to_root = "super::".repeat(source.depth());
    let mut named = Vec::new();
    for prefix in ["crate::", "jbod_monitor::", &to_root] {
        for rest in uses(&source.code, prefix) {
            let rest = rest[prefix.len()..].trim_start_matches("super::");
            let names: Vec<&str> = match rest.strip_prefix('{') {
                Some(list) => list.split('}').next().unwrap_or("").split(',').map(str::trim).collect(),
                None => vec![rest],
            };
            for name in names {
                let first = name.split(|character| !is_word(character)).next().unwrap_or("");
                if levels.contains_key(first) {
                    named.push(first.to_owned());
                }
            }
        }
    }
    named
}

#[test]
fn modules_import_only_lower_levels() {
    let levels = levels();
    assert!(levels.len() > 10 && levels["domain"] == 0, "{levels:?}");
    let (mut broken, mut seen) = (Vec::new(), 0);
    for source in sources("src").iter().filter(|source| source.path != "src/lib.rs") {
        let module = source.top_module();
        let Some(level) = levels.get(module) else {
            broken.push(format!("{}: module {module} is not in the table of src/lib.rs", source.path));
            continue;
        };
        for other in top_modules_named(source, &levels) {
            seen += 1;
            if other != module && levels[&other] >= *level {
                broken.push(format!(
                    "{}: {module} (level {level}) imports {other} (level {})",
                    source.path, levels[&other]
                ));
            }
        }
    }
    assert!(seen > 80, "only {seen} imports are found");
    assert_none(&broken, "a module imports only lower levels");
}

#[test]
fn restricted_functions_are_used_in_one_module() {
    let restricted: [(&str, &[&str]); 9] = [
        ("redis::", &["src/cache/"]),
        ("r2d2::", &["src/cache/redis/r2d2_pool.rs"]),
        ("tiny_http::", &["src/http/server/tiny_http_pool.rs"]),
        ("Command::new", &["src/probe/exec.rs"]),
        ("std::process::Command", &["src/probe/exec.rs"]),
        ("env::var", &["src/config/"]),
        ("std::env::var", &["src/config/"]),
        ("sd_notify::", &["src/supervise/", "src/daemon.rs"]),
        ("rayon::", &["src/collector/rayon_pool.rs"]),
    ];
    let mut broken = Vec::new();
    for source in sources("src") {
        for (name, places) in restricted {
            let is_allowed = places.iter().any(|place| source.path.starts_with(place));
            if !is_allowed && !uses(&source.code, name).is_empty() {
                broken.push(format!("{}: {name} belongs to {}", source.path, places.join(", ")));
            }
        }
    }
    assert_none(&broken, "each of these is used in one module");
}

/// `src/config/file.rs` rejects FIFOs, which could block, and limits the size.
#[test]
fn config_opens_files_in_one_place() {
    let mut broken = Vec::new();
    for source in sources("src/config").iter().filter(|source| source.path != "src/config/file.rs") {
        for function in ["File::open", "OpenOptions", "fs::read", "fs::open"] {
            if source.code.contains(function) {
                broken.push(format!("{}: {function} belongs to src/config/file.rs", source.path));
            }
        }
    }
    assert_none(&broken, "config opens files in one place");
}

/// Names are resolved and certificates are read by the modules that use them, not by `config`.
#[test]
fn config_uses_no_network() {
    const NETWORK: [&str; 10] = [
        "TcpStream",
        "TcpListener",
        "UdpSocket",
        "ToSocketAddrs",
        "to_socket_addrs",
        "unix::net",
        "rustix::net",
        "socket2",
        "uname",
        "rustls",
    ];
    let mut broken = Vec::new();
    for source in sources("src/config") {
        for name in NETWORK {
            if source.code.contains(name) {
                broken.push(format!("{}: {name}", source.path));
            }
        }
    }
    assert_none(&broken, "config reads the files that settings name, and nothing else");
}

#[test]
fn domain_and_api_are_pure() {
    let mut broken = Vec::new();
    for source in sources("src/domain").into_iter().chain(sources("src/api")) {
        for impure in ["fs::", "net::", "Instant", "SystemTime", "log::", "std::thread", "std::process", "std::env"] {
            let mut places = source.code.match_indices(impure);
            let is_used = places.any(|(at, _)| !source.code[..at].ends_with(is_word));
            if is_used || source.code.contains("::now()") {
                broken.push(format!("{}: {impure}", source.path));
            }
        }
    }
    assert_none(&broken, "no I/O, no clock and no log in src/domain and src/api");
}

#[test]
fn the_source_has_no_option_that_writes_to_a_drive() {
    let mut broken = Vec::new();
    for source in sources("src") {
        for option in [
            "-s",
            "-t",
            "-X",
            "-o",
            "-S",
            "--set",
            "--smart",
            "--test",
            "--abort",
            "--offlineauto",
            "--saveauto",
            "--captive",
        ] {
            // As a separate argument, or followed by its value.
            for form in
                [format!("\"{option}\""), format!("\"{option},"), format!("\"{option}="), format!("\"{option} ")]
            {
                if source.code.contains(&form) {
                    broken.push(format!("{}: {form}", source.path));
                }
            }
        }
    }
    assert_none(&broken, "no option of smartctl that writes");
}

#[test]
fn every_file_is_short_and_has_a_description() {
    let mut broken = Vec::new();
    for source in sources("src").into_iter().chain(sources(SIMULATOR)) {
        let lines = source.text.lines().count();
        if lines > LINES {
            broken.push(format!("{}: {lines} lines, at most {LINES}", source.path));
        }
        if !source.text.starts_with("//! ") {
            broken.push(format!("{}: does not begin with //!", source.path));
        }
    }
    assert_none(&broken, "files are short and begin with a description");
}

#[test]
fn source_has_no_unfinished_parts() {
    let mut broken = Vec::new();
    for source in sources("src").into_iter().chain(sources(SIMULATOR)) {
        for (number, line) in source.text.lines().enumerate() {
            for word in ["todo!", "unimplemented!", "dbg!", "FIXME", "TODO", "XXX"] {
                if line.contains(word) {
                    broken.push(format!("{}:{}: {word}", source.path, number + 1));
                }
            }
        }
    }
    assert_none(&broken, "unfinished work belongs into issues");
}

/// The daemon and the simulator communicate only through files and processes.
#[test]
fn daemon_and_simulator_are_independent() {
    let mut broken = Vec::new();
    for source in sources(SIMULATOR) {
        if source.code.contains("jbod_monitor") {
            broken.push(source.path);
        }
    }
    for source in sources("src") {
        if source.code.contains("jbod-sim") || source.code.contains("jbod_sim") {
            broken.push(source.path);
        }
    }
    assert_none(&broken, "daemon and simulator are independent");
}

/// Tests in a file that is not a module of a test program would not run.
#[test]
fn every_test_is_run() {
    let mut broken = Vec::new();
    for folder in ["tests/it", "tests/alone"] {
        let main = read(&format!("{folder}/main.rs"));
        for entry in std::fs::read_dir(root().join(folder)).expect("a folder of tests").flatten() {
            let path = entry.path();
            let name = path.file_stem().expect("a name").to_string_lossy();
            let is_module = path.extension() == Some(OsStr::new("rs")) || path.join("mod.rs").is_file();
            if is_module && name != "main" && !main.contains(&format!("mod {name};\n")) {
                broken.push(path.display().to_string());
            }
        }
    }
    for entry in std::fs::read_dir(root().join("tests")).expect("tests").flatten() {
        if entry.path().extension() == Some(OsStr::new("rs")) {
            broken.push(entry.path().display().to_string());
        }
    }
    assert_none(&broken, "every file of tests is a module of tests/it or tests/alone");
}

/// Violations in the dependency tables of a manifest: no reason, wrong order, a line that is too long.
fn unreasoned(path: &str, text: &str) -> Vec<String> {
    let (mut broken, mut seen) = (Vec::new(), 0);
    let (mut table, mut above, mut before) = ("", "", "");
    for line in text.lines() {
        if let Some(header) = line.strip_prefix('[') {
            table = header.trim_end_matches(']');
            before = "";
            // The order of separate tables is not checked.
            if table.contains("dependencies.") {
                broken.push(format!("{path}: [{table}] must be one line of its table"));
            }
        }
        let name = line.split([' ', '=', '.']).next().unwrap_or("");
        let starts = line.starts_with(|character: char| character.is_ascii_alphanumeric() || character == '"');
        if table.ends_with("dependencies") && starts {
            seen += 1;
            let reason = above.strip_prefix('#').unwrap_or_default();
            if reason.trim().len() < 5 {
                broken.push(format!("{path}: {name} has no comment with its purpose above it"));
            }
            if name < before {
                broken.push(format!("{path}: {name} must be before {before}"));
            }
            before = name;
        }
        if table.ends_with("dependencies") && line.chars().count() > 120 {
            broken.push(format!("{path}: more than 120 characters: {line}"));
        }
        above = line;
    }
    if seen == 0 {
        broken.push(format!("{path}: no dependencies are found"));
    }
    broken
}

#[test]
fn every_dependency_has_a_reason() {
    let good = "[dependencies]\n# Why it is.\na = \"1\"\n# The other.\nb = \"1\"\n";
    assert_none(&unreasoned("good", good), "a correct manifest");
    for bad in [
        "[dependencies]\na = \"1\"\n",
        "[dependencies]\n# Why it is.\na = \"1\"\nb = \"1\"\n",
        "[dependencies]\n#\na = \"1\"\n",
        "[dependencies]\n# The other.\nb = \"1\"\n# Why it is.\na = \"1\"\n",
        "[dependencies]\n# Why it is.\na = \"1\"\n[dependencies.b]\nversion = \"1\"\n",
        "[target.'cfg(unix)'.dependencies]\na = \"1\"\n",
        "[package]\nname = \"a\"\n",
    ] {
        assert!(!unreasoned("bad", bad).is_empty(), "no violation is found in {bad}");
    }
    let mut broken = Vec::new();
    for path in ["Cargo.toml", "tests/fuzz/Cargo.toml"] {
        broken.extend(unreasoned(path, &read(path)));
    }
    assert_none(&broken, "every dependency has a line with its purpose above it, in alphabetical order");
}

/// The fuzz targets are a separate package with a lock file that other commands do not check: `make fuzz`, `make audit`
/// and `make release` would fail with an outdated one.
#[test]
fn the_lock_file_of_the_fuzz_targets_has_every_dependency() {
    let manifest = read("Cargo.toml");
    let mut wanted = Vec::new();
    for line in between(&manifest, "[dependencies]\n", "\n[").lines() {
        let name = line.split([' ', '=']).next().unwrap_or_default();
        // Optional dependencies are used by tests only.
        if name.starts_with(|character: char| character.is_ascii_alphanumeric()) && !line.contains("optional = true") {
            wanted.push(name);
        }
    }
    let lock = read("tests/fuzz/Cargo.lock");
    let own = lock
        .split("[[package]]\n")
        .find(|entry| entry.starts_with("name = \"jbod-monitor\"\n"))
        .expect("the entry of jbod-monitor");
    assert!(own.contains(&format!("\nversion = \"{}\"\n", env!("CARGO_PKG_VERSION"))), "its version: {own}");
    let list = between(own, "dependencies = [\n", "]");
    // A name is followed by a version if there are two.
    let names = list.split('"').skip(1).step_by(2);
    let mut found: Vec<&str> = names.map(|name| name.split(' ').next().unwrap_or_default()).collect();
    wanted.sort_unstable();
    found.sort_unstable();
    assert_eq!(found, wanted, "cargo update --workspace --manifest-path tests/fuzz/Cargo.toml updates it");
}

/// The routes of the API: `/api/drives/{id}` out of `["api", "drives", id] if … => …`. The page's files are not part of it.
fn routes() -> Vec<String> {
    let text = read("src/http/route.rs");
    let code = text.split("#[cfg(test)]").next().unwrap_or(&text);
    let mut routes = Vec::new();
    for line in code.lines().map(str::trim) {
        if line.starts_with("[\"") && line.contains("=>") && !line.contains("Route::Page(") {
            routes.push(path_of(between(line, "[", "]")));
        }
    }
    routes
}

/// `/api/drives/{id}` of `"api", "drives", id`.
fn path_of(pattern: &str) -> String {
    let mut path = String::new();
    for part in pattern.split(',').map(str::trim) {
        path.push('/');
        if part.starts_with('"') {
            path.push_str(part.trim_matches('"'));
        } else {
            path.push_str(&format!("{{{}}}", part.trim_end_matches(" @ ..")));
        }
    }
    path
}

/// Settings have a generated table (docs/configuration.md).
#[test]
fn the_documents_name_every_route() {
    let mut documents = read("README.md");
    for entry in std::fs::read_dir(root().join("docs")).expect("docs").flatten() {
        if entry.path().extension() == Some(OsStr::new("md")) {
            documents.push_str(&std::fs::read_to_string(entry.path()).expect("a page"));
        }
    }
    let routes = routes();
    assert!(routes.len() > 8 && routes.iter().any(|route| route == "/api/drives/{id}"), "{routes:?}");
    let mut missing: Vec<String> = Vec::new();
    for route in routes {
        let mut named = documents.match_indices(&route).map(|(at, _)| &documents[at + route.len()..]);
        // `/api/drives` is not named by `/api/drives/{id}` alone.
        if !named.any(|rest| !rest.starts_with(|character| is_word(character) || character == '/')) {
            missing.push(route);
        }
    }
    assert_none(&missing, "README.md and docs/ name every route");
}

#[test]
fn the_manual_and_openapi_json_name_every_route() {
    let manual = read("packaging/man/jbod-monitor.8");
    let document: serde_json::Value = serde_json::from_str(&read("src/http/openapi.json")).expect("JSON");
    let routes = routes();
    assert!(routes.len() > 8, "{routes:?}");
    let of_document = document["paths"].as_object().expect("paths");
    let mut missing: Vec<String> = Vec::new();
    for route in &routes {
        if !of_document.contains_key(route) {
            missing.push(format!("{route} in openapi.json"));
        }
        if !manual.contains(route.split('{').next().unwrap_or(route)) {
            missing.push(format!("{route} in jbod-monitor(8)"));
        }
    }
    missing.extend(of_document.keys().filter(|path| !routes.contains(path)).map(|path| format!("{path} as a route")));
    assert_none(&missing, "the manual and openapi.json name every route, and no other");
}

#[test]
fn the_required_documents_exist() {
    for document in ["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE-MIT", "LICENSE-APACHE"] {
        assert!(!read(document).trim().is_empty(), "{document}");
    }
}

/// A search for the name of a type finds one definition.
#[test]
fn type_names_are_unique() {
    let mut defined: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for source in sources("src").into_iter().filter(|source| !source.path.ends_with("/tests.rs")) {
        let code = source.code.split("#[cfg(test)]\nmod tests {").next().unwrap_or(&source.code).to_owned();
        for line in code.lines() {
            let line = ["pub ", "pub(crate) ", "pub(super) "]
                .iter()
                .find_map(|start| line.strip_prefix(start))
                .unwrap_or(line);
            let name = ["struct ", "enum ", "trait ", "type "].iter().find_map(|start| line.strip_prefix(start));
            let Some(name) = name else { continue };
            let name: String = name.chars().take_while(|character| is_word(*character)).collect();
            defined.entry(name).or_default().push(source.path.clone());
        }
    }
    assert!(defined.len() > 300, "only {} types are found", defined.len());
    let twice = defined.into_iter().filter(|(_, paths)| paths.len() > 1);
    let twice: Vec<String> = twice.map(|(name, paths)| format!("{name}: {}", paths.join(", "))).collect();
    assert_none(&twice, "each type has a name of its own");
}
