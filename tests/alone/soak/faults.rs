//! Every fault, each with its cure.

use super::clients::Seen;
use crate::hostile::grammar;
use crate::support::eventually;
use crate::support::http::Client;
use crate::support::redis::Redis;
use crate::support::rng::Rng;
use crate::support::sim::Sim;
use rustix::process::Signal;
use serde_json::Value;
use std::collections::{HashMap, HashSet};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::PoisonError;
use std::time::Duration;

pub type Fault = fn(&mut Scene, &mut Rng);

pub const ALL: [(&str, Fault); 23] = [
    ("redis killed", |s, _| {
        s.redis.kill();
        Scene::wait(1500);
        s.redis.up();
    }),
    ("redis stopped", |s, _| {
        s.redis.signal(Signal::STOP);
        Scene::wait(1500);
        s.redis.signal(Signal::CONT);
    }),
    ("redis paused", |s, _| {
        s.redis_told(&["CLIENT", "PAUSE", "1500"], &[]);
        Scene::wait(1500);
    }),
    ("redis flushed", |s, _| (0..10).for_each(|_| s.redis_told(&["FLUSHALL"], &[]))),
    ("redis out of memory", |s, _| {
        s.redis_told(&["CONFIG", "SET", "maxmemory", "1mb"], &["CONFIG", "SET", "maxmemory", "0"]);
    }),
    ("redis read-only", |s, _| s.redis_told(&["REPLICAOF", "127.0.0.1", "1"], &["REPLICAOF", "NO", "ONE"])),
    ("a drive hangs", |s, c| s.silences(c, "hang")),
    ("a drive hangs and ignores TERM", |s, c| s.silences(c, "hang_ignore_term")),
    ("smartctl leaves a child", |s, c| s.silences(c, "hang_fork")),
    ("a flood of output", |s, c| s.drive_says(c, "output_bytes=9000000")),
    ("nonsense", |s, c| s.drive_says(c, "junk=\u{1b}[31m nonsense")),
    ("smartctl crashes", |s, c| s.drive_says(c, "crash=true")),
    ("a drive sleeps", |s, c| s.drive_says(c, "standby=true")),
    ("a drive is pulled and put back", |s, c| {
        let (serial, bay) = s.drive(c);
        s.sim.pull(&[&serial]);
        Scene::wait(2500);
        s.sim.insert(&[&bay]);
    }),
    ("a drive is exchanged", |s, c| {
        let (serial, bay) = s.drive(c);
        s.sim.pull(&[&serial]);
        Scene::wait(1500);
        s.exchanged += 1;
        s.sim.insert(&[&bay, "--serial", &format!("NEW{}", s.exchanged)]);
        s.learn();
        Scene::wait(2500);
        s.sim.pull(&[&format!("NEW{}", s.exchanged)]);
        Scene::wait(1500);
        s.sim.insert(&[&bay, "--serial", &serial]);
    }),
    ("letters move", |s, c| {
        let letter = |d: Value| d["devices"][0].as_str().expect("a device").to_owned();
        let (one, other) = (letter(s.one(c)), letter(s.one(c)));
        if one != other {
            s.sim.swap_letters(&one, &other);
        }
    }),
    ("a shelf is silent", |s, _| s.set("enclosure/0", "silent=true", "silent=")),
    ("zpool hangs", |s, _| s.set("zpool", "hang=true", "hang=")),
    ("zpool talks nonsense", |s, _| s.set("zpool", "junk=nonsense", "junk=")),
    ("smartctl is gone", |s, _| s.set("smartctl", "gone=true", "gone=")),
    ("smartctl is replaced", |s, _| s.set("smartctl", "version=7.1", "version=7.4")),
    ("hostile requests", |s, c| (0..400).for_each(|_| s.send(&grammar::requests(c)))),
    ("a flood of connections", |s, c| s.flood(c)),
];

/// Clients may be turned away meanwhile.
pub fn is_crowd(name: &str) -> bool {
    name.contains("flood of connections")
}

/// The host and all around the daemon.
pub struct Scene<'a> {
    pub sim: &'a Sim,
    pub redis: Redis,
    port: u16,
    exchanged: usize,
    silent: HashSet<String>,
    /// Hours that each drive ran, by serial number.
    truth: HashMap<String, u64>,
}

impl<'a> Scene<'a> {
    pub fn new(sim: &'a Sim, redis: Redis, port: u16) -> Self {
        let mut scene = Self { sim, redis, port, exchanged: 0, silent: HashSet::new(), truth: HashMap::new() };
        scene.learn();
        scene
    }

    /// Drives that have been there once are not forgotten.
    fn learn(&mut self) {
        for drive in self.sim.list() {
            if let (Some(serial), Some(hours)) = (drive["serial"].as_str(), drive["hours"].as_u64()) {
                self.truth.insert(serial.to_owned(), hours);
            }
        }
    }

    /// No drive was ever shown with what another had said.
    #[track_caller]
    pub fn assert_truth(&self, seen: &Seen) {
        let seen = seen.hours.lock().unwrap_or_else(PoisonError::into_inner);
        assert!(seen.len() >= 16, "{seen:?}");
        for (serial, hours) in &*seen {
            assert_eq!(self.truth.get(serial), Some(hours), "the hours of {serial}");
        }
    }

    pub fn was_silent(&self, serial: Option<&str>) -> bool {
        serial.is_some_and(|serial| self.silent.contains(serial))
    }

    /// A fault lasts so long. Nothing is expected to have happened by then: what holds is asserted all the time, and at
    /// the end of a round.
    fn wait(ms: u64) {
        std::thread::sleep(Duration::from_millis(ms));
    }

    fn redis_told(&self, fault: &[&str], cure: &[&str]) {
        self.redis.ask(fault);
        if cure.is_empty() {
            return Self::wait(200);
        }
        Self::wait(2000);
        eventually("redis is cured", || {
            self.redis.ask(cure);
            Some(())
        });
    }

    /// A drive in a bay.
    fn one(&self, rng: &mut Rng) -> Value {
        let mut here = self.sim.list();
        here.retain(|d| d["present"] == true && d["bay"].is_u64());
        here.swap_remove(rng.below(here.len()))
    }

    fn drive(&self, rng: &mut Rng) -> (String, String) {
        let drive = self.one(rng);
        let serial = drive["serial"].as_str().expect("a serial").to_owned();
        (serial, format!("bay/{}/{}", drive["enclosure"], drive["bay"]))
    }

    fn set(&self, target: &str, fault: &str, cure: &str) {
        self.sim.set(target, &[fault]);
        Self::wait(2500);
        self.sim.set(target, &[cure]);
    }

    fn drive_says(&self, rng: &mut Rng, fault: &str) {
        let (serial, _) = self.drive(rng);
        let cure = format!("{}=", fault.split('=').next().unwrap_or(fault));
        self.set(&serial, fault, &cure);
    }

    fn silences(&mut self, rng: &mut Rng, key: &str) {
        let (serial, _) = self.drive(rng);
        self.silent.insert(serial.clone());
        self.sim.set(&serial, &[&format!("{key}=true")]);
        Self::wait(3500);
        self.sim.set(&serial, &[&format!("{key}=")]);
    }

    fn send(&self, request: &[u8]) {
        let Ok(mut stream) = TcpStream::connect(("127.0.0.1", self.port)) else { return };
        let _ = stream.set_read_timeout(Some(Duration::from_secs(30)));
        let _ = stream.write_all(request);
        let _ = stream.shutdown(Shutdown::Write);
        let mut answer = Vec::new();
        let end = stream.read_to_end(&mut answer).map_err(|e| e.kind());
        assert_ne!(end, Err(std::io::ErrorKind::WouldBlock), "neither an answer nor the end");
    }

    /// More than are let in, some of which ask and read nothing.
    fn flood(&self, rng: &mut Rng) {
        for _ in 0..4 {
            let mut held: Vec<TcpStream> =
                (0..300).filter_map(|_| TcpStream::connect(("127.0.0.1", self.port)).ok()).collect();
            for stream in &mut held {
                let get = "GET /api/overview HTTP/1.1\r\nHost: localhost\r\n\r\n";
                let _ = stream.write(get.repeat(rng.below(6)).as_bytes());
            }
            Self::wait(300);
        }
        eventually("there is room for more clients than ask", || {
            let mut held = Vec::new();
            for _ in 0..20 {
                let mut client = Client::connect(self.port)?;
                let status = client.request("GET", "/healthz", &[])?.status;
                held.push((status == 200).then_some(client)?);
            }
            Some(())
        });
    }
}
