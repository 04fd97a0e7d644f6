//! All faults, each with the end of the fault.

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
    ("redis killed", |scene, _| {
        scene.redis.kill();
        Scene::wait(1500);
        scene.redis.up();
    }),
    ("redis stopped", |scene, _| {
        scene.redis.signal(Signal::STOP);
        Scene::wait(1500);
        scene.redis.signal(Signal::CONT);
    }),
    ("redis paused", |scene, _| {
        scene.redis_fault(&["CLIENT", "PAUSE", "1500"], &[]);
        Scene::wait(1500);
    }),
    ("redis flushed", |scene, _| {
        for _ in 0..10 {
            scene.redis_fault(&["FLUSHALL"], &[]);
        }
    }),
    ("redis out of memory", |scene, _| {
        scene.redis_fault(&["CONFIG", "SET", "maxmemory", "1mb"], &["CONFIG", "SET", "maxmemory", "0"]);
    }),
    ("redis read-only", |scene, _| scene.redis_fault(&["REPLICAOF", "127.0.0.1", "1"], &["REPLICAOF", "NO", "ONE"])),
    ("a drive hangs", |scene, rng| scene.hang(rng, "hang")),
    ("a drive hangs and ignores TERM", |scene, rng| scene.hang(rng, "hang_ignore_term")),
    ("smartctl leaves a child", |scene, rng| scene.hang(rng, "hang_fork")),
    ("smartctl prints too much", |scene, rng| scene.drive_fault(rng, "output_bytes=9000000")),
    ("smartctl prints nonsense", |scene, rng| scene.drive_fault(rng, "junk=\u{1b}[31m nonsense")),
    ("smartctl crashes", |scene, rng| scene.drive_fault(rng, "crash=true")),
    ("a drive sleeps", |scene, rng| scene.drive_fault(rng, "standby=true")),
    ("a drive is pulled and put back", |scene, rng| {
        let (serial, bay) = scene.drive(rng);
        scene.sim.pull(&[&serial]);
        Scene::wait(2500);
        scene.sim.insert(&[&bay]);
    }),
    ("a drive is exchanged", |scene, rng| {
        let (serial, bay) = scene.drive(rng);
        scene.sim.pull(&[&serial]);
        Scene::wait(1500);
        scene.exchanged += 1;
        scene.sim.insert(&[&bay, "--serial", &format!("NEW{}", scene.exchanged)]);
        scene.learn();
        Scene::wait(2500);
        scene.sim.pull(&[&format!("NEW{}", scene.exchanged)]);
        Scene::wait(1500);
        scene.sim.insert(&[&bay, "--serial", &serial]);
    }),
    ("device names are exchanged", |scene, rng| {
        let (one, other) = (scene.device(rng), scene.device(rng));
        if one != other {
            scene.sim.swap_letters(&one, &other);
        }
    }),
    ("an enclosure is unresponsive", |scene, _| scene.set("enclosure/0", "silent=true", "silent=")),
    ("zpool hangs", |scene, _| scene.set("zpool", "hang=true", "hang=")),
    ("zpool prints nonsense", |scene, _| scene.set("zpool", "junk=nonsense", "junk=")),
    ("smartctl is removed", |scene, _| scene.set("smartctl", "gone=true", "gone=")),
    ("smartctl is replaced", |scene, _| scene.set("smartctl", "version=7.1", "version=7.4")),
    ("hostile requests", |scene, rng| {
        for _ in 0..400 {
            scene.send(&grammar::requests(rng));
        }
    }),
    ("a flood of connections", |scene, rng| scene.flood(rng)),
];

/// The daemon may refuse clients during this fault.
pub fn is_crowd(name: &str) -> bool {
    name.contains("flood of connections")
}

/// The environment of the daemon: host, Redis and clients.
pub struct Scene<'a> {
    pub sim: &'a Sim,
    pub redis: Redis,
    port: u16,
    exchanged: usize,
    /// Serial numbers of drives that have hung.
    hung: HashSet<String>,
    /// Power-on hours by serial number.
    truth: HashMap<String, u64>,
}

impl<'a> Scene<'a> {
    pub fn new(sim: &'a Sim, redis: Redis, port: u16) -> Self {
        let mut scene = Self { sim, redis, port, exchanged: 0, hung: HashSet::new(), truth: HashMap::new() };
        scene.learn();
        scene
    }

    /// Adds the present drives. Earlier ones are kept.
    fn learn(&mut self) {
        for drive in self.sim.list() {
            if let (Some(serial), Some(hours)) = (drive["serial"].as_str(), drive["hours"].as_u64()) {
                self.truth.insert(serial.to_owned(), hours);
            }
        }
    }

    /// Fails if a drive was shown with the hours of another one.
    #[track_caller]
    pub fn assert_truth(&self, seen: &Seen) {
        let seen = seen.hours.lock().unwrap_or_else(PoisonError::into_inner);
        assert!(seen.len() >= 16, "{seen:?}");
        for (serial, hours) in &*seen {
            assert_eq!(self.truth.get(serial), Some(hours), "the hours of {serial}");
        }
    }

    pub fn has_hung(&self, serial: Option<&str>) -> bool {
        match serial {
            Some(serial) => self.hung.contains(serial),
            None => false,
        }
    }

    /// The duration of a fault. Clients check the responses meanwhile.
    fn wait(ms: u64) {
        std::thread::sleep(Duration::from_millis(ms));
    }

    fn redis_fault(&self, fault: &[&str], cure: &[&str]) {
        self.redis.ask(fault);
        if cure.is_empty() {
            return Self::wait(200);
        }
        Self::wait(2000);
        self.redis.ask(cure);
    }

    /// A random drive in a bay.
    fn one(&self, rng: &mut Rng) -> Value {
        let mut here = self.sim.list();
        here.retain(|drive| drive["present"] == true && drive["bay"].is_u64());
        here.swap_remove(rng.below(here.len()))
    }

    /// The block device of a random drive.
    fn device(&self, rng: &mut Rng) -> String {
        self.one(rng)["devices"][0].as_str().expect("a device").to_owned()
    }

    /// Serial number and bay of a random drive.
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

    fn drive_fault(&self, rng: &mut Rng, fault: &str) {
        let (serial, _) = self.drive(rng);
        let (key, _) = fault.split_once('=').expect("a setting");
        self.set(&serial, fault, &format!("{key}="));
    }

    /// Makes smartctl hang on a drive.
    fn hang(&mut self, rng: &mut Rng, key: &str) {
        let (serial, _) = self.drive(rng);
        self.hung.insert(serial.clone());
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
        let end = stream.read_to_end(&mut answer).map_err(|error| error.kind());
        assert_ne!(end, Err(std::io::ErrorKind::WouldBlock), "neither a response nor the end");
    }

    /// Opens more connections than the daemon accepts. Some send requests and read nothing.
    fn flood(&self, rng: &mut Rng) {
        for _ in 0..4 {
            let mut held: Vec<TcpStream> =
                (0..300).flat_map(|_| TcpStream::connect(("127.0.0.1", self.port))).collect();
            for stream in &mut held {
                let get = "GET /api/overview HTTP/1.1\r\nHost: localhost\r\n\r\n";
                let _ = stream.write(get.repeat(rng.below(6)).as_bytes());
            }
            Self::wait(300);
        }
        eventually("the daemon accepts 20 clients at once", || {
            let mut held = Vec::new();
            for _ in 0..20 {
                let mut client = Client::connect(self.port)?;
                if client.request("GET", "/healthz", &[])?.status != 200 {
                    return None;
                }
                held.push(client);
            }
            Some(())
        });
    }
}
