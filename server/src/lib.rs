//! Rollcall's server: the edges around the pure core of `rollcall-domain`.
//!
//! `main → app → {api, foreign, ingest, delivery, upkeep} → engine → {domain, store}`; `api → backtest → engine`. Only the engine appends to the log; `api`, `foreign`
//! and `ingest` never import each other, because operators, other people's agents and ours are different trust domains. Time comes from [`clock`] and randomness from
//! [`entropy`], nowhere else. HTTP status codes are chosen in `answer` alone.

pub mod acknowledge;
pub mod admin;
pub mod answer;
pub mod api;
pub mod app;
pub mod backtest;
pub mod bill;
pub mod ca;
pub mod cli;
pub mod clock;
pub mod collecting;
pub mod config;
pub mod connections;
pub mod data_directory;
pub mod delivery;
pub mod engine;
pub mod entropy;
pub mod foreign;
pub mod ingest;
pub mod inventory_format;
pub mod listener;
pub mod log;
pub mod observability;
pub mod rate_limit;
pub mod refusals;
pub mod remote_write;
pub mod store;
#[cfg(test)]
mod testing;
pub mod tls;
pub mod token;
