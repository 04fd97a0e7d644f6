//! `/metrics`: values of the poller and counters of this process, in both text formats of Prometheus.
//!
//! A scrape reads no drive and waits for none. Names follow the conventions of Prometheus; an unknown value is an
//! absent series, never 0.

mod bays;
mod drives;
mod family_writer;
mod pools;
mod service;
mod smart_details;

use super::negotiate::prefers_open_metrics;
use super::request_metrics::RequestMetrics;
use super::response::Response;
use crate::api::metrics_snapshot::MetricsSnapshot;
use crate::cache::Bytes;
use crate::clock::Moment;
use crate::process::usage;
use crate::reader::Reader;
use family_writer::FamilyWriter;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, prometheus_text, text};
use prometheus_client::registry::Registry;
use service::ServiceSnapshot;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, Weak};

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Writes the response. The part that changes only with the poller's measurements is encoded once for all scrapes.
pub(super) struct Exposition {
    started: Moment,
    request_metrics: Arc<RequestMetrics>,
    inventory: Mutex<EncodedInventory>,
}

/// The encoded series of the inventory, in both formats.
#[derive(Default)]
struct EncodedInventory {
    /// The snapshot that is encoded. Weak, so that it is not kept alive.
    snapshot: Weak<MetricsSnapshot>,
    prometheus: Option<Bytes>,
    open_metrics: Option<Bytes>,
}

impl Exposition {
    pub(super) fn new(started: Moment, request_metrics: Arc<RequestMetrics>) -> Self {
        Self { started, request_metrics, inventory: Mutex::default() }
    }

    pub(super) fn response(&self, reader: &Reader, accept: Option<&str>) -> Response {
        let open_metrics = prefers_open_metrics(accept);
        let snapshot = reader.metrics_snapshot();
        let service = ServiceSnapshot {
            status: reader.service_status(),
            started: self.started,
            request_metrics: Arc::clone(&self.request_metrics),
            usage: usage(),
            is_leader: snapshot.is_some(),
        };
        let content_type = if open_metrics { OPEN_METRICS } else { prometheus_text::CONTENT_TYPE };
        let inventory = self.inventory(snapshot.as_ref(), open_metrics);
        Response::joined(content_type, encode(service, open_metrics), inventory).vary_by_accept()
    }

    /// Concurrent scrapes wait for the first one, which encodes.
    fn inventory(&self, snapshot: Option<&Arc<MetricsSnapshot>>, open_metrics: bool) -> Bytes {
        let Some(snapshot) = snapshot else { return with_end(String::new(), open_metrics) };
        let mut encoded = self.inventory.lock().unwrap_or_else(PoisonError::into_inner);
        if !Weak::ptr_eq(&encoded.snapshot, &Arc::downgrade(snapshot)) {
            *encoded = EncodedInventory { snapshot: Arc::downgrade(snapshot), ..EncodedInventory::default() };
        }
        let text = if open_metrics { &mut encoded.open_metrics } else { &mut encoded.prometheus };
        let bytes = text.get_or_insert_with(|| {
            with_end(encode(InventoryMetrics(Arc::clone(snapshot)), open_metrics), open_metrics)
        });
        Bytes::clone(bytes)
    }
}

/// Adds the end of the exposition.
fn with_end(mut text: String, open_metrics: bool) -> Bytes {
    if open_metrics {
        let _ = text::encode_eof(&mut text);
    }
    text.into_bytes().into()
}

fn encode(collector: impl Collector, open_metrics: bool) -> String {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(collector));
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = if open_metrics {
        text::encode_registry(&mut text, &registry)
    } else {
        prometheus_text::encode(&mut text, &registry)
    };
    text
}

/// Series of sweeps, drives, enclosures and pools.
#[derive(Debug)]
struct InventoryMetrics(Arc<MetricsSnapshot>);

impl Collector for InventoryMetrics {
    fn encode(&self, encoder: DescriptorEncoder) -> fmt::Result {
        let mut writer = FamilyWriter::new(encoder);
        let drives = drives::labeled_drives(&self.0);
        drives::write(&mut writer, &drives)?;
        smart_details::write(&mut writer, &drives)?;
        bays::write(&mut writer, &self.0.overview)?;
        pools::write(&mut writer, &self.0, &drives)?;
        service::write_sweeps(&mut writer, &self.0)
    }
}
