//! Checks of the package without building it: assets in Cargo.toml, the unit, its credentials, the manual, the maintainer
//! scripts. `make deb-test` installs it.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
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
    manifest()["package"]["metadata"]["deb"].as_table().expect("[package.metadata.deb]").clone()
}

fn strings(value: Option<&toml::Value>) -> Vec<String> {
    let list = value.expect("a list").as_array().expect("a list");
    list.iter().map(|item| item.as_str().expect("text").to_owned()).collect()
}

/// Installed files: path on a machine, and the source in the repository with the mode.
fn installed() -> BTreeMap<String, (String, String)> {
    let deb = deb();
    let mut installed = BTreeMap::new();
    for asset in deb["assets"].as_array().expect("assets") {
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
        if entry.path().extension() == Some(OsStr::new(extension)) {
            found.push(format!("{folder}/{}", entry.file_name().to_string_lossy()));
        }
    }
    assert!(!found.is_empty(), "{pattern} matches no file");
    found
}

/// The values of one key of the unit, in order.
fn of_unit(key: &str) -> Vec<String> {
    let unit = read("systemd/jbod-monitor.service");
    let settings = unit.lines().filter_map(|line| line.split_once('='));
    settings.filter(|(name, _)| *name == key).map(|(_, value)| value.to_owned()).collect()
}

/// Type, path, mode and owner of each line.
fn tmpfiles() -> Vec<Vec<String>> {
    let text = read("packaging/deb/tmpfiles");
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| line.split_whitespace().map(str::to_owned).collect()).collect()
}

#[track_caller]
fn run(program: &str, arguments: &[&str]) -> Output {
    Command::new(program).args(arguments).output().unwrap_or_else(|error| panic!("{program}: {error}"))
}

fn output_of(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[test]
fn each_asset_is_in_the_repository_or_built() {
    let build =
        std::fs::read_to_string(in_repository("packaging/deb/build")).expect("the script that builds the package");
    let manifest = manifest();
    let bins = manifest["bin"].as_array().expect("programs");
    let bins: Vec<&str> = bins.iter().map(|bin| bin["name"].as_str().expect("a name")).collect();
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
fn files_named_in_the_unit_are_installed() {
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

/// A unit does not start without the file of a credential. A credential without a setting would not be used, and one that no
/// setting in the unit names could be missing unnoticed.
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
    assert!(program.status.success(), "{}", output_of(&program));
    let shown = output_of(&program);
    let taken = shown.lines().filter(|line| line.ends_with(" credential")).count();
    assert_eq!(taken, loaded.len(), "credentials that check-config takes:\n{shown}");
}

/// Runs the program with the settings in the unit. `/etc` and `/run` contain only files that `script` creates.
fn as_the_unit_runs_it(script: &str) -> Output {
    let prelude = "set -eu
        mount -t tmpfs none /etc && mount -t tmpfs none /run
        mkdir -p /etc/jbod-monitor /run/credentials
        for secret in redis-password redis-sentinel-password token; do : >/etc/jbod-monitor/$secret; done
        pass_credentials() {
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

/// `check-config` shows that a token is set.
fn has_token(output: &Output) -> bool {
    output_of(output).lines().any(|line| line.starts_with("(bearer token) ") && line.contains("****"))
}

/// Some container images clear `LoadCredential=`.
#[test]
#[ignore = "needs mount namespaces"]
fn without_a_credential_that_the_platform_should_pass_the_daemon_does_not_start() {
    let keep = "echo s3cret >/etc/jbod-monitor/token";
    // As installed: there are no secrets, whether the platform passes credentials or not.
    for script in ["", "pass_credentials", &format!("{keep}; pass_credentials")] {
        let ended = as_the_unit_runs_it(script);
        assert_eq!(
            (ended.status.code(), has_token(&ended)),
            (Some(0), script.contains("s3cret")),
            "{}",
            output_of(&ended)
        );
    }
    for script in [
        keep,
        // The file was removed, although the unit expects it, or it cannot be read.
        "rm /etc/jbod-monitor/token",
        "ln -sf /nowhere /etc/jbod-monitor/token",
        // Other credentials were passed, but not this one.
        "pass_credentials; rm $CREDENTIALS_DIRECTORY/token",
    ] {
        let ended = as_the_unit_runs_it(script);
        assert_eq!(ended.status.code(), Some(78), "{script}: {}", output_of(&ended));
        for part in [
            "JBOD_TOKEN_FILE: found",
            "/run/credentials/jbod-monitor.service/token",
            "LoadCredential=token:/etc/jbod-monitor/token",
            "JBOD_TOKEN_FILE= in /etc/default/jbod-monitor",
        ] {
            assert!(output_of(&ended).contains(part), "{script}: no {part:?} in {}", output_of(&ended));
        }
    }
    // The remedy in the message.
    for script in ["export JBOD_TOKEN_FILE=", "echo s3cret >/run/own; export JBOD_TOKEN_FILE=/run/own"] {
        let ended = as_the_unit_runs_it(&format!("{keep}; {script}"));
        assert_eq!(
            (ended.status.code(), has_token(&ended)),
            (Some(0), script.contains("own")),
            "{}",
            output_of(&ended)
        );
    }
    // doctor reports that the service has a token which this run does not have.
    let ended = as_the_unit_runs_it(&format!("{keep}; export JBOD_TOKEN_FILE=; exec \"$0\" doctor"));
    let report = output_of(&ended);
    assert!(report.contains("/etc/jbod-monitor/token is not empty, but JBOD_TOKEN_FILE is not set"), "{report}");
}

#[test]
fn files_named_in_the_manual_exist() {
    let mut known: Vec<String> = installed().into_keys().collect();
    known.extend(tmpfiles().into_iter().filter_map(|line| line.get(1).cloned()));
    known.extend(of_unit("RuntimeDirectory").iter().map(|name| format!("/run/{name}/")));
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
            assert!(
                known.iter().any(|path| path == file),
                "{page} names {file}, which is neither installed nor created"
            );
        }
    }
}

#[test]
fn maintainer_scripts_are_valid_shell_scripts() {
    for script in
        ["preinst", "postinst", "postrm", "prerm", "raid-node", "build", "changelog", "test-root", "test-guest"]
    {
        let path = in_repository("packaging/deb").join(script);
        let checked = run("sh", &["-n", &path.display().to_string()]);
        assert!(checked.status.success(), "{}", output_of(&checked));
    }
    for script in ["preinst", "postinst", "postrm", "prerm"] {
        let text = read(&format!("packaging/deb/{script}"));
        assert!(text.starts_with("#!/bin/sh\nset -e\n"), "{script} continues after an error");
    }
}

/// Runs the script with stubs as the only programs in PATH, and returns their calls.
fn calls(script: &str, word: &str, answers: &[(&str, &str)]) -> String {
    let dir = tempfile::tempdir().expect("a folder");
    let (bin, log) = (dir.path().join("bin"), dir.path().join("log"));
    std::fs::create_dir(&bin).expect("a folder");
    std::fs::write(&log, "").expect("a log");
    let quiet = ["deb-systemd-helper", "systemctl", "udevadm", "journalctl", "getent", "userdel", "groupdel", "rm"];
    let names = quiet.into_iter().chain(["chgrp", "chmod", "stat"]);
    for name in names {
        let answer = match answers.iter().find(|(program, _)| *program == name) {
            Some((_, answer)) => answer,
            None => "exit 0",
        };
        let program = bin.join(name);
        std::fs::write(&program, format!("#!/bin/sh\necho \"{name} $*\" >>'{}'\n{answer}\n", log.display()))
            .expect("written");
        std::fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("a program");
    }
    let script = in_repository("packaging/deb").join(script);
    let ended = Command::new("/bin/sh").arg(script).arg(word).env_clear().env("PATH", &bin).output().expect("a shell");
    assert!(ended.status.success(), "{}", output_of(&ended));
    std::fs::read_to_string(&log).expect("the log")
}

const NODE: &str = "/dev/megaraid_sas_ioctl_node";

/// What postrm changes of the node if stat prints this; without text, there is no node.
fn changes_of_node(word: &str, stat: &str) -> Vec<String> {
    let answer = if stat.is_empty() { "exit 1".to_owned() } else { format!("echo '{stat}'") };
    let log = calls("postrm", word, &[("stat", &answer)]);
    let lines = log.lines().filter(|line| line.contains(NODE) && !line.starts_with("stat "));
    lines.map(str::to_owned).collect()
}

/// Uses a stub of stat; `remove-raid-node` of `make deb-test` uses real nodes.
#[test]
fn removal_restores_the_mode_of_the_raid_node() {
    let restored = vec![format!("chmod 0600 {NODE}"), format!("chgrp root {NODE}")];
    assert_eq!(changes_of_node("remove", "character special file 660 root:disk"), restored);
    for state in [
        "",
        "character special file 600 root:root",
        "character special file 640 root:disk",
        "symbolic link 777 root:root",
        "regular file 660 root:disk",
    ] {
        assert_eq!(changes_of_node("remove", state), Vec::<String>::new(), "{state}");
    }
    for word in ["upgrade", "purge"] {
        assert_eq!(changes_of_node(word, "character special file 660 root:disk"), Vec::<String>::new(), "{word}");
    }
    // The mode that raid-node sets.
    let text = read("packaging/deb/raid-node");
    for line in ["node=/dev/megaraid_sas_ioctl_node", "chgrp disk \"$node\"", "chmod 0660 \"$node\""] {
        assert!(text.lines().any(|found| found == line), "{line}");
    }
}

/// A copy of the unit, with programs that exist on this host.
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
fn systemd_accepts_the_unit_without_warnings() {
    let (_dir, unit) = unit_to_check();
    let checked = run("systemd-analyze", &["verify", "--man=no", &unit]);
    assert!(checked.status.success() && output_of(&checked).trim().is_empty(), "{}", output_of(&checked));
}

/// An older systemd-analyze cannot rate a unit without a running systemd.
#[test]
#[ignore = "needs systemd-analyze with --threshold"]
fn systemd_rates_the_sandbox_2_or_better() {
    let (_dir, unit) = unit_to_check();
    let score = run("systemd-analyze", &["security", "--no-pager", "--offline=true", "--threshold=20", &unit]);
    assert!(score.status.success(), "exposed more than 2.0:\n{}", output_of(&score));
}
