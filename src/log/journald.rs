//! systemd's journal by its native protocol: a record is one datagram of fields.
//!
//! By hand, because a daemon that logs must never wait for ever: the crates that speak it send without a
//! deadline, and a journal that stands still (its disk does) would take the poller along.

use super::{one_line, priority};
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
/// What a journal that is slow may take, once; until it takes something again nobody waits for it.
const PATIENCE: Duration = Duration::from_secs(1);
/// The journal drops a record with more than 1,024 fields whole.
const FIELDS: usize = 500;
/// Together well below what a datagram may hold (212,992 bytes as the kernel has it).
const MESSAGE_BYTES: usize = 16 * 1024;
const VALUE_BYTES: usize = 256;

/// What became of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sent {
    Taken,
    /// There is no journal, or it does not take this.
    Refused,
    /// It has not taken anything for a while.
    Full,
}

pub(super) struct Journald {
    socket: UnixDatagram,
    address: SocketAddrUnix,
    hurries: AtomicBool,
    lost: AtomicU32,
}

impl Journald {
    /// The journal, if standard error is the stream to it that `JOURNAL_STREAM` names (systemd.exec(5)): who
    /// sends it elsewhere wants to see lines there.
    pub(super) fn behind_stderr(stream: Option<(u64, u64)>) -> Option<Self> {
        let stderr = File::from(io::stderr().as_fd().try_clone_to_owned().ok()?).metadata().ok()?;
        if stream? != (stderr.dev(), stderr.ino()) {
            return None;
        }
        let socket = UnixDatagram::unbound().ok()?;
        socket.set_write_timeout(Some(PATIENCE)).ok()?;
        let address = SocketAddrUnix::new(SOCKET).ok()?;
        Some(Self { socket, address, hurries: AtomicBool::new(false), lost: AtomicU32::new(0) })
    }

    /// The address is looked up each time: a journal that comes back is found.
    pub(super) fn send(&self, datagram: &[u8]) -> Sent {
        let hurried = if self.hurries.load(Ordering::Relaxed) { SendFlags::DONTWAIT } else { SendFlags::empty() };
        let flags = SendFlags::NOSIGNAL | hurried;
        let sent = rustix::io::retry_on_intr(|| sendto(&self.socket, datagram, flags, &self.address));
        let is_full = matches!(sent, Err(Errno::AGAIN | Errno::NOBUFS));
        self.hurries.store(is_full, Ordering::Relaxed);
        match sent {
            Ok(_) => Sent::Taken,
            Err(_) if is_full => Sent::Full,
            Err(_) => Sent::Refused,
        }
    }

    /// A line found no place at all.
    pub(super) fn lose(&self) {
        self.lost.fetch_add(1, Ordering::Relaxed);
    }

    /// How many were lost; they are told of by whoever asks.
    pub(super) fn take_lost(&self) -> Option<u32> {
        Some(self.lost.swap(0, Ordering::Relaxed)).filter(|lost| *lost > 0)
    }

    pub(super) fn lose_again(&self, lost: u32) {
        self.lost.fetch_add(lost, Ordering::Relaxed);
    }
}

/// Standard error takes a line without a wait, and somebody is there to read it: it leads to the same
/// journal.
pub(super) fn stderr_has_room() -> bool {
    let stderr = io::stderr();
    let mut fds = [PollFd::new(&stderr, PollFlags::OUT)];
    let is_ready = poll(&mut fds, Some(&Timespec::default())).is_ok();
    let dead = PollFlags::ERR | PollFlags::HUP;
    let takes = |fd: &PollFd| fd.revents().contains(PollFlags::OUT) && !fd.revents().intersects(dead);
    is_ready && fds.iter().all(takes)
}

/// A record with its own fields. `text`: its message as one line.
pub(super) fn datagram(record: &Record, text: &str) -> Vec<u8> {
    let mut fields = of_line(record.level(), text);
    fields.put("TARGET", record.target(), VALUE_BYTES);
    if let (Some(file), Some(line)) = (record.file(), record.line()) {
        fields.put("CODE_FILE", file, VALUE_BYTES);
        fields.put("CODE_LINE", &line.to_string(), VALUE_BYTES);
    }
    // Ours never fails.
    let _ = record.key_values().visit(&mut fields);
    fields.bytes
}

/// A line that no record stands behind.
pub(super) fn notice(level: Level, text: &str, message_id: &str) -> Vec<u8> {
    let mut fields = of_line(level, text);
    fields.put(MESSAGE_ID, message_id, VALUE_BYTES);
    fields.bytes
}

fn of_line(level: Level, text: &str) -> Fields {
    let mut fields = Fields::default();
    fields.put("MESSAGE", text, MESSAGE_BYTES);
    fields.put("PRIORITY", &priority(level).to_string(), VALUE_BYTES);
    fields.put("SYSLOG_IDENTIFIER", IDENTIFIER, VALUE_BYTES);
    fields
}

#[derive(Default)]
struct Fields {
    bytes: Vec<u8>,
    count: usize,
}

impl Fields {
    /// Always with the length before the value: whatever a value holds, it ends where we say.
    fn put(&mut self, name: &str, value: &str, at_most: usize) {
        let value = cut(value, at_most);
        if value.is_empty() || self.count >= FIELDS {
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

/// Fields of other crates' records stay where they are: their names are not ours to vouch for.
fn is_ours(name: &str) -> bool {
    let fits = name.len() <= 64 && name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
    fits && (name == MESSAGE_ID || name.starts_with("JBOD_"))
}

impl<'kvs> VisitSource<'kvs> for Fields {
    fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), Error> {
        if is_ours(key.as_str()) {
            self.put(key.as_str(), &one_line(&value.to_string()), VALUE_BYTES);
        }
        Ok(())
    }
}

fn cut(text: &str, at_most: usize) -> &str {
    let ends = text.char_indices().map(|(at, c)| at + c.len_utf8()).take_while(|end| *end <= at_most);
    text.get(..ends.last().unwrap_or(0)).unwrap_or_default()
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
            let end = datagram.iter().position(|b| *b == b'\n').unwrap();
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
    fn no_value_steers_and_none_is_longer_than_it_may_be() {
        let serials = (0..2_000).map(|n| format!("{n}\nPRIORITY=0\u{202e}{}", "ü".repeat(200)));
        let fields = EventFields::none().with_each(SERIAL, serials).with("lower", "x");
        let event =
            event!(Level::Warn, EventKind::DriveMissing, Timestamp(0), Subject::Drives { count: 2_000 }, fields, "x");
        let key_values = KeyValues(&event);
        let record = Record::builder().args(format_args!("x")).level(Level::Warn).key_values(&key_values).build();
        let datagram = datagram(&record, &"m".repeat(MESSAGE_BYTES * 2));
        assert!(datagram.len() < 180_000, "{}", datagram.len());
        let fields = read(&datagram);
        assert_eq!(fields.len(), FIELDS);
        assert_eq!(fields.iter().filter(|(name, _)| name == "PRIORITY").count(), 1);
        let serial = fields.iter().find(|(name, _)| name == SERIAL).map(|(_, value)| value.as_str()).unwrap();
        assert!(serial.starts_with("0\\nPRIORITY=0\\u{202e}ü") && serial.len() <= VALUE_BYTES, "{serial}");
        assert!(fields.iter().all(|(name, _)| name != "lower"));
        assert_eq!((cut("aü", 2), cut("aü", 3), cut("", 3)), ("a", "aü", ""));
    }
}
