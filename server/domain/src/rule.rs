//! Rules: when a measured value is a matter for people.

pub mod baseline;
pub mod case;
pub mod condition;
pub mod decide;
pub mod expression;
pub mod known;
pub mod metric;
pub mod plan;
pub mod query;
pub mod select;
pub mod stock;
pub mod thresholds;
pub mod validate;
pub mod window;

pub use condition::{Asks, Comparison, Condition, Predicate, Reduce, Term};
pub use select::{Override, Selector, selects};

use crate::ci::Class;
use crate::id::RuleId;
use rollcall_shared::Timestamp;
use rollcall_shared::message::Side;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How loud a rule is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tier {
    /// Kept for correlation; no incident.
    RecordOnly,
    /// Opens an incident quietly.
    Ticket,
    /// Opens an incident and notifies at once.
    Page,
}

/// How bad it is. Ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Should be looked at.
    Warning,
    /// Must be looked at.
    Critical,
}

/// High, medium or low: the scale of impact and urgency. Ordered from low.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Grade {
    /// One person or a redundant part.
    Low,
    /// One host or a team.
    Medium,
    /// A service or many.
    High,
}

/// One level of a threshold rule. `raise` begins it, `clear` ends it: the value must come back beyond `clear`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Level {
    /// Breached beyond this.
    pub raise: f64,
    /// Clear only when back beyond this, on the good side of `raise` or equal to it.
    pub clear: f64,
    /// A second condition that must hold too to raise, such as less than 5 GB free.
    #[serde(default)]
    pub and: Option<Guard>,
    /// How long a breach of this level must last before it fires, ms; that of the rule unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub for_ms: Option<u64>,
}

/// A second metric, with the same attributes as the first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Guard {
    /// Metric name.
    pub metric: String,
    /// Which side is bad.
    pub side: Side,
    /// The line.
    pub value: f64,
}

/// The levels of a rule; at least one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Levels {
    /// Begins earlier.
    #[serde(default)]
    pub warning: Option<Level>,
    /// Must be looked at.
    #[serde(default)]
    pub critical: Option<Level>,
}

/// What happens to an alert when its series stops coming while the host lives. It never resolves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoData {
    /// The alert becomes `unknown` after five missed intervals.
    #[default]
    Unknown,
    /// The alert stays as it is.
    Keep,
}

/// A rule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Its name for ever.
    pub id: RuleId,
    /// What is wrong when it fires, in a few words.
    pub title: String,
    /// What it means and what to do next.
    pub description: String,
    /// Whether it is judged.
    pub enabled: bool,
    /// How loud it is when the critical level fires (and the warning level, unless `warning_tier` says otherwise).
    pub tier: Tier,
    /// How loud it is at the warning level.
    #[serde(default)]
    pub warning_tier: Option<Tier>,
    /// Classes of hosts it applies to, descendants included; empty for all hosts.
    #[serde(default)]
    pub classes: Vec<Class>,
    /// Which of these it applies to; empty for all.
    #[serde(default, skip_serializing_if = "Selector::is_empty")]
    pub selector: Selector,
    /// When it is breached.
    pub condition: Condition,
    /// How bad, from where. Rules on silence, absence and checks ignore the lines and use the critical level, or warning when only that is there.
    pub levels: Levels,
    /// How long the breach must last before it fires, ms.
    #[serde(default)]
    pub for_ms: u64,
    /// How long it must be clear before it resolves, ms.
    #[serde(default)]
    pub keep_firing_for_ms: u64,
    /// When the data stops.
    #[serde(default)]
    pub no_data: NoData,
    /// Impact of its incidents.
    pub impact: Grade,
    /// Group its incidents go to.
    #[serde(default)]
    pub group: Option<String>,
    /// Where the runbook is.
    #[serde(default)]
    pub runbook: Option<String>,
    /// Whether its incidents resolve with the alert.
    pub auto_resolve: bool,
    /// Where the levels come from, such as a manual or a measurement.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold_source: Option<String>,
    /// Whether its alert means that the item is down, so that alerts of what stands on it need not be told. Silence rules mean that anyway.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub means_down: bool,
    /// When its alerts count as flapping.
    #[serde(default, skip_serializing_if = "Flapping::is_default")]
    pub flapping: Flapping,
    /// What is different for some configuration items; the first that fits counts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub overrides: Vec<Override>,
    /// What must hold of it; run whenever it is written.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tests: Vec<case::Case>,
    /// Whether it came with the release.
    #[serde(default)]
    pub stock: bool,
}

/// When an alert counts as flapping: the weighed share of changes among its last 21 states, in percent.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Flapping {
    /// Above this it begins.
    pub start_percent: f64,
    /// At or below this it ends.
    pub stop_percent: f64,
}

impl Default for Flapping {
    fn default() -> Self {
        Self { start_percent: 30.0, stop_percent: 25.0 }
    }
}

impl Flapping {
    /// Whether nothing else was said.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// What happened to rules.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum RuleEvent {
    /// A rule was made or changed; carried whole.
    RuleSet {
        /// As it is now.
        rule: Box<Rule>,
    },
    /// A rule is there no more.
    RuleRemoved {
        /// Which.
        rule: RuleId,
    },
}

/// What people ask of rules.
#[derive(Clone, Debug, PartialEq)]
pub enum RuleCommand {
    /// Make a new rule.
    Create(case::Tested),
    /// Replace a rule.
    Update {
        /// As it is to be.
        rule: case::Tested,
        /// Revision that the person saw.
        expected: Option<u64>,
    },
    /// Make or replace several at once, or none of them.
    Import {
        /// As they are to be.
        rules: Vec<case::Tested>,
        /// Revision of all rules that the person saw.
        expected: Option<u64>,
    },
    /// Take a rule away that people made. Its alerts end as those of a rule that is switched off.
    Remove {
        /// Which.
        rule: RuleId,
        /// Revision that the person saw.
        expected: Option<u64>,
    },
    /// Make a stock rule again what it is in this release.
    Reset {
        /// Which.
        rule: RuleId,
        /// Revision that the person saw.
        expected: Option<u64>,
    },
    /// Switch a rule on or off.
    Enable {
        /// Which.
        rule: RuleId,
        /// On or off.
        enabled: bool,
        /// Revision that the person saw.
        expected: Option<u64>,
    },
}

/// A rule with its history.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KnownRule {
    /// As it is now.
    pub rule: Rule,
    /// Log revision of the last change; its ETag and version.
    pub revision: u64,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// Revisions at which it was set, oldest first, the last among them; also those from before it was taken away and made again.
    pub history: Vec<u64>,
}

/// All rules. `revision` is that of the last change to any.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Rules {
    /// By id.
    pub rules: BTreeMap<RuleId, KnownRule>,
    /// Of the last change.
    pub revision: u64,
    /// Histories of rules that were taken away: incidents still name them.
    #[serde(default)]
    pub removed: BTreeMap<RuleId, Vec<u64>>,
}

impl Rules {
    /// The revisions at which a rule was set, oldest first, also of one that was taken away; `None` when there never was one.
    #[must_use]
    pub fn history(&self, id: &RuleId) -> Option<&[u64]> {
        let known = self.rules.get(id).map(|known| &known.history);
        known.or_else(|| self.removed.get(id)).map(Vec::as_slice)
    }
}
