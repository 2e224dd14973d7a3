//! Rollcall's server.

pub mod store;
