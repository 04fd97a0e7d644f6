//! `JBOD_EXCLUDE`: the drives that are left out, as a comma-separated list.

use super::error::ConfigError;
use super::settings::JBOD_EXCLUDE;
use crate::domain::exclusion::Exclusion;

/// Each entry is compared with each drive at every discovery.
const MAX_ENTRIES: usize = 256;

/// Reads all entries. The first that cannot be used is the error.
pub(super) fn parse(text: &str) -> Result<Vec<Exclusion>, ConfigError> {
    let wrong = |found: &str, wanted: &str| ConfigError::new(JBOD_EXCLUDE.name, found, wanted);
    let mut entries: Vec<Exclusion> = Vec::new();
    for part in text.split(',').map(str::trim).filter(|_| !text.trim().is_empty()) {
        let entry = Exclusion::parse(part).map_err(|wanted| wrong(part, &wanted))?;
        if entries.contains(&entry) {
            return Err(wrong(part, "each entry once"));
        }
        if entries.len() == MAX_ENTRIES {
            return Err(wrong(part, &format!("at most {MAX_ENTRIES} entries")));
        }
        entries.push(entry);
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_separated_by_commas_and_a_bad_one_is_named() {
        let shown = |text: &str| {
            let entries = parse(text).map_err(|error| error.to_string())?;
            Ok::<_, String>(entries.iter().map(ToString::to_string).collect::<Vec<_>>().join("|"))
        };
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
