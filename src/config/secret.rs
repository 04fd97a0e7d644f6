//! Secrets: the bearer token and the passwords of Redis, each from a file or a systemd credential.

use super::environment::Environment;
use super::error::ConfigError;
use super::file::{FileError, is_empty, read};
use super::settings::{Secret, SecretFile};
use std::path::{Path, PathBuf};

impl Secret {
    fn max_bytes(self) -> usize {
        match self {
            // Far below the 16 KiB of a request head, which contains it.
            Self::Token => 1024,
            // Redis rejects longer arguments of a client that is not logged in.
            Self::RedisPassword => 16 * 1024,
        }
    }

    fn wanted(self) -> String {
        let what = match self {
            Self::Token => "a token of visible ASCII characters without spaces",
            Self::RedisPassword => "a password in UTF-8 without control characters",
        };
        format!("a readable regular file with {what}, 1 to {} bytes", self.max_bytes())
    }

    /// The error describes the first invalid byte without revealing any of the text.
    fn check(self, bytes: Vec<u8>) -> Result<String, String> {
        if bytes.len() > self.max_bytes() {
            return Err(format!("more than {} bytes", self.max_bytes()));
        }
        let text = String::from_utf8(bytes).map_err(|error| {
            let at = error.utf8_error().valid_up_to() + 1;
            format!("not UTF-8 at byte {at}")
        })?;
        let invalid = match self {
            Self::Token => text.char_indices().find(|(_, character)| !character.is_ascii_graphic()),
            Self::RedisPassword => text.char_indices().find(|(_, character)| character.is_control()),
        };
        match invalid {
            None => Ok(text),
            Some((index, character)) => Err(format!("{} at byte {}", named(character), index + 1)),
        }
    }
}

/// Describes a character that is invalid in a secret. Only spaces and control characters are shown.
fn named(character: char) -> String {
    match character {
        ' ' => "a space".to_owned(),
        '\t' => "a tab".to_owned(),
        '\n' => "a line break".to_owned(),
        _ if character.is_ascii() => format!("a control character (0x{:02x})", u32::from(character)),
        _ if character.is_control() => "a control character".to_owned(),
        _ => "a non-ASCII character".to_owned(),
    }
}

/// The folder in which systemd creates a folder of credentials for each unit (`get_credential_directory` in systemd's
/// src/core/exec-credential.c). The unit contains the absolute path, because its specifier `%d` requires systemd 251.
const CREDENTIALS: &str = "/run/credentials";

/// The folder of the secrets that the unit passes to the service (`LoadCredential=`).
const ETC: &str = "/etc/jbod-monitor";

/// Reads a secret from the file that its setting names, or else from the systemd credential of the service. A final
/// newline is removed; an empty credential is no secret. A file that is set must exist: on a platform without credentials
/// the API must not become open to all.
pub(super) fn secret(
    setting: &SecretFile,
    file: &str,
    env: &Environment,
) -> Result<(Option<String>, &'static str), ConfigError> {
    let SecretFile { name, secret: kind, credential } = *setting;
    let (path, source) = match (&env.credentials_directory, file) {
        // If it exists in any form, it is used: an unreadable credential is an error, not a missing secret.
        (Some(dir), "") if dir.join(credential).symlink_metadata().is_ok() => (dir.join(credential), "credential"),
        (_, "") => return Ok((None, "default")),
        (_, file) if is_credential(Path::new(file), env) => (PathBuf::from(file), "credential"),
        (_, file) => (PathBuf::from(file), "file"),
    };
    let wrong = |why: &str, wanted: &str| ConfigError::new(name, &format!("{} ({why})", path.display()), wanted);
    // Including a CR and LF at the end.
    let limit = kind.max_bytes() + 2;
    let mut bytes = match read(&path, u64::try_from(limit).unwrap_or(u64::MAX)) {
        Ok(bytes) => bytes,
        Err(FileError::TooLarge(_)) => {
            return Err(wrong(&format!("more than {} bytes", kind.max_bytes()), &kind.wanted()));
        }
        Err(error) if error.is_absent() && source == "credential" => {
            // systemd passed no credentials at all. An empty file of the administrator means that no secret is set.
            if env.credentials_directory.is_none() && is_empty(&administrators_file(setting)) {
                return Ok((None, "default"));
            }
            return Err(wrong(&error.to_string(), &missing_credential(setting)));
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
    if file.starts_with(CREDENTIALS) {
        return true;
    }
    env.credentials_directory.is_some() && file.parent() == env.credentials_directory.as_deref()
}

/// The file that the unit passes as this secret.
pub(super) fn administrators_file(setting: &SecretFile) -> PathBuf {
    Path::new(ETC).join(setting.credential)
}

/// Whether the administrator has set this secret for the service. The file need not be readable.
pub(super) fn is_provided(setting: &SecretFile) -> bool {
    std::fs::metadata(administrators_file(setting)).is_ok_and(|metadata| metadata.is_file() && metadata.len() > 0)
}

/// The wanted value and the remedy if a credential that the unit names does not exist.
fn missing_credential(setting: &SecretFile) -> String {
    let SecretFile { name, credential, .. } = setting;
    format!(
        "the credential {credential:?}, which systemd did not pass: \"systemctl cat jbod-monitor\" shows whether \
         LoadCredential={credential}:{ETC}/{credential} was removed. If credentials are not supported, set {name}= in \
         /etc/default/jbod-monitor to another file, or to an empty value for none"
    )
}
