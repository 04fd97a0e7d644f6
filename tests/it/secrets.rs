//! Files that settings name: valid tokens and passwords, and files that are rejected.

use crate::support;

use rustix::fs::{CWD, FileType, Mode, mknodat};
use std::fs;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use support::daemon::{Daemon, Ended, run};
use support::redis::Redis;
use support::sim::Sim;

/// Every setting that names a file to read, with the settings without which the file is not read.
const FILES: [(&str, &[(&str, &str)]); 5] = [
    ("JBOD_TOKEN_FILE", &[]),
    ("REDIS_PASSWORD_FILE", &[]),
    ("REDIS_SENTINEL_PASSWORD_FILE", &[]),
    ("JBOD_RULES_FILE", &[]),
    ("REDIS_CA_FILE", &[("REDIS_URL", "rediss://127.0.0.1:1/")]),
];
/// Every credential, with its setting in messages.
const CREDENTIALS: [(&str, &str); 3] = [
    ("token", "JBOD_TOKEN_FILE"),
    ("redis-password", "REDIS_PASSWORD_FILE"),
    ("redis-sentinel-password", "REDIS_SENTINEL_PASSWORD_FILE"),
];

fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_jbod-monitor"));
    command.env_clear();
    command
}

/// The program ends with 78 and one line that contains `parts`.
#[track_caller]
fn assert_rejected(command: &mut Command, what: &str, parts: &[&str]) -> Ended {
    let ended = run(command);
    assert_eq!(ended.code, Some(78), "{what}: {ended:?}");
    assert!(ended.stdout.is_empty() && ended.stderr.lines().count() == 1, "{what}: {ended:?}");
    for part in parts {
        assert!(ended.stderr.contains(part), "{what}: no {part:?} in {}", ended.stderr);
    }
    ended
}

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn file(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, content).expect("a file");
        path
    }

    /// Files that are not regular, with the words of the error message for them.
    fn others(&self) -> Vec<(PathBuf, &'static str)> {
        let (fifo, socket) = (self.path("fifo"), self.path("socket"));
        mknodat(CWD, &fifo, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).expect("a FIFO");
        drop(UnixListener::bind(&socket).expect("a socket"));
        let link = self.path("link-to-fifo");
        std::os::unix::fs::symlink(&fifo, &link).expect("a link");
        vec![
            (fifo, "a FIFO"),
            (link, "a FIFO"),
            (socket, "a socket"),
            (self.0.path().to_owned(), "a directory"),
            ("/dev/zero".into(), "a device"),
            ("/dev/null".into(), "a device"),
        ]
    }
}

#[test]
fn a_token_that_no_client_can_send_is_rejected() {
    let folder = Folder::new();
    let long = vec![b'x'; 1025];
    let huge = vec![b'x'; 1024 * 1024];
    for (content, why) in [
        (&b"s3cret \n"[..], "a space at byte 7"),
        (b" s3cret\n", "a space at byte 1"),
        (b"   \n", "a space at byte 1"),
        (b"s3\ncret\n", "a line break at byte 3"),
        (b"s3cret\n\n", "a line break at byte 7"),
        (b"s3cret\r", "a control character (0x0d) at byte 7"),
        (b"s3\tcret\n", "a tab at byte 3"),
        (b"s3\0cret\n", "a control character (0x00) at byte 3"),
        (b"s3\x7fcret\n", "a control character (0x7f) at byte 3"),
        (b"\xef\xbb\xbfs3cret\n", "a non-ASCII character at byte 1"),
        ("s3crét\n".as_bytes(), "a non-ASCII character at byte 5"),
        (b"s3cret\xff\n", "not UTF-8 at byte 7"),
        (b"", "empty"),
        (b"\n", "empty"),
        (b"\r\n", "empty"),
        (&long, "more than 1024 bytes"),
        (&huge, "more than 1024 bytes"),
    ] {
        let what = format!("{:?}", String::from_utf8_lossy(&content[..content.len().min(20)]));
        let file = folder.file("token", content);
        let path = file.to_str().expect("a path");
        for subcommand in ["check-config", "serve", "scan", "doctor"] {
            let parts = ["JBOD_TOKEN_FILE", path, why, "visible ASCII", "1 to 1024 bytes"];
            let ended = assert_rejected(program().env("JBOD_TOKEN_FILE", &file).arg(subcommand), &what, &parts);
            for secret in ["s3", "cret", "xxx", "é"] {
                assert!(!ended.stderr.replace(path, "").contains(secret), "{what}: {}", ended.stderr);
            }
        }
    }
}

#[test]
fn a_token_ends_before_the_last_line_break() {
    let folder = Folder::new();
    let (sim, redis) = (Sim::small(), Redis::start());
    let long = "x".repeat(1024);
    let long_line = format!("{long}\r\n");
    let all: String = ('!'..='~').collect();
    for (content, token) in [
        ("s3cret", "s3cret"),
        ("s3cret\n", "s3cret"),
        ("s3cret\r\n", "s3cret"),
        ("!\n", "!"),
        (long_line.as_str(), long.as_str()),
        (all.as_str(), all.as_str()),
    ] {
        let file = folder.file("token", content.as_bytes());
        let link = folder.path("link");
        let _ = fs::remove_file(&link);
        std::os::unix::fs::symlink(&file, &link).expect("a link");
        let daemon = Daemon::start(&sim, &redis, &[("JBOD_TOKEN_FILE", link.to_str().expect("a path"))]);
        let with_token = daemon.request("GET", "/healthz", &[("Authorization", &format!("Bearer {token}"))]);
        assert_eq!((with_token.status, daemon.get("/healthz").status), (200, 401), "{content:?}");
        assert_eq!(daemon.logged(" auth=token "), 1, "{}", daemon.log());
    }
}

#[test]
fn a_password_of_redis_may_contain_spaces_and_non_ascii_characters() {
    let folder = Folder::new();
    let sim = Sim::small();
    let password = " correct hörse \u{1f40e} ";
    for end in ["", "\n", "\r\n"] {
        let mut redis = Redis::start();
        redis.require_password(password);
        let file = folder.file("password", format!("{password}{end}").as_bytes());
        let daemon = Daemon::ready(&sim, &redis, &[("REDIS_PASSWORD_FILE", file.to_str().expect("a path"))]);
        assert_eq!(daemon.get("/api/overview").source(), "redis", "{end:?}: {}", daemon.log());
    }
    let long = vec![b'x'; 16 * 1024 + 1];
    for (content, why) in [
        (&b"s3cret\n\n"[..], "a line break at byte 7"),
        (b"s3\0cret\n", "a control character (0x00) at byte 3"),
        ("s3cret\u{85}".as_bytes(), "a control character at byte 7"),
        (b"s3cret\xff", "not UTF-8 at byte 7"),
        (b"\n", "empty"),
        (&long, "more than 16384 bytes"),
    ] {
        let file = folder.file("password", content);
        for setting in ["REDIS_PASSWORD_FILE", "REDIS_SENTINEL_PASSWORD_FILE"] {
            let parts = [setting, why, "UTF-8 without control characters"];
            assert_rejected(program().env(setting, &file).arg("check-config"), why, &parts);
        }
    }
}

#[test]
fn a_file_that_is_not_regular_is_rejected_at_once() {
    let folder = Folder::new();
    for (path, kind) in folder.others() {
        for (setting, more) in FILES {
            let what = format!("{setting}={}", path.display());
            let parts = [setting, path.to_str().expect("a path"), kind, "a readable regular "];
            for subcommand in ["check-config", "serve"] {
                let mut command = program();
                command.envs(more.iter().copied()).env(setting, &path).arg(subcommand);
                assert_rejected(&mut command, &what, &parts);
            }
        }
    }
}

#[test]
fn the_size_of_every_file_is_limited() {
    let folder = Folder::new();
    let file = folder.path("large");
    fs::File::create(&file).expect("a file").set_len(64 << 20).expect("a length");
    for (setting, more) in FILES {
        let mut command = program();
        command.envs(more.iter().copied()).env(setting, &file).arg("check-config");
        assert_rejected(&mut command, setting, &[setting, "more than", "bytes"]);
    }
}

#[derive(Clone, Copy)]
enum Credentials {
    Passed,
    NotPassed,
}

/// The program with a setting that names a file, whose folder is that of the credentials if they are passed.
fn with_credentials(setting: &str, path: &Path, subcommand: &str, credentials: Credentials) -> Command {
    let mut command = program();
    command.env(setting, path).arg(subcommand);
    if matches!(credentials, Credentials::Passed) {
        command.env("CREDENTIALS_DIRECTORY", path.parent().expect("its folder"));
    }
    command
}

/// The unit names the file of each credential in its setting, so that a credential which is not passed is noticed.
#[test]
fn without_an_expected_credential_the_daemon_does_not_start() {
    for (credential, setting) in CREDENTIALS {
        let folder = Folder::new();
        let path = folder.path(credential);
        let from = format!("LoadCredential={credential}:/etc/jbod-monitor/{credential}");
        for subcommand in ["check-config", "serve", "scan", "doctor"] {
            let parts = [setting, path.to_str().expect("a path"), "No such file", &from, "/etc/default/jbod-monitor"];
            let mut passed = with_credentials(setting, &path, subcommand, Credentials::Passed);
            assert_rejected(&mut passed, credential, &parts);
            // A file in another folder is not a credential.
            let mut not_passed = with_credentials(setting, &path, subcommand, Credentials::NotPassed);
            let ended = assert_rejected(&mut not_passed, credential, &[setting, "No such file"]);
            assert!(!ended.stderr.contains("LoadCredential"), "{ended:?}");
        }
        for (content, is_set) in [("", false), ("\n", false), ("s3cret\n", true)] {
            folder.file(credential, content.as_bytes());
            let ended = run(&mut with_credentials(setting, &path, "check-config", Credentials::Passed));
            assert_eq!(
                (ended.code, ended.stdout.contains("****")),
                (Some(0), is_set),
                "{credential} {content:?}: {ended:?}"
            );
        }
    }
}

#[test]
fn an_invalid_credential_is_an_error_and_an_empty_one_is_none() {
    for (credential, setting) in CREDENTIALS {
        let folder = Folder::new();
        let mut check = program();
        check.env("CREDENTIALS_DIRECTORY", folder.path("")).arg("check-config");
        // An absent credential and an empty one are none.
        for content in [None, Some(""), Some("\n")] {
            if let Some(content) = content {
                folder.file(credential, content.as_bytes());
            }
            let ended = run(&mut check);
            assert!(ended.code == Some(0) && !ended.stdout.contains("****"), "{credential} {content:?}: {ended:?}");
        }
        folder.file(credential, b"s3cret\n");
        let ended = run(&mut check);
        assert!(ended.code == Some(0) && ended.stdout.contains("****"), "{credential}: {ended:?}");
        let path = folder.file(credential, b"s3\ncret\n");
        assert_rejected(&mut check, credential, &[setting, "a line break at byte 3"]);
        fs::remove_file(&path).expect("removed");
        mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).expect("a FIFO");
        assert_rejected(&mut check, credential, &[setting, "a FIFO"]);
        fs::remove_file(&path).expect("removed");
        std::os::unix::fs::symlink(Path::new("/nonexistent"), &path).expect("a link");
        assert_rejected(&mut check, credential, &[setting, "No such file"]);
    }
}
