//! A request for a worker, with the writer for its response.

use super::completion::{AfterResponse, Completion, CompletionSlot, RequestNumber, WakeUp, Waker};
use super::connection_limit::ConnectionPermit;
use super::request_head::RequestHead;
use super::socket_halves::{ResponseWriter, UnsentBytes};
use crate::http::response::Response;
use crate::http::response_head::{Framing, ResponseHeadCache};
use std::sync::Arc;
use std::time::Instant;

/// A complete, admitted request.
pub(crate) struct PendingRequest {
    pub(crate) head: RequestHead,
    /// When it began to wait for a worker.
    pub(crate) since: Instant,
    connection: u64,
    number: RequestNumber,
    /// `None` after it has been returned.
    writer: Option<ResponseWriter>,
    slot: Arc<CompletionSlot>,
    waker: Waker,
    /// Held until the request ends, even if the client closes the connection before.
    _permit: Option<ConnectionPermit>,
}

/// What a connection dispatches.
pub(super) struct AdmittedRequest {
    pub(super) head: RequestHead,
    pub(super) number: RequestNumber,
    pub(super) writer: ResponseWriter,
    pub(super) slot: Arc<CompletionSlot>,
    pub(super) permit: Option<ConnectionPermit>,
}

impl PendingRequest {
    pub(super) fn new(request: AdmittedRequest, connection: u64, waker: Waker) -> Self {
        let AdmittedRequest { head, number, writer, slot, permit } = request;
        let since = Instant::now();
        Self { head, since, connection, number, writer: Some(writer), slot, waker, _permit: permit }
    }

    /// Sends the response from the thread of the worker, which saves a wake-up, as far as that does not block. The
    /// event loop sends the rest, so that no worker waits for a client.
    pub(crate) fn send(mut self, response: &Response, head_cache: &mut ResponseHeadCache) {
        let Some(completion) = self.write(response, head_cache) else { return };
        if let Some(wake_up) = self.complete(completion) {
            self.waker.wake(wake_up);
        }
    }

    pub(super) fn write(&mut self, response: &Response, head_cache: &mut ResponseHeadCache) -> Option<Completion> {
        let mut writer = self.writer.take()?;
        let RequestHead { omit_body, is_http_10, keep_alive, .. } = self.head;
        let slices = head_cache.io_slices(response, Framing { omit_body, is_http_10, keep_alive });
        let length: usize = slices.iter().map(|slice| slice.len()).sum();
        let mut after = if keep_alive { AfterResponse::NextRequest } else { AfterResponse::Close };
        let unsent = match writer.send(slices) {
            Ok(sent) if sent == length => UnsentBytes::default(),
            Ok(sent) => UnsentBytes::after(sent, slices, response.shared_body()),
            Err(_) => {
                after = AfterResponse::Close;
                UnsentBytes::default()
            }
        };
        Some(Completion { number: self.number, writer, unsent, after })
    }

    /// Returns the writer to the connection. `Some` if the event loop needs a wake-up.
    pub(super) fn complete(&self, completion: Completion) -> Option<WakeUp> {
        let needs_wake_up = self.slot.complete(completion);
        if needs_wake_up { Some(WakeUp { connection: self.connection, number: self.number }) } else { None }
    }
}

impl Drop for PendingRequest {
    /// Closes the connection if the request got no response.
    fn drop(&mut self) {
        let Some(writer) = self.writer.take() else { return };
        let (unsent, after) = (UnsentBytes::default(), AfterResponse::Close);
        if let Some(wake_up) = self.complete(Completion { number: self.number, writer, unsent, after }) {
            self.waker.wake(wake_up);
        }
    }
}
