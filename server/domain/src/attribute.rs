//! Which attributes there are: those that come with Rollcall, read only, and those that people define, with types.
//!
//! A defined attribute is checked whenever somebody asserts it; an attribute that nobody defined takes any value. Invariant:
//! no definition is there that a value of its classes contradicts, save for values measured before anybody defined them.

mod built_in;
pub mod decide;
mod value;

pub use built_in::{BUILT_IN, BuiltIn};
pub use decide::{check_required, typed, typed_change};
pub use value::{fit, read_text};

use crate::Record;
use crate::ci::Class;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What values an attribute takes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Kind {
    /// Any text.
    Text,
    /// A whole number.
    Integer,
    /// A number.
    Number,
    /// Yes or no.
    Boolean,
    /// A day, as `2026-11-25`.
    Date,
    /// One of these words.
    Enumeration {
        /// In the order in which people are shown them.
        values: Vec<String>,
    },
    /// An address that a browser opens.
    Url,
    /// Another configuration item, by its id.
    Ci,
    /// A person or team, by name or id; kept by name.
    Contact,
    /// Several texts.
    List,
}

impl Kind {
    /// The name in JSON.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::Boolean => "boolean",
            Self::Date => "date",
            Self::Enumeration { .. } => "enumeration",
            Self::Url => "url",
            Self::Ci => "ci",
            Self::Contact => "contact",
            Self::List => "list",
        }
    }
}

/// An attribute that people defined.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Definition {
    /// Its name, for ever.
    pub name: String,
    /// What people call it.
    pub label: String,
    /// What values it takes.
    pub kind: Kind,
    /// Classes that have it, and what inherits from them; none for all.
    pub classes: BTreeSet<Class>,
    /// Whether people may not make a record without it.
    pub required: bool,
    /// What its number counts, such as `EUR` or `W`.
    pub unit: Option<String>,
}

impl Definition {
    /// Whether things of a class have it.
    #[must_use]
    pub fn applies_to(&self, class: Class) -> bool {
        self.classes.is_empty() || self.classes.iter().any(|known| class.is_a(*known))
    }
}

/// A definition with its history.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KnownDefinition {
    /// As it is now.
    pub definition: Definition,
    /// Log revision of the last change; its ETag.
    pub revision: u64,
}

/// What happened to definitions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum AttributeEvent {
    /// One was made or changed; carried whole.
    AttributeDefined {
        /// As it is now.
        definition: Box<Definition>,
    },
    /// One was withdrawn. Values stay and are of no type from then on.
    AttributeWithdrawn {
        /// Which.
        name: String,
    },
}

/// What people ask of definitions.
#[derive(Clone, Debug, PartialEq)]
pub enum AttributeCommand {
    /// Define a new attribute.
    Define(Box<Definition>),
    /// Change what may change: everything but the name and the type.
    Change {
        /// As it is to be.
        definition: Box<Definition>,
        /// Revision that the person saw.
        expected: Option<u64>,
    },
    /// Withdraw a definition.
    Withdraw {
        /// Which.
        name: String,
        /// Revision that the person saw.
        expected: Option<u64>,
    },
}

/// All definitions of people, by name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Attributes {
    /// By name.
    pub definitions: BTreeMap<String, KnownDefinition>,
}

impl Attributes {
    /// Remembers an event. Total.
    pub fn apply(&mut self, record: &Record, event: &AttributeEvent) {
        match event {
            AttributeEvent::AttributeDefined { definition } => {
                let known = KnownDefinition { definition: (**definition).clone(), revision: record.revision };
                self.definitions.insert(definition.name.clone(), known);
            }
            AttributeEvent::AttributeWithdrawn { name } => drop(self.definitions.remove(name)),
        }
    }
}

#[cfg(test)]
mod tests;
