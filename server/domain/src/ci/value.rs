//! Values of attributes.

use serde::{Deserialize, Serialize};
use std::cmp::Ordering;

/// A value of an attribute. Numbers are finite.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(untagged, expecting = "must be true or false, a number, a text or a list of texts")]
pub enum AttributeValue {
    /// Yes or no.
    Boolean(bool),
    /// A whole number; sizes are in bytes.
    Integer(i64),
    /// Another number.
    Number(f64),
    /// Text.
    Text(String),
    /// Several texts.
    List(Vec<String>),
}

impl std::fmt::Display for AttributeValue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Boolean(value) => value.fmt(f),
            Self::Integer(value) => value.fmt(f),
            Self::Number(value) => value.fmt(f),
            Self::Text(value) => f.write_str(value),
            Self::List(values) => f.write_str(&values.join(", ")),
        }
    }
}

impl Ord for AttributeValue {
    fn cmp(&self, other: &Self) -> Ordering {
        let kind = |value: &Self| match value {
            Self::Boolean(_) => 0,
            Self::Integer(_) => 1,
            Self::Number(_) => 2,
            Self::Text(_) => 3,
            Self::List(_) => 4,
        };
        match (self, other) {
            (Self::Boolean(a), Self::Boolean(b)) => a.cmp(b),
            (Self::Integer(a), Self::Integer(b)) => a.cmp(b),
            (Self::Number(a), Self::Number(b)) => a.total_cmp(b),
            (Self::Text(a), Self::Text(b)) => a.cmp(b),
            (Self::List(a), Self::List(b)) => a.cmp(b),
            _ => kind(self).cmp(&kind(other)),
        }
    }
}

impl PartialOrd for AttributeValue {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for AttributeValue {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for AttributeValue {}
