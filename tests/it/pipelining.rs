//! Pipelined requests: each has its own response, in the order of the requests (RFC 9112, 9.3.2), wherever the bytes are
//! split.

use crate::support;

use flate2::read::GzDecoder;
use socket2::{Domain, SockAddr, Socket, Type};
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use support::PATIENCE;
use support::daemon::Daemon;
use support::redis::Redis;
use support::sim::Sim;

/// A request, with a number that its response contains where possible.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ask {
    Whereis(usize),
    HeadWhereis(usize),
    Overview,
    OverviewGzip,
    Unchanged,
    HeadOverview,
    Drive(usize),
    NoRoute,
    Delete,
    Healthz,
    /// Rejected without a worker, after which the connection is closed.
    BadPath,
}

/// All requests that do not end the connection.
const MIXED: [fn(usize) -> Ask; 12] = [
    Ask::Whereis,
    |_| Ask::Overview,
    Ask::HeadWhereis,
    Ask::Whereis,
    |_| Ask::Unchanged,
    Ask::Drive,
    |_| Ask::OverviewGzip,
    Ask::Whereis,
    |_| Ask::HeadOverview,
    |_| Ask::NoRoute,
    |_| Ask::Healthz,
    Ask::Whereis,
];

fn mixed(count: usize) -> Vec<Ask> {
    (0..count).map(|number| MIXED[number % MIXED.len()](number)).collect()
}

impl Ask {
    fn request(self, drives: &[String], etag: &str) -> String {
        let (method, path, field) = match self {
            Self::Whereis(n) => ("GET", format!("/api/whereis/n{n:06}"), String::new()),
            Self::HeadWhereis(n) => ("HEAD", format!("/api/whereis/n{n:06}"), String::new()),
            Self::Overview => ("GET", "/api/overview".to_owned(), String::new()),
            Self::OverviewGzip => ("GET", "/api/overview".to_owned(), "Accept-Encoding: gzip\r\n".to_owned()),
            Self::Unchanged => ("GET", "/openapi.json".to_owned(), format!("If-None-Match: {etag}\r\n")),
            Self::HeadOverview => ("HEAD", "/api/overview".to_owned(), String::new()),
            Self::Drive(n) => ("GET", format!("/api/drives/{}", drives[n % drives.len()]), String::new()),
            Self::NoRoute => ("GET", "/nothing".to_owned(), String::new()),
            Self::Delete => ("DELETE", "/api/overview".to_owned(), String::new()),
            Self::Healthz => ("GET", "/healthz".to_owned(), String::new()),
            Self::BadPath => ("GET", "/%zz".to_owned(), String::new()),
        };
        format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n{field}\r\n")
    }

    fn is_head(self) -> bool {
        matches!(self, Self::HeadWhereis(_) | Self::HeadOverview)
    }

    /// Why the response does not belong to this request.
    fn mistake(self, answer: &Answer, drives: &[String]) -> Option<String> {
        let text = String::from_utf8_lossy(&answer.body);
        let (status, is_right) = match self {
            Self::Whereis(n) => (404, text.contains(&format!("n{n:06}"))),
            Self::HeadWhereis(_) => (404, answer.body.is_empty() && !answer.head.contains("Content-Length: 0\r\n")),
            Self::Overview => (200, drives_in(&answer.body) == Some(drives.len())),
            Self::OverviewGzip => {
                let mut plain = Vec::new();
                let is_gzip = GzDecoder::new(&answer.body[..]).read_to_end(&mut plain).is_ok();
                (200, is_gzip && drives_in(&plain) == Some(drives.len()))
            }
            Self::Unchanged => (304, answer.body.is_empty()),
            Self::HeadOverview => (200, answer.body.is_empty()),
            Self::Drive(n) => {
                let wanted = format!("\"device\":\"{}\"", drives[n % drives.len()]);
                (200, text.contains(&wanted))
            }
            Self::NoRoute => (404, text.contains("\"status\":404")),
            Self::Delete => (405, text.contains("\"status\":405")),
            Self::Healthz => (200, text.starts_with("ok\n")),
            Self::BadPath => (400, text.contains("\"status\":400")),
        };
        let shown: String = text.chars().take(120).collect();
        if answer.status == status && is_right {
            return None;
        }
        Some(format!("request {self:?}, response {}: {shown}", answer.status))
    }
}

fn drives_in(overview: &[u8]) -> Option<usize> {
    let overview: serde_json::Value = serde_json::from_slice(overview).ok()?;
    usize::try_from(overview["totals"]["drives"].as_u64()?).ok()
}

struct Answer {
    status: u16,
    head: String,
    body: Vec<u8>,
}

/// Reads responses from a stream.
struct Answers {
    stream: TcpStream,
    bytes: Vec<u8>,
    /// The size of the buffer of one read.
    step: usize,
    /// Why there were no more bytes; empty at the end of the stream.
    ended: String,
}

impl Answers {
    fn of(stream: TcpStream, step: usize) -> Self {
        stream.set_read_timeout(Some(PATIENCE)).expect("a limit");
        Self { stream, bytes: Vec::new(), step, ended: String::new() }
    }

    /// False: the end of the stream, or no bytes for as long as a test may wait.
    fn read_more(&mut self) -> bool {
        let had = self.bytes.len();
        self.bytes.resize(had + self.step, 0);
        let count = loop {
            match self.stream.read(&mut self.bytes[had..]) {
                Ok(count) => break count,
                // Reads are interrupted if the process was stopped and continued, as in a paused container.
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    self.ended = error.to_string();
                    break 0;
                }
            }
        };
        self.bytes.truncate(had + count);
        count > 0
    }

    fn next(&mut self, is_head: bool) -> Option<Answer> {
        let end = loop {
            match self.bytes.windows(4).position(|window| window == b"\r\n\r\n") {
                Some(at) => break at + 4,
                None if self.read_more() => {}
                None => return None,
            }
        };
        let head = String::from_utf8(self.bytes[..end].to_vec()).expect("a head is text");
        let status: u16 = head.strip_prefix("HTTP/1.1 ").expect("a status line")[..3].parse().expect("a status");
        let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: ")).expect("a length");
        let length = if is_head || status == 304 { 0 } else { length.parse().expect("a number") };
        while self.bytes.len() < end + length {
            if !self.read_more() {
                return None;
            }
        }
        let body = self.bytes[end..end + length].to_vec();
        self.bytes.drain(..end + length);
        Some(Answer { status, head, body })
    }
}

struct Host {
    _sim: Sim,
    _redis: Redis,
    daemon: Daemon,
    drives: Vec<String>,
    etag: String,
}

impl Host {
    fn start() -> Self {
        let (sim, redis) = (Sim::small(), Redis::start());
        let settings = [("JBOD_MAX_CONNECTIONS", "1100"), ("SMART_POLL_INTERVAL", "600")];
        let daemon = Daemon::ready(&sim, &redis, &settings);
        let overview = daemon.json("/api/overview");
        let drives = support::json::drives(&overview)
            .map(|drive| drive["device"].as_str().expect("a name").to_owned())
            .collect();
        let etag = daemon.get("/openapi.json").header("etag").to_owned();
        Self { _sim: sim, _redis: redis, daemon, drives, etag }
    }

    fn bytes(&self, asks: &[Ask]) -> Vec<Vec<u8>> {
        asks.iter().map(|ask| ask.request(&self.drives, &self.etag).into_bytes()).collect()
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(("127.0.0.1", self.daemon.port)).expect("the daemon accepts");
        stream.set_nodelay(true).expect("no delay");
        stream.set_write_timeout(Some(PATIENCE)).expect("a limit");
        stream
    }

    /// Every response belongs to its request, in order.
    #[track_caller]
    fn check(&self, what: &str, asks: &[Ask], answers: &mut Answers) {
        for (number, ask) in asks.iter().enumerate() {
            let answer = answers.next(ask.is_head());
            let answer = answer.unwrap_or_else(|| {
                let why = &answers.ended;
                panic!("{what}: no response to request {number}, {ask:?}: {why}\n{}", self.daemon.log())
            });
            if let Some(mistake) = ask.mistake(&answer, &self.drives) {
                panic!("{what}, request {number}: {mistake}");
            }
        }
        assert!(answers.bytes.is_empty(), "{what}: bytes after the last response");
    }
}

/// Twenty requests with numbers that no other connection has.
fn asks_of(connection: usize) -> Vec<Ask> {
    (0..20).map(|number| Ask::Whereis(connection * 20 + number)).collect()
}

#[test]
fn twenty_requests_in_twenty_writes_on_a_thousand_connections() {
    let host = Host::start();
    let mut streams: Vec<TcpStream> = (0..1_000).map(|_| host.connect()).collect();
    for (connection, stream) in streams.iter_mut().enumerate() {
        for request in host.bytes(&asks_of(connection)) {
            stream.write_all(&request).expect("the request is sent");
        }
    }
    for (connection, stream) in streams.into_iter().enumerate() {
        host.check(&format!("connection {connection}"), &asks_of(connection), &mut Answers::of(stream, 65_536));
    }
}

#[test]
fn a_mixture_on_many_connections_at_once() {
    let host = Host::start();
    let mut streams: Vec<TcpStream> = (0..200).map(|_| host.connect()).collect();
    let asks = mixed(24);
    // One request of each connection in turn, so that many are processed at once.
    for request in host.bytes(&asks) {
        for stream in &mut streams {
            stream.write_all(&request).expect("the request is sent");
        }
    }
    for (connection, stream) in streams.into_iter().enumerate() {
        host.check(&format!("connection {connection}"), &asks, &mut Answers::of(stream, 65_536));
    }
}

#[test]
fn twenty_thousand_requests_on_one_connection() {
    let host = Host::start();
    let asks: Vec<Ask> =
        (0..20_000).map(|number| if number % 10 == 9 { Ask::Healthz } else { Ask::Whereis(number) }).collect();
    let mut stream = host.connect();
    let mut answers = Answers::of(stream.try_clone().expect("a second handle"), 65_536);
    let requests = host.bytes(&asks);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for request in &requests {
                if stream.write_all(request).is_err() {
                    return;
                }
            }
        });
        host.check("one connection", &asks, &mut answers);
    });
}

#[test]
fn requests_cut_at_every_byte() {
    let host = Host::start();
    let asks = [mixed(MIXED.len()), vec![Ask::Delete, Ask::Whereis(7), Ask::BadPath]].concat();
    let whole = host.bytes(&asks).concat();
    for cut in 0..=whole.len() {
        let mut stream = host.connect();
        let (first, second) = whole.split_at(cut);
        stream.write_all(first).expect("the request is sent");
        stream.write_all(second).expect("the request is sent");
        host.check(&format!("cut at {cut}"), &asks, &mut Answers::of(stream, 65_536));
    }
    let mut stream = host.connect();
    for byte in &whole {
        stream.write_all(&[*byte]).expect("the request is sent");
    }
    host.check("byte by byte", &asks, &mut Answers::of(stream, 65_536));
}

/// The client reads in small parts, so that the event loop has to send the rest of the responses.
#[test]
fn a_client_that_reads_slowly_has_every_answer_in_order() {
    let host = Host::start();
    let asks = mixed(1_200);
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.set_recv_buffer_size(4096).expect("a small buffer");
    socket.connect(&SockAddr::from(SocketAddr::from(([127, 0, 0, 1], host.daemon.port)))).expect("the daemon accepts");
    let mut stream = TcpStream::from(socket);
    stream.set_nodelay(true).expect("no delay");
    let mut answers = Answers::of(stream.try_clone().expect("a second handle"), 700);
    let requests = host.bytes(&asks);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for request in &requests {
                if stream.write_all(request).is_err() {
                    return;
                }
            }
        });
        host.check("a slow reader", &asks, &mut answers);
    });
}

#[test]
fn a_client_that_shut_down_its_side_receives_all_responses() {
    let host = Host::start();
    let asks = mixed(36);
    for connection in 0..100 {
        let mut stream = host.connect();
        for request in host.bytes(&asks) {
            stream.write_all(&request).expect("the request is sent");
        }
        stream.shutdown(Shutdown::Write).expect("a shutdown");
        let mut answers = Answers::of(stream, 65_536);
        host.check(&format!("connection {connection}"), &asks, &mut answers);
        assert!(!answers.read_more(), "the connection is open after the last response");
    }
}

/// Even if the request is rejected without a worker, a response to HEAD has no body.
#[test]
fn a_rejected_head_request_has_no_body() {
    let host = Host::start();
    let requests = [
        "HEAD /%zz HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "HEAD / HTTP/1.1\r\nHost: localhost\r\nHost: other\r\n\r\n",
        "HEAD / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\nabcd",
        "HEAD / HTTP/1.1\r\nHost: evil.example\r\n\r\n",
        "HEAD / HTTP/1.1\r\n\r\n",
        "HEAD / HTTP/3.0\r\nHost: localhost\r\n\r\n",
        "\r\nHEAD /\0 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ];
    for request in requests.map(str::to_owned).into_iter().chain([format!("HEAD /{} HTTP/1.1\r\n", "a".repeat(20_000))])
    {
        let mut stream = host.connect();
        stream.write_all(request.as_bytes()).expect("the request is sent");
        stream.shutdown(Shutdown::Write).expect("a shutdown");
        let mut answers = Answers::of(stream, 65_536);
        let answer = answers.next(true).unwrap_or_else(|| panic!("no response to {request:?}"));
        assert!(answer.status >= 400, "{request:?}: {}", answer.head);
        while answers.read_more() {}
        assert_eq!(String::from_utf8_lossy(&answers.bytes), "", "a body for {request:.60?}");
    }
}

fn connect(daemon: &Daemon) -> TcpStream {
    TcpStream::connect(("127.0.0.1", daemon.port)).expect("the daemon accepts")
}

/// The body of a response with status 503, on the fifth connection at once.
#[track_caller]
fn body_beyond_the_limit(daemon: &Daemon, request: &str) -> String {
    support::eventually("a connection is beyond the limit", || {
        // Each attempt has its own connections, because one without a request is closed after 5 s.
        let _others: Vec<TcpStream> = (0..4).map(|_| connect(daemon)).collect();
        let mut stream = connect(daemon);
        stream.write_all(request.as_bytes()).ok()?;
        let mut answers = Answers::of(stream, 65_536);
        let answer = answers.next(true)?;
        while answers.read_more() {}
        (answer.status == 503).then(|| String::from_utf8_lossy(&answers.bytes).into_owned())
    })
}

#[test]
fn a_head_request_beyond_the_limit_of_connections_has_no_body() {
    let (sim, redis) = (Sim::small(), Redis::start());
    let daemon = Daemon::ready(&sim, &redis, &[("JBOD_MAX_CONNECTIONS", "4")]);
    let head = body_beyond_the_limit(&daemon, "HEAD /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_eq!(head, "");
    let get = body_beyond_the_limit(&daemon, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert!(get.contains("too many concurrent connections"), "{get}");
}
