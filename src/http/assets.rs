//! Static assets: the files of the page for browsers. They are part of the binary and hold no data; the page fetches
//! its data from the API. Each is compressed once, and has an entity tag for each encoding.
//!
//! There is no build step: the script is the concatenation of the files in `page/js`.

use crate::cache::gzip;
use crate::domain::hash::fnv1a;
use flate2::Compression;
use std::sync::LazyLock;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PageFile {
    Html,
    Css,
    Js,
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

const HTML: &str = include_str!("page/index.html");
const CSS: &str =
    concat!(include_str!("page/page.css"), include_str!("page/tiles.css"), include_str!("page/drive.css"));
const JS: &str = concat!(
    include_str!("page/js/checked.js"),
    include_str!("page/js/shapes.js"),
    include_str!("page/js/words.js"),
    include_str!("page/js/drives.js"),
    include_str!("page/js/colours.js"),
    include_str!("page/js/summary.js"),
    include_str!("page/js/pools.js"),
    include_str!("page/js/shelves.js"),
    include_str!("page/js/filter.js"),
    include_str!("page/js/drive.js"),
    include_str!("page/js/detail.js"),
    include_str!("page/js/sheet.js"),
    include_str!("page/js/live.js"),
);
const ICON: &str = include_str!("page/icon.svg");

/// An asset in all encodings.
pub(super) struct AssetVariants {
    identity: Asset,
    /// `None` if gzip would not make it smaller.
    gzip: Option<Asset>,
}

impl PageFile {
    /// Compressed at its first request.
    pub(super) fn asset(self, takes_gzip: bool) -> &'static Asset {
        static HTML_VARIANTS: LazyLock<AssetVariants> =
            LazyLock::new(|| AssetVariants::compress("text/html; charset=utf-8", HTML));
        static CSS_VARIANTS: LazyLock<AssetVariants> =
            LazyLock::new(|| AssetVariants::compress("text/css; charset=utf-8", CSS));
        static JS_VARIANTS: LazyLock<AssetVariants> =
            LazyLock::new(|| AssetVariants::compress("text/javascript; charset=utf-8", JS));
        static ICON_VARIANTS: LazyLock<AssetVariants> =
            LazyLock::new(|| AssetVariants::compress("image/svg+xml; charset=utf-8", ICON));
        let variants = match self {
            Self::Html => &HTML_VARIANTS,
            Self::Css => &CSS_VARIANTS,
            Self::Js => &JS_VARIANTS,
            Self::Icon => &ICON_VARIANTS,
        };
        variants.select(takes_gzip)
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

    #[test]
    fn each_encoding_of_a_file_has_its_own_tag() {
        for file in [PageFile::Html, PageFile::Css, PageFile::Js, PageFile::Icon] {
            let (identity, gzip) = (file.asset(false), file.asset(true));
            assert!(!identity.is_gzip && identity.body.len() > 100, "{file:?}");
            assert!(gzip.body.len() <= identity.body.len(), "{file:?}");
            assert_eq!(gzip.etag == identity.etag, !gzip.is_gzip, "{file:?}");
        }
    }

    /// A proxy may serve them below a prefix.
    #[test]
    fn all_links_of_the_page_are_relative() {
        for file in [HTML, CSS, JS] {
            for absolute in
                ["href=\"/", "src=\"/", "url(/", "url('/", "url(\"/", "ask('/", "ask(`/", "fetch('/", "fetch(`/"]
            {
                assert!(!file.contains(absolute), "{absolute}");
            }
        }
        assert!(
            HTML.contains("src=\"page.js\"") && JS.contains("ask('api/overview'") && JS.contains("ask(`api/drives/")
        );
    }

    /// It is loaded over mobile networks, too.
    #[test]
    fn the_page_is_small() {
        let all = [PageFile::Html, PageFile::Css, PageFile::Js, PageFile::Icon].map(|file| file.asset(true).body.len());
        assert!(all.iter().sum::<usize>() < 60_000, "{all:?}");
    }
}
