//! Checks of packaging/docker: the program knows every variable that is set there, the containers have no unnecessary
//! rights, and the scripts in the images work. No container is started; packaging/docker/check does that.

use crate::support;

use crate::helpers::{in_repository, program, read_file};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use support::daemon::{Daemon, Ended, command, run};
use support::documented_line;
use support::http::Client;
use support::port::refused_port;
use support::redis::Redis;
use support::sim::Sim;
use yaml_rust2::{Yaml, YamlLoader};

const COMPOSE: &str = "compose.yaml";
const RACK: &str = "compose.sim.yaml";
/// Files that extend `compose.yaml`.
const EXTENSIONS: [&str; 3] = ["compose.nvme.yaml", "compose.zfs.yaml", "compose.token.yaml"];

type Environment = BTreeMap<String, String>;

fn folder() -> PathBuf {
    in_repository("packaging/docker")
}

fn text(name: &str) -> String {
    read_file(&folder().join(name))
}

fn yaml(name: &str) -> Yaml {
    let mut documents = YamlLoader::load_from_str(&text(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!(documents.len(), 1, "{name}");
    documents.remove(0)
}

fn service(file: &str, name: &str) -> Yaml {
    let service = yaml(file)["services"][name].clone();
    assert!(!service.is_badvalue(), "{file} has no service {name}");
    service
}

/// The entries of a list; empty if there is no list.
fn list(yaml: &Yaml) -> Vec<String> {
    let entries = yaml.as_vec().into_iter().flatten();
    entries.map(|entry| entry.as_str().unwrap_or_else(|| panic!("{entry:?} is not text")).to_owned()).collect()
}

/// The text with each `${NAME:-default}` replaced by its default.
fn with_defaults(text: &str) -> String {
    let Some((before, rest)) = text.split_once("${") else { return text.to_owned() };
    let (inner, after) = rest.split_once('}').unwrap_or_else(|| panic!("{text} has no closing brace"));
    let (_, default) = inner.split_once(":-").unwrap_or_else(|| panic!("{text} has no default"));
    format!("{before}{default}{}", with_defaults(after))
}

/// The variables of the image (`ENV NAME=value`).
fn image_environment() -> Environment {
    let mut environment = Environment::new();
    for line in text("Dockerfile").lines() {
        if let Some(assignment) = line.strip_prefix("ENV ") {
            let (name, value) = assignment.split_once('=').expect("ENV NAME=value");
            environment.insert(name.to_owned(), value.to_owned());
        }
    }
    environment
}

/// The environment of the daemon with these files. A later file takes precedence.
fn environment(files: &[&str]) -> Environment {
    let mut environment = image_environment();
    for file in files {
        for assignment in list(&service(file, "jbod-monitor")["environment"]) {
            let (name, value) = assignment.split_once('=').unwrap_or_else(|| panic!("{file}: {assignment}"));
            environment.insert(name.to_owned(), with_defaults(value));
        }
    }
    environment
}

fn check_config(environment: &Environment) -> Ended {
    run(program().envs(environment).arg("check-config"))
}

/// A file with a token in a temporary folder.
fn token_file() -> (tempfile::TempDir, String) {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("token");
    std::fs::write(&path, "s3cret\n").expect("a token");
    let path = path.to_string_lossy().into_owned();
    (dir, path)
}

#[test]
fn the_program_uses_every_variable_that_is_set() {
    let (_dir, token) = token_file();
    let zfs: &[&str] = &[COMPOSE, "compose.zfs.yaml"];
    for files in [&[COMPOSE], zfs, &[COMPOSE, "compose.nvme.yaml"], &[COMPOSE, "compose.token.yaml"], &[RACK]] {
        let mut environment = environment(files);
        if let Some(path) = environment.get_mut("JBOD_TOKEN_FILE") {
            assert_eq!(path, "/run/secrets/token", "where secrets are mounted");
            path.clone_from(&token);
        }
        let config = check_config(&environment);
        assert_eq!(config.code, Some(0), "{files:?}: {}", config.stderr);
        let mut rows: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for line in config.stdout.lines() {
            if let Some((name, rest)) = line.split_once(' ') {
                rows.insert(name, rest.split_whitespace().collect());
            }
        }
        for (name, value) in &environment {
            let row = rows.get(name.as_str()).unwrap_or_else(|| panic!("{files:?}: {name} is not a setting"));
            let wanted = if value.is_empty() { ["(none)", "default"] } else { [value.as_str(), "env"] };
            assert_eq!(row.as_slice(), wanted, "{files:?}: {name}");
        }
        let has_token = config.stdout.lines().any(|line| line.starts_with("(bearer token)") && line.contains("****"));
        assert_eq!(has_token, files.contains(&"compose.token.yaml"), "{files:?}: {}", config.stdout);
    }
}

#[test]
fn the_image_does_not_start_without_a_token_or_anonymous_access() {
    let alone = check_config(&image_environment());
    assert_eq!((alone.code, alone.stderr.contains("JBOD_LISTEN")), (Some(78), true), "{}", alone.stderr);
    // An empty name of the token file does not permit anonymous access either.
    let mut environment = environment(&[COMPOSE, "compose.token.yaml"]);
    environment.insert("JBOD_TOKEN_FILE".to_owned(), String::new());
    assert_eq!(check_config(&environment).code, Some(78));
}

#[test]
fn names_and_variables_of_the_earlier_service_are_kept() {
    let monitor = service(COMPOSE, "jbod-monitor");
    let environment = list(&monitor["environment"]);
    for known in ["REDIS_HOST=redis", "REDIS_PORT=6379", "REDIS_DB=0", "SMART_CACHE_TTL=120", "SMART_POLL_INTERVAL=90"]
    {
        assert!(environment.iter().any(|entry| entry == known), "{known}: {environment:?}");
    }
    assert_eq!(list(&monitor["depends_on"]), ["redis"]);
    let redis = service(COMPOSE, "redis");
    for (key, known) in [
        ("image", "redis:7-alpine"),
        ("container_name", "jbod-redis"),
        ("restart", "unless-stopped"),
        ("command", "redis-server --save 60 1 --loglevel warning"),
    ] {
        assert_eq!(redis[key].as_str(), Some(known), "{key}");
    }
    assert_eq!(list(&redis["volumes"]), ["redis-data:/data"]);
    let compose = yaml(COMPOSE);
    let volumes = compose["volumes"].as_hash().expect("volumes");
    assert!(volumes.contains_key(&Yaml::String("redis-data".into())));
}

#[test]
fn containers_have_no_unnecessary_rights() {
    for file in [COMPOSE, RACK] {
        for name in ["jbod-monitor", "redis"] {
            let service = service(file, name);
            let what = format!("{file}, {name}");
            assert_eq!(list(&service["cap_drop"]), ["ALL"], "{what}");
            assert_eq!(list(&service["security_opt"]), ["no-new-privileges:true"], "{what}");
            assert_eq!(service["read_only"].as_bool(), Some(true), "{what}");
            for limit in ["mem_limit", "pids_limit", "healthcheck"] {
                assert!(!service[limit].is_badvalue(), "{what}: {limit}");
            }
            for wide in ["privileged", "network_mode", "pid", "ipc", "devices", "userns_mode"] {
                assert!(service[wide].is_badvalue(), "{what}: {wide}");
            }
        }
        let monitor = service(file, "jbod-monitor");
        assert_eq!(list(&monitor["ports"]), ["127.0.0.1:9780:9780"], "{file}: on loopback only");
        assert!(service(file, "redis")["ports"].is_badvalue(), "{file}: Redis must not have a port on the host");
        assert_eq!(list(&monitor["healthcheck"]["test"]), ["CMD", "healthy"], "{file}");
        assert!(
            list(&monitor["tmpfs"]).iter().any(|mount| mount.starts_with("/tmp:")),
            "{file}: for the control socket"
        );
    }
    // Access to drives needs these rights; the simulated rack needs none of them.
    let (monitor, rack) = (service(COMPOSE, "jbod-monitor"), service(RACK, "jbod-monitor"));
    assert_eq!(list(&monitor["cap_add"]), ["SYS_RAWIO"]);
    assert_eq!(list(&monitor["volumes"]), ["/dev:/dev:ro"]);
    assert_eq!(list(&monitor["device_cgroup_rules"]), ["c 21:* r"]);
    for none in ["cap_add", "volumes", "device_cgroup_rules"] {
        assert!(rack[none].is_badvalue(), "{RACK}: {none}");
    }
    for file in EXTENSIONS {
        let service = service(file, "jbod-monitor");
        for wide in ["privileged", "ports", "volumes", "user", "read_only", "security_opt"] {
            assert!(service[wide].is_badvalue(), "{file}: {wide}");
        }
        let capabilities = if file == "compose.nvme.yaml" { vec!["SYS_ADMIN".to_owned()] } else { Vec::new() };
        assert_eq!(list(&service["cap_add"]), capabilities, "{file}");
    }
}

/// Requests of a browser on the host and of `curl localhost:9780` are answered; a web page of another site is rejected.
#[test]
fn with_compose_local_names_are_accepted_and_others_are_rejected() {
    let (sim, redis) = (Sim::small(), Redis::start());
    let mut command = command(&sim, redis.port);
    for (name, value) in environment(&[COMPOSE]) {
        if !name.starts_with("REDIS_") {
            command.env(name, value);
        }
    }
    let daemon = Daemon::listening(command.env("JBOD_LISTEN", "0.0.0.0:0"));
    for (host, wanted) in [("localhost:9780", 200), ("127.0.0.1:9780", 200), ("evil.example", 421)] {
        let request = format!("GET /healthz HTTP/1.1\r\nHost: {host}\r\n\r\n");
        let mut client = Client::connect(daemon.port).expect("a connection");
        let response = client.raw(request.as_bytes(), false).expect("a response");
        assert_eq!(response.status, wanted, "{host}");
    }
}

fn any_address(port: u16) -> String {
    format!("0.0.0.0:{port}")
}

/// Runs the health check of the image.
fn healthy(listen: &str, token: Option<&str>) -> Ended {
    let mut script = Command::new(folder().join("healthy"));
    script.env_clear().env("PATH", "/usr/bin:/bin").env("JBOD_LISTEN", listen);
    if let Some(path) = token {
        script.env("JBOD_TOKEN_FILE", path);
    }
    run(&mut script)
}

#[test]
fn the_health_check_reports_whether_the_daemon_responds() {
    let (sim, redis) = (Sim::small(), Redis::start());
    let daemon = Daemon::start(&sim, &redis, &[]);
    for listen in [any_address(daemon.port), format!("127.0.0.1:{}", daemon.port)] {
        let ended = healthy(&listen, None);
        assert_eq!((ended.code, ended.stdout.trim()), (Some(0), "HTTP/1.1 200 OK"), "{listen}: {}", ended.stderr);
    }
    let (_dir, token) = token_file();
    let guarded = Daemon::start(&sim, &redis, &[("JBOD_TOKEN_FILE", &token)]);
    let with_token = healthy(&any_address(guarded.port), Some(&token));
    assert_eq!(with_token.code, Some(0), "{}", with_token.stdout);
    std::fs::write(&token, "s3cret\r\n").expect("the same token with another line ending");
    let with_crlf = healthy(&any_address(guarded.port), Some(&token));
    assert_eq!(with_crlf.code, Some(0), "{}", with_crlf.stdout);
    let without = healthy(&any_address(guarded.port), None);
    assert_eq!((without.code, without.stdout.starts_with("HTTP/1.1 401")), (Some(1), true), "{}", without.stdout);
    let refused = healthy(&any_address(refused_port()), None);
    let is_explained = refused.stdout.starts_with("connection to 127.0.0.1, port ");
    assert_eq!((refused.code, is_explained), (Some(1), true), "{}", refused.stdout);
    let absent = healthy("unix:/nowhere/socket", None);
    assert_eq!((absent.code, absent.stdout.trim()), (Some(1), "socket /nowhere/socket does not exist"));
}

/// The script of the demo image creates the rack and starts the daemon with it.
#[test]
fn the_rack_is_created_for_the_daemon() {
    let (dir, bin) = (tempfile::tempdir().expect("a folder"), Path::new(env!("CARGO_BIN_EXE_jbod-sim")));
    let path = format!("{}:/usr/bin:/bin", bin.parent().expect("its folder").display());
    let rack = dir.path().to_string_lossy().into_owned();
    let mut script = Command::new(folder().join("rack"));
    let ended = run(script.env_clear().envs([("PATH", &path), ("RACK", &rack)]).arg("check-config"));
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    for (name, value) in [("JBOD_ROOT", ""), ("SMARTCTL_PATH", "/bin/smartctl"), ("ZPOOL_PATH", "/bin/zpool")] {
        let value = format!(" {rack}{value} ");
        let is_set = ended.stdout.lines().any(|line| line.starts_with(name) && line.contains(&value));
        assert!(is_set, "{name}: {}", ended.stdout);
    }
    let listed = run(Command::new(bin).args(["list", &rack, "--json"]));
    let drives: serde_json::Value = serde_json::from_str(&listed.stdout).expect("a list");
    assert_eq!(drives.as_array().map(Vec::len), Some(79), "78 in bays, and the boot drive");
}

/// A file that is copied into the image must exist, and .dockerignore must permit it.
#[test]
fn the_image_is_built_from_files_that_exist() {
    let root = in_repository("");
    let ignored = read_file(&root.join(".dockerignore"));
    let permitted: Vec<&str> = ignored.lines().filter_map(|line| line.strip_prefix('!')).collect();
    let dockerfile = text("Dockerfile");
    let mut copied = Vec::new();
    for line in dockerfile.lines() {
        let Some(arguments) = line.strip_prefix("COPY ") else { continue };
        if !arguments.starts_with("--from") {
            let (sources, _) = arguments.rsplit_once(' ').expect("COPY FROM… TO");
            copied.extend(sources.split(' '));
        }
    }
    assert!(copied.len() > 4, "{copied:?}");
    for file in copied {
        assert!(root.join(file).exists(), "{file} does not exist");
        assert!(permitted.contains(&file), "{file} is excluded by .dockerignore: {permitted:?}");
    }
    for bases in dockerfile.lines().filter_map(|line| line.strip_prefix("FROM docker.io/")) {
        let base = bases.split(' ').next().expect("a name");
        let (_, tag) = base.split_once(':').unwrap_or_else(|| panic!("{base} has no tag"));
        assert_ne!(tag, "latest", "{base}");
    }
}

/// The commands that users type.
#[test]
fn the_documentation_names_files_that_exist() {
    let page = "docs/container.md";
    for line in
        ["docker compose -f packaging/docker/compose.yaml up", "docker compose -f packaging/docker/compose.sim.yaml up"]
    {
        documented_line(page, line);
    }
    let text = read_file(&in_repository(page));
    for file in EXTENSIONS.into_iter().chain([COMPOSE, RACK]) {
        assert!(text.contains(file) && folder().join(file).is_file(), "{file}");
    }
}
