//! The command line of smartctl, without the options that write to a drive: those are unknown here. Pure.

use crate::device_type::ControllerDisk;
use crate::version::{JSON, Version};

/// Placeholder in a message for the device, which may follow the invalid option.
const DEVICE: &str = "{device}";

#[derive(Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "these are the flags of a command line")]
pub struct Request {
    pub device: Option<String>,
    /// `-d`.
    pub kind: Option<String>,
    pub nocheck: Option<Nocheck>,
    /// The release has `--json`.
    pub json_known: bool,
    pub json: bool,
    pub pretty: bool,
    /// `--json=o`: the text as well.
    pub output: bool,
    pub version: bool,
    pub scan: Option<ScanOption>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScanOption {
    /// `--scan`: lists the devices.
    Scan,
    /// `--scan-open`: also tries to open each.
    ScanOpen,
}

/// `-n MODE[,STATUS]`.
#[derive(Debug, PartialEq, Eq)]
pub struct Nocheck {
    pub mode: Mode,
    pub exit_status: u8,
}

/// In the order of the power that the drive uses.

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mode {
    Never,
    Sleep,
    Standby,
    Idle,
}

/// Options with a value besides `-d` and `-n`, by short and long name.
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

/// Parses the arguments as that release of smartctl does. The error is its message. The request has what the
/// arguments before and after the error ask for, `--json` for example.
pub fn parse(arguments: &[String], release: Version) -> (Request, Result<(), String>) {
    let mut request = Request { json_known: release >= JSON, ..Request::default() };
    let outcome = parse_into(&mut request, arguments);
    (request, outcome)
}

fn parse_into(request: &mut Request, arguments: &[String]) -> Result<(), String> {
    let mut rest = arguments.iter();
    let mut devices = Vec::new();
    let mut last_error = None;
    while let Some(word) = rest.next() {
        if word == "--" {
            devices.extend(rest.by_ref().cloned());
        } else if !word.starts_with('-') || word == "-" {
            devices.push(word.clone());
        } else if let Err(error) = option(request, word, &mut rest) {
            last_error = Some(error);
        }
    }
    request.device = devices.first().cloned();
    if let Some(error) = last_error {
        return Err(error.replace(DEVICE, request.device.as_deref().unwrap_or_default()));
    }
    match devices.len() {
        0 if request.version || request.scan.is_some() => Ok(()),
        0 => Err("ERROR: smartctl requires a device name as the final command-line argument.".to_owned()),
        1 => Ok(()),
        _ => Err("ERROR: smartctl takes ONE device name as the final command-line argument.".to_owned()),
    }
}

fn option<'a>(request: &mut Request, word: &'a str, rest: &mut impl Iterator<Item = &'a String>) -> Result<(), String> {
    let is_long = word.starts_with("--");
    let (name, joined) = if is_long { split_long(word) } else { split_short(word) };
    if has_name(&PLAIN, name) {
        return Ok(());
    }
    match name {
        "-V" | "--version" => {
            request.version = true;
            return Ok(());
        }
        "--scan" | "--scan-open" => {
            request.scan = Some(if name == "--scan" { ScanOption::Scan } else { ScanOption::ScanOpen });
            return Ok(());
        }
        "-j" | "--json" if request.json_known => {
            let letters = joined.unwrap_or_default();
            request.json = true;
            request.pretty = !letters.contains('c');
            request.output = letters.contains('o');
            return Ok(());
        }
        _ => {}
    }
    let takes_value = matches!(name, "-d" | "--device" | "-n" | "--nocheck") || has_name(&WITH_VALUE, name);
    if !takes_value {
        // smartctl prints a long option with its value, and only the letter of a short one.
        let option = if is_long { word } else { name };
        return Err(format!("=======> UNRECOGNIZED OPTION: {}", option.trim_start_matches('-')));
    }
    let Some(value) = joined.or_else(|| rest.next().map(String::as_str)) else {
        return Err(format!("=======> ARGUMENT REQUIRED FOR OPTION: {}", name.trim_start_matches('-')));
    };
    match name {
        "-d" | "--device" => {
            request.kind = Some(value.to_owned());
            if !is_device_type(value) {
                return Err(format!("{DEVICE}: Unknown device type '{value}'"));
            }
        }
        "-n" | "--nocheck" => {
            let Some(nocheck) = nocheck(value) else {
                return Err(format!("=======> INVALID ARGUMENT TO -n: {value}"));
            };
            request.nocheck = Some(nocheck);
        }
        _ => {}
    }
    Ok(())
}

/// `--name=value`.
fn split_long(word: &str) -> (&str, Option<&str>) {
    match word.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (word, None),
    }
}

/// `-nVALUE`.
fn split_short(word: &str) -> (&str, Option<&str>) {
    match word.split_at_checked(2) {
        Some((name, value)) if !value.is_empty() => (name, Some(value)),
        _ => (word, None),
    }
}

fn has_name(options: &[(&str, &str)], name: &str) -> bool {
    options.iter().any(|(short, long)| name == *short || name == *long)
}

fn is_device_type(kind: &str) -> bool {
    matches!(kind, "auto" | "test" | "ata" | "scsi" | "nvme" | "sat")
        || ["sat,", "nvme,", "usbjmicron"].iter().any(|start| kind.starts_with(start))
        || ControllerDisk::parse(kind).is_some()
}

/// `MODE[,STATUS[,STATUS2]]`; smartctl exits with the first status for a drive in a low-power mode.
fn nocheck(value: &str) -> Option<Nocheck> {
    let mut parts = value.split(',');
    let mode = match parts.next()? {
        "never" => Mode::Never,
        "sleep" => Mode::Sleep,
        "standby" => Mode::Standby,
        "idle" => Mode::Idle,
        _ => return None,
    };
    let exit_status = match parts.next() {
        Some(text) => text.parse().ok()?,
        None => 2,
    };
    if let Some(second) = parts.next() {
        second.parse::<u8>().ok()?;
    }
    Some(Nocheck { mode, exit_status })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        line.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn options_of_the_daemon_are_known() {
        let (request, outcome) = parse(&words("--json=c -a -n standby,3 -d sat -- /dev/sg7"), (7, 4));
        assert_eq!(outcome, Ok(()));
        assert_eq!(request.device.as_deref(), Some("/dev/sg7"));
        assert_eq!(request.nocheck, Some(Nocheck { mode: Mode::Standby, exit_status: 3 }));
        assert!(request.json && !request.pretty);
    }

    #[test]
    fn other_options_are_errors() {
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
        let outcome = parse(&words("-a -d megaraid /dev/sda"), (7, 4)).1;
        assert_eq!(outcome, Err("/dev/sda: Unknown device type 'megaraid'".to_owned()));
    }
}
