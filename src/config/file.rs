//! Reads the files that settings name. Only regular files of a limited size are accepted.

use rustix::fs::{FileType, Mode, OFlags, fstat, open, stat};
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use thiserror::Error;

/// Why a file cannot be read.
#[derive(Debug, Error)]
pub(super) enum FileError {
    #[error("{0}")]
    Io(#[from] io::Error),
    /// Rejected, because reading it could block forever, never end, or have an effect on a device.
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

/// Whether it is a regular file without content. It need not be readable.
pub(super) fn is_empty(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|metadata| metadata.is_file() && metadata.len() == 0)
}

/// The content of a regular file of at most `limit` bytes. Symbolic links are followed.
pub(super) fn read(path: &Path, limit: u64) -> Result<Vec<u8>, FileError> {
    // Checked before opening, because opening some devices already has an effect.
    regular(stat(path).map_err(io::Error::from)?.st_mode)?;
    // The file may have been replaced since. NONBLOCK: opening a FIFO must not wait for its writer.
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
