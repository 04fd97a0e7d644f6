//! The files of the page for browsers, which are part of the binary: each as it stands and as gzip,
//! compressed once, with the tag of each. They hold no data; the page fetches that from the API.
//!
//! There is no build step: the script is the files below `page/js`, one after the other.

use crate::cache::gzip;
use crate::domain::hash::fnv1a;
use flate2::Compression;
use std::sync::LazyLock;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum File {
    Html,
    Css,
    Js,
    Icon,
}

/// One of them, as it goes over the wire.
#[derive(Debug)]
pub(super) struct Ready {
    pub(super) content_type: &'static str,
    pub(super) body: Vec<u8>,
    /// Strong, quoted. Another one for each encoding: the bytes differ.
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
    include_str!("page/js/shelves.js"),
    include_str!("page/js/filter.js"),
    include_str!("page/js/drive.js"),
    include_str!("page/js/detail.js"),
    include_str!("page/js/sheet.js"),
    include_str!("page/js/live.js"),
);
const ICON: &str = include_str!("page/icon.svg");

/// As it stands, and as gzip where that is worth it.
pub(super) type Both = (Ready, Option<Ready>);

impl File {
    /// Made ready when it is first asked for.
    pub(super) fn ready(self, takes_gzip: bool) -> &'static Ready {
        static HTML_READY: LazyLock<Both> = LazyLock::new(|| both("text/html; charset=utf-8", HTML));
        static CSS_READY: LazyLock<Both> = LazyLock::new(|| both("text/css; charset=utf-8", CSS));
        static JS_READY: LazyLock<Both> = LazyLock::new(|| both("text/javascript; charset=utf-8", JS));
        static ICON_READY: LazyLock<Both> = LazyLock::new(|| both("image/svg+xml; charset=utf-8", ICON));
        let both = match self {
            Self::Html => &HTML_READY,
            Self::Css => &CSS_READY,
            Self::Js => &JS_READY,
            Self::Icon => &ICON_READY,
        };
        either(both, takes_gzip)
    }
}

pub(super) fn either((plain, gzip): &Both, takes_gzip: bool) -> &Ready {
    gzip.as_ref().filter(|_| takes_gzip).unwrap_or(plain)
}

pub(super) fn both(content_type: &'static str, text: &str) -> Both {
    let hash = fnv1a(text.bytes());
    let plain = Ready {
        content_type,
        body: text.as_bytes().to_vec(),
        etag: format!("\"{hash:016x}-{:x}\"", text.len()),
        is_gzip: false,
    };
    let gzip = gzip(text.as_bytes(), Compression::best()).map(|body| Ready {
        content_type,
        etag: format!("\"{hash:016x}-{:x}-gzip\"", text.len()),
        body,
        is_gzip: true,
    });
    (plain, gzip)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_told_from_its_gzip_by_its_tag() {
        for file in [File::Html, File::Css, File::Js, File::Icon] {
            let (plain, gzip) = (file.ready(false), file.ready(true));
            assert!(!plain.is_gzip && plain.body.len() > 100, "{file:?}");
            assert!(gzip.body.len() <= plain.body.len(), "{file:?}");
            assert_eq!(gzip.etag == plain.etag, !gzip.is_gzip, "{file:?}");
        }
    }

    /// Somebody looks at it over a phone's line in a server room.
    #[test]
    fn the_page_is_light() {
        let all = [File::Html, File::Css, File::Js, File::Icon].map(|file| file.ready(true).body.len());
        assert!(all.iter().sum::<usize>() < 60_000, "{all:?}");
    }
}
