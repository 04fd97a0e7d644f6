//! The log of the simulated smartctl: its runs, and the processes that are left of them.

use super::proc_stats::{command_line, process_ids};
use super::sim::Sim;
use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::process::Command;

/// One run of smartctl.
#[derive(Debug, Clone)]
pub struct Run {
    pub pid: u32,
    /// Such as `sg3` or `nvme0`.
    pub node: String,
    pub serial: String,
    pub args: Vec<String>,
    pub started_ms: u64,
    /// The position of its `start` line in the log, and of its `end` line. A run that was killed has no `end` line.
    pub start: usize,
    pub end: Option<usize>,
}

impl Run {
    /// It had the option that disables the drive database.
    pub fn is_without_database(&self) -> bool {
        self.args.windows(2).any(|pair| pair == ["-B", "/dev/null"])
    }

    /// The device type from its option `-d`.
    pub fn told_type(&self) -> Option<&str> {
        let at = self.args.iter().position(|arg| arg == "-d")?;
        self.args.get(at + 1).map(String::as_str)
    }
}

impl Sim {
    /// A host with a drive for each recorded output of smartctl, and the messages about the recordings that were left
    /// out.
    #[track_caller]
    pub fn recorded(folder: &std::path::Path, options: &[&str]) -> (Self, String) {
        let sim = Self::empty();
        let out = Command::new(env!("CARGO_BIN_EXE_jbod-sim"))
            .arg("host")
            .arg(sim.root())
            .arg("--from")
            .arg(folder)
            .args(options)
            .output()
            .expect("jbod-sim runs");
        let messages = String::from_utf8_lossy(&out.stderr).into_owned();
        assert!(out.status.success(), "jbod-sim host --from: {messages}");
        (sim, messages)
    }

    fn log_lines(&self) -> Vec<String> {
        let log = std::fs::read_to_string(self.root().join("log/smartctl")).unwrap_or_default();
        log.lines().map(str::to_owned).collect()
    }

    /// All runs so far, in the order of their starts.
    pub fn runs(&self) -> Vec<Run> {
        let mut runs: Vec<Run> = Vec::new();
        let mut open: HashMap<u32, usize> = HashMap::new();
        for (at, line) in self.log_lines().iter().enumerate() {
            let words: Vec<&str> = line.split(' ').collect();
            let &[what, ms, pid, node, serial, ref args @ ..] = words.as_slice() else { continue };
            let (Ok(started_ms), Ok(pid)) = (ms.parse(), pid.parse()) else { continue };
            match what {
                "start" => {
                    open.insert(pid, runs.len());
                    let args = args.iter().map(|arg| (*arg).to_owned()).collect();
                    let (node, serial) = (node.to_owned(), serial.to_owned());
                    runs.push(Run { pid, node, serial, args, started_ms, start: at, end: None });
                }
                "end" => {
                    if let Some(run) = open.remove(&pid) {
                        runs[run].end = Some(at);
                    }
                }
                _ => {}
            }
        }
        runs
    }

    /// Serial numbers of the drives that were woken from sleep.
    pub fn woken(&self) -> Vec<String> {
        let mut woken = Vec::new();
        for line in self.log_lines() {
            let words: Vec<&str> = line.split(' ').collect();
            if let ["wake", _, _, _, serial, ..] = words[..] {
                woken.push(serial.to_owned());
            }
        }
        woken
    }

    /// The maximum number of concurrent runs among those for which `counts` is true.
    pub fn most_at_once(&self, counts: impl Fn(&Run) -> bool) -> usize {
        let runs: Vec<Run> = self.runs().into_iter().filter(|run| counts(run)).collect();
        let mut most = 0;
        for started in &runs {
            let is_alive = |run: &&Run| run.start <= started.start && run.end.unwrap_or(usize::MAX) > started.start;
            most = most.max(runs.iter().filter(is_alive).count());
        }
        most
    }

    /// Fails if a run of smartctl had an option that a reading does not need, such as one that writes to a drive.
    #[track_caller]
    pub fn assert_only_reading(&self) {
        let allowed = ["--json=c", "-a", "-n", "-d", "-B", "--"];
        for run in self.runs() {
            for arg in run.args.iter().filter(|arg| arg.starts_with('-')) {
                assert!(allowed.contains(&arg.as_str()), "smartctl was run with {arg}: {:?}", run.args);
            }
        }
    }

    /// Processes that are left in the process group of a run, as `pid command line`.
    pub fn left_over(&self) -> Vec<String> {
        let groups: HashSet<u32> = self.runs().iter().map(|run| run.pid).collect();
        let root = self.root().to_string_lossy().into_owned();
        let mut left = Vec::new();
        for pid in process_ids() {
            let Some(group) = process_group(&pid) else { continue };
            let line = command_line(&pid);
            // Process IDs are used again, so that the group alone does not show that a process is of a run.
            let is_of_run = line.contains(&root) || line.starts_with("sleep 600");
            if groups.contains(&group) && is_of_run {
                left.push(format!("{pid} {line}"));
            }
        }
        left
    }

    /// Writes a program into the folder of the host. A child writes it, so that no process that another test starts at
    /// the same time inherits it open for writing.
    #[track_caller]
    pub fn script(&self, name: &str, text: &str) -> PathBuf {
        let path = self.root().join(name);
        let status = Command::new("/bin/sh")
            .args(["-c", r#"printf '%s' "$1" > "$0" && chmod 755 "$0""#])
            .arg(&path)
            .arg(text)
            .status()
            .expect("sh runs");
        assert!(status.success(), "{} is written", path.display());
        path
    }
}

/// `None`: the process has ended.
fn process_group(pid: &str) -> Option<u32> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, fields) = stat.rsplit_once(") ")?;
    fields.split(' ').nth(2)?.parse().ok()
}
