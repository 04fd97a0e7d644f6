//! Deployment: settings that cannot work, paths and host names as clients send them, and the recipe for another listen
//! address in docs/reverse-proxy.md, run from another network namespace.

use crate::support;

use crate::helpers::{copy_environment, in_repository, program, read_file};
use std::collections::BTreeMap;
use std::process::Command;
use support::daemon::{Daemon, Ended, command, run};
use support::documented_line;
use support::port::refused_port;
use support::redis::Redis;
use support::sim::Sim;

const RECIPES: &str = "docs/reverse-proxy.md";

/// Exit status 78, with an error that names the setting, the value found and the one expected.
#[test]
fn settings_that_can_never_work_are_refused() {
    let long = format!("unix:/{}", "x".repeat(107));
    for (setting, value, wanted) in [
        ("REDIS_HOST", "redis://nas:6379/0", "REDIS_URL"),
        ("REDIS_HOST", "nas:6379", "REDIS_PORT"),
        ("REDIS_HOST", "/run/redis/redis.sock", "redis+unix:///path"),
        ("REDIS_URL", "redis://nas:0", "a port from 1 to 65535"),
        ("REDIS_URL", "redis://nas/-1", "a database number"),
        ("JBOD_ALLOWED_HOSTS", "http://nas.lan/", "without a scheme"),
        ("JBOD_ALLOWED_HOSTS", "nas.lan/jbod", "without a scheme and a path"),
        ("JBOD_ALLOWED_HOSTS", "nas.lan:9780", "without a port"),
        ("JBOD_ALLOWED_HOSTS", "nas.lan,*", "no wildcards"),
        ("JBOD_ALLOWED_HOSTS", "*.lan", "no wildcards"),
        ("JBOD_LISTEN", "http://127.0.0.1:9780", "ADDR:PORT"),
        ("JBOD_LISTEN", &long, "at most 107 bytes"),
    ] {
        for subcommand in ["check-config", "serve", "doctor"] {
            let ended = run(program().env(setting, value).arg(subcommand));
            let what = format!("{setting}={value} {subcommand}: {ended:?}");
            assert_eq!((ended.code, ended.stderr.lines().count()), (Some(78), 1), "{what}");
            let found = value.rsplit(',').next().unwrap_or(value);
            for part in [&format!("{setting}: found "), found, wanted] {
                assert!(ended.stderr.contains(part), "no {part:?} in {what}");
            }
        }
    }
    // With a URL, the host is ignored.
    let ended = run(program().env("REDIS_HOST", "redis://nas").env("REDIS_URL", "redis://nas").arg("check-config"));
    assert_eq!(ended.code, Some(0), "{ended:?}");
}

#[test]
fn unknown_parameters_of_the_page_and_the_probes_are_ignored_and_a_slash_at_the_end_is_accepted() {
    let (sim, redis) = (Sim::small(), Redis::start());
    let daemon = Daemon::ready(&sim, &redis, &[]);
    for (path, status) in [
        ("/?utm_source=x", 200),
        ("/?utm_campaign=caf%E9", 200),
        ("/page.js?v=3", 200),
        ("/page.css?v=3", 200),
        ("/icon.svg?v=3", 200),
        ("/healthz?x=1", 200),
        ("/readyz?x=1", 200),
        ("/metrics?x=1", 200),
        ("/healthz/", 200),
        ("/readyz/", 200),
        ("/metrics/", 200),
        ("/openapi.json/", 200),
        ("/api/overview/", 200),
        ("/api/drives/", 200),
        ("/api/drives/?verdict=ok", 200),
        ("/api/enclosures/", 200),
        ("/api/zfs/", 200),
        ("/api/health/", 200),
        ("/api/map.txt/", 200),
        ("/api/drives/?x=1", 400),
        ("/api/overview?x=1", 400),
        ("/api/zfs?x=1", 400),
        ("//metrics", 404),
        ("//", 404),
        ("/metrics//", 404),
        ("/api/drives/sda/", 404),
    ] {
        assert_eq!(daemon.get(path).status, status, "{path}");
    }
    assert_eq!(daemon.get("/api/drives/").body, daemon.get("/api/drives").body);
}

/// Two network namespaces with a link between them. The daemon `$PROGRAM` runs in the first one, as host `$NODE` with
/// the address 192.0.2.5. Each line of the file `recipes` is run in the second one, in a folder with the file `token`,
/// and the status of its response is printed. Names are resolved with the file `hosts`.
const TWO_HOSTS: &str = r#"
set -eu
cd "$WORK"
hostname "$NODE"
mount --bind hosts /etc/hosts
ip link set lo up
mkfifo there go
unshare --net sh -euc '
    echo >there
    read -r _ <go
    ip link set lo up
    ip address add 192.0.2.9/24 dev client0
    ip link set client0 up
    while read -r recipe; do
        status=$(sh -c "$recipe -o /dev/null -w %{http_code} --max-time 20" </dev/null) || true
        echo "$status $recipe"
    done <recipes
' &
client=$!
read -r _ <there
ip link add host0 type veth peer name client0
ip link set client0 netns "$client"
ip address add 192.0.2.5/24 dev host0
ip link set host0 up
"$PROGRAM" serve 2>log &
daemon=$!
until grep -q ' started version=' log; do
    kill -0 "$daemon" || { cat log >&2; exit 1; }
    sleep 0.05
done
echo >go
wait "$client"
kill "$daemon"
wait "$daemon"
"#;

/// Runs the recipes from another host. Returns each with the status of its response.
#[track_caller]
fn from_another_host(sim: &Sim, node: &str, settings: &BTreeMap<String, String>, recipes: &[&str]) -> Vec<String> {
    let work = tempfile::tempdir().expect("a folder");
    let hosts = format!(
        "127.0.0.1 localhost\n192.0.2.5 {node} nas1.example.net nas1.example.net. jbod-monitor evil.example\n192.0.2.9 client\n"
    );
    for (name, content) in
        [("hosts", hosts), ("token", "s3cret-token\n".to_owned()), ("recipes", recipes.join("\n") + "\n")]
    {
        std::fs::write(work.path().join(name), content).expect("written");
    }
    let mut script = Command::new("unshare");
    script.args([
        "--map-root-user",
        "--net",
        "--mount",
        "--uts",
        "--pid",
        "--fork",
        "--kill-child",
        "sh",
        "-c",
        TWO_HOSTS,
    ]);
    let daemon = command(sim, refused_port());
    script.env_clear();
    copy_environment(&daemon, &mut script);
    script.envs(settings);
    if settings.contains_key("JBOD_TOKEN_FILE") {
        script.env("JBOD_TOKEN_FILE", work.path().join("token"));
    }
    script.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("WORK", work.path());
    let Ended { code, stdout, stderr } =
        run(script.env("NODE", node).env("PROGRAM", env!("CARGO_BIN_EXE_jbod-monitor")));
    assert_eq!(code, Some(0), "{stdout}{stderr}");
    stdout.lines().map(str::to_owned).collect()
}

fn setting(line: &str) -> (String, String) {
    let (name, value) = line.split_once('=').expect("NAME=VALUE");
    (name.to_owned(), value.to_owned())
}

/// docs/reverse-proxy.md, "Another listen address", as it is written.
#[test]
#[ignore = "needs network namespaces and curl"]
fn the_recipe_for_another_address_works_from_another_host() {
    let sim = Sim::small();
    let by_name = setting(&documented_line(RECIPES, "JBOD_ALLOWED_HOSTS="));
    let settings: BTreeMap<String, String> = [
        setting(&documented_line(RECIPES, "JBOD_LISTEN=0.0.0.0:9780")),
        by_name.clone(),
        ("JBOD_TOKEN_FILE".to_owned(), String::new()),
    ]
    .into();
    let curl = "curl -s -H \"Authorization: Bearer $(cat token)\" http://";
    let address = documented_line(RECIPES, &format!("{curl}192.0.2.5:9780/"));
    let name = documented_line(RECIPES, &format!("{curl}nas1.example.net:9780/"));
    let own = address.replace("192.0.2.5", "nas1");
    let final_dot = name.replace("example.net", "example.net.");
    let foreign = address.replace("192.0.2.5", "evil.example");
    let without_token = "curl -s http://192.0.2.5:9780/metrics";
    let answers =
        from_another_host(&sim, "nas1", &settings, &[&address, &name, &own, &final_dot, &foreign, without_token]);
    let wanted = [(200, &address), (200, &name), (200, &own), (200, &final_dot), (421, &foreign)];
    let mut wanted: Vec<String> = wanted.map(|(status, recipe)| format!("{status} {recipe}")).to_vec();
    wanted.push(format!("401 {without_token}"));
    assert_eq!(answers, wanted);
    // Without the line for names, requests by address are answered.
    let mut without_names = settings;
    without_names.remove(&by_name.0);
    let answers = from_another_host(&sim, "nas1", &without_names, &[&address, &name]);
    assert_eq!(answers, [format!("200 {address}"), format!("421 {name}")]);
    // The name in JBOD_LISTEN is accepted.
    without_names.insert("JBOD_LISTEN".to_owned(), "nas1.example.net:9780".to_owned());
    let answers = from_another_host(&sim, "nas1", &without_names, &[&address, &name, &foreign]);
    assert_eq!(answers, [format!("200 {address}"), format!("200 {name}"), format!("421 {foreign}")]);
}

/// Requests of Prometheus in the same compose project, whatever `JBOD_HOSTNAME` is.
#[test]
#[ignore = "needs network namespaces and curl"]
fn the_service_name_of_compose_works_from_another_container() {
    let sim = Sim::small();
    let compose = read_file(&in_repository("packaging/docker/compose.yaml"));
    let mut settings = BTreeMap::new();
    for line in compose.lines() {
        if let Some(line) = line.trim().strip_prefix("- JBOD_") {
            settings.extend([setting(&format!("JBOD_{}", line.replace("${JBOD_ALLOWED_HOSTS:-}", "")))]);
        }
    }
    settings.insert("JBOD_LISTEN".to_owned(), "0.0.0.0:9780".to_owned());
    let recipes = [
        "http://jbod-monitor:9780/metrics",
        "http://192.0.2.5:9780/",
        "http://nas7:9780/",
        "http://evil.example:9780/",
    ];
    let recipes = recipes.map(|url| format!("curl -s {url}"));
    let answers = from_another_host(&sim, "nas7", &settings, &recipes.each_ref().map(String::as_str));
    let wanted: Vec<String> =
        [200, 200, 200, 421].iter().zip(&recipes).map(|(status, recipe)| format!("{status} {recipe}")).collect();
    assert_eq!(answers, wanted);
}
