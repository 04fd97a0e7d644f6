//! smartctl's command line, as far as a reader of drives uses it. An option that would write to a
//! drive is refused like an unknown one. Pure.

use crate::reach::behind;
use crate::version::{JSON, Version};

/// Stands in a message for the device, which may only be known further behind.
const DEVICE: &str = "{device}";

/// What was asked of smartctl.
#[derive(Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "these are the flags of a command line")]
pub struct Request {
    pub device: Option<String>,
    /// `-d`.
    pub kind: Option<String>,
    pub nocheck: Option<Nocheck>,
    /// Whether this release has `--json`.
    pub json_known: bool,
    pub json: bool,
    pub pretty: bool,
    /// `--json=o`: the text too.
    pub output: bool,
    pub version: bool,
    /// `--scan` or, with true, `--scan-open`.
    pub scan: Option<bool>,
}

/// `-n MODE[,STATUS]`.
#[derive(Debug, PartialEq, Eq)]
pub struct Nocheck {
    pub mode: Mode,
    pub status: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mode {
    Never,
    Sleep,
    Standby,
    Idle,
}

/// Options with a value, besides -d and -n; long names beside the short ones.
const WITH_VALUE: [(&str, &str); 9] = [
    ("-B", "--drivedb"),
    ("-l", "--log"),
    ("-T", "--tolerance"),
    ("-f", "--format"),
    ("-q", "--quietmode"),
    ("-b", "--badsum"),
    ("-r", "--report"),
    ("-v", "--vendorattribute"),
    ("-g", "--get"),
];
const PLAIN: [(&str, &str); 6] = [
    ("-a", "--all"),
    ("-x", "--xall"),
    ("-i", "--info"),
    ("-H", "--health"),
    ("-A", "--attributes"),
    ("-c", "--capabilities"),
];

/// Reads the arguments as that release of smartctl; an error is the message it would give.
pub fn parse(arguments: &[String], release: Version) -> (Request, Result<(), String>) {
    let mut request = Request { json_known: release >= JSON, ..Request::default() };
    let outcome = read(&mut request, arguments);
    (request, outcome)
}

fn read(request: &mut Request, arguments: &[String]) -> Result<(), String> {
    let mut rest = arguments.iter();
    let mut devices = Vec::new();
    // The last error counts: --json may still stand behind the bad option.
    let mut bad = Ok(());
    while let Some(word) = rest.next() {
        if word == "--" {
            devices.extend(rest.by_ref().cloned());
        } else if !word.starts_with('-') || word == "-" {
            devices.push(word.clone());
        } else if let Err(why) = option(request, word, &mut rest) {
            bad = Err(why);
        }
    }
    request.device = devices.first().cloned();
    bad.map_err(|why: String| why.replace(DEVICE, request.device.as_deref().unwrap_or_default()))?;
    match devices.len() {
        0 if request.version || request.scan.is_some() => Ok(()),
        0 => Err("ERROR: smartctl requires a device name as the final command-line argument.".to_owned()),
        1 => Ok(()),
        _ => Err("ERROR: smartctl takes ONE device name as the final command-line argument.".to_owned()),
    }
}

fn option<'a>(request: &mut Request, word: &str, rest: &mut impl Iterator<Item = &'a String>) -> Result<(), String> {
    let (name, mut value) = match (word.starts_with("--"), word.split_once('=')) {
        (true, Some((name, value))) => (name, Some(value.to_owned())),
        (false, _) if word.len() > 2 => (word.get(..2).unwrap_or(word), word.get(2..).map(str::to_owned)),
        _ => (word, None),
    };
    if PLAIN.iter().any(|(short, long)| name == *short || name == *long) {
        return Ok(());
    }
    match name {
        "-V" | "--version" => {
            request.version = true;
            return Ok(());
        }
        "--scan" | "--scan-open" => {
            request.scan = Some(name == "--scan-open");
            return Ok(());
        }
        "-j" | "--json" if request.json_known => {
            let has = |letter: char| value.as_deref().is_some_and(|v| v.contains(letter));
            (request.json, request.pretty, request.output) = (true, !has('c'), has('o'));
            return Ok(());
        }
        _ => {}
    }
    let takes_value = matches!(name, "-d" | "--device" | "-n" | "--nocheck")
        || WITH_VALUE.iter().any(|(s, l)| name == *s || name == *l);
    if !takes_value {
        // A long option is named with all that stands behind it, a short one by its letter.
        let named = if word.starts_with("--") { word } else { name };
        return Err(format!("=======> UNRECOGNIZED OPTION: {}", named.trim_start_matches('-')));
    }
    if value.is_none() {
        value = rest.next().cloned();
    }
    let Some(value) = value else {
        return Err(format!("=======> ARGUMENT REQUIRED FOR OPTION: {}", name.trim_start_matches('-')));
    };
    match name {
        "-d" | "--device" => {
            let known = ["auto", "test", "ata", "scsi", "nvme", "sat"].contains(&value.as_str())
                || ["sat,", "nvme,", "usbjmicron"].iter().any(|start| value.starts_with(start))
                || behind(&value).is_some();
            request.kind = Some(value.clone());
            if known { Ok(()) } else { Err(format!("{DEVICE}: Unknown device type '{value}'")) }
        }
        "-n" | "--nocheck" => {
            request.nocheck = Some(nocheck(&value).ok_or_else(|| format!("=======> INVALID ARGUMENT TO -n: {value}"))?);
            Ok(())
        }
        _ => Ok(()),
    }
}

fn nocheck(value: &str) -> Option<Nocheck> {
    let mut parts = value.split(',');
    let mode = match parts.next()? {
        "never" => Mode::Never,
        "sleep" => Mode::Sleep,
        "standby" => Mode::Standby,
        "idle" => Mode::Idle,
        _ => return None,
    };
    let status = parts.next().map_or(Some(2), |s| s.parse().ok())?;
    parts.next().is_none_or(|p| p.parse::<u8>().is_ok()).then_some(Nocheck { mode, status })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        line.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn reads_what_a_daemon_asks() {
        let (request, outcome) = parse(&words("--json=c -a -n standby,3 -d sat -- /dev/sg7"), (7, 4));
        assert_eq!(outcome, Ok(()));
        assert_eq!(request.device.as_deref(), Some("/dev/sg7"));
        assert_eq!(request.nocheck, Some(Nocheck { mode: Mode::Standby, status: 3 }));
        assert!(request.json && !request.pretty);
    }

    #[test]
    fn refuses_what_it_does_not_know() {
        let (request, outcome) = parse(&words("-t short --json=c /dev/sda"), (7, 4));
        assert!(request.json);
        assert_eq!(outcome, Err("=======> UNRECOGNIZED OPTION: t".to_owned()));
        assert!(parse(&words("-a -n"), (7, 4)).1.is_err());
        assert!(parse(&words("-a"), (7, 4)).1.is_err());
        assert!(parse(&words("-a --nocheck=standby,x /dev/sda"), (7, 4)).1.is_err());
    }

    #[test]
    fn a_release_without_json_does_not_know_the_option() {
        let (request, outcome) = parse(&words("--json=c -a /dev/sda"), (6, 6));
        assert!(!request.json);
        assert_eq!(outcome, Err("=======> UNRECOGNIZED OPTION: json=c".to_owned()));
        assert_eq!(parse(&words("-j /dev/sda"), (6, 6)).1, Err("=======> UNRECOGNIZED OPTION: j".to_owned()));
    }

    #[test]
    fn types_behind_controllers_are_known() {
        for kind in ["megaraid,8", "sat+megaraid,8", "cciss,3", "usbjmicron", "usbjmicron,p", "sat,12"] {
            assert_eq!(parse(&words(&format!("-a -d {kind} /dev/bus/0")), (7, 4)).1, Ok(()), "{kind}");
        }
        let said = parse(&words("-a -d megaraid /dev/sda"), (7, 4)).1;
        assert_eq!(said, Err("/dev/sda: Unknown device type 'megaraid'".to_owned()));
    }
}
