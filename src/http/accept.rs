//! What a client would rather have: of two media types (RFC 9110, 12.5.1), and whether gzip is one of
//! the encodings it takes (12.5.3). Pure.

/// The types in which one drive is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Media {
    Text,
    Json,
}

/// The best of text and JSON by `Accept`. Text where the client has no preference, and also where it
/// wants neither: a line of text is of more use than a refusal.
pub(super) fn preferred(accept: Option<&str>) -> Media {
    let Some(accept) = accept else { return Media::Text };
    let (text, json) = (quality(accept, "text", "plain"), quality(accept, "application", "json"));
    if json > text { Media::Json } else { Media::Text }
}

/// Whether metrics are wanted as `OpenMetrics` rather than in Prometheus's older text format, which
/// whoever has no preference gets.
pub(super) fn prefers_open_metrics(accept: Option<&str>) -> bool {
    let Some(accept) = accept else { return false };
    quality(accept, "application", "openmetrics-text") > quality(accept, "text", "plain")
}

/// In thousandths. The most specific range that matches counts, wherever it stands.
fn quality(accept: &str, kind: &str, subtype: &str) -> u16 {
    let mut best = (0, 0);
    for range in accept.split(',') {
        let mut parts = range.split(';').map(str::trim);
        let Some((a, b)) = parts.next().and_then(|media| media.split_once('/')) else { continue };
        let specific = match (a.trim(), b.trim()) {
            (a, b) if a.eq_ignore_ascii_case(kind) && b.eq_ignore_ascii_case(subtype) => 3,
            (a, "*") if a.eq_ignore_ascii_case(kind) => 2,
            ("*", "*") => 1,
            _ => continue,
        };
        let weight = parts.find_map(|p| p.strip_prefix("q=").or_else(|| p.strip_prefix("Q=")));
        let weight = weight.map_or(Some(1000), thousandths).unwrap_or(0);
        if specific > best.0 {
            best = (specific, weight);
        }
    }
    best.1
}

/// Whether the client takes gzip. One that says nothing gets a body as it stands.
pub(super) fn takes_gzip(accept_encoding: Option<&str>) -> bool {
    let mut any = None;
    for coding in accept_encoding.unwrap_or_default().split(',') {
        let mut parts = coding.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default();
        let weight = parts.find_map(|p| p.strip_prefix("q=").or_else(|| p.strip_prefix("Q=")));
        let is_taken = weight.is_none_or(|q| thousandths(q).is_some_and(|q| q > 0));
        if name.eq_ignore_ascii_case("gzip") || name.eq_ignore_ascii_case("x-gzip") {
            return is_taken;
        }
        if name == "*" {
            any = Some(is_taken);
        }
    }
    any.unwrap_or(false)
}

/// `1`, `0.8`, `0.333`; anything else is no weight.
fn thousandths(text: &str) -> Option<u16> {
    let (whole, part) = text.trim().split_once('.').unwrap_or((text.trim(), ""));
    if part.len() > 3 || !part.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let part: u16 = format!("{part:0<3}").parse().ok()?;
    match whole {
        "0" => Some(part),
        "1" if part == 0 => Some(1000),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_metrics_is_for_those_who_ask_for_it() {
        for (accept, expected) in [
            (None, false),
            (Some("*/*"), false),
            (Some("text/plain"), false),
            (Some("application/openmetrics-text"), true),
            (Some("application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"), true),
            (Some("application/openmetrics-text;q=0.2,text/plain;version=0.0.4;q=0.5"), false),
            (Some("text/plain;version=0.0.4;q=0.3,*/*;q=0.2"), false),
            (Some("application/*"), true),
        ] {
            assert_eq!(prefers_open_metrics(accept), expected, "{accept:?}");
        }
    }

    #[test]
    fn the_client_gets_what_it_would_rather_have() {
        for (accept, expected) in [
            (None, Media::Text),
            (Some("*/*"), Media::Text),
            (Some(""), Media::Text),
            (Some("application/json"), Media::Json),
            (Some("Application/JSON; charset=utf-8"), Media::Json),
            (Some("application/*"), Media::Json),
            (Some("text/plain, application/json"), Media::Text),
            (Some("text/plain;q=0.5, application/json"), Media::Json),
            (Some("text/plain;q=0.5, application/json;q=0.4"), Media::Text),
            (Some("application/json;q=0.1, */*;q=0"), Media::Json),
            (Some("*/*;q=0.8, application/json"), Media::Json),
            (Some("text/*;q=0.3, application/json;q=0.300"), Media::Text),
            (Some("text/html,application/xhtml+xml,*/*;q=0.8"), Media::Text),
            (Some("application/json;q=0, */*"), Media::Text),
            (Some("application/json;q=1.5"), Media::Text),
            (Some("application/json;q=x, text/plain;q=0"), Media::Text),
            (Some("image/png"), Media::Text),
            (Some(";;,/,q=1"), Media::Text),
        ] {
            assert_eq!(preferred(accept), expected, "{accept:?}");
        }
    }

    #[test]
    fn gzip_is_sent_to_those_who_take_it() {
        for (accept, taken) in [
            (None, false),
            (Some(""), false),
            (Some("gzip"), true),
            (Some("gzip, deflate, br, zstd"), true),
            (Some("GZIP;q=0.5"), true),
            (Some("br;q=1.0, gzip;q=0"), false),
            (Some("gzip;q=0.000, *"), false),
            (Some("*;q=0, gzip"), true),
            (Some("*"), true),
            (Some("*;q=0"), false),
            (Some("identity"), false),
            (Some("gzip;q=x"), false),
        ] {
            assert_eq!(takes_gzip(accept), taken, "{accept:?}");
        }
    }
}
