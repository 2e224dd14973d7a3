//! Rollcall from end to end: the real programs on loopback.
//!
//! Whatever a test does, the server that it started is stopped at its end and the log is replayed (see the harness). Suites
//! that take long are scaled by environment variables, so that `cargo test` alone stays short; `tests/run` sets them.

mod bad_input;
mod breach;
mod command_line;
mod crash;
mod first_minute;
mod foreign_agents;
mod load;
mod outage;
mod plugin;
mod power;
mod quickstart;
mod scene;
mod sharing;
mod supply_chain;
mod tidy;
mod trust;
