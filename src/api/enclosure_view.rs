//! An enclosure and its bays, as the API shows them.

use super::drive_summary::DriveSummary;
use crate::domain::drive::DriveState;
use crate::domain::enclosure::module::KnownModule;
use crate::domain::enclosure::words::{PowerStatus, SlotStatus};
use crate::domain::health::{Finding, Verdict};
use crate::domain::identity::{DeviceName, EnclosureId};
use crate::domain::layout::Layout;
use crate::domain::time::Timestamp;
use serde::{Deserialize, Serialize};

/// `enclosures[]` of the API.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct EnclosureView {
    /// Enclosure logical identifier (SES, `0x500304801f2b9d3f`). If several enclosures report the same one, the end of
    /// the name of the SES device is appended (`0x500304801f2b9d3f-00bbb0`); without one, it is that name, or else the
    /// sysfs name.
    pub(crate) id: EnclosureId,
    /// Name of the first IO module under `/sys/class/enclosure`; empty if the bays are not known from an SES device but
    /// from another source (`slot_source` of the drives).
    pub(crate) sysfs_name: String,
    /// Names under `/sys/class/enclosure`, one for each IO module.
    pub(crate) sysfs_names: Vec<String>,
    /// IO modules that the enclosure is known to have, including missing ones.
    #[serde(default)]
    pub(crate) modules: Vec<ModuleView>,
    /// Vendor (SCSI INQUIRY).
    pub(crate) vendor: Option<String>,
    /// Model (SCSI INQUIRY).
    pub(crate) model: Option<String>,
    /// Firmware revision (SCSI INQUIRY).
    pub(crate) rev: Option<String>,
    /// Time since when it has been missing: the kernel shows none of its IO modules, and its bays keep their last
    /// values. `null` while it is present.
    #[serde(default)]
    pub(crate) missing_since: Option<Timestamp>,
    /// Why the values that the enclosure reports are unknown.
    pub(crate) error: Option<String>,
    /// The worst of its findings; `unknown` until the enclosure has responded.
    #[serde(default)]
    pub(crate) verdict: Verdict,
    /// The reasons for its verdict, worst first. Findings on its drives belong to those drives.
    #[serde(default)]
    pub(crate) findings: Vec<Finding>,
    /// Physical arrangement of its bays; `null` in a value stored by an earlier version.
    #[serde(default)]
    pub(crate) layout: Option<Layout>,
    /// The bays, by number; those without a number last.
    pub(crate) slots: Vec<SlotView>,
}

impl EnclosureView {
    /// Whether the bay is known to be empty: its status is `not installed`, or it has no status although the enclosure
    /// responds, so that the bay is known from the kernel alone.
    pub(crate) fn reports_empty(&self, slot: &SlotView) -> bool {
        match &slot.status {
            Some(status) => *status == SlotStatus::NotInstalled,
            None => self.error.is_none(),
        }
    }
}

/// `enclosures[].modules[]` of the API.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "IoModule"))]
pub(crate) struct ModuleView {
    /// Name under `/sys/class/enclosure`; for a missing module its last one.
    pub(crate) sysfs_name: String,
    /// SAS address of the module, or the name of its SES device (`wwid` in sysfs), which the module keeps when the
    /// kernel renumbers it. `null` if the kernel shows neither, or the same for two modules.
    pub(crate) address: Option<String>,
    /// Whether the kernel shows the module.
    pub(crate) present: bool,
    /// Time since when it has been missing.
    pub(crate) missing_since: Option<Timestamp>,
}

impl From<&KnownModule> for ModuleView {
    fn from(module: &KnownModule) -> Self {
        Self {
            sysfs_name: module.sysfs_name.clone(),
            address: module.address.clone(),
            present: module.missing_since.is_none(),
            missing_since: module.missing_since,
        }
    }
}

impl SlotView {
    pub(crate) fn holds_present_drive(&self) -> bool {
        self.drive.as_ref().is_some_and(|drive| drive.state != DriveState::Missing)
    }

    /// The number of the bay, or else its name.
    pub(crate) fn label(&self) -> String {
        match self.slot {
            Some(number) => number.to_string(),
            None => self.name.clone(),
        }
    }
}

/// `enclosures[].slots[]` of the API.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct SlotView {
    /// Number of the bay (SES slot number); `null` if the enclosure reports the same number for several bays and their
    /// names do not resolve it.
    pub(crate) slot: Option<u32>,
    /// Name of the bay, as the enclosure reports it.
    pub(crate) name: String,
    /// SES element status: `OK`, `not installed`, `critical`, …
    pub(crate) status: Option<SlotStatus>,
    /// Whether the enclosure senses a fault.
    pub(crate) fault_sensed: Option<bool>,
    /// Whether the fault LED has been requested.
    pub(crate) fault_requested: Option<bool>,
    /// Whether the locate LED is on.
    pub(crate) locate: Option<bool>,
    /// Always `null`: the kernel does not read it from enclosures.
    // A value stored by an earlier version has what was last written to sysfs.
    #[serde(skip_deserializing)]
    pub(crate) active: Option<bool>,
    /// Power of the bay: `on` or `off`.
    pub(crate) power_status: Option<PowerStatus>,
    /// Block device of the drive in the bay, if it is excluded by `JBOD_EXCLUDE`.
    #[serde(default)]
    pub(crate) excluded: Option<DeviceName>,
    /// Contradictions between the kernel and the enclosure about the bay, for people.
    pub(crate) contradiction: Option<String>,
    /// The drive in the bay; `null` if none is known.
    // Boxed, so that an empty bay does not take the memory of a drive: a stored list may have many.
    pub(crate) drive: Option<Box<DriveSummary>>,
}
