//! A simulated host, laid out in a folder of the test's own by `jbod-sim`.

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

    /// A folder for a host, with nothing in it yet.
    #[track_caller]
    pub fn empty() -> Self {
        Self { dir: tempfile::tempdir().expect("a folder for the host") }
    }

    /// The rack of the mission: two shelves, 84 bays, 78 drives on two paths, an NVMe boot drive.
    pub fn rack() -> Self {
        Self::host(&["--enclosures", "2", "--bays", "42", "--drives", "78", "--paths", "2"])
    }

    /// Four drives of one shelf on one path, one of them SATA: quick to read.
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
    pub fn swap_letters(&self, a: &str, b: &str) {
        self.run("swap-letters", &[a, b]);
    }

    /// Every drive as the simulator has it: the truth that answers are held against.
    #[track_caller]
    pub fn list(&self) -> Vec<Value> {
        let text = self.run("list", &["--json"]);
        let list: Value = serde_json::from_str(&text).expect("jbod-sim list --json gives JSON");
        list.as_array().or_else(|| list["drives"].as_array()).expect("a list of drives").clone()
    }

    /// Starts of the played smartctl so far, as (node, serial).
    pub fn starts(&self) -> Vec<(String, String)> {
        let log = std::fs::read_to_string(self.root().join("log/smartctl")).unwrap_or_default();
        let starts = log.lines().filter(|l| l.starts_with("start "));
        starts
            .filter_map(|line| {
                let words: Vec<&str> = line.split(' ').collect();
                Some(((*words.get(3)?).to_owned(), (*words.get(4)?).to_owned()))
            })
            .collect()
    }

    /// How often smartctl was started on the drive with that serial number.
    pub fn starts_of(&self, serial: &str) -> usize {
        self.starts().iter().filter(|(_, s)| s == serial).count()
    }

    /// `pid command line` of every process that runs one of the host's programs.
    pub fn processes(&self) -> Vec<String> {
        let root = self.root().to_string_lossy().into_owned();
        let pids =
            std::fs::read_dir("/proc").expect("/proc").flatten().filter_map(|e| e.file_name().into_string().ok());
        pids.filter(|name| name.bytes().all(|b| b.is_ascii_digit()))
            .filter_map(|pid| {
                let line = std::fs::read(format!("/proc/{pid}/cmdline")).ok()?;
                let line = String::from_utf8_lossy(&line).replace('\0', " ");
                line.contains(&root).then(|| format!("{pid} {line}"))
            })
            .collect()
    }
}
