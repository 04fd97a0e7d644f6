//! A value as it goes over the wire: plain, and as gzip, which is made once for all who want it.

use super::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write as _;
use std::sync::{Arc, OnceLock};

/// Smaller ones gain nothing that a packet would not take anyway.
const WORTH_BYTES: usize = 1024;

#[derive(Debug)]
pub struct Body {
    plain: Bytes,
    gzip: OnceLock<Option<Bytes>>,
}

impl Body {
    pub fn new(plain: Bytes) -> Arc<Self> {
        Arc::new(Self { plain, gzip: OnceLock::new() })
    }

    pub fn plain(&self) -> &Bytes {
        &self.plain
    }

    /// `None`: it is not worth it. Whoever asks first makes it.
    pub fn gzip(&self) -> Option<&Bytes> {
        self.gzip.get_or_init(|| gzip(&self.plain, Compression::default()).map(Bytes::from)).as_ref()
    }
}

/// `None` where that would gain nothing.
pub fn gzip(plain: &[u8], level: Compression) -> Option<Vec<u8>> {
    if plain.len() < WORTH_BYTES {
        return None;
    }
    let mut encoder = GzEncoder::new(Vec::with_capacity(plain.len() / 8), level);
    // Writing to memory does not fail; if it ever did, the value goes out as it stands.
    encoder.write_all(plain).ok()?;
    encoder.finish().ok().filter(|gzip| gzip.len() < plain.len())
}
