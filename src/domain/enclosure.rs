//! A shelf and its bays, as the kernel's enclosure class has them (SES-3 through `ses.ko`).

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

/// One shelf. Both IO modules of a shelf make one enclosure.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Enclosure {
    /// Logical id (`0x500304801f2b9d3f`). Where several shelves report one id, the end of the SES device's own name follows
    /// (`0x500304801f2b9d3f-00bbb0`); where there is no id, it is that name, or else the sysfs name.
    pub(crate) id: EnclosureId,
    /// Names under `/sys/class/enclosure`, one per IO module.
    pub(crate) sysfs_names: Vec<String>,
    /// Its IO modules; `inventory` adds those that are missing.
    pub(crate) modules: Vec<KnownModule>,
    pub(crate) vendor: Option<String>,
    pub(crate) model: Option<String>,
    pub(crate) rev: Option<String>,
    /// By slot number; those without one last, by name.
    pub slots: Vec<Slot>,
    /// Why what the shelf must answer is unknown.
    pub(crate) error: Option<EnclosureProblem>,
}

/// Why an enclosure, or what it must report, is not known as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum EnclosureProblem {
    /// IO modules do not answer; others may. By their names under `/sys/class/enclosure`.
    Silent { modules: Vec<String>, answering: Vec<String> },
    /// The kernel shows none of its IO modules any more.
    Missing { since: Timestamp },
    /// The kernel links no bay to a drive, although so many are in use and so many drives are in no bay.
    Unlinked { in_use: usize, drives: usize },
}

impl fmt::Display for EnclosureProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { since } => {
                write!(f, "the shelf is missing since {since}: its bays are shown as they were last")
            }
            Self::Silent { modules, answering } if answering.is_empty() => {
                write!(f, "the shelf does not answer ({}): no status, lights or power", modules.join(", "))
            }
            Self::Silent { modules, answering } => write!(
                f,
                "an IO module does not answer ({}): status, lights and power are those that {} reports",
                modules.join(", "),
                answering.join(", ")
            ),
            Self::Unlinked { in_use, drives } => {
                let verb = if *drives == 1 { "drive is" } else { "drives are" };
                write!(
                    f,
                    "{in_use} of its bays are in use by what the shelf says, but the kernel links none of them to a drive, \
                     and {drives} {verb} in no bay"
                )
            }
        }
    }
}

impl Enclosure {
    /// Otherwise its bays are known by drivers of HBAs or by PCI slots, and nothing shows whether the shelf is present.
    pub(crate) fn has_ses_device(&self) -> bool {
        !self.sysfs_names.is_empty()
    }

    /// `None`: it is present.
    pub(crate) fn missing_since(&self) -> Option<Timestamp> {
        match self.error {
            Some(EnclosureProblem::Missing { since }) => Some(since),
            _ => None,
        }
    }

    /// It is missing: nothing that it reported, and no link of a bay, is valid any more.
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

    /// All its bays are shown empty although the shelf says that they are not. `without_bay`: drives in no bay that might
    /// stand here.
    pub(crate) fn unlinked(&self, without_bay: usize) -> Option<EnclosureProblem> {
        let is_in_use = |slot: &&Slot| slot.answer.status.as_ref().is_some_and(SlotStatus::is_installed);
        let full = self.slots.iter().filter(is_in_use).count();
        let linked = self.slots.iter().any(|s| !s.links.is_empty());
        if full == 0 || linked || without_bay == 0 {
            return None;
        }
        Some(EnclosureProblem::Unlinked { in_use: full, drives: without_bay })
    }
}

/// One bay.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Slot {
    /// `None`: its IO modules contradict themselves, and nothing decides.
    pub number: Option<u32>,
    /// The component's name, trimmed.
    pub(crate) name: String,
    /// What leads from the bay to a drive.
    pub(crate) links: Vec<BayLink>,
    pub(crate) answer: SlotAnswer,
}

impl Slot {
    pub(crate) fn label(&self) -> BayLabel {
        BayLabel::of(self.number, &self.name)
    }

    /// Bays without a number come last.
    pub(crate) fn cmp_place(&self, other: &Self) -> Ordering {
        let number = |slot: &Self| (slot.number.is_none(), slot.number);
        number(self).cmp(&number(other)).then_with(|| natural_cmp(&self.name, &other.name))
    }
}

/// A link from a bay to a SCSI address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct BayLink {
    /// `0:0:7:0`
    pub(crate) address: String,
    /// Increases from link to link; `None`: it is not known which is newer.
    pub(crate) made: Option<u64>,
    pub(crate) source: BaySource,
}

/// What a drive's bay is known by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(crate) enum BaySource {
    /// The shelf's SES device: the kernel links the bay to the drive.
    #[default]
    Ses,
    /// The HBA's driver: `bay_identifier` and `enclosure_identifier` of the SAS transport class.
    SasDevice,
    /// The controller's driver (hpsa, smartpqi): `path_info`.
    PathInfo,
    /// The hot-plug slot of PCI that the drive is in.
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

/// What a bay is called within its shelf.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum BayLabel {
    Number(u32),
    /// Of a bay without a number.
    Name(Box<str>),
}

impl BayLabel {
    pub(crate) fn of(number: Option<u32>, name: &str) -> Self {
        number.map_or_else(|| Self::Name(name.into()), Self::Number)
    }

    pub(crate) fn number(&self) -> Option<u32> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Name(_) => None,
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

/// Where a drive sits.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Bay {
    /// `enclosures[].id`
    pub(crate) enclosure: EnclosureId,
    pub(crate) slot: BayLabel,
}

impl Bay {
    /// `None` unless both are known.
    pub(crate) fn known(enclosure: Option<&EnclosureId>, slot: Option<u32>) -> Option<Self> {
        Some(Self { enclosure: enclosure?.clone(), slot: BayLabel::Number(slot?) })
    }
}

/// `bay 7 of 0x5003…`
impl fmt::Display for Bay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "bay {} of {}", self.slot, self.enclosure)
    }
}

/// What only the shelf itself can say of a bay; all `None` while it does not answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SlotAnswer {
    /// SES status in words: `OK`, `not installed`, `critical`, …
    pub(crate) status: Option<SlotStatus>,
    /// The shelf senses a fault.
    pub(crate) fault_sensed: Option<bool>,
    /// The fault light was requested.
    pub(crate) fault_requested: Option<bool>,
    pub(crate) locate: Option<bool>,
    pub(crate) power_status: Option<PowerStatus>,
}

impl SlotAnswer {
    /// Two IO modules speak of one bay: what one of them leaves open, the other may know.
    #[must_use]
    pub(crate) fn or(self, other: Self) -> Self {
        let rank = |status: &Option<SlotStatus>| status.as_ref().map_or(0, SlotStatus::rank);
        Self {
            status: if rank(&self.status) >= rank(&other.status) { self.status } else { other.status },
            fault_sensed: either(self.fault_sensed, other.fault_sensed),
            fault_requested: either(self.fault_requested, other.fault_requested),
            locate: either(self.locate, other.locate),
            power_status: self.power_status.or(other.power_status),
        }
    }
}

/// A light that one module reports on is on.
fn either(a: Option<bool>, b: Option<bool>) -> Option<bool> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a || b),
        (a, b) => a.or(b),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shelf_whose_bays_have_no_links_says_so() {
        let slot = |number, status, address: Option<&str>| Slot {
            number: Some(number),
            links: address
                .map(|address| BayLink { address: address.to_owned(), ..BayLink::default() })
                .into_iter()
                .collect(),
            answer: SlotAnswer { status: Some(status), ..SlotAnswer::default() },
            ..Slot::default()
        };
        let shelf = |slots| Enclosure { id: "e".into(), slots, ..Enclosure::default() };
        let unlinked = shelf(vec![
            slot(0, SlotStatus::Ok, None),
            slot(1, SlotStatus::NotInstalled, None),
            slot(2, SlotStatus::Critical, None),
        ]);
        assert_eq!(unlinked.unlinked(2), Some(EnclosureProblem::Unlinked { in_use: 2, drives: 2 }));
        assert_eq!(unlinked.unlinked(0), None, "no drive is missed");
        assert_eq!(shelf(vec![slot(0, SlotStatus::NotInstalled, None)]).unlinked(2), None, "an empty shelf");
        let partly = shelf(vec![slot(0, SlotStatus::Ok, Some("0:0:1:0")), slot(1, SlotStatus::Ok, None)]);
        assert_eq!(partly.unlinked(2), None, "its links work");
        assert_eq!(shelf(vec![Slot::default()]).unlinked(2), None, "a shelf that has not answered");
    }

    #[test]
    fn what_one_io_module_does_not_know_the_other_may() {
        let mine = SlotAnswer { status: Some(SlotStatus::Ok), locate: Some(false), ..Default::default() };
        let theirs = SlotAnswer { status: Some(SlotStatus::NotInstalled), locate: Some(true), ..Default::default() };
        let joined = theirs.clone().or(mine.clone());
        assert_eq!(joined.status, Some(SlotStatus::Ok));
        assert_eq!(joined.locate, Some(true));
        assert_eq!(joined, mine.or(theirs.clone()));
        assert_eq!(SlotAnswer::default().or(theirs.clone()), theirs);
        // A word that says nothing loses; of two that contradict each other, the worse one is shown, whichever came first.
        for (one, other, joined) in [
            (Some(SlotStatus::Unknown), Some(SlotStatus::NotInstalled), Some(SlotStatus::NotInstalled)),
            (Some(SlotStatus::Unsupported), Some(SlotStatus::Ok), Some(SlotStatus::Ok)),
            (None, Some(SlotStatus::Unknown), Some(SlotStatus::Unknown)),
            (Some(SlotStatus::Ok), Some(SlotStatus::Critical), Some(SlotStatus::Critical)),
            (Some(SlotStatus::Other("(null)".into())), Some(SlotStatus::Ok), Some(SlotStatus::Ok)),
        ] {
            let answer = |status: &Option<SlotStatus>| SlotAnswer { status: status.clone(), ..SlotAnswer::default() };
            assert_eq!(answer(&one).or(answer(&other)).status, joined);
            assert_eq!(answer(&other).or(answer(&one)).status, joined);
        }
    }
}
