//! The control socket: commands to the running daemon from a shell on this host, by root or by the daemon's own user.
//!
//! `jbod-monitor forget` is the client. One line is asked and one is answered, one connection at a time.

mod client;
mod protocol;
mod server;
mod socket;

pub use client::forget;
pub(crate) use server::ControlServer;
pub(crate) use socket::{SocketStatus, socket_status};
