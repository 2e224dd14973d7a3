//! Advisories: what is known to be wrong with which versions of which packages, and on which hosts those are.
//!
//! Records come in the Open Source Vulnerability format (OSV) and are kept in the few fields that matching and people need. A match is
//! between an advisory and a pair of the software index (a product in a version), never between an advisory and a host: what
//! thousands of hosts share is judged once, when the advisory or the pair comes. Which release of a distribution a host runs is asked
//! when somebody looks. Invariant: what cannot be compared (an unknown distribution, a host without a known release) is not reported
//! as affected, and neither is anything reported as safe: absence of a match is absence of knowledge.

pub mod cvss;
pub mod decide;
pub mod ecosystem;
pub mod fold;
pub mod matching;
pub mod osv;
#[cfg(test)]
mod tests;

pub use ecosystem::{Ecosystem, Kind};
pub use matching::{Exposure, Matches};

use rollcall_shared::Timestamp;
use rollcall_shared::id::NotAnId;
use serde::{Deserialize, Deserializer, Serialize, de};
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// An advisory's id as its database gives it, such as `DSA-5764-1` or `GHSA-jfh8-c2jp-5v3q`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct AdvisoryId(String);

/// Characters of an id; the longest known prefixes and numbers have about 40.
const ID_CHARS: usize = 100;

impl AdvisoryId {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AdvisoryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for AdvisoryId {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<Self, NotAnId> {
        let fits = (1..=ID_CHARS).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte));
        if fits { Ok(Self(text.to_owned())) } else { Err(NotAnId("letters, digits and -_.:; in place of")) }
    }
}

impl<'de> Deserialize<'de> for AdvisoryId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(|_| de::Error::custom("an advisory id is 1 to 100 letters, digits and -_.:"))
    }
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rating {
    /// Not at all.
    None,
    /// Up to 3.9.
    Low,
    /// Up to 6.9.
    Medium,
    /// Up to 8.9.
    High,
    /// From 9.0 on.
    Critical,
}

/// How bad it is, and who says so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Severity {
    /// In one word.
    pub rating: Rating,
    /// Base score of CVSS 3 in tenths, when there is a vector of that version.
    #[serde(default)]
    pub score_tenths: Option<u8>,
    /// The vector.
    #[serde(default)]
    pub vector: Option<String>,
}

/// Versions from one on up to another.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interval {
    /// The first affected version; `None` from the very first on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub introduced: Option<Box<str>>,
    /// The first version that is not affected any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fixed: Option<Box<str>>,
    /// The last affected version, when no fix is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_affected: Option<Box<str>>,
}

/// An affected package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Affected {
    /// As OSV names it, such as `Debian:12`.
    pub ecosystem: Box<str>,
    /// The package's name there: of the source package for Debian, Ubuntu, Alpine and Rocky Linux.
    pub name: Box<str>,
    /// Affected versions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub intervals: Vec<Interval>,
    /// Affected versions that are in none of the intervals.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub versions: Vec<Box<str>>,
}

/// An advisory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Advisory {
    /// Its id.
    pub id: AdvisoryId,
    /// Other names of the same thing, such as CVE numbers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
    /// In one sentence.
    #[serde(default)]
    pub summary: Option<String>,
    /// How bad it is; unknown when its database does not say.
    #[serde(default)]
    pub severity: Option<Severity>,
    /// When it was published.
    #[serde(default)]
    pub published: Option<Timestamp>,
    /// When its database last changed it.
    pub modified: Timestamp,
    /// When it was taken back; it affects nothing then.
    #[serde(default)]
    pub withdrawn: Option<Timestamp>,
    /// What is affected.
    #[serde(default)]
    pub affected: Vec<Affected>,
}

/// An advisory with its record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownAdvisory {
    /// The advisory.
    pub advisory: Advisory,
    /// When it came in.
    pub imported_at: Timestamp,
    /// Log revision of the last change; its ETag.
    pub revision: u64,
}

/// What happened to advisories.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum AdvisoryEvent {
    /// Some are new, or as they are now.
    AdvisoriesImported {
        /// Each replaces what was known under its id.
        advisories: Vec<Advisory>,
    },
}

/// What people ask of advisories.
#[derive(Clone, Debug, PartialEq)]
pub enum AdvisoryCommand {
    /// Take in advisories, as [`osv::read`] made them.
    Import {
        /// At most [`decide::ADVISORIES_PER_IMPORT`].
        advisories: Vec<Advisory>,
    },
}

/// What is known to be wrong with software.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Advisories {
    /// By id.
    #[serde(default)]
    pub advisories: BTreeMap<AdvisoryId, KnownAdvisory>,
    /// What they match: a projection, rebuilt and never stored.
    #[serde(skip)]
    pub matches: Matches,
}

impl Advisories {
    /// A copy of all that a snapshot stores, without the projection.
    pub(crate) fn without_projections(&self) -> Self {
        let Self { advisories, matches: _ } = self;
        Self { advisories: advisories.clone(), matches: Matches::default() }
    }
}

impl Affected {
    /// The ecosystem; none when it is one that hosts are not matched by.
    #[must_use]
    pub fn ecosystem(&self) -> Option<Ecosystem<'_>> {
        Ecosystem::read(&self.ecosystem)
    }

    /// Whether a version is affected, and if so the version that fixes it, where one is known.
    #[must_use]
    pub fn judge(&self, kind: Kind, version: &str) -> Option<Option<&str>> {
        let scheme = kind.scheme();
        let version = kind.plain_version(version);
        let within = self.intervals.iter().find(|interval| {
            interval.introduced.as_deref().is_none_or(|first| scheme.compare(version, first).is_ge())
                && interval.fixed.as_deref().is_none_or(|fixed| scheme.compare(version, fixed).is_lt())
                && interval.last_affected.as_deref().is_none_or(|last| scheme.compare(version, last).is_le())
        });
        match within {
            Some(interval) => Some(interval.fixed.as_deref()),
            None => self.versions.iter().any(|listed| scheme.compare(version, listed).is_eq()).then_some(None),
        }
    }
}
