//! Rules, as they are shown and as people write them.

use super::Time;
use super::word::{Class, Grade, NoData, Reduce, Side, Tier};
use crate::answer::ApiError;
use rollcall_domain::id::RuleId;
use rollcall_domain::rule as domain;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// When a rule is breached.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Condition {
    /// A reduced metric against each level's thresholds.
    Threshold {
        /// Metric name.
        #[schema(example = "system.filesystem.utilization")]
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

/// A second metric that must be bad too.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Guard {
    /// Metric name.
    pub metric: String,
    /// Which side is bad.
    pub side: Side,
    /// The line.
    pub value: f64,
}

/// One level: `raise` begins it, `clear` ends it.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Level {
    /// Breached beyond this.
    pub raise: f64,
    /// Clear only when back beyond this, on the good side of `raise` or equal to it.
    pub clear: f64,
    /// A second condition that must hold too to raise.
    #[serde(default)]
    pub and: Option<Guard>,
}

/// The levels; at least one.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Levels {
    /// Begins earlier.
    #[serde(default)]
    pub warning: Option<Level>,
    /// Must be looked at.
    #[serde(default)]
    pub critical: Option<Level>,
}

/// A rule as people write it.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RuleInput {
    /// Its name for ever: 1 to 64 lower-case letters, digits and underscores. Needed to create; when given to update, that of the path.
    #[schema(example = "filesystem_space")]
    pub id: Option<String>,
    /// What is wrong when it fires, in a few words.
    pub title: String,
    /// What it means and what to do next.
    pub description: String,
    /// Whether it is judged.
    pub enabled: bool,
    /// How loud it is when the critical level fires, and the warning level unless `warning_tier` says otherwise.
    pub tier: Tier,
    /// How loud it is at the warning level.
    #[serde(default)]
    pub warning_tier: Option<Tier>,
    /// Classes of hosts it applies to, descendants included; empty for all hosts.
    #[serde(default)]
    pub classes: Vec<Class>,
    /// When it is breached.
    pub condition: Condition,
    /// How bad, from where.
    pub levels: Levels,
    /// How long the breach must last before it fires, ms.
    #[serde(default)]
    pub for_ms: u64,
    /// How long it must be clear before it resolves, ms.
    #[serde(default)]
    pub keep_firing_for_ms: u64,
    /// When the data stops; `unknown` unless given.
    #[serde(default)]
    pub no_data: Option<NoData>,
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
}

/// A rule.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Rule {
    /// Its name for ever.
    #[schema(example = "filesystem_space")]
    pub id: String,
    /// What is wrong when it fires, in a few words.
    pub title: String,
    /// What it means and what to do next.
    pub description: String,
    /// Whether it is judged.
    pub enabled: bool,
    /// How loud it is when the critical level fires.
    pub tier: Tier,
    /// How loud it is at the warning level, when that differs.
    pub warning_tier: Option<Tier>,
    /// Classes of hosts it applies to, descendants included; empty for all hosts.
    pub classes: Vec<Class>,
    /// When it is breached.
    pub condition: Condition,
    /// How bad, from where.
    pub levels: Levels,
    /// How long the breach must last before it fires, ms.
    pub for_ms: u64,
    /// How long it must be clear before it resolves, ms.
    pub keep_firing_for_ms: u64,
    /// When the data stops.
    pub no_data: NoData,
    /// Impact of its incidents.
    pub impact: Grade,
    /// Group its incidents go to.
    pub group: Option<String>,
    /// Where the runbook is.
    pub runbook: Option<String>,
    /// Whether its incidents resolve with the alert.
    pub auto_resolve: bool,
    /// Whether it came with the release.
    pub stock: bool,
    /// When it was last changed.
    pub updated_at: Time,
    /// Revision of the last change; also its entity tag.
    pub revision: u64,
}

impl RuleInput {
    /// The domain's rule under a name.
    pub fn into_domain(self, id: RuleId) -> Box<domain::Rule> {
        Box::new(domain::Rule {
            id,
            title: self.title,
            description: self.description,
            enabled: self.enabled,
            tier: self.tier.0,
            warning_tier: self.warning_tier.map(|tier| tier.0),
            classes: self.classes.into_iter().map(|class| class.0).collect(),
            condition: self.condition.into(),
            levels: self.levels.into(),
            for_ms: self.for_ms,
            keep_firing_for_ms: self.keep_firing_for_ms,
            no_data: self.no_data.map(|choice| choice.0).unwrap_or_default(),
            impact: self.impact.0,
            group: self.group,
            runbook: self.runbook,
            auto_resolve: self.auto_resolve,
            // What came with a release is not for people to say; the decision keeps it for rules that exist.
            stock: false,
        })
    }

    /// The name given in the body.
    pub fn name(&self) -> Result<Option<RuleId>, ApiError> {
        let refuse = |_| ApiError::invalid("id", "must be 1 to 64 lower-case letters, digits and underscores");
        self.id.as_deref().map(|id| id.parse().map_err(refuse)).transpose()
    }
}

impl From<&domain::KnownRule> for Rule {
    fn from(known: &domain::KnownRule) -> Self {
        let rule = &known.rule;
        Self {
            id: rule.id.to_string(),
            title: rule.title.clone(),
            description: rule.description.clone(),
            enabled: rule.enabled,
            tier: rule.tier.into(),
            warning_tier: rule.warning_tier.map(Into::into),
            classes: rule.classes.iter().copied().map(Into::into).collect(),
            condition: (&rule.condition).into(),
            levels: (&rule.levels).into(),
            for_ms: rule.for_ms,
            keep_firing_for_ms: rule.keep_firing_for_ms,
            no_data: rule.no_data.into(),
            impact: rule.impact.into(),
            group: rule.group.clone(),
            runbook: rule.runbook.clone(),
            auto_resolve: rule.auto_resolve,
            stock: rule.stock,
            updated_at: Time(known.updated_at),
            revision: known.revision,
        }
    }
}

impl From<Condition> for domain::Condition {
    fn from(condition: Condition) -> Self {
        match condition {
            Condition::Threshold { metric, attributes, reduce, window_ms, side } => {
                Self::Threshold { metric, attributes, reduce: reduce.0, window_ms, side: side.0 }
            }
            Condition::AgentSilent { after_ms } => Self::AgentSilent { after_ms },
            Condition::HostSilent { after_ms } => Self::HostSilent { after_ms },
        }
    }
}

impl From<&domain::Condition> for Condition {
    fn from(condition: &domain::Condition) -> Self {
        match condition {
            domain::Condition::Threshold { metric, attributes, reduce, window_ms, side } => Self::Threshold {
                metric: metric.clone(),
                attributes: attributes.clone(),
                reduce: (*reduce).into(),
                window_ms: *window_ms,
                side: (*side).into(),
            },
            domain::Condition::AgentSilent { after_ms } => Self::AgentSilent { after_ms: *after_ms },
            domain::Condition::HostSilent { after_ms } => Self::HostSilent { after_ms: *after_ms },
        }
    }
}

impl From<Levels> for domain::Levels {
    fn from(levels: Levels) -> Self {
        Self { warning: levels.warning.map(Into::into), critical: levels.critical.map(Into::into) }
    }
}

impl From<&domain::Levels> for Levels {
    fn from(levels: &domain::Levels) -> Self {
        Self { warning: levels.warning.as_ref().map(Into::into), critical: levels.critical.as_ref().map(Into::into) }
    }
}

impl From<Level> for domain::Level {
    fn from(level: Level) -> Self {
        let guard = |guard: Guard| domain::Guard { metric: guard.metric, side: guard.side.0, value: guard.value };
        Self { raise: level.raise, clear: level.clear, and: level.and.map(guard) }
    }
}

impl From<&domain::Level> for Level {
    fn from(level: &domain::Level) -> Self {
        let guard = |guard: &domain::Guard| Guard { metric: guard.metric.clone(), side: guard.side.into(), value: guard.value };
        Self { raise: level.raise, clear: level.clear, and: level.and.as_ref().map(guard) }
    }
}
