//! The control socket: commands of root or of the daemon's user to the running daemon.
//!
//! `jbod-monitor forget` is the client. Request and answer are one line each; one connection is served at a time.

mod client;
mod protocol;
mod server;
mod socket;

pub use client::forget;
pub(crate) use server::ControlServer;
pub(crate) use socket::{SocketStatus, socket_status};
