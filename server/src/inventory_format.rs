//! Other people's inventory format, read and written: GLPI's JSON, and the XML of OCS Inventory and FusionInventory that it grew
//! out of.
//!
//! Both forms become one [`Document`]: categories of rows of texts. [`convert`] turns it into sections with normalised units,
//! [`export`] turns sections into GLPI's JSON again. Everything here is pure: no IO, no clock, no state. Invariants: reading is
//! bounded in values, depth and text before anything is built; what a row does not say stays unknown; a row that cannot be used
//! is dropped and counted, and the section that it is missing from is partial, so that nothing disappears by it.

pub mod convert;
pub mod export;
pub mod json;
pub mod xml;

mod document;
mod units;

pub use document::{Document, FormatError, Row};

/// What a JSON or XML message says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Message {
    /// `contact`, `inventory`, `prolog`, …, in lower case.
    pub action: String,
    /// What the agent calls its machine.
    pub device: Option<String>,
    /// What it called it before.
    pub former_device: Option<String>,
    /// `Computer`, `NetworkEquipment`, …; JSON only.
    pub item_type: Option<String>,
    /// Whether only some categories were collected; JSON only.
    pub partial: bool,
    /// The content; empty for messages without.
    pub content: Option<Document>,
}
