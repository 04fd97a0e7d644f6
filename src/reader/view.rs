//! What can be seen of a list: all of it, or what is made of it. Pure.

use crate::api::bay_map;
use crate::api::bodies::DrivesBody;
use crate::api::drive_summary::DriveSummary;
use crate::api::locate;
use crate::api::locate::Found;
use crate::api::overview::Overview;
use crate::api::overview_brief::OverviewBrief;
use crate::cache::Bytes;
use crate::domain::drive::DriveState;
use crate::domain::identity::DeviceName;
use serde::Deserialize;
use serde_json::value::RawValue;

/// What of a list is wanted.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum View {
    Whole,
    /// The overview without what is known of each drive.
    Brief,
    /// `{"drives":[…]}` out of the overview, by verdict, pool and enclosure.
    Drives {
        verdict: Option<String>,
        pool: Option<String>,
        enclosure: Option<String>,
    },
    /// One enclosure out of the list, by id or sysfs name.
    Enclosure(String),
    /// The bays of the overview as text.
    Map,
    /// One drive of the overview by any name, as a line or as JSON.
    Whereis {
        name: String,
        /// The drive that goes by the name, as far as the poller knows, and whether it is missing.
        known: Option<(DeviceName, bool)>,
        as_json: bool,
    },
}

/// What is seen, and whether it says that something is not there.
type Seen = (Bytes, bool);

impl View {
    /// Bytes of its own text.
    pub(super) fn text_bytes(&self) -> usize {
        let length = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        match self {
            Self::Whole | Self::Brief | Self::Map => 0,
            Self::Drives { verdict, pool, enclosure } => length(verdict) + length(pool) + length(enclosure),
            Self::Enclosure(id) => id.len(),
            Self::Whereis { name, .. } => name.len(),
        }
    }

    /// `None`: this is no list of ours.
    pub(super) fn of(&self, list: &Bytes) -> Option<Seen> {
        Some(match self {
            Self::Whole => (Bytes::clone(list), false),
            Self::Brief => (OverviewBrief::of(list)?.into(), false),
            Self::Drives { verdict, pool, enclosure } => {
                (drives(list, verdict.as_deref(), pool.as_deref(), enclosure.as_deref())?.into(), false)
            }
            Self::Enclosure(id) => {
                let found = one_enclosure(list, id)?;
                let is_absent = found.is_empty();
                (found, is_absent)
            }
            Self::Map => (bay_map::bay_map(&serde_json::from_slice(list).ok()?).into_bytes().into(), false),
            Self::Whereis { name, known, as_json } => one_drive(list, name, known.as_ref(), *as_json)?,
        })
    }
}

fn drives(overview: &[u8], verdict: Option<&str>, pool: Option<&str>, enclosure: Option<&str>) -> Option<Vec<u8>> {
    let overview: Overview = serde_json::from_slice(overview).ok()?;
    // By a name in sysfs or by id; looked up once, not for each drive.
    let id = enclosure.map(|wanted| {
        let by_name = overview.enclosures.iter().find(|e| e.sysfs_names.iter().any(|name| name == wanted));
        by_name.map_or(wanted, |e| e.id.as_str())
    });
    let drives = overview.drives().filter(|d| {
        verdict.is_none_or(|v| d.verdict.as_str() == v)
            && pool.is_none_or(|p| d.pool.as_deref() == Some(p))
            && id.is_none_or(|id| d.enclosure.as_deref() == Some(id))
    });
    serde_json::to_vec(&DrivesBody { drives: drives.collect() }).ok()
}

/// The drive, or (true) why there is none.
fn one_drive(overview: &[u8], name: &str, known: Option<&(DeviceName, bool)>, as_json: bool) -> Option<Seen> {
    let overview: Overview = serde_json::from_slice(overview).ok()?;
    let is_known = |d: &DriveSummary| {
        known.is_some_and(|(device, missing)| d.device == *device && (d.state == DriveState::Missing) == *missing)
    };
    Some(match locate::find(&overview, name, is_known) {
        Found::Drive(drive) if as_json => (serde_json::to_vec(drive).ok()?.into(), false),
        Found::Drive(drive) => (locate::line(drive).into_bytes().into(), false),
        Found::Nothing(why) => (why.into_bytes().into(), true),
    })
}

/// Empty: there is no such enclosure.
fn one_enclosure(list: &[u8], wanted: &str) -> Option<Bytes> {
    #[derive(Deserialize)]
    struct List<'a> {
        #[serde(borrow)]
        enclosures: Vec<&'a RawValue>,
    }
    #[derive(Deserialize)]
    struct Names {
        id: String,
        sysfs_names: Vec<String>,
    }
    let list: List = serde_json::from_slice(list).ok()?;
    let found = list.enclosures.into_iter().find(|raw| {
        serde_json::from_str::<Names>(raw.get())
            .is_ok_and(|n| n.id == wanted || n.sysfs_names.iter().any(|s| s == wanted))
    });
    Some(found.map(|raw| raw.get().as_bytes()).unwrap_or_default().into())
}
