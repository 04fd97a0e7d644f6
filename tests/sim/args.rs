//! smartctl's command line, as far as a reader of drives uses it. An option that would write to a
//! drive is refused like an unknown one. Pure.

/// What was asked of smartctl.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Request {
    pub device: Option<String>,
    /// `-d`.
    pub kind: Option<String>,
    pub nocheck: Option<Nocheck>,
    pub json: bool,
    pub pretty: bool,
    pub version: bool,
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
const WITH_VALUE: [(&str, &str); 8] = [
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

/// Reads the arguments; an error is the message smartctl would give.
pub fn parse(arguments: &[String]) -> (Request, Result<(), String>) {
    let mut request = Request::default();
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
    bad?;
    match devices.len() {
        0 if request.version => Ok(()),
        0 => Err("ERROR: smartctl requires a device name as the final command-line argument.".to_owned()),
        1 => Ok(()),
        n => Err(format!("ERROR: smartctl takes ONE device name as the final command-line argument; found {n}.")),
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
        "-j" | "--json" => {
            request.json = true;
            request.pretty = !value.as_deref().is_some_and(|v| v.contains('c'));
            return Ok(());
        }
        _ => {}
    }
    let takes_value = matches!(name, "-d" | "--device" | "-n" | "--nocheck")
        || WITH_VALUE.iter().any(|(s, l)| name == *s || name == *l);
    if !takes_value {
        return Err(format!("UNRECOGNIZED OPTION: {}", name.trim_start_matches('-')));
    }
    if value.is_none() {
        value = rest.next().cloned();
    }
    let Some(value) = value else { return Err(format!("ERROR: OPTION '{name}' REQUIRES AN ARGUMENT.")) };
    match name {
        "-d" | "--device" => {
            let known = ["auto", "test", "ata", "scsi", "nvme", "sat"].contains(&value.as_str())
                || value.starts_with("sat,")
                || value.starts_with("nvme,");
            request.kind = Some(value.clone());
            if known {
                Ok(())
            } else {
                Err(format!("{}: Unknown device type '{value}'", request.device.as_deref().unwrap_or("device")))
            }
        }
        "-n" | "--nocheck" => {
            request.nocheck = Some(nocheck(&value).ok_or_else(|| format!("INVALID ARGUMENT TO -n: {value}"))?);
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
        let (request, outcome) = parse(&words("--json=c -a -n standby,3 -d sat -- /dev/sg7"));
        assert_eq!(outcome, Ok(()));
        assert_eq!(request.device.as_deref(), Some("/dev/sg7"));
        assert_eq!(request.nocheck, Some(Nocheck { mode: Mode::Standby, status: 3 }));
        assert!(request.json && !request.pretty);
    }

    #[test]
    fn refuses_what_it_does_not_know() {
        let (request, outcome) = parse(&words("-t short --json=c /dev/sda"));
        assert!(request.json);
        assert!(outcome.is_err());
        assert!(parse(&words("-a -n")).1.is_err());
        assert!(parse(&words("-a")).1.is_err());
        assert!(parse(&words("-a --nocheck=standby,x /dev/sda")).1.is_err());
    }
}
