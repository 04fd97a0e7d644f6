//! Views of a list: the complete list, or a body derived from it. Pure.

use crate::api::bay_map;
use crate::api::bodies::DrivesBody;
use crate::api::drive_summary::DriveSummary;
use crate::api::locate;
use crate::api::locate::Located;
use crate::api::overview::Overview;
use crate::api::overview_brief::OverviewBrief;
use crate::cache::Bytes;
use crate::domain::drive::DriveState;
use crate::domain::identity::{DeviceName, EnclosureId};
use serde::Deserialize;
use serde_json::value::RawValue;

/// A view of a list.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum View {
    Whole,
    /// The overview without the details of each drive.
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
        /// The drive that has this name according to the poller, and whether it is missing.
        known: Option<(DeviceName, bool)>,
        as_json: bool,
    },
}

/// The body of a view.
pub(super) struct ViewBody {
    pub(super) body: Bytes,
    /// The view found nothing; the body may say why.
    pub(super) is_absent: bool,
}

impl ViewBody {
    fn found(body: impl Into<Bytes>) -> Self {
        Self { body: body.into(), is_absent: false }
    }
}

impl View {
    /// The bytes of its parameters.
    pub(super) fn text_bytes(&self) -> usize {
        let length = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        match self {
            Self::Whole | Self::Brief | Self::Map => 0,
            Self::Drives { verdict, pool, enclosure } => length(verdict) + length(pool) + length(enclosure),
            Self::Enclosure(id) => id.len(),
            Self::Whereis { name, .. } => name.len(),
        }
    }

    /// `None`: the list is not recognized.
    pub(super) fn apply(&self, list: &Bytes) -> Option<ViewBody> {
        Some(match self {
            Self::Whole => ViewBody::found(Bytes::clone(list)),
            Self::Brief => ViewBody::found(OverviewBrief::of(list)?),
            Self::Drives { verdict, pool, enclosure } => {
                ViewBody::found(drives(list, verdict.as_deref(), pool.as_deref(), enclosure.as_deref())?)
            }
            Self::Enclosure(id) => {
                let body = enclosure(list, id)?;
                ViewBody { is_absent: body.is_empty(), body }
            }
            Self::Map => ViewBody::found(bay_map::bay_map(&serde_json::from_slice(list).ok()?).into_bytes()),
            Self::Whereis { name, known, as_json } => located_drive(list, name, known.as_ref(), *as_json)?,
        })
    }
}

fn drives(overview: &[u8], verdict: Option<&str>, pool: Option<&str>, enclosure: Option<&str>) -> Option<Vec<u8>> {
    let overview: Overview = serde_json::from_slice(overview).ok()?;
    // By sysfs name or by id; looked up once, not for each drive.
    let id = enclosure.map(|wanted| {
        let by_name = overview.enclosures.iter().find(|e| e.sysfs_names.iter().any(|name| name == wanted));
        by_name.map_or(wanted, |e| e.id.as_str())
    });
    let drives = overview.drives().filter(|d| {
        verdict.is_none_or(|v| d.verdict.as_str() == v)
            && pool.is_none_or(|pool| d.is_in_pool(pool))
            && id.is_none_or(|id| d.enclosure.as_deref() == Some(id))
    });
    serde_json::to_vec(&DrivesBody { drives: drives.collect() }).ok()
}

/// The drive, or why there is none.
fn located_drive(overview: &[u8], name: &str, known: Option<&(DeviceName, bool)>, as_json: bool) -> Option<ViewBody> {
    let overview: Overview = serde_json::from_slice(overview).ok()?;
    let is_known = |d: &DriveSummary| {
        known.is_some_and(|(device, missing)| d.device == *device && (d.state == DriveState::Missing) == *missing)
    };
    Some(match locate::find(&overview, name, is_known) {
        Located::Drive(drive) if as_json => ViewBody::found(serde_json::to_vec(drive).ok()?),
        Located::Drive(drive) => ViewBody::found(locate::line(drive).into_bytes()),
        Located::Nothing(why) => ViewBody { body: why.into_bytes().into(), is_absent: true },
    })
}

/// Empty if there is no such enclosure.
fn enclosure(list: &[u8], wanted: &str) -> Option<Bytes> {
    #[derive(Deserialize)]
    struct EnclosureList<'a> {
        #[serde(borrow)]
        enclosures: Vec<&'a RawValue>,
    }
    #[derive(Deserialize)]
    struct EnclosureNames {
        id: EnclosureId,
        sysfs_names: Vec<String>,
    }
    let list: EnclosureList = serde_json::from_slice(list).ok()?;
    let found = list.enclosures.into_iter().find(|raw| {
        serde_json::from_str::<EnclosureNames>(raw.get())
            .is_ok_and(|n| n.id.as_str() == wanted || n.sysfs_names.iter().any(|s| s == wanted))
    });
    Some(found.map(|raw| raw.get().as_bytes()).unwrap_or_default().into())
}
