//! How a source came to its word.

use rollcall_shared::SectionName;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;
use std::str::FromStr;

/// How a value was found. A closed set, because every proposal of every host holds one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Method {
    /// A section of an inventory tells it.
    Section(SectionName),
    /// A person or program gave it through the API.
    Api,
    /// A row of an import gave it.
    Import,
    /// It follows from what is known of other items, such as a service from a listener.
    Derived,
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Section(name) => write!(f, "section {name}"),
            Self::Api => f.write_str("api"),
            Self::Import => f.write_str("import"),
            Self::Derived => f.write_str("derived"),
        }
    }
}

impl FromStr for Method {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        match text {
            "api" => Ok(Self::Api),
            "import" => Ok(Self::Import),
            "derived" => Ok(Self::Derived),
            _ => text.strip_prefix("section ").and_then(|name| name.parse().ok()).map(Self::Section).ok_or("is no method"),
        }
    }
}

impl Serialize for Method {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Method {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        std::borrow::Cow::<str>::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}
