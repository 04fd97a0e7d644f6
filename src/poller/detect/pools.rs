//! Events of pools: changes of state, new findings, and findings that are resolved.

use crate::api::overview::PoolSummary;
use crate::domain::health::{Finding, POOL_STATE, Severity, Verdict};
use crate::domain::time::Timestamp;
use crate::domain::zfs::words::PoolState;
use crate::domain::zfs::{Zfs, ZfsState};
use crate::events::{Event, EventFields, EventKind, POOL, RULE, STATE, Subject, VERDICT, WAS, event};
use log::Level;
use std::collections::{BTreeMap, BTreeSet};

/// Stands for the state of a pool that zpool no longer lists.
const GONE: &str = "gone";

/// The pools with their states, including those that zpool no longer lists.
#[derive(Clone, Debug, Default)]
pub(super) struct PoolSnapshot(Vec<PoolEntry>);

#[derive(Clone, Debug)]
struct PoolEntry {
    name: String,
    /// `None`: zpool no longer lists the pool.
    state: Option<PoolState>,
    /// The cause that ZFS reports.
    reason: Option<String>,
    findings: Vec<Finding>,
}

impl PoolEntry {
    fn state_name(&self) -> &str {
        match &self.state {
            Some(state) => state.as_str(),
            None => GONE,
        }
    }

    /// The event about the state covers the finding: the one about the state itself, and others that are no worse. A
    /// DEGRADED pool with a lost device is one event.
    fn covers(&self, finding: &Finding) -> bool {
        match self.findings.iter().find(|other| other.code.as_str() == POOL_STATE) {
            Some(of_state) => finding.severity <= of_state.severity,
            None => false,
        }
    }
}

impl PoolSnapshot {
    /// The snapshot after a run of zpool; `self` is the one before it. `None`: the current pools are unknown.
    /// `judged`: the same pools with their findings.
    pub(super) fn next(&self, zfs: &Zfs, judged: &[PoolSummary]) -> Option<Self> {
        if !matches!(zfs.state, ZfsState::Read { .. }) || zfs.error.is_some() {
            return None;
        }
        let known = self.by_name();
        let mut entries = Vec::new();
        for pool in &zfs.pools {
            if pool.state.is_some() {
                entries.push(PoolEntry {
                    name: pool.name.clone(),
                    state: pool.state.clone(),
                    reason: pool.status.clone(),
                    findings: findings_of(judged, &pool.name),
                });
            } else if let Some(entry) = known.get(pool.name.as_str()) {
                entries.push((*entry).clone());
            }
        }
        let listed: BTreeSet<&str> = zfs.pools.iter().map(|pool| pool.name.as_str()).collect();
        for name in known.keys().filter(|name| !listed.contains(*name)) {
            entries.push(PoolEntry { name: (*name).to_owned(), state: None, reason: None, findings: Vec::new() });
        }
        Some(Self(entries))
    }

    fn by_name(&self) -> BTreeMap<&str, &PoolEntry> {
        self.0.iter().map(|entry| (entry.name.as_str(), entry)).collect()
    }
}

/// A pool that is ONLINE when it is first seen is not an event.
pub(super) fn detect(before: &PoolSnapshot, after: &PoolSnapshot, at: Timestamp) -> Vec<Event> {
    let known = before.by_name();
    let mut events = Vec::new();
    for pool in &after.0 {
        let was = known.get(pool.name.as_str());
        let has_changed = match was {
            Some(was) => was.state != pool.state,
            None => pool.state != Some(PoolState::Online),
        };
        if has_changed {
            events.push(state_changed(pool, was.copied(), at));
        }
        events.extend(new_findings(pool, was.copied(), at));
        if let Some(was) = was {
            events.extend(resolved_findings(pool, was, at));
        }
    }
    events
}

/// Findings that are new, or observe something else, such as another lost device.
fn new_findings(pool: &PoolEntry, was: Option<&PoolEntry>, at: Timestamp) -> Vec<Event> {
    let mut events = Vec::new();
    for finding in &pool.findings {
        let is_known = match was {
            Some(was) => was.findings.iter().any(|old| old.code == finding.code && old.observed == finding.observed),
            None => false,
        };
        if !is_known && !pool.covers(finding) {
            events.push(finding_new(pool, finding, at));
        }
    }
    events
}

fn resolved_findings(pool: &PoolEntry, was: &PoolEntry, at: Timestamp) -> Vec<Event> {
    // The findings about a pool that was exported or destroyed are not resolved.
    if pool.state.is_none() {
        return Vec::new();
    }
    let mut events = Vec::new();
    for old in &was.findings {
        let is_resolved = !pool.findings.iter().any(|finding| finding.code == old.code);
        if is_resolved && !was.covers(old) {
            events.push(finding_resolved(pool, old, at));
        }
    }
    events
}

fn findings_of(judged: &[PoolSummary], name: &str) -> Vec<Finding> {
    match judged.iter().find(|summary| summary.name == name) {
        Some(summary) => summary.findings.clone(),
        None => Vec::new(),
    }
}

fn finding_new(pool: &PoolEntry, finding: &Finding, at: Timestamp) -> Event {
    let (name, verdict, reason) = (&pool.name, Verdict::from(finding.severity).as_str(), &finding.message);
    let fields = finding_fields(pool, finding).with(VERDICT, verdict);
    let level = if finding.severity >= Severity::Warn { Level::Warn } else { Level::Info };
    let text = format!("pool {verdict} pool={name:?} reason={reason:?}");
    event!(level, EventKind::PoolFinding, at, Subject::Pool(name.clone()), fields, "{text}")
}

fn finding_resolved(pool: &PoolEntry, finding: &Finding, at: Timestamp) -> Event {
    let (name, was) = (&pool.name, Verdict::from(finding.severity).as_str());
    let fields = finding_fields(pool, finding).with(WAS, was);
    let reason = &finding.message;
    let text = format!("pool finding resolved pool={name:?} was={was} no_longer={reason:?}");
    event!(Level::Info, EventKind::PoolFindingEnded, at, Subject::Pool(name.clone()), fields, "{text}")
}

fn finding_fields(pool: &PoolEntry, finding: &Finding) -> EventFields {
    EventFields::none().with(POOL, &pool.name).with(RULE, finding.code.as_str())
}

fn state_changed(pool: &PoolEntry, was: Option<&PoolEntry>, at: Timestamp) -> Event {
    let PoolEntry { name, state, reason, .. } = pool;
    let state_name = pool.state_name();
    let mut text = format!("pool state changed pool={name:?} state={state_name}");
    if let Some(was) = was {
        text.push_str(&format!(" was={}", was.state_name()));
    }
    if let Some(reason) = reason {
        text.push_str(&format!(" reason={reason:?}"));
    }
    let mut fields = EventFields::none().with(POOL, name).with(STATE, state_name);
    if let Some(was) = was {
        fields = fields.with_each(WAS, &was.state);
    }
    let level = if *state == Some(PoolState::Online) { Level::Info } else { Level::Warn };
    event!(level, EventKind::PoolState, at, Subject::Pool(name.clone()), fields, "{text}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::health::{Judgement, RuleSettings, judge_pool};
    use crate::domain::zfs::words::VdevState;
    use crate::domain::zfs::{Leaf, Pool, Vdev};

    const AT: Timestamp = Timestamp(7);

    fn zfs(pools: &[(&str, Option<PoolState>, Option<&str>)]) -> Zfs {
        let mut zfs = Zfs { state: ZfsState::Read { at: AT }, error: None, pools: Vec::new() };
        for (name, state, status) in pools {
            let (name, status) = ((*name).to_owned(), status.map(str::to_owned));
            zfs.pools.push(Pool { name, state: state.clone(), status, ..Pool::default() });
        }
        zfs
    }

    fn step(snapshot: &mut PoolSnapshot, zfs: &Zfs) -> Vec<Event> {
        step_judged(snapshot, (zfs.clone(), Vec::new()))
    }

    fn step_judged(snapshot: &mut PoolSnapshot, (zfs, judged): (Zfs, Vec<PoolSummary>)) -> Vec<Event> {
        let after = snapshot.next(&zfs, &judged).unwrap();
        let events = detect(snapshot, &after, AT);
        *snapshot = after;
        events
    }

    /// The pool as zpool shows it, and with its findings.
    fn judged(pool: Pool) -> (Zfs, Vec<PoolSummary>) {
        let Judgement { verdict, findings } = judge_pool(&pool, &RuleSettings::default());
        let (name, state, scan) = (pool.name.clone(), pool.state.clone(), pool.scan.clone());
        let activities = pool.activities.clone();
        let zfs = Zfs { state: ZfsState::Read { at: AT }, error: None, pools: vec![pool] };
        (zfs, vec![PoolSummary { name, state, scan, activities, verdict, findings }])
    }

    fn texts(events: &[Event]) -> Vec<&str> {
        events.iter().map(|event| event.text.as_str()).collect()
    }

    #[test]
    fn another_state_is_an_event() {
        let mut snapshot = PoolSnapshot::default();
        let online = zfs(&[("tank", Some(PoolState::Online), None)]);
        assert_eq!(step(&mut snapshot, &online), [], "ONLINE when it is first seen");
        let degraded = zfs(&[("tank", Some(PoolState::Degraded), Some("One or more devices"))]);
        let events = step(&mut snapshot, &degraded);
        let [event] = events.as_slice() else { panic!("{events:#?}") };
        assert_eq!((event.kind, event.level, event.at), (EventKind::PoolState, Level::Warn, AT));
        let text = "pool state changed pool=\"tank\" state=DEGRADED was=ONLINE reason=\"One or more devices\"";
        assert_eq!(event.text, text);
        assert_eq!(event.subject, Subject::Pool("tank".to_owned()));
        let fields = EventFields::none().with(POOL, "tank").with(STATE, "DEGRADED").with(WAS, "ONLINE");
        assert_eq!(event.fields, fields);
        assert_eq!(step(&mut snapshot, &degraded), [], "no change");
        assert_eq!(step(&mut snapshot, &zfs(&[("tank", None, None)])), [], "zpool reports no state");
        let events = step(&mut snapshot, &online);
        assert_eq!(texts(&events), ["pool state changed pool=\"tank\" state=ONLINE was=DEGRADED"]);
        assert_eq!(events.first().map(|event| event.level), Some(Level::Info));
    }

    #[test]
    fn pool_that_is_bad_when_first_seen_or_disappears_or_returns_is_an_event() {
        let mut snapshot = PoolSnapshot::default();
        let (tank, dozer) = (("tank", Some(PoolState::Online), None), ("dozer", Some(PoolState::Faulted), None));
        let events = step(&mut snapshot, &zfs(&[tank.clone(), dozer.clone()]));
        assert_eq!(texts(&events), ["pool state changed pool=\"dozer\" state=FAULTED"]);
        let events = step(&mut snapshot, &zfs(&[]));
        let expected = [
            "pool state changed pool=\"dozer\" state=gone was=FAULTED",
            "pool state changed pool=\"tank\" state=gone was=ONLINE",
        ];
        assert_eq!(texts(&events), expected);
        let fields = EventFields::none().with(POOL, "tank").with(STATE, GONE).with(WAS, "ONLINE");
        assert!(events.iter().all(|event| event.level == Level::Warn));
        assert_eq!(events.last().map(|event| &event.fields), Some(&fields));
        assert_eq!(step(&mut snapshot, &zfs(&[])), []);
        let events = step(&mut snapshot, &zfs(&[tank]));
        assert_eq!(texts(&events), ["pool state changed pool=\"tank\" state=ONLINE was=gone"]);
        let fields = EventFields::none().with(POOL, "tank").with(STATE, "ONLINE");
        assert_eq!(events.first().map(|event| &event.fields), Some(&fields));
    }

    #[test]
    fn unknown_pools_change_nothing() {
        let snapshot = PoolSnapshot::default();
        assert!(snapshot.next(&Zfs::default(), &[]).is_none());
        let failed = Zfs { error: Some("zpool gave no answer".to_owned()), ..zfs(&[]) };
        assert!(snapshot.next(&failed, &[]).is_none());
    }

    #[test]
    fn damaged_data_is_one_event_and_its_end_is_another() {
        let pool = Pool { name: "tank".to_owned(), state: Some(PoolState::Online), ..Pool::default() };
        let healthy = judged(Pool { has_data_errors: Some(false), ..pool.clone() });
        let damaged = judged(Pool { has_data_errors: Some(true), ..pool });
        let mut snapshot = PoolSnapshot::default();
        assert_eq!(step_judged(&mut snapshot, healthy.clone()), []);
        let events = step_judged(&mut snapshot, damaged.clone());
        let reason = "Data in pool tank is damaged: zpool status -v lists the files.";
        assert_eq!(texts(&events), [format!("pool crit pool=\"tank\" reason={reason:?}")]);
        assert_eq!(events[0].level, Level::Warn);
        assert_eq!(step_judged(&mut snapshot, damaged), [], "no change");
        let events = step_judged(&mut snapshot, healthy);
        assert_eq!(texts(&events), [format!("pool finding resolved pool=\"tank\" was=crit no_longer={reason:?}")]);
    }

    #[test]
    fn degraded_pool_that_cannot_use_a_device_is_one_event() {
        let leaf = Leaf { name: "sdq".to_owned(), state: Some(VdevState::Removed), ..Leaf::default() };
        let lost = vec![Vdev { members: vec![leaf], ..Vdev::default() }];
        let pool = Pool { name: "tank".to_owned(), has_data_errors: Some(false), ..Pool::default() };
        let online = Pool { state: Some(PoolState::Online), ..pool.clone() };
        let degraded = Pool { state: Some(PoolState::Degraded), vdevs: lost, ..pool };
        let mut snapshot = PoolSnapshot::default();
        step_judged(&mut snapshot, judged(online.clone()));
        let events = step_judged(&mut snapshot, judged(degraded.clone()));
        assert_eq!(texts(&events), ["pool state changed pool=\"tank\" state=DEGRADED was=ONLINE"]);
        let events = step_judged(&mut snapshot, judged(Pool { has_data_errors: Some(true), ..degraded }));
        let [event] = events.as_slice() else { panic!("{events:#?}") };
        assert!(event.text.starts_with("pool crit"), "worse than DEGRADED: {}", event.text);
        let events = step_judged(&mut snapshot, judged(Pool { has_data_errors: Some(true), ..online }));
        assert_eq!(texts(&events), ["pool state changed pool=\"tank\" state=ONLINE was=DEGRADED"]);
    }
}
