//! The paths that a drive is known to have: which of them work, which failed, and which are missing.
//!
//! A drive with two paths survives the loss of a cable, an IO module or an HBA. The loss shows only where it is
//! remembered that there were two.

use super::drive::DrivePath;
use super::identity::ScsiHost;
use super::no_reading::NoReading;
use super::time::Timestamp;
use super::vocabulary::closed_vocabulary;

/// A path counts as lost once the drive has outlived it by this long: the paths of a drive that is pulled disappear one
/// by one, and most states of a path last for seconds.
const GRACE_SECONDS: u64 = 10;
/// Known paths of one drive. A dual-port drive behind two HBAs with two ports each has four.
const MAX_KNOWN_PATHS: usize = 16;

closed_vocabulary! {
    /// Whether a path can be used, as far as it is known.
    pub(crate) enum PathStatus {
        /// The last reading over it succeeded.
        Working = "working",
        /// The kernel shows it as usable; no reading over it yet.
        Untested = "untested",
        /// A reading over it failed while another path delivered, or the kernel does not use it.
        Failed = "failed",
        /// The drive had it, and has other paths now.
        Missing = "missing",
    }
}

/// A path that the drive has, or had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KnownPath {
    /// At least one: the block device of each logical unit that it leads to. Of a missing path, the last ones.
    pub(crate) devices: Vec<DrivePath>,
    pub(crate) last_success: Option<Timestamp>,
    pub(crate) failure: Option<PathFailure>,
    /// When it is tried again; it is used before that only where no other path is left.
    pub(crate) retry_at: Option<Timestamp>,
    pub(crate) missing_since: Option<Timestamp>,
}

/// Why a path does not work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PathFailure {
    pub(crate) since: Timestamp,
    pub(crate) why: NoReading,
}

/// The result of a reading over one path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PathAttempt {
    pub(crate) path: DrivePath,
    /// `None`: it succeeded.
    pub(crate) failure: Option<NoReading>,
    /// How long the path is left alone after the failure.
    pub(crate) retry_seconds: Option<i64>,
}

/// A path without which the drive has less redundancy than it is known to have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LostPath {
    /// Its block device, or the NVMe controller.
    pub name: String,
    pub host: Option<ScsiHost>,
    /// `None`: it is missing.
    pub why: Option<NoReading>,
    pub since: Timestamp,
}

/// What a discovery of a drive means for paths that are not in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AbsentPaths {
    /// They are missing: the drive is where it was.
    Missing,
    /// They are forgotten: the drive was missing, and is in another place, which may have fewer paths.
    Forgotten,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct KnownPaths(Vec<KnownPath>);

impl KnownPaths {
    pub(crate) fn iter(&self) -> impl Iterator<Item = &KnownPath> {
        self.0.iter()
    }

    /// Applies a discovery. A path that is new takes the place of a missing one: a drive that is reseated gets another
    /// target number, and an HBA that is replaced another SCSI host number.
    pub(crate) fn discover(&mut self, found: &[DrivePath], absent: AbsentPaths, now: Timestamp) {
        let mut found = by_ports(found);
        self.0.retain_mut(|known| {
            match found.iter().position(|devices| shares_ports(devices, &known.devices)) {
                Some(index) => known.show(found.remove(index), now),
                // What was missing before stays missing.
                None if absent == AbsentPaths::Forgotten => return known.missing_since.is_some(),
                None => known.missing_since = known.missing_since.or(Some(now)),
            }
            true
        });
        // A path of the same SCSI host is the one that is back; only then any path is.
        for replaced_by in [Self::missing_of_host, Self::any_missing] {
            found.retain(|devices| {
                let Some(index) = replaced_by(self, devices) else { return true };
                self.0.remove(index);
                self.add(devices.clone(), now);
                false
            });
        }
        for devices in found {
            self.add(devices, now);
        }
        self.limit();
    }

    fn add(&mut self, devices: Vec<DrivePath>, now: Timestamp) {
        let mut known = KnownPath::new(devices.clone());
        known.show(devices, now);
        self.0.push(known);
    }

    fn missing_of_host(&self, devices: &[DrivePath]) -> Option<usize> {
        let host = devices.first().map(|path| path.host);
        let is_of_host = |known: &KnownPath| known.devices.first().map(|path| path.host) == host;
        self.0.iter().position(|known| known.missing_since.is_some() && is_of_host(known))
    }

    fn any_missing(&self, _: &[DrivePath]) -> Option<usize> {
        self.0.iter().position(|known| known.missing_since.is_some())
    }

    /// Those that have been missing longest go first.
    fn limit(&mut self) {
        while self.0.len() > MAX_KNOWN_PATHS {
            let oldest = (0..self.0.len()).min_by_key(|index| {
                let since = self.0.get(*index).and_then(|known| known.missing_since);
                (since.is_none(), since)
            });
            let Some(oldest) = oldest else { return };
            self.0.remove(oldest);
        }
    }

    /// Applies the attempts of one reading. A failure counts against a path only if another path delivered: otherwise it
    /// is the drive that gives no reading.
    pub(crate) fn record(&mut self, attempts: &[PathAttempt], at: Timestamp) {
        if attempts.iter().all(|attempt| attempt.failure.is_some()) {
            return;
        }
        for attempt in attempts {
            let is_it = |known: &&mut KnownPath| shares_ports(&known.devices, std::slice::from_ref(&attempt.path));
            let Some(known) = self.0.iter_mut().find(is_it) else { continue };
            match &attempt.failure {
                None => (known.last_success, known.failure, known.retry_at) = (Some(at), None, None),
                Some(why) => {
                    known.fail(why.clone(), at);
                    known.retry_at = attempt.retry_seconds.map(|seconds| at.shifted(seconds));
                }
            }
        }
    }

    /// Applies which SCSI hosts are silent as a whole: no drive is asked through them.
    pub(crate) fn set_silent_hosts(&mut self, silent: &[(ScsiHost, usize)], at: Timestamp) {
        for known in &mut self.0 {
            let Some(host) = known.devices.first().and_then(|path| path.host) else { continue };
            match silent.iter().find(|(number, _)| *number == host) {
                Some((host, drives)) => known.fail(NoReading::HostSilent { host: *host, drives: *drives }, at),
                None if known.is_host_silent() => known.failure = None,
                None => {}
            }
        }
    }

    /// Takes over the paths that an earlier daemon knew, as far as there are fewer now. Addresses may have changed since:
    /// those of SCSI hosts without a path now are more likely to be the missing ones.
    pub(crate) fn restore(&mut self, earlier: Vec<KnownPath>) {
        let missing_count = earlier.len().saturating_sub(self.0.len());
        let host = |known: &KnownPath| known.devices.first().and_then(|path| path.host);
        let mut candidates: Vec<KnownPath> = earlier
            .into_iter()
            .filter(|known| !self.0.iter().any(|other| shares_ports(&other.devices, &known.devices)))
            .collect();
        candidates.sort_by_key(|known| self.0.iter().any(|present| host(present) == host(known)));
        self.0.extend(candidates.into_iter().take(missing_count));
        self.limit();
    }

    /// Forgets the missing paths. Returns their number.
    pub(crate) fn forget_missing(&mut self) -> usize {
        let before = self.0.len();
        self.0.retain(|known| known.missing_since.is_none());
        before - self.0.len()
    }

    /// The kernel rejects commands over every path that is present, and goes on doing so: the drive cannot be reached.
    pub(crate) fn are_all_given_up(&self) -> bool {
        let mut present = self.iter().filter(|path| path.missing_since.is_none()).peekable();
        present.peek().is_some() && present.all(KnownPath::is_given_up)
    }

    pub(crate) fn has_missing(&self) -> bool {
        self.0.iter().any(|known| known.missing_since.is_some())
    }

    /// The paths that are lost, and have been for long enough to say so.
    pub(crate) fn lost(&self, now: Timestamp) -> Vec<LostPath> {
        self.0.iter().filter_map(|known| known.lost(now)).collect()
    }

    /// Number of paths that the drive is known to have.
    pub(crate) fn expected(&self) -> usize {
        self.0.len()
    }

    /// The clock was set: converts all times to the new clock.
    pub(crate) fn shift(&mut self, by_seconds: i64) {
        for known in &mut self.0 {
            if let Some(failure) = &mut known.failure {
                failure.since = failure.since.shifted(by_seconds);
            }
            for time in [&mut known.last_success, &mut known.retry_at, &mut known.missing_since] {
                *time = time.map(|time| time.shifted(by_seconds));
            }
        }
    }
}

impl KnownPath {
    fn new(devices: Vec<DrivePath>) -> Self {
        Self { devices, last_success: None, failure: None, retry_at: None, missing_since: None }
    }

    /// A path that an earlier daemon knew, and that is missing.
    pub(crate) fn restored(device: DrivePath, last_success: Option<Timestamp>, missing_since: Timestamp) -> Self {
        Self { last_success, missing_since: Some(missing_since), ..Self::new(vec![device]) }
    }

    /// A discovery has found it.
    fn show(&mut self, devices: Vec<DrivePath>, now: Timestamp) {
        if self.missing_since.take().is_some() {
            (self.failure, self.retry_at) = (None, None);
        }
        let unusable = devices.iter().find_map(|path| Some((path, path.unusable_state()?)));
        match unusable {
            Some((path, state)) => {
                self.fail(NoReading::PathUnusable { device: path.device.clone(), state: state.clone() }, now);
            }
            None if self.is_unusable() => self.failure = None,
            None => {}
        }
        self.devices = devices;
    }

    fn fail(&mut self, why: NoReading, at: Timestamp) {
        let since = self.failure.as_ref().map_or(at, |failure| failure.since);
        self.failure = Some(PathFailure { since, why });
    }

    fn is_unusable(&self) -> bool {
        matches!(self.failure, Some(PathFailure { why: NoReading::PathUnusable { .. }, .. }))
    }

    fn is_given_up(&self) -> bool {
        match &self.failure {
            Some(PathFailure { why: NoReading::PathUnusable { state, .. }, .. }) => state.is_final(),
            _ => false,
        }
    }

    fn is_host_silent(&self) -> bool {
        matches!(self.failure, Some(PathFailure { why: NoReading::HostSilent { .. }, .. }))
    }

    pub(crate) fn status(&self) -> PathStatus {
        if self.missing_since.is_some() {
            return PathStatus::Missing;
        }
        match (&self.failure, self.last_success) {
            (Some(_), _) => PathStatus::Failed,
            (None, Some(_)) => PathStatus::Working,
            (None, None) => PathStatus::Untested,
        }
    }

    /// The drive has it, and no failure is known.
    pub(crate) fn works(&self) -> bool {
        self.missing_since.is_none() && self.failure.is_none()
    }

    /// It is lost, and has been for long enough to report it.
    pub(crate) fn lost(&self, now: Timestamp) -> Option<LostPath> {
        let path = self.devices.first()?;
        let (since, why) = match (self.missing_since, &self.failure) {
            (Some(since), _) => (since, None),
            (None, Some(failure)) => (failure.since, Some(failure.why.clone())),
            (None, None) => return None,
        };
        let may_pass = match &why {
            None => true,
            Some(NoReading::PathUnusable { .. }) => !self.is_given_up(),
            Some(_) => false,
        };
        if may_pass && since.age_seconds(now) < GRACE_SECONDS {
            return None;
        }
        Some(LostPath { name: path.name().to_owned(), host: path.host, why, since })
    }
}

/// The paths of a drive, those that lead through the same ports together.
fn by_ports(paths: &[DrivePath]) -> Vec<Vec<DrivePath>> {
    let mut groups: Vec<Vec<DrivePath>> = Vec::new();
    for path in paths {
        match groups.iter_mut().find(|group| shares_ports(group, std::slice::from_ref(path))) {
            Some(group) => group.push(path.clone()),
            None => groups.push(vec![path.clone()]),
        }
    }
    groups
}

fn shares_ports(one: &[DrivePath], other: &[DrivePath]) -> bool {
    match (one.first(), other.first()) {
        (Some(one), Some(other)) => one.shares_ports_with(other),
        _ => false,
    }
}
