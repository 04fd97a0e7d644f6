//! A host as a folder with files in the layout of sysfs and devfs.

use crate::helpers::program;
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

#[derive(Clone, Debug, Default)]
pub struct Disk {
    pub device: String,
    pub address: String,
    pub vendor: String,
    pub model: String,
    /// Hex digits.
    pub wwn: Option<String>,
    pub serial: String,
}

pub struct Host {
    root: TempDir,
}

impl Host {
    pub fn new() -> Self {
        let root = tempfile::tempdir().expect("a folder");
        for dir in ["sys/block", "sys/class/enclosure", "sys/class/scsi_host", "dev", "answers", "proc/sys/kernel"] {
            fs::create_dir_all(root.path().join(dir)).expect("a folder");
        }
        fs::write(root.path().join("proc/sys/kernel/hostname"), "listed\n").expect("a name");
        Self { root }
    }

    pub fn at(&self, path: &str) -> PathBuf {
        self.root.path().join(path)
    }

    pub fn put(&self, path: &str, text: &str) {
        let path = self.at(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, text).expect("a file");
    }

    pub fn link(&self, path: &str, to: &str) {
        let path = self.at(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        symlink(to, path).expect("a link");
    }

    /// Adds a SCSI disk to sysfs, and the output of smartctl for it.
    pub fn disk(&self, disk: &Disk) {
        let host = disk.address.split(':').next().expect("a host");
        let dir = format!("sys/devices/host{host}/target/{}", disk.address);
        let block = format!("{dir}/block/{}", disk.device);
        self.put(&format!("{dir}/vendor"), &format!("{}\n", disk.vendor));
        self.put(&format!("{dir}/model"), &format!("{}\n", disk.model));
        self.put(&format!("{dir}/type"), "0\n");
        if let Some(wwn) = &disk.wwn {
            self.put(&format!("{dir}/wwid"), &format!("naa.{wwn}\n"));
        }
        let length = u8::try_from(disk.serial.len()).expect("a short serial");
        let page = [&[0, 0x80, 0, length], disk.serial.as_bytes()].concat();
        fs::write(self.at(&format!("{dir}/vpd_pg80")), page).expect("a page");
        fs::create_dir_all(self.at(&format!("{dir}/scsi_generic/sg-{}", disk.device))).expect("a node");
        self.put(&format!("{block}/size"), "1000000\n");
        self.put(&format!("{block}/removable"), "0\n");
        self.link(&format!("{block}/device"), &format!("../../../{}", disk.address));
        self.link(&format!("sys/block/{}", disk.device), &format!("../../{block}"));
        let answer = json!({
            "smartctl": {"version": [7, 4], "exit_status": 0}, "device": {"protocol": "SCSI", "type": "scsi"},
            "serial_number": disk.serial, "smart_status": {"passed": true},
        });
        self.put(&format!("answers/sg-{}", disk.device), &answer.to_string());
    }

    pub fn shelf(&self, name: &str, id: Option<&str>, vendor: &str, model: &str) {
        let dir = format!("sys/class/enclosure/{name}");
        self.put(&format!("{dir}/device/vendor"), vendor);
        self.put(&format!("{dir}/device/model"), model);
        self.put(&format!("{dir}/components"), "1\n");
        if let Some(id) = id {
            self.put(&format!("{dir}/id"), id);
        }
    }

    pub fn bay(&self, shelf: &str, name: &str, slot: Option<u64>, status: &str, address: Option<&str>) {
        let dir = format!("sys/class/enclosure/{shelf}/{name}");
        self.put(&format!("{dir}/type"), "array device\n");
        self.put(&format!("{dir}/status"), &format!("{status}\n"));
        for file in ["fault", "locate", "active"] {
            self.put(&format!("{dir}/{file}"), "0\n");
        }
        if let Some(slot) = slot {
            self.put(&format!("{dir}/slot"), &format!("{slot}\n"));
        }
        if let Some(address) = address {
            let host = address.split(':').next().expect("a host");
            self.link(&format!("{dir}/device"), &format!("../../../../devices/host{host}/target/{address}"));
        }
    }

    /// Output of `jbod-monitor scan --json`. zpool prints that file, or that there are no pools.
    pub fn scan(&self, status: Option<&Path>) -> Value {
        let smartctl = format!(
            "#!/bin/sh\n\
             [ \"$1\" = --version ] && echo 'smartctl 7.4 2023-08-01 r5530 [x86_64-linux] (local build)' && exit\n\
             for node; do :; done\n\
             cat '{}/'\"${{node##*/}}\"\n",
            self.at("answers").display()
        );
        let zpool = match status {
            Some(file) => format!("#!/bin/sh\ncat '{}'\n", file.display()),
            None => "#!/bin/sh\necho no pools available\n".to_owned(),
        };
        let output = program()
            .args(["scan", "--json", "--root"])
            .arg(self.root.path())
            .arg("--smartctl")
            .arg(self.script("smartctl", &smartctl))
            .arg("--zpool")
            .arg(self.script("zpool", &zpool))
            .output()
            .expect("the program runs");
        let stderr = String::from_utf8_lossy(&output.stderr);
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {stderr}"))
    }

    /// A program. It is written by a child process, so that no other child that is forked meanwhile holds it open for
    /// writing, which would make execve(2) fail with ETXTBSY.
    fn script(&self, name: &str, text: &str) -> PathBuf {
        let path = self.at(name);
        let status = Command::new("/bin/sh")
            .args(["-c", r#"printf '%s' "$1" > "$0" && chmod 755 "$0""#])
            .args([path.to_str().expect("a path"), text])
            .status();
        assert!(status.expect("sh runs").success());
        path
    }
}
