//! Logs panics.

/// Installs a hook that logs panics, at most one a minute, because a client can make threads of tiny_http panic repeatedly.
pub(crate) fn log_panics() {
    let last = std::sync::Mutex::new(None::<std::time::Instant>);
    std::panic::set_hook(Box::new(move |panic| {
        let mut last = last.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if last.is_some_and(|at| at.elapsed().as_secs() < 60) {
            return;
        }
        *last = Some(std::time::Instant::now());
        let thread = std::thread::current();
        log::warn!("thread panicked thread={} panic={:?}", thread.name().unwrap_or("unnamed"), panic.to_string());
    }));
}
