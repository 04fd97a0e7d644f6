//! The native protocol of systemd's journal: a record is one datagram of fields.
//!
//! Implemented here because logging must not block forever: the crates for this protocol send without a deadline, and a
//! journal that hangs (with its disk) would block the poller.

use super::format::{one_line, priority};
use crate::events::MESSAGE_ID;
use log::kv::{Error, Key, Value, VisitSource};
use log::{Level, Record};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::net::{SendFlags, SocketAddrUnix, sendto};
use rustix::time::Timespec;
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixDatagram;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

const SOCKET: &str = "/run/systemd/journal/socket";
const IDENTIFIER: &str = "jbod-monitor";
/// Maximum time to wait for a slow journal. After a timeout records are sent without waiting until one is accepted.
const SEND_TIMEOUT: Duration = Duration::from_secs(1);
/// Half of the limit of the journal, which drops a record with more than 1,024 fields.
const MAX_FIELDS: usize = 500;
/// Keeps the total well below the limit of a datagram (212,992 bytes by default).
const MAX_MESSAGE_BYTES: usize = 16 * 1024;
const MAX_VALUE_BYTES: usize = 256;

/// The outcome of sending a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SendOutcome {
    Accepted,
    /// No journal is running, or it does not accept this record.
    Rejected,
    /// The journal accepts nothing at the moment.
    Full,
}

pub(super) struct Journald {
    socket: UnixDatagram,
    address: SocketAddrUnix,
    /// The last record timed out, so the next one is sent without waiting.
    is_full: AtomicBool,
    lost: AtomicU32,
}

impl Journald {
    /// The journal, if standard error is the stream to it that `JOURNAL_STREAM` names (systemd.exec(5)). `None` if
    /// standard error is redirected: lines are then written there.
    pub(super) fn behind_stderr(stream: Option<(u64, u64)>) -> Option<Self> {
        let stderr = File::from(io::stderr().as_fd().try_clone_to_owned().ok()?).metadata().ok()?;
        if stream? != (stderr.dev(), stderr.ino()) {
            return None;
        }
        let socket = UnixDatagram::unbound().ok()?;
        socket.set_write_timeout(Some(SEND_TIMEOUT)).ok()?;
        let address = SocketAddrUnix::new(SOCKET).ok()?;
        Some(Self { socket, address, is_full: AtomicBool::new(false), lost: AtomicU32::new(0) })
    }

    /// Sends to the path each time instead of connecting once, so that a restarted journal is found.
    pub(super) fn send(&self, datagram: &[u8]) -> SendOutcome {
        let nonblocking = if self.is_full.load(Ordering::Relaxed) { SendFlags::DONTWAIT } else { SendFlags::empty() };
        let flags = SendFlags::NOSIGNAL | nonblocking;
        let sent = rustix::io::retry_on_intr(|| sendto(&self.socket, datagram, flags, &self.address));
        let is_full = matches!(sent, Err(Errno::AGAIN | Errno::NOBUFS));
        self.is_full.store(is_full, Ordering::Relaxed);
        match sent {
            Ok(_) => SendOutcome::Accepted,
            Err(_) if is_full => SendOutcome::Full,
            Err(_) => SendOutcome::Rejected,
        }
    }

    /// Returns the number of lost lines, if any, and resets it. The caller reports it.
    pub(super) fn take_lost_count(&self) -> Option<u32> {
        let lost = self.lost.swap(0, Ordering::Relaxed);
        if lost > 0 { Some(lost) } else { None }
    }

    pub(super) fn add_lost(&self, lost: u32) {
        self.lost.fetch_add(lost, Ordering::Relaxed);
    }
}

/// Whether standard error, which leads to the same journal, has a reader and accepts a line without blocking.
pub(super) fn is_stderr_ready() -> bool {
    let stderr = io::stderr();
    let mut fds = [PollFd::new(&stderr, PollFlags::OUT)];
    if poll(&mut fds, Some(&Timespec::default())).is_err() {
        return false;
    }
    let [stderr] = fds.map(|fd| fd.revents());
    stderr.contains(PollFlags::OUT) && !stderr.intersects(PollFlags::ERR | PollFlags::HUP)
}

/// The datagram of a record with its fields. `text`: its message as one line.
pub(super) fn datagram(record: &Record, text: &str) -> Vec<u8> {
    let mut fields = base_fields(record.level(), text);
    fields.put("TARGET", record.target(), MAX_VALUE_BYTES);
    if let (Some(file), Some(line)) = (record.file(), record.line()) {
        fields.put("CODE_FILE", file, MAX_VALUE_BYTES);
        fields.put("CODE_LINE", &line.to_string(), MAX_VALUE_BYTES);
    }
    // The visitor never fails.
    let _ = record.key_values().visit(&mut fields);
    fields.bytes
}

/// The datagram of a line without a record.
pub(super) fn notice(level: Level, text: &str, message_id: &str) -> Vec<u8> {
    let mut fields = base_fields(level, text);
    fields.put(MESSAGE_ID, message_id, MAX_VALUE_BYTES);
    fields.bytes
}

fn base_fields(level: Level, text: &str) -> JournalFields {
    let mut fields = JournalFields::default();
    fields.put("MESSAGE", text, MAX_MESSAGE_BYTES);
    fields.put("PRIORITY", &priority(level).to_string(), MAX_VALUE_BYTES);
    fields.put("SYSLOG_IDENTIFIER", IDENTIFIER, MAX_VALUE_BYTES);
    fields
}

#[derive(Default)]
struct JournalFields {
    bytes: Vec<u8>,
    count: usize,
}

impl JournalFields {
    /// Uses the form in which the length precedes the value, so that no value can forge another field.
    fn put(&mut self, name: &str, value: &str, at_most: usize) {
        let value = truncate(value, at_most);
        if value.is_empty() || self.count >= MAX_FIELDS {
            return;
        }
        self.count += 1;
        self.bytes.extend_from_slice(name.as_bytes());
        self.bytes.push(b'\n');
        self.bytes.extend_from_slice(&u64::try_from(value.len()).unwrap_or(0).to_le_bytes());
        self.bytes.extend_from_slice(value.as_bytes());
        self.bytes.push(b'\n');
    }
}

/// Fields in the records of other crates are omitted.
fn is_own_field(name: &str) -> bool {
    let is_valid = name.len() <= 64 && name.bytes().all(|byte| matches!(byte, b'A'..=b'Z' | b'0'..=b'9' | b'_'));
    is_valid && (name == MESSAGE_ID || name.starts_with("JBOD_"))
}

impl<'kvs> VisitSource<'kvs> for JournalFields {
    fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), Error> {
        if is_own_field(key.as_str()) {
            self.put(key.as_str(), &one_line(&value.to_string()), MAX_VALUE_BYTES);
        }
        Ok(())
    }
}

/// The longest prefix of at most `at_most` bytes that ends between two characters.
fn truncate(text: &str, at_most: usize) -> &str {
    let mut end = at_most.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::Timestamp;
    use crate::events::{EventFields, EventKind, KeyValues, SERIAL, Subject, event};

    /// Name and value of each field, as journald reads them.
    fn read(mut datagram: &[u8]) -> Vec<(String, String)> {
        let mut fields = Vec::new();
        while !datagram.is_empty() {
            let end = datagram.iter().position(|byte| *byte == b'\n').unwrap();
            let length = u64::from_le_bytes(datagram[end + 1..end + 9].try_into().unwrap());
            let value = &datagram[end + 9..][..usize::try_from(length).unwrap()];
            let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
            fields.push((text(&datagram[..end]), text(value)));
            assert_eq!(datagram[end + 9 + value.len()], b'\n');
            datagram = &datagram[end + 10 + value.len()..];
        }
        fields
    }

    #[test]
    fn no_value_has_control_characters_or_exceeds_its_limit() {
        let serials = (0..2_000).map(|n| format!("{n}\nPRIORITY=0\u{202e}{}", "ü".repeat(200)));
        let fields = EventFields::none().with_each(SERIAL, serials).with("lower", "x");
        let event =
            event!(Level::Warn, EventKind::DriveMissing, Timestamp(0), Subject::Drives { count: 2_000 }, fields, "x");
        let key_values = KeyValues(&event);
        let record = Record::builder().args(format_args!("x")).level(Level::Warn).key_values(&key_values).build();
        let datagram = datagram(&record, &"m".repeat(MAX_MESSAGE_BYTES * 2));
        assert!(datagram.len() < 180_000, "{}", datagram.len());
        let fields = read(&datagram);
        assert_eq!(fields.len(), MAX_FIELDS);
        assert_eq!(fields.iter().filter(|(name, _)| name == "PRIORITY").count(), 1);
        let serial = fields.iter().find(|(name, _)| name == SERIAL).map(|(_, value)| value.as_str()).unwrap();
        assert!(serial.starts_with("0\\nPRIORITY=0\\u{202e}ü") && serial.len() <= MAX_VALUE_BYTES, "{serial}");
        assert!(fields.iter().all(|(name, _)| name != "lower"));
        assert_eq!((truncate("aü", 2), truncate("aü", 3), truncate("", 3)), ("a", "aü", ""));
    }
}
