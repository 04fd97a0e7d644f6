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
    /// Logical id of the shelf (SES, `0x500304801f2b9d3f`). Where several shelves report one id, the end of the SES device's own
    /// name follows (`0x500304801f2b9d3f-00bbb0`); where there is no id, it is that name, or else the sysfs name.
    pub(crate) id: EnclosureId,
    /// The first IO module's name under `/sys/class/enclosure`; empty where no SES device shows the bays, but something else
    /// (`slot_source` of the drives).
    pub(crate) sysfs_name: String,
    /// Names under `/sys/class/enclosure`, one for each IO module.
    pub(crate) sysfs_names: Vec<String>,
    /// Its IO modules, those that are missing among them: what the enclosure is known to have.
    #[serde(default)]
    pub(crate) modules: Vec<ModuleView>,
    /// Maker, as the shelf gives it to SCSI INQUIRY.
    pub(crate) vendor: Option<String>,
    /// Model (INQUIRY).
    pub(crate) model: Option<String>,
    /// Firmware revision (INQUIRY).
    pub(crate) rev: Option<String>,
    /// Since when it is missing: the kernel shows none of its IO modules, and its bays are as they were last. `null` while
    /// it is here.
    #[serde(default)]
    pub(crate) missing_since: Option<Timestamp>,
    /// Why what the shelf must answer is unknown.
    pub(crate) error: Option<String>,
    /// The worst of its findings; `unknown` while it has not answered.
    #[serde(default)]
    pub(crate) verdict: Verdict,
    /// The reasons for its verdict, worst first. What is wrong with a drive in it is a finding of that drive.
    #[serde(default)]
    pub(crate) findings: Vec<Finding>,
    /// How its bays stand; `null` in what an earlier version has stored.
    #[serde(default)]
    pub(crate) layout: Option<Layout>,
    /// The bays, by number; those without one last.
    pub(crate) slots: Vec<SlotView>,
}

impl EnclosureView {
    /// The enclosure reports that the bay is empty. One that reports no status at all has no other bays than the kernel
    /// shows; one that does not answer, and any status but `not installed`, leave it unknown.
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
    /// Name under `/sys/class/enclosure`; of a missing module the last one.
    pub(crate) sysfs_name: String,
    /// SAS address of the module, or the name of its SES device (`wwid` in sysfs); it stays when the kernel numbers the
    /// module again. `null` where the kernel shows neither, or the same for two modules.
    pub(crate) address: Option<String>,
    /// The kernel shows it.
    pub(crate) present: bool,
    /// Since when it is missing.
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

    /// Its number, or else its name.
    pub(crate) fn label(&self) -> String {
        self.slot.map_or_else(|| self.name.clone(), |number| number.to_string())
    }
}

/// `enclosures[].slots[]` of the API.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct SlotView {
    /// The bay's number (SES slot number); `null` where the shelf gives one number to several bays, and the names do not
    /// decide.
    pub(crate) slot: Option<u32>,
    /// The bay's name, as the shelf gives it.
    pub(crate) name: String,
    /// SES status in words: `OK`, `not installed`, `critical`, …
    pub(crate) status: Option<SlotStatus>,
    /// The shelf senses a fault.
    pub(crate) fault_sensed: Option<bool>,
    /// The fault light was requested.
    pub(crate) fault_requested: Option<bool>,
    /// The locate light is on.
    pub(crate) locate: Option<bool>,
    /// Always `null`: the kernel does not ask shelves for it.
    // In what an earlier version has stored, it is what somebody wrote to sysfs.
    #[serde(skip_deserializing)]
    pub(crate) active: Option<bool>,
    /// `on`, `off`: power to the bay.
    pub(crate) power_status: Option<PowerStatus>,
    /// Kernel name of the drive in it that `JBOD_EXCLUDE` leaves out.
    #[serde(default)]
    pub(crate) excluded: Option<DeviceName>,
    /// What the kernel and the shelf say against each other about the bay.
    pub(crate) contradiction: Option<String>,
    /// `null` when the bay is empty.
    // Boxed, so that an empty bay takes no memory of a drive: a stored list may have many.
    pub(crate) drive: Option<Box<DriveSummary>>,
}
