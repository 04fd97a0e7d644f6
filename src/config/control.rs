//! `JBOD_CONTROL_SOCKET`: the socket for commands to the running daemon.

use super::error::ConfigError;
use super::read::SettingsReader;
use super::settings::JBOD_CONTROL_SOCKET;
use std::path::{Path, PathBuf};

/// The longest path of a socket: `sun_path` has 108 bytes, with a NUL at the end (unix(7)).
const MAX_PATH_BYTES: usize = 107;
const NONE: &str = "none";

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ControlConfig {
    /// `None`: commands are disabled.
    pub(crate) socket: Option<PathBuf>,
    pub(crate) is_default: bool,
}

pub(super) fn control_config(read: &mut SettingsReader) -> Result<ControlConfig, ConfigError> {
    let text = read.text(&JBOD_CONTROL_SOCKET);
    let is_default = text == JBOD_CONTROL_SOCKET.default;
    if text == NONE {
        return Ok(ControlConfig { socket: None, is_default });
    }
    if !Path::new(text).is_absolute() || text.len() > MAX_PATH_BYTES {
        let wanted = format!("an absolute path of at most {MAX_PATH_BYTES} bytes, or {NONE}");
        return Err(ConfigError::new(JBOD_CONTROL_SOCKET.name, text, &wanted));
    }
    Ok(ControlConfig { socket: Some(PathBuf::from(text)), is_default })
}
