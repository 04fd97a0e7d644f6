//! Looks at which version of a list Redis has, shared by those who came before one began.

use crate::api::content_version::ContentVersion;
use crate::cache::{Copy, Key, StoreError};
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// How often a worker lets others run while a look is under way that began too early for it. It takes as long as a
/// look at a Redis nearby; being woken would take longer.
const YIELDS: usize = 20;

type Place = (Key, Copy);

#[derive(Default)]
pub(super) struct Looks(Mutex<HashMap<Place, Look>>);

#[derive(Default)]
struct Look {
    under_way: usize,
    /// The last one: when it began, what it saw.
    last: Option<(Instant, Option<ContentVersion>)>,
}

impl Looks {
    /// What Redis had after `since`, when a request had come. A look that another request began later shows that as well
    /// as an own would; one that began earlier does not, but when it ends, one look does for all who came meanwhile.
    /// So none is answered with what Redis had before it came.
    pub(super) fn look(
        &self,
        key: &Key,
        copy: Copy,
        since: Instant,
        ask: impl FnOnce() -> Result<Option<ContentVersion>, StoreError>,
    ) -> Result<Option<ContentVersion>, StoreError> {
        let place = (key.clone(), copy);
        for yields in 0.. {
            let mut all = self.all();
            let look = all.entry(place.clone()).or_default();
            if let Some((_, version)) = look.last.filter(|(began, _)| *began >= since) {
                return Ok(version);
            }
            if look.under_way == 0 || yields == YIELDS {
                look.under_way += 1;
                break;
            }
            drop(all);
            std::thread::yield_now();
        }
        let mut own = UnderWay { looks: self, place, seen: None };
        let began = Instant::now();
        let version = ask()?;
        own.seen = Some((began, version));
        Ok(version)
    }

    fn all(&self) -> MutexGuard<'_, HashMap<Place, Look>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends the look, however that comes about.
struct UnderWay<'a> {
    looks: &'a Looks,
    place: Place,
    seen: Option<(Instant, Option<ContentVersion>)>,
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        if let Some(look) = self.looks.all().get_mut(&self.place) {
            look.under_way -= 1;
            if self.seen.map(|(began, _)| began) > look.last.map(|(began, _)| began) {
                look.last = self.seen;
            }
        }
    }
}
