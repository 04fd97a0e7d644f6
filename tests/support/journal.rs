//! A journal for one daemon: a socket of the test or a real journald. A mount namespace puts it in the place of the
//! host's journal.

use super::daemon::{Daemon, command};
use super::port::ReservedPort;
use super::redis::Redis;
use super::sim::Sim;
use super::{eventually, wait_until};
use jbod_monitor::events::EVENT_REFERENCE;
use serde_json::Value;
use std::ffi::OsStr;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Sets up what systemd does for a unit: the folder of the journal, and `JOURNAL_STREAM` with the device and inode of
/// standard error (systemd.exec(5)).
const ENTER: &str = r#"
    PATH=/usr/bin:/bin
    mount -t tmpfs none /run && mkdir -p /run/systemd/journal || exit 99
    [ -z "$JOURNAL_FOLDER" ] || mount --bind "$JOURNAL_FOLDER" /run/systemd/journal || exit 99
    JOURNAL_STREAM=$(stat -L -c %d:%i /proc/self/fd/2)
    export JOURNAL_STREAM
    unset PATH
    exec "$0" "$@"
"#;

/// The command as a unit with its journal in this folder (`None`: no journal). Needs mount namespaces.
#[track_caller]
pub fn as_unit(plain: &Command, folder: Option<&Path>) -> Command {
    let tried = in_namespace("/bin/true".as_ref(), folder).output().expect("unshare starts");
    assert!(tried.status.success(), "no mount namespace: {}", String::from_utf8_lossy(&tried.stderr));
    let mut command = in_namespace(plain.get_program(), folder);
    command.args(plain.get_args());
    for (name, value) in plain.get_envs() {
        if let Some(value) = value {
            command.env(name, value);
        }
    }
    command
}

fn in_namespace(program: &OsStr, folder: Option<&Path>) -> Command {
    let mut command = Command::new("/usr/bin/unshare");
    command.args(["--map-root-user", "--mount", "/bin/sh", "-c", ENTER]).arg(program).env_clear();
    if let Some(folder) = folder {
        command.env("JOURNAL_FOLDER", folder);
    }
    command
}

/// The daemon as a unit, not yet started, and its port, which otherwise only the journal reports.
#[track_caller]
pub fn unit(sim: &Sim, redis: &Redis, folder: Option<&Path>, settings: &[(&str, &str)]) -> (Command, ReservedPort) {
    let port = ReservedPort::new();
    let mut plain = command(sim, redis.port);
    plain.env("JBOD_LISTEN", port.address()).env("SMART_POLL_INTERVAL", "1").envs(settings.iter().copied());
    (as_unit(&plain, folder), port)
}

/// The daemon as a unit, started and with its first sweep complete.
#[track_caller]
pub fn ready(sim: &Sim, redis: &Redis, folder: Option<&Path>, settings: &[(&str, &str)]) -> Daemon {
    let (mut command, port) = unit(sim, redis, folder, settings);
    let daemon = Daemon::listening_on(&port, &mut command);
    daemon.wait_ready();
    daemon
}

/// The fields of a record, in order.
pub type Record = Vec<(String, String)>;

/// The values of a field, which may occur several times.
pub fn values<'a>(record: &'a Record, name: &str) -> Vec<&'a str> {
    record.iter().filter(|(field, _)| field == name).map(|(_, value)| value.as_str()).collect()
}

/// Fails if an event has a level or a field that `EVENT_REFERENCE` (the source of docs/logging.md) does not list.
#[track_caller]
fn check_events(records: &[Record]) {
    for record in records {
        let ids = values(record, "MESSAGE_ID");
        let Some(event) = EVENT_REFERENCE.iter().find(|event| ids.contains(&event.kind.message_id())) else { continue };
        let level = values(record, "PRIORITY").concat();
        assert!(
            event.levels.iter().any(|listed| priority(*listed) == level),
            "{:?} has a level that is not listed: {record:?}",
            event.kind
        );
        for (field, _) in record.iter().filter(|(field, _)| field.starts_with("JBOD_")) {
            assert!(
                event.fields.contains(&field.as_str()),
                "{:?} has {field}, which is not listed: {record:?}",
                event.kind
            );
        }
    }
}

/// syslog(3)
fn priority(level: log::Level) -> &'static str {
    match level {
        log::Level::Error => "3",
        log::Level::Warn => "4",
        log::Level::Info => "6",
        log::Level::Debug | log::Level::Trace => "7",
    }
}

/// The socket of the journal, which the test reads.
pub struct FakeJournald {
    dir: tempfile::TempDir,
    records: Arc<Mutex<Vec<Record>>>,
}

impl FakeJournald {
    /// A folder without a socket.
    pub fn new() -> Self {
        Self { dir: tempfile::tempdir().expect("a folder for the journal"), records: Arc::default() }
    }

    pub fn folder(&self) -> &Path {
        self.dir.path()
    }

    /// Creates the socket, which nothing reads until `read`.
    #[must_use]
    pub fn bind(&self) -> UnixDatagram {
        UnixDatagram::bind(self.folder().join("socket")).expect("a socket")
    }

    /// Reads records until the socket is removed (`remove_socket`).
    pub fn read(&self, socket: UnixDatagram) {
        let (records, path) = (Arc::clone(&self.records), self.folder().join("socket"));
        socket.set_read_timeout(Some(Duration::from_millis(50))).expect("a read timeout");
        let run = move || {
            let mut bytes = vec![0; 1 << 20];
            while path.exists() {
                if let Ok(length) = socket.recv(&mut bytes) {
                    records.lock().expect("the records").push(parse(&bytes[..length]));
                }
            }
        };
        std::thread::Builder::new().spawn(run).expect("a thread for the journal");
    }

    pub fn listening() -> Self {
        let journal = Self::new();
        journal.read(journal.bind());
        journal
    }

    /// Removes the socket.
    pub fn remove_socket(&self) {
        std::fs::remove_file(self.folder().join("socket")).expect("the socket is removed");
    }

    pub fn records(&self) -> Vec<Record> {
        self.records.lock().expect("the records").clone()
    }

    /// Records with `text` in the message.
    pub fn said(&self, text: &str) -> Vec<Record> {
        let mut records = self.records();
        records.retain(|record| values(record, "MESSAGE").iter().any(|message| message.contains(text)));
        records
    }

    #[track_caller]
    pub fn wait_said(&self, text: &str) -> Record {
        eventually(&format!("the journal contains {text:?}"), || self.said(text).pop())
    }
}

impl Drop for FakeJournald {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(self.folder().join("socket"));
        if !std::thread::panicking() {
            check_events(&self.records());
        }
    }
}

/// The native protocol of journald: `NAME=value`, or the name on a line and the value after its length.
#[track_caller]
fn parse(mut bytes: &[u8]) -> Record {
    let mut record = Record::new();
    while !bytes.is_empty() {
        let end = bytes.iter().position(|byte| *byte == b'\n').expect("the end of the line");
        let (line, rest) = (text(&bytes[..end]), &bytes[end + 1..]);
        if let Some((name, value)) = line.split_once('=') {
            record.push((name.to_owned(), value.to_owned()));
            bytes = rest;
            continue;
        }
        let (length, rest) = rest.split_at(8);
        let length = u64::from_le_bytes(length.try_into().expect("8 bytes"));
        let (value, rest) = rest.split_at(usize::try_from(length).expect("a length"));
        record.push((line, text(value)));
        assert_eq!(rest.first(), Some(&b'\n'), "a value ends with a line feed");
        bytes = &rest[1..];
    }
    record
}

#[track_caller]
fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

/// A real journald with its own namespace (systemd-journald.service(8)) and its files in a temporary folder.
pub struct Journald {
    dir: tempfile::TempDir,
    child: Child,
    /// An open stream, without which journald ends after 30 s without records.
    stream: Option<UnixStream>,
}

const JOURNALD: &str = r#"
    PATH=/usr/bin:/bin
    name=jbod-test
    mount -t tmpfs none /run && mount -t tmpfs none /var/log || exit 99
    mkdir -p /run/systemd/journal.$name /var/log/journal || exit 99
    mount --bind "$1/sockets" /run/systemd/journal.$name && mount --bind "$1/files" /var/log/journal || exit 99
    RUNTIME_DIRECTORY=/run/systemd/journal.$name exec "$0" $name
"#;

impl Journald {
    /// Needs systemd's journald and the permission to mount.
    #[track_caller]
    pub fn start() -> Self {
        let dir = tempfile::tempdir().expect("a folder for the journal");
        let folders = ["sockets", "files"].map(|name| dir.path().join(name));
        for folder in folders {
            std::fs::create_dir(folder).expect("a folder");
        }
        let programs = ["/usr/lib/systemd/systemd-journald", "/lib/systemd/systemd-journald"];
        let program = programs.into_iter().find(|path| Path::new(path).exists()).expect("journald is installed");
        let child = Command::new("/usr/bin/unshare")
            .args(["--mount", "/bin/sh", "-c", JOURNALD, program])
            .arg(dir.path())
            .stderr(Stdio::null())
            .spawn()
            .expect("unshare starts");
        let mut journald = Self { dir, child, stream: None };
        let socket = journald.folder().join("socket");
        wait_until("journald listens", || {
            let ended = journald.child.try_wait().expect("the state of journald");
            assert!(ended.is_none(), "this user cannot start journald: {ended:?}");
            socket.exists()
        });
        journald.stream = UnixStream::connect(journald.folder().join("stdout")).ok();
        journald
    }

    /// The folder of its sockets.
    pub fn folder(&self) -> std::path::PathBuf {
        self.dir.path().join("sockets")
    }

    /// The output of `journalctl ARGS…`.
    #[track_caller]
    pub fn ctl(&self, args: &[&str]) -> String {
        let files = self.dir.path().join("files");
        let machine = std::fs::read_dir(files).expect("its files").flatten().next();
        let Some(machine) = machine else { return String::new() };
        let out = Command::new("journalctl")
            .args(["--quiet", "--no-pager", "-D"])
            .arg(machine.path())
            .args(args)
            .output()
            .expect("journalctl runs");
        String::from_utf8(out.stdout).expect("UTF-8")
    }

    /// The output of `journalctl ARGS… -o json`.
    #[track_caller]
    pub fn records(&self, args: &[&str]) -> Vec<Value> {
        let text = self.ctl(&[args, &["-o", "json", "--all"]].concat());
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }
}

/// Converts a record of `journalctl -o json`, where a field that occurs several times has an array of values.
fn record_of_json(record: &Value) -> Record {
    let mut fields = Record::new();
    for (name, value) in record.as_object().into_iter().flatten() {
        let values = match value {
            Value::Array(values) => values.as_slice(),
            value => std::slice::from_ref(value),
        };
        for text in values.iter().filter_map(Value::as_str) {
            fields.push((name.clone(), text.to_owned()));
        }
    }
    fields
}

impl Drop for Journald {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if !std::thread::panicking() {
            let records: Vec<Record> = self.records(&[]).iter().map(record_of_json).collect();
            check_events(&records);
        }
    }
}
