//! The harness: real binaries on loopback in temporary directories, and agents that exist only as numbers.
//!
//! Invariants: a test waits for a condition with a deadline, never for a time; every server that a test started is stopped at
//! its end and the log it leaves behind is replayed and checked; every process that was started is gone when its owner is.

pub mod agent;
pub mod api;
pub mod binaries;
pub mod clock;
pub mod connection;
pub mod host;
pub mod process;
pub mod seclusion;
pub mod server;
pub mod simulated;

pub use agent::Agent;
pub use api::{Answer, Api};
pub use binaries::binaries;
pub use clock::{until, until_async};
pub use host::Host;
pub use process::Process;
pub use seclusion::Seclusion;
pub use server::Server;
pub use simulated::{Identity, Refusal, SimulatedAgent};
