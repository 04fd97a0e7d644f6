//! Too many connections, bytes, headers and requests, and slow clients.

use super::wire::{alone, answers, beside, connect, rest, sent, statuses, wait_blocked};
use crate::support::daemon::Daemon;
use crate::support::http::Client;
use crate::support::redis::Redis;
use crate::support::sim::Sim;
use crate::support::{PATIENCE, eventually, wait_until};
use socket2::{Domain, SockAddr, Socket, Type};
use std::collections::{BTreeMap, VecDeque};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpStream};
use std::sync::Mutex;
use std::time::{Duration, Instant};

const GET: &str = "GET /api/overview HTTP/1.1\r\nHost: localhost\r\n\r\n";

/// A client with a small receive buffer.
pub fn narrow(port: u16) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.set_recv_buffer_size(4096).expect("a small buffer");
    socket.connect(&SockAddr::from(SocketAddr::from(([127, 0, 0, 1], port)))).expect("the daemon accepts");
    let stream = TcpStream::from(socket);
    stream.set_write_timeout(Some(Duration::from_millis(200))).expect("a timeout");
    stream
}

/// Sends `count` requests without reading. What the daemon does not take stays in the send buffer.
fn reads_nothing(port: u16, count: usize) -> TcpStream {
    let mut stream = narrow(port);
    let _ = stream.write(GET.repeat(count).as_bytes());
    stream
}

/// 200 clients send their head byte by byte, 200 their body, and 200 read nothing.
#[test]
fn slow_clients_do_not_delay_others() {
    let _alone = alone();
    let (sim, redis) = (Sim::rack(), Redis::start());
    let daemon = Daemon::ready(&sim, &redis, &[("JBOD_MAX_CONNECTIONS", "1000")]);
    let base = daemon.at_rest();
    daemon.forget_peak();
    beside(&daemon, "slow heads, slow bodies, no readers", || {
        let mut heads: Vec<TcpStream> = (0..200).map(|_| connect(daemon.port)).collect();
        let mut bodies: Vec<TcpStream> = (0..200).map(|_| connect(daemon.port)).collect();
        for stream in &mut bodies {
            let head = b"GET /api/overview HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n";
            stream.write_all(head).expect("the head is sent");
        }
        let readers: Vec<TcpStream> = (0..200).map(|_| reads_nothing(daemon.port, 20)).collect();
        let text =
            b"GET /api/overview HTTP/1.1\r\nHost: localhost\r\nX-Slow: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
        let since = Instant::now();
        for byte in text {
            for stream in heads.iter_mut().chain(&mut bodies) {
                let _ = stream.write(&[*byte]);
            }
            // The pace of the slow clients.
            std::thread::sleep(Duration::from_millis(100));
        }
        assert!(since.elapsed() > Duration::from_secs(6), "not longer than the limit of a head");
        for mut stream in heads {
            assert_eq!(statuses(&rest(&mut stream)), [408]);
        }
        drop((bodies, readers));
    });
    let grown = daemon.vitals().peak_kib.saturating_sub(base.resident_kib);
    eprintln!("600 slow clients: {grown} KiB above the idle daemon");
    assert!(grown < 48 * 1024, "{grown} KiB above the idle daemon");
    daemon.wait_as_before(base);
}

#[test]
fn a_client_that_reads_nothing_is_disconnected() {
    let _alone = alone();
    let (sim, redis) = (Sim::rack(), Redis::start());
    let daemon = Daemon::ready(&sim, &redis, &[]);
    let base = daemon.at_rest();
    let readers: Vec<TcpStream> = (0..100).map(|_| reads_nothing(daemon.port, 40)).collect();
    wait_until("all connections are open", || daemon.vitals().descriptors >= base.descriptors + readers.len());
    // The clients keep the connections: the daemon closes them.
    daemon.wait_as_before(base);
    drop(readers);
}

/// Connects from one of 200 addresses, because one address has too few ports for all connections.
fn connect_from(number: usize, port: u16) -> Option<TcpStream> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).ok()?;
    let from = Ipv4Addr::new(127, 0, 1, u8::try_from(1 + number % 200).ok()?);
    socket.bind(&SockAddr::from(SocketAddr::from((from, 0)))).ok()?;
    socket.connect(&SockAddr::from(SocketAddr::from(([127, 0, 0, 1], port)))).ok()?;
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    Some(stream)
}

#[test]
fn twenty_thousand_connections_leak_nothing() {
    const CLIENTS: usize = 8;
    const CONNECTIONS: usize = 20_000;
    let _alone = alone();
    let (sim, redis) = (Sim::small(), Redis::start());
    let daemon = Daemon::ready(&sim, &redis, &[]);
    let base = daemon.at_rest();
    let counts: Mutex<BTreeMap<String, usize>> = Mutex::default();
    std::thread::scope(|scope| {
        for client in 0..CLIENTS {
            let (counts, port) = (&counts, daemon.port);
            scope.spawn(move || {
                // Up to 320 at once, far more than the limit.
                let mut held = VecDeque::new();
                for number in (client..CONNECTIONS).step_by(CLIENTS) {
                    let Some(mut stream) = connect_from(number, port) else {
                        *counts.lock().expect("counts").entry("no connection".to_owned()).or_default() += 1;
                        continue;
                    };
                    if number % 3 == 0 {
                        let _ = stream.write_all(GET.as_bytes());
                        let mut start = [0; 12];
                        let received = match stream.read_exact(&mut start) {
                            Ok(()) => String::from_utf8_lossy(&start).into_owned(),
                            Err(_) => "closed".to_owned(),
                        };
                        *counts.lock().expect("counts").entry(received).or_default() += 1;
                    }
                    held.push_back(stream);
                    if held.len() > 40 {
                        held.pop_front();
                    }
                }
            });
        }
    });
    let counts = counts.into_inner().expect("counts");
    eprintln!("{CONNECTIONS} connections: {counts:?}");
    let expected = ["HTTP/1.1 200", "HTTP/1.1 503", "closed"];
    assert!(counts.keys().all(|received| expected.contains(&received.as_str())), "{counts:?}");
    assert!(counts.contains_key("HTTP/1.1 200") && counts.contains_key("HTTP/1.1 503"), "{counts:?}");
    daemon.wait_as_before(base);
    assert_eq!(daemon.logged("ERROR"), 0, "{}", daemon.log());
    assert!(daemon.log().lines().count() < 100, "{}", daemon.log());
}

/// Begins a connection and does not wait for it (EINPROGRESS).
fn begin_connect(address: &SockAddr) -> Socket {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.set_nonblocking(true).expect("a nonblocking socket");
    let _ = socket.connect(address);
    socket
}

/// Connections that begin at once and are all kept open.
#[test]
fn every_connection_of_a_burst_gets_a_response() {
    let _alone = alone();
    let (sim, redis) = (Sim::small(), Redis::start());
    let daemon = Daemon::ready(&sim, &redis, &[("JBOD_MAX_CONNECTIONS", "256")]);
    let address = SockAddr::from(SocketAddr::from(([127, 0, 0, 1], daemon.port)));
    for size in [8, 16, 64] {
        for attempt in 0..20 {
            let sockets: Vec<Socket> = (0..size).map(|_| begin_connect(&address)).collect();
            let mut streams = Vec::new();
            for socket in sockets {
                socket.set_nonblocking(false).expect("a blocking socket");
                socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
                streams.push(TcpStream::from(socket));
            }
            for stream in &mut streams {
                eventually("the request is sent", || stream.write_all(GET.as_bytes()).ok());
            }
            for (number, stream) in streams.iter_mut().enumerate() {
                let mut start = [0; 12];
                let read = stream.read_exact(&mut start);
                assert!(read.is_ok(), "burst of {size}, attempt {attempt}, connection {number}: {read:?}");
                assert_eq!(&start, b"HTTP/1.1 200", "burst of {size}, attempt {attempt}, connection {number}");
            }
        }
    }
}

#[test]
fn http_2_is_refused_at_once() {
    let _alone = alone();
    let (sim, redis) = (Sim::small(), Redis::start());
    let daemon = Daemon::ready(&sim, &redis, &[]);
    let base = daemon.at_rest();
    for _ in 0..200 {
        let received = sent(daemon.port, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0");
        assert_eq!(statuses(&received), [505]);
    }
    daemon.wait_as_before(base);
}

#[test]
fn a_client_that_reads_slowly_gets_every_byte() {
    let _alone = alone();
    let (sim, redis) = (Sim::rack(), Redis::start());
    let daemon = Daemon::ready(&sim, &redis, &[]);
    let base = daemon.at_rest();
    let mut stream = narrow(daemon.port);
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    stream.write_all(GET.repeat(80).as_bytes()).expect("the requests are sent");
    stream.shutdown(Shutdown::Write).expect("the end is sent");
    wait_blocked(daemon.port, std::slice::from_ref(&stream));
    let responses = answers(&rest(&mut stream));
    assert_eq!(responses.len(), 80);
    for answer in responses {
        assert_eq!(answer.status, 200);
        let body: serde_json::Value = serde_json::from_slice(&answer.body).expect("JSON");
        assert_eq!(body["totals"]["drives"], 79, "78 drives and the NVMe drive");
    }
    daemon.wait_as_before(base);
}

#[test]
fn pipelined_requests_are_handled_one_by_one() {
    let _alone = alone();
    let (sim, redis) = (Sim::rack(), Redis::start());
    let daemon = Daemon::ready(&sim, &redis, &[]);
    let base = daemon.at_rest();
    daemon.forget_peak();
    beside(&daemon, "2,000 pipelined requests, nothing read", || {
        let mut held: Vec<TcpStream> = (0..8).map(|_| narrow(daemon.port)).collect();
        for stream in &mut held {
            let _ = stream.write_all(GET.repeat(2_000).as_bytes());
        }
        wait_blocked(daemon.port, &held);
    });
    let grown = daemon.vitals().peak_kib.saturating_sub(base.resident_kib);
    eprintln!("8 x 2,000 pipelined requests: {grown} KiB above the idle daemon");
    assert!(grown < 24 * 1024, "{grown} KiB above the idle daemon");
    // A client that reads gets all responses.
    let mut stream = connect(daemon.port);
    let mut reader = stream.try_clone().expect("a second handle");
    let received = std::thread::scope(|scope| {
        let reading = scope.spawn(move || rest(&mut reader));
        let _ = stream.write_all("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(2_000).as_bytes());
        let _ = stream.shutdown(Shutdown::Write);
        statuses(&reading.join().expect("a reader"))
    });
    assert_eq!(received.iter().filter(|status| **status == 200).count(), 2_000);
    daemon.wait_as_before(base);
}

/// 64 MiB in one header, 20,000 headers, and a path of 200 kB are refused early and not buffered.
#[test]
fn endless_request_heads_take_no_memory() {
    let _alone = alone();
    let (sim, redis) = (Sim::small(), Redis::start());
    let daemon = Daemon::ready(&sim, &redis, &[]);
    let base = daemon.at_rest();
    daemon.forget_peak();
    beside(&daemon, "endless request heads", || {
        let mib = vec![b'a'; 1 << 20];
        for round in 0..20 {
            let mut stream = connect(daemon.port);
            stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Long: ").expect("the start is sent");
            let taken = (0..64).take_while(|_| stream.write_all(&mib).is_ok()).count();
            assert!(taken < 64, "round {round}: all 64 MiB were accepted");
        }
        let many = format!("GET / HTTP/1.1\r\nHost: localhost\r\n{}\r\n", "X-Many: y\r\n".repeat(20_000));
        let long = format!("GET /{} HTTP/1.1\r\nHost: localhost\r\n\r\n", "a".repeat(200_000));
        for request in [many, long] {
            for _ in 0..20 {
                let mut client = Client::connect(daemon.port).expect("a connection");
                // The response is lost if the daemon has closed the connection before the rest of the request arrives.
                let status = client.raw(request.as_bytes(), false).map(|response| response.status);
                assert!(matches!(status, None | Some(431)), "{status:?}");
            }
        }
    });
    let grown = daemon.vitals().peak_kib.saturating_sub(base.resident_kib);
    eprintln!("endless request heads: {grown} KiB above the idle daemon");
    assert!(grown < 8 * 1024, "{grown} KiB above the idle daemon");
    daemon.wait_as_before(base);
}
