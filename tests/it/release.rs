//! `packaging/release` in a temporary repository, with real git and make. Scripts replace `make deb` and cargo, which take
//! minutes. A release changes what it should, and a failed one changes nothing.

use crate::support;
use crate::support::wait_until;

use rustix::process::{Pid, Signal, kill_process_group};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use support::daemon::{Ended, run};

/// Replaces `make deb`. Files `fail-ARCH`, `touch-ARCH` and `hold-ARCH` beside the repository control it.
const MAKEFILE: &str = r#"
ARCH ?= amd64
AT = $(HOLD)/

deb:
	@test -z "$(VERSION)" || { echo "a variable of make release has come along"; exit 1; }
	@test ! -e $(AT)fail-$(ARCH) || { echo "the compiler is unhappy"; exit 1; }
	@test ! -e $(AT)touch-$(ARCH) || echo more >>README.md
	@if test -e $(AT)hold-$(ARCH); then touch $(AT)held; while test -e $(AT)hold-$(ARCH); do sleep 0.05; done; fi
	@mkdir -p target/debian
	@echo "$(ARCH) of $$SOURCE_DATE_EPOCH" >target/debian/jbod-monitor_$$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)-1_$(ARCH).deb

release:
	@packaging/release $(VERSION)
"#;

/// Replaces cargo and rustc: one crate in the program, one build dependency.
const CARGO: &str = r#"#!/bin/sh
case "$*" in
    *--version) echo tool 1 ;;
    *--depth\ 0*) ;;
    tree*) printf 'jbod-monitor v%s (/somewhere)\nlog v0.4.1\n' "$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)" ;;
    cyclonedx*)
        for name; do :; done
        version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
        cat >"$name.json" <<JSON
{ "bomFormat": "CycloneDX",
  "metadata": { "component": { "name": "jbod-monitor", "version": "$version", "bom-ref": "path+file://$PWD#$version",
                               "components": [ { "name": "jbod-sim" } ] } },
  "components": [ { "name": "log", "version": "0.4.1", "bom-ref": "log" }, { "name": "syn", "version": "2.0.0", "bom-ref": "syn" } ],
  "dependencies": [ { "ref": "path+file://$PWD#$version", "dependsOn": [ "log", "syn" ] }, { "ref": "log" }, { "ref": "syn" } ] }
JSON
        ;;
    *) echo "not expected: $*" >&2; exit 1 ;;
esac
"#;

/// A git hook that rejects creating or updating a reference, but not deleting it.
const HOOK: &str = r#"#!/bin/sh
[ "$1" = prepared ] || exit 0
exec awk '$2 !~ /^0+$/ && index($3, "REFERENCE") == 1 { bad = 1 } END { exit bad }'
"#;

struct Repository {
    folder: tempfile::TempDir,
}

impl Repository {
    /// A repository on main with one commit to release, and an origin.
    fn new() -> Self {
        let repository = Self { folder: tempfile::tempdir().expect("a folder") };
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        for file in [
            "Cargo.toml",
            "Cargo.lock",
            "tests/fuzz/Cargo.lock",
            "tests/fuzz/Cargo.toml",
            "tests/need.sh",
            "packaging/release",
            "packaging/release-notes",
            "packaging/sbom",
        ] {
            let to = repository.root().join(file);
            std::fs::create_dir_all(to.parent().expect("a folder")).expect("a folder");
            std::fs::copy(root.join(file), to).unwrap_or_else(|error| panic!("{file}: {error}"));
        }
        repository.write("Makefile", MAKEFILE);
        repository.write(".gitignore", "/target\n");
        repository.write("README.md", "apt install ./jbod-monitor_0.0.9-1_amd64.deb\n");
        repository.write("CHANGELOG.md", "# Changelog\n\n## [Unreleased]\n\n### Added\n\n- The beginning.\n");
        let cargo = repository.folder.path().join("cargo");
        std::fs::write(&cargo, CARGO).expect("a stand-in");
        std::fs::set_permissions(&cargo, std::fs::Permissions::from_mode(0o755)).expect("its mode");
        repository.git(&["init", "--quiet", "--initial-branch=main"]);
        repository.commit();
        repository.git(&["init", "--quiet", "--bare", "../origin"]);
        repository.git(&["remote", "add", "origin", "../origin"]);
        repository
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("repository")
    }

    fn write(&self, file: &str, text: &str) {
        std::fs::write(self.root().join(file), text).unwrap_or_else(|error| panic!("{file}: {error}"));
    }

    fn read(&self, file: &str) -> String {
        std::fs::read_to_string(self.root().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
    }

    /// A file beside the repository that controls the replaced programs.
    fn control(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        let path = std::env::var_os("PATH").unwrap_or_default();
        command.current_dir(self.root()).env_clear().env("PATH", path).env("HOME", self.folder.path());
        for role in ["AUTHOR", "COMMITTER"] {
            command.env(format!("GIT_{role}_NAME"), "A. Tester").env(format!("GIT_{role}_EMAIL"), "tester@example.org");
        }
        command.env("CARGO", self.control("cargo")).env("RUSTC", self.control("cargo")).env("HOLD", self.folder.path());
        command
    }

    #[track_caller]
    fn git(&self, arguments: &[&str]) -> String {
        let ended = run(self.command("git").args(arguments));
        assert_eq!(ended.code, Some(0), "git {arguments:?}: {}", ended.stderr);
        ended.stdout.trim().to_owned()
    }

    fn commit(&self) {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--message", "Something"]);
    }

    /// Commits a change with an entry in CHANGELOG.md.
    fn change(&self, what: &str) {
        let log = self.read("CHANGELOG.md").replacen("## [Unreleased]\n", &format!("## [Unreleased]\n\n- {what}\n"), 1);
        self.write("CHANGELOG.md", &log);
        self.commit();
    }

    fn release(&self, version: &str) -> Ended {
        run(self.command("make").args(["release", &format!("VERSION={version}")]))
    }

    fn dry_run(&self, version: &str) -> Ended {
        let date = ("SOURCE_DATE_EPOCH", "1767225600");
        run(self.command("packaging/release").arg(version).env("DRY_RUN", "1").env(date.0, date.1))
    }

    /// Everything that a release may change: commits, tags, files, working trees, results.
    fn state(&self) -> Vec<String> {
        let mut made: Vec<String> = std::fs::read_dir(self.root().join("target"))
            .map(|entries| entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect())
            .unwrap_or_default();
        made.retain(|name| name != "release.lock");
        made.sort();
        vec![
            self.git(&["rev-parse", "HEAD", "--symbolic-full-name", "HEAD"]),
            self.git(&["tag", "--list"]),
            self.git(&["status", "--porcelain"]),
            self.git(&["worktree", "list"]),
            made.join(" "),
        ]
    }

    #[track_caller]
    fn assert_rejected(&self, version: &str, why: &str) {
        let before = self.state();
        let ended = self.release(version);
        assert!(ended.code != Some(0) && ended.stderr.contains(why), "{version}: {}{}", ended.stdout, ended.stderr);
        assert_eq!(self.state(), before, "{version}: the release has changed something");
    }
}

/// A version whose major number is `by` higher than that of Cargo.toml.
fn version(by: u64) -> String {
    let major: u64 = env!("CARGO_PKG_VERSION_MAJOR").parse().expect("a number");
    format!("{}.2.10", major + by)
}

#[test]
fn releases_in_a_row() {
    let repository = Repository::new();
    let (first, second) = (version(1), version(2));
    let ended = repository.release(&first);
    assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
    assert!(ended.stdout.contains(&format!("git push --atomic origin main v{first}")), "{}", ended.stdout);

    assert_eq!(repository.git(&["log", "-1", "--format=%s"]), format!("Release {first}"));
    assert_eq!(repository.git(&["rev-parse", &format!("v{first}^{{commit}}")]), repository.git(&["rev-parse", "main"]));
    assert_eq!(repository.git(&["cat-file", "-t", &format!("v{first}")]), "tag", "the tag is not annotated");
    let notes = repository.git(&["tag", "--list", "--format=%(contents)", &format!("v{first}")]);
    assert_eq!(notes, "### Added\n\n- The beginning.");
    assert_eq!(repository.git(&["status", "--porcelain"]), "");
    assert_eq!(repository.git(&["for-each-ref", "refs/remotes"]), "", "something was pushed");
    let origin = repository.git(&["--git-dir", "../origin", "for-each-ref"]);
    assert_eq!(origin, "", "something was pushed");

    assert!(repository.read("Cargo.toml").contains(&format!("\nversion = \"{first}\"\n")));
    for lock in ["Cargo.lock", "tests/fuzz/Cargo.lock"] {
        let named = format!("name = \"jbod-monitor\"\nversion = \"{first}\"\n");
        assert!(repository.read(lock).contains(&named), "{lock} names {first}");
    }
    assert_eq!(repository.read("README.md"), format!("apt install ./jbod-monitor_{first}-1_amd64.deb\n"));
    let log = repository.read("CHANGELOG.md");
    assert!(log.contains(&format!("## [Unreleased]\n\n## [{first}] - 20")), "{log}");

    let out = format!("target/release-{first}");
    let sums =
        run(repository.command("sha256sum").args(["--check", "SHA256SUMS"]).current_dir(repository.root().join(&out)));
    assert_eq!((sums.code, sums.stdout.lines().count()), (Some(0), 5), "{}{}", sums.stdout, sums.stderr);
    assert_eq!(repository.read(&format!("{out}/release-notes.md")), "### Added\n\n- The beginning.\n");
    let epoch = repository.git(&["log", "-1", "--format=%ct"]);
    for arch in ["amd64", "arm64"] {
        let package = repository.read(&format!("{out}/jbod-monitor_{first}-1_{arch}.deb"));
        assert_eq!(package, format!("{arch} of {epoch}\n"), "the package has the date of the commit");
        let bom: serde_json::Value =
            serde_json::from_str(&repository.read(&format!("{out}/jbod-monitor_{first}_{arch}.cdx.json")))
                .expect("JSON");
        let names: Vec<_> =
            bom["components"].as_array().expect("a list").iter().map(|component| component["name"].clone()).collect();
        assert_eq!(names, ["log", "rust-std"], "crates in the program, without build dependencies");
        assert_eq!(bom["metadata"]["component"]["bom-ref"], format!("pkg:generic/jbod-monitor@{first}"));
        assert_eq!(bom["dependencies"][0]["dependsOn"], serde_json::json!(["log"]));
    }

    repository.assert_rejected(&first, "exists already");
    repository.assert_rejected(&second, "nothing under Unreleased");
    repository.change("More of it.");
    repository.assert_rejected(&version(0), "is not higher than the last version");
    let ended = repository.release(&second);
    assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
    assert_eq!(repository.git(&["tag", "--list"]), format!("v{first}\nv{second}"));
    assert_eq!(repository.git(&["tag", "--list", "--format=%(contents)", &format!("v{second}")]), "- More of it.");
}

#[test]
fn invalid_releases_are_rejected() {
    let repository = Repository::new();
    for invalid in ["1.2", "v9.9.9", "9.9.9-rc1", "09.1.1", "9.9.9.9", "9.9.x", "'9.9.9 '"] {
        repository.assert_rejected(invalid, "wanted X.Y.Z");
    }
    repository.assert_rejected("", "usage: make release VERSION=X.Y.Z");
    repository.assert_rejected("0.0.0", "is lower than the version in Cargo.toml");
    repository.write("new.txt", "new\n");
    repository.assert_rejected(&version(1), "?? new.txt");
    std::fs::remove_file(repository.root().join("new.txt")).expect("removed");
    repository.write("README.md", "changed\n");
    repository.assert_rejected(&version(1), " M README.md");
    repository.git(&["checkout", "--quiet", "README.md"]);
    repository.git(&["checkout", "--quiet", "-b", "other"]);
    repository.assert_rejected(&version(1), "the current branch is other, wanted main");
    repository.git(&["checkout", "--quiet", "--detach"]);
    repository.assert_rejected(&version(1), "the current branch is no branch");
}

#[test]
fn a_failed_release_changes_nothing() {
    let repository = Repository::new();
    for (control, why) in [
        ("fail-amd64", "are unchanged"),
        ("fail-arm64", "are unchanged"),
        ("touch-arm64", "the build has changed the source"),
    ] {
        std::fs::write(repository.control(control), "").expect("a file");
        repository.assert_rejected(&version(1), why);
        std::fs::remove_file(repository.control(control)).expect("removed");
    }

    // After the build, creating the tag or updating main fails.
    let hook = repository.root().join(".git/hooks/reference-transaction");
    for (reference, why) in [("refs/tags/", "are unchanged"), ("refs/heads/main", "main cannot be updated")] {
        std::fs::create_dir_all(hook.parent().expect("a folder")).expect("hooks");
        std::fs::write(&hook, HOOK.replace("REFERENCE", reference)).expect("a hook");
        std::fs::set_permissions(&hook, std::fs::Permissions::from_mode(0o755)).expect("its mode");
        repository.assert_rejected(&version(1), why);
        std::fs::remove_file(&hook).expect("removed");
    }

    let ended = repository.release(&version(1));
    assert_eq!(ended.code, Some(0), "the release after the failures: {}{}", ended.stdout, ended.stderr);
}

#[test]
fn changes_during_the_build_are_kept() {
    let repository = Repository::new();
    for (what, code) in [("Makefile", Some(0)), ("CHANGELOG.md", Some(1)), ("", Some(1))] {
        std::fs::write(repository.control("hold-arm64"), "").expect("a file");
        let command =
            repository.command("packaging/release").arg(version(1)).stderr(Stdio::null()).stdout(Stdio::null()).spawn();
        let mut child = command.expect("a release starts");
        wait_until("the build is running", || repository.control("held").exists());
        if what.is_empty() {
            repository.change("Another.");
        } else {
            repository.write(what, "Changed meanwhile.\n");
        }
        let head = repository.git(&["rev-parse", "main"]);
        std::fs::remove_file(repository.control("hold-arm64")).expect("removed");
        std::fs::remove_file(repository.control("held")).expect("removed");
        assert_eq!(child.wait().expect("it ends").code(), code, "with {what} changed meanwhile");
        if code == Some(0) {
            assert_eq!(repository.git(&["log", "-1", "--format=%s"]), format!("Release {}", version(1)));
            repository.git(&["tag", "--delete", &format!("v{}", version(1))]);
            assert_eq!(repository.git(&["status", "--porcelain"]), format!("M {what}"));
            repository.git(&["reset", "--quiet", "--hard", "HEAD~1"]);
        } else {
            assert_eq!(
                (repository.git(&["rev-parse", "main"]), repository.git(&["tag", "--list"])),
                (head, String::new())
            );
            if !what.is_empty() {
                assert_eq!(repository.read(what), "Changed meanwhile.\n");
                assert_eq!(repository.git(&["status", "--porcelain"]), format!("M {what}"));
                repository.git(&["checkout", "--quiet", what]);
            }
        }
    }
    assert_eq!(repository.git(&["status", "--porcelain"]), "");
}

/// After SIGKILL, the next release removes the files that were left.
#[test]
fn a_killed_release_does_not_prevent_the_next() {
    let repository = Repository::new();
    let before = (repository.git(&["rev-parse", "main"]), repository.git(&["tag", "--list"]));
    for signal in [Signal::KILL, Signal::TERM] {
        std::fs::write(repository.control("hold-arm64"), "").expect("a file");
        let mut command = repository.command("packaging/release");
        command.arg(version(1)).process_group(0).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().expect("a release starts");
        wait_until("the build is running", || repository.control("held").exists());
        let busy = repository.release(&version(1));
        assert!(busy.code != Some(0) && busy.stderr.contains("another release is running"), "{}", busy.stderr);
        kill_process_group(Pid::from_child(&child), signal).expect("its group takes a signal");
        assert!(!child.wait().expect("it ends").success());
        assert_eq!((repository.git(&["rev-parse", "main"]), repository.git(&["tag", "--list"])), before);
        assert_eq!(repository.git(&["status", "--porcelain"]), "");
        std::fs::remove_file(repository.control("hold-arm64")).expect("removed");
        std::fs::remove_file(repository.control("held")).expect("removed");
    }
    assert_eq!(repository.git(&["worktree", "list"]).lines().count(), 1, "SIGTERM leaves no working tree");
    let ended = repository.release(&version(1));
    assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
}

#[test]
fn a_dry_run_is_reproducible_and_changes_neither_main_nor_tags() {
    let repository = Repository::new();
    // Release notes larger than the buffer of a pipe.
    repository.change(&"much\n- ".repeat(20_000));
    let before = repository.state();
    let mut sums = Vec::new();
    for _ in 0..2 {
        let ended = repository.dry_run(&version(1));
        assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
        assert!(!ended.stderr.contains("CHANGELOG.md"), "{}", ended.stderr);
        assert!(ended.stdout.contains("This was a dry run") && !ended.stdout.contains("git push"), "{}", ended.stdout);
        assert_eq!(repository.state()[..4], before[..4]);
        let commit = ended.stdout.lines().find(|line| line.starts_with("commit ")).expect("a commit").to_owned();
        sums.push((commit, repository.read(&format!("target/release-{}-dry-run/SHA256SUMS", version(1)))));
    }
    assert_eq!(sums[0], sums[1], "the same commit and date give the same files");
}
