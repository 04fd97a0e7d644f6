//! Hosts on which smartctl is not installed, or disappears.

use super::on;
use crate::helpers::{array, copy_environment, string};
use crate::support::daemon::Daemon;
use crate::support::port::ANY_PORT;
use crate::support::redis::Redis;
use crate::support::sim::Sim;
use std::ffi::OsStr;
use std::process::Command;

/// Hides an installed smartctl from a program, in a mount namespace.
const HIDE: &str = r#"
    for file in /usr/sbin/smartctl /usr/local/sbin/smartctl; do
        [ ! -e $file ] || /usr/bin/mount --bind /dev/null $file || exit 99
    done
    exec "$0" "$@"
"#;

fn hidden(program: &OsStr) -> Command {
    let mut command = Command::new("/usr/bin/unshare");
    command.args(["--map-root-user", "--mount", "/bin/sh", "-c", HIDE]).arg(program).env_clear();
    command
}

/// The command on a host without smartctl.
fn without_smartctl(plain: &Command) -> Command {
    let trial = hidden(OsStr::new("/bin/true")).output().expect("unshare starts");
    assert!(trial.status.success(), "smartctl cannot be hidden: {}", String::from_utf8_lossy(&trial.stderr));
    let mut command = hidden(plain.get_program());
    command.args(plain.get_args());
    copy_environment(plain, &mut command);
    command
}

#[test]
#[ignore = "needs mount namespaces"]
fn without_smartctl_bays_are_served_and_drives_have_the_reason() {
    let sim = Sim::small();
    let mut plain = on(&sim);
    plain.env_remove("SMARTCTL_PATH").env("PATH", "").env("JBOD_LISTEN", ANY_PORT);
    plain.env("SMART_POLL_INTERVAL", "1");
    let mut hidden = without_smartctl(&plain);
    let daemon = Daemon::listening(&mut hidden);
    daemon.wait_ready();
    assert_bays_without_health(&daemon, "smartctl");
    let errors: Vec<String> = daemon.log().lines().filter(|line| line.contains("ERROR")).map(str::to_owned).collect();
    assert_eq!(errors.len(), 1, "{}", daemon.log());
    assert!(errors[0].contains("smartctl") && errors[0].contains("SMARTCTL_PATH"), "{errors:?}");
}

/// Bays and drives are shown, and each drive has the reason why it has no reading.
#[track_caller]
fn assert_bays_without_health(daemon: &Daemon, reason: &str) {
    let overview = daemon.json("/api/overview");
    assert_eq!((&overview["totals"]["slots"], &overview["totals"]["drives"]), (&6.into(), &4.into()));
    assert_eq!(overview["totals"]["by_verdict"]["unknown"], 4, "{}", overview["totals"]);
    let slots = array(&overview["enclosures"][0], "slots");
    for drive in slots.iter().map(|slot| &slot["drive"]).filter(|drive| !drive.is_null()) {
        assert!(string(drive, "error").contains(reason), "{drive}");
        assert!(drive["temperature_celsius"].is_null() && drive["verdict"] == "unknown", "{drive}");
        let document = daemon.json(&format!("/api/drives/{}", string(drive, "device")));
        assert!(string(&document, "error").contains(reason), "{document}");
    }
}

#[test]
fn a_missing_smartctl_is_reported_and_does_not_flood_the_log() {
    let (sim, redis) = (Sim::small(), Redis::start());
    sim.set("smartctl", &["gone=true"]);
    let daemon = Daemon::ready(&sim, &redis, &[("SMART_POLL_INTERVAL", "1")]);
    assert_bays_without_health(&daemon, "smartctl");
    daemon.after_sweeps(3);
    let lines = daemon.log().lines().count();
    assert!(lines <= 10, "{}", daemon.log());
    sim.set("smartctl", &["gone="]);
    daemon.overview_when("smartctl is used again", |overview| overview["totals"]["by_verdict"]["ok"] == 4);
}
