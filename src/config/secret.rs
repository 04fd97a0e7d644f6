//! Secrets: the bearer token and the passwords of Redis, each from a file or a systemd credential.

use super::environment::Environment;
use super::error::ConfigError;
use super::file::{FileError, is_empty, read};
use super::settings::{Secret, SecretFile};
use std::path::{Path, PathBuf};

impl Secret {
    fn longest(self) -> usize {
        match self {
            // Far below the 16 KiB of a request's head, in which it has to fit.
            Self::Token => 1024,
            // Redis takes no longer argument from a client that is not logged in.
            Self::RedisPassword => 16 * 1024,
        }
    }

    fn wanted(self) -> String {
        let what = match self {
            Self::Token => "a token of visible ASCII characters without blanks",
            Self::RedisPassword => "a password in UTF-8 without control characters",
        };
        format!("a readable regular file with {what}, 1 to {} bytes", self.longest())
    }

    /// What is wrong with the text, without any of it.
    fn check(self, bytes: Vec<u8>) -> Result<String, String> {
        if bytes.len() > self.longest() {
            return Err(format!("more than {} bytes", self.longest()));
        }
        let text = String::from_utf8(bytes).map_err(|error| {
            let at = error.utf8_error().valid_up_to() + 1;
            format!("not UTF-8 at byte {at}")
        })?;
        let invalid = match self {
            Self::Token => text.char_indices().find(|(_, c)| !c.is_ascii_graphic()),
            Self::RedisPassword => text.char_indices().find(|(_, c)| c.is_control()),
        };
        match invalid {
            None => Ok(text),
            Some((index, c)) => Err(format!("{} at byte {}", named(c), index + 1)),
        }
    }
}

/// Describes a character that is invalid in a secret. Characters other than blanks and control characters are not shown.
fn named(c: char) -> String {
    match c {
        ' ' => "a blank".to_owned(),
        '\t' => "a tab".to_owned(),
        '\n' => "a line break".to_owned(),
        c if c.is_ascii() => format!("a control character (0x{:02x})", u32::from(c)),
        c if c.is_control() => "a control character".to_owned(),
        _ => "a character beyond ASCII".to_owned(),
    }
}

/// Where systemd puts the credentials of a unit, in a folder of its name (`get_credential_directory` in systemd's
/// src/core/exec-credential.c). The unit names them there: its specifier `%d` came with systemd 251 only.
const CREDENTIALS: &str = "/run/credentials";

/// Where an administrator keeps the secrets that the unit hands over (`LoadCredential=`).
const ETC: &str = "/etc/jbod-monitor";

/// A secret from the file that its setting names, or from the systemd credential of that name. The file's last
/// newline does not count; an empty credential is none. A file that is named has to be there: a platform that hands no
/// credentials over must not open the API.
pub(super) fn secret(
    setting: &SecretFile,
    file: &str,
    env: &Environment,
) -> Result<(Option<String>, &'static str), ConfigError> {
    let SecretFile { name, secret: kind, credential } = *setting;
    let (path, source) = match (&env.credentials_directory, file) {
        // Whatever is there counts: one that cannot be used is not the same as none.
        (Some(dir), "") if dir.join(credential).symlink_metadata().is_ok() => (dir.join(credential), "credential"),
        (_, "") => return Ok((None, "default")),
        (_, file) if is_credential(Path::new(file), env) => (PathBuf::from(file), "credential"),
        (_, file) => (PathBuf::from(file), "file"),
    };
    let wrong = |why: &str, wanted: &str| ConfigError::new(name, &format!("{} ({why})", path.display()), wanted);
    // With room for the newline.
    let limit = kind.longest() + 2;
    let mut bytes = match read(&path, u64::try_from(limit).unwrap_or(u64::MAX)) {
        Ok(bytes) => bytes,
        Err(FileError::TooLarge(_)) => {
            return Err(wrong(&format!("more than {} bytes", kind.longest()), &kind.wanted()));
        }
        Err(error) if error.is_absent() && source == "credential" => {
            // Without credentials at all, an empty file shows that there is nothing to hand over.
            if env.credentials_directory.is_none() && is_empty(&administrators_file(setting)) {
                return Ok((None, "default"));
            }
            return Err(wrong(&error.to_string(), &handed_over(setting)));
        }
        Err(error) => return Err(wrong(&error.to_string(), &kind.wanted())),
    };
    if bytes.ends_with(b"\n") {
        bytes.pop();
        if bytes.ends_with(b"\r") {
            bytes.pop();
        }
    }
    if bytes.is_empty() {
        return if source == "credential" { Ok((None, "default")) } else { Err(wrong("empty", &kind.wanted())) };
    }
    let text = kind.check(bytes).map_err(|why| wrong(&why, &kind.wanted()))?;
    Ok((Some(text), source))
}

fn is_credential(file: &Path, env: &Environment) -> bool {
    let is_in = |directory: &PathBuf| file.parent() == Some(directory);
    file.starts_with(CREDENTIALS) || env.credentials_directory.as_ref().is_some_and(is_in)
}

/// What the unit hands over as this secret.
pub(super) fn administrators_file(setting: &SecretFile) -> PathBuf {
    Path::new(ETC).join(setting.credential)
}

/// There is a secret to hand over. The file need not be readable.
pub(super) fn is_kept(setting: &SecretFile) -> bool {
    std::fs::metadata(administrators_file(setting)).is_ok_and(|metadata| metadata.is_file() && metadata.len() > 0)
}

/// What is wanted where a credential is absent that the unit names.
fn handed_over(setting: &SecretFile) -> String {
    let SecretFile { name, credential, .. } = setting;
    format!(
        "the credential {credential:?}, which systemd has not handed over: \"systemctl cat jbod-monitor\" shows what takes \
         LoadCredential={credential}:{ETC}/{credential} away. Where there can be no credentials, set {name}= in \
         /etc/default/jbod-monitor to another file, or to nothing for none"
    )
}
