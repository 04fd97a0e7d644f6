//! A journal for the daemon alone: a socket of the test's own or a real journald, in the place of the
//! host's, by a mount namespace.

use super::daemon::{Daemon, command};
use super::eventually;
use super::port::ReservedPort;
use super::redis::Redis;
use super::sim::Sim;
use jbod_monitor::events::EVENT_REFERENCE;
use serde_json::Value;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// As systemd starts a unit: the journal's folder is there, and the environment says that standard error
/// leads to it.
const ENTER: &str = r#"
    PATH=/usr/bin:/bin
    mount -t tmpfs none /run && mkdir -p /run/systemd/journal || exit 99
    [ -z "$JOURNAL_FOLDER" ] || mount --bind "$JOURNAL_FOLDER" /run/systemd/journal || exit 99
    JOURNAL_STREAM=$(stat -L -c %d:%i /proc/self/fd/2)
    export JOURNAL_STREAM
    unset PATH
    exec "$0" "$@"
"#;

/// A command as a unit whose journal is in that folder (`None`: nowhere). It needs mount namespaces.
#[track_caller]
pub fn as_unit(plain: &Command, folder: Option<&Path>) -> Command {
    let within = |program: &std::ffi::OsStr| {
        let mut command = Command::new("/usr/bin/unshare");
        command.args(["--map-root-user", "--mount", "/bin/sh", "-c", ENTER]).arg(program).env_clear();
        if let Some(folder) = folder {
            command.env("JOURNAL_FOLDER", folder);
        }
        command
    };
    let tried = within("/bin/true".as_ref()).output().expect("unshare starts");
    assert!(tried.status.success(), "no mount namespace can be made: {}", String::from_utf8_lossy(&tried.stderr));
    let mut command = within(plain.get_program());
    command.args(plain.get_args()).envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command
}

/// The daemon as a unit, not yet started, and its port, which only the journal would report.
#[track_caller]
pub fn unit(sim: &Sim, redis: &Redis, folder: Option<&Path>, settings: &[(&str, &str)]) -> (Command, ReservedPort) {
    let port = ReservedPort::new();
    let mut plain = command(sim, redis.port);
    plain.env("JBOD_LISTEN", port.address()).env("SMART_POLL_INTERVAL", "1").envs(settings.iter().copied());
    (as_unit(&plain, folder), port)
}

/// … started, with its first sweep completed.
#[track_caller]
pub fn ready(sim: &Sim, redis: &Redis, folder: Option<&Path>, settings: &[(&str, &str)]) -> Daemon {
    let (mut command, port) = unit(sim, redis, folder, settings);
    let daemon = Daemon::listening_on(&port, &mut command);
    daemon.wait_ready();
    daemon
}

/// One record: its fields, in order.
pub type Record = Vec<(String, String)>;

/// Values of a field in a record.
pub fn values<'a>(record: &'a Record, name: &str) -> Vec<&'a str> {
    record.iter().filter(|(field, _)| field == name).map(|(_, value)| value.as_str()).collect()
}

/// Each event has a level and fields that `EVENT_REFERENCE` lists, from which docs/logging.md is generated.
#[track_caller]
fn check_events(records: &[Record]) {
    for record in records {
        let ids = values(record, "MESSAGE_ID");
        let Some(event) = EVENT_REFERENCE.iter().find(|event| ids.contains(&event.kind.message_id())) else { continue };
        let priority = values(record, "PRIORITY").concat();
        let levels = event.levels.iter().map(|level| match level {
            log::Level::Error => "3",
            log::Level::Warn => "4",
            log::Level::Info => "6",
            log::Level::Debug | log::Level::Trace => "7",
        });
        assert!(
            levels.into_iter().any(|level| level == priority),
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

/// The journal's socket, held by the test.
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

    /// A socket that is not read, until the test reads it.
    #[must_use]
    pub fn bind(&self) -> UnixDatagram {
        UnixDatagram::bind(self.folder().join("socket")).expect("a socket")
    }

    /// Reads what comes until the socket has been taken away (`gone`).
    pub fn read(&self, socket: UnixDatagram) {
        let (records, path) = (Arc::clone(&self.records), self.folder().join("socket"));
        socket.set_read_timeout(Some(Duration::from_millis(50))).expect("an option");
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
        let stand = Self::new();
        stand.read(stand.bind());
        stand
    }

    pub fn gone(&self) {
        std::fs::remove_file(self.folder().join("socket")).expect("the socket goes");
    }

    pub fn records(&self) -> Vec<Record> {
        self.records.lock().expect("the records").clone()
    }

    /// Records whose message holds `text`.
    pub fn said(&self, text: &str) -> Vec<Record> {
        self.records().into_iter().filter(|r| values(r, "MESSAGE").iter().any(|m| m.contains(text))).collect()
    }

    #[track_caller]
    pub fn wait_said(&self, text: &str) -> Record {
        eventually(&format!("the journal says {text:?}"), || self.said(text).pop())
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

/// systemd's native protocol: `NAME=value`, or the name alone and the value with its length before it.
#[track_caller]
fn parse(mut bytes: &[u8]) -> Record {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("UTF-8");
    let mut record = Record::new();
    while !bytes.is_empty() {
        let end = bytes.iter().position(|b| *b == b'\n').expect("a line ends");
        let (line, rest) = (&bytes[..end], &bytes[end + 1..]);
        if let Some(equal) = line.iter().position(|b| *b == b'=') {
            record.push((text(&line[..equal]), text(&line[equal + 1..])));
            bytes = rest;
        } else {
            let (length, rest) = rest.split_at(8);
            let length = u64::from_le_bytes(length.try_into().expect("8 bytes"));
            let (value, rest) = rest.split_at(usize::try_from(length).expect("fits"));
            record.push((text(line), text(value)));
            assert_eq!(rest.first(), Some(&b'\n'), "a value ends with its line");
            bytes = &rest[1..];
        }
    }
    record
}

/// A real journald of a namespace of its own (systemd-journald.service(8)), with its files in a folder.
pub struct Journald {
    dir: tempfile::TempDir,
    child: Child,
    /// It would end by itself when nothing comes for 30 s, were there no stream to it.
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
    /// It needs systemd's journald and the right to mount.
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
        eventually("journald listens", || {
            let ended = journald.child.try_wait().expect("its state");
            assert!(ended.is_none(), "journald cannot be started by this user: {ended:?}");
            socket.exists().then_some(())
        });
        journald.stream = UnixStream::connect(journald.folder().join("stdout")).ok();
        journald
    }

    /// Where its sockets are.
    pub fn folder(&self) -> std::path::PathBuf {
        self.dir.path().join("sockets")
    }

    /// `journalctl ARGS…`
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

    /// What `journalctl ARGS… -o json` gives, in order.
    #[track_caller]
    pub fn records(&self, args: &[&str]) -> Vec<Value> {
        let text = self.ctl(&[args, &["-o", "json", "--all"]].concat());
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }
}

/// A record as `journalctl -o json` gives it. The values of a field that occurs several times are a list.
fn record_of_json(record: &Value) -> Record {
    let mut fields = Record::new();
    for (name, value) in record.as_object().into_iter().flatten() {
        let values = value.as_array().map_or_else(|| vec![value], |values| values.iter().collect());
        fields.extend(values.into_iter().filter_map(|value| Some((name.clone(), value.as_str()?.to_owned()))));
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
