//! For comparison: tiny_http alone, with nothing in front of it, giving one constant answer.
//!
//! `constant ADDR:PORT FILE`: four workers answer every request with the bytes of FILE (a whole
//! answer, head and body) in one write. Bench only: no stranger may ever reach it.

use std::io::Write;
use std::sync::Arc;

const WORKERS: usize = 4;

fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let mut args = std::env::args().skip(1);
    let (address, file) = (args.next().ok_or("ADDR:PORT is missing")?, args.next().ok_or("FILE is missing")?);
    let answer: Arc<[u8]> = std::fs::read(file)?.into();
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.set_tcp_nodelay(true)?;
    socket.bind(&address.parse::<std::net::SocketAddr>()?.into())?;
    socket.listen(1024)?;
    let server = Arc::new(tiny_http::Server::from_listener(std::net::TcpListener::from(socket), None)?);
    let work = |server: Arc<tiny_http::Server>, answer: Arc<[u8]>| {
        move || {
            while let Ok(request) = server.recv() {
                let mut writer = request.into_writer();
                let _ = writer.write_all(&answer).and_then(|()| writer.flush());
            }
        }
    };
    let workers: Vec<_> = (0..WORKERS)
        .map(|_| std::thread::Builder::new().spawn(work(Arc::clone(&server), Arc::clone(&answer))))
        .collect::<Result<_, _>>()?;
    for worker in workers {
        let _ = worker.join();
    }
    Ok(())
}
