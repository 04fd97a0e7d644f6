//! Clients that behave, all the while: each answer is whole, and of the drive that was asked for.

use crate::support::http::{Client, Response};
use crate::support::json;
use serde_json::Value;
use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// What the daemon has said of drives: serial number, and hours that they ran. No two have the same.
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

pub fn ask_until(port: u16, seen: &Seen, over: &AtomicBool, crowded: &AtomicBool) {
    let (mut client, mut serials) = (None, Vec::<String>::new());
    let mut turn = 0;
    while !over.load(Ordering::Acquire) {
        turn += 1;
        let serial = (!serials.is_empty()).then(|| &serials[turn / 7 % serials.len()]);
        let path = match (turn % 7, serial) {
            (1 | 2, Some(serial)) => format!("/api/drives/{serial}"),
            (3, Some(serial)) => format!("/api/whereis/{serial}"),
            (4, _) => "/api/enclosures".to_owned(),
            (5, _) => "/api/zfs".to_owned(),
            (6, _) => "/api/map.txt".to_owned(),
            _ => "/api/overview".to_owned(),
        };
        let kept = client.take().or_else(|| Client::connect(port));
        let answer = kept.and_then(|mut kept| {
            let answer = kept.request("GET", &path, &[])?;
            // A client that was turned away connects anew.
            client = (answer.header("connection") != "close").then_some(kept);
            Some(answer)
        });
        match answer {
            Some(answer) => {
                if path == "/api/overview" && answer.status == 200 {
                    let overview = answer.json();
                    serials =
                        json::drives(&overview).filter_map(|d| d["serial_number"].as_str()).map(Into::into).collect();
                    json::drives(&overview).for_each(|drive| seen.note(drive));
                }
                assert_good(&path, &answer, crowded.load(Ordering::Acquire), seen);
            }
            None => assert!(crowded.load(Ordering::Acquire) || over.load(Ordering::Acquire), "{path}: no answer"),
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn assert_good(path: &str, answer: &Response, crowded: bool, seen: &Seen) {
    match answer.status {
        200 => drop(seen.answers.fetch_add(1, Ordering::AcqRel)),
        // A drive that was pulled, and one that is there no more under that name.
        404 if path.contains("/drives/") || path.contains("/whereis/") => return,
        503 if crowded && answer.text().contains("too many concurrent connections") => return,
        status => panic!("{path}: {status} {}", answer.text()),
    }
    let Some(serial) = path.strip_prefix("/api/drives/") else { return };
    let drive = answer.json();
    assert_eq!(drive["serial_number"], serial, "{path}: another drive");
    let own = &drive["smartctl"]["serial_number"];
    assert!(own.is_null() || own == serial, "{path}: smartctl's word on {own}");
    seen.note(&drive);
}
