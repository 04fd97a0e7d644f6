//! A real Prometheus for one test, and promtool (Debian: package `prometheus`).

use super::daemon::Ended;
use super::eventually;
use super::json::list;
use super::port::ReservedPort;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A file of `packaging/prometheus`.
pub fn packaged(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/prometheus").join(file)
}

/// Runs promtool with `input` on its standard input.
#[track_caller]
pub fn promtool(args: &[&str], input: &[u8]) -> Ended {
    let mut command = Command::new("promtool");
    command.args(args).current_dir(packaged("")).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("promtool starts");
    child.stdin.take().expect("its input").write_all(input).expect("promtool reads its input");
    let out = child.wait_with_output().expect("promtool ends");
    let stdout = String::from_utf8_lossy(&out.stdout).into_owned();
    let stderr = String::from_utf8_lossy(&out.stderr).into_owned();
    Ended { code: out.status.code(), stdout, stderr }
}

pub struct Prometheus {
    port: ReservedPort,
    child: Child,
    _dir: tempfile::TempDir,
}

impl Prometheus {
    /// Scrapes the daemon on this port every second, with the packaged alerts. Waits for the first scrape.
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
        std::fs::write(&file, config).expect("its configuration");
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
            if target["health"] == "up" { Some(()) } else { None }
        });
        prometheus
    }

    /// The series that a query returns. Fails if the query fails.
    #[track_caller]
    pub fn query(&self, query: &str) -> Vec<Value> {
        let path = format!("/api/v1/query?query={}", utf8_percent_encode(query, NON_ALPHANUMERIC));
        let answer = self.get(&path).expect("prometheus responds");
        assert_eq!(answer["status"], "success", "{query}: {answer}");
        answer["data"]["result"].as_array().expect("a result").clone()
    }

    /// Name and expression of every alert, as Prometheus parsed them.
    #[track_caller]
    pub fn alerts(&self) -> Vec<(String, String)> {
        let answer = self.get("/api/v1/rules").expect("prometheus responds");
        let mut alerts = Vec::new();
        for group in list(&answer["data"], "groups") {
            for rule in list(group, "rules") {
                let [name, query] = ["name", "query"].map(|field| rule[field].as_str().expect("a text").to_owned());
                alerts.push((name, query));
            }
        }
        alerts
    }

    /// HTTP/1.0, so that the response has no chunks and ends with the connection.
    fn get(&self, path: &str) -> Option<Value> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port.number)).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(30))).ok()?;
        stream.write_all(format!("GET {path} HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n").as_bytes()).ok()?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).ok()?;
        let body = answer.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
        serde_json::from_slice(&answer[body..]).ok()
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
