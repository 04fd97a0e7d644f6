//! State that all workers share.

use super::metrics::Exposition;
use super::request_metrics::RequestMetrics;
use super::server::Server;
use crate::clock::Moment;
use std::sync::Arc;

pub(crate) struct WorkerContext {
    pub(super) started: Moment,
    pub(super) request_metrics: Arc<RequestMetrics>,
    pub(super) exposition: Exposition,
}

impl WorkerContext {
    pub(crate) fn new(server: &Server) -> Self {
        let (started, request_metrics) = (Moment::now(), server.request_metrics());
        let exposition = Exposition::new(started, Arc::clone(&request_metrics));
        Self { started, request_metrics, exposition }
    }
}
