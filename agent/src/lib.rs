//! Rollcall's agent: collects inventory and health on a host, keeps them on disk until the server has them, and pushes them.
//!
//! `root` reads a host or a captured tree; `collect` and `health` say what is there; `spool` and `sections` keep it; `enrol`,
//! `identity` and `trust` say who speaks to whom; `uplink` decides what to say, `http` says it; `run` holds the loop. Nothing
//! here takes orders: what a server can change are intervals, thresholds and what is sent again.

#![cfg_attr(not(linux), allow(dead_code, reason = "what only Linux's collectors need stands beside what all need"))]

#[cfg(linux)]
pub mod checks;
pub mod cli;
pub mod clock;
pub mod collect;
pub mod config;
pub mod enrol;
pub mod entropy;
pub mod health;
pub mod http;
pub mod identity;
pub mod logging;
mod platform;
pub mod probe;
pub mod render;
pub mod root;
pub mod run;
pub mod sections;
pub mod spool;
pub mod state;
pub mod trust;
pub mod uplink;

#[cfg(linux)]
mod kernel;

#[cfg(all(linux, any(test, feature = "fuzzing")))]
#[doc(hidden)]
pub mod fuzz;
