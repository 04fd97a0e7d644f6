//! The read path: the source of each answer, and the `X-Cache` that it gets.
//!
//! 1. Redis has the key: HIT.
//! 2. Redis has only a last-known copy of the same drive or topology: STALE, and a refresh is requested. While Redis
//!    rejects writes, newer values in memory take precedence: MISS.
//! 3. Redis has neither: a drive is read now, a list is built from what is known. MISS.
//! 4. Redis is unavailable: a drive is read now, a list is served from memory. MISS.
//! 5. None of these in time: an error.
//!
//! Only this module decides that. It starts no child process, and waits for Redis no longer than the Redis timeouts.

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
