//! Connections to Redis other than plain TCP: TLS with valid and invalid certificates, Unix sockets, Sentinels, a name
//! whose address changes; their settings, and what `doctor` reports. With real servers.

use crate::support;
use crate::support::wait_until;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use rustix::process::Signal;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use support::daemon::{Daemon, Ended, command, run};
use support::eventually;
use support::fake_redis::FakeRedis;
use support::load::Load;
use support::port::{ANY_PORT, ReservedPort, refused_port};
use support::redis::{Link, Redis, Reply};
use support::sim::Sim;

const SECRET: &str = "0pen-sesame";
const PATHS: [&str; 5] = ["/api/overview", "/api/drives/sda", "/api/enclosures", "/api/zfs", "/api/drives"];
/// A response that took longer has waited for Redis.
const BOUND: Duration = Duration::from_secs(5);

/// A certificate authority of the test, with the certificates that it signs.
struct Authority {
    dir: tempfile::TempDir,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        Self::with_name("the test's authority")
    }

    fn with_name(name: &str) -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(Vec::new()).expect("parameters");
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).expect("a certificate");
        std::fs::write(dir.path().join("ca.pem"), certificate.pem()).expect("a file");
        Self { dir, issuer: Issuer::new(params, key) }
    }

    fn file(&self, name: &str) -> String {
        self.dir.path().join(name).to_str().expect("a path").to_owned()
    }

    /// A certificate for that name and its key. It expires in the year `ends`.
    fn sign(&self, name: &str, ends: i32) -> [String; 2] {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(vec![name.to_owned()]).expect("parameters");
        (params.not_before, params.not_after) = (date_time_ymd(2001, 1, 1), date_time_ymd(ends, 1, 1));
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        let (file, key_file) = (self.file(&format!("{name}-{ends}.pem")), self.file(&format!("{name}-{ends}.key")));
        std::fs::write(&file, certificate.pem()).expect("a file");
        std::fs::write(&key_file, key.serialize_pem()).expect("a file");
        [file, key_file]
    }
}

/// A Redis with a second port, for TLS.
fn with_tls(files: &[String; 2], more: &[&str]) -> (Redis, ReservedPort) {
    let port = ReservedPort::new();
    let tls =
        ["--tls-port", &port.to_string(), "--tls-cert-file", &files[0], "--tls-key-file", &files[1]].map(str::to_owned);
    let mut redis = Redis::absent();
    redis.args = tls.into_iter().chain(["--tls-auth-clients", "no"].map(str::to_owned)).collect();
    redis.args.extend(more.iter().map(|arg| (*arg).to_owned()));
    redis.up();
    (redis, port)
}

#[track_caller]
fn wait_all_hit(daemon: &Daemon) {
    wait_until("every response is a HIT", || PATHS.iter().all(|path| daemon.get(path).cache() == "HIT"));
}

#[track_caller]
fn assert_one_outage(daemon: &Daemon) {
    let lines = (daemon.logged("redis unavailable"), daemon.logged("redis available again"));
    assert_eq!(lines, (1, 1), "{}", daemon.log());
    assert_eq!(daemon.logged(SECRET), 0, "{}", daemon.log());
}

fn doctor(sim: &Sim, settings: &[(&str, &str)]) -> Ended {
    let mut doctor = command(sim, 1);
    run(doctor.env("JBOD_LISTEN", "127.0.0.1:0").envs(settings.iter().copied()).arg("doctor"))
}

/// The line of `doctor` about Redis.
#[track_caller]
fn redis_line(ended: &Ended) -> &str {
    let mut lines = ended.stdout.lines().filter(|line| line.contains("Redis at"));
    let line = lines.next().unwrap_or_else(|| panic!("no line about Redis: {ended:?}"));
    assert_eq!(lines.next(), None, "{ended:?}");
    assert!(!ended.stdout.contains(SECRET), "{ended:?}");
    line
}

/// On a busy machine, a slow reply must not count as an outage.
const PATIENT: (&str, &str) = ("REDIS_TIMEOUT_MS", "2000");

#[test]
fn over_tls_everything_is_stored_and_an_outage_ends() {
    let authority = Authority::new();
    let (mut redis, port) = with_tls(&authority.sign("localhost", 2099), &[]);
    redis.require_password(SECRET);
    let sim = Sim::small();
    let (url, ca) = (format!("rediss://:{SECRET}@localhost:{port}"), authority.file("ca.pem"));
    let settings = [PATIENT, ("REDIS_URL", url.as_str()), ("REDIS_CA_FILE", ca.as_str()), ("RUST_LOG", "trace")];
    let daemon = Daemon::ready(&sim, &redis, &settings);
    wait_all_hit(&daemon);
    assert!(redis.get("jbod:overview").is_some());
    assert!(redis_line(&doctor(&sim, &settings)).starts_with("ok"));
    let load = Load::start(daemon.port, &PATHS);
    load.go_on(20);
    redis.kill();
    daemon.wait_logged("redis unavailable");
    load.go_on(50);
    redis.args.extend(["--requirepass", SECRET].map(str::to_owned));
    redis.up();
    daemon.wait_logged("redis available again");
    wait_all_hit(&daemon);
    load.finish(BOUND);
    assert_one_outage(&daemon);
}

/// Without `REDIS_CA_FILE` the certificate authorities of the system are trusted.
#[test]
fn authorities_of_the_system_are_trusted() {
    let authority = Authority::new();
    let (redis, port) = with_tls(&authority.sign("localhost", 2099), &[]);
    let sim = Sim::small();
    let (url, ca) = (format!("rediss://localhost:{port}"), authority.file("ca.pem"));
    let settings = [PATIENT, ("REDIS_URL", url.as_str()), ("SSL_CERT_FILE", ca.as_str())];
    let daemon = Daemon::ready(&sim, &redis, &settings);
    wait_all_hit(&daemon);
    assert_eq!(daemon.logged("redis unavailable"), 0, "{}", daemon.log());
}

#[test]
fn each_fault_of_tls_is_reported_in_one_line() {
    let authority = Authority::new();
    let unknown = [Authority::new(), Authority::with_name("another authority")];
    let sim = Sim::small();
    let good = authority.sign("localhost", 2099);
    let ca = authority.file("ca.pem");
    let cases: [([String; 2], &str, &[&str], &str); 6] = [
        (authority.sign("localhost", 2002), "rediss", &[], "its certificate has expired"),
        (authority.sign("nas.example", 2099), "rediss", &[], "its certificate is for nas.example, not for localhost"),
        (unknown[0].sign("localhost", 2099), "rediss", &[], "signed by an unknown authority (REDIS_CA_FILE"),
        (unknown[1].sign("localhost", 2099), "rediss", &[], "signed by an unknown authority (REDIS_CA_FILE"),
        (good.clone(), "rediss", &["--tls-auth-clients", "yes", "--tls-ca-cert-file", &ca], "tls-auth-clients no"),
        (good, "redis", &[], "REDIS_URL=rediss://"),
    ];
    for (files, scheme, more, wanted) in cases {
        let (redis, port) = with_tls(&files, more);
        let url = format!("{scheme}://:{SECRET}@localhost:{port}");
        let mut settings = vec![PATIENT, ("REDIS_URL", url.as_str())];
        if scheme == "rediss" {
            settings.push(("REDIS_CA_FILE", ca.as_str()));
        }
        let ended = doctor(&sim, &settings);
        let line = redis_line(&ended);
        // Without TLS, the only symptom may be that the server closes the connection.
        let is_reported = line.starts_with("FAIL") && line.contains("TLS connection") || scheme == "redis";
        assert!(is_reported && line.contains(wanted), "{wanted}: {line}");
        let daemon = Daemon::ready(&sim, &redis, &settings);
        daemon.wait_logged("redis unavailable");
        let log = daemon.log();
        let line = log.lines().find(|line| line.contains("redis unavailable")).expect("the line of the outage");
        assert!(line.contains(wanted), "{wanted}: {line}");
        assert_eq!((daemon.get("/api/overview").status, daemon.logged(SECRET)), (200, 0), "{log}");
    }
}

/// Redis without TLS waits for the end of a line, and does not reply.
#[test]
fn tls_to_a_port_that_does_not_reply_delays_no_response() {
    let (authority, sim, redis) = (Authority::new(), Sim::small(), Redis::start());
    let ca = authority.file("ca.pem");
    let silent = FakeRedis::silent(0);
    for port in [redis.port, silent.port] {
        let url = format!("rediss://localhost:{port}");
        let settings = [("REDIS_URL", url.as_str()), ("REDIS_CA_FILE", ca.as_str())];
        let daemon = Daemon::ready(&sim, &redis, &settings);
        let load = Load::start(daemon.port, &PATHS);
        daemon.wait_logged("redis unavailable");
        load.go_on(50);
        load.finish(BOUND);
        assert!(daemon.log().contains("is this a port without TLS?"), "{}", daemon.log());
        assert!(redis_line(&doctor(&sim, &settings)).contains("is this a port without TLS?"));
    }
    // Attempts follow one another.
    assert!(silent.connections.load(Ordering::Acquire) > 1);
}

fn unix(path: &Path) -> String {
    format!("redis+unix://{}", path.display())
}

#[test]
fn over_a_unix_socket_that_is_created_and_abandoned() {
    let (sim, mut redis) = (Sim::small(), Redis::absent());
    let socket = redis.dir().join("redis.sock");
    redis.args = vec!["--unixsocket".to_owned(), socket.to_str().expect("a path").to_owned()];
    let url = unix(&socket);
    let settings = [PATIENT, ("REDIS_URL", url.as_str())];
    let missing = doctor(&sim, &settings);
    assert!(redis_line(&missing).contains("No such file"), "{missing:?}");
    let daemon = Daemon::ready(&sim, &redis, &settings);
    let load = Load::start(daemon.port, &PATHS);
    daemon.wait_logged("redis unavailable");
    assert_eq!(daemon.logged("No such file"), 1, "{}", daemon.log());
    load.go_on(20);
    redis.up();
    daemon.wait_logged("redis available again");
    wait_all_hit(&daemon);
    assert_one_outage(&daemon);
    // The file remains, and no process listens on it.
    redis.kill();
    wait_until("there is a second outage", || daemon.logged("redis unavailable") == 2);
    assert!(redis_line(&doctor(&sim, &settings)).contains("Connection refused"));
    load.go_on(50);
    redis.up();
    wait_until("the second outage ends", || daemon.logged("redis available again") == 2);
    wait_all_hit(&daemon);
    load.finish(BOUND);
}

fn unix_stream() -> socket2::Socket {
    socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None).expect("a socket")
}

/// The process that listens on the socket does not accept, and the backlog is full.
#[test]
fn over_a_unix_socket_whose_backlog_is_full() {
    let (sim, dir) = (Sim::small(), tempfile::tempdir().expect("a folder"));
    let path = dir.path().join("redis.sock");
    let address = socket2::SockAddr::unix(&path).expect("an address");
    let listener = unix_stream();
    listener.bind(&address).expect("a socket");
    listener.listen(0).expect("it listens");
    let mut waiting = Vec::new();
    wait_until("the backlog is full", || {
        let client = unix_stream();
        client.set_nonblocking(true).expect("an option");
        let is_full = client.connect(&address).is_err();
        waiting.push(client);
        is_full
    });
    let url = unix(&path);
    let settings = [("REDIS_URL", url.as_str())];
    let daemon = Daemon::ready(&sim, &Redis::absent(), &settings);
    let load = Load::start(daemon.port, &PATHS);
    daemon.wait_logged("the backlog of the socket is full");
    load.go_on(50);
    load.finish(BOUND);
    assert!(redis_line(&doctor(&sim, &settings)).contains("the backlog of the socket is full"));
}

/// The daemon with these arguments, without the capabilities by which root may open every file.
fn restricted(sim: &Sim, url: &str, args: &[&str]) -> Command {
    let mut plain = command(sim, 1);
    plain.env("REDIS_URL", url).args(args);
    if !rustix::process::geteuid().is_root() {
        return plain;
    }
    let mut command = Command::new("setpriv");
    command.args(["--bounding-set", "-dac_override,-dac_read_search", "--"]);
    wrap(command, &plain)
}

/// Adds a program, its arguments and its environment to a command that starts it.
fn wrap(mut command: Command, plain: &Command) -> Command {
    command.arg(plain.get_program()).args(plain.get_args());
    command.env_clear().env("PATH", std::env::var("PATH").expect("PATH"));
    for (name, value) in plain.get_envs() {
        if let Some(value) = value {
            command.env(name, value);
        }
    }
    command
}

#[track_caller]
fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("the mode is set");
}

#[test]
fn over_a_unix_socket_without_permission() {
    let (sim, mut redis) = (Sim::small(), Redis::absent());
    let socket = redis.dir().join("redis.sock");
    let path = socket.to_str().expect("a path").to_owned();
    redis.args = ["--unixsocket", &path].map(str::to_owned).to_vec();
    redis.up();
    set_mode(&socket, 0);
    let url = unix(&socket);
    let ended = run(restricted(&sim, &url, &["doctor"]).env("JBOD_LISTEN", "127.0.0.1:0"));
    assert!(redis_line(&ended).contains("Permission denied"), "{ended:?}");
    let daemon = Daemon::listening(restricted(&sim, &url, &[]).env("JBOD_LISTEN", ANY_PORT));
    daemon.wait_ready();
    daemon.wait_logged("redis unavailable");
    assert_eq!((daemon.logged("Permission denied"), daemon.get("/api/overview").status), (1, 200), "{}", daemon.log());
    set_mode(&socket, 0o600);
    daemon.wait_logged("redis available again");
    wait_all_hit(&daemon);
    assert_one_outage(&daemon);
}

/// A master, replicas, and the sentinels that monitor them.
struct Cluster {
    nodes: Vec<Redis>,
    sentinels: Vec<Sentinel>,
}

struct Sentinel {
    port: ReservedPort,
    child: Child,
    _dir: tempfile::TempDir,
}

impl Sentinel {
    fn start(master: u16, more: &str) -> Self {
        let (port, dir) = (ReservedPort::new(), tempfile::tempdir().expect("a folder"));
        let file = dir.path().join("sentinel.conf");
        let text = format!(
            "port {port}\nbind 127.0.0.1\ndir {}\nsentinel monitor mymaster 127.0.0.1 {master} 2\n\
             sentinel down-after-milliseconds mymaster 700\nsentinel failover-timeout mymaster 4000\n{more}\n",
            dir.path().display()
        );
        std::fs::write(&file, text).expect("a file");
        let child = Command::new("redis-server").arg(&file).arg("--sentinel").stdout(Stdio::null()).spawn();
        Self { port, child: child.expect("a sentinel starts"), _dir: dir }
    }

    fn ask(&self, args: &[&str]) -> Option<Reply> {
        Some(Link::to(self.port.number)?.ask(args))
    }

    fn master(&self) -> Option<u16> {
        let Reply::List(parts) = self.ask(&["SENTINEL", "get-master-addr-by-name", "mymaster"])? else { return None };
        let Reply::Text(port) = parts.get(1)? else { return None };
        port.parse().ok()
    }

    /// How many `replicas` or `sentinels` it knows.
    fn knows(&self, kind: &str) -> usize {
        match self.ask(&["SENTINEL", kind, "mymaster"]) {
            Some(Reply::List(list)) => list.len(),
            _ => 0,
        }
    }
}

impl Drop for Sentinel {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Cluster {
    fn start() -> Self {
        let master = Redis::start();
        let port = master.port.to_string();
        let replica = ["--replicaof", "127.0.0.1", &port, "--repl-diskless-sync-delay", "0"];
        let nodes = vec![master, Redis::with(&replica), Redis::with(&replica)];
        for node in &nodes[1..] {
            wait_replication(node, "master_link_status", "up");
        }
        let sentinels: Vec<Sentinel> = (0..3).map(|_| Sentinel::start(nodes[0].port, "")).collect();
        for sentinel in &sentinels {
            wait_until("the sentinels know all replicas and each other", || {
                sentinel.knows("replicas") == 2 && sentinel.knows("sentinels") == 2
            });
        }
        Self { nodes, sentinels }
    }

    fn list(&self) -> String {
        let addresses: Vec<String> =
            self.sentinels.iter().map(|sentinel| format!("127.0.0.1:{}", sentinel.port)).collect();
        addresses.join(",")
    }

    fn node(&self, port: u16) -> &Redis {
        self.nodes.iter().find(|node| node.port == port).expect("a node")
    }
}

/// Waits until a field of `INFO replication` has this value. A sentinel that makes a node a replica closes its connections.
#[track_caller]
fn wait_replication(node: &Redis, field: &str, value: &str) {
    wait_until(&format!("{field} is {value}"), || node.try_info("replication", field).as_deref() == Some(value));
}

#[test]
fn sentinels_are_asked_again_after_a_failover() {
    let mut cluster = Cluster::start();
    let old = cluster.nodes[0].port;
    let sim = Sim::small();
    // The first in the list does not reply, which delays no response.
    let silent = FakeRedis::silent(0);
    let list = format!("127.0.0.1:{},{}", silent.port, cluster.list());
    let settings =
        [("REDIS_SENTINELS", list.as_str()), ("REDIS_SENTINEL_MASTER", "mymaster"), ("REDIS_TIMEOUT_MS", "500")];
    assert!(redis_line(&doctor(&sim, &settings)).contains("ok"));
    let daemon = Daemon::ready(&sim, &cluster.nodes[0], &settings);
    wait_all_hit(&daemon);
    // The outage that the silent one may have caused at the start is over.
    let outages = daemon.logged("redis unavailable");
    let mut load = Load::start(daemon.port, &PATHS);
    load.go_on(50);
    cluster.nodes[0].kill();
    load.fault("master killed");
    let new = eventually("the sentinels have a new master", || cluster.sentinels[0].master().filter(|new| *new != old));
    let switched = Instant::now();
    wait_until("the daemon uses the new master", || daemon.logged("redis available again") == outages + 1);
    println!("the new master is used {:?} after the sentinels named it", switched.elapsed());
    wait_all_hit(&daemon);
    assert!(cluster.node(new).get("jbod:overview").is_some(), "the overview is not stored");
    assert_eq!(daemon.logged("redis unavailable"), outages + 1, "{}", daemon.log());

    // The old master returns as a replica, and a failover is requested. The daemon no longer writes to the former master.
    cluster.nodes[0].up();
    wait_replication(&cluster.nodes[0], "role", "slave");
    load.fault("master moved");
    wait_until("the failover begins", || {
        cluster.sentinels[1].ask(&["SENTINEL", "FAILOVER", "mymaster"]) == Some(Reply::Text("OK".to_owned()))
    });
    let third =
        eventually("the sentinels have another master", || cluster.sentinels[1].master().filter(|third| *third != new));
    let node = cluster.node(third);
    wait_replication(node, "role", "master");
    node.ask(&["DEL", "jbod:lock:poll"]);
    eventually("the lease is stored there", || node.get("jbod:lock:poll"));
    wait_all_hit(&daemon);
    assert_eq!(daemon.logged("redis rejects writes"), 0, "{}", daemon.log());
    load.finish(BOUND);
}

#[test]
fn each_fault_of_sentinels_is_reported_in_one_line() {
    let (sim, redis) = (Sim::small(), Redis::start());
    let (open, locked) =
        (Sentinel::start(redis.port, ""), Sentinel::start(redis.port, &format!("requirepass {SECRET}")));
    for sentinel in [&open, &locked] {
        eventually("the sentinel replies", || sentinel.ask(&["PING"]));
    }
    let secret = sim.script("secret", SECRET).to_string_lossy().into_owned();
    let wrong = sim.script("wrong", "wr0ng").to_string_lossy().into_owned();
    let locked = locked.port.number;
    for (port, master, file, level, wanted) in [
        (refused_port(), "mymaster", "", "warn", "Connection refused"),
        (open.port.number, "nobody", "", "warn", "it knows no master \"nobody\""),
        (redis.port, "mymaster", "", "warn", "is it a sentinel?"),
        (locked, "mymaster", "", "warn", "it requires a password (REDIS_SENTINEL_PASSWORD_FILE)"),
        (locked, "mymaster", wrong.as_str(), "FAIL", "REDIS_SENTINEL_PASSWORD_FILE: WRONGPASS"),
        (locked, "mymaster", secret.as_str(), "ok", "mymaster@127.0.0.1"),
    ] {
        let url = format!("redis+sentinel://127.0.0.1:{port}/{master}");
        let settings = [PATIENT, ("REDIS_URL", url.as_str()), ("REDIS_SENTINEL_PASSWORD_FILE", file)];
        let ended = doctor(&sim, &settings);
        let line = redis_line(&ended);
        assert!(line.starts_with(level) && line.contains(wanted), "{level} {wanted}: {line}");
    }
}

/// Replaces /etc/hosts by another file, in the mount namespace of the daemon only.
const OTHER_HOSTS: &str = r#"mount --bind "$0" /etc/hosts && exec "$@""#;

fn with_hosts(hosts: &Path, plain: &Command) -> Command {
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--mount", "sh", "-c", OTHER_HOSTS]).arg(hosts);
    wrap(command, plain)
}

#[test]
#[ignore = "needs mount namespaces"]
fn a_name_is_resolved_again_after_an_outage() {
    let (sim, mut redis) = (Sim::small(), Redis::start());
    let hosts = sim.root().join("hosts");
    std::fs::write(&hosts, "127.0.0.1 nas-redis\n").expect("a file");
    let tried = with_hosts(&hosts, &Command::new("true")).output().expect("unshare starts");
    assert!(tried.status.success(), "/etc/hosts cannot be replaced: {}", String::from_utf8_lossy(&tried.stderr));
    let mut plain = command(&sim, redis.port);
    plain.env("REDIS_HOST", "nas-redis").env("JBOD_LISTEN", ANY_PORT).env(PATIENT.0, PATIENT.1);
    let daemon = Daemon::listening(&mut with_hosts(&hosts, &plain));
    daemon.wait_ready();
    wait_all_hit(&daemon);
    redis.kill();
    daemon.wait_logged("redis unavailable");
    let mut moved = Redis::absent();
    moved.args = ["--port", &redis.port.to_string(), "--bind", "127.0.0.9"].map(str::to_owned).to_vec();
    moved.begin();
    std::fs::write(&hosts, "127.0.0.9 nas-redis\n").expect("a file");
    daemon.wait_logged("redis available again");
    wait_all_hit(&daemon);
    assert_one_outage(&daemon);
    let (status, log) = daemon.stop(Signal::TERM);
    assert!(status.success(), "{log}");
}

type Settings<'a> = &'a [(&'a str, &'a str)];

#[test]
fn invalid_settings_for_redis_are_named_without_the_password() {
    let authority = Authority::new();
    let (ca, empty) = (authority.file("ca.pem"), authority.file("empty.pem"));
    std::fs::write(&empty, "no certificate\n").expect("a file");
    let (tls, missing) = (format!("rediss://:{SECRET}@nas"), "/nonexistent/ca.pem");
    let sentinel = format!("redis+sentinel://:{SECRET}@a,b:x/m");
    let cases: [(Settings, &[&str]); 8] = [
        (
            &[("REDIS_URL", &tls), ("REDIS_CA_FILE", missing)],
            &["REDIS_CA_FILE", missing, "a readable regular PEM file"],
        ),
        (&[("REDIS_URL", &tls), ("REDIS_CA_FILE", &empty)], &["REDIS_CA_FILE", "it contains no certificate"]),
        (&[("REDIS_CA_FILE", &ca)], &["REDIS_CA_FILE", "rediss://"]),
        (&[("REDIS_URL", &sentinel)], &["REDIS_URL", ":****@a,b:x/m", "of the sentinels"]),
        (&[("REDIS_SENTINELS", "a,b")], &["REDIS_SENTINEL_MASTER", "the name"]),
        (&[("REDIS_SENTINEL_MASTER", "m")], &["REDIS_SENTINELS", "HOST[:PORT]"]),
        (&[("REDIS_SENTINELS", "a:0"), ("REDIS_SENTINEL_MASTER", "m")], &["REDIS_SENTINELS", "a:0"]),
        (&[("REDIS_SENTINEL_PASSWORD_FILE", missing)], &["REDIS_SENTINEL_PASSWORD_FILE", missing]),
    ];
    for (settings, wanted) in cases {
        let mut program = Command::new(env!("CARGO_BIN_EXE_jbod-monitor"));
        let ended = run(program.env_clear().envs(settings.iter().copied()).arg("check-config"));
        assert_eq!(ended.code, Some(78), "{settings:?}: {ended:?}");
        assert!(wanted.iter().all(|part| ended.stderr.contains(part)), "{wanted:?}: {ended:?}");
        assert!(!ended.stderr.contains(SECRET), "{ended:?}");
    }
    let mut program = Command::new(env!("CARGO_BIN_EXE_jbod-monitor"));
    let flags = ["--redis-sentinels", "a,b:7", "--redis-sentinel-master", "m", "check-config"];
    let ended = run(program.env_clear().args(flags));
    assert!(
        ended.code == Some(0) && ended.stdout.contains("REDIS_SENTINELS") && ended.stdout.contains("a,b:7"),
        "{ended:?}"
    );
    let flags = ["--redis-url", &tls, "--redis-ca-file", &ca, "check-config"];
    let ended = run(Command::new(env!("CARGO_BIN_EXE_jbod-monitor")).env_clear().args(flags));
    assert!(
        ended.code == Some(0) && ended.stdout.contains("rediss://:****@nas") && ended.stdout.contains(&ca),
        "{ended:?}"
    );
    assert!(!ended.stdout.contains(SECRET), "{ended:?}");
}
