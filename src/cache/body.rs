//! A value and its gzip encoding, which is computed once for all clients.

use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write as _;
use std::sync::{Arc, OnceLock};

/// Smaller values fit into one packet in any case.
const MIN_GZIP_BYTES: usize = 1024;

/// A stored value; cheap to clone.
pub(crate) type Bytes = Arc<[u8]>;

#[derive(Debug)]
pub(crate) struct Body {
    plain: Bytes,
    gzip: OnceLock<Option<Bytes>>,
}

impl Body {
    pub(crate) fn new(plain: Bytes) -> Arc<Self> {
        Arc::new(Self { plain, gzip: OnceLock::new() })
    }

    pub(crate) fn plain(&self) -> &Bytes {
        &self.plain
    }

    /// The gzip encoding, computed on the first call. `None` if it would not be smaller.
    pub(crate) fn gzip(&self) -> Option<&Bytes> {
        self.gzip.get_or_init(|| gzip(&self.plain, Compression::default()).map(Bytes::from)).as_ref()
    }
}

/// The gzip encoding. `None` if it would not be smaller.
pub(crate) fn gzip(plain: &[u8], level: Compression) -> Option<Vec<u8>> {
    if plain.len() < MIN_GZIP_BYTES {
        return None;
    }
    let mut encoder = GzEncoder::new(Vec::with_capacity(plain.len() / 8), level);
    // Writing to memory cannot fail; if it did, the value would be sent without an encoding.
    encoder.write_all(plain).ok()?;
    let gzip = encoder.finish().ok()?;
    if gzip.len() < plain.len() { Some(gzip) } else { None }
}
