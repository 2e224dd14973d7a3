//! The load of a fleet: simulated agents against a real server, and what it costs.
//!
//! Latency is measured from the moment a push was due, not from the moment the generator got round to it: a server that makes
//! its clients queue must not look fast.

pub mod drive;
pub mod report;

pub use drive::{Plan, Target, drive};
pub use report::Report;
