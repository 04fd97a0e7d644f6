//! Asks shelves what only they can say, each IO module through a child of its own that may be lost:
//! while a shelf's processor is silent the kernel blocks the reader for good, and a process with a thread that
//! is blocked so can neither end nor be ended.
//!
//! At most one child per module lives; its answer is kept until the next.

use super::completion::Completion;
use super::enclosure::{ModuleToAsk, answers, ask_shelf};
use super::exec::{self, ExecError, Limits};
use super::{Event, launch};
use crate::domain::enclosure::{Enclosure, EnclosureProblem, SlotAnswer};
use crate::stop::Stop;
use crossbeam_channel::Sender;
use std::collections::HashMap;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

/// What a shelf may take before it counts as silent.
const DEADLINE: Duration = Duration::from_secs(5);
/// A shelf that answers late is heard all the same.
const CHILD: Limits = Limits { deadline: Duration::from_secs(86_400), output_bytes: 1024 * 1024 };

#[derive(Default)]
pub struct Shelves {
    modules: HashMap<String, Module>,
    /// How many children were started.
    started: u64,
}

struct Module {
    enclosure: String,
    asked: Option<Asking>,
    silent: bool,
    answers: HashMap<u32, SlotAnswer>,
}

/// A child that is out asking.
struct Asking {
    /// Tells its completion from that of every other child.
    number: u64,
    since: Instant,
    /// The module has gone since, or belongs to another shelf: what the child gives is of the one before.
    is_void: bool,
}

impl Shelves {
    /// Asks every module that is not being asked already. Modules that vanished are forgotten, once their child has ended.
    pub fn ask(&mut self, modules: &[ModuleToAsk], events: &Sender<Event>, stop: &Stop, at: Instant) {
        self.modules.retain(|name, module| {
            let is_here = modules.iter().any(|to_ask| to_ask.sysfs_name == *name);
            if let Some(asking) = module.asked.as_mut() {
                asking.is_void |= !is_here;
            }
            is_here || module.asked.is_some()
        });
        for to_ask in modules {
            let module = self.modules.entry(to_ask.sysfs_name.clone()).or_insert_with(|| Module {
                enclosure: String::new(),
                asked: None,
                silent: false,
                answers: HashMap::new(),
            });
            if module.enclosure != to_ask.enclosure {
                module.enclosure.clone_from(&to_ask.enclosure);
                module.answers.clear();
                if let Some(asking) = module.asked.as_mut() {
                    asking.is_void = true;
                }
            }
            if module.asked.is_some() {
                continue;
            }
            self.started += 1;
            let number = self.started;
            let (to_ask, events, stop) = (to_ask.clone(), events.clone(), stop.clone());
            let asking = thread::Builder::new().name("shelf".to_owned()).stack_size(256 * 1024).spawn(move || {
                if let Some(answers) = asked(&to_ask, &stop) {
                    let _ = events.send(Event::Shelf { number, sysfs_name: to_ask.sysfs_name, answers });
                }
            });
            match asking {
                Ok(_) => module.asked = Some(Asking { number, since: at, is_void: false }),
                Err(_) => module.silent = true,
            }
        }
    }

    /// `Void`: it is of the shelf that was there before, and the one that is there is still to be asked.
    pub(super) fn answered(&mut self, sysfs_name: &str, number: u64, answers: HashMap<u32, SlotAnswer>) -> Completion {
        let Some(module) = self.modules.get_mut(sysfs_name) else { return Completion::Void };
        let Some(asking) = module.asked.take_if(|asking| asking.number == number) else { return Completion::Void };
        module.silent = false;
        if asking.is_void {
            return Completion::Void;
        }
        module.answers = answers;
        Completion::Current
    }

    /// Marks those that are overdue; gives when the next one will be.
    pub fn check(&mut self, at: Instant) -> Option<Instant> {
        let mut next = None;
        for module in self.modules.values_mut().filter(|m| !m.silent) {
            let Some(due) = module.asked.as_ref().map(|asking| asking.since + DEADLINE) else { continue };
            if due <= at {
                module.silent = true;
                module.answers.clear();
            } else {
                next = next.into_iter().chain([due]).min();
            }
        }
        next
    }

    /// A module is being asked, and may still answer in time.
    pub fn is_waiting(&self) -> bool {
        self.modules.values().any(|m| m.asked.is_some() && !m.silent)
    }

    /// Fills in what the shelves said, and says which did not.
    pub fn fill(&self, enclosures: &mut [Enclosure]) {
        for enclosure in enclosures {
            enclosure.error = self.silence(enclosure);
            for slot in &mut enclosure.slots {
                let said = enclosure.sysfs_names.iter().filter_map(|n| {
                    let module = self.modules.get(n).filter(|m| m.enclosure == enclosure.id)?;
                    module.answers.get(&slot.slot).cloned()
                });
                slot.answer = said.reduce(SlotAnswer::or).unwrap_or_default();
            }
        }
    }

    fn silence(&self, enclosure: &Enclosure) -> Option<EnclosureProblem> {
        let (mut modules, mut answering) = (Vec::new(), Vec::new());
        for name in &enclosure.sysfs_names {
            let Some(module) = self.modules.get(name) else { continue };
            if module.silent {
                modules.push(name.clone());
            } else if !module.answers.is_empty() {
                answering.push(name.clone());
            }
        }
        if modules.is_empty() { None } else { Some(EnclosureProblem::Silent { modules, answering }) }
    }
}

/// `None`: stopped before the shelf answered.
fn asked(module: &ModuleToAsk, stop: &Stop) -> Option<HashMap<u32, SlotAnswer>> {
    let dirs: Option<Vec<&str>> = module.bays.iter().map(|bay| bay.dir.to_str()).collect();
    let Some(dirs) = dirs.filter(|_| launch::is_used()) else { return Some(ask_shelf(module)) };
    match exec::run(Path::new(launch::ASK_SHELF), &dirs, CHILD, stop) {
        Ok(output) => Some(answers(module, &String::from_utf8_lossy(&output.stdout))),
        Err(ExecError::Stopped { .. }) => None,
        // No child can be had: then by ourselves.
        Err(ExecError::Start { .. }) => Some(ask_shelf(module)),
        // What a child was not told would not be told to this thread either, which could not be ended.
        Err(_) => Some(HashMap::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::enclosure::Slot;
    use crate::domain::enclosure::words::SlotStatus;
    use crossbeam_channel::unbounded;

    #[test]
    fn a_silent_module_is_asked_once_and_said_to_be_silent() {
        let (tx, rx) = unbounded();
        let t0 = Instant::now();
        let module = ModuleToAsk { enclosure: "e".into(), sysfs_name: "0:0:9:0".into(), bays: vec![] };
        let mut shelves = Shelves::default();
        let stop = Stop::new().unwrap_or_else(|e| unreachable!("{e}"));
        shelves.ask(std::slice::from_ref(&module), &tx, &stop, t0);
        assert!(shelves.is_waiting());
        assert_eq!(shelves.check(t0), Some(t0 + DEADLINE));
        assert_eq!(shelves.check(t0 + DEADLINE), None);
        assert!(!shelves.is_waiting());
        shelves.ask(&[module], &tx, &stop, t0 + DEADLINE);
        let mut enclosures = [Enclosure {
            id: "e".into(),
            sysfs_names: vec!["0:0:9:0".into()],
            vendor: None,
            model: None,
            rev: None,
            slots: vec![],
            error: None,
        }];
        shelves.fill(&mut enclosures);
        assert!(enclosures.iter().all(|e| e.error.as_ref().is_some_and(|why| why.to_string().contains("0:0:9:0"))));
        // Its one thread answers late, and is heard.
        let Ok(Event::Shelf { number, sysfs_name, answers }) = rx.recv() else { unreachable!() };
        assert_eq!(shelves.answered(&sysfs_name, number + 1, HashMap::new()), Completion::Void, "no such child");
        assert_eq!(shelves.answered(&sysfs_name, number, answers), Completion::Current);
        shelves.fill(&mut enclosures);
        assert!(enclosures.iter().all(|e| e.error.is_none()));
        assert!(rx.try_recv().is_err(), "one thread only");
    }

    /// A shelf is exchanged under the name of its module while a child asks it, and after that.
    #[test]
    fn what_one_shelf_said_is_not_shown_of_the_next() {
        let (tx, rx) = unbounded();
        let t0 = Instant::now();
        let module = |id: &str| ModuleToAsk { enclosure: id.into(), sysfs_name: "0:0:9:0".into(), bays: vec![] };
        let shelf = |id: &str| Enclosure {
            id: id.into(),
            sysfs_names: vec!["0:0:9:0".into()],
            vendor: None,
            model: None,
            rev: None,
            slots: vec![Slot { slot: 1, ..Slot::default() }],
            error: None,
        };
        let said = || HashMap::from([(1, SlotAnswer { status: Some(SlotStatus::Ok), ..SlotAnswer::default() })]);
        let status = |shelves: &Shelves, id: &str| {
            let mut shown = [shelf(id)];
            shelves.fill(&mut shown);
            shown[0].slots[0].answer.status.clone()
        };
        let mut shelves = Shelves::default();
        let stop = Stop::new().unwrap_or_else(|e| unreachable!("{e}"));
        let number = || match rx.recv() {
            Ok(Event::Shelf { number, .. }) => number,
            _ => unreachable!(),
        };
        shelves.ask(&[module("a")], &tx, &stop, t0);
        assert_eq!(shelves.answered("0:0:9:0", number(), said()), Completion::Current);
        assert_eq!(status(&shelves, "a"), Some(SlotStatus::Ok));
        shelves.ask(&[module("b")], &tx, &stop, t0);
        assert_eq!(status(&shelves, "b"), None, "it has not said anything yet");
        shelves.ask(&[module("c")], &tx, &stop, t0);
        assert_eq!(shelves.answered("0:0:9:0", number(), said()), Completion::Void, "that was b");
        assert_eq!(status(&shelves, "c"), None);
        shelves.ask(&[module("c")], &tx, &stop, t0);
        shelves.ask(&[], &tx, &stop, t0);
        shelves.ask(&[module("c")], &tx, &stop, t0);
        assert_eq!(shelves.answered("0:0:9:0", number(), said()), Completion::Void, "it was away in between");
    }
}
