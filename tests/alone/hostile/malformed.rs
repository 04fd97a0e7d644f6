//! Requests that are no requests, by the ten thousand, and lengths that nobody can hold.

use super::grammar;
use super::wire::{Answer, alone, answers, beside, connect, sent};
use crate::support::daemon::Daemon;
use crate::support::redis::Redis;
use crate::support::rng::{Rng, seed};
use crate::support::sim::Sim;
use std::io::Write;
use std::time::Duration;

const SEEDS: u64 = 3;
const REQUESTS: usize = 10_000;
const CLIENTS: usize = 8;

/// What may be said to a request that is not as it should be, or just happens to be good.
fn assert_sane(answers: &[Answer], request: &[u8]) {
    for answer in answers {
        let shown = || String::from_utf8_lossy(&request[..request.len().min(2000)]).escape_debug().to_string();
        let statuses = [200, 304, 400, 404, 405, 408, 421, 431, 505];
        assert!(statuses.contains(&answer.status), "{} to {}", answer.head, shown());
        assert!(!answer.head.contains("X-Injected"), "{} to {}", answer.head, shown());
        if answer.status >= 400 && !answer.body.is_empty() {
            assert!(answer.body.iter().all(|b| *b >= 0x20 || *b == b'\n'), "control characters to {}", shown());
            let body: serde_json::Value = serde_json::from_slice(&answer.body).expect("a problem is JSON");
            assert_eq!(body["status"], answer.status, "{}", shown());
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
        let client = |number: usize| {
            for case in (number..REQUESTS).step_by(CLIENTS) {
                // Each case by itself, so that it can be had again alone.
                let mut rng = Rng::of(seed ^ (u64::try_from(case).expect("fits") << 20));
                let request = grammar::requests(&mut rng);
                match rng.below(10) {
                    // Some do not wait for an answer, some reset.
                    0 => drop(connect(port).write_all(&request)),
                    1 => {
                        let mut stream = connect(port);
                        let _ = socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO));
                        let _ = stream.write_all(&request);
                    }
                    _ => assert_sane(&answers(&sent(port, &request)), &request),
                }
            }
        };
        beside(&daemon, &format!("malformed requests, seed {seed}"), || {
            std::thread::scope(|scope| (0..CLIENTS).for_each(|number| drop(scope.spawn(move || client(number)))));
        });
    }
    daemon.is_as_before(base);
}

/// Every power of two up to 2^64 in five forms, and nothing of the sort is ever waited for or held.
#[test]
fn no_content_length_does_harm() {
    let _alone = alone();
    let (sim, redis) = (Sim::small(), Redis::start());
    let daemon = Daemon::ready(&sim, &redis, &[]);
    let base = daemon.at_rest();
    let (port, peak) = (daemon.port, base.peak_kib);
    let mut asked = 0;
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
                let answer = answers(&sent(port, request.as_bytes()));
                let status = answer.first().map(|a| a.status);
                let is_none = form == "Content-Length: 0\r\n" && method == "GET";
                let expected: &[u16] = if is_none { &[200] } else { &[400, 405, 413] };
                assert!(status.is_some_and(|s| expected.contains(&s)), "{method} {form:?}: {status:?}");
                assert_eq!(answer.len(), 1, "{method} {form:?}: nothing after it is read");
                asked += 1;
            }
        }
    }
    assert_eq!(asked, 65 * 5 * 2);
    daemon.is_as_before(base);
    let grown = daemon.vitals().peak_kib - peak;
    assert!(grown < 16 * 1024, "{grown} KiB more at its peak");
}

/// Bodies that were announced and never come: nobody waits for them, whoever is there besides.
#[test]
fn missing_request_bodies_do_not_delay_others() {
    let _alone = alone();
    let (sim, redis) = (Sim::small(), Redis::start());
    let daemon = Daemon::ready(&sim, &redis, &[]);
    let base = daemon.at_rest();
    beside(&daemon, "bodies that never come", || {
        let mut held = Vec::new();
        for _ in 0..64 {
            let mut stream = connect(daemon.port);
            stream
                .write_all(b"POST /x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5000\r\n\r\nabc")
                .expect("it is sent");
            held.push(stream);
        }
        for mut stream in held {
            let told = answers(&super::wire::rest(&mut stream));
            assert_eq!(told.iter().map(|a| a.status).collect::<Vec<_>>(), [405], "told at once, and the end");
        }
    });
    daemon.is_as_before(base);
}
