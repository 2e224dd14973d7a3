//! Questions that only a system call answers, asked of the running machine.
//!
//! The one file of the agent that may contain `unsafe`: each block names why it is sound. Everything here only reads.

use std::os::fd::OwnedFd;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// The node name, as `uname -n`.
pub(crate) fn node_name() -> Option<String> {
    rustix::system::uname().nodename().to_str().ok().map(str::to_owned)
}

/// The machine architecture, as `uname -m`.
pub(crate) fn architecture() -> Option<String> {
    rustix::system::uname().machine().to_str().ok().map(str::to_owned)
}

/// The kernel's idea of how well its clock is disciplined.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct ClockDiscipline {
    /// Whether something keeps the clock synchronised.
    pub(crate) synchronized: bool,
    /// Offset that is being corrected, milliseconds.
    pub(crate) offset_ms: f64,
    /// Upper bound of the error, milliseconds.
    pub(crate) max_error_ms: f64,
}

/// Reads the clock discipline; none where the kernel refuses.
#[expect(unsafe_code, reason = "adjtimex has no safe wrapper here")]
pub(crate) fn clock_discipline() -> Option<ClockDiscipline> {
    // SAFETY: timex consists of integers, for which zeros are valid.
    let mut timex: libc::timex = unsafe { std::mem::zeroed() };
    // SAFETY: the pointer is to a live, exclusive timex; modes is 0, so nothing is set.
    let state = unsafe { libc::adjtimex(&raw mut timex) };
    if state < 0 {
        return None;
    }
    let unit = if timex.status & libc::STA_NANO == 0 { 1e3 } else { 1e6 };
    #[allow(clippy::unnecessary_cast, clippy::cast_precision_loss, reason = "the width of these fields differs between architectures")]
    let (offset, max_error) = (timex.offset as f64, timex.maxerror as f64);
    Some(ClockDiscipline { synchronized: timex.status & libc::STA_UNSYNC == 0, offset_ms: offset / unit, max_error_ms: max_error / 1e3 })
}

/// A descriptor that the runtime waits for.
///
/// # Errors
/// When the kernel does not let it be waited for.
#[expect(unsafe_code, reason = "registering a descriptor with the runtime has no safe form")]
pub(crate) fn awaited(descriptor: OwnedFd, interest: Interest) -> std::io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: an OwnedFd is a valid, open descriptor, always the same, and it is owned by the AsyncFd from here on.
    Ok(unsafe { AsyncFd::register_with_interest(descriptor, interest) }?)
}
