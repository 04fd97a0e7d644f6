//! Reads the attributes that the kernel reads from enclosures, each IO module in a child of its own that may be
//! abandoned: while an IO module does not respond, the kernel blocks the reader forever, and a process with a thread
//! that is blocked in this way can neither exit nor be killed.
//!
//! There is at most one child per module; its result is kept until the next one.

use super::discovery::Discovered;
use super::jobs::{Jobs, SourceId};
use super::source::{Notice, Source};
use crate::domain::enclosure::{BayLabel, Enclosure, EnclosureProblem, SlotAnswer};
use crate::domain::identity::EnclosureId;
use crate::probe::enclosure::{IoModule, SlotPath, parse_dump, read_blocking};
use crate::probe::exec::{self, ChildLimits, ExecError};
use crate::probe::trampoline;
use crate::stop::Stop;
use std::any::Any;
use std::collections::HashMap;
use std::path::Path;
use std::time::{Duration, Instant};

/// Duration of a read after which the IO module counts as silent.
const DEADLINE: Duration = Duration::from_secs(5);
/// Limits of a child. The deadline is long, because a late answer of a module is still used.
const CHILD: ChildLimits = ChildLimits { deadline: Duration::from_secs(86_400), output_bytes: 1024 * 1024 };

/// Whether a child has read the module that is present.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Relevance {
    Current,
    /// The module has disappeared since, and may have returned.
    Void,
}

#[derive(Default)]
pub(super) struct EnclosureReader {
    is_due: bool,
    modules: HashMap<String, ModuleState>,
    /// Number of children started.
    started: u64,
}

#[derive(Default)]
struct ModuleState {
    enclosure: EnclosureId,
    /// The bays to which the labels of the answers refer.
    bays: Vec<SlotPath>,
    running: Option<RunningRead>,
    is_silent: bool,
    answers: HashMap<BayLabel, SlotAnswer>,
}

/// A child that reads a module.
struct RunningRead {
    /// Distinguishes its completion from that of every other child.
    number: u64,
    since: Instant,
    /// The module has disappeared since, or belongs to another enclosure, so the result is that of the previous one.
    is_void: bool,
}

/// The result of such a child.
struct ModuleRead {
    number: u64,
    sysfs_name: String,
    answers: HashMap<BayLabel, SlotAnswer>,
}

impl EnclosureReader {
    /// Requests a read of all modules except those that are being read already.
    pub(super) fn request(&mut self) {
        self.is_due = true;
    }

    /// Removes modules that have disappeared, once their child has ended, and answers for bays that have changed.
    pub(super) fn update_modules(&mut self, present: &[IoModule]) {
        self.modules.retain(|name, module| {
            let is_present = present.iter().any(|module| module.sysfs_name == *name);
            if let Some(running) = module.running.as_mut() {
                running.is_void |= !is_present;
            }
            is_present || module.running.is_some()
        });
        for io_module in present {
            let module = self.modules.entry(io_module.sysfs_name.clone()).or_default();
            if module.enclosure != io_module.enclosure || module.bays != io_module.bays {
                module.enclosure.clone_from(&io_module.enclosure);
                module.bays.clone_from(&io_module.bays);
                module.answers.clear();
                if let Some(running) = module.running.as_mut() {
                    running.is_void = true;
                }
            }
        }
    }

    fn start(&mut self, jobs: &Jobs, io_module: &IoModule, at: Instant) {
        let Some(module) = self.modules.get_mut(&io_module.sysfs_name) else { return };
        if module.running.is_some() {
            return;
        }
        self.started += 1;
        let number = self.started;
        let io_module = io_module.clone();
        let job = move |stop: &Stop| {
            let answers = read(&io_module, stop)?;
            Some(ModuleRead { number, sysfs_name: io_module.sysfs_name, answers })
        };
        match jobs.run_on_own_thread(SOURCE, "enclosure", job) {
            Ok(()) => module.running = Some(RunningRead { number, since: at, is_void: false }),
            Err(_) => module.is_silent = true,
        }
    }

    /// `Void` if the result is that of a previous enclosure, and the current one must still be read.
    fn complete(&mut self, read: ModuleRead) -> Relevance {
        let Some(module) = self.modules.get_mut(&read.sysfs_name) else { return Relevance::Void };
        let Some(running) = module.running.take_if(|running| running.number == read.number) else {
            return Relevance::Void;
        };
        module.is_silent = false;
        if running.is_void {
            return Relevance::Void;
        }
        module.answers = read.answers;
        Relevance::Current
    }

    /// Marks overdue modules as silent; returns the next deadline.
    fn check_deadlines(&mut self, at: Instant) -> Option<Instant> {
        let mut next = None;
        for module in self.modules.values_mut() {
            let Some(running) = &module.running else { continue };
            let due = running.since + DEADLINE;
            if module.is_silent {
                continue;
            }
            if due <= at {
                module.is_silent = true;
                module.answers.clear();
            } else {
                next = next.into_iter().chain([due]).min();
            }
        }
        next
    }

    /// Applies the answers of the modules to their enclosures, and marks silent modules.
    pub(super) fn apply_to(&self, enclosures: &mut [Enclosure]) {
        for enclosure in enclosures {
            if enclosure.missing_since().is_some() {
                continue;
            }
            enclosure.error = self.silence(enclosure);
            let mut modules = Vec::new();
            for name in &enclosure.sysfs_names {
                modules.extend(self.modules.get(name).filter(|module| module.enclosure == enclosure.id));
            }
            for slot in &mut enclosure.slots {
                let label = slot.label();
                let answers = modules.iter().filter_map(|module| module.answers.get(&label));
                slot.answer = answers.cloned().reduce(SlotAnswer::or).unwrap_or_default();
            }
        }
    }

    /// The error of an enclosure with silent modules.
    fn silence(&self, enclosure: &Enclosure) -> Option<EnclosureProblem> {
        let (mut modules, mut answering) = (Vec::new(), Vec::new());
        for name in &enclosure.sysfs_names {
            let Some(module) = self.modules.get(name) else { continue };
            if module.is_silent {
                modules.push(name.clone());
            } else if !module.answers.is_empty() {
                answering.push(name.clone());
            }
        }
        if modules.is_empty() { None } else { Some(EnclosureProblem::Silent { modules, answering }) }
    }
}

const SOURCE: SourceId = "enclosures";

impl Source for EnclosureReader {
    fn id(&self) -> SourceId {
        SOURCE
    }

    fn on_sweep_begin(&mut self) {
        self.request();
    }

    fn start_if_due(&mut self, jobs: &Jobs, found: &Discovered, at: Instant) -> Option<Instant> {
        if std::mem::take(&mut self.is_due) {
            self.update_modules(&found.modules);
            for module in &found.modules {
                self.start(jobs, module, at);
            }
        }
        self.check_deadlines(at)
    }

    fn take(&mut self, result: Box<dyn Any + Send>, _: &Jobs, _: &Discovered) -> Option<Notice> {
        let read = result.downcast::<ModuleRead>().ok()?;
        if self.complete(*read) == Relevance::Void {
            self.request();
            return None;
        }
        Some(Notice::EnclosureRead)
    }

    /// No read is running that may still end in time.
    fn is_idle(&self) -> bool {
        !self.modules.values().any(|module| module.running.is_some() && !module.is_silent)
    }
}

/// `None` if the daemon stopped before the module answered.
fn read(module: &IoModule, stop: &Stop) -> Option<HashMap<BayLabel, SlotAnswer>> {
    if !trampoline::is_enabled() {
        return Some(read_blocking(module));
    }
    let Some(dirs) = module.slot_paths() else { return Some(read_blocking(module)) };
    match exec::run(Path::new(trampoline::READ_ENCLOSURE), &dirs, CHILD, stop) {
        Ok(output) => Some(parse_dump(module, &String::from_utf8_lossy(&output.stdout))),
        Err(ExecError::Stopped { .. }) => None,
        // No child can be started: this thread reads.
        Err(ExecError::Start { .. }) => Some(read_blocking(module)),
        // This thread would fail or block like the child, and cannot be killed.
        Err(_) => Some(HashMap::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collector::jobs::JobReport;
    use crate::domain::enclosure::Slot;
    use crate::domain::enclosure::words::SlotStatus;
    use crate::probe::Host;
    use crossbeam_channel::Receiver;

    fn jobs() -> (Jobs, Receiver<JobReport>) {
        let host = Host { root: "/nonexistent".into(), smartctl: None, zpool: None };
        let stop = Stop::new().unwrap();
        Jobs::new(host, stop, 1).unwrap()
    }

    fn with_module(enclosure: &str) -> Discovered {
        let module = IoModule { enclosure: enclosure.into(), sysfs_name: "0:0:9:0".into(), bays: vec![] };
        Discovered { modules: vec![module], ..Discovered::default() }
    }

    fn enclosure(id: &str) -> Enclosure {
        Enclosure {
            id: id.into(),
            sysfs_names: vec!["0:0:9:0".into()],
            slots: vec![Slot { number: Some(1), ..Slot::default() }],
            ..Enclosure::default()
        }
    }

    fn next(reports: &Receiver<JobReport>) -> ModuleRead {
        let report = reports.recv().unwrap();
        *report.result.downcast::<ModuleRead>().unwrap()
    }

    fn request(reader: &mut EnclosureReader, jobs: &Jobs, found: &Discovered, at: Instant) -> Option<Instant> {
        reader.request();
        reader.start_if_due(jobs, found, at)
    }

    #[test]
    fn a_silent_module_is_read_once_and_reported_as_silent() {
        let (jobs, reports) = jobs();
        let (t0, found) = (Instant::now(), with_module("e"));
        let mut reader = EnclosureReader::default();
        assert_eq!(request(&mut reader, &jobs, &found, t0), Some(t0 + DEADLINE));
        assert!(!reader.is_idle());
        assert_eq!(reader.start_if_due(&jobs, &found, t0 + DEADLINE), None);
        assert!(reader.is_idle());
        request(&mut reader, &jobs, &found, t0 + DEADLINE);
        let mut enclosures = [enclosure("e")];
        reader.apply_to(&mut enclosures);
        assert!(enclosures[0].error.as_ref().unwrap().to_string().contains("0:0:9:0"));
        // The result of its one thread is late, and used.
        let read = next(&reports);
        let other =
            ModuleRead { number: read.number + 1, sysfs_name: read.sysfs_name.clone(), answers: HashMap::new() };
        assert_eq!(reader.complete(other), Relevance::Void, "no such child");
        assert_eq!(reader.complete(read), Relevance::Current);
        reader.apply_to(&mut enclosures);
        assert_eq!(enclosures[0].error, None);
        assert!(reports.try_recv().is_err(), "one thread only");
    }

    fn status(reader: &EnclosureReader, id: &str) -> Option<SlotStatus> {
        let mut shown = [enclosure(id)];
        reader.apply_to(&mut shown);
        shown[0].slots[0].answer.status.clone()
    }

    /// The next result, with the status OK for bay 1.
    fn next_ok(reports: &Receiver<JobReport>) -> ModuleRead {
        let answer = SlotAnswer { status: Some(SlotStatus::Ok), ..SlotAnswer::default() };
        ModuleRead { answers: HashMap::from([(BayLabel::Number(1), answer)]), ..next(reports) }
    }

    /// An enclosure is replaced under the same module name, during a read and after it.
    #[test]
    fn answers_of_a_replaced_enclosure_are_not_shown_for_the_new_one() {
        let (jobs, reports) = jobs();
        let t0 = Instant::now();
        let mut reader = EnclosureReader::default();
        request(&mut reader, &jobs, &with_module("a"), t0);
        assert_eq!(reader.complete(next_ok(&reports)), Relevance::Current);
        assert_eq!(status(&reader, "a"), Some(SlotStatus::Ok));
        request(&mut reader, &jobs, &with_module("b"), t0);
        assert_eq!(status(&reader, "b"), None, "it has not reported anything yet");
        request(&mut reader, &jobs, &with_module("c"), t0);
        assert_eq!(reader.complete(next_ok(&reports)), Relevance::Void, "that was b");
        assert_eq!(status(&reader, "c"), None);
        request(&mut reader, &jobs, &with_module("c"), t0);
        request(&mut reader, &jobs, &Discovered::default(), t0);
        request(&mut reader, &jobs, &with_module("c"), t0);
        assert_eq!(reader.complete(next_ok(&reports)), Relevance::Void, "it was absent in between");
    }
}
