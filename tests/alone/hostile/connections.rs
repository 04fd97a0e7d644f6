//! Too much of everything: connections, bytes, headers, requests, and clients that take their time.

use super::wire::{alone, answers, beside, connect, rest, sent, wait_blocked};
use crate::support::daemon::Daemon;
use crate::support::http::Client;
use crate::support::redis::Redis;
use crate::support::sim::Sim;
use crate::support::{PATIENCE, eventually};
use socket2::{Domain, SockAddr, Socket, Type};
use std::collections::{BTreeMap, VecDeque};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpStream};
use std::sync::Mutex;
use std::time::{Duration, Instant};

const GET: &str = "GET /api/overview HTTP/1.1\r\nHost: localhost\r\n\r\n";

/// A client that will take next to nothing.
pub fn narrow(port: u16) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.set_recv_buffer_size(4096).expect("a narrow way");
    socket.connect(&SockAddr::from(SocketAddr::from(([127, 0, 0, 1], port)))).expect("the daemon accepts");
    let stream = TcpStream::from(socket);
    stream.set_write_timeout(Some(Duration::from_millis(200))).expect("a limit");
    stream
}

/// 200 that send their head letter by letter, 200 their body, and 200 that read nothing.
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
            stream.write_all(head).expect("it is sent");
        }
        let readers: Vec<TcpStream> = (0..200)
            .map(|_| {
                let mut stream = narrow(daemon.port);
                // As much as it takes: the rest waits on this side.
                let _ = stream.write(GET.repeat(20).as_bytes());
                stream
            })
            .collect();
        let text =
            b"GET /api/overview HTTP/1.1\r\nHost: localhost\r\nX-Slow: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
        let since = Instant::now();
        for letter in text {
            heads.iter_mut().chain(&mut bodies).for_each(|stream| drop(stream.write(&[*letter])));
            // What makes them slow.
            std::thread::sleep(Duration::from_millis(100));
        }
        assert!(since.elapsed() > Duration::from_secs(6), "longer than a head may take");
        for mut stream in heads {
            assert_eq!(answers(&rest(&mut stream)).iter().map(|a| a.status).collect::<Vec<_>>(), [408]);
        }
        drop((bodies, readers));
    });
    let grown = daemon.vitals().peak_kib.saturating_sub(base.resident_kib);
    eprintln!("600 slow clients: {grown} KiB more at the peak");
    assert!(grown < 48 * 1024, "{grown} KiB more at the peak");
    daemon.is_as_before(base);
}

/// A client that takes nothing of its answer is not waited for for ever.
#[test]
fn a_client_that_reads_nothing_is_disconnected() {
    let _alone = alone();
    let (sim, redis) = (Sim::rack(), Redis::start());
    let daemon = Daemon::ready(&sim, &redis, &[]);
    let base = daemon.at_rest();
    let readers: Vec<TcpStream> = (0..100)
        .map(|_| {
            let mut stream = narrow(daemon.port);
            let _ = stream.write(GET.repeat(40).as_bytes());
            stream
        })
        .collect();
    eventually("all of them are in", || {
        (daemon.vitals().descriptors >= base.descriptors + readers.len()).then_some(())
    });
    // They stay: it is the daemon that lets go, and the kernel with it.
    daemon.is_as_before(base);
    drop(readers);
}

/// From addresses of their own, so that the kernel does not run out of ports for them.
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
    let told: Mutex<BTreeMap<String, usize>> = Mutex::default();
    std::thread::scope(|scope| {
        for client in 0..CLIENTS {
            let (told, port) = (&told, daemon.port);
            scope.spawn(move || {
                // Up to 320 at once: far more than are let in.
                let mut held = VecDeque::new();
                for number in (client..CONNECTIONS).step_by(CLIENTS) {
                    let Some(mut stream) = connect_from(number, port) else {
                        *told.lock().expect("a count").entry("no connection".to_owned()).or_default() += 1;
                        continue;
                    };
                    if number % 3 == 0 {
                        let _ = stream.write_all(GET.as_bytes());
                        let mut start = [0; 12];
                        let got = stream.read_exact(&mut start).map(|()| String::from_utf8_lossy(&start).into_owned());
                        *told.lock().expect("a count").entry(got.unwrap_or("closed".to_owned())).or_default() += 1;
                    }
                    held.push_back(stream);
                    if held.len() > 40 {
                        held.pop_front();
                    }
                }
            });
        }
    });
    let told = told.into_inner().expect("a count");
    eprintln!("a flood of {CONNECTIONS}: {told:?}");
    let known = ["HTTP/1.1 200", "HTTP/1.1 503", "closed"];
    assert!(told.keys().all(|answer| known.contains(&answer.as_str())), "{told:?}");
    assert!(told.contains_key("HTTP/1.1 200") && told.contains_key("HTTP/1.1 503"), "{told:?}");
    daemon.is_as_before(base);
    assert_eq!(daemon.logged("ERROR"), 0, "{}", daemon.log());
    assert!(daemon.log().lines().count() < 100, "a flood is no reason to fill the log");
}

/// So many at once, all of them kept open: each is answered.
#[test]
fn every_connection_of_a_burst_gets_a_response() {
    let _alone = alone();
    let (sim, redis) = (Sim::small(), Redis::start());
    let daemon = Daemon::ready(&sim, &redis, &[("JBOD_MAX_CONNECTIONS", "256")]);
    let address = SockAddr::from(SocketAddr::from(([127, 0, 0, 1], daemon.port)));
    for size in [8, 16, 64] {
        for attempt in 0..20 {
            let begin = |_| {
                let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
                socket.set_nonblocking(true).expect("it does not block");
                // EINPROGRESS: it is under way.
                let _ = socket.connect(&address);
                socket
            };
            let sockets: Vec<Socket> = (0..size).map(begin).collect();
            let mut streams: Vec<TcpStream> = sockets
                .into_iter()
                .map(|socket| {
                    socket.set_nonblocking(false).expect("it blocks");
                    socket.set_read_timeout(Some(PATIENCE)).expect("a limit");
                    TcpStream::from(socket)
                })
                .collect();
            for stream in &mut streams {
                eventually("it is connected and sends", || stream.write_all(GET.as_bytes()).ok());
            }
            for (number, stream) in streams.iter_mut().enumerate() {
                let mut start = [0; 12];
                let got = stream.read_exact(&mut start);
                assert!(got.is_ok(), "burst of {size}, try {attempt}, connection {number}: {got:?}");
                assert_eq!(&start, b"HTTP/1.1 200", "burst of {size}, try {attempt}, connection {number}");
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
        let told = answers(&sent(daemon.port, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0"));
        assert_eq!(told.iter().map(|a| a.status).collect::<Vec<_>>(), [505]);
    }
    daemon.is_as_before(base);
}

/// An answer that a client takes in small parts is the same as any other.
#[test]
fn a_client_that_reads_slowly_gets_every_byte() {
    let _alone = alone();
    let (sim, redis) = (Sim::rack(), Redis::start());
    let daemon = Daemon::ready(&sim, &redis, &[]);
    let base = daemon.at_rest();
    let mut stream = narrow(daemon.port);
    stream.set_read_timeout(Some(PATIENCE)).expect("a limit");
    stream.write_all(GET.repeat(80).as_bytes()).expect("it is sent");
    stream.shutdown(Shutdown::Write).expect("no more is sent");
    wait_blocked(daemon.port, std::slice::from_ref(&stream));
    let told = answers(&rest(&mut stream));
    assert_eq!(told.len(), 80);
    for answer in told {
        assert_eq!(answer.status, 200);
        let body: serde_json::Value = serde_json::from_slice(&answer.body).expect("JSON");
        assert_eq!(body["totals"]["drives"], 79, "78 and the NVMe drive");
    }
    daemon.is_as_before(base);
}

#[test]
fn pipelined_requests_are_handled_one_by_one() {
    let _alone = alone();
    let (sim, redis) = (Sim::rack(), Redis::start());
    let daemon = Daemon::ready(&sim, &redis, &[]);
    let base = daemon.at_rest();
    daemon.forget_peak();
    beside(&daemon, "2,000 requests in a row, nothing read", || {
        let mut held: Vec<TcpStream> = (0..8).map(|_| narrow(daemon.port)).collect();
        for stream in &mut held {
            let _ = stream.write_all(GET.repeat(2_000).as_bytes());
        }
        wait_blocked(daemon.port, &held);
    });
    let grown = daemon.vitals().peak_kib.saturating_sub(base.resident_kib);
    eprintln!("8 x 2,000 requests in a row: {grown} KiB more at the peak");
    assert!(grown < 24 * 1024, "{grown} KiB more at the peak");
    // Who reads has all of them.
    let mut stream = connect(daemon.port);
    let mut reader = stream.try_clone().expect("its other half");
    let told = std::thread::scope(|scope| {
        let reading = scope.spawn(move || rest(&mut reader));
        let _ = stream.write_all("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(2_000).as_bytes());
        let _ = stream.shutdown(Shutdown::Write);
        answers(&reading.join().expect("a reader"))
    });
    assert_eq!(told.iter().filter(|a| a.status == 200).count(), 2_000);
    daemon.is_as_before(base);
}

/// 64 MB in one header, 20,000 headers, and a path of 200 kB: cut off early, and none of it is held.
#[test]
fn endless_request_heads_take_no_memory() {
    let _alone = alone();
    let (sim, redis) = (Sim::small(), Redis::start());
    let daemon = Daemon::ready(&sim, &redis, &[]);
    let base = daemon.at_rest();
    daemon.forget_peak();
    beside(&daemon, "heads without end", || {
        let mib = vec![b'a'; 1 << 20];
        for round in 0..20 {
            let mut stream = connect(daemon.port);
            stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Long: ").expect("it begins");
            let taken = (0..64).take_while(|_| stream.write_all(&mib).is_ok()).count();
            assert!(taken < 64, "round {round}: all 64 MB were taken");
        }
        let many = format!("GET / HTTP/1.1\r\nHost: localhost\r\n{}\r\n", "X-Many: y\r\n".repeat(20_000));
        let long = format!("GET /{} HTTP/1.1\r\nHost: localhost\r\n\r\n", "a".repeat(200_000));
        for request in [many, long] {
            for _ in 0..20 {
                let mut client = Client::connect(daemon.port).expect("a connection");
                // The answer is there to be read, unless the rest of the request came too late for it.
                let status = client.raw(request.as_bytes(), false).map(|r| r.status);
                assert!(matches!(status, None | Some(431)), "{status:?}");
            }
        }
    });
    let grown = daemon.vitals().peak_kib.saturating_sub(base.resident_kib);
    eprintln!("heads without end: {grown} KiB more at the peak");
    assert!(grown < 8 * 1024, "{grown} KiB more at the peak");
    daemon.is_as_before(base);
}
