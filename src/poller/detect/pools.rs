//! Events of pools: changes of their state, and findings that begin or end.

use crate::api::overview::PoolSummary;
use crate::domain::health::{Finding, POOL_STATE, Severity, Verdict};
use crate::domain::time::Timestamp;
use crate::domain::zfs::words::PoolState;
use crate::domain::zfs::{Zfs, ZfsState};
use crate::events::{Event, EventFields, EventKind, POOL, RULE, STATE, Subject, VERDICT, WAS, event};
use log::Level;
use std::collections::{BTreeMap, BTreeSet};

/// In place of the state of a pool that zpool no longer lists.
const GONE: &str = "gone";

/// The pools with their states, also those that zpool no longer lists.
#[derive(Clone, Debug, Default)]
pub(super) struct PoolSnapshot(Vec<PoolEntry>);

#[derive(Clone, Debug)]
struct PoolEntry {
    name: String,
    /// `None`: the pool is gone.
    state: Option<PoolState>,
    /// The cause that ZFS reports.
    reason: Option<String>,
    findings: Vec<Finding>,
}

impl PoolEntry {
    fn state_name(&self) -> &str {
        self.state.as_ref().map_or(GONE, PoolState::as_str)
    }

    /// The event about the state covers the finding: that of the state itself, and others that are no worse. A DEGRADED
    /// pool with a lost device is one event.
    fn covers(&self, finding: &Finding) -> bool {
        let of_state = self.findings.iter().find(|other| other.code.as_str() == POOL_STATE);
        of_state.is_some_and(|of_state| finding.severity <= of_state.severity)
    }
}

impl PoolSnapshot {
    /// The snapshot after an answer of zpool; `self` is the one before it. `None`: the pools are not known now.
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

/// A pool that is online from the first is no event.
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
        events.extend(findings_began(pool, was.copied(), at));
        if let Some(was) = was {
            events.extend(findings_ended(pool, was, at));
        }
    }
    events
}

/// Findings that are new, or observe something else: another device is lost.
fn findings_began(pool: &PoolEntry, was: Option<&PoolEntry>, at: Timestamp) -> Vec<Event> {
    let known: &[Finding] = was.map_or(&[], |was| &was.findings);
    let mut events = Vec::new();
    for finding in &pool.findings {
        let is_known = known.iter().any(|old| old.code == finding.code && old.observed == finding.observed);
        if !is_known && !pool.covers(finding) {
            events.push(finding_began(pool, finding, at));
        }
    }
    events
}

fn findings_ended(pool: &PoolEntry, was: &PoolEntry, at: Timestamp) -> Vec<Event> {
    // What was wrong with a pool that is gone was not resolved.
    if pool.state.is_none() {
        return Vec::new();
    }
    let mut events = Vec::new();
    for old in &was.findings {
        let has_ended = !pool.findings.iter().any(|finding| finding.code == old.code);
        if has_ended && !was.covers(old) {
            events.push(finding_ended(pool, old, at));
        }
    }
    events
}

fn findings_of(judged: &[PoolSummary], name: &str) -> Vec<Finding> {
    let summary = judged.iter().find(|summary| summary.name == name);
    summary.map_or_else(Vec::new, |summary| summary.findings.clone())
}

fn finding_began(pool: &PoolEntry, finding: &Finding, at: Timestamp) -> Event {
    let (name, verdict, reason) = (&pool.name, Verdict::from(finding.severity).as_str(), &finding.message);
    let fields = finding_fields(pool, finding).with(VERDICT, verdict);
    let level = if finding.severity >= Severity::Warn { Level::Warn } else { Level::Info };
    let text = format!("pool {verdict} pool={name:?} reason={reason:?}");
    event!(level, EventKind::PoolFinding, at, Subject::Pool(name.clone()), fields, "{text}")
}

fn finding_ended(pool: &PoolEntry, finding: &Finding, at: Timestamp) -> Event {
    let (name, was) = (&pool.name, Verdict::from(finding.severity).as_str());
    let fields = finding_fields(pool, finding).with(WAS, was);
    let reason = &finding.message;
    let text = format!("pool finding ended pool={name:?} was={was} no_longer={reason:?}");
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
    let fields = EventFields::none()
        .with(POOL, name)
        .with(STATE, state_name)
        .with_each(WAS, was.and_then(|was| was.state.as_ref()));
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
        let pool = |(name, state, status): &(&str, Option<PoolState>, Option<&str>)| Pool {
            name: (*name).to_owned(),
            state: state.clone(),
            status: status.map(str::to_owned),
            ..Pool::default()
        };
        Zfs { state: ZfsState::Read { at: AT }, error: None, pools: pools.iter().map(pool).collect() }
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

    /// The pool as zpool shows it, and as it is judged.
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
        assert_eq!(step(&mut snapshot, &online), [], "online from the first");
        let degraded = zfs(&[("tank", Some(PoolState::Degraded), Some("One or more devices"))]);
        let events = step(&mut snapshot, &degraded);
        let [event] = events.as_slice() else { panic!("{events:#?}") };
        assert_eq!((event.kind, event.level, event.at), (EventKind::PoolState, Level::Warn, AT));
        let text = "pool state changed pool=\"tank\" state=DEGRADED was=ONLINE reason=\"One or more devices\"";
        assert_eq!(event.text, text);
        assert_eq!(event.subject, Subject::Pool("tank".to_owned()));
        let fields = EventFields::none().with(POOL, "tank").with(STATE, "DEGRADED").with(WAS, "ONLINE");
        assert_eq!(event.fields, fields);
        assert_eq!(step(&mut snapshot, &degraded), [], "a level is no event");
        assert_eq!(step(&mut snapshot, &zfs(&[("tank", None, None)])), [], "zpool does not say");
        let events = step(&mut snapshot, &online);
        assert_eq!(texts(&events), ["pool state changed pool=\"tank\" state=ONLINE was=DEGRADED"]);
        assert_eq!(events.first().map(|event| event.level), Some(Level::Info));
    }

    #[test]
    fn pool_that_is_bad_from_the_first_or_goes_or_comes_back_is_an_event() {
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
    fn pools_that_are_not_known_change_nothing() {
        let snapshot = PoolSnapshot::default();
        assert!(snapshot.next(&Zfs::default(), &[]).is_none());
        let failed = Zfs { error: Some("zpool gave no answer".to_owned()), ..zfs(&[]) };
        assert!(snapshot.next(&failed, &[]).is_none());
    }

    #[test]
    fn damaged_data_is_an_event_when_it_begins_and_when_it_ends() {
        let pool = |errors: bool| Pool {
            name: "tank".to_owned(),
            state: Some(PoolState::Online),
            has_data_errors: Some(errors),
            ..Pool::default()
        };
        let mut snapshot = PoolSnapshot::default();
        let mut step = |pool| step_judged(&mut snapshot, pool);
        assert_eq!(step(judged(pool(false))), []);
        let events = step(judged(pool(true)));
        let reason = "Data in pool tank is damaged: zpool status -v lists the files.";
        assert_eq!(texts(&events), [format!("pool crit pool=\"tank\" reason={reason:?}")]);
        assert_eq!(events[0].level, Level::Warn);
        assert_eq!(step(judged(pool(true))), [], "a level is no event");
        let events = step(judged(pool(false)));
        assert_eq!(texts(&events), [format!("pool finding ended pool=\"tank\" was=crit no_longer={reason:?}")]);
    }

    #[test]
    fn degraded_pool_that_cannot_use_a_device_is_one_event() {
        let leaf = Leaf { name: "sdq".to_owned(), state: Some(VdevState::Removed), ..Leaf::default() };
        let vdev = Vdev { members: vec![leaf], ..Vdev::default() };
        let pool = |state: PoolState, vdevs: &[Vdev], errors: bool| Pool {
            name: "tank".to_owned(),
            state: Some(state),
            has_data_errors: Some(errors),
            vdevs: vdevs.to_vec(),
            ..Pool::default()
        };
        let mut snapshot = PoolSnapshot::default();
        let mut step = |pool| {
            let events = step_judged(&mut snapshot, pool);
            events.into_iter().map(|event| event.text).collect::<Vec<_>>()
        };
        let lost = [vdev];
        step(judged(pool(PoolState::Online, &[], false)));
        let texts = step(judged(pool(PoolState::Degraded, &lost, false)));
        assert_eq!(texts, ["pool state changed pool=\"tank\" state=DEGRADED was=ONLINE"]);
        let texts = step(judged(pool(PoolState::Degraded, &lost, true)));
        assert!(texts.len() == 1 && texts[0].starts_with("pool crit"), "worse than DEGRADED: {texts:?}");
        let texts = step(judged(pool(PoolState::Online, &[], true)));
        assert_eq!(texts, ["pool state changed pool=\"tank\" state=ONLINE was=DEGRADED"]);
    }
}
