//! Parses the target of a request into a route. Pure.

use super::assets::PageFile;
use super::problem::Problem;
use crate::domain::health::Verdict;
use percent_encoding::percent_decode_str;

/// The path and query of a request, decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    segments: Vec<String>,
    query: Vec<(String, String)>,
}

#[cfg(fuzzing)]
impl Target {
    pub(super) fn into_segments(self) -> Vec<String> {
        self.segments
    }
}

impl Target {
    /// Whether no token is required: the target is a file of the page, which contains no data.
    pub(super) fn is_public(&self) -> bool {
        matches!(match_route(self), Ok(Route::Page(_)))
    }
}

/// A route with its parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Route {
    Overview {
        brief: bool,
    },
    Drives {
        verdict: Option<String>,
        pool: Option<String>,
        enclosure: Option<String>,
    },
    Drive(String),
    Enclosures,
    Enclosure(String),
    Zfs,
    Map,
    /// Everything after `/api/whereis/`, including slashes.
    Whereis(String),
    Health,
    Healthz,
    Readyz,
    /// A file of the page.
    Page(PageFile),
    Metrics,
    Openapi,
}

/// The label of a route in metrics: the route without its parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RouteLabel {
    /// All files of the page.
    Index,
    Overview,
    Drives,
    Drive,
    Enclosures,
    Enclosure,
    Zfs,
    Map,
    Whereis,
    Health,
    Healthz,
    Readyz,
    Metrics,
    Openapi,
    /// No route, or a route with invalid parameters.
    Unknown,
    /// The server rejected the request before it reached a worker.
    Rejected,
}

impl RouteLabel {
    /// In the order of their discriminants.
    pub(super) const ALL: [Self; 16] = [
        Self::Index,
        Self::Overview,
        Self::Drives,
        Self::Drive,
        Self::Enclosures,
        Self::Enclosure,
        Self::Zfs,
        Self::Map,
        Self::Whereis,
        Self::Health,
        Self::Healthz,
        Self::Readyz,
        Self::Metrics,
        Self::Openapi,
        Self::Unknown,
        Self::Rejected,
    ];

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Index => "/",
            Self::Overview => "/api/overview",
            Self::Drives => "/api/drives",
            Self::Drive => "/api/drives/{id}",
            Self::Enclosures => "/api/enclosures",
            Self::Enclosure => "/api/enclosures/{id}",
            Self::Zfs => "/api/zfs",
            Self::Map => "/api/map.txt",
            Self::Whereis => "/api/whereis/{anything}",
            Self::Health => "/api/health",
            Self::Healthz => "/healthz",
            Self::Readyz => "/readyz",
            Self::Metrics => "/metrics",
            Self::Openapi => "/openapi.json",
            Self::Unknown => "unknown",
            Self::Rejected => "refused",
        }
    }
}

impl Route {
    /// Whether parameters are ignored: mail programs and caches append some to links to the page, scrapers and health
    /// checks to their targets.
    fn ignores_query(&self) -> bool {
        matches!(self, Self::Page(_) | Self::Metrics | Self::Healthz | Self::Readyz)
    }

    pub(super) fn label(&self) -> RouteLabel {
        match self {
            Self::Page(_) => RouteLabel::Index,
            Self::Overview { .. } => RouteLabel::Overview,
            Self::Drives { .. } => RouteLabel::Drives,
            Self::Drive(_) => RouteLabel::Drive,
            Self::Enclosures => RouteLabel::Enclosures,
            Self::Enclosure(_) => RouteLabel::Enclosure,
            Self::Zfs => RouteLabel::Zfs,
            Self::Map => RouteLabel::Map,
            Self::Whereis(_) => RouteLabel::Whereis,
            Self::Health => RouteLabel::Health,
            Self::Healthz => RouteLabel::Healthz,
            Self::Readyz => RouteLabel::Readyz,
            Self::Metrics => RouteLabel::Metrics,
            Self::Openapi => RouteLabel::Openapi,
        }
    }
}

/// Parses the target of a request. Each part is decoded once. Targets that no legitimate client sends are rejected.
pub(super) fn parse_target(url: &str) -> Result<Target, Problem> {
    let url = origin_form(url);
    let (path, query) = url.split_once('?').unwrap_or((url, ""));
    let path = path.strip_prefix('/').ok_or_else(|| Problem::Bad("the path does not start with /".to_owned()))?;
    let segments = path.split('/').map(decode).collect::<Result<Vec<_>, _>>()?;
    if segments.iter().any(|segment| segment == ".." || segment == ".") {
        return Err(Problem::Bad("the path contains . or .. as a segment".to_owned()));
    }
    // Not even decoded: what is appended to a link need not be UTF-8.
    if fixed_route(&segments).is_some_and(|route| route.ignores_query()) {
        return Ok(Target { segments, query: Vec::new() });
    }
    let mut parameters = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        parameters.push((decode(name)?, decode(&value.replace('+', " "))?));
    }
    Ok(Target { segments, query: parameters })
}

/// The path and query of the absolute form, which a proxy may send (RFC 9112, 3.2.2).
fn origin_form(url: &str) -> &str {
    let Some(rest) = url.strip_prefix("http://") else { return url };
    match rest.find(['/', '?']) {
        Some(end) if rest.get(end..).unwrap_or_default().starts_with('/') => rest.get(end..).unwrap_or_default(),
        _ => "/",
    }
}

fn decode(text: &str) -> Result<String, Problem> {
    // After the first `%`, each part starts with the two digits of an escape.
    let has_valid_escapes = text.as_bytes().split(|byte| *byte == b'%').skip(1).all(|part| match part.get(..2) {
        Some(digits) => digits.iter().all(u8::is_ascii_hexdigit),
        None => false,
    });
    if !has_valid_escapes {
        return Err(Problem::Bad("a % in the path or query is not followed by two hex digits".to_owned()));
    }
    let decoded = percent_decode_str(text).decode_utf8();
    let decoded = decoded.map_err(|_| Problem::Bad("the path or query is not UTF-8".to_owned()))?;
    if decoded.contains(['\0', '\\']) {
        return Err(Problem::Bad("the path or query contains a NUL or a backslash".to_owned()));
    }
    Ok(decoded.into_owned())
}

/// Finds the route of a target.
pub(super) fn match_route(target: &Target) -> Result<Route, Problem> {
    let route = fixed_route(&target.segments).or_else(|| route_with_name(&target.segments));
    match route {
        Some(Route::Overview { .. }) => overview_route(target),
        Some(Route::Drives { .. }) => drives_route(target),
        Some(route) => match target.query.first() {
            Some((name, _)) => Err(Problem::Bad(format!("unknown parameter {name:?}, this path has no parameters"))),
            None => Ok(route),
        },
        None => Err(Problem::NotFound("no such path, /openapi.json lists all paths".to_owned())),
    }
}

/// The route of a path that contains no name, without its parameters. The path may end with a slash.
fn fixed_route(segments: &[String]) -> Option<Route> {
    let mut segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    // `/` alone is one empty segment, `//` two of them.
    if segments.last() == Some(&"") && segments.first() != Some(&"") {
        segments.pop();
    }
    Some(match segments.as_slice() {
        [""] => Route::Page(PageFile::Html),
        ["page.css"] => Route::Page(PageFile::Css),
        ["page.js"] => Route::Page(PageFile::Script),
        ["icon.svg"] => Route::Page(PageFile::Icon),
        ["healthz"] => Route::Healthz,
        ["readyz"] => Route::Readyz,
        ["metrics"] => Route::Metrics,
        ["openapi.json"] => Route::Openapi,
        ["api", "overview"] => Route::Overview { brief: false },
        ["api", "drives"] => Route::Drives { verdict: None, pool: None, enclosure: None },
        ["api", "enclosures"] => Route::Enclosures,
        ["api", "zfs"] => Route::Zfs,
        ["api", "health"] => Route::Health,
        ["api", "map.txt"] => Route::Map,
        _ => return None,
    })
}

/// The route of a path that contains the name of a drive or an enclosure.
fn route_with_name(segments: &[String]) -> Option<Route> {
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    Some(match segments.as_slice() {
        ["api", "drives", id] if !id.is_empty() => Route::Drive((*id).to_owned()),
        ["api", "enclosures", id] if !id.is_empty() => Route::Enclosure((*id).to_owned()),
        ["api", "whereis", anything @ ..] if anything.iter().any(|part| !part.is_empty()) => {
            Route::Whereis(anything.join("/"))
        }
        _ => return None,
    })
}

fn overview_route(target: &Target) -> Result<Route, Problem> {
    let mut fields = None;
    for (name, value) in &target.query {
        match (name.as_str(), value.as_str()) {
            ("fields", "summary") if fields.is_none() => fields = Some(value),
            ("fields", "summary") => return Err(Problem::Bad("parameter \"fields\" is given twice".to_owned())),
            ("fields", other) => return Err(Problem::Bad(format!("fields: found {other:?}, expected summary"))),
            _ => return Err(Problem::Bad(format!("unknown parameter {name:?}, expected fields"))),
        }
    }
    Ok(Route::Overview { brief: fields.is_some() })
}

fn drives_route(target: &Target) -> Result<Route, Problem> {
    let (mut verdict, mut pool, mut enclosure) = (None, None, None);
    for (name, value) in &target.query {
        let parameter = match name.as_str() {
            "verdict" => &mut verdict,
            "pool" => &mut pool,
            "enclosure" => &mut enclosure,
            _ => return Err(Problem::Bad(format!("unknown parameter {name:?}, expected verdict, pool or enclosure"))),
        };
        if parameter.replace(value.clone()).is_some() {
            return Err(Problem::Bad(format!("parameter {name:?} is given twice")));
        }
    }
    if let Some(other) = &verdict
        && Verdict::parse(other).is_none()
    {
        return Err(Problem::Bad(format!("verdict: found {other:?}, expected ok, watch, warn, crit or unknown")));
    }
    Ok(Route::Drives { verdict, pool, enclosure })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route_of(url: &str) -> Result<Route, Problem> {
        parse_target(url).and_then(|target| match_route(&target))
    }

    #[test]
    fn paths_match_their_routes() {
        fn drives(verdict: Option<&str>, pool: Option<&str>) -> Route {
            Route::Drives { verdict: verdict.map(Into::into), pool: pool.map(Into::into), enclosure: None }
        }
        for (url, expected) in [
            ("/", Route::Page(PageFile::Html)),
            ("/page.js", Route::Page(PageFile::Script)),
            ("/api/overview", Route::Overview { brief: false }),
            ("/api/overview?fields=summary", Route::Overview { brief: true }),
            ("/api/drives", drives(None, None)),
            ("/api/drives?verdict=crit&pool=my+tank", drives(Some("crit"), Some("my tank"))),
            ("/api/drives/sda", Route::Drive("sda".into())),
            ("/api/drives/nvme-Samsung%20SSD_1", Route::Drive("nvme-Samsung SSD_1".into())),
            ("/api/enclosures/0:0:8:0", Route::Enclosure("0:0:8:0".into())),
            ("/api/zfs", Route::Zfs),
            ("http://localhost:9780/api/zfs", Route::Zfs),
            ("http://localhost", Route::Page(PageFile::Html)),
            ("http://localhost?x=/page.css", Route::Page(PageFile::Html)),
            ("/api/health", Route::Health),
            ("/api/map.txt", Route::Map),
            ("/api/whereis/sda1", Route::Whereis("sda1".into())),
            ("/api/whereis/%2Fdev%2Fsda", Route::Whereis("/dev/sda".into())),
            ("/api/whereis/dev/sda", Route::Whereis("dev/sda".into())),
            ("/api/whereis//dev/sda", Route::Whereis("/dev/sda".into())),
            ("/api/whereis/0x5003/7", Route::Whereis("0x5003/7".into())),
            ("/healthz", Route::Healthz),
            ("/readyz", Route::Readyz),
            ("/metrics", Route::Metrics),
            ("/openapi.json", Route::Openapi),
            // Unknown parameters are ignored.
            ("/?utm_source=x", Route::Page(PageFile::Html)),
            ("/?utm_campaign=caf%E9&x=%zz", Route::Page(PageFile::Html)),
            ("/page.js?v=3", Route::Page(PageFile::Script)),
            ("/healthz?x=1", Route::Healthz),
            ("/readyz?", Route::Readyz),
            ("/metrics/?x=1", Route::Metrics),
            // A final slash is ignored.
            ("/healthz/", Route::Healthz),
            ("/readyz/", Route::Readyz),
            ("/metrics/", Route::Metrics),
            ("/openapi.json/", Route::Openapi),
            ("/api/overview/?fields=summary", Route::Overview { brief: true }),
            ("/api/drives/", drives(None, None)),
            ("/api/drives/?verdict=crit", drives(Some("crit"), None)),
            ("/api/enclosures/", Route::Enclosures),
            ("/api/map.txt/", Route::Map),
        ] {
            assert_eq!(route_of(url).ok(), Some(expected), "{url}");
        }
    }

    #[test]
    fn invalid_paths_are_refused() {
        for url in [
            "/api/drives/%",
            "/api/drives/%zz",
            "/api/drives/%2",
            "/api/drives/a%00b",
            "/api/drives/a%5cb",
            "/api/drives/a\\b",
            "/api/drives/%ff",
            "/api/drives/..",
            "/api/drives/%2e%2e",
            "api/overview",
            "/api/drives?verdict=bad",
            "/api/drives?color=red",
            "/api/drives?pool=a&pool=b",
            "/api/overview?x=1",
            "/api/overview?fields=all",
            "/api/overview?fields=summary&fields=summary",
            "/api/overview?fields=summary&x=1",
            "/api/drives/?color=red",
            "/api/zfs?x=1",
            "/openapi.json?x=1",
            "/api/drives?pool=%zz",
        ] {
            assert!(matches!(route_of(url), Err(Problem::Bad(_))), "{url}");
        }
        for url in [
            "/api",
            "/api/",
            "/api/overview//",
            "//",
            "///",
            "//?x=1",
            "//metrics",
            "/metrics//",
            "/etc/passwd",
            "/api/drives/sda/",
            "/api/drives/sda/x",
            "/api/enclosures//",
            "/api/whereis/",
            "/js/dom.js",
        ] {
            assert!(matches!(route_of(url), Err(Problem::NotFound(_))), "{url}");
        }
    }
}
