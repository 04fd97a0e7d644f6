//! Which SCSI addresses lead to one drive.

use crate::domain::drive::Drive;
use std::collections::HashMap;

/// The drive behind each SCSI address, by its position in the list of drives.
#[derive(Debug, Default)]
pub struct DriveOwners<'a> {
    by_address: HashMap<&'a str, Owner>,
}

#[derive(Clone, Copy, Debug)]
struct Owner {
    drive: usize,
    has_two_paths: bool,
}

impl<'a> DriveOwners<'a> {
    pub fn of(drives: &'a [Drive]) -> Self {
        let mut by_address = HashMap::new();
        for (position, drive) in drives.iter().enumerate() {
            let owner = Owner { drive: position, has_two_paths: drive.paths.len() > drive.units.len().max(1) };
            by_address.extend(drive.paths.iter().map(|path| (path.address.as_str(), owner)));
        }
        Self { by_address }
    }

    /// True if both addresses lead to one drive. `None` if one of them leads to no drive that is present.
    pub(super) fn compare(&self, one: &str, other: &str) -> Option<bool> {
        Some(self.by_address.get(one)?.drive == self.by_address.get(other)?.drive)
    }

    pub(super) fn drive(&self, address: &str) -> Option<usize> {
        self.by_address.get(address).map(|owner| owner.drive)
    }

    pub(super) fn has_two_paths(&self, address: &str) -> bool {
        self.by_address.get(address).is_some_and(|owner| owner.has_two_paths)
    }
}
