//! The rules over pools, whichever host or shelf their drives are in.

use super::engine;
use super::rule::{MAX_NAMES, Rule, RuleResult, RuleSubject, rule, sanitize_name, state_finding};
use super::rule_settings::RuleSettings;
use super::thresholds::Thresholds;
use super::verdict::Class::Pool as PoolClass;
use super::verdict::{Judgement, Severity, Verdict};
use crate::domain::text::list_first;
use crate::domain::zfs::words::{PoolState, VdevState};
use crate::domain::zfs::{Leaf, Pool};

/// Code of the rule over the state of a pool.
pub(crate) const POOL_STATE: &str = "Z4";

/// Rules over pools.
pub(crate) struct PoolRules;

impl RuleSubject for PoolRules {
    const HAS_MODEL: bool = false;
    type Facts<'a> = Pool;
}

#[rustfmt::skip]
pub(crate) const POOL_RULES: &[Rule<PoolRules>] = &[
    rule::<PoolRules>(POOL_STATE, PoolClass, "the pool is FAULTED, UNAVAIL or SUSPENDED (crit) or DEGRADED, OFFLINE or REMOVED (warn)", Thresholds::ON_OFF,
        "zpoolconcepts(7), device failure and recovery; zpool-status(8)", pool_state),
    rule::<PoolRules>("Z5", PoolClass, "zpool reports data errors: data is damaged", Thresholds::ON_OFF,
        "zpool-status(8), errors; OpenZFS message ZFS-8000-8A", data_errors),
    rule::<PoolRules>("Z6", PoolClass, "a leaf that matches no drive on this host is FAULTED, UNAVAIL or REMOVED", Thresholds::ON_OFF,
        "zpool-status(8); Z1 reports those of drives that are here", lost_leaf),
];

/// Judges a pool. `unknown` where zpool gave no state, or one that says neither that it is well nor that it is not.
pub(crate) fn judge_pool(pool: &Pool, settings: &RuleSettings) -> Judgement {
    let clean = if pool.state == Some(PoolState::Online) { Verdict::Ok } else { Verdict::Unknown };
    engine::judge(POOL_RULES, pool, None, settings, clean)
}

fn pool_state(pool: &Pool, _: Thresholds) -> Option<RuleResult> {
    let state = pool.state.as_ref()?;
    let severity = match state {
        PoolState::Faulted | PoolState::Unavail | PoolState::Suspended => Severity::Crit,
        PoolState::Degraded | PoolState::Offline | PoolState::Removed => Severity::Warn,
        _ => return None,
    };
    let message = format!("Pool {} is {state}.", sanitize_name(&pool.name));
    Some(state_finding(severity, state.as_str(), PoolState::Online.as_str(), message))
}

fn data_errors(pool: &Pool, _: Thresholds) -> Option<RuleResult> {
    if pool.has_data_errors != Some(true) {
        return None;
    }
    let message = format!("Data in pool {} is damaged: zpool status -v lists the files.", sanitize_name(&pool.name));
    Some(state_finding(Severity::Crit, "data errors", "none", message))
}

fn lost_leaf(pool: &Pool, _: Thresholds) -> Option<RuleResult> {
    let is_lost = |leaf: &&Leaf| {
        let has_failed = matches!(leaf.state, Some(VdevState::Faulted | VdevState::Unavail | VdevState::Removed));
        leaf.device.is_none() && has_failed
    };
    let lost = |excluded: bool| -> Vec<String> {
        let leaves = pool.vdevs.iter().flat_map(|vdev| &vdev.members);
        let lost = leaves.filter(is_lost).filter(|leaf| leaf.excluded == excluded);
        lost.map(|leaf| sanitize_name(leaf.was.as_ref().unwrap_or(&leaf.name))).collect()
    };
    let (absent, excluded) = (lost(false), lost(true));
    let part = |lost: &[String], why: &str| {
        let names: Vec<&str> = lost.iter().map(String::as_str).collect();
        (!names.is_empty()).then(|| format!("{} ({why})", list_first(&names, MAX_NAMES)))
    };
    let parts = [part(&absent, "no drive on this host"), part(&excluded, "excluded by JBOD_EXCLUDE")];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    if parts.is_empty() {
        return None;
    }
    let names: Vec<&str> = absent.iter().chain(&excluded).map(String::as_str).collect();
    let listed = list_first(&names, MAX_NAMES);
    let message = format!("Pool {} cannot use {}.", sanitize_name(&pool.name), parts.join(", "));
    Some(state_finding(Severity::Warn, &listed, VdevState::Online.as_str(), message))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::identity::DeviceName;
    use crate::domain::zfs::Vdev;

    fn judged(pool: &Pool) -> String {
        let judgement = judge_pool(pool, &RuleSettings::default());
        let each = judgement.findings.iter().map(|f| format!("{} {}", f.code, Verdict::from(f.severity).as_str()));
        let findings = each.collect::<Vec<_>>().join(", ");
        format!("{}: {findings}", judgement.verdict.as_str())
    }

    fn pool(state: &str) -> Pool {
        Pool { name: "tank".into(), state: Some(PoolState::from(state)), ..Pool::default() }
    }

    #[test]
    fn the_state_of_a_pool_and_lost_data_decide() {
        assert_eq!(judged(&Pool::default()), "unknown: ", "zpool gave no state");
        for (state, expected) in [
            ("ONLINE", "ok: "),
            ("DEGRADED", "warn: Z4 warn"),
            ("FAULTED", "crit: Z4 crit"),
            ("UNAVAIL", "crit: Z4 crit"),
            ("SUSPENDED", "crit: Z4 crit"),
            ("a state of next year", "unknown: "),
        ] {
            assert_eq!(judged(&pool(state)), expected, "{state}");
        }
        assert_eq!(judged(&Pool { has_data_errors: Some(true), ..pool("ONLINE") }), "crit: Z5 crit");
        assert_eq!(judged(&Pool { has_data_errors: Some(false), ..pool("ONLINE") }), "ok: ");
    }

    #[test]
    fn only_a_lost_leaf_without_a_drive_here_is_the_pools_own_finding() {
        let with = |state: &str, device: Option<&str>| {
            let leaf = Leaf {
                name: "7011110000000000001".into(),
                was: Some("/dev/sdz1".into()),
                state: Some(VdevState::from(state)),
                device: device.and_then(DeviceName::parse),
                ..Leaf::default()
            };
            Pool { vdevs: vec![Vdev { members: vec![leaf], ..Vdev::default() }], ..pool("DEGRADED") }
        };
        assert_eq!(judged(&with("UNAVAIL", None)), "warn: Z4 warn, Z6 warn");
        assert_eq!(judged(&with("UNAVAIL", Some("sdz"))), "warn: Z4 warn", "Z1 is the finding of that drive");
        assert_eq!(judged(&with("OFFLINE", None)), "warn: Z4 warn");
        let judgement = judge_pool(&with("UNAVAIL", None), &RuleSettings::default());
        assert!(judgement.findings.iter().any(|f| f.message.contains("/dev/sdz1")), "{judgement:?}");
        let mut excluded = with("UNAVAIL", None);
        for leaf in excluded.vdevs.iter_mut().flat_map(|vdev| &mut vdev.members) {
            leaf.excluded = true;
        }
        let judgement = judge_pool(&excluded, &RuleSettings::default());
        let message = "Pool tank cannot use /dev/sdz1 (excluded by JBOD_EXCLUDE).";
        assert!(judgement.findings.iter().any(|f| f.message == message), "{judgement:?}");
    }
}
