//! A poll lease is believed only while its holder delivers: leases that somebody else keeps alive, and holders that are
//! frozen. And a holder in good order is never doubted. Several hosts are in `hosts`.

use crate::support;

use rustix::process::Signal;
use serde_json::Value;
use std::time::{Duration, Instant};
use support::daemon::Daemon;
use support::lease::{LEASE, Repeated, SETTINGS, eventually, host};
use support::redis::Redis;

/// Keeps a value in Redis.
fn kept(redis: &Redis, command: &[&str]) -> Repeated {
    Repeated::start(redis.port, vec![command.iter().map(|word| (*word).to_owned()).collect()])
}

/// What the daemon says of the lease, if anything.
fn doubt(daemon: &Daemon) -> Option<String> {
    let health = daemon.json("/api/health");
    let degraded = health["degraded"].as_array().expect("a list").clone();
    assert_eq!(health["status"], if degraded.is_empty() { "ok" } else { "degraded" }, "{health}");
    let of_lease = degraded.into_iter().find(|trouble| trouble["part"] == "lease")?;
    Some(of_lease["error"].as_str().expect("a text").to_owned())
}

fn sweep(daemon: &Daemon) -> Value {
    daemon.json("/api/overview")["sweep"]["started_at"].clone()
}

fn crit(daemon: &Daemon) -> Value {
    daemon.json("/api/overview")["totals"]["by_verdict"]["crit"].clone()
}

fn stored_overview(redis: &Redis) -> Option<Value> {
    serde_json::from_str(&redis.get("jbod:overview")?).ok()
}

/// A lease that is no daemon's, kept alive: drives are read all the same, and it is said.
#[test]
fn a_lease_whose_holder_never_delivers_is_not_believed() {
    let (sim, redis) = (host("nas1", "1"), Redis::start());
    let other = kept(&redis, &["SET", LEASE, "other:1:1", "PX", "30000"]);
    let daemon = Daemon::start(&sim, &redis, &SETTINGS);
    assert_eq!(daemon.get("/readyz").status, 503, "nothing is known yet");
    let why = eventually("it is said", || doubt(&daemon));
    assert!(
        why.contains("has published no overview of this host for") && why.contains("polling without the lease"),
        "{why}"
    );
    assert!(daemon.get("/healthz").text().contains("degraded: lease since "), "{}", daemon.get("/healthz").text());
    assert!(daemon.get("/metrics").text().contains("jbod_degraded{component=\"lease\"} 1"));
    daemon.wait_ready();
    let before = sweep(&daemon);
    eventually("drives are swept", || (sweep(&daemon) != before).then_some(()));
    sim.set("sda", &["failed=true"]);
    eventually("a drive that fails is seen", || (crit(&daemon) == 1).then_some(()));
    eventually("and stored", || {
        let overview = stored_overview(&redis)?;
        (overview["totals"]["by_verdict"]["crit"] == 1).then_some(())
    });
    assert_eq!(redis.get(LEASE).as_deref(), Some("other:1:1"), "nobody fights for it");
    assert_eq!(daemon.logged("has published no overview"), 1, "{}", daemon.log());
    drop(other);
    redis.ask(&["DEL", LEASE]);
    daemon.wait_logged("became leader");
    eventually("all is well", || doubt(&daemon).is_none().then_some(()));
    let (status, log) = daemon.stop(Signal::TERM);
    assert_eq!(status.code(), Some(0), "{log}");
}

/// The holder is frozen, and somebody keeps its lease alive. Thawed, it delivers again.
#[test]
fn a_holder_that_is_frozen_is_not_waited_for_and_is_believed_again_afterwards() {
    let (sim, redis) = (host("nas1", "1"), Redis::start());
    let leader = Daemon::ready(&sim, &redis, &SETTINGS);
    let follower = Daemon::ready(&sim, &redis, &SETTINGS);
    follower.wait_logged("became follower");
    let owner = redis.get(LEASE).expect("a lease");
    leader.signal(Signal::STOP);
    let other = kept(&redis, &["PEXPIRE", LEASE, "15000"]);
    sim.set("sda", &["failed=true"]);
    eventually("it is said", || doubt(&follower));
    eventually("a drive that fails is seen", || (crit(&follower) == 1).then_some(()));
    eventually("and stored", || {
        let overview = stored_overview(&redis)?;
        (overview["totals"]["by_verdict"]["crit"] == 1).then_some(())
    });
    let shown = follower.get("/api/overview");
    assert_eq!(shown.json()["host"], "nas1");
    leader.signal(Signal::CONT);
    follower.wait_logged("lease holder publishes again");
    eventually("all is well", || doubt(&follower).is_none().then_some(()));
    assert_eq!(redis.get(LEASE).as_ref(), Some(&owner), "the lease has stayed where it was");
    assert_eq!(follower.logged("became leader"), 0, "{}", follower.log());
    drop(other);
    let starts = sim.starts().len();
    let before = sweep(&leader);
    let mut sweeps = std::collections::BTreeSet::new();
    eventually("three sweeps", || {
        sweeps.insert(sweep(&leader).to_string());
        (sweeps.len() > 3 && sweep(&leader) != before).then_some(())
    });
    assert!(sim.starts().len() - starts <= 5 * 4, "only one of them polls again");
}

/// One that polls and one that follows, in good order, also where a sweep takes longer than the interval.
#[test]
fn a_holder_in_good_order_is_never_doubted() {
    let (sim, redis) = (host("nas1", "1"), Redis::start());
    sim.set("all", &["latency_ms=4000"]);
    let settings = [SETTINGS[0], ("SMART_POLL_INTERVAL", "1"), SETTINGS[2], ("SMART_CONCURRENCY", "2")];
    let first = Daemon::start(&sim, &redis, &settings);
    eventually("it polls", || redis.get(LEASE));
    // One that follows needs no more rights than before.
    let rights = ["+get", "+mget", "+set", "+del", "+pttl", "+pexpire", "+eval"];
    redis.ask(&[&["ACL", "SETUSER", "jbod", "reset", "on", ">secret", "~jbod:*"][..], &rights].concat());
    let user = [("REDIS_USERNAME", "jbod"), ("REDIS_PASSWORD", "secret")];
    let second = Daemon::start(&sim, &redis, &[&settings[..], &user].concat());
    second.wait_logged("became follower");
    let begun = Instant::now();
    let mut sweeps = std::collections::BTreeSet::new();
    eventually("sweeps for longer than the patience of a follower", || {
        for daemon in [&first, &second] {
            assert_eq!(doubt(daemon), None, "{}\n{}", first.log(), second.log());
        }
        sweeps.insert(sweep(&first).to_string());
        (sweeps.len() > 5 && begun.elapsed() > Duration::from_secs(60)).then_some(())
    });
    for daemon in [&first, &second] {
        assert_eq!(daemon.logged("polling without the lease"), 0, "{}", daemon.log());
    }
}
