//! Events of enclosures whose IO modules do not respond, and of their return.

use crate::domain::enclosure::{Enclosure, EnclosureProblem};
use crate::domain::identity::EnclosureId;
use crate::domain::time::Timestamp;
use crate::events::{ENCLOSURE, Event, EventFields, EventKind, Subject, event};
use log::Level;
use std::collections::BTreeMap;

/// Which enclosures respond, in the order of the overview.
#[derive(Clone, Debug, Default)]
pub(super) struct EnclosureSnapshot(Vec<EnclosureState>);

#[derive(Clone, Debug)]
struct EnclosureState {
    id: EnclosureId,
    /// `None`: all its modules respond.
    silence: Option<Silence>,
}

#[derive(Clone, Debug)]
struct Silence {
    /// The IO modules that do not respond.
    modules: Vec<String>,
    reason: String,
}

impl EnclosureSnapshot {
    pub(super) fn of(enclosures: &[Enclosure]) -> Self {
        let mut states = Vec::new();
        // A missing enclosure is left out: its silence has not ended.
        for enclosure in enclosures.iter().filter(|enclosure| enclosure.missing_since().is_none()) {
            let silence = match &enclosure.error {
                Some(problem @ EnclosureProblem::Silent { modules, .. }) => {
                    Some(Silence { modules: modules.clone(), reason: problem.to_string() })
                }
                Some(EnclosureProblem::Missing { .. } | EnclosureProblem::Unlinked { .. }) | None => None,
            };
            states.push(EnclosureState { id: enclosure.id.clone(), silence });
        }
        Self(states)
    }
}

/// One event when a silence begins, when another module joins it, and when it ends.
pub(super) fn detect(before: &EnclosureSnapshot, after: &EnclosureSnapshot, at: Timestamp) -> Vec<Event> {
    let mut were_silent: BTreeMap<&EnclosureId, &[String]> = BTreeMap::new();
    for state in &before.0 {
        if let Some(silence) = &state.silence {
            were_silent.insert(&state.id, &silence.modules);
        }
    }
    let mut events = Vec::new();
    for EnclosureState { id, silence } in &after.0 {
        let (subject, fields) = (Subject::Enclosure(id.clone()), EventFields::none().with(ENCLOSURE, id));
        match (silence, were_silent.get(id)) {
            (Some(silence), Some(known)) if silence.modules.iter().all(|module| known.contains(module)) => {}
            (Some(Silence { reason, .. }), _) => events.push(event!(
                Level::Warn,
                EventKind::ShelfSilent,
                at,
                subject,
                fields,
                "shelf unresponsive enclosure={id} reason={reason:?}"
            )),
            (None, Some(_)) => events.push(event!(
                Level::Info,
                EventKind::ShelfAnswers,
                at,
                subject,
                fields,
                "shelf responds again enclosure={id}"
            )),
            (None, None) => {}
        }
    }
    events
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Timestamp = Timestamp(7);

    fn snapshot(states: &[(&str, Option<EnclosureProblem>)]) -> EnclosureSnapshot {
        let mut enclosures = Vec::new();
        for (id, error) in states {
            enclosures.push(Enclosure { id: (*id).into(), error: error.clone(), ..Enclosure::default() });
        }
        EnclosureSnapshot::of(&enclosures)
    }

    fn silent(modules: &[&str], answering: &[&str]) -> EnclosureProblem {
        EnclosureProblem::Silent {
            modules: modules.iter().map(ToString::to_string).collect(),
            answering: answering.iter().map(ToString::to_string).collect(),
        }
    }

    #[test]
    fn silence_and_its_end_are_one_event_each() {
        let responds = snapshot(&[("0xa", None), ("0xb", None)]);
        let is_silent = snapshot(&[("0xa", None), ("0xb", Some(silent(&["0:0:9:0"], &[])))]);
        let events = detect(&responds, &is_silent, AT);
        let [event] = events.as_slice() else { panic!("{events:#?}") };
        assert_eq!((event.kind, event.level, event.at), (EventKind::ShelfSilent, Level::Warn, AT));
        let reason = "the shelf does not respond (IO module 0:0:9:0): status, LEDs and power are unknown";
        assert_eq!(event.text, format!("shelf unresponsive enclosure=0xb reason={reason:?}"));
        assert_eq!(event.subject, Subject::Enclosure("0xb".into()));
        assert_eq!(event.fields, EventFields::none().with(ENCLOSURE, "0xb"));
        assert_eq!(detect(&is_silent, &is_silent, AT), []);

        let events = detect(&is_silent, &responds, AT);
        let [event] = events.as_slice() else { panic!("{events:#?}") };
        assert_eq!((event.kind, event.level), (EventKind::ShelfAnswers, Level::Info));
        assert_eq!(event.text, "shelf responds again enclosure=0xb");
    }

    #[test]
    fn another_silent_module_is_an_event_and_one_less_is_not() {
        let one = snapshot(&[("0xb", Some(silent(&["0:0:9:0"], &["1:0:9:0"])))]);
        let both = snapshot(&[("0xb", Some(silent(&["0:0:9:0", "1:0:9:0"], &[])))]);
        let events = detect(&one, &both, AT);
        let [event] = events.as_slice() else { panic!("{events:#?}") };
        let reason = "the shelf does not respond (IO modules 0:0:9:0, 1:0:9:0): status, LEDs and power are unknown";
        assert_eq!(event.text, format!("shelf unresponsive enclosure=0xb reason={reason:?}"));
        assert_eq!(detect(&both, &one, AT), []);
    }

    #[test]
    fn enclosure_that_is_silent_at_the_start_is_an_event_and_its_disappearance_is_not() {
        let is_silent = snapshot(&[("0xb", Some(silent(&["0:0:9:0"], &[])))]);
        assert_eq!(detect(&EnclosureSnapshot::default(), &is_silent, AT).len(), 1);
        assert_eq!(detect(&is_silent, &EnclosureSnapshot::default(), AT), []);
        let missing = snapshot(&[("0xb", Some(EnclosureProblem::Missing { since: AT }))]);
        assert_eq!(detect(&is_silent, &missing, AT), []);
    }

    #[test]
    fn enclosure_without_links_responds() {
        let unlinked = snapshot(&[("0xa", Some(EnclosureProblem::Unlinked { in_use: 2, drives: 2 }))]);
        assert_eq!(detect(&snapshot(&[("0xa", None)]), &unlinked, AT), []);
    }
}
