//! A real Prometheus of the test's own, and promtool: Debian's package `prometheus`.

use super::daemon::Ended;
use super::eventually;
use super::port::ReservedPort;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// `packaging/prometheus`.
pub fn packaged(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/prometheus").join(file)
}

/// Runs promtool with something on its standard input.
#[track_caller]
pub fn promtool(args: &[&str], input: &[u8]) -> Ended {
    let mut command = Command::new("promtool");
    command.args(args).current_dir(packaged("")).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("promtool starts");
    child.stdin.take().expect("its input").write_all(input).expect("promtool listens");
    let out = child.wait_with_output().expect("promtool ends");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ended { code: out.status.code(), stdout: text(&out.stdout), stderr: text(&out.stderr) }
}

pub struct Prometheus {
    port: ReservedPort,
    child: Child,
    _dir: tempfile::TempDir,
}

impl Prometheus {
    /// Scrapes the daemon on that port each second, with our alerts; waits for the first scrape.
    #[track_caller]
    pub fn of(daemon: u16, token: &str) -> Self {
        let (port, dir) = (ReservedPort::new(), tempfile::tempdir().expect("a folder for prometheus"));
        let config = format!(
            "global:\n  scrape_interval: 1s\n  evaluation_interval: 1s\nrule_files: [{}]\nscrape_configs:\n  - job_name: \
             jbod-monitor\n    authorization: {{ credentials: {token} }}\n    static_configs: [{{ targets: \
             ['127.0.0.1:{daemon}'] }}]\n",
            packaged("alerts.yml").display()
        );
        let file = dir.path().join("prometheus.yml");
        std::fs::write(&file, config).expect("its settings");
        let child = Command::new("prometheus")
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.tsdb.path={}", dir.path().join("data").display()))
            .arg(format!("--web.listen-address={}", port.address()))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("prometheus starts");
        let prometheus = Self { port, child, _dir: dir };
        eventually("prometheus has scraped", || {
            let target = prometheus.get("/api/v1/targets")?["data"]["activeTargets"][0].clone();
            assert_eq!(target["lastError"].as_str().unwrap_or_default(), "", "{target}");
            (target["health"] == "up").then_some(())
        });
        prometheus
    }

    /// What a query gives now: its series. An error of the query fails the test.
    #[track_caller]
    pub fn query(&self, query: &str) -> Vec<Value> {
        let path = format!("/api/v1/query?query={}", utf8_percent_encode(query, NON_ALPHANUMERIC));
        let answer = self.get(&path).expect("prometheus answers");
        assert_eq!(answer["status"], "success", "{query}: {answer}");
        answer["data"]["result"].as_array().expect("a result").clone()
    }

    /// Name and expression of every alert, as Prometheus has understood them.
    #[track_caller]
    pub fn alerts(&self) -> Vec<(String, String)> {
        let rules = self.get("/api/v1/rules").expect("prometheus answers");
        let groups = rules["data"]["groups"].as_array().expect("groups").clone();
        let rules = groups.iter().flat_map(|group| group["rules"].as_array().into_iter().flatten());
        let text = |rule: &Value, field: &str| rule[field].as_str().expect("a text").to_owned();
        rules.map(|rule| (text(rule, "name"), text(rule, "query"))).collect()
    }

    /// Without chunks: it closes when it has said all.
    fn get(&self, path: &str) -> Option<Value> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port.number)).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(30))).ok()?;
        stream.write_all(format!("GET {path} HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n").as_bytes()).ok()?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).ok()?;
        let body = answer.windows(4).position(|w| w == b"\r\n\r\n")? + 4;
        serde_json::from_slice(&answer[body..]).ok()
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
