//! The read path: where an answer comes from, and what `X-Cache` says of it.
//!
//! 1. Redis has the key: HIT.
//! 2. Redis has only a last-known copy of the same drive or topology: STALE, and a refresh is requested. While Redis
//!    rejects writes, what has been read since comes first: MISS, from memory.
//! 3. Redis has neither: one drive is read now; lists are made from what is known. MISS.
//! 4. Redis is unavailable: one drive is read now; lists come from memory. MISS.
//! 5. Nothing in time: unavailable.
//!
//! Only this module decides that. It starts no child process, and waits for Redis no longer than Redis's own timeouts.

mod answer;
mod drives;
mod lists;
mod parse_lock;
mod policy;
mod rejected;
mod response_body;
mod response_cache;
mod service_status;
mod version_check;
mod view;

pub(crate) use answer::{Answer, RETRY_AFTER_SECONDS, ReadError, XCache};
pub(crate) use policy::Reader;
pub(crate) use response_body::ResponseBody;
pub(crate) use service_status::ServiceStatus;
pub(crate) use view::View;
