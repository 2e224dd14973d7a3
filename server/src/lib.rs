//! Rollcall's server.

pub mod clock;
pub mod engine;
pub mod entropy;
pub mod log;
pub mod store;
