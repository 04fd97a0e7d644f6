//! The rules over pools.

use super::engine;
use super::rule::{MAX_NAMES, Rule, RuleResult, RuleSubject, rule, sanitize_name, state_finding};
use super::rule_settings::RuleSettings;
use super::thresholds::{CRIT, Thresholds, WARN, WARN_OR_CRIT};
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
    rule::<PoolRules>(POOL_STATE, PoolClass, "the pool is FAULTED, UNAVAIL or SUSPENDED (crit) or DEGRADED, OFFLINE or REMOVED (warn)", WARN_OR_CRIT,
        "zpoolconcepts(7), device failure and recovery; zpool-status(8)", pool_state),
    rule::<PoolRules>("Z5", PoolClass, "zpool reports data errors: data is damaged", CRIT,
        "zpool-status(8), errors; OpenZFS message ZFS-8000-8A", data_errors),
    rule::<PoolRules>("Z6", PoolClass, "a leaf that matches no drive on this host is FAULTED, UNAVAIL or REMOVED", WARN,
        "zpool-status(8); Z1 reports those of drives on this host", lost_leaf),
];

/// Judges a pool. `unknown`: zpool reports no state, or one that is neither good nor known to be bad.
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
    let (mut absent, mut excluded) = (Vec::new(), Vec::new());
    for leaf in pool.vdevs.iter().flat_map(|vdev| &vdev.members) {
        if is_lost(leaf) {
            let names = if leaf.excluded { &mut excluded } else { &mut absent };
            names.push(sanitize_name(leaf.was.as_ref().unwrap_or(&leaf.name)));
        }
    }
    let mut parts = Vec::new();
    for (names, why) in [(&absent, "no drive on this host"), (&excluded, "excluded by JBOD_EXCLUDE")] {
        if !names.is_empty() {
            parts.push(format!("{} ({why})", list_first(names, MAX_NAMES)));
        }
    }
    if parts.is_empty() {
        return None;
    }
    let message = format!("Pool {} cannot use {}.", sanitize_name(&pool.name), parts.join(", "));
    absent.extend(excluded);
    Some(state_finding(Severity::Warn, &list_first(&absent, MAX_NAMES), VdevState::Online.as_str(), message))
}

/// No drive of this host is the leaf, and ZFS cannot use it.
fn is_lost(leaf: &Leaf) -> bool {
    leaf.device.is_none() && matches!(leaf.state, Some(VdevState::Faulted | VdevState::Unavail | VdevState::Removed))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::identity::DeviceName;
    use crate::domain::zfs::Vdev;

    fn judged(pool: &Pool) -> String {
        let judgement = judge_pool(pool, &RuleSettings::default());
        let mut findings = Vec::new();
        for finding in &judgement.findings {
            findings.push(format!("{} {}", finding.code, Verdict::from(finding.severity).as_str()));
        }
        format!("{}: {}", judgement.verdict.as_str(), findings.join(", "))
    }

    /// A degraded pool with a leaf in that state, whose device was `/dev/sdz1`.
    fn pool_with_leaf(state: &str, device: Option<&str>) -> Pool {
        let leaf = Leaf {
            name: "7011110000000000001".into(),
            was: Some("/dev/sdz1".into()),
            state: Some(VdevState::from(state)),
            device: device.and_then(DeviceName::parse),
            ..Leaf::default()
        };
        Pool { vdevs: vec![Vdev { members: vec![leaf], ..Vdev::default() }], ..pool("DEGRADED") }
    }

    fn pool(state: &str) -> Pool {
        Pool { name: "tank".into(), state: Some(PoolState::from(state)), ..Pool::default() }
    }

    #[test]
    fn pool_is_judged_by_its_state_and_its_data_errors() {
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
    fn lost_leaf_is_a_finding_of_the_pool_unless_a_drive_of_this_host_is_it() {
        assert_eq!(judged(&pool_with_leaf("UNAVAIL", None)), "warn: Z4 warn, Z6 warn");
        assert_eq!(judged(&pool_with_leaf("UNAVAIL", Some("sdz"))), "warn: Z4 warn", "Z1 is the finding of that drive");
        assert_eq!(judged(&pool_with_leaf("OFFLINE", None)), "warn: Z4 warn");
        let mut pool = pool_with_leaf("UNAVAIL", None);
        let result = lost_leaf(&pool, WARN).unwrap();
        assert_eq!(result.message, "Pool tank cannot use /dev/sdz1 (no drive on this host).");
        pool.vdevs[0].members[0].excluded = true;
        let result = lost_leaf(&pool, WARN).unwrap();
        assert_eq!(result.message, "Pool tank cannot use /dev/sdz1 (excluded by JBOD_EXCLUDE).");
    }
}
