//! Compares the output of a command with the one on a page, except for times, sizes and the like.

/// Shapes of text that is not compared: `0` is a digit, `a` a letter, `x` a hexadecimal digit.
const SHAPES: [&str; 5] = [
    "0000-00-00T00:00:00.000Z",
    "0000-00-00T00:00:00Z",
    "aaa, 00 aaa 0000 00:00:00 GMT",
    // An entity tag, a content version.
    "\"xxxxxxxxxxxxxxxx\"",
    // Seconds since the epoch, with milliseconds.
    "0000000000.000",
];

/// The number after each of these is not compared.
const KEYS: [&str; 9] = [
    "Age: ",
    "Content-Length: ",
    "took_ms=",
    "\"took_ms\":",
    "away_s=",
    "interval_s=",
    "pid=",
    "duration_seconds ",
    "\"age\":",
];

/// Whether the output is the expected one.
pub fn is_same(expected: &str, found: &str) -> bool {
    let expected: Vec<String> = expected.trim_end().lines().map(masked).collect();
    let found: Vec<String> = found.trim_end().lines().map(masked).collect();
    lines_match(&expected, &found)
}

fn lines_match(expected: &[String], found: &[String]) -> bool {
    let Some((first, rest)) = expected.split_first() else { return found.is_empty() };
    if first == "…" {
        // It stands for no line, or for the first line and perhaps more.
        return lines_match(rest, found) || !found.is_empty() && lines_match(expected, &found[1..]);
    }
    let Some((line, others)) = found.split_first() else { return false };
    line_matches(first, line) && lines_match(rest, others)
}

/// `…` stands for any text.
fn line_matches(expected: &str, found: &str) -> bool {
    let Some((first, pieces)) = expected.split_once('…') else { return expected == found };
    let Some(mut rest) = found.strip_prefix(first) else { return false };
    let mut pieces: Vec<&str> = pieces.split('…').collect();
    let last = pieces.pop().unwrap_or_default();
    for piece in pieces {
        let Some((_, after)) = rest.split_once(piece) else { return false };
        rest = after;
    }
    rest.ends_with(last)
}

/// The line with everything replaced that is not compared.
fn masked(line: &str) -> String {
    let line = line.trim_end();
    if line.len() >= 3 && line.bytes().all(|byte| byte.is_ascii_digit()) {
        return "#".to_owned();
    }
    let line = line.replace(env!("CARGO_PKG_VERSION"), "VERSION");
    let mut masked = String::new();
    let mut rest = line.as_str();
    'line: while let Some(first) = rest.chars().next() {
        for shape in SHAPES {
            if has_shape(rest, shape) {
                masked.push_str(shape);
                rest = &rest[shape.len()..];
                continue 'line;
            }
        }
        for key in KEYS {
            if let Some(after) = rest.strip_prefix(key) {
                masked.push_str(key);
                masked.push('#');
                rest = after.trim_start_matches(is_of_number);
                continue 'line;
            }
        }
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        if digits == 10 && rest.starts_with('1') {
            masked.push_str("TIME");
            rest = rest[digits..].trim_start_matches(is_of_number);
        } else {
            let length = digits.max(first.len_utf8());
            masked.push_str(&rest[..length]);
            rest = &rest[length..];
        }
    }
    masked
}

fn is_of_number(letter: char) -> bool {
    letter.is_ascii_digit() || letter == '.'
}

fn has_shape(text: &str, shape: &str) -> bool {
    text.len() >= shape.len() && text.bytes().zip(shape.bytes()).all(|(byte, wanted)| byte_has_shape(byte, wanted))
}

fn byte_has_shape(byte: u8, wanted: u8) -> bool {
    match wanted {
        b'0' => byte.is_ascii_digit(),
        b'a' => byte.is_ascii_alphabetic(),
        b'x' => byte.is_ascii_hexdigit() && !byte.is_ascii_uppercase(),
        other => byte == other,
    }
}

/// The new output for a page. Parts that the page elides with `…` stay elided where the lines around them are found
/// again.
pub fn rewritten(expected: &str, found: &str) -> String {
    let shown: Vec<&str> = expected.trim_end().lines().collect();
    let lines: Vec<&str> = found.trim_end().lines().collect();
    let sections: Vec<&[&str]> = shown.split(|line| *line == "…").collect();
    if sections.len() < 2 {
        return joined(&lines.iter().map(|line| kept_or_new(&shown, line)).collect::<Vec<_>>());
    }
    let mut output: Vec<String> = Vec::new();
    let mut from = 0;
    for (index, section) in sections.iter().enumerate() {
        if index > 0 {
            output.push("…".to_owned());
        }
        let rest = &lines[from.min(lines.len())..];
        let start = if index == 0 {
            0
        } else if index + 1 == sections.len() {
            rest.len().saturating_sub(section.len())
        } else {
            middle_start(section, rest)
        };
        let section_lines = rest.iter().skip(start).take(section.len());
        output.extend(section_lines.map(|line| kept_or_new(section, line)));
        from += start + section.len();
    }
    joined(&output)
}

/// Where a section between two ellipses begins.
fn middle_start(section: &[&str], lines: &[&str]) -> usize {
    match section.first() {
        Some(first) => position_of(first, lines).unwrap_or(0),
        None => 0,
    }
}

/// The line of the page that matches this one, if there is one.
fn kept_or_new(shown: &[&str], line: &str) -> String {
    let same = shown.iter().find(|shown| **shown != "…" && line_matches(&masked(shown), &masked(line)));
    same.unwrap_or(&line.trim_end()).to_string()
}

/// The line that matches, or else one that begins with the same words.
fn position_of(shown: &str, lines: &[&str]) -> Option<usize> {
    let same = lines.iter().position(|line| line_matches(&masked(shown), &masked(line)));
    if same.is_some() {
        return same;
    }
    for count in [2, 1] {
        let alike = lines.iter().position(|line| first_words(line, count) == first_words(shown, count));
        if alike.is_some() {
            return alike;
        }
    }
    None
}

fn first_words(line: &str, count: usize) -> Vec<&str> {
    line.split_whitespace().take(count).collect()
}

fn joined(lines: &[String]) -> String {
    if lines.is_empty() { String::new() } else { lines.join("\n") + "\n" }
}

#[test]
fn what_changes_is_not_compared() {
    assert!(is_same("Age: 4\nETag: \"243076073e800f69\"\n", "Age: 0\nETag: \"0123456789abcdef\"\n"));
    assert!(is_same("at 2026-11-25T05:50:24Z\n", "at 2027-01-02T03:04:05Z"));
    assert!(is_same("x 1795621558\n", "x 1895621559.5\n"));
    assert!(!is_same("temperature 33\n", "temperature 34\n"));
    assert!(!is_same("a\nb\n", "a\n"));
}

#[test]
fn an_ellipsis_stands_for_any_text() {
    assert!(is_same("a\n…\nd\n", "a\nb\nc\nd\n"));
    assert!(is_same("a\n…\n", "a\n"));
    assert!(is_same("a … d\n", "a b c d\n") && is_same("…z\n", "xyz\n"));
    assert!(!is_same("a … d\n", "a b c e\n") && !is_same("a\n…\ne\n", "a\nb\n"));
}

#[test]
fn elided_parts_stay_elided() {
    assert_eq!(rewritten("a 1\n…\nx 1\n…\nz 1\n", "a 2\nb 2\nx 2\ny 2\nz 2\n"), "a 2\n…\nx 2\n…\nz 2\n");
    assert_eq!(rewritten("a 1\n", "a 2\nb 2\n"), "a 2\nb 2\n");
    assert_eq!(rewritten("a … 1\nb 1\n", "a x 1\nb 2\n"), "a … 1\nb 2\n");
}
