//! Why an item counts against a metric.

use super::Metric;
use crate::ci::Lifecycle;
use crate::id::{CiId, TaskId};
use rollcall_shared::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Why, for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReasonCode {
    /// A required attribute is not known.
    LacksRequired,
    /// A recommended attribute is not known. It takes from the score, and makes no item incomplete.
    LacksRecommended,
    /// People say something else than machines.
    Drifts,
    /// A value is none of its type.
    WrongType,
    /// An identifier is a placeholder.
    JunkIdentifier,
    /// Machines say different things of what identifies it.
    Contradicted,
    /// Something about it is in doubt.
    OpenReview,
    /// It has not been heard of for too long.
    NotSeen,
    /// Its life says that it is stale or missing.
    Absent,
    /// Several records may be one thing.
    MayBeDuplicate,
    /// It is known to be another record of the same thing.
    IsDuplicate,
    /// What it hangs on is unknown.
    NoHost,
    /// What it hangs on is out of use.
    HostOutOfUse,
    /// No host has it.
    NotInstalled,
    /// It is related to something that is out of use.
    RelatedToOutOfUse,
    /// It is related to nothing.
    Unrelated,
    /// It has no owner, no support group and is in no group.
    NobodyResponsible,
}

impl ReasonCode {
    /// All of them.
    pub const ALL: [Self; 17] = [
        Self::LacksRequired,
        Self::LacksRecommended,
        Self::Drifts,
        Self::WrongType,
        Self::JunkIdentifier,
        Self::Contradicted,
        Self::OpenReview,
        Self::NotSeen,
        Self::Absent,
        Self::MayBeDuplicate,
        Self::IsDuplicate,
        Self::NoHost,
        Self::HostOutOfUse,
        Self::NotInstalled,
        Self::RelatedToOutOfUse,
        Self::Unrelated,
        Self::NobodyResponsible,
    ];

    /// The name in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::LacksRequired => "lacks_required",
            Self::LacksRecommended => "lacks_recommended",
            Self::Drifts => "drifts",
            Self::WrongType => "wrong_type",
            Self::JunkIdentifier => "junk_identifier",
            Self::Contradicted => "contradicted",
            Self::OpenReview => "open_review",
            Self::NotSeen => "not_seen",
            Self::Absent => "absent",
            Self::MayBeDuplicate => "may_be_duplicate",
            Self::IsDuplicate => "is_duplicate",
            Self::NoHost => "no_host",
            Self::HostOutOfUse => "host_out_of_use",
            Self::NotInstalled => "not_installed",
            Self::RelatedToOutOfUse => "related_to_out_of_use",
            Self::Unrelated => "unrelated",
            Self::NobodyResponsible => "nobody_responsible",
        }
    }

    /// The metric that it counts against.
    #[must_use]
    pub fn metric(self) -> Metric {
        match self {
            Self::LacksRequired | Self::LacksRecommended => Metric::Completeness,
            Self::Drifts | Self::WrongType | Self::JunkIdentifier | Self::Contradicted | Self::OpenReview => Metric::Correctness,
            Self::NotSeen | Self::Absent => Metric::Staleness,
            Self::MayBeDuplicate | Self::IsDuplicate => Metric::Duplicates,
            Self::NoHost
            | Self::HostOutOfUse
            | Self::NotInstalled
            | Self::RelatedToOutOfUse
            | Self::Unrelated
            | Self::NobodyResponsible => Metric::Orphans,
        }
    }

    /// Whether it makes an item fail its metric.
    #[must_use]
    pub fn fails(self) -> bool {
        self != Self::LacksRecommended
    }
}

/// Why, with what it is about. Its text is for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason<'a> {
    /// About an attribute: [`ReasonCode::LacksRequired`] to [`ReasonCode::Contradicted`].
    Attribute(ReasonCode, &'a str),
    /// About a task: [`ReasonCode::OpenReview`] and [`ReasonCode::MayBeDuplicate`].
    Task(ReasonCode, TaskId),
    /// About another item: [`ReasonCode::IsDuplicate`], [`ReasonCode::HostOutOfUse`], [`ReasonCode::RelatedToOutOfUse`].
    Item(ReasonCode, CiId),
    /// About a moment; `None` for never.
    NotSeen(Option<Timestamp>),
    /// About its life.
    Absent(Lifecycle),
    /// About nothing else.
    Itself(ReasonCode),
}

impl Reason<'_> {
    /// For programs.
    #[must_use]
    pub fn code(&self) -> ReasonCode {
        match self {
            Self::Attribute(code, _) | Self::Task(code, _) | Self::Item(code, _) | Self::Itself(code) => *code,
            Self::NotSeen(_) => ReasonCode::NotSeen,
            Self::Absent(_) => ReasonCode::Absent,
        }
    }

    /// The attribute that it is about.
    #[must_use]
    pub fn attribute(&self) -> Option<&str> {
        match self {
            Self::Attribute(_, name) => Some(name),
            _ => None,
        }
    }
}

impl fmt::Display for Reason<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use ReasonCode as C;
        match self {
            Self::Attribute(C::LacksRequired, name) => write!(f, "the required attribute {name} is not known"),
            Self::Attribute(C::LacksRecommended, name) => write!(f, "the recommended attribute {name} is not known"),
            Self::Attribute(C::Drifts, name) => write!(f, "people say something else of {name} than machines"),
            Self::Attribute(C::WrongType, name) => write!(f, "the value of {name} does not fit its type"),
            Self::Attribute(C::JunkIdentifier, name) => write!(f, "its {name} is a placeholder that identifies nothing"),
            Self::Attribute(_, name) => write!(f, "machines say different things of {name}"),
            Self::Task(C::MayBeDuplicate, task) => write!(f, "it may be a thing that has another record: {task} is open"),
            Self::Task(_, task) => write!(f, "something about it is in doubt: {task} is open"),
            Self::Item(C::IsDuplicate, other) => write!(f, "it is another record of {other}"),
            Self::Item(C::HostOutOfUse, host) => write!(f, "{host}, which it hangs on, is out of use"),
            Self::Item(_, other) => write!(f, "it is related to {other}, which is out of use"),
            Self::NotSeen(Some(at)) => write!(f, "it was last heard of at {at}"),
            Self::NotSeen(None) => write!(f, "it was never heard of"),
            Self::Absent(status) => write!(f, "it is {}", status.as_str()),
            Self::Itself(C::NoHost) => write!(f, "what it hangs on is not known"),
            Self::Itself(C::NotInstalled) => write!(f, "no host has it"),
            Self::Itself(C::Unrelated) => write!(f, "it is related to nothing"),
            Self::Itself(_) => write!(f, "it has no owner and no support group, and is in no group"),
        }
    }
}
