//! Asks shelves what only they can say, each IO module through a child of its own that may be lost:
//! while a shelf's processor is silent the kernel blocks the reader for good, and a process with a thread that
//! is blocked so can neither end nor be ended.
//!
//! At most one child per module lives; its answer is kept until the next.

use super::enclosure::{ModuleToAsk, answers, ask_shelf};
use super::exec::{self, ExecError, Limits};
use super::{Event, launch};
use crate::model::enclosure::{Enclosure, SlotAnswer};
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
}

struct Module {
    enclosure: String,
    /// Since when a child is out asking.
    asked: Option<Instant>,
    silent: bool,
    answers: HashMap<u32, SlotAnswer>,
}

impl Shelves {
    /// Asks every module that is not being asked already. Modules that vanished are forgotten.
    pub fn ask(&mut self, modules: &[ModuleToAsk], events: &Sender<Event>, stop: &Stop, at: Instant) {
        self.modules.retain(|name, m| m.asked.is_some() || modules.iter().any(|to_ask| to_ask.sysfs_name == *name));
        for to_ask in modules {
            let module = self.modules.entry(to_ask.sysfs_name.clone()).or_insert_with(|| Module {
                enclosure: String::new(),
                asked: None,
                silent: false,
                answers: HashMap::new(),
            });
            module.enclosure.clone_from(&to_ask.enclosure);
            if module.asked.is_some() {
                continue;
            }
            let (to_ask, events, stop) = (to_ask.clone(), events.clone(), stop.clone());
            let asking = thread::Builder::new().name("shelf".to_owned()).stack_size(256 * 1024).spawn(move || {
                if let Some(answers) = asked(&to_ask, &stop) {
                    let _ = events.send(Event::Shelf { sysfs_name: to_ask.sysfs_name, answers });
                }
            });
            match asking {
                Ok(_) => module.asked = Some(at),
                Err(_) => module.silent = true,
            }
        }
    }

    pub fn answered(&mut self, sysfs_name: &str, answers: HashMap<u32, SlotAnswer>) {
        if let Some(module) = self.modules.get_mut(sysfs_name) {
            module.asked = None;
            module.silent = false;
            module.answers = answers;
        }
    }

    /// Marks those that are overdue; gives when the next one will be.
    pub fn check(&mut self, at: Instant) -> Option<Instant> {
        let mut next = None;
        for module in self.modules.values_mut().filter(|m| !m.silent) {
            let Some(due) = module.asked.map(|asked| asked + DEADLINE) else { continue };
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
            let silent: Vec<&str> = enclosure
                .sysfs_names
                .iter()
                .filter(|n| self.modules.get(*n).is_some_and(|m| m.silent))
                .map(String::as_str)
                .collect();
            enclosure.error = (!silent.is_empty())
                .then(|| format!("the shelf does not answer ({}): no status, lights or power", silent.join(", ")));
            for slot in &mut enclosure.slots {
                let said = enclosure.sysfs_names.iter().filter_map(|n| {
                    let module = self.modules.get(n).filter(|m| m.enclosure == enclosure.id)?;
                    module.answers.get(&slot.slot).cloned()
                });
                slot.answer = said.reduce(SlotAnswer::or).unwrap_or_default();
            }
        }
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
        Err(_) => Some(ask_shelf(module)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
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
        assert!(enclosures.iter().all(|e| e.error.as_deref().is_some_and(|why| why.contains("0:0:9:0"))));
        // Its one thread answers late, and is heard.
        let Ok(Event::Shelf { sysfs_name, answers }) = rx.recv() else { unreachable!() };
        shelves.answered(&sysfs_name, answers);
        shelves.fill(&mut enclosures);
        assert!(enclosures.iter().all(|e| e.error.is_none()));
        assert!(rx.try_recv().is_err(), "one thread only");
    }
}
