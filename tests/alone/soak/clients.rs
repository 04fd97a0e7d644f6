//! Clients that run during all faults. Each response must be complete, and about the requested drive.

use crate::support::http::{Client, Response};
use crate::support::json;
use serde_json::Value;
use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// What the daemon has shown of drives: serial number and power-on hours, which differ between all drives.
#[derive(Default)]
pub struct Seen {
    pub hours: Mutex<HashSet<(String, u64)>>,
    answers: AtomicUsize,
}

impl Seen {
    pub fn answers(&self) -> usize {
        self.answers.load(Ordering::Acquire)
    }

    fn note(&self, drive: &Value) {
        if let (Some(serial), Some(hours)) = (drive["serial_number"].as_str(), drive["power_on_hours"].as_u64()) {
            self.hours.lock().unwrap_or_else(PoisonError::into_inner).insert((serial.to_owned(), hours));
        }
    }
}

/// The paths in turn, and for single drives the serial numbers in turn.
fn path(turn: usize, serials: &[String]) -> String {
    let count = serials.len();
    match turn % 7 {
        1 | 2 if count > 0 => format!("/api/drives/{}", serials[turn / 7 % count]),
        3 if count > 0 => format!("/api/whereis/{}", serials[turn / 7 % count]),
        4 => "/api/enclosures".to_owned(),
        5 => "/api/zfs".to_owned(),
        6 => "/api/map.txt".to_owned(),
        _ => "/api/overview".to_owned(),
    }
}

/// Sends requests until `over`. `crowded`: the daemon may refuse connections.
pub fn ask_until(port: u16, seen: &Seen, over: &AtomicBool, crowded: &AtomicBool) {
    let (mut kept, mut serials) = (None, Vec::<String>::new());
    let mut turn = 0;
    while !over.load(Ordering::Acquire) {
        turn += 1;
        let path = path(turn, &serials);
        let response = ask(&mut kept, port, &path);
        if let Some(response) = response {
            if path == "/api/overview" && response.status == 200 {
                let overview = response.json();
                serials.clear();
                for drive in json::drives(&overview) {
                    seen.note(drive);
                    serials.extend(drive["serial_number"].as_str().map(str::to_owned));
                }
            }
            assert_good(&path, &response, crowded.load(Ordering::Acquire), seen);
        } else {
            let may_fail = crowded.load(Ordering::Acquire) || over.load(Ordering::Acquire);
            assert!(may_fail, "{path}: no response");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Sends one request, on a new connection if there is none or the daemon has announced the end of the last one.
fn ask(kept: &mut Option<Client>, port: u16, path: &str) -> Option<Response> {
    let mut client = match kept.take() {
        Some(client) => client,
        None => Client::connect(port)?,
    };
    let response = client.request("GET", path, &[])?;
    if response.header("connection") != "close" {
        *kept = Some(client);
    }
    Some(response)
}

fn assert_good(path: &str, answer: &Response, crowded: bool, seen: &Seen) {
    match answer.status {
        200 => {
            seen.answers.fetch_add(1, Ordering::AcqRel);
        }
        // A drive that was pulled or has another name.
        404 if path.contains("/drives/") || path.contains("/whereis/") => return,
        503 if crowded && answer.text().contains("too many concurrent connections") => return,
        status => panic!("{path}: {status} {}", answer.text()),
    }
    let Some(serial) = path.strip_prefix("/api/drives/") else { return };
    let drive = answer.json();
    assert_eq!(drive["serial_number"], serial, "{path}: another drive");
    let own = &drive["smartctl"]["serial_number"];
    assert!(own.is_null() || own == serial, "{path}: smartctl's JSON is of {own}");
    seen.note(&drive);
}
