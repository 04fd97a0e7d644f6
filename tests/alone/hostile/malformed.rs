//! Malformed requests, and lengths of bodies that do not match the body.

use super::grammar;
use super::wire::{Answer, alone, answers, beside, connect, rest, sent, statuses};
use crate::support::daemon::Daemon;
use crate::support::redis::Redis;
use crate::support::rng::{Rng, seed};
use crate::support::sim::Sim;
use std::io::Write;
use std::time::Duration;

const SEEDS: u64 = 3;
const REQUESTS: usize = 10_000;
const CLIENTS: usize = 8;

/// Fails unless these are valid responses to a malformed request, or to one that is valid by chance.
fn assert_valid(answers: &[Answer], request: &[u8]) {
    let shown = String::from_utf8_lossy(&request[..request.len().min(2000)]).escape_debug().to_string();
    for answer in answers {
        let statuses = [200, 304, 400, 404, 405, 408, 421, 431, 505];
        assert!(statuses.contains(&answer.status), "{} to {shown}", answer.head);
        assert!(!answer.head.contains("X-Injected"), "{} to {shown}", answer.head);
        if answer.status >= 400 && !answer.body.is_empty() {
            let has_controls = answer.body.iter().any(|byte| *byte < 0x20 && *byte != b'\n');
            assert!(!has_controls, "control characters to {shown}");
            let body: serde_json::Value = serde_json::from_slice(&answer.body).expect("a problem is JSON");
            assert_eq!(body["status"], answer.status, "{shown}");
        }
    }
}

/// Sends every `CLIENTS`th request of the seed.
fn run_client(port: u16, seed: u64, number: usize) {
    for case in (number..REQUESTS).step_by(CLIENTS) {
        // Depends on seed and number only, so that it can be repeated alone.
        let mut rng = Rng::of(seed ^ (u64::try_from(case).expect("a number") << 20));
        let request = grammar::requests(&mut rng);
        match rng.below(10) {
            // Closes the connection before the response.
            0 => {
                let _ = connect(port).write_all(&request);
            }
            // Resets the connection.
            1 => {
                let mut stream = connect(port);
                let _ = socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO));
                let _ = stream.write_all(&request);
            }
            _ => assert_valid(&answers(&sent(port, &request)), &request),
        }
    }
}

#[test]
fn thirty_thousand_malformed_requests_do_no_harm() {
    let _alone = alone();
    let (sim, redis) = (Sim::small(), Redis::start());
    let daemon = Daemon::ready(&sim, &redis, &[]);
    let base = daemon.at_rest();
    let (first, port) = (seed("HOSTILE_SEED"), daemon.port);
    for seed in first..first + SEEDS {
        beside(&daemon, &format!("malformed requests, seed {seed}"), || {
            std::thread::scope(|scope| {
                for number in 0..CLIENTS {
                    scope.spawn(move || run_client(port, seed, number));
                }
            });
        });
    }
    daemon.wait_as_before(base);
}

/// Every power of two up to 2^64 in five forms. The daemon neither waits for the body nor allocates memory for it.
#[test]
fn no_content_length_does_harm() {
    let _alone = alone();
    let (sim, redis) = (Sim::small(), Redis::start());
    let daemon = Daemon::ready(&sim, &redis, &[]);
    let base = daemon.at_rest();
    let (port, peak) = (daemon.port, base.peak_kib);
    let mut requests = 0;
    for power in 0..=64 {
        let number = 1u128 << power;
        let forms = [
            format!("Content-Length: {number}\r\n"),
            format!("Content-Length: {}\r\n", number - 1),
            format!("Content-Length: {}{number}\r\n", if power % 2 == 0 { "000" } else { "+" }),
            format!("Content-Length: {number}\r\nContent-Length: {number}\r\n"),
            format!("Content-Length: {number}\r\nTransfer-Encoding: chunked\r\n"),
        ];
        for form in forms {
            for method in ["GET", "POST"] {
                let request = format!("{method} /healthz HTTP/1.1\r\nHost: localhost\r\n{form}\r\n");
                let received = statuses(&sent(port, request.as_bytes()));
                let [status] = received[..] else { panic!("{method} {form:?}: {received:?}") };
                let has_no_body = form == "Content-Length: 0\r\n" && method == "GET";
                let expected: &[u16] = if has_no_body { &[200] } else { &[400, 405, 413] };
                assert!(expected.contains(&status), "{method} {form:?}: {status}");
                requests += 1;
            }
        }
    }
    assert_eq!(requests, 65 * 5 * 2);
    daemon.wait_as_before(base);
    let grown = daemon.vitals().peak_kib - peak;
    assert!(grown < 16 * 1024, "{grown} KiB above the idle daemon");
}

/// The request has a `Content-Length`, but most of the body is not sent.
#[test]
fn missing_request_bodies_do_not_delay_others() {
    let _alone = alone();
    let (sim, redis) = (Sim::small(), Redis::start());
    let daemon = Daemon::ready(&sim, &redis, &[]);
    let base = daemon.at_rest();
    beside(&daemon, "missing bodies", || {
        let mut held = Vec::new();
        for _ in 0..64 {
            let mut stream = connect(daemon.port);
            stream
                .write_all(b"POST /x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5000\r\n\r\nabc")
                .expect("the head is sent");
            held.push(stream);
        }
        for mut stream in held {
            assert_eq!(statuses(&rest(&mut stream)), [405]);
        }
    });
    daemon.wait_as_before(base);
}
