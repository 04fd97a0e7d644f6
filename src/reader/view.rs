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
    /// `{"drives":[…]}` from the overview, by verdict, pool and enclosure.
    Drives {
        verdict: Option<String>,
        pool: Option<String>,
        enclosure: Option<String>,
    },
    /// One enclosure from the list, by id or sysfs name.
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
    /// The view has found nothing; the body may contain the reason.
    pub(super) is_absent: bool,
}

impl ViewBody {
    fn found(body: impl Into<Bytes>) -> Self {
        Self { body: body.into(), is_absent: false }
    }
}

impl View {
    /// The memory of its parameters, in bytes.
    pub(super) fn text_bytes(&self) -> usize {
        match self {
            Self::Whole | Self::Brief | Self::Map => 0,
            Self::Drives { verdict, pool, enclosure } => {
                [verdict, pool, enclosure].into_iter().flatten().map(String::len).sum()
            }
            Self::Enclosure(id) => id.len(),
            Self::Whereis { name, .. } => name.len(),
        }
    }

    /// The body of this view of `list`. `None` if the list is not recognized.
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
    // A sysfs name is resolved once, not for each drive.
    let id = enclosure.map(|wanted| enclosure_id(&overview, wanted));
    let mut drives: Vec<&DriveSummary> = overview.drives().collect();
    if let Some(verdict) = verdict {
        drives.retain(|drive| drive.verdict.as_str() == verdict);
    }
    if let Some(pool) = pool {
        drives.retain(|drive| drive.is_in_pool(pool));
    }
    if let Some(id) = id {
        drives.retain(|drive| drive.enclosure.as_deref() == Some(id));
    }
    serde_json::to_vec(&DrivesBody { drives }).ok()
}

/// The id of the enclosure with a sysfs name; any other text is an id already.
fn enclosure_id<'a>(overview: &'a Overview, wanted: &'a str) -> &'a str {
    for enclosure in &overview.enclosures {
        if enclosure.sysfs_names.iter().any(|name| name == wanted) {
            return &enclosure.id;
        }
    }
    wanted
}

/// The drive, or why there is none.
fn located_drive(overview: &[u8], name: &str, known: Option<&(DeviceName, bool)>, as_json: bool) -> Option<ViewBody> {
    let overview: Overview = serde_json::from_slice(overview).ok()?;
    let found = locate::find(&overview, name, |drive| {
        let drive = (&drive.device, drive.state == DriveState::Missing);
        known.is_some_and(|(device, is_missing)| drive == (device, *is_missing))
    });
    Some(match found {
        Located::Drive(drive) if as_json => ViewBody::found(serde_json::to_vec(drive).ok()?),
        Located::Drive(drive) => ViewBody::found(locate::line(drive).into_bytes()),
        Located::Nothing(why) => ViewBody { body: why.into_bytes().into(), is_absent: true },
    })
}

/// The JSON of one enclosure; empty if there is no such enclosure.
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
    for raw in list.enclosures {
        if let Ok(EnclosureNames { id, sysfs_names }) = serde_json::from_str(raw.get())
            && (id.as_str() == wanted || sysfs_names.iter().any(|name| name == wanted))
        {
            return Some(raw.get().as_bytes().into());
        }
    }
    Some([].into())
}
