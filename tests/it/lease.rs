//! A follower honours a poll lease only while its holder publishes overviews: leases that another client keeps alive,
//! and holders that are stopped. Several hosts are in `hosts`.

use crate::support;

use crate::helpers::{array, string};
use crate::support::wait_until_within;
use rustix::process::Signal;
use serde_json::Value;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};
use support::daemon::Daemon;
use support::lease::{LEASE, PATIENCE, Repeated, SETTINGS, eventually, host};
use support::redis::Redis;

/// Repeats a command to Redis.
fn repeated(redis: &Redis, command: &[&str]) -> Repeated {
    Repeated::start(redis.port, vec![command.iter().map(|word| (*word).to_owned()).collect()])
}

/// Why the component `lease` is degraded; `None` if it is not. The status must agree.
fn lease_problem(daemon: &Daemon) -> Option<String> {
    let health = daemon.json("/api/health");
    let degraded = array(&health, "degraded");
    assert_eq!(health["status"], if degraded.is_empty() { "ok" } else { "degraded" }, "{health}");
    let entry = degraded.iter().find(|entry| entry["part"] == "lease")?;
    Some(string(entry, "error").to_owned())
}

fn sweep(daemon: &Daemon) -> Value {
    daemon.json("/api/overview")["sweep"]["started_at"].clone()
}

fn crit(daemon: &Daemon) -> Value {
    daemon.json("/api/overview")["totals"]["by_verdict"]["crit"].clone()
}

#[track_caller]
fn wait_crit_stored(redis: &Redis) {
    eventually("the verdict is stored", || {
        let overview: Value = serde_json::from_str(&redis.get("jbod:overview")?).ok()?;
        (overview["totals"]["by_verdict"]["crit"] == 1).then_some(())
    });
}

/// The lease belongs to no daemon and is kept alive. The daemon polls nevertheless, and is degraded.
#[test]
fn a_lease_whose_holder_never_publishes_is_not_honoured() {
    let (sim, redis) = (host("nas1", "1"), Redis::start());
    let other = repeated(&redis, &["SET", LEASE, "other:1:1", "PX", "30000"]);
    let daemon = Daemon::start(&sim, &redis, &SETTINGS);
    assert_eq!(daemon.get("/readyz").status, 503, "no sweep has ended yet");
    let reason = eventually("the daemon is degraded", || lease_problem(&daemon));
    assert!(
        reason.contains("has published no overview of this host for") && reason.contains("polling without the lease"),
        "{reason}"
    );
    assert!(daemon.get("/healthz").text().contains("degraded: lease since "), "{}", daemon.get("/healthz").text());
    assert!(daemon.get("/metrics").text().contains("jbod_degraded{component=\"lease\"} 1"));
    daemon.wait_ready();
    let before = sweep(&daemon);
    wait_until_within(PATIENCE, "another sweep begins", || sweep(&daemon) != before);
    sim.set("sda", &["failed=true"]);
    wait_until_within(PATIENCE, "the failing drive is seen", || crit(&daemon) == 1);
    wait_crit_stored(&redis);
    assert_eq!(redis.get(LEASE).as_deref(), Some("other:1:1"), "the lease is not taken over");
    assert_eq!(daemon.logged("has published no overview"), 1, "{}", daemon.log());
    drop(other);
    redis.ask(&["DEL", LEASE]);
    daemon.wait_logged("became leader");
    wait_until_within(PATIENCE, "the daemon is no longer degraded", || lease_problem(&daemon).is_none());
    let (status, log) = daemon.stop(Signal::TERM);
    assert_eq!(status.code(), Some(0), "{log}");
}

/// The holder is stopped while another client keeps its lease alive. After SIGCONT it publishes again.
#[test]
fn a_stopped_holder_is_replaced_until_it_publishes_again() {
    let (sim, redis) = (host("nas1", "1"), Redis::start());
    let leader = Daemon::ready(&sim, &redis, &SETTINGS);
    let follower = Daemon::ready(&sim, &redis, &SETTINGS);
    follower.wait_logged("became follower");
    let owner = redis.get(LEASE).expect("a lease");
    leader.signal(Signal::STOP);
    let other = repeated(&redis, &["PEXPIRE", LEASE, "15000"]);
    sim.set("sda", &["failed=true"]);
    eventually("the follower is degraded", || lease_problem(&follower));
    wait_until_within(PATIENCE, "the failing drive is seen", || crit(&follower) == 1);
    wait_crit_stored(&redis);
    let shown = follower.get("/api/overview");
    assert_eq!(shown.json()["host"], "nas1");
    leader.signal(Signal::CONT);
    follower.wait_logged("lease holder publishes again");
    wait_until_within(PATIENCE, "the daemon is no longer degraded", || lease_problem(&follower).is_none());
    assert_eq!(redis.get(LEASE).as_ref(), Some(&owner), "the holder has not changed");
    assert_eq!(follower.logged("became leader"), 0, "{}", follower.log());
    drop(other);
    let starts = sim.starts().len();
    let before = sweep(&leader);
    let mut sweeps = BTreeSet::new();
    eventually("three sweeps", || {
        sweeps.insert(sweep(&leader).to_string());
        (sweeps.len() > 3 && sweep(&leader) != before).then_some(())
    });
    assert!(sim.starts().len() - starts <= 5 * 4, "only one of them polls");
}

/// Sweeps take longer than the interval.
#[test]
fn a_lease_is_honoured_while_its_holder_publishes() {
    let (sim, redis) = (host("nas1", "1"), Redis::start());
    sim.set("all", &["latency_ms=4000"]);
    let settings = [SETTINGS[0], ("SMART_POLL_INTERVAL", "1"), SETTINGS[2], ("SMART_CONCURRENCY", "2")];
    let first = Daemon::start(&sim, &redis, &settings);
    eventually("the first daemon has the lease", || redis.get(LEASE));
    // A follower needs only these commands.
    let rights = ["+get", "+mget", "+set", "+del", "+pttl", "+pexpire", "+eval"];
    redis.ask(&[&["ACL", "SETUSER", "jbod", "reset", "on", ">secret", "~jbod:*"][..], &rights].concat());
    let user = [("REDIS_USERNAME", "jbod"), ("REDIS_PASSWORD", "secret")];
    let second = Daemon::start(&sim, &redis, &[&settings[..], &user].concat());
    second.wait_logged("became follower");
    let begun = Instant::now();
    let mut sweeps = BTreeSet::new();
    eventually("sweeps for longer than a follower waits for the next overview", || {
        for daemon in [&first, &second] {
            assert_eq!(lease_problem(daemon), None, "{}\n{}", first.log(), second.log());
        }
        sweeps.insert(sweep(&first).to_string());
        (sweeps.len() > 5 && begun.elapsed() > Duration::from_secs(60)).then_some(())
    });
    for daemon in [&first, &second] {
        assert_eq!(daemon.logged("polling without the lease"), 0, "{}", daemon.log());
    }
}
