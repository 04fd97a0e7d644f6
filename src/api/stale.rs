//! Labels a last-known copy as stale.

/// Labels a last-known copy as stale. `"stale":false` cannot occur inside a JSON string, where its quotes would be
/// escaped, and the JSON of smartctl, which has no such key, follows the fields of this program.
pub fn mark_stale(value: &[u8]) -> Vec<u8> {
    const FRESH: &[u8] = b"\"stale\":false";
    let mut labelled = Vec::with_capacity(value.len());
    let mut rest = value;
    while let Some(at) = rest.windows(FRESH.len()).position(|window| window == FRESH) {
        let (before, after) = rest.split_at(at);
        labelled.extend_from_slice(before);
        labelled.extend_from_slice(b"\"stale\":true");
        rest = after.get(FRESH.len()..).unwrap_or_default();
    }
    labelled.extend_from_slice(rest);
    labelled
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn last_known_copies_are_labelled_and_strings_unchanged() {
        let doc = br#"{"a":"\"stale\":false","stale":false,"b":[{"stale":false},{"stale":true}]}"#;
        let labelled = String::from_utf8(mark_stale(doc)).unwrap_or_default();
        assert_eq!(labelled, r#"{"a":"\"stale\":false","stale":true,"b":[{"stale":true},{"stale":true}]}"#);
    }
}
