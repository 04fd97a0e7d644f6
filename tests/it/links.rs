//! The documentation: each relative link leads to a file of the repository and a heading in it, the index lists every
//! page, and README.md and ARCHITECTURE.md are short.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

/// Largest number of lines of a document.
const MAX_LINES: [(&str, usize); 2] = [("README.md", 200), ("ARCHITECTURE.md", 150)];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The documents at the top of the repository, and all pages of docs/: paths below the root.
fn documents() -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(root()).expect("the root").flatten() {
        let name = PathBuf::from(entry.file_name());
        if is_page(&name) {
            found.push(name);
        }
    }
    pages_below(Path::new("docs"), &mut found);
    found.sort();
    found
}

fn pages_below(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(root().join(folder)).expect("a folder").flatten() {
        let path = folder.join(entry.file_name());
        if entry.path().is_dir() {
            pages_below(&path, found);
        } else if is_page(&path) {
            found.push(path);
        }
    }
}

fn is_page(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "md")
}

/// The text without blocks and spans of code.
fn without_code(text: &str) -> String {
    let mut prose = String::new();
    let mut is_code = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            is_code = !is_code;
        } else if !is_code && !line.starts_with("    ") {
            // Every second part is between backticks.
            for part in line.split('`').step_by(2) {
                prose.push_str(part);
                prose.push(' ');
            }
            prose.push('\n');
        }
    }
    prose
}

/// The targets of `[text](target)` and `![text](target)` that are not URLs.
fn relative_links(text: &str) -> Vec<String> {
    let prose = without_code(text);
    let mut links = Vec::new();
    for rest in prose.split("](").skip(1) {
        let target = rest.split([')', ' ']).next().unwrap_or_default();
        if !target.contains("://") && !target.starts_with("mailto:") {
            links.push(target.to_owned());
        }
    }
    links
}

/// The anchors of the headings, as GitHub makes them: lower case, blanks become hyphens, punctuation is dropped, and a
/// repeated heading gets a number.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let mut is_code = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            is_code = !is_code;
        }
        let heading = line.trim_start_matches('#');
        if is_code || heading.len() == line.len() || !heading.starts_with(' ') {
            continue;
        }
        let mut anchor = String::new();
        for letter in heading.trim().chars().flat_map(char::to_lowercase) {
            match letter {
                ' ' => anchor.push('-'),
                _ if letter.is_alphanumeric() || letter == '-' || letter == '_' => anchor.push(letter),
                _ => {}
            }
        }
        let count = counts.entry(anchor.clone()).or_default();
        if *count > 0 {
            anchor = format!("{anchor}-{count}");
        }
        *count += 1;
        found.insert(anchor);
    }
    found
}

/// `docs/./../README.md` as `README.md`; `None` for a path that leaves the repository.
fn normalized(path: &Path) -> Option<PathBuf> {
    let mut result = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                if !result.pop() {
                    return None;
                }
            }
            Component::Normal(name) => result.push(name),
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(result)
}

/// Why a link is broken; `None` if it is not.
fn broken(document: &Path, link: &str) -> Option<String> {
    let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
    let joined = if path.is_empty() { document.to_owned() } else { document.with_file_name(path) };
    let Some(target) = normalized(&joined) else { return Some("it leads out of the repository".to_owned()) };
    if !root().join(&target).exists() {
        return Some(format!("{} does not exist", target.display()));
    }
    if !anchor.is_empty() && !anchors(&read(&target)).contains(anchor) {
        return Some(format!("{} has no heading with the anchor #{anchor}", target.display()));
    }
    None
}

#[test]
fn relative_links_lead_to_files_and_headings() {
    let mut problems: Vec<String> = Vec::new();
    let mut count = 0;
    for document in documents() {
        for link in relative_links(&read(&document)) {
            count += 1;
            if let Some(problem) = broken(&document, &link) {
                problems.push(format!("{}: {link}: {problem}", document.display()));
            }
        }
    }
    assert!(count > 100, "too few links were found: {count}");
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn the_index_lists_every_page() {
    let index = Path::new("docs/README.md");
    let mut listed = BTreeSet::new();
    for link in relative_links(&read(index)) {
        listed.extend(normalized(&Path::new("docs").join(link)));
    }
    for page in documents() {
        // A folder has an index of its own.
        let folder_index = page.parent().unwrap_or(Path::new("")).join("README.md");
        let is_listed = [&page, &folder_index].into_iter().any(|path| listed.contains(path));
        let is_in_docs = page.starts_with("docs") && page != index;
        assert!(is_listed || !is_in_docs, "docs/README.md does not list {}", page.display());
    }
}

#[test]
fn the_readme_leads_to_the_guides() {
    let linked: BTreeSet<String> = relative_links(&read(Path::new("README.md"))).into_iter().collect();
    for page in documents() {
        let is_guide = page.parent() == Some(Path::new("docs"));
        assert!(
            !is_guide || linked.contains(&page.display().to_string()),
            "README.md has no link to {}",
            page.display()
        );
    }
}

#[test]
fn documents_are_short() {
    for (document, limit) in MAX_LINES {
        let lines = read(Path::new(document)).lines().count();
        assert!(lines <= limit, "{document} has {lines} lines, at most {limit} are wanted");
    }
}

#[test]
fn links_and_anchors_are_found() {
    let text = "# Two `words`, one!\n\n[a](b.md#c) and ![d](e.png) `[f](g)`\n\n    [h](i)\n\n```\n# No heading [j](k)\n```\n## Two words, one\n<https://l.example> [m](https://n.example)";
    assert_eq!(relative_links(text), ["b.md#c", "e.png"]);
    let expected: BTreeSet<String> = ["two-words-one".to_owned(), "two-words-one-1".to_owned()].into();
    assert_eq!(anchors(text), expected);
    assert_eq!(normalized(Path::new("docs/./../README.md")), Some(PathBuf::from("README.md")));
    assert_eq!(normalized(Path::new("../README.md")), None);
}
