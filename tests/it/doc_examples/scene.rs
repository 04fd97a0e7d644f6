//! The simulated host, Redis and daemon that the examples of a page run against.

use super::page::Step;
use crate::helpers::{copy_environment, sim_host};
use crate::support::daemon::{Daemon, command};
use crate::support::port::ANY_PORT;
use crate::support::redis::Redis;
use crate::support::sim::Sim;
use std::fs::Permissions;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::{Command, Stdio};

pub struct Scene {
    sim: Sim,
    redis: Redis,
    settings: Vec<(String, String)>,
    /// Started before the first command that needs it.
    daemon: Option<Daemon>,
    /// A folder with programs, first in `PATH`.
    programs: tempfile::TempDir,
}

impl Scene {
    #[track_caller]
    pub fn new(host: &str) -> Self {
        let settings = [("SMART_TIMEOUT", "2"), ("SMART_POLL_INTERVAL", "5")];
        let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        let programs = tempfile::tempdir().expect("a folder for programs");
        symlink(env!("CARGO_BIN_EXE_jbod-monitor"), programs.path().join("jbod-monitor")).expect("a link");
        Self { sim: simulated(host), redis: Redis::start(), settings, daemon: None, programs }
    }

    #[track_caller]
    pub fn prepare(&mut self, step: Step) {
        match step {
            Step::Setting(name, value) => self.settings.push((name.to_owned(), value.to_owned())),
            Step::Sim { args, is_live: false } => self.sim_command(&args),
            Step::Sim { args, is_live: true } => {
                self.daemon();
                // No wait: a command is repeated until its output is the expected one.
                self.sim_command(&args);
                return;
            }
            Step::StopRedis => self.redis.kill(),
            Step::Host(_) | Step::Skip => {}
        }
        self.daemon = None;
    }

    #[track_caller]
    fn sim_command(&self, args: &[&str]) {
        let (name, args) = args.split_first().expect("a command of jbod-sim");
        match *name {
            "set" => self.sim.set(args[0], &args[1..]),
            "pull" => self.sim.pull(args),
            "insert" => self.sim.insert(args),
            "raid" => self.sim.raid(args),
            "usb" => self.sim.usb(args),
            "shelf" => self.sim.shelf(args),
            "module" => self.sim.module(args),
            other => panic!("unknown command: jbod-sim {other}"),
        }
    }

    fn daemon(&mut self) -> &Daemon {
        let (sim, redis, settings) = (&self.sim, &self.redis, &self.settings);
        self.daemon.get_or_insert_with(|| started(sim, redis, settings))
    }

    /// Output of the command, with the addresses and paths that are used on pages.
    #[track_caller]
    pub fn run(&mut self, script: &str) -> String {
        let needs_daemon = ["curl ", "redis-cli", "forget"].iter().any(|word| script.contains(word));
        let daemon_port = if needs_daemon { self.daemon().port } else { 0 };
        let redis_port = self.redis.port;
        let address = format!("127.0.0.1:{daemon_port}");
        let connect = format!("--connect-to localhost:9780:{address} --connect-to 127.0.0.1:9780:{address}");
        self.write_program("curl", &format!("exec /usr/bin/curl {connect} \"$@\""));
        self.write_program("redis-cli", &format!("exec /usr/bin/redis-cli -p {redis_port} \"$@\""));
        self.write_program("sudo", "exec \"$@\"");
        let folder = self.programs.path().display().to_string();
        let mut shell = Command::new("/bin/bash");
        shell.args(["-c", &format!("exec 2>&1\n{script}")]).env_clear();
        copy_environment(&command(&self.sim, redis_port), &mut shell);
        let out = shell
            .env("PATH", format!("{folder}:/usr/bin:/bin"))
            .env("LC_ALL", "C.UTF-8")
            .env("JBOD_LISTEN", ANY_PORT)
            .env("JBOD_CONTROL_SOCKET", self.sim.root().join("control.sock"))
            .envs(self.settings.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .output()
            .expect("bash starts");
        let text = String::from_utf8_lossy(&out.stdout).into_owned();
        let text = text
            .replace(&self.sim.root().display().to_string(), "/tmp/rack")
            .replace(&format!("127.0.0.1:{redis_port}"), "localhost:6379")
            .replace(ANY_PORT, "127.0.0.1:9780")
            .replace('\r', "");
        if needs_daemon { text.replace(&address, "127.0.0.1:9780") } else { text }
    }

    fn write_program(&self, name: &str, script: &str) {
        let path = self.programs.path().join(name);
        std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).expect("a program");
        std::fs::set_permissions(&path, Permissions::from_mode(0o755)).expect("permissions");
    }
}

#[track_caller]
fn started(sim: &Sim, redis: &Redis, settings: &[(String, String)]) -> Daemon {
    // An earlier daemon of the page was killed, so it did not remove its socket.
    let socket = sim.root().join("control.sock");
    let _ = std::fs::remove_file(&socket);
    let mut command = command(sim, redis.port);
    command
        .env("JBOD_LISTEN", ANY_PORT)
        .env("JBOD_CONTROL_SOCKET", socket)
        .envs(settings.iter().map(|(name, value)| (name, value)));
    let daemon = Daemon::listening(&mut command);
    daemon.wait_ready();
    daemon
}

#[track_caller]
fn simulated(host: &str) -> Sim {
    match host {
        "rack" => {
            let sim = Sim::rack();
            sim.set("bay/0/7", &["failed=true"]);
            sim.set("bay/1/12", &["standby=true"]);
            sim.set("bay/0/20", &["hang=true"]);
            sim
        }
        // As packaging/demo/jbod-monitor-demo.
        "demo" => {
            let sim = sim_host("--enclosures 2 --bays 42 --drives 78 --paths 2 --dual-actuator 1");
            sim.set("bay/0/7", &["failed=true"]);
            sim.set("bay/1/12", &["standby=true"]);
            sim.set("bay/0/20", &["hang=true"]);
            sim.set("bay/0/12", &["failed=true", "asc=11", "ascq=1"]);
            sim.set("bay/1/39", &["sector_bytes=520"]);
            sim.set("bay/1/30", &["fault=4"]);
            sim.set("bay/1/3", &["locate=1"]);
            sim.set("bay/0/15", &["path1=offline"]);
            sim.set("pool/backup", &["expand=running"]);
            sim
        }
        "nas" => {
            let sim = sim_host("--enclosures 1 --bays 12 --drives 10 --paths 1 --sata 8 --pools 1 --vdev-width 10");
            sim.set("bay/0/3", &["attr.197.raw=16"]);
            sim.set("bay/0/6", &["standby=true"]);
            sim
        }
        "raid" => {
            let sim = sim_host("--enclosures 0 --drives 0 --nvme 0 --pools 0");
            sim.raid(&["--host", "perc", "--disks", "4", "--sata", "1"]);
            sim.usb(&["--bridge", "unknown"]);
            sim
        }
        other => panic!("unknown host: {other}"),
    }
}
