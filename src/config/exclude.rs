//! `JBOD_EXCLUDE`: the drives to exclude, as a comma-separated list.

use super::error::ConfigError;
use super::settings::JBOD_EXCLUDE;
use crate::domain::exclusion::Exclusion;

/// Limits the work of a discovery, which compares each entry with each drive.
const MAX_ENTRIES: usize = 256;

/// Parses all entries. The error is the first invalid one.
pub(super) fn parse(text: &str) -> Result<Vec<Exclusion>, ConfigError> {
    let mut entries: Vec<Exclusion> = Vec::new();
    if text.trim().is_empty() {
        return Ok(entries);
    }
    for part in text.split(',').map(str::trim) {
        let entry = Exclusion::parse(part).map_err(|wanted| invalid(part, &wanted))?;
        if entries.contains(&entry) {
            return Err(invalid(part, "each entry once"));
        }
        if entries.len() == MAX_ENTRIES {
            return Err(invalid(part, &format!("at most {MAX_ENTRIES} entries")));
        }
        entries.push(entry);
    }
    Ok(entries)
}

fn invalid(entry: &str, wanted: &str) -> ConfigError {
    ConfigError::new(JBOD_EXCLUDE.name, entry, wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Result<String, String> {
        let entries = parse(text).map_err(|error| error.to_string())?;
        Ok(entries.iter().map(ToString::to_string).collect::<Vec<_>>().join("|"))
    }

    #[test]
    fn entries_are_separated_by_commas_and_errors_name_the_entry() {
        assert_eq!(shown(" sda , serial=A B,\ntransport=fc").as_deref(), Ok("sda|serial=A B|transport=fc"));
        assert_eq!((shown("").as_deref(), shown("  ").as_deref()), (Ok(""), Ok("")));
        for (text, found) in [
            ("sda,,sdb", "found \"\""),
            ("sda,sdb,sda", "found \"sda\", wanted each entry once"),
            ("sda,size=3", "found \"size=3\""),
            ("transport=", "found \"transport=\""),
        ] {
            let error = shown(text).err().unwrap_or_default();
            assert!(error.starts_with("JBOD_EXCLUDE: ") && error.contains(found), "{text}: {error}");
        }
        let many = (0..257).map(|n| format!("sd{n}")).collect::<Vec<_>>().join(",");
        assert!(shown(&many).is_err_and(|error| error.ends_with("at most 256 entries")));
    }
}
