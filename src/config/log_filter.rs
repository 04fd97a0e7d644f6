//! The filter of log lines, `RUST_LOG`, as `env_logger` reads it: `LEVEL`, `TARGET=LEVEL`, `TARGET`, with commas between and
//! `/PATTERN` at the end. A misspelt level would be a target that no line has, and so silence every line.

use super::{ConfigError, bad};

const WANTED: &str = "off, error, warn, info, debug or trace; or jbod_monitor=LEVEL; several with commas between";
const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
/// What stands where no filter is set.
pub(super) const DEFAULT: &str = "info";

/// The filter that is set, or the default.
pub(super) fn checked(set: Option<&str>) -> Result<&str, ConfigError> {
    let Some(filter) = set else { return Ok(DEFAULT) };
    let directives = filter.split_once('/').map_or(filter, |(directives, _)| directives);
    let is_understood =
        directives.split(',').map(str::trim).filter(|directive| !directive.is_empty()).all(is_directive);
    if is_understood { Ok(filter) } else { Err(bad("RUST_LOG", filter, WANTED)) }
}

fn is_directive(directive: &str) -> bool {
    match directive.split_once('=') {
        Some((target, level)) => !target.is_empty() && (level.is_empty() || is_level(level)),
        // A target alone: its lines of every level.
        None => is_level(directive) || directive == "jbod_monitor" || directive.starts_with("jbod_monitor::"),
    }
}

fn is_level(text: &str) -> bool {
    LEVELS.iter().any(|level| level.eq_ignore_ascii_case(text.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_that_names_no_level_is_refused() {
        for good in [
            "info",
            "DEBUG",
            "jbod_monitor=debug",
            "warn,jbod_monitor::part=trace",
            "jbod_monitor",
            "off",
            "info/sweep",
            "info,",
        ] {
            assert_eq!(checked(Some(good)).ok(), Some(good));
        }
        assert_eq!(checked(None).ok(), Some(DEFAULT));
        for odd in ["trcae", "jbod=99", "jbod_monitor=verbose", "info,bogus", "=info", "1"] {
            let error = checked(Some(odd)).err().map(|error| error.to_string()).unwrap_or_default();
            assert!(error.starts_with("RUST_LOG: found ") && error.contains(odd), "{odd}: {error}");
        }
    }
}
