//! Static assets: the files of the page for browsers. They are part of the binary and hold no data; the page fetches
//! its data from the API. Each is compressed once, and has an entity tag for each encoding.
//!
//! There is no build step. The style sheet is the concatenation of the files in `page/css`; `page_script` joins the
//! modules of the script.

use super::page_script;
use crate::cache::gzip;
use crate::domain::hash::fnv1a;
use flate2::Compression;
use std::sync::OnceLock;

/// A file of the page. Nothing else is served without a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PageFile {
    Html,
    Css,
    Script,
    Icon,
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

impl PageFile {
    pub(super) fn asset(self, takes_gzip: bool) -> &'static Asset {
        static VARIANTS: [OnceLock<AssetVariants>; 4] = [const { OnceLock::new() }; 4];
        let [html, css, script, icon] = &VARIANTS;
        let variants = match self {
            Self::Html => html,
            Self::Css => css,
            Self::Script => script,
            Self::Icon => icon,
        };
        variants.get_or_init(|| self.compress()).select(takes_gzip)
    }

    fn compress(self) -> AssetVariants {
        match self {
            Self::Html => AssetVariants::compress("text/html; charset=utf-8", HTML),
            Self::Css => AssetVariants::compress("text/css; charset=utf-8", CSS),
            Self::Script => AssetVariants::compress("text/javascript; charset=utf-8", &page_script::joined()),
            Self::Icon => AssetVariants::compress("image/svg+xml; charset=utf-8", ICON),
        }
    }
}

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

    const FILES: [PageFile; 4] = [PageFile::Html, PageFile::Css, PageFile::Script, PageFile::Icon];

    #[test]
    fn each_encoding_of_a_file_has_its_own_tag() {
        for file in FILES {
            let (identity, gzip) = (file.asset(false), file.asset(true));
            assert!(!identity.is_gzip && identity.body.len() > 100, "{file:?}");
            assert!(gzip.body.len() <= identity.body.len(), "{file:?}");
            assert_eq!(gzip.etag == identity.etag, !gzip.is_gzip, "{file:?}");
        }
    }

    /// A reverse proxy may serve them below a prefix.
    #[test]
    fn all_links_of_the_page_are_relative() {
        let script = page_script::joined();
        for text in [HTML, CSS, &script] {
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
            ] {
                assert!(!text.contains(absolute), "{absolute}");
            }
        }
        assert!(HTML.contains("src=\"page.js\""));
        assert!(script.contains("request('api/overview'") && script.contains("request(`api/drives/"));
    }

    /// It is loaded over mobile networks, too.
    #[test]
    fn the_page_is_small() {
        let sizes = FILES.map(|file| file.asset(true).body.len());
        assert!(sizes.iter().sum::<usize>() < 60_000, "{sizes:?}");
    }

    #[test]
    fn no_line_of_the_page_is_longer_than_120_columns() {
        for text in [HTML, CSS, &page_script::joined()] {
            for line in text.lines() {
                assert!(line.chars().count() <= 120, "{line}");
            }
        }
    }
}
