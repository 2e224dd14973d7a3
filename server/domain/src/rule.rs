//! Rules: when a measured value is a matter for people.

pub mod decide;
pub mod plan;
pub mod stock;
pub mod validate;
pub mod window;

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

/// What a window of samples is reduced to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reduce {
    /// The newest value.
    Last,
    /// The smallest.
    Min,
    /// The largest.
    Max,
    /// The mean.
    Avg,
    /// The sum, for series that count events since the previous sample.
    Sum,
    /// The newest value minus the smallest: how much it has grown.
    Increase,
}

/// When a rule is breached.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Condition {
    /// A reduced metric against each level's thresholds.
    Threshold {
        /// Metric name.
        metric: String,
        /// Only series that have all of these attributes.
        #[serde(default)]
        attributes: BTreeMap<String, String>,
        /// How the window is reduced.
        reduce: Reduce,
        /// Length of the window, ms; 0 with `last` for the newest value alone.
        #[serde(default)]
        window_ms: u64,
        /// Which side is bad.
        side: Side,
    },
    /// The agent has said nothing for a time, or has said goodbye.
    AgentSilent {
        /// ms of the server's clock.
        after_ms: u64,
    },
    /// Nothing at all has come from the host for a time, and its agent did not say goodbye.
    HostSilent {
        /// ms of the server's clock.
        after_ms: u64,
    },
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
    /// When it is breached.
    pub condition: Condition,
    /// How bad, from where. Silence rules take `raise` as ignored and use the critical level, or warning when only that is there.
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
    /// Whether it came with the release.
    #[serde(default)]
    pub stock: bool,
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
}

/// What people ask of rules.
#[derive(Clone, Debug, PartialEq)]
pub enum RuleCommand {
    /// Make a new rule.
    Create(Box<Rule>),
    /// Replace a rule.
    Update {
        /// As it is to be.
        rule: Box<Rule>,
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
    /// Earlier revisions, oldest first.
    pub history: Vec<u64>,
}

/// All rules. `revision` is that of the last change to any: the version of agents' settings.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Rules {
    /// By id.
    pub rules: BTreeMap<RuleId, KnownRule>,
    /// Of the last change.
    pub revision: u64,
}
