//! A client that speaks HTTP/1.1 over one connection and checks the framing of every answer.

use serde_json::Value;
use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// A response. Header names in lower case.
#[derive(Debug, Clone)]
pub struct Response {
    pub status: u16,
    pub headers: HashMap<String, String>,
    pub body: Vec<u8>,
}

impl Response {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.text()))
    }

    /// `HIT`, `STALE`, `MISS`.
    pub fn cache(&self) -> &str {
        self.header("x-cache")
    }

    pub fn source(&self) -> &str {
        self.header("x-source")
    }

    #[track_caller]
    pub fn age(&self) -> u64 {
        self.header("age").parse().expect("Age is a number")
    }
}

/// A connection that is kept open between requests.
pub struct Client {
    port: u16,
    stream: BufReader<TcpStream>,
}

impl Client {
    pub fn connect(port: u16) -> Option<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(30))).ok()?;
        Some(Self { port, stream: BufReader::new(stream) })
    }

    /// Sends a request as it stands and reads one answer. `None`: the connection ended instead.
    pub fn raw(&mut self, request: &[u8], without_body: bool) -> Option<Response> {
        self.stream.get_mut().write_all(request).ok()?;
        self.read(without_body)
    }

    pub fn request(&mut self, method: &str, path: &str, headers: &[(&str, &str)]) -> Option<Response> {
        let mut request = format!("{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\n", self.port);
        for (name, value) in headers {
            request += &format!("{name}: {value}\r\n");
        }
        request += "\r\n";
        self.raw(request.as_bytes(), method == "HEAD")
    }

    fn read(&mut self, without_body: bool) -> Option<Response> {
        let mut line = String::new();
        self.stream.read_line(&mut line).ok().filter(|n| *n > 0)?;
        let status = line.split(' ').nth(1)?.parse().ok()?;
        let mut headers = HashMap::new();
        loop {
            line.clear();
            self.stream.read_line(&mut line).ok().filter(|n| *n > 0)?;
            let Some((name, value)) = line.trim_end().split_once(':') else { break };
            let twice = headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
            assert!(twice.is_none(), "header {name} stands twice");
        }
        assert!(!headers.contains_key("transfer-encoding"), "never chunked");
        let length = headers.get("content-length").expect("Content-Length always").parse().expect("a length");
        let mut body = vec![0; if without_body || status == 304 { 0 } else { length }];
        self.stream.read_exact(&mut body).ok()?;
        Some(Response { status, headers, body })
    }
}
