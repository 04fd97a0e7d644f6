//! Splits a page into blocks of examples, the comments that prepare them, and the text between.

/// A part of a page. The parts in sequence are the page.
pub enum Part<'a> {
    Text(&'a str),
    Step {
        step: Step<'a>,
        /// The line of the comment.
        text: &'a str,
    },
    /// The content of a block that is marked `console`.
    Console {
        body: &'a str,
        /// Its line number in the page, from 1.
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
        _ => panic!("unknown comment: <!-- example: {text}-->"),
    }
}

/// The commands of a block. A command whose line ends in `\` continues in the next line.
pub fn examples(body: &str) -> Result<Vec<Example>, String> {
    let mut examples: Vec<Example> = Vec::new();
    let mut is_continued = false;
    for line in body.lines() {
        if is_continued {
            let last = examples.last_mut().ok_or("a continued line without a command")?;
            last.command.push('\n');
            last.command.push_str(line);
            is_continued = line.ends_with('\\');
        } else if let Some(command) = line.strip_prefix("$ ") {
            examples.push(Example { command: command.to_owned(), expected: String::new() });
            is_continued = line.ends_with('\\');
        } else {
            let last = examples.last_mut().ok_or("the block does not begin with a command (`$ `)")?;
            last.expected.push_str(line);
            last.expected.push('\n');
        }
    }
    Ok(examples)
}

/// Programs that run against the simulated host, and filters for their output.
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

/// The first program of the command that is not in `PROGRAMS`.
pub fn unknown_program(command: &str) -> Option<String> {
    for part in outside_quotes(command).split(['|', ';', '&', '\n']) {
        let mut words = part.split_whitespace().filter(|word| *word != "\\");
        let Some(program) = words.find(|word| !is_assignment(word) && *word != "sudo") else { continue };
        let is_option = program.starts_with('-');
        if !is_option && !PROGRAMS.contains(&program) {
            return Some(program.to_owned());
        }
    }
    None
}

/// `NAME=value` before a command.
fn is_assignment(word: &str) -> bool {
    let Some((name, _)) = word.split_once('=') else { return false };
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_')
}

/// The command without its quoted parts and comments.
fn outside_quotes(command: &str) -> String {
    let mut outside = String::new();
    let mut quote = None;
    let mut is_comment = false;
    for letter in command.chars() {
        match (quote, letter) {
            (Some(open), _) if letter == open => quote = None,
            (Some(_), _) => {}
            (None, '\n') => {
                is_comment = false;
                outside.push(letter);
            }
            (None, _) if is_comment => {}
            (None, '#') if outside.ends_with(' ') => is_comment = true,
            (None, '\'' | '"') => quote = Some(letter),
            (None, _) => outside.push(letter),
        }
    }
    outside
}

#[test]
fn the_parts_of_a_page_are_the_page() {
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
    let mut found = Vec::new();
    for Example { command, expected } in examples(blocks[0].0).expect("examples") {
        found.push(format!("{command}: {expected}"));
    }
    assert_eq!(found, ["x \\\n  y: 1\n", "z: "]);
}

#[test]
fn unknown_programs_are_found() {
    assert_eq!(unknown_program("A=1 sudo jbod-monitor scan # docker"), None);
    assert_eq!(unknown_program("curl -s 'localhost:9780/x?a|b' | jq -c '.a | .b'"), None);
    assert_eq!(unknown_program("curl x | systemctl y"), Some("systemctl".to_owned()));
}
