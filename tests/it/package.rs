//! Checks of the package without building it: assets in Cargo.toml, the unit, its credentials, the manual, the maintainer
//! scripts. `make deb-test` installs it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn in_repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn read(path: &str) -> String {
    std::fs::read_to_string(in_repository(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn manifest() -> toml::Table {
    read("Cargo.toml").parse().expect("Cargo.toml is TOML")
}

fn deb() -> toml::Table {
    let found = manifest().get("package").and_then(|table| table.get("metadata")?.get("deb")?.as_table().cloned());
    found.expect("[package.metadata.deb]")
}

fn strings(value: Option<&toml::Value>) -> Vec<String> {
    let list = value.and_then(toml::Value::as_array).expect("a list");
    list.iter().map(|item| item.as_str().expect("text").to_owned()).collect()
}

/// Installed files: path on a machine, and the source in the repository with the mode.
fn installed() -> BTreeMap<String, (String, String)> {
    let deb = deb();
    let mut installed = BTreeMap::new();
    for asset in deb.get("assets").and_then(toml::Value::as_array).expect("assets") {
        let [pattern, target, mode] = strings(Some(asset)).try_into().expect("source, target, mode");
        for source in matching(&pattern) {
            let name = if target.ends_with('/') { source.rsplit('/').next().unwrap_or_default() } else { "" };
            installed.insert(format!("/{target}{name}"), (source, mode.clone()));
        }
    }
    installed
}

/// The files that match `FOLDER/*.EXTENSION`; any other pattern is the name of a file.
fn matching(pattern: &str) -> Vec<String> {
    let Some((folder, extension)) = pattern.split_once("/*.") else { return vec![pattern.to_owned()] };
    let mut found = Vec::new();
    for entry in std::fs::read_dir(in_repository(folder)).expect("a folder").flatten() {
        if entry.path().extension().is_some_and(|e| e == extension) {
            found.push(format!("{folder}/{}", entry.file_name().to_string_lossy()));
        }
    }
    assert!(!found.is_empty(), "{pattern} matches no file");
    found
}

/// The values of one key of the unit, in order.
fn of_unit(key: &str) -> Vec<String> {
    let unit = read("systemd/jbod-monitor.service");
    unit.lines().filter_map(|line| line.strip_prefix(key)?.strip_prefix('=')).map(str::to_owned).collect()
}

/// Type, path, mode and owner of each line.
fn tmpfiles() -> Vec<Vec<String>> {
    let text = read("packaging/deb/tmpfiles");
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| line.split_whitespace().map(str::to_owned).collect()).collect()
}

#[track_caller]
fn done(program: &str, arguments: &[&str]) -> Output {
    Command::new(program).args(arguments).output().unwrap_or_else(|error| panic!("{program}: {error}"))
}

fn words(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[test]
fn each_asset_is_in_the_repository_or_made_of_it() {
    let build = std::fs::read_to_string(in_repository("packaging/deb/build")).expect("what builds the package");
    let manifest = manifest();
    let bins = manifest.get("bin").and_then(toml::Value::as_array).expect("programs");
    let bins: Vec<&str> = bins.iter().filter_map(|bin| bin.get("name")?.as_str()).collect();
    for (target, (source, mode)) in installed() {
        match source.strip_prefix("target/release/") {
            Some(program) => assert!(bins.contains(&program), "{target}: {program} is none of {bins:?}"),
            None if source.starts_with("target/") => {
                let made = source.trim_end_matches(".gz");
                assert!(build.contains(&format!(">{made}\n")), "{target}: packaging/deb/build does not make {source}");
            }
            None => assert!(in_repository(&source).is_file(), "{target}: {source} is not in the repository"),
        }
        let program = target.starts_with("/usr/bin/") || target.starts_with("/usr/lib/jbod-monitor/");
        assert_eq!(mode, if program { "755" } else { "644" }, "mode of {target}");
    }
}

/// README.md refers to pages and pictures relative to itself, so these are installed beside it.
#[test]
fn documentation_and_pictures_are_installed() {
    let installed = installed();
    let mut sources = vec!["README.md".to_owned()];
    sources.extend(matching("docs/*.md"));
    sources.extend(matching("docs/screenshots/*.png"));
    for source in sources {
        let path = format!("/usr/share/doc/jbod-monitor/{source}");
        assert_eq!(installed.get(&path), Some(&(source, "644".to_owned())), "{path}");
    }
}

/// An upgrade would overwrite a file in /etc that is not a conffile.
#[test]
fn files_in_etc_are_conffiles() {
    let in_etc: BTreeSet<String> = installed().into_keys().filter(|path| path.starts_with("/etc/")).collect();
    assert_eq!(in_etc, strings(deb().get("conf-files")).into_iter().collect());
}

#[test]
fn files_that_the_unit_names_are_installed() {
    let installed = installed();
    for command in of_unit("ExecStart").into_iter().chain(of_unit("ExecStartPre")) {
        let program = command.trim_start_matches(['-', '+', '@', '!', ':']);
        let program = program.split_whitespace().next().unwrap_or_default();
        let mode = installed.get(program).map(|(_, mode)| mode.as_str());
        assert_eq!(mode, Some("755"), "{program}, which the unit starts");
    }
    let conffiles = strings(deb().get("conf-files"));
    for file in of_unit("EnvironmentFile") {
        assert!(
            conffiles.iter().any(|conffile| conffile == file.trim_start_matches('-')),
            "{file} is none of {conffiles:?}"
        );
    }
    for page in of_unit("Documentation").iter().flat_map(|pages| pages.split_whitespace()) {
        let (name, section) = page
            .strip_prefix("man:")
            .and_then(|table| table.strip_suffix(')')?.split_once('('))
            .expect("man:NAME(SECTION)");
        let path = format!("/usr/share/man/man{section}/{name}.{section}");
        assert!(installed.contains_key(&path), "{path} is not installed");
    }
    let sysusers = read("packaging/deb/sysusers");
    let users: Vec<&str> = sysusers.lines().filter_map(|line| line.strip_prefix("u ")?.split(' ').next()).collect();
    assert_eq!(of_unit("User"), users, "the unit's user and that of sysusers.d");
}

/// The folder of the unit's credentials: `get_credential_directory` in systemd's src/core/exec-credential.c.
const CREDENTIALS: &str = "/run/credentials/%n";

/// A unit does not start without the file of a credential. A credential without a setting would be passed in vain, and one
/// that no setting in the unit names could be missing unnoticed.
#[test]
fn each_credential_has_its_file_and_its_setting() {
    let mut loaded = BTreeSet::new();
    let mut expected = Vec::new();
    let dir = tempfile::tempdir().expect("a folder");
    for credential in of_unit("LoadCredential") {
        let (name, file) = credential.split_once(':').expect("NAME:FILE");
        std::fs::write(dir.path().join(name), "s3cret\n").expect("written");
        loaded.insert(file.to_owned());
        expected.push(format!("{CREDENTIALS}/{name}"));
    }
    let environment: Vec<(String, String)> = of_unit("Environment")
        .iter()
        .map(|set| set.split_once('=').expect("NAME=VALUE"))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    assert_eq!(environment.iter().map(|(_, file)| file.clone()).collect::<Vec<_>>(), expected);
    let made: Vec<Vec<String>> =
        tmpfiles().into_iter().filter(|line| line.first().is_some_and(|kind| kind == "f")).collect();
    for line in &made {
        assert_eq!(line.get(2..5).expect("mode and owner").join(" "), "0600 root root", "{line:?}");
    }
    assert_eq!(made.iter().filter_map(|line| line.get(1).cloned()).collect::<BTreeSet<_>>(), loaded);

    let program = Command::new(env!("CARGO_BIN_EXE_jbod-monitor"))
        .arg("check-config")
        .env_clear()
        .env("CREDENTIALS_DIRECTORY", dir.path())
        .envs(
            environment.iter().map(|(name, file)| (name, file.replace(CREDENTIALS, &dir.path().display().to_string()))),
        )
        .output()
        .expect("it runs");
    assert!(program.status.success(), "{}", words(&program));
    let shown = words(&program);
    let taken = shown.lines().filter(|line| line.ends_with(" credential")).count();
    assert_eq!(taken, loaded.len(), "credentials that check-config takes:\n{shown}");
}

/// Runs the program with the settings in the unit. `/etc` and `/run` contain only files that `script` creates.
fn as_the_unit_runs_it(script: &str) -> Output {
    let prelude = "set -eu
        mount -t tmpfs none /etc && mount -t tmpfs none /run
        mkdir -p /etc/jbod-monitor /run/credentials
        for secret in redis-password redis-sentinel-password token; do : >/etc/jbod-monitor/$secret; done
        hand_over() {
            export CREDENTIALS_DIRECTORY=/run/credentials/jbod-monitor.service
            mkdir $CREDENTIALS_DIRECTORY && cp /etc/jbod-monitor/* $CREDENTIALS_DIRECTORY/
        }";
    let script = format!("{prelude}\n{script}\nexec \"$0\" check-config");
    let environment = of_unit("Environment");
    let environment = environment.iter().map(|set| set.split_once('=').expect("NAME=VALUE"));
    let mut program = Command::new("unshare");
    program.args(["--map-root-user", "--mount", "sh", "-c", &script, env!("CARGO_BIN_EXE_jbod-monitor")]);
    program.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    program.envs(environment.map(|(name, file)| (name, file.replace("%n", "jbod-monitor.service"))));
    program.output().expect("unshare starts")
}

/// Some container images clear `LoadCredential=`.
#[test]
#[ignore = "needs mount namespaces"]
fn a_secret_that_the_platform_does_not_hand_over_stops_the_start() {
    let keep = "echo s3cret >/etc/jbod-monitor/token";
    let is_set = |output: &Output| {
        words(output).lines().any(|line| line.starts_with("(bearer token) ") && line.contains("****"))
    };
    // As installed: there are no secrets, whether the platform passes credentials or not.
    for script in ["", "hand_over", &format!("{keep}; hand_over")] {
        let ended = as_the_unit_runs_it(script);
        assert_eq!((ended.status.code(), is_set(&ended)), (Some(0), script.contains("s3cret")), "{}", words(&ended));
    }
    for script in [
        keep,
        // The file was removed, although the unit expects it, or it cannot be read.
        "rm /etc/jbod-monitor/token",
        "ln -sf /nowhere /etc/jbod-monitor/token",
        // Other credentials were passed, but not this one.
        "hand_over; rm $CREDENTIALS_DIRECTORY/token",
    ] {
        let ended = as_the_unit_runs_it(script);
        assert_eq!(ended.status.code(), Some(78), "{script}: {}", words(&ended));
        for part in [
            "JBOD_TOKEN_FILE: found",
            "/run/credentials/jbod-monitor.service/token",
            "LoadCredential=token:/etc/jbod-monitor/token",
            "JBOD_TOKEN_FILE= in /etc/default/jbod-monitor",
        ] {
            assert!(words(&ended).contains(part), "{script}: no {part:?} in {}", words(&ended));
        }
    }
    // The remedy in the message.
    for script in ["export JBOD_TOKEN_FILE=", "echo s3cret >/run/own; export JBOD_TOKEN_FILE=/run/own"] {
        let ended = as_the_unit_runs_it(&format!("{keep}; {script}"));
        assert_eq!((ended.status.code(), is_set(&ended)), (Some(0), script.contains("own")), "{}", words(&ended));
    }
    // doctor reports that the service has a token which this run does not have.
    let ended = as_the_unit_runs_it(&format!("{keep}; export JBOD_TOKEN_FILE=; exec \"$0\" doctor"));
    let told = words(&ended);
    assert!(told.contains("/etc/jbod-monitor/token is not empty, but JBOD_TOKEN_FILE is not set"), "{told}");
}

#[test]
fn the_files_that_the_manual_names_are_there() {
    let mut there: Vec<String> = installed().into_keys().collect();
    there.extend(tmpfiles().into_iter().filter_map(|line| line.get(1).cloned()));
    there.extend(of_unit("RuntimeDirectory").iter().map(|name| format!("/run/{name}/")));
    for page in ["jbod-monitor.8", "jbod-monitor.5"] {
        let text = read(&format!("packaging/man/{page}")).replace("\\-", "-");
        let (_, files) = text.split_once("\n.SH FILES\n").expect("a section FILES");
        let files = files.split("\n.SH ").next().unwrap_or_default();
        let named: Vec<&str> = files
            .lines()
            .filter_map(|line| line.strip_prefix(".I ").or(line.strip_prefix(".IR "))?.split(' ').next())
            .collect();
        assert!(named.len() > 2, "{page} names files: {named:?}");
        for file in named {
            assert!(there.iter().any(|path| path == file), "{page} names {file}, which nothing makes");
        }
    }
}

#[test]
fn maintainer_scripts_are_valid_shell_scripts() {
    for script in
        ["preinst", "postinst", "postrm", "prerm", "raid-node", "build", "changelog", "test-root", "test-guest"]
    {
        let path = in_repository("packaging/deb").join(script);
        let checked = done("sh", &["-n", &path.display().to_string()]);
        assert!(checked.status.success(), "{}", words(&checked));
    }
    for script in ["preinst", "postinst", "postrm", "prerm"] {
        let text = read(&format!("packaging/deb/{script}"));
        assert!(text.starts_with("#!/bin/sh\nset -e\n"), "{script} goes on after an error");
    }
}

/// Runs the script with only these programs in PATH, each of which records its arguments.
fn calls(script: &str, word: &str, answers: &[(&str, &str)]) -> String {
    let dir = tempfile::tempdir().expect("a folder");
    let (bin, log) = (dir.path().join("bin"), dir.path().join("log"));
    std::fs::create_dir(&bin).expect("a folder");
    std::fs::write(&log, "").expect("a log");
    let quiet = ["deb-systemd-helper", "systemctl", "udevadm", "journalctl", "getent", "userdel", "groupdel", "rm"];
    let names = quiet.into_iter().chain(["chgrp", "chmod", "stat"]);
    for name in names {
        let answer = answers.iter().find(|(program, _)| *program == name).map_or("exit 0", |(_, answer)| *answer);
        let program = bin.join(name);
        std::fs::write(&program, format!("#!/bin/sh\necho \"{name} $*\" >>'{}'\n{answer}\n", log.display()))
            .expect("written");
        std::fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("a program");
    }
    let script = in_repository("packaging/deb").join(script);
    let ended = Command::new("/bin/sh").arg(script).arg(word).env_clear().env("PATH", &bin).output().expect("a shell");
    assert!(ended.status.success(), "{}", words(&ended));
    std::fs::read_to_string(&log).expect("the log")
}

/// Uses a stub of stat; `remove-raid-node` of `make deb-test` uses real nodes.
#[test]
fn removal_restores_the_mode_of_the_raid_node() {
    let node = "/dev/megaraid_sas_ioctl_node";
    let of_node = |log: &str| -> Vec<String> {
        let lines = log.lines().filter(|line| line.contains(node) && !line.starts_with("stat "));
        lines.map(str::to_owned).collect()
    };
    let after = |word: &str, state: &str| {
        let answer = if state.is_empty() { "exit 1".to_owned() } else { format!("echo '{state}'") };
        of_node(&calls("postrm", word, &[("stat", &answer)]))
    };
    let taken_back = vec![format!("chmod 0600 {node}"), format!("chgrp root {node}")];
    assert_eq!(after("remove", "character special file 660 root:disk"), taken_back);
    for state in [
        "",
        "character special file 600 root:root",
        "character special file 640 root:disk",
        "symbolic link 777 root:root",
        "regular file 660 root:disk",
    ] {
        assert_eq!(after("remove", state), Vec::<String>::new(), "{state}");
    }
    for word in ["upgrade", "purge"] {
        assert_eq!(after(word, "character special file 660 root:disk"), Vec::<String>::new(), "{word}");
    }
    // The mode that raid-node sets.
    let text = read("packaging/deb/raid-node");
    for line in ["node=/dev/megaraid_sas_ioctl_node", "chgrp disk \"$node\"", "chmod 0660 \"$node\""] {
        assert!(text.lines().any(|l| l == line), "{line}");
    }
}

/// A copy of the unit with programs that exist on this machine.
fn unit_to_check() -> (tempfile::TempDir, String) {
    let dir = tempfile::tempdir().expect("a folder");
    let unit = dir.path().join("jbod-monitor.service");
    let text = read("systemd/jbod-monitor.service")
        .replace("/usr/bin/jbod-monitor", "/bin/true")
        .replace("/usr/lib/jbod-monitor/raid-node", "/bin/true");
    std::fs::write(&unit, text).expect("written");
    let path = unit.display().to_string();
    (dir, path)
}

#[test]
#[ignore = "needs systemd-analyze"]
fn systemd_takes_the_unit_as_it_stands() {
    let (_dir, unit) = unit_to_check();
    let checked = done("systemd-analyze", &["verify", "--man=no", &unit]);
    assert!(checked.status.success() && words(&checked).trim().is_empty(), "{}", words(&checked));
}

/// An older systemd-analyze cannot rate a unit without a running systemd.
#[test]
#[ignore = "needs systemd-analyze with --threshold"]
fn systemd_rates_the_sandbox_2_or_better() {
    let (_dir, unit) = unit_to_check();
    let score = done("systemd-analyze", &["security", "--no-pager", "--offline=true", "--threshold=20", &unit]);
    assert!(score.status.success(), "exposed more than 2.0:\n{}", words(&score));
}
