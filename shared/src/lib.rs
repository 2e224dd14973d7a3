//! The contract between agents and server.
//!
//! What an agent says and what a server answers, in types: [`section`]s of inventory with one canonical byte form each,
//! health [`sample`]s against a series table and the table of all [`metric`]s, the [`message`]s that carry them, [`enrol`]ment, and the [`limits`] both
//! sides hold each other to. Whatever is encoded here must be decodable by the releases of the next two minor versions.
//!
//! This crate must never do IO, read a clock or draw randomness: times, ids and bytes are handed in.

pub mod endpoint;
pub mod enrol;
pub mod hash;
pub mod id;
pub mod limits;
pub mod message;
pub mod metric;
pub mod sample;
pub mod section;
pub mod time;
pub mod wire;

pub use hash::ContentHash;
pub use id::AgentId;
pub use section::{Outcome, Section, SectionName};
pub use time::Timestamp;
