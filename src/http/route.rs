//! Paths and their parameters, pure: text in, a route or a problem out.

use super::page::File;
use super::reply::Problem;
use crate::domain::health::Verdict;
use percent_encoding::percent_decode_str;

/// A request's path and query, decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
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
    /// What it names is for anybody who may reach this daemon at all: a file of the page, which holds
    /// no data. Everything else has a token asked of it, where one is set.
    pub(super) fn is_open(&self) -> bool {
        matches!(route(self), Ok(Route::Page(_)))
    }
}

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    Overview {
        is_short: bool,
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
    /// Whatever stands behind `/api/whereis/`, slashes and all.
    Whereis(String),
    Health,
    Healthz,
    Readyz,
    /// A file of the page.
    Page(File),
    Metrics,
    Openapi,
}

/// What was asked for, without who: few enough to be counted apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pattern {
    /// The page's files, all of them.
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
    /// No route, or not one with these parameters.
    Unknown,
    /// It came no further than the gate.
    Refused,
}

impl Pattern {
    /// In the order of their numbers.
    pub const ALL: [Self; 16] = [
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
        Self::Refused,
    ];

    pub fn as_str(self) -> &'static str {
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
            Self::Refused => "refused",
        }
    }
}

impl Route {
    pub fn pattern(&self) -> Pattern {
        match self {
            Self::Page(_) => Pattern::Index,
            Self::Overview { .. } => Pattern::Overview,
            Self::Drives { .. } => Pattern::Drives,
            Self::Drive(_) => Pattern::Drive,
            Self::Enclosures => Pattern::Enclosures,
            Self::Enclosure(_) => Pattern::Enclosure,
            Self::Zfs => Pattern::Zfs,
            Self::Map => Pattern::Map,
            Self::Whereis(_) => Pattern::Whereis,
            Self::Health => Pattern::Health,
            Self::Healthz => Pattern::Healthz,
            Self::Readyz => Pattern::Readyz,
            Self::Metrics => Pattern::Metrics,
            Self::Openapi => Pattern::Openapi,
        }
    }
}

/// Takes a request's target apart. Each part is decoded once; what no honest client sends is refused.
pub fn split(url: &str) -> Result<Target, Problem> {
    // The absolute form, as a proxy may send it (RFC 9112, 3.2.2), names the same.
    let url = match url.strip_prefix("http://") {
        Some(rest) => rest.find(['/', '?']).and_then(|at| rest.get(at..)).filter(|t| t.starts_with('/')).unwrap_or("/"),
        None => url,
    };
    let (path, query) = url.split_once('?').unwrap_or((url, ""));
    let path = path.strip_prefix('/').ok_or_else(|| Problem::Bad("the path does not begin with /".to_owned()))?;
    let segments = path.split('/').map(decode).collect::<Result<Vec<_>, _>>()?;
    if segments.iter().any(|s| s == ".." || s == ".") {
        return Err(Problem::Bad("the path holds . or .. as a part".to_owned()));
    }
    let pairs = query.split('&').filter(|p| !p.is_empty());
    let query = pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Ok((decode(name)?, decode(&value.replace('+', " "))?))
        })
        .collect::<Result<Vec<_>, Problem>>()?;
    Ok(Target { segments, query })
}

fn decode(text: &str) -> Result<String, Problem> {
    let bytes = text.as_bytes();
    let bad_code = bytes.iter().enumerate().any(|(at, b)| {
        let code = bytes.get(at + 1..at + 3);
        *b == b'%' && !code.is_some_and(|c| c.iter().all(u8::is_ascii_hexdigit))
    });
    if bad_code {
        return Err(Problem::Bad("a % in the path or query is not followed by two hex digits".to_owned()));
    }
    let decoded = percent_decode_str(text).decode_utf8();
    let decoded = decoded.map_err(|_| Problem::Bad("the path or query is not UTF-8".to_owned()))?;
    if decoded.contains(['\0', '\\']) {
        return Err(Problem::Bad("the path or query holds a NUL or a backslash".to_owned()));
    }
    Ok(decoded.into_owned())
}

/// Finds the route.
pub fn route(target: &Target) -> Result<Route, Problem> {
    let segments: Vec<&str> = target.segments.iter().map(String::as_str).collect();
    let route = match segments.as_slice() {
        [""] => Route::Page(File::Html),
        ["page.css"] => Route::Page(File::Css),
        ["page.js"] => Route::Page(File::Js),
        ["icon.svg"] => Route::Page(File::Icon),
        ["healthz"] => Route::Healthz,
        ["readyz"] => Route::Readyz,
        ["metrics"] => Route::Metrics,
        ["openapi.json"] => Route::Openapi,
        ["api", "overview"] => return overview(target),
        ["api", "drives"] => return drives(target),
        ["api", "drives", id] if !id.is_empty() => Route::Drive((*id).to_owned()),
        ["api", "enclosures"] => Route::Enclosures,
        ["api", "enclosures", id] if !id.is_empty() => Route::Enclosure((*id).to_owned()),
        ["api", "zfs"] => Route::Zfs,
        ["api", "health"] => Route::Health,
        ["api", "map.txt"] => Route::Map,
        ["api", "whereis", anything @ ..] if anything.iter().any(|part| !part.is_empty()) => {
            Route::Whereis(anything.join("/"))
        }
        _ => return Err(Problem::NotFound("no such path".to_owned())),
    };
    match target.query.first() {
        Some((name, _)) => Err(Problem::Bad(format!("unknown parameter {name:?}"))),
        None => Ok(route),
    }
}

fn overview(target: &Target) -> Result<Route, Problem> {
    let mut fields = None;
    for (name, value) in &target.query {
        match (name.as_str(), value.as_str()) {
            ("fields", "summary") if fields.is_none() => fields = Some(value),
            ("fields", "summary") => return Err(Problem::Bad("parameter \"fields\" is given twice".to_owned())),
            ("fields", odd) => return Err(Problem::Bad(format!("fields: found {odd:?}, wanted summary"))),
            _ => return Err(Problem::Bad(format!("unknown parameter {name:?}, wanted fields"))),
        }
    }
    Ok(Route::Overview { is_short: fields.is_some() })
}

fn drives(target: &Target) -> Result<Route, Problem> {
    let (mut verdict, mut pool, mut enclosure) = (None, None, None);
    for (name, value) in &target.query {
        let place = match name.as_str() {
            "verdict" => &mut verdict,
            "pool" => &mut pool,
            "enclosure" => &mut enclosure,
            _ => return Err(Problem::Bad(format!("unknown parameter {name:?}, wanted verdict, pool or enclosure"))),
        };
        if place.replace(value.clone()).is_some() {
            return Err(Problem::Bad(format!("parameter {name:?} is given twice")));
        }
    }
    if let Some(odd) = verdict.as_ref().filter(|v| Verdict::parse(v).is_none()) {
        return Err(Problem::Bad(format!("verdict: found {odd:?}, wanted ok, watch, warn, crit or unknown")));
    }
    Ok(Route::Drives { verdict, pool, enclosure })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn routed(url: &str) -> Result<Route, Problem> {
        split(url).and_then(|target| route(&target))
    }

    #[test]
    fn paths_lead_where_they_say() {
        let drives = |verdict: Option<&str>, pool: Option<&str>| Route::Drives {
            verdict: verdict.map(Into::into),
            pool: pool.map(Into::into),
            enclosure: None,
        };
        for (url, expected) in [
            ("/", Route::Page(File::Html)),
            ("/page.js", Route::Page(File::Js)),
            ("/api/overview", Route::Overview { is_short: false }),
            ("/api/overview?fields=summary", Route::Overview { is_short: true }),
            ("/api/drives", drives(None, None)),
            ("/api/drives?verdict=crit&pool=my+tank", drives(Some("crit"), Some("my tank"))),
            ("/api/drives/sda", Route::Drive("sda".into())),
            ("/api/drives/nvme-Samsung%20SSD_1", Route::Drive("nvme-Samsung SSD_1".into())),
            ("/api/enclosures/0:0:8:0", Route::Enclosure("0:0:8:0".into())),
            ("/api/zfs", Route::Zfs),
            ("http://localhost:9780/api/zfs", Route::Zfs),
            ("http://localhost", Route::Page(File::Html)),
            ("http://localhost?x=/page.css", Route::Page(File::Html)),
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
        ] {
            assert_eq!(routed(url).ok(), Some(expected), "{url}");
        }
    }

    #[test]
    fn odd_paths_are_refused() {
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
        ] {
            assert!(matches!(routed(url), Err(Problem::Bad(_))), "{url}");
        }
        for url in [
            "/api",
            "/api/",
            "/api/drives/",
            "/api/overview/",
            "//",
            "/etc/passwd",
            "/api/drives/sda/x",
            "/api/whereis/",
        ] {
            assert!(matches!(routed(url), Err(Problem::NotFound(_))), "{url}");
        }
    }
}
