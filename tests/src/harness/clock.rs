//! The one place of this package that reads clocks and draws randomness, and the one way to wait.
#![expect(clippy::disallowed_methods, reason = "the harness stands outside of what it tests: this file is its clock")]

use anyhow::{Result, bail};
use rollcall_shared::Timestamp;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Long enough for a loaded machine with two cores; a condition that holds is noticed at once.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// How often a condition is looked at.
const GLANCE: Duration = Duration::from_millis(20);

/// The wall clock.
#[must_use]
pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// The monotonic clock.
#[must_use]
pub fn instant() -> Instant {
    Instant::now()
}

/// Random bits for names that must not collide between runs.
///
/// # Errors
/// When the kernel has no randomness.
pub fn random() -> Result<u128> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| anyhow::anyhow!("the kernel gives no randomness: {error}"))?;
    Ok(u128::from_be_bytes(bytes))
}

/// Looks until `look` finds something.
///
/// # Errors
/// When it found nothing before the deadline: names what was waited for and the last failure.
pub fn until<T>(patience: Duration, what: &str, mut look: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    let deadline = instant() + patience;
    loop {
        let seen = look();
        if let Ok(Some(found)) = seen {
            return Ok(found);
        }
        if instant() >= deadline {
            bail!("waited {} s in vain: {what}{}", patience.as_secs(), last(seen));
        }
        std::thread::sleep(GLANCE);
    }
}

/// Looks until `look` finds something, giving way to other tasks between.
///
/// # Errors
/// When it found nothing before the deadline: names what was waited for and the last failure.
pub async fn until_async<T>(patience: Duration, what: &str, mut look: impl AsyncFnMut() -> Result<Option<T>>) -> Result<T> {
    let deadline = instant() + patience;
    loop {
        let seen = look().await;
        if let Ok(Some(found)) = seen {
            return Ok(found);
        }
        if instant() >= deadline {
            bail!("waited {} s in vain: {what}{}", patience.as_secs(), last(seen));
        }
        tokio::time::sleep(GLANCE).await;
    }
}

fn last<T>(seen: Result<Option<T>>) -> String {
    seen.err().map(|error| format!("; last failure: {error:#}")).unwrap_or_default()
}
