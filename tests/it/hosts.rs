//! Several daemons on one Redis, of one host and of several: who polls, and whose values are whose.

use crate::support;

use rustix::process::Signal;
use serde_json::Value;
use std::path::PathBuf;
use support::daemon::{Daemon, command, run};
use support::json::drives;
use support::lease::{LEASE, Repeated, SETTINGS, eventually, host};
use support::redis::Redis;
use support::sim::Sim;

fn machine_id(sim: &Sim) -> PathBuf {
    sim.root().join("etc/machine-id")
}

/// What a host's kernel calls this boot.
fn set_boot_id(sim: &Sim, digit: char) {
    let folder = sim.root().join("proc/sys/kernel/random");
    std::fs::create_dir_all(&folder).expect("a folder");
    let digits = |count| String::from(digit).repeat(count);
    let id = [8, 4, 4, 4, 12].map(digits).join("-");
    std::fs::write(folder.join("boot_id"), id + "\n").expect("a boot id");
}

/// What the daemon says of the lease, if anything.
fn conflict(daemon: &Daemon) -> Option<String> {
    let health = daemon.json("/api/health");
    let degraded = health["degraded"].as_array().expect("a list").clone();
    let of_lease = degraded.into_iter().find(|part| part["part"] == "lease")?;
    Some(of_lease["error"].as_str().expect("a text").to_owned())
}

/// The prefix that the conflict proposes.
fn proposed(text: &str) -> String {
    let (_, rest) = text.split_once("JBOD_KEY_PREFIX=").unwrap_or_else(|| panic!("no setting is named: {text}"));
    rest.split([' ', ',']).next().unwrap_or_default().to_owned()
}

fn serials(sim: &Sim) -> Vec<String> {
    sim.list().iter().map(|drive| drive["serial"].as_str().expect("a serial number").to_owned()).collect()
}

fn stored(redis: &Redis, key: &str) -> Option<Value> {
    serde_json::from_str(&redis.get(key)?).ok()
}

/// The overview has the drives of that host and no others.
#[track_caller]
fn assert_drives_of(overview: &Value, sim: &Sim) {
    let own = serials(sim);
    let shown: Vec<&str> = drives(overview).filter_map(|drive| drive["serial_number"].as_str()).collect();
    assert!(
        shown.len() == own.len() && shown.iter().all(|serial| own.iter().any(|own| own == serial)),
        "{shown:?} {own:?}"
    );
}

/// Two hosts of the same name, as compose.yaml names all, and no prefix of their own.
#[test]
fn a_second_host_under_the_same_keys_polls_its_own_drives_and_says_so() {
    let (one, two, redis) = (host("jbod-monitor", "1"), host("jbod-monitor", "2"), Redis::start());
    let first = Daemon::ready(&one, &redis, &SETTINGS);
    let second = Daemon::start(&two, &redis, &SETTINGS);
    let why = eventually("the second host says it", || conflict(&second));
    let prefix = proposed(&why);
    assert!(why.contains("\"jbod-monitor\"") && prefix.starts_with("jbod:host:"), "{why}");
    second.wait_ready();
    assert!(two.starts().len() >= 4, "ready means that its own drives have been read");
    assert!(second.get("/healthz").text().contains("degraded: lease since "), "{}", second.get("/healthz").text());
    assert!(second.get("/metrics").text().contains("jbod_degraded{component=\"lease\"} 1"));
    assert!(second.get("/metrics").text().contains("jbod_poller_leader 1"));
    // Both are stored and served from there, each under its own keys.
    let own_key = format!("{prefix}:overview");
    let (mut sweeps, mut hits) = (std::collections::BTreeSet::new(), 0);
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
    assert_eq!(conflict(&first), None, "it had the keys first");
    assert_eq!(second.logged("JBOD_KEY_PREFIX"), 1, "{}", second.log());
    assert_eq!(
        second.json("/api/overview")["totals"]["by_state"]["missing"],
        0,
        "drives of the other host are not missing here"
    );
    // doctor names the setting; with it all is well.
    let doctor = run(command(&two, redis.port).env("JBOD_LISTEN", "127.0.0.1:0").arg("doctor"));
    assert_eq!(doctor.code, Some(1), "{doctor:?}");
    let said = doctor.stdout.replace('\n', " ");
    assert!(said.contains("FAIL") && said.contains(&format!("JBOD_KEY_PREFIX={prefix}")), "{said}");
    let doctor = run(command(&one, redis.port).env("JBOD_LISTEN", "127.0.0.1:0").arg("doctor"));
    assert!(!doctor.stdout.contains("JBOD_KEY_PREFIX"), "{}", doctor.stdout);
    second.stop(Signal::TERM);
    let second = Daemon::ready(&two, &redis, &[&SETTINGS[..], &[("JBOD_KEY_PREFIX", &prefix)]].concat());
    assert_eq!((conflict(&second), second.logged("JBOD_KEY_PREFIX")), (None, 0), "{}", second.log());
}

/// Of the second host two daemons run: one of them polls, the other one follows it.
#[test]
fn daemons_of_the_second_host_share_its_own_keys() {
    let (one, two, redis) = (host("nas1", "1"), host("nas2", "2"), Redis::start());
    let first = Daemon::ready(&one, &redis, &SETTINGS);
    let second = Daemon::ready(&two, &redis, &SETTINGS);
    let third = Daemon::start(&two, &redis, &SETTINGS);
    third.wait_logged("became follower");
    third.wait_ready();
    let health = eventually("it knows the sweep of its leader", || {
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
    assert!(conflict(&third).is_some_and(|why| why.contains("JBOD_KEY_PREFIX")), "{}", third.log());
    assert_drives_of(&third.json("/api/overview"), &two);
}

/// Two heads of one shelf: the same drives, another machine.
#[test]
fn two_heads_of_one_shelf_are_two_hosts() {
    let (one, two, redis) = (host("head", "1"), host("head", "1"), Redis::start());
    assert_eq!(serials(&one), serials(&two));
    std::fs::write(machine_id(&two), "b".repeat(32) + "\n").expect("a machine id");
    let first = Daemon::ready(&one, &redis, &SETTINGS);
    let second = Daemon::ready(&two, &redis, &SETTINGS);
    assert!(conflict(&second).is_some_and(|why| why.contains("JBOD_KEY_PREFIX")), "{}", second.log());
    assert_eq!(conflict(&first), None);
    let before = two.starts().len();
    eventually("both sweep", || (two.starts().len() > before + 4).then_some(()));
}

/// Containers of one host: one kernel, whatever else they are told; and one without machine and boot ids, by its
/// drives.
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

/// Images may bring one machine id for all, containers none at all.
#[test]
fn hosts_without_a_machine_id_of_their_own_are_told_apart() {
    for has_machine_id in [true, false] {
        let (one, two, redis) = (host("jbod-monitor", "1"), host("jbod-monitor", "2"), Redis::start());
        for (sim, boot) in [(&one, 'c'), (&two, 'd')] {
            set_boot_id(sim, boot);
            if has_machine_id {
                std::fs::write(machine_id(sim), "a".repeat(32)).expect("a machine id");
            } else {
                std::fs::write(machine_id(sim), "").expect("an empty file");
            }
        }
        let first = Daemon::ready(&one, &redis, &SETTINGS);
        let second = Daemon::ready(&two, &redis, &SETTINGS);
        assert!(conflict(&second).is_some_and(|why| why.contains("JBOD_KEY_PREFIX")), "{}", second.log());
        assert_eq!(conflict(&first), None);
        assert_drives_of(&second.json("/api/overview"), &two);
    }
}

/// A daemon of an older version, whose lease does not name its host, and its overview.
fn older_daemon(redis: &Redis, overview: &str) -> Repeated {
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    let commands = vec![
        words(&["SET", "jbod:overview", overview]),
        words(&["SET", LEASE, "jbod-monitor:7:1767225600000000", "PX", "15000"]),
    ];
    Repeated::start(redis.port, commands)
}

/// Its lease does not say where it runs, and its host has the same name: its drives do.
#[test]
fn a_second_host_beside_an_older_daemon_is_never_ready_without_a_sweep_of_its_own() {
    let (one, two, redis) = (host("jbod-monitor", "1"), host("jbod-monitor", "2"), Redis::start());
    let first = Daemon::ready(&one, &redis, &SETTINGS);
    let overview = eventually("an overview is stored", || redis.get("jbod:overview"));
    first.stop(Signal::TERM);
    // In the order of an overview: only its beginning is read.
    let (begin, rest) = overview.split_once("\"host_id\":\"").expect("a key of the host");
    let (_, rest) = rest.split_once("\",").expect("more fields");
    let older = older_daemon(&redis, &[begin, rest].concat());
    let second = Daemon::start(&two, &redis, &SETTINGS);
    let why = eventually("it is said", || {
        let is_ready = second.get("/readyz").status == 200;
        assert!(!is_ready || two.starts().len() >= 4, "ready, although nobody has read its drives: {}", second.log());
        conflict(&second)
    });
    let prefix = proposed(&why);
    second.wait_ready();
    assert_drives_of(&second.json("/api/overview"), &two);
    assert_drives_of(&stored(&redis, "jbod:overview").expect("an overview"), &one);
    let own = eventually("its values are stored", || stored(&redis, &format!("{prefix}:overview")));
    assert_drives_of(&own, &two);
    assert_eq!(second.logged("JBOD_KEY_PREFIX"), 1, "{}", second.log());
    drop(older);
}

/// A lease that is evicted over and over is one line, with the reason.
#[test]
fn a_lease_that_is_evicted_is_reported_once() {
    let (sim, redis) = (host("nas1", "1"), Redis::start());
    redis.ask(&["CONFIG", "SET", "maxmemory", "100mb"]);
    redis.ask(&["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"]);
    let daemons = [Daemon::ready(&sim, &redis, &SETTINGS), Daemon::ready(&sim, &redis, &SETTINGS)];
    let mut link = redis.link();
    let mut evicted = 0;
    eventually("the lease has been evicted often", || {
        if redis.get(LEASE).is_some() {
            link.ask(&["DEL", LEASE]);
            evicted += 1;
        }
        (evicted >= 30).then_some(())
    });
    let evicting = "maxmemory-policy allkeys-lru, maxmemory 104857600 bytes";
    eventually("it is reported", || daemons.iter().any(|daemon| daemon.logged(evicting) > 0).then_some(()));
    for daemon in &daemons {
        assert!(daemon.logged("evicts keys") <= 1, "{}", daemon.log());
        let changes = daemon.logged("became leader") + daemon.logged("became follower");
        assert!(changes <= 6, "{changes} changes are logged: {}", daemon.log());
    }
    let reported = daemons.iter().filter_map(conflict).find(|why| why.contains(evicting));
    assert!(reported.is_some_and(|why| why.contains("noeviction")), "{}", daemons[0].log());
    let doctor = run(command(&sim, redis.port).env("JBOD_LISTEN", "127.0.0.1:0").arg("doctor"));
    assert!(doctor.stdout.replace('\n', " ").contains("allkeys-lru"), "{}", doctor.stdout);
}
