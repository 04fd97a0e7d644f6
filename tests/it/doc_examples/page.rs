//! A page taken apart: blocks of examples, the comments that prepare them, and the text between.

/// A part of a page. All parts together are the page.
pub enum Part<'a> {
    Text(&'a str),
    Step {
        step: Step<'a>,
        /// The comment itself.
        text: &'a str,
    },
    /// The inside of a block that is marked `console`.
    Console {
        body: &'a str,
        /// Of the page, from 1.
        line: usize,
    },
}

/// A comment `<!-- example: … -->`.
pub enum Step<'a> {
    Host(&'a str),
    Setting(&'a str, &'a str),
    Sim { args: Vec<&'a str>, is_live: bool },
    StopRedis,
    Skip,
}

/// A command and its output.
pub struct Example {
    pub command: String,
    /// Empty, or with a newline at its end.
    pub expected: String,
}

#[track_caller]
pub fn parts(page: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    // The marker of the open block.
    let mut open: Option<&str> = None;
    let (mut begin, mut at, mut console_line) = (0, 0, 0);
    for (index, line) in page.split_inclusive('\n').enumerate() {
        let bare = line.trim();
        let end = at + line.len();
        if let Some(mark) = open {
            if bare.trim_matches('`').is_empty() && bare.len() >= 3 {
                if mark == "console" {
                    parts.push(Part::Console { body: &page[begin..at], line: console_line });
                    begin = at;
                }
                open = None;
            }
        } else if let Some(mark) = bare.strip_prefix("```") {
            open = Some(mark);
            if mark == "console" {
                parts.push(Part::Text(&page[begin..end]));
                (begin, console_line) = (end, index + 2);
            }
        } else if let Some(comment) = bare.strip_prefix("<!-- example: ") {
            let words = comment.strip_suffix("-->").unwrap_or_else(|| panic!("line {}: no end", index + 1));
            parts.push(Part::Text(&page[begin..at]));
            parts.push(Part::Step { step: step(words), text: line });
            begin = end;
        }
        at = end;
    }
    parts.push(Part::Text(&page[begin..]));
    parts
}

#[track_caller]
fn step(text: &str) -> Step<'_> {
    let words: Vec<&str> = text.split_whitespace().collect();
    match words.as_slice() {
        ["host", name] => Step::Host(name),
        ["setting", pair] => {
            let (name, value) = pair.split_once('=').expect("NAME=VALUE");
            Step::Setting(name, value)
        }
        ["live", "jbod-sim", args @ ..] => Step::Sim { args: args.to_vec(), is_live: true },
        ["jbod-sim", args @ ..] => Step::Sim { args: args.to_vec(), is_live: false },
        ["redis", "stop"] => Step::StopRedis,
        ["skip", ..] => Step::Skip,
        _ => panic!("an example is not prepared by {text:?}"),
    }
}

/// The commands of a block. A line that ends in `\` goes on in the next one.
pub fn examples(body: &str) -> Result<Vec<Example>, String> {
    let mut examples: Vec<Example> = Vec::new();
    let mut goes_on = false;
    for line in body.lines() {
        if goes_on {
            let last = examples.last_mut().ok_or("a line goes on")?;
            last.command.push('\n');
            last.command.push_str(line);
            goes_on = line.ends_with('\\');
        } else if let Some(command) = line.strip_prefix("$ ") {
            examples.push(Example { command: command.to_owned(), expected: String::new() });
            goes_on = line.ends_with('\\');
        } else {
            let last = examples.last_mut().ok_or("the block does not begin with a command (`$ `)")?;
            last.expected.push_str(line);
            last.expected.push('\n');
        }
    }
    Ok(examples)
}

/// What runs against the simulated host, and what its output is passed through.
const PROGRAMS: [&str; 16] = [
    "jbod-monitor",
    "curl",
    "redis-cli",
    "sudo",
    "export",
    "jq",
    "grep",
    "head",
    "tail",
    "sed",
    "awk",
    "sort",
    "uniq",
    "wc",
    "cut",
    "tr",
];

/// The first program of the command that is not one of those.
pub fn unknown_program(command: &str) -> Option<String> {
    for part in outside_quotes(command).split(['|', ';', '&', '\n']) {
        let mut words = part.split_whitespace().filter(|word| *word != "\\");
        let is_assignment = |word: &str| {
            let name = word.split_once('=').map(|(name, _)| name);
            name.is_some_and(|name| {
                !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_')
            })
        };
        let mut program = words.next();
        while program.is_some_and(|word| is_assignment(word) || word == "sudo") {
            program = words.next();
        }
        let Some(program) = program else { continue };
        let is_option = program.starts_with('-');
        if !is_option && !PROGRAMS.contains(&program) {
            return Some(program.to_owned());
        }
    }
    None
}

/// The command without what is in quotes and in comments.
fn outside_quotes(command: &str) -> String {
    let mut outside = String::new();
    let mut quote = None;
    let mut is_comment = false;
    for c in command.chars() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some(_), _) => {}
            (None, '\n') => {
                is_comment = false;
                outside.push(c);
            }
            (None, _) if is_comment => {}
            (None, '#') if outside.ends_with(' ') => is_comment = true,
            (None, '\'' | '"') => quote = Some(c),
            (None, c) => outside.push(c),
        }
    }
    outside
}

#[test]
fn a_page_is_its_parts() {
    let page = "a\n<!-- example: host nas -->\n```console\n$ x \\\n  y\n1\n$ z\n```\nb\n```sh\n$ n\n```\n";
    let mut text = String::new();
    let mut blocks = Vec::new();
    for part in parts(page) {
        match part {
            Part::Text(part) | Part::Step { text: part, .. } => text.push_str(part),
            Part::Console { body, line } => {
                text.push_str(body);
                blocks.push((body, line));
            }
        }
    }
    assert_eq!(text, page);
    assert_eq!(blocks, [("$ x \\\n  y\n1\n$ z\n", 4)]);
    let examples = examples(blocks[0].0).expect("examples");
    let found: Vec<(&str, &str)> =
        examples.iter().map(|example| (example.command.as_str(), example.expected.as_str())).collect();
    assert_eq!(found, [("x \\\n  y", "1\n"), ("z", "")]);
}

#[test]
fn programs_that_are_not_known_are_named() {
    assert_eq!(unknown_program("A=1 sudo jbod-monitor scan # docker"), None);
    assert_eq!(unknown_program("curl -s 'localhost:9780/x?a|b' | jq -c '.a | .b'"), None);
    assert_eq!(unknown_program("curl x | systemctl y"), Some("systemctl".to_owned()));
}
