//! The pure core of Rollcall's server.
//!
//! What the server knows is the fold of one log of [`event`]s. [`decide`](World::decide) holds all judgement and may change
//! with every release; [`apply`](World::apply) is memory: total, reading nothing but the record, kept working for ever.
//! Each subject has one module with its data, its events, its decisions and their tests: [`trust`] (agents, tokens, feeds and what they
//! measure; [`collect`] makes sample sets of that),
//! [`ci`] (configuration items), [`attribute`] (their types), [`catalogue`] and [`advisory`] (software), [`contact`], [`group`],
//! [`import`], [`delivery`], [`rule`], [`alert`], [`incident`], [`problem`] with their [`attachment`]s and what changed of them
//! ([`field_change`]), [`notification`].
//!
//! Nothing here does IO, reads a clock, draws randomness or iterates in hash order: time, ids and content are arguments, so
//! that a recorded log folds to the same state on every machine and a simulated week runs in seconds.

pub mod actor;
pub mod advisory;
pub mod alert;
pub mod attachment;
pub mod attribute;
pub mod catalogue;
pub mod ci;
pub mod collect;
pub mod command;
pub mod contact;
pub mod context;
pub mod copy_on_write;
pub mod delivery;
pub mod event;
pub mod field_change;
pub mod group;
pub mod id;
pub mod import;
pub mod incident;
pub mod journal;
pub mod notification;
pub mod problem;
pub mod query;
pub mod records;
pub mod rejection;
pub mod rule;
pub mod sample;
pub mod trust;
pub mod world;

pub use actor::Actor;
pub use command::Command;
pub use context::{Content, Context, IdSource};
pub use event::{Event, Record};
pub use rejection::Rejection;
pub use world::World;
