//! Several daemons on one Redis, of one host or of several: which of them poll, and under which keys they store.

use crate::support;

use crate::helpers::{degradation, doctor, serials, string};
use crate::support::wait_until_within;
use rustix::process::Signal;
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::PathBuf;
use support::daemon::Daemon;
use support::json::drives;
use support::lease::{LEASE, PATIENCE, Repeated, SETTINGS, eventually, host};
use support::redis::Redis;
use support::sim::Sim;

fn machine_id(sim: &Sim) -> PathBuf {
    sim.root().join("etc/machine-id")
}

/// Sets the boot id of the kernel.
fn set_boot_id(sim: &Sim, digit: char) {
    let folder = sim.root().join("proc/sys/kernel/random");
    std::fs::create_dir_all(&folder).expect("a folder");
    let id = [8, 4, 4, 4, 12].map(|length| String::from(digit).repeat(length)).join("-");
    std::fs::write(folder.join("boot_id"), id + "\n").expect("a boot id");
}

/// Why the component `lease` is degraded.
fn conflict(daemon: &Daemon) -> Option<String> {
    degradation(daemon, "lease")
}

/// The component `lease` is degraded, and the reason names the setting that separates the hosts.
#[track_caller]
fn assert_conflict(daemon: &Daemon) {
    let reason = conflict(daemon).unwrap_or_else(|| panic!("no conflict: {}", daemon.log()));
    assert!(reason.contains("JBOD_KEY_PREFIX"), "{reason}");
}

/// The prefix that the reason of a conflict proposes.
fn proposed(text: &str) -> String {
    let (_, rest) = text.split_once("JBOD_KEY_PREFIX=").unwrap_or_else(|| panic!("no setting is named: {text}"));
    rest.split([' ', ',']).next().unwrap_or_default().to_owned()
}

fn stored(redis: &Redis, key: &str) -> Option<Value> {
    serde_json::from_str(&redis.get(key)?).ok()
}

/// The overview has the drives of that host, and no others.
#[track_caller]
fn assert_drives_of(overview: &Value, sim: &Sim) {
    let own = serials(sim);
    let shown: Vec<&str> = drives(overview).map(|drive| string(drive, "serial_number")).collect();
    let is_own = |serial: &&str| own.iter().any(|own| own == serial);
    assert!(shown.len() == own.len() && shown.iter().all(is_own), "{shown:?}, expected {own:?}");
}

/// Two hosts with the same name and the same prefix, as compose.yaml has them.
#[test]
fn a_second_host_with_the_same_prefix_polls_its_own_drives_and_is_degraded() {
    let (one, two, redis) = (host("jbod-monitor", "1"), host("jbod-monitor", "2"), Redis::start());
    let first = Daemon::ready(&one, &redis, &SETTINGS);
    let second = Daemon::start(&two, &redis, &SETTINGS);
    let reason = eventually("the conflict is reported", || conflict(&second));
    let prefix = proposed(&reason);
    assert!(reason.contains("\"jbod-monitor\"") && prefix.starts_with("jbod:host:"), "{reason}");
    second.wait_ready();
    assert!(two.starts().len() >= 4, "it is ready when its own drives have been read");
    assert!(second.get("/healthz").text().contains("degraded: lease since "), "{}", second.get("/healthz").text());
    assert!(second.get("/metrics").text().contains("jbod_degraded{component=\"lease\"} 1"));
    assert!(second.get("/metrics").text().contains("jbod_poller_leader 1"));
    // Both hosts are stored under their own keys, and served from there.
    let own_key = format!("{prefix}:overview");
    let (mut sweeps, mut hits) = (BTreeSet::new(), 0);
    eventually("several sweeps of both", || {
        for (daemon, sim) in [(&first, &one), (&second, &two)] {
            let shown = daemon.get("/api/overview");
            assert_drives_of(&shown.json(), sim);
            hits += usize::from(shown.source() == "redis");
            sweeps.insert(shown.json()["sweep"]["started_at"].to_string());
        }
        assert_drives_of(&stored(&redis, "jbod:overview")?, &one);
        assert_drives_of(&stored(&redis, &own_key)?, &two);
        (sweeps.len() >= 6 && hits >= 6).then_some(())
    });
    let of_one = serials(&one);
    for key in redis.keys().iter().filter(|key| key.starts_with("jbod:smart:") || key.starts_with("jbod:last:smart:")) {
        let Some(document) = stored(&redis, key) else { continue };
        assert!(of_one.iter().any(|serial| document["serial_number"] == **serial), "{key}: {document}");
    }
    assert_eq!(conflict(&first), None, "the first host has the lease of the prefix");
    assert_eq!(second.logged("JBOD_KEY_PREFIX"), 1, "{}", second.log());
    assert_eq!(
        second.json("/api/overview")["totals"]["by_state"]["missing"],
        0,
        "drives of the first host are not missing"
    );
    let ended = doctor(&two, redis.port, &[]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    let findings = ended.stdout.replace('\n', " ");
    assert!(findings.contains("FAIL") && findings.contains(&format!("JBOD_KEY_PREFIX={prefix}")), "{findings}");
    let findings = doctor(&one, redis.port, &[]).stdout;
    assert!(!findings.contains("JBOD_KEY_PREFIX"), "{findings}");
    second.stop(Signal::TERM);
    let second = Daemon::ready(&two, &redis, &[&SETTINGS[..], &[("JBOD_KEY_PREFIX", &prefix)]].concat());
    assert_eq!((conflict(&second), second.logged("JBOD_KEY_PREFIX")), (None, 0), "{}", second.log());
}

/// Two daemons of the second host: one of them polls, the other one follows it.
#[test]
fn daemons_of_the_second_host_share_its_own_keys() {
    let (one, two, redis) = (host("nas1", "1"), host("nas2", "2"), Redis::start());
    let first = Daemon::ready(&one, &redis, &SETTINGS);
    let second = Daemon::ready(&two, &redis, &SETTINGS);
    let third = Daemon::start(&two, &redis, &SETTINGS);
    third.wait_logged("became follower");
    third.wait_ready();
    let health = eventually("the follower has the sweep of its leader", || {
        let health = third.json("/api/health");
        (health["role"] == "follower" && health["sweep"]["started_at"].is_string()).then_some(health)
    });
    let leader = second.json("/api/health");
    assert_eq!(health["leader"]["instance"], leader["instance"], "{health}");
    assert_eq!(health["leader"]["host"], "nas2", "{health}");
    assert_eq!(health["sweep"]["drives"], 4, "{health}");
    assert_eq!((&leader["leader"], &leader["role"]), (&Value::Null, &Value::from("leader")), "{leader}");
    assert_ne!(leader["instance"], first.json("/api/health")["instance"]);
    let metrics = third.get("/metrics").text();
    assert!(metrics.contains("jbod_poller_leader 0"), "{metrics}");
    for name in ["jbod_sweep_started_timestamp_seconds ", "jbod_sweep_drives 4"] {
        assert!(metrics.contains(name), "no {name}: {metrics}");
    }
    assert_conflict(&third);
    assert_drives_of(&third.json("/api/overview"), &two);
}

/// Two servers on one enclosure have the same drives and different machine ids.
#[test]
fn two_heads_of_one_shelf_are_two_hosts() {
    let (one, two, redis) = (host("head", "1"), host("head", "1"), Redis::start());
    assert_eq!(serials(&one), serials(&two));
    std::fs::write(machine_id(&two), "b".repeat(32) + "\n").expect("a machine id");
    let first = Daemon::ready(&one, &redis, &SETTINGS);
    let second = Daemon::ready(&two, &redis, &SETTINGS);
    assert_conflict(&second);
    assert_eq!(conflict(&first), None);
    let before = two.starts().len();
    wait_until_within(PATIENCE, "both sweep", || two.starts().len() > before + 4);
}

/// Containers of one host have the same boot id, although their names differ. Without boot and machine ids the drives
/// identify the host.
#[test]
fn containers_of_one_host_share_the_lease() {
    for has_boot_id in [true, false] {
        let (one, two, redis) = (host("container1", "1"), host("container2", "1"), Redis::start());
        for sim in [&one, &two] {
            if has_boot_id {
                set_boot_id(sim, 'c');
            } else {
                std::fs::remove_file(machine_id(sim)).expect("a machine id");
            }
        }
        let first = Daemon::ready(&one, &redis, &SETTINGS);
        let second = Daemon::start(&two, &redis, &SETTINGS);
        second.wait_logged("became follower");
        second.wait_ready();
        assert_eq!((conflict(&first), conflict(&second)), (None, None), "{}\n{}", first.log(), second.log());
        assert_eq!(second.json("/api/health")["leader"]["instance"], first.json("/api/health")["instance"]);
        assert_eq!(two.starts(), Vec::new(), "only one of them polls");
    }
}

/// Hosts that were installed from one image may have the same machine id, containers may have none.
#[test]
fn hosts_without_unique_machine_ids_are_distinguished() {
    for has_machine_id in [true, false] {
        let (one, two, redis) = (host("jbod-monitor", "1"), host("jbod-monitor", "2"), Redis::start());
        for (sim, boot) in [(&one, 'c'), (&two, 'd')] {
            set_boot_id(sim, boot);
            let id = if has_machine_id { "a".repeat(32) } else { String::new() };
            std::fs::write(machine_id(sim), id).expect("a machine id");
        }
        let first = Daemon::ready(&one, &redis, &SETTINGS);
        let second = Daemon::ready(&two, &redis, &SETTINGS);
        assert_conflict(&second);
        assert_eq!(conflict(&first), None);
        assert_drives_of(&second.json("/api/overview"), &two);
    }
}

/// Stores the lease of a daemon of an older version, which does not name its host, and the overview of that daemon.
fn older_daemon(redis: &Redis, overview: &str) -> Repeated {
    let commands =
        [&["SET", "jbod:overview", overview][..], &["SET", LEASE, "jbod-monitor:7:1767225600000000", "PX", "15000"]];
    let commands = commands.map(|command| command.iter().map(|word| (*word).to_owned()).collect());
    Repeated::start(redis.port, commands.to_vec())
}

/// The lease of an older daemon does not identify its host. If the host has the same name, the drives in its overview
/// show that it is another host.
#[test]
fn a_second_host_beside_an_older_daemon_is_ready_only_after_its_own_sweep() {
    let (one, two, redis) = (host("jbod-monitor", "1"), host("jbod-monitor", "2"), Redis::start());
    let first = Daemon::ready(&one, &redis, &SETTINGS);
    let overview = eventually("an overview is stored", || redis.get("jbod:overview"));
    first.stop(Signal::TERM);
    // Older overviews have no `host_id`. The order of the fields is kept, because only the beginning is read.
    let (begin, rest) = overview.split_once("\"host_id\":\"").expect("a host id");
    let (_, rest) = rest.split_once("\",").expect("more fields");
    let older = older_daemon(&redis, &[begin, rest].concat());
    let second = Daemon::start(&two, &redis, &SETTINGS);
    let reason = eventually("the conflict is reported", || {
        let is_ready = second.get("/readyz").status == 200;
        assert!(
            !is_ready || two.starts().len() >= 4,
            "ready, although its drives have not been read: {}",
            second.log()
        );
        conflict(&second)
    });
    let prefix = proposed(&reason);
    second.wait_ready();
    assert_drives_of(&second.json("/api/overview"), &two);
    assert_drives_of(&stored(&redis, "jbod:overview").expect("an overview"), &one);
    let own = eventually("the overview of the second host is stored", || stored(&redis, &format!("{prefix}:overview")));
    assert_drives_of(&own, &two);
    assert_eq!(second.logged("JBOD_KEY_PREFIX"), 1, "{}", second.log());
    drop(older);
}

/// Repeated evictions of the lease are one line in the log, with the reason.
#[test]
fn a_lease_that_is_evicted_is_reported_once() {
    let (sim, redis) = (host("nas1", "1"), Redis::start());
    redis.ask(&["CONFIG", "SET", "maxmemory", "100mb"]);
    redis.ask(&["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"]);
    let daemons = [Daemon::ready(&sim, &redis, &SETTINGS), Daemon::ready(&sim, &redis, &SETTINGS)];
    let mut link = redis.link();
    let mut evicted = 0;
    eventually("the lease has been evicted 30 times", || {
        if redis.get(LEASE).is_some() {
            link.ask(&["DEL", LEASE]);
            evicted += 1;
        }
        (evicted >= 30).then_some(())
    });
    let policy = "maxmemory-policy allkeys-lru, maxmemory 104857600 bytes";
    wait_until_within(PATIENCE, "the eviction is reported", || daemons.iter().any(|daemon| daemon.logged(policy) > 0));
    for daemon in &daemons {
        assert!(daemon.logged("evicts keys") <= 1, "{}", daemon.log());
        let changes = daemon.logged("became leader") + daemon.logged("became follower");
        assert!(changes <= 6, "{changes} changes of the leader were logged: {}", daemon.log());
    }
    let reasons: Vec<String> = daemons.iter().filter_map(conflict).collect();
    let is_reported = reasons.iter().any(|reason| reason.contains(policy) && reason.contains("noeviction"));
    assert!(is_reported, "{reasons:?}: {}", daemons[0].log());
    let findings = doctor(&sim, redis.port, &[]).stdout;
    assert!(findings.replace('\n', " ").contains("allkeys-lru"), "{findings}");
}
