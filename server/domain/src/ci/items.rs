//! All configuration items by id.

pub mod frozen;

pub use frozen::packed;

use super::Ci;
use crate::id::CiId;
use crate::records::Records;

/// Items in order of their ids. A snapshot holds them in a form of their own (`frozen`).
pub type Items = Records<CiId, Ci>;
