//! Names of sources, and patterns over them: what an administrator writes in a policy and a path.
//!
//! One word is a kind (`person`, `agent`, `feed`), with a name after a colon one source (`person:ada`, `feed:glpi`); an agent is
//! named by its id alone (`agent_…`). A feed may end in `*` to mean all whose names begin so (`feed:import:*`).

use crate::ci::Source;
use rollcall_shared::AgentId;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;
use std::str::FromStr;

/// Bytes of the name of a source: that of a token has 100 characters of at most four bytes.
pub const SOURCE_NAME_BYTES: usize = 400;

/// Which sources are meant.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Selector {
    /// Everything that people assert.
    People,
    /// Everything that agents measure.
    Agents,
    /// Everything that other systems deliver.
    Feeds,
    /// Feeds whose names begin like this.
    FeedsNamed(String),
    /// One source.
    One(Source),
}

/// A text that names no sources.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be person, agent, feed, person:NAME, feed:NAME, feed:PREFIX* or the id of an agent")]
pub struct NotASelector;

impl Selector {
    /// Whether a source is meant.
    #[must_use]
    pub fn selects(&self, source: &Source) -> bool {
        match (self, source) {
            (Self::People, Source::Person { .. }) | (Self::Agents, Source::Agent { .. }) | (Self::Feeds, Source::Feed { .. }) => true,
            (Self::FeedsNamed(prefix), Source::Feed { name }) => name.starts_with(prefix.as_str()),
            (Self::One(one), _) => one == source,
            _ => false,
        }
    }

    /// How closely it says which source is meant: a kind, some of a kind, one.
    #[must_use]
    pub fn closeness(&self) -> usize {
        match self {
            Self::People | Self::Agents | Self::Feeds => 1,
            Self::FeedsNamed(prefix) => 2 + prefix.len(),
            Self::One(_) => usize::MAX,
        }
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::People => f.write_str("person"),
            Self::Agents => f.write_str("agent"),
            Self::Feeds => f.write_str("feed"),
            Self::FeedsNamed(prefix) => write!(f, "feed:{prefix}*"),
            Self::One(source) => source.fmt(f),
        }
    }
}

impl FromStr for Selector {
    type Err = NotASelector;

    fn from_str(text: &str) -> Result<Self, NotASelector> {
        match text {
            "person" => Ok(Self::People),
            "agent" => Ok(Self::Agents),
            "feed" => Ok(Self::Feeds),
            _ => match text.strip_prefix("feed:").and_then(|name| name.strip_suffix('*')) {
                Some(prefix) if prefix.len() <= SOURCE_NAME_BYTES => Ok(Self::FeedsNamed(prefix.to_owned())),
                _ => text.parse().map(Self::One),
            },
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Person { name } => write!(f, "person:{name}"),
            Self::Agent { id } => id.fmt(f),
            Self::Feed { name } => write!(f, "feed:{name}"),
        }
    }
}

impl FromStr for Source {
    type Err = NotASelector;

    fn from_str(text: &str) -> Result<Self, NotASelector> {
        let fits = |name: &&str| !name.is_empty() && name.len() <= SOURCE_NAME_BYTES;
        if let Some(name) = text.strip_prefix("person:").filter(fits) {
            return Ok(Self::Person { name: name.to_owned() });
        }
        if let Some(name) = text.strip_prefix("feed:").filter(fits) {
            return Ok(Self::Feed { name: name.to_owned() });
        }
        text.parse::<AgentId>().map(|id| Self::Agent { id }).map_err(|_| NotASelector)
    }
}

impl Serialize for Selector {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Selector {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(|error| de::Error::custom(format!("{:?} {error}", super::super::normalise::cut(&text, 64))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, meant: &[&str]) {
        let selector: Selector = text.parse().unwrap();
        assert_eq!(selector.to_string(), text);
        let sources = ["person:ada", "person:bob", "agent_00000000000000000000000001", "feed:glpi", "feed:import:racks"];
        let selected = sources.into_iter().filter(|source| selector.selects(&source.parse().unwrap()));
        assert_eq!(selected.collect::<Vec<_>>(), meant, "{text}");
    }

    #[test]
    fn a_selector_means_a_kind_a_family_or_one() {
        check("person", &["person:ada", "person:bob"]);
        check("person:bob", &["person:bob"]);
        check("agent", &["agent_00000000000000000000000001"]);
        check("agent_00000000000000000000000001", &["agent_00000000000000000000000001"]);
        check("feed", &["feed:glpi", "feed:import:racks"]);
        check("feed:import:*", &["feed:import:racks"]);
        check("feed:import", &[]);
    }

    #[test]
    fn what_names_no_source_is_refused() {
        for text in ["", "people", "person:", "feed:", "agent:", "agent_1", "Person:ada", &format!("feed:{}", "x".repeat(401))] {
            assert!(text.parse::<Selector>().is_err(), "{text}");
        }
    }
}
