//! What the played smartctl wrote down of its runs, and what is left of them.

use super::sim::Sim;
use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::process::Command;

/// One run, as the simulator wrote it down.
#[derive(Debug, Clone)]
pub struct Run {
    pub pid: u32,
    /// `sg3`, `nvme0`
    pub node: String,
    pub serial: String,
    pub args: Vec<String>,
    pub started_ms: u64,
    /// Place of its `start` line in the log, and of its `end` line once it has ended by itself.
    pub start: usize,
    pub end: Option<usize>,
}

impl Run {
    /// It was told to go without the drive database.
    pub fn is_without_database(&self) -> bool {
        self.args.windows(2).any(|pair| pair == ["-B", "/dev/null"])
    }

    /// The type it was told with `-d`.
    pub fn told_type(&self) -> Option<&str> {
        let at = self.args.iter().position(|arg| arg == "-d")?;
        self.args.get(at + 1).map(String::as_str)
    }
}

impl Sim {
    /// A host whose bays hold the drives of recorded answers, and what the simulator said of
    /// those it left out.
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
        let said = String::from_utf8_lossy(&out.stderr).into_owned();
        assert!(out.status.success(), "jbod-sim host --from: {said}");
        (sim, said)
    }

    fn log_lines(&self) -> Vec<String> {
        let log = std::fs::read_to_string(self.root().join("log/smartctl")).unwrap_or_default();
        log.lines().map(str::to_owned).collect()
    }

    /// Every run so far, in the order of their starts.
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
                    if let Some(run) = open.remove(&pid).and_then(|place| runs.get_mut(place)) {
                        run.end = Some(at);
                    }
                }
                _ => {}
            }
        }
        runs
    }

    /// Serial numbers of drives that slept and were woken.
    pub fn woken(&self) -> Vec<String> {
        let lines = self.log_lines();
        let woken = lines.iter().filter(|line| line.starts_with("wake "));
        woken.filter_map(|line| line.split(' ').nth(4).map(str::to_owned)).collect()
    }

    /// The most runs at once among those that `counts`, by what the log shows.
    pub fn most_at_once(&self, counts: impl Fn(&Run) -> bool) -> usize {
        let runs: Vec<Run> = self.runs().into_iter().filter(|run| counts(run)).collect();
        let alive = |at: usize| runs.iter().filter(|r| r.start <= at && r.end.is_none_or(|end| end > at)).count();
        runs.iter().map(|run| alive(run.start)).max().unwrap_or(0)
    }

    /// Nothing that was ever asked of a drive writes to it, and nothing but a reading was asked.
    #[track_caller]
    pub fn assert_only_reading(&self) {
        let harmless = ["--json=c", "-a", "-n", "-d", "-B", "--"];
        for run in self.runs() {
            for arg in run.args.iter().filter(|arg| arg.starts_with('-')) {
                assert!(harmless.contains(&arg.as_str()), "smartctl was given {arg}: {:?}", run.args);
            }
        }
    }

    /// Processes that its tools left: those of the process group of any run.
    pub fn left_over(&self) -> Vec<String> {
        let groups: HashSet<u32> = self.runs().iter().map(|run| run.pid).collect();
        let root = self.root().to_string_lossy().into_owned();
        let pids =
            std::fs::read_dir("/proc").expect("/proc").flatten().filter_map(|e| e.file_name().into_string().ok());
        pids.filter(|name| name.bytes().all(|b| b.is_ascii_digit()))
            .filter_map(|pid| {
                let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
                let group = stat.rsplit_once(") ")?.1.split(' ').nth(2)?.parse().ok()?;
                let line = std::fs::read(format!("/proc/{pid}/cmdline")).ok()?;
                let line = String::from_utf8_lossy(&line).replace('\0', " ");
                // Process numbers are used again: what is left is ours by its words as well.
                let ours = line.contains(&root) || line.starts_with("sleep 600");
                (groups.contains(&group) && ours).then(|| format!("{pid} {line}"))
            })
            .collect()
    }

    /// A program of the test's own, in the host's folder. It is written by a child, so that no
    /// process that another test starts meanwhile holds it open for writing.
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
