//! The files that settings name. Each is opened here: a regular file, of a limited size.

use rustix::fs::{FileType, Mode, OFlags, fstat, open, stat};
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use thiserror::Error;

/// Why a file cannot be used.
#[derive(Debug, Error)]
pub(super) enum FileError {
    #[error("{0}")]
    Io(#[from] io::Error),
    /// Reading it could wait for ever, never end, or act on a device.
    #[error("{0}")]
    NotRegular(&'static str),
    #[error("more than {0} bytes")]
    TooLarge(u64),
}

impl FileError {
    pub(super) fn is_absent(&self) -> bool {
        matches!(self, Self::Io(error) if error.kind() == io::ErrorKind::NotFound)
    }
}

/// A regular file without content. It need not be readable.
pub(super) fn is_empty(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|metadata| metadata.is_file() && metadata.len() == 0)
}

/// The content of a regular file, or of one that a symbolic link leads to; at most `limit` bytes.
pub(super) fn read(path: &Path, limit: u64) -> Result<Vec<u8>, FileError> {
    // Before it is opened: opening some devices already has an effect.
    regular(stat(path).map_err(io::Error::from)?.st_mode)?;
    // It may have been replaced meanwhile: opening a FIFO must not wait for its writer.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = open(path, flags, Mode::empty()).map_err(io::Error::from)?;
    regular(fstat(&file).map_err(io::Error::from)?.st_mode)?;
    let mut bytes = Vec::new();
    File::from(file).take(limit + 1).read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length <= limit) {
        Ok(bytes)
    } else {
        Err(FileError::TooLarge(limit))
    }
}

fn regular(mode: u32) -> Result<(), FileError> {
    let kind = match FileType::from_raw_mode(mode) {
        FileType::RegularFile => return Ok(()),
        FileType::Directory => "a directory",
        FileType::Fifo => "a FIFO",
        FileType::Socket => "a socket",
        FileType::CharacterDevice | FileType::BlockDevice => "a device",
        _ => "not a regular file",
    };
    Err(FileError::NotRegular(kind))
}
