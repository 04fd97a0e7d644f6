//! Requests for one drive.

use super::answer::{Answer, ReadError, XCache};
use super::policy::{REQUEST_TIMEOUT, Reader};
use super::rejected::Rejected;
use super::response_body::ResponseBody;
use crate::api::value_limits::DOCUMENT;
use crate::cache::{Bytes, CopyKind, Key, StoreError};
use crate::clock::now;
use crate::domain::identity::DeviceName;
use crate::poller::{DriveEntry, KeysOf, PollerRequest, Snapshot, ValueSource};
use crate::probe::drives;
use crossbeam_channel::bounded;
use std::sync::Arc;

impl Reader {
    /// One drive, by any identifier.
    pub(crate) fn drive(&self, id: &str) -> Result<Answer, ReadError> {
        let mut snapshot = self.current_snapshot();
        if snapshot.find(id).is_some_and(|known| !self.has_its_name(id, known)) {
            // Block device names have been reassigned: the drive has another name now, or none.
            snapshot = self.force_discovery();
        }
        let Some(known) = snapshot.find(id) else { return self.unknown_drive(id) };
        let Some(document) = &known.missing else { return self.present_drive(id, known, &snapshot) };
        // After the discovery the name may belong to another drive, about which nothing is known yet.
        if !self.has_its_name(id, known) {
            return self.unknown_drive(id);
        }
        self.missing_drive(known, document)
    }

    /// Whether the drive still has its block device name. A request for a missing drive by its former name means the
    /// drive that has this name now, if there is one.
    fn has_its_name(&self, id: &str, known: &DriveEntry) -> bool {
        match known.missing {
            None => drives::identity_at(&self.host, &known.device).as_ref() == Some(&known.identity),
            Some(_) => match DeviceName::parse(id) {
                Some(name) => drives::identity_at(&self.host, &name).is_none(),
                None => true,
            },
        }
    }

    fn missing_drive(&self, known: &DriveEntry, document: &Bytes) -> Result<Answer, ReadError> {
        let document =
            self.response_cache.document(&known.device, Bytes::clone(document), || Some(Bytes::clone(document)));
        let document = document.map_err(|_| ReadError::NothingYet)?;
        Ok(Answer { body: document.body(false), cache: XCache::Stale, source: ValueSource::Memory })
    }

    fn present_drive(&self, id: &str, known: &DriveEntry, snapshot: &Snapshot) -> Result<Answer, ReadError> {
        let (device, stale_after) = (&known.device, snapshot.stale_after_seconds);
        if known.identity.is_empty() || drives::identity_at(&self.host, device).as_ref() != Some(&known.identity) {
            // Nothing distinguishes the drive from others, or its name has just been reassigned again: read it.
            return self.read_now(id, device);
        }
        if snapshot.keys == KeysOf::AnotherHost {
            return match self.fresh_local_drive(known, stale_after) {
                Some(answer) => Ok(answer),
                None => self.read_now(id, device),
            };
        }
        let key = Key::Smart(device.clone());
        let Ok(live) = self.drive_in_redis(&key, known, stale_after, CopyKind::Live) else {
            return self.read_now(id, device);
        };
        if let Some(body) = live {
            return Ok(Answer { body, cache: XCache::Hit, source: ValueSource::Redis });
        }
        if !self.redis.accepts_writes()
            && let Some(answer) = self.fresh_local_drive(known, stale_after)
        {
            return Ok(answer);
        }
        if let Ok(Some(body)) = self.drive_in_redis(&key, known, stale_after, CopyKind::LastKnown) {
            self.refresh(key);
            return Ok(Answer { body, cache: XCache::Stale, source: ValueSource::Redis });
        }
        self.read_now(id, device)
    }

    /// The document in Redis. An error means that Redis is unavailable.
    fn drive_in_redis(
        &self,
        key: &Key,
        known: &DriveEntry,
        stale_after: u64,
        copy: CopyKind,
    ) -> Result<Option<Arc<ResponseBody>>, StoreError> {
        let value = self.redis.get(key, copy, DOCUMENT.bytes);
        self.accept_stored(key, copy, value, |value| self.validate_document(value, known, stale_after, copy))
    }

    /// The document in the memory of this daemon, if it is fresh enough to be served in place of the one in Redis.
    fn fresh_local_drive(&self, known: &DriveEntry, stale_after: u64) -> Option<Answer> {
        let value = self.poller.memory.value(&Key::Smart(known.device.clone()))?;
        let body = self.validate_document(value, known, stale_after, CopyKind::Live).ok()?;
        if body.age(now()) > stale_after {
            return None;
        }
        Some(Answer { body, cache: XCache::Miss, source: ValueSource::Memory })
    }

    /// A name that the poller does not know: that of a new drive, or of none.
    fn unknown_drive(&self, id: &str) -> Result<Answer, ReadError> {
        let Some(device) = DeviceName::parse(id) else { return Err(ReadError::NoSuchDrive) };
        match drives::identity_at(&self.host, &device) {
            Some(_) => self.read_now(id, &device),
            None => Err(ReadError::NoSuchDrive),
        }
    }

    /// Requests a reading from the poller, which reads a drive once for concurrent requests and limits the rate. After
    /// a timeout the last document is served. The answer is for the drive that `id` denotes afterwards, whatever was
    /// read.
    fn read_now(&self, id: &str, device: &DeviceName) -> Result<Answer, ReadError> {
        let source = self.request_reading(device);
        let snapshot = self.poller.snapshot();
        let Some(known) = snapshot.find(id) else { return Err(ReadError::NoSuchDrive) };
        if known.missing.is_some() {
            return Err(ReadError::NoSuchDrive);
        }
        let value = self.poller.memory.value(&Key::Smart(known.device.clone())).ok_or(ReadError::NothingYet)?;
        let body = self.validate_document(value, known, snapshot.stale_after_seconds, CopyKind::Live);
        let body = body.map_err(|_| ReadError::NothingYet)?;
        Ok(Answer { body, cache: XCache::Miss, source: source.unwrap_or(ValueSource::Memory) })
    }

    /// `None` if there was no reading in time.
    fn request_reading(&self, device: &DeviceName) -> Option<ValueSource> {
        let _permit = self.try_acquire_blocking_permit()?;
        let (reply, replied) = bounded(1);
        self.poller.requests.try_send(PollerRequest::Drive { device: device.clone(), reply }).ok()?;
        self.poller.reply(&replied, REQUEST_TIMEOUT)
    }

    /// The body of a document, if it is about the drive that has this name now, in its current bay. A document that has
    /// become stale since it was stored is marked as stale.
    fn validate_document(
        &self,
        value: Bytes,
        known: &DriveEntry,
        stale_after: u64,
        copy: CopyKind,
    ) -> Result<Arc<ResponseBody>, Rejected> {
        let own = || self.poller.memory.value(&Key::Smart(known.device.clone()));
        let document = self.response_cache.document(&known.device, value, own)?;
        let header = &document.header;
        let is_last_known = copy == CopyKind::LastKnown;
        let is_other_serial = known.identifying_serial.is_some() && known.identifying_serial != header.serial_number;
        // A drive without an identity may be another one by the time its live copy has expired.
        let is_unidentified = is_last_known && known.identity.is_empty();
        if is_other_serial || is_unidentified || !header.is_of(&known.identity, known.bay.as_ref()) {
            return Err(Rejected::Mismatch);
        }
        let is_stale = header.collected_at.is_some_and(|at| at.age_seconds(now()) > stale_after);
        let body = document.body(is_last_known || is_stale);
        if body.is_dated_ahead_of(now()) { Err(Rejected::Mismatch) } else { Ok(body) }
    }
}
