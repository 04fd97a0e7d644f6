//! `/metrics`: what the poller has measured and what this process counts, in both text formats of
//! Prometheus. It asks no drive and waits for nobody; names follow Prometheus's conventions, and
//! unknown is an absent series, never 0.

mod bays;
mod details;
mod drives;
mod pools;
mod service;
mod sheet;

use super::Desk;
use super::accept::prefers_open_metrics;
use super::reply::Reply;
use crate::api::metrics_snapshot::MetricsSnapshot;
use crate::cache::Bytes;
use crate::reader::Reader;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{prometheus_text, text};
use prometheus_client::registry::Registry;
use service::Now;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, Weak};

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The part that changes only with what the poller measures, made once for all that ask.
#[derive(Default)]
pub(super) struct Exposition {
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    /// What it is made of. It does not keep that alive.
    of: Weak<MetricsSnapshot>,
    plain: Option<Bytes>,
    open: Option<Bytes>,
}

impl Exposition {
    pub(super) fn reply(&self, reader: &Reader, desk: &Desk, accept: Option<&str>) -> Reply {
        let open = prefers_open_metrics(accept);
        let measured = reader.measured();
        let now = Now::new(reader, desk, measured.as_deref());
        let content_type = if open { OPEN_METRICS } else { prometheus_text::CONTENT_TYPE };
        Reply::joined(content_type, encoded(now, open), self.rack(measured.as_ref(), open)).varying()
    }

    /// All that ask at once wait for the first, who makes it.
    fn rack(&self, measured: Option<&Arc<MetricsSnapshot>>, open: bool) -> Bytes {
        let Some(measured) = measured else { return ended(String::new(), open) };
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if !Weak::ptr_eq(&held.of, &Arc::downgrade(measured)) {
            *held = Held { of: Arc::downgrade(measured), ..Held::default() };
        }
        let place = if open { &mut held.open } else { &mut held.plain };
        let make = || ended(encoded(Rack(Arc::clone(measured)), open), open);
        Bytes::clone(place.get_or_insert_with(make))
    }
}

/// The end of the whole.
fn ended(mut text: String, open: bool) -> Bytes {
    if open {
        let _ = text::encode_eof(&mut text);
    }
    text.into_bytes().into()
}

fn encoded(collector: impl Collector, open: bool) -> String {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(collector));
    let mut into = String::new();
    // Writing to a string does not fail.
    let _ =
        if open { text::encode_registry(&mut into, &registry) } else { prometheus_text::encode(&mut into, &registry) };
    into
}

/// Drives, bays and pools.
#[derive(Debug)]
struct Rack(Arc<MetricsSnapshot>);

impl Collector for Rack {
    fn encode(&self, encoder: prometheus_client::encoding::DescriptorEncoder) -> fmt::Result {
        let mut sheet = sheet::Sheet::new(encoder);
        let drives = drives::listed(&self.0);
        drives::write(&mut sheet, &drives)?;
        details::write(&mut sheet, &drives)?;
        bays::write(&mut sheet, &self.0.overview)?;
        pools::write(&mut sheet, &self.0, &drives)?;
        service::write_sweeps(&mut sheet, &self.0)
    }
}
