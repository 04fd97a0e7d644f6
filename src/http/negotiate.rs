//! Content negotiation: which of two media types a client prefers (RFC 9110, 12.5.1), and whether it accepts gzip
//! (12.5.3). Pure.

/// The media types of the response for one drive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MediaType {
    Text,
    Json,
}

/// Text or JSON, by `Accept`. Text if the client has no preference, and also if it accepts neither: a line of text is
/// more useful than an error.
pub(super) fn preferred_media_type(accept: Option<&str>) -> MediaType {
    let Some(accept) = accept else { return MediaType::Text };
    let (text, json) = (quality(accept, "text", "plain"), quality(accept, "application", "json"));
    if json > text { MediaType::Json } else { MediaType::Text }
}

/// Whether the client prefers `OpenMetrics` to the older text format of Prometheus, which is the default.
pub(super) fn prefers_open_metrics(accept: Option<&str>) -> bool {
    let Some(accept) = accept else { return false };
    quality(accept, "application", "openmetrics-text") > quality(accept, "text", "plain")
}

/// The quality of a media type in thousandths, by the most specific range that matches it.
fn quality(accept: &str, kind: &str, subtype: &str) -> u16 {
    let mut best = (0, 0);
    for range in accept.split(',') {
        let mut parts = range.split(';').map(str::trim);
        let Some((range_kind, range_subtype)) = parts.next().unwrap_or_default().split_once('/') else { continue };
        let specificity = match (range_kind.trim(), range_subtype.trim()) {
            ("*", "*") => 1,
            (range, "*") if range.eq_ignore_ascii_case(kind) => 2,
            (range, sub) if range.eq_ignore_ascii_case(kind) && sub.eq_ignore_ascii_case(subtype) => 3,
            _ => continue,
        };
        let weight = parse_weight(parts);
        if specificity > best.0 {
            best = (specificity, weight);
        }
    }
    best.1
}

/// Whether the client accepts gzip. Without `Accept-Encoding` it does not.
pub(super) fn takes_gzip(accept_encoding: Option<&str>) -> bool {
    let mut wildcard = None;
    for coding in accept_encoding.unwrap_or_default().split(',') {
        let mut parts = coding.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default();
        let is_accepted = parse_weight(parts) > 0;
        if name.eq_ignore_ascii_case("gzip") || name.eq_ignore_ascii_case("x-gzip") {
            return is_accepted;
        }
        if name == "*" {
            wildcard = Some(is_accepted);
        }
    }
    wildcard.unwrap_or(false)
}

/// The weight among parameters, in thousandths: 1000 without one, 0 if it is invalid.
fn parse_weight<'a>(parameters: impl Iterator<Item = &'a str>) -> u16 {
    for parameter in parameters {
        if let Some((name, value)) = parameter.split_once('=')
            && name.eq_ignore_ascii_case("q")
        {
            return parse_qvalue(value).unwrap_or(0);
        }
    }
    1000
}

/// `1`, `0.8`, `0.333` in thousandths; `None` for anything else.
fn parse_qvalue(text: &str) -> Option<u16> {
    let (integer, fraction) = text.trim().split_once('.').unwrap_or((text.trim(), ""));
    if fraction.len() > 3 || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let fraction: u16 = format!("{fraction:0<3}").parse().ok()?;
    match integer {
        "0" => Some(fraction),
        "1" if fraction == 0 => Some(1000),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_metrics_is_sent_if_the_client_prefers_it() {
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
    fn the_client_gets_the_media_type_that_it_prefers() {
        for (accept, expected) in [
            (None, MediaType::Text),
            (Some("*/*"), MediaType::Text),
            (Some(""), MediaType::Text),
            (Some("application/json"), MediaType::Json),
            (Some("Application/JSON; charset=utf-8"), MediaType::Json),
            (Some("application/*"), MediaType::Json),
            (Some("text/plain, application/json"), MediaType::Text),
            (Some("text/plain;q=0.5, application/json"), MediaType::Json),
            (Some("text/plain;q=0.5, application/json;q=0.4"), MediaType::Text),
            (Some("application/json;q=0.1, */*;q=0"), MediaType::Json),
            (Some("*/*;q=0.8, application/json"), MediaType::Json),
            (Some("text/*;q=0.3, application/json;q=0.300"), MediaType::Text),
            (Some("text/html,application/xhtml+xml,*/*;q=0.8"), MediaType::Text),
            (Some("application/json;q=0, */*"), MediaType::Text),
            (Some("application/json;q=1.5"), MediaType::Text),
            (Some("application/json;q=x, text/plain;q=0"), MediaType::Text),
            (Some("image/png"), MediaType::Text),
            (Some(";;,/,q=1"), MediaType::Text),
        ] {
            assert_eq!(preferred_media_type(accept), expected, "{accept:?}");
        }
    }

    #[test]
    fn gzip_is_sent_to_clients_that_accept_it() {
        for (accept, expected) in [
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
            assert_eq!(takes_gzip(accept), expected, "{accept:?}");
        }
    }
}
