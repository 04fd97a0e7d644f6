//! Static assets: the files of the page for browsers. They are part of the binary and hold no data; the page fetches
//! its data from the API. Each is compressed once, and has an entity tag for each encoding.
//!
//! There is no build step. The scripts are ES modules, each a file of its own; the style sheet is the concatenation of
//! the files in `page/css`.

use crate::cache::gzip;
use crate::domain::hash::fnv1a;
use flate2::Compression;
use std::sync::OnceLock;

/// A file of the page.
#[derive(Debug)]
pub(super) struct PageFile {
    /// Below `/`; empty for the page itself.
    path: &'static str,
    content_type: &'static str,
    text: &'static str,
    /// Compressed at the first request.
    variants: OnceLock<AssetVariants>,
}

/// An asset in one encoding.
#[derive(Debug)]
pub(super) struct Asset {
    pub(super) content_type: &'static str,
    pub(super) body: Vec<u8>,
    /// Strong entity tag, quoted. It differs between encodings, since the bytes differ.
    pub(super) etag: String,
    pub(super) is_gzip: bool,
}

/// An asset in all encodings.
#[derive(Debug)]
pub(super) struct AssetVariants {
    identity: Asset,
    /// `None` if gzip would not make it smaller.
    gzip: Option<Asset>,
}

const HTML: &str = include_str!("page/index.html");
const CSS: &str = concat!(
    include_str!("page/css/theme.css"),
    include_str!("page/css/page.css"),
    include_str!("page/css/filter.css"),
    include_str!("page/css/shelves.css"),
    include_str!("page/css/tiles.css"),
    include_str!("page/css/colours.css"),
    include_str!("page/css/tile_sizes.css"),
    include_str!("page/css/drive.css"),
    include_str!("page/css/print.css"),
);
const ICON: &str = include_str!("page/icon.svg");

/// All files of the page. Nothing else is served without a token.
static FILES: [PageFile; 35] = [
    PageFile::new("", "text/html; charset=utf-8", HTML),
    PageFile::new("page.css", "text/css; charset=utf-8", CSS),
    PageFile::new("icon.svg", "image/svg+xml; charset=utf-8", ICON),
    PageFile::script("page.js", include_str!("page/page.js")),
    PageFile::script("js/address.js", include_str!("page/js/address.js")),
    PageFile::script("js/api.js", include_str!("page/js/api.js")),
    PageFile::script("js/client.js", include_str!("page/js/client.js")),
    PageFile::script("js/clipboard.js", include_str!("page/js/clipboard.js")),
    PageFile::script("js/clock.js", include_str!("page/js/clock.js")),
    PageFile::script("js/colours.js", include_str!("page/js/colours.js")),
    PageFile::script("js/decode.js", include_str!("page/js/decode.js")),
    PageFile::script("js/describe.js", include_str!("page/js/describe.js")),
    PageFile::script("js/dom.js", include_str!("page/js/dom.js")),
    PageFile::script("js/drive_dialog.js", include_str!("page/js/drive_dialog.js")),
    PageFile::script("js/drive_facts.js", include_str!("page/js/drive_facts.js")),
    PageFile::script("js/drive_logs.js", include_str!("page/js/drive_logs.js")),
    PageFile::script("js/drive_parts.js", include_str!("page/js/drive_parts.js")),
    PageFile::script("js/drive_sections.js", include_str!("page/js/drive_sections.js")),
    PageFile::script("js/filter.js", include_str!("page/js/filter.js")),
    PageFile::script("js/format.js", include_str!("page/js/format.js")),
    PageFile::script("js/freshness.js", include_str!("page/js/freshness.js")),
    PageFile::script("js/json_text.js", include_str!("page/js/json_text.js")),
    PageFile::script("js/keyboard.js", include_str!("page/js/keyboard.js")),
    PageFile::script("js/layout.js", include_str!("page/js/layout.js")),
    PageFile::script("js/places.js", include_str!("page/js/places.js")),
    PageFile::script("js/pools.js", include_str!("page/js/pools.js")),
    PageFile::script("js/print_sheet.js", include_str!("page/js/print_sheet.js")),
    PageFile::script("js/problems.js", include_str!("page/js/problems.js")),
    PageFile::script("js/refresh.js", include_str!("page/js/refresh.js")),
    PageFile::script("js/shelves.js", include_str!("page/js/shelves.js")),
    PageFile::script("js/sign_in.js", include_str!("page/js/sign_in.js")),
    PageFile::script("js/state.js", include_str!("page/js/state.js")),
    PageFile::script("js/summary.js", include_str!("page/js/summary.js")),
    PageFile::script("js/tiles.js", include_str!("page/js/tiles.js")),
    PageFile::script("js/vocabulary.js", include_str!("page/js/vocabulary.js")),
];

impl PageFile {
    const fn new(path: &'static str, content_type: &'static str, text: &'static str) -> Self {
        Self { path, content_type, text, variants: OnceLock::new() }
    }

    const fn script(path: &'static str, text: &'static str) -> Self {
        Self::new(path, "text/javascript; charset=utf-8", text)
    }

    /// The file with that path, which is relative to the page.
    pub(super) fn find(path: &str) -> Option<&'static Self> {
        FILES.iter().find(|file| file.path == path)
    }

    pub(super) fn asset(&self, takes_gzip: bool) -> &Asset {
        let variants = self.variants.get_or_init(|| AssetVariants::compress(self.content_type, self.text));
        variants.select(takes_gzip)
    }
}

/// Paths are unique.
impl PartialEq for PageFile {
    fn eq(&self, other: &Self) -> bool {
        self.path == other.path
    }
}

impl Eq for PageFile {}

impl AssetVariants {
    pub(super) fn compress(content_type: &'static str, text: &str) -> Self {
        let hash = fnv1a(text.bytes());
        let identity = Asset {
            content_type,
            body: text.as_bytes().to_vec(),
            etag: format!("\"{hash:016x}-{:x}\"", text.len()),
            is_gzip: false,
        };
        let gzip = gzip(text.as_bytes(), Compression::best()).map(|body| Asset {
            content_type,
            etag: format!("\"{hash:016x}-{:x}-gzip\"", text.len()),
            body,
            is_gzip: true,
        });
        Self { identity, gzip }
    }

    pub(super) fn select(&self, takes_gzip: bool) -> &Asset {
        match &self.gzip {
            Some(gzip) if takes_gzip => gzip,
            _ => &self.identity,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn scripts() -> impl Iterator<Item = &'static PageFile> {
        FILES.iter().filter(|file| file.content_type.starts_with("text/javascript"))
    }

    /// The modules that a script imports, below `/`.
    fn imports(script: &PageFile) -> impl Iterator<Item = String> {
        let folder = script.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let statements = script.text.split("\nimport ").skip(1);
        statements.map(move |statement| {
            let specifier = statement.split('\'').nth(1).unwrap_or_default();
            let relative = specifier.strip_prefix("./").unwrap_or_else(|| panic!("{specifier} is not relative"));
            if folder.is_empty() { relative.to_owned() } else { format!("{folder}/{relative}") }
        })
    }

    #[test]
    fn each_encoding_of_a_file_has_its_own_tag() {
        for file in &FILES {
            let (identity, gzip) = (file.asset(false), file.asset(true));
            assert!(!identity.is_gzip && identity.body.len() > 100, "{}", file.path);
            assert!(gzip.body.len() <= identity.body.len(), "{}", file.path);
            assert_eq!(gzip.etag == identity.etag, !gzip.is_gzip, "{}", file.path);
        }
    }

    /// A reverse proxy may serve them below a prefix.
    #[test]
    fn all_links_of_the_page_are_relative() {
        for file in &FILES {
            for absolute in [
                "href=\"/",
                "src=\"/",
                "url(/",
                "url('/",
                "url(\"/",
                "request('/",
                "request(`/",
                "fetch('/",
                "fetch(`/",
                "from '/",
                "from \"/",
            ] {
                assert!(!file.text.contains(absolute), "{}: {absolute}", file.path);
            }
        }
        let has = |text: &str| scripts().any(|script| script.text.contains(text));
        assert!(HTML.contains("src=\"page.js\"") && has("request('api/overview'") && has("request(`api/drives/"));
    }

    /// Without the links of index.html, a browser would discover the modules one import after another.
    #[test]
    fn every_module_is_imported_and_preloaded() {
        let links = HTML.split("<link rel=\"modulepreload\" href=\"").skip(1);
        let preloaded: BTreeSet<&str> = links.filter_map(|link| link.split('"').next()).collect();
        let imported: BTreeSet<String> = scripts().flat_map(imports).collect();
        let served: BTreeSet<&str> = scripts().map(|script| script.path).filter(|path| *path != "page.js").collect();
        assert!(served.len() > 20, "{served:?}");
        assert_eq!(preloaded, served);
        assert_eq!(imported.iter().map(String::as_str).collect::<BTreeSet<_>>(), served);
    }

    /// As `tests/it/import_cycles.rs` does for the crate, but without exceptions.
    #[test]
    fn no_modules_import_each_other_in_a_cycle() {
        let mut rest: Vec<(&str, Vec<String>)> =
            scripts().map(|script| (script.path, imports(script).collect())).collect();
        while !rest.is_empty() {
            let remaining: BTreeSet<&str> = rest.iter().map(|(path, _)| *path).collect();
            let before = rest.len();
            rest.retain(|(_, imports)| imports.iter().any(|path| remaining.contains(path.as_str())));
            assert!(rest.len() < before, "{rest:#?}");
        }
    }

    /// It is loaded over mobile networks, too.
    #[test]
    fn the_page_is_small() {
        let sizes: Vec<_> = FILES.iter().map(|file| (file.path, file.asset(true).body.len())).collect();
        assert!(sizes.iter().map(|(_, size)| size).sum::<usize>() < 60_000, "{sizes:#?}");
    }

    #[test]
    fn no_line_of_the_page_is_longer_than_120_columns() {
        for file in FILES.iter().filter(|file| file.path != "icon.svg") {
            for line in file.text.lines() {
                assert!(line.chars().count() <= 120, "{}: {line}", file.path);
            }
        }
    }
}
