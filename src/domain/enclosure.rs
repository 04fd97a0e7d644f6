//! An enclosure and its bays, as the kernel's enclosure class shows them (SES-3 through `ses.ko`).

pub(crate) mod module;
pub(crate) mod placement;
pub(crate) mod words;

use crate::domain::identity::EnclosureId;
use crate::domain::text::natural_cmp;
use crate::domain::time::Timestamp;
use module::KnownModule;
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;
use std::fmt;
use words::{PowerStatus, SlotStatus};

/// One enclosure. Its IO modules are one enclosure together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Enclosure {
    /// Logical id (`0x500304801f2b9d3f`). If several enclosures report the same id, the end of the SES device's own name
    /// follows (`0x500304801f2b9d3f-00bbb0`). Without an id, it is that name, or else the sysfs name.
    pub(crate) id: EnclosureId,
    /// Names under `/sys/class/enclosure`, one per IO module. Empty: it has no SES device.
    pub(crate) sysfs_names: Vec<String>,
    /// Its IO modules; `inventory` adds those that are missing.
    pub(crate) modules: Vec<KnownModule>,
    pub(crate) vendor: Option<String>,
    pub(crate) model: Option<String>,
    pub(crate) rev: Option<String>,
    /// By slot number; those without one last, by name.
    pub slots: Vec<Slot>,
    /// Why values that the enclosure reports are unknown.
    pub(crate) error: Option<EnclosureProblem>,
}

/// Why an enclosure, or a value that it reports, is unknown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum EnclosureProblem {
    /// IO modules do not respond; others may. By their names under `/sys/class/enclosure`.
    Silent { modules: Vec<String>, answering: Vec<String> },
    /// The kernel shows none of its IO modules any more.
    Missing { since: Timestamp },
    /// The kernel links no bay to a drive, although `in_use` bays are occupied and `drives` drives are in no bay.
    Unlinked { in_use: usize, drives: usize },
}

impl fmt::Display for EnclosureProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { since } => {
                write!(f, "the shelf has been missing since {since}: showing the last known state of its bays")
            }
            Self::Silent { modules, answering } if answering.is_empty() => {
                let module = if modules.len() == 1 { "IO module" } else { "IO modules" };
                let modules = modules.join(", ");
                write!(f, "the shelf does not respond ({module} {modules}): status, LEDs and power are unknown")
            }
            Self::Silent { modules, answering } => {
                let (module, verb) = if modules.len() == 1 { ("IO module", "does") } else { ("IO modules", "do") };
                let (modules, answering) = (modules.join(", "), answering.join(", "));
                write!(
                    f,
                    "{module} {modules} {verb} not respond: status, LEDs and power are those reported by {answering}"
                )
            }
            Self::Unlinked { in_use, drives } => {
                let verb = if *drives == 1 { "drive is" } else { "drives are" };
                write!(
                    f,
                    "the shelf reports {in_use} occupied bays, but the kernel links none of them to a drive, and {drives} \
                     {verb} in no bay"
                )
            }
        }
    }
}

impl Enclosure {
    /// Without an SES device its bays are known from drivers of HBAs or from PCI slots, and nothing shows whether the
    /// enclosure itself is present.
    pub(crate) fn has_ses_device(&self) -> bool {
        !self.sysfs_names.is_empty()
    }

    /// Since when it is missing; `None`: it is present.
    pub(crate) fn missing_since(&self) -> Option<Timestamp> {
        match self.error {
            Some(EnclosureProblem::Missing { since }) => Some(since),
            _ => None,
        }
    }

    /// Marks it as missing. Reported values and links of bays are removed: they are no longer valid.
    pub(crate) fn set_missing(&mut self, since: Timestamp) {
        self.error = Some(EnclosureProblem::Missing { since });
        for module in &mut self.modules {
            module.missing_since.get_or_insert(since);
        }
        for slot in &mut self.slots {
            slot.links.clear();
            slot.answer = SlotAnswer::default();
        }
    }

    /// The problem that no bay links a drive although some report that they are occupied. `without_bay`: number of drives in
    /// no bay that may be in this enclosure.
    pub(crate) fn unlinked(&self, without_bay: usize) -> Option<EnclosureProblem> {
        let occupied = self.slots.iter().filter(|slot| slot.is_reported_occupied()).count();
        let has_links = self.slots.iter().any(|slot| !slot.links.is_empty());
        if occupied == 0 || has_links || without_bay == 0 {
            return None;
        }
        Some(EnclosureProblem::Unlinked { in_use: occupied, drives: without_bay })
    }
}

/// One bay.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Slot {
    /// `None`: its IO modules contradict each other, and it is unknown which is right.
    pub number: Option<u32>,
    /// The component's name, trimmed.
    pub(crate) name: String,
    /// The links from the bay to drives.
    pub(crate) links: Vec<BayLink>,
    pub(crate) answer: SlotAnswer,
}

impl Slot {
    pub(crate) fn label(&self) -> BayLabel {
        BayLabel::of(self.number, &self.name)
    }

    fn is_reported_occupied(&self) -> bool {
        match &self.answer.status {
            Some(status) => status.is_installed(),
            None => false,
        }
    }

    /// Orders bays by number, then by name. Bays without a number are last.
    pub(crate) fn cmp_place(&self, other: &Self) -> Ordering {
        let by_number = match (self.number, other.number) {
            (Some(number), Some(other)) => number.cmp(&other),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => Ordering::Equal,
        };
        by_number.then_with(|| natural_cmp(&self.name, &other.name))
    }
}

/// A link from a bay to a SCSI address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct BayLink {
    /// `0:0:7:0`
    pub(crate) address: String,
    /// Age: a newer link has a higher number; `None`: unknown.
    pub(crate) made: Option<u64>,
    pub(crate) source: BaySource,
}

/// Source from which a drive's bay is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(crate) enum BaySource {
    /// The enclosure's SES device: the kernel links the bay to the drive.
    #[default]
    Ses,
    /// The HBA's driver: `bay_identifier` and `enclosure_identifier` of the SAS transport class.
    SasDevice,
    /// The controller's driver (hpsa, smartpqi): `path_info`.
    PathInfo,
    /// The PCI hot-plug slot of the drive.
    PciSlot,
}

impl BaySource {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Ses => "ses",
            Self::SasDevice => "sas_device",
            Self::PathInfo => "path_info",
            Self::PciSlot => "pci_slot",
        }
    }
}

/// The label of a bay within its enclosure.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum BayLabel {
    Number(u32),
    /// The name of a bay without a number.
    Name(Box<str>),
}

impl BayLabel {
    pub(crate) fn of(number: Option<u32>, name: &str) -> Self {
        match number {
            Some(number) => Self::Number(number),
            None => Self::Name(name.into()),
        }
    }

    pub(crate) fn number(&self) -> Option<u32> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Name(_) => None,
        }
    }

    /// The name of a bay without a number.
    pub(crate) fn name(&self) -> Option<&str> {
        match self {
            Self::Number(_) => None,
            Self::Name(name) => Some(name),
        }
    }
}

/// The number, or the name in quotes.
impl fmt::Display for BayLabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Name(name) => write!(f, "{name:?}"),
        }
    }
}

/// The bay of a drive.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Bay {
    /// The id of the enclosure (`enclosures[].id`).
    pub(crate) enclosure: EnclosureId,
    pub(crate) slot: BayLabel,
}

impl Bay {
    /// `None` unless both are known.
    pub(crate) fn known(enclosure: Option<&EnclosureId>, number: Option<u32>, name: Option<&str>) -> Option<Self> {
        let slot = match (number, name) {
            (Some(number), _) => BayLabel::Number(number),
            (None, Some(name)) => BayLabel::Name(name.into()),
            (None, None) => return None,
        };
        Some(Self { enclosure: enclosure?.clone(), slot })
    }
}

/// `bay 7 of 0x5003…`
impl fmt::Display for Bay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "bay {} of {}", self.slot, self.enclosure)
    }
}

/// The values of a bay that only the enclosure reports; all `None` while it does not respond.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SlotAnswer {
    /// SES status: `OK`, `not installed`, `critical`, …
    pub(crate) status: Option<SlotStatus>,
    /// The enclosure senses a fault.
    pub(crate) fault_sensed: Option<bool>,
    /// The fault LED was requested.
    pub(crate) fault_requested: Option<bool>,
    /// The locate LED is on.
    pub(crate) locate: Option<bool>,
    pub(crate) power_status: Option<PowerStatus>,
}

impl SlotAnswer {
    /// Combines the reports of two IO modules on the same bay: the status with the higher rank, and LEDs and faults that one
    /// of them reports.
    #[must_use]
    pub(crate) fn or(self, other: Self) -> Self {
        Self {
            status: higher_rank(self.status, other.status),
            fault_sensed: either(self.fault_sensed, other.fault_sensed),
            fault_requested: either(self.fault_requested, other.fault_requested),
            locate: either(self.locate, other.locate),
            power_status: self.power_status.or(other.power_status),
        }
    }
}

fn higher_rank(one: Option<SlotStatus>, other: Option<SlotStatus>) -> Option<SlotStatus> {
    match (one, other) {
        (Some(one), Some(other)) => Some(if one.rank() >= other.rank() { one } else { other }),
        (one, other) => one.or(other),
    }
}

/// On if one of the modules reports it as on.
fn either(one: Option<bool>, other: Option<bool>) -> Option<bool> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one || other),
        (one, other) => one.or(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shelf(slots: Vec<Slot>) -> Enclosure {
        Enclosure { id: "e".into(), slots, ..Enclosure::default() }
    }

    fn slot(status: SlotStatus) -> Slot {
        Slot { answer: SlotAnswer { status: Some(status), ..SlotAnswer::default() }, ..Slot::default() }
    }

    #[test]
    fn occupied_bays_without_links_are_a_problem() {
        let unlinked = shelf(vec![slot(SlotStatus::Ok), slot(SlotStatus::NotInstalled), slot(SlotStatus::Critical)]);
        assert_eq!(unlinked.unlinked(2), Some(EnclosureProblem::Unlinked { in_use: 2, drives: 2 }));
        assert_eq!(unlinked.unlinked(0), None, "every drive is in a bay");
        assert_eq!(shelf(vec![slot(SlotStatus::NotInstalled)]).unlinked(2), None, "an empty shelf");
        let link = BayLink { address: "0:0:1:0".to_owned(), ..BayLink::default() };
        let linked = Slot { links: vec![link], ..slot(SlotStatus::Ok) };
        assert_eq!(shelf(vec![linked, slot(SlotStatus::Ok)]).unlinked(2), None, "its links work");
        assert_eq!(shelf(vec![Slot::default()]).unlinked(2), None, "a shelf that has not reported a bay");
    }

    #[test]
    fn reports_of_two_io_modules_are_combined() {
        let first = SlotAnswer { status: Some(SlotStatus::Ok), locate: Some(false), ..Default::default() };
        let second = SlotAnswer { status: Some(SlotStatus::NotInstalled), locate: Some(true), ..Default::default() };
        let combined = second.clone().or(first.clone());
        assert_eq!((&combined.status, combined.locate), (&Some(SlotStatus::Ok), Some(true)));
        assert_eq!(combined, first.or(second.clone()));
        assert_eq!(SlotAnswer::default().or(second.clone()), second);
        // A status without information has the lowest rank; of two others, the worse one is shown, in any order.
        for (one, other, combined) in [
            (Some(SlotStatus::Unknown), Some(SlotStatus::NotInstalled), Some(SlotStatus::NotInstalled)),
            (Some(SlotStatus::Unsupported), Some(SlotStatus::Ok), Some(SlotStatus::Ok)),
            (None, Some(SlotStatus::Unknown), Some(SlotStatus::Unknown)),
            (Some(SlotStatus::Ok), Some(SlotStatus::Critical), Some(SlotStatus::Critical)),
            (Some(SlotStatus::Other("(null)".into())), Some(SlotStatus::Ok), Some(SlotStatus::Ok)),
        ] {
            let one = SlotAnswer { status: one, ..SlotAnswer::default() };
            let other = SlotAnswer { status: other, ..SlotAnswer::default() };
            assert_eq!(one.clone().or(other.clone()).status, combined);
            assert_eq!(other.or(one).status, combined);
        }
    }
}
