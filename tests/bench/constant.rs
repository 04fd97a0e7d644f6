//! For comparison: tiny_http alone, with a constant response.
//!
//! `constant ADDR:PORT FILE`: four workers respond to every request with the bytes of FILE (a complete response, head
//! and body) in one write. For benchmarks only; it must not be reachable from other hosts.

use std::io::Write;
use std::sync::Arc;

const WORKERS: usize = 4;

fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let mut args = std::env::args().skip(1);
    let (address, file) = (args.next().ok_or("ADDR:PORT is missing")?, args.next().ok_or("FILE is missing")?);
    let response: Arc<[u8]> = std::fs::read(file)?.into();
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.set_tcp_nodelay(true)?;
    socket.bind(&address.parse::<std::net::SocketAddr>()?.into())?;
    socket.listen(1024)?;
    let server = Arc::new(tiny_http::Server::from_listener(std::net::TcpListener::from(socket), None)?);
    let mut workers = Vec::new();
    for _ in 0..WORKERS {
        let (server, response) = (Arc::clone(&server), Arc::clone(&response));
        workers.push(std::thread::Builder::new().spawn(move || respond(&server, &response))?);
    }
    for worker in workers {
        let _ = worker.join();
    }
    Ok(())
}

fn respond(server: &tiny_http::Server, response: &[u8]) {
    while let Ok(request) = server.recv() {
        let mut writer = request.into_writer();
        if writer.write_all(response).is_ok() {
            let _ = writer.flush();
        }
    }
}
