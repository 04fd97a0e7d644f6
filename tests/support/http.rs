//! An HTTP/1.1 client on one connection, which checks the framing of every response.

use serde_json::Value;
use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// A response. Header names are in lower case.
#[derive(Debug, Clone)]
pub struct Response {
    pub status: u16,
    pub headers: HashMap<String, String>,
    pub body: Vec<u8>,
}

impl Response {
    pub fn header(&self, name: &str) -> &str {
        match self.headers.get(name) {
            Some(value) => value,
            None => "",
        }
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// `HIT`, `STALE` or `MISS`.
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

    /// Sends bytes and reads one response. `None`: the connection ended instead.
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
        let status = self.read_line()?.split(' ').nth(1)?.parse().ok()?;
        let mut headers = HashMap::new();
        loop {
            let line = self.read_line()?;
            let Some((name, value)) = line.split_once(':') else { break };
            let previous = headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
            assert!(previous.is_none(), "duplicate header {name}");
        }
        assert!(!headers.contains_key("transfer-encoding"), "the daemon never sends chunks");
        let length = headers.get("content-length").expect("Content-Length").parse().expect("a length");
        let mut body = vec![0; if without_body || status == 304 { 0 } else { length }];
        self.stream.read_exact(&mut body).ok()?;
        Some(Response { status, headers, body })
    }

    /// A line without its end. `None`: the connection ended.
    fn read_line(&mut self) -> Option<String> {
        let mut line = String::new();
        let count = self.stream.read_line(&mut line).ok()?;
        if count == 0 {
            return None;
        }
        Some(line.trim_end().to_owned())
    }
}
