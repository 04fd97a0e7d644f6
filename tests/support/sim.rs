//! A simulated host, which `jbod-sim` creates in a temporary folder.

use super::proc_stats::{command_line, process_ids};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

pub struct Sim {
    dir: tempfile::TempDir,
}

impl Sim {
    /// `jbod-sim host DIR OPTIONS…`
    #[track_caller]
    pub fn host(options: &[&str]) -> Self {
        let sim = Self { dir: tempfile::tempdir().expect("a folder for the host") };
        sim.run("host", options);
        sim
    }

    /// An empty folder for a host.
    #[track_caller]
    pub fn empty() -> Self {
        Self { dir: tempfile::tempdir().expect("a folder for the host") }
    }

    /// Two shelves with 84 bays, 78 drives with two paths each, and an NVMe drive.
    pub fn rack() -> Self {
        Self::host(&["--enclosures", "2", "--bays", "42", "--drives", "78", "--paths", "2"])
    }

    /// One shelf with four drives, one of them SATA, with one path each.
    pub fn small() -> Self {
        Self::host(&[
            "--enclosures",
            "1",
            "--bays",
            "6",
            "--drives",
            "4",
            "--paths",
            "1",
            "--sata",
            "1",
            "--ssd",
            "0",
            "--nvme",
            "0",
            "--pools",
            "1",
            "--vdev-width",
            "2",
        ])
    }

    pub fn root(&self) -> &Path {
        self.dir.path()
    }

    pub fn tool(&self, name: &str) -> PathBuf {
        self.root().join("bin").join(name)
    }

    #[track_caller]
    fn run(&self, command: &str, args: &[&str]) -> String {
        let out = Command::new(env!("CARGO_BIN_EXE_jbod-sim"))
            .arg(command)
            .arg(self.root())
            .args(args)
            .output()
            .expect("jbod-sim runs");
        let stderr = String::from_utf8_lossy(&out.stderr);
        assert!(out.status.success(), "jbod-sim {command} {args:?}: {stderr}");
        String::from_utf8_lossy(&out.stdout).into_owned()
    }

    /// `set("bay/0/5", &["hang=true"])`
    #[track_caller]
    pub fn set(&self, target: &str, pairs: &[&str]) {
        let args: Vec<&str> = std::iter::once(target).chain(pairs.iter().copied()).collect();
        self.run("set", &args);
    }

    #[track_caller]
    pub fn pull(&self, args: &[&str]) {
        self.run("pull", args);
    }

    #[track_caller]
    pub fn insert(&self, args: &[&str]) {
        self.run("insert", args);
    }

    /// `raid(&["--host", "perc", "--disks", "4"])`
    #[track_caller]
    pub fn raid(&self, args: &[&str]) {
        self.run("raid", args);
    }

    #[track_caller]
    pub fn usb(&self, args: &[&str]) {
        self.run("usb", args);
    }

    /// `shelf(&["enclosure/0", "gone", "--drives"])`
    #[track_caller]
    pub fn shelf(&self, args: &[&str]) {
        self.run("shelf", args);
    }

    /// `module(&["enclosure/0", "1", "back"])`
    #[track_caller]
    pub fn module(&self, args: &[&str]) {
        self.run("module", args);
    }

    #[track_caller]
    pub fn swap_letters(&self, one: &str, other: &str) {
        self.run("swap-letters", &[one, other]);
    }

    /// All drives as the simulator has them, for comparison with responses of the daemon.
    #[track_caller]
    pub fn list(&self) -> Vec<Value> {
        let text = self.run("list", &["--json"]);
        serde_json::from_str(&text).expect("jbod-sim list --json prints an array")
    }

    /// Node and serial number of each start of the simulated smartctl so far.
    pub fn starts(&self) -> Vec<(String, String)> {
        self.runs().into_iter().map(|run| (run.node, run.serial)).collect()
    }

    /// How often smartctl was started for the drive with this serial number.
    pub fn starts_of(&self, serial: &str) -> usize {
        self.runs().iter().filter(|run| run.serial == serial).count()
    }

    /// `pid command line` of every process that runs a program of the host.
    pub fn processes(&self) -> Vec<String> {
        let root = self.root().to_string_lossy().into_owned();
        let mut processes = Vec::new();
        for pid in process_ids() {
            let line = command_line(&pid);
            if line.contains(&root) {
                processes.push(format!("{pid} {line}"));
            }
        }
        processes
    }
}
