//! `RUST_LOG`, the log filter, in the syntax of `env_filter` (`parse_spec`): `LEVEL`, `TARGET=LEVEL` or `TARGET`, separated
//! by commas, and `/TEXT` at the end. A target is a prefix of a module path. Checked here, because `env_filter` would take a
//! misspelt level for a target that no line has, and so suppress every line.

use super::error::ConfigError;
use super::settings::RUST_LOG;

const WANTED: &str = "off, error, warn, info, debug or trace, or jbod_monitor=LEVEL, several separated by commas";
const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
/// The prefix of the targets of this program.
const OWN_TARGET: &str = "jbod_monitor";

/// The lines that a directive of a filter applies to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Scope {
    /// Lines of this program.
    Own,
    /// Lines of a library.
    Other,
}

/// The filter that is set, or the default. The error: it is invalid, or applies to no line of this program.
pub(super) fn checked(set: Option<&str>) -> Result<&str, ConfigError> {
    let Some(filter) = set else { return Ok(RUST_LOG.default) };
    let (directives, text) = filter.split_once('/').unwrap_or((filter, ""));
    let directives = directives.split(',').map(str::trim).filter(|directive| !directive.is_empty());
    let scopes: Option<Vec<Scope>> = directives.map(scope).collect();
    match scopes {
        Some(scopes) if scopes.contains(&Scope::Own) && !text.contains('/') => Ok(filter),
        _ => Err(ConfigError::new(RUST_LOG.name, filter, WANTED)),
    }
}

/// `None`: the directive is invalid.
fn scope(directive: &str) -> Option<Scope> {
    let Some((target, level)) = directive.split_once('=') else {
        let is_valid = is_level(directive) || is_own(directive);
        return if is_valid { Some(Scope::Own) } else { None };
    };
    let level = level.trim();
    if target.is_empty() || !level.is_empty() && !is_level(level) {
        return None;
    }
    Some(if is_own(target) { Scope::Own } else { Scope::Other })
}

fn is_own(target: &str) -> bool {
    target.starts_with(OWN_TARGET) || OWN_TARGET.starts_with(target)
}

fn is_level(text: &str) -> bool {
    LEVELS.iter().any(|level| level.eq_ignore_ascii_case(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_without_a_valid_level_is_rejected() {
        for good in [
            "info",
            "DEBUG",
            "jbod_monitor=debug",
            "warn,jbod_monitor::part=trace",
            "jbod_monitor",
            "off",
            "info/sweep",
            "info,",
            "jbod=debug",
            "redis=debug,info",
        ] {
            assert_eq!(checked(Some(good)).ok(), Some(good));
        }
        assert_eq!(checked(None).ok(), Some(RUST_LOG.default));
        for wrong in [
            "trcae",
            "jbod=99",
            "jbod_monitor=verbose",
            "info,bogus",
            "=info",
            "1",
            "redis=debug",
            ",",
            "info/a/b",
            "a=info=b",
        ] {
            let error = checked(Some(wrong)).err().map(|error| error.to_string()).unwrap_or_default();
            assert!(error.starts_with("RUST_LOG: found ") && error.contains(wrong), "{wrong}: {error}");
        }
    }
}
