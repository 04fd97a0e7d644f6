//! HTTP: the server that clients connect to, the workers that respond, the handlers, the page and the metrics. Nothing
//! here accesses Redis or a drive.

mod assets;
mod endpoint;
#[cfg(fuzzing)]
mod fuzz;
mod handlers;
mod metrics;
mod negotiate;
mod openapi;
mod page_script;
mod problem;
mod request_metrics;
mod response;
mod response_head;
mod route;
mod server;
mod status;
mod worker;
mod worker_context;

pub(crate) use endpoint::Addresses;
pub use endpoint::Endpoint;
#[cfg(fuzzing)]
pub use fuzz::fuzz_target;
#[cfg(fuzzing)]
pub use server::fuzz_head;
pub(crate) use server::{AddressStatus, Server, listen_error_hint, probe_addresses};
pub(crate) use worker::run_worker;
pub(crate) use worker_context::WorkerContext;
