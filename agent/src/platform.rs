//! What differs between operating systems outside of the collectors: whose files are private, positioned reads, signals, names.
//!
//! `linux` and `unix_like` are set by `build.rs` from the target, so that the features `check-as-unix` and `check-as-other` can
//! have the code for other systems compiled and checked on a machine that has no toolchain for them.

#[cfg(not(unix_like))]
mod other;
#[cfg(unix_like)]
mod unix;

#[cfg(not(unix_like))]
pub(crate) use other::*;
#[cfg(unix_like)]
pub(crate) use unix::*;

/// What a running agent is told from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// To stop, and how it was said.
    Stop(&'static str),
    /// To take an inventory now.
    Report,
}
