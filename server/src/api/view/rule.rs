//! Rules, as they are shown and as people write them.
//!
//! Conditions, levels, selectors and overrides have the domain's form; [`shape`] describes it.

use super::word::{Class, Grade, NoData, Tier};
use super::{Actor, Time};
use crate::answer::ApiError;
use rollcall_domain::alert::telemetry::LeftOut;
use rollcall_domain::ci::Ci;
use rollcall_domain::ci::lifecycle::is_out_of_use;
use rollcall_domain::id::RuleId;
use rollcall_domain::rule as domain;
use rollcall_domain::rule::select::Variant;
use rollcall_domain::{Record, World};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

mod shape;

pub use shape::Selector;
use shape::{Case, Condition, Flapping, Levels, Override};

/// A rule as people write it.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
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
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub classes: Vec<Class>,
    /// Which of these it applies to; all unless given.
    #[serde(default, skip_serializing_if = "domain::Selector::is_empty")]
    #[schema(value_type = Option<Selector>)]
    pub selector: domain::Selector,
    /// When it is breached.
    #[schema(value_type = Condition)]
    pub condition: domain::Condition,
    /// How bad, from where. Silence, absence and checks take the levels that are there and ignore the lines.
    #[schema(value_type = Levels)]
    pub levels: domain::Levels,
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
    /// Team that its incidents go to, by name or id; any name as long as no team is among the contacts.
    #[serde(default)]
    pub group: Option<String>,
    /// Where the runbook is.
    #[serde(default)]
    pub runbook: Option<String>,
    /// Whether its incidents resolve with the alert.
    pub auto_resolve: bool,
    /// Where the levels come from, such as a manual or a measurement.
    #[serde(default)]
    pub threshold_source: Option<String>,
    /// Whether its alert means that the item is down, so that alerts of what stands on it are told in its incident. Silence rules mean that
    /// anyway.
    #[serde(default)]
    pub means_down: bool,
    /// When its alerts count as flapping.
    #[serde(default, skip_serializing_if = "domain::Flapping::is_default")]
    #[schema(value_type = Option<Flapping>)]
    pub flapping: domain::Flapping,
    /// What is different for some configuration items; the first that fits counts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Option<Vec<Override>>)]
    pub overrides: Vec<domain::Override>,
    /// What must hold of it; run whenever it is written.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Option<Vec<Case>>)]
    pub tests: Vec<domain::case::Case>,
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
    /// Which of these it applies to.
    #[schema(value_type = Selector)]
    pub selector: domain::Selector,
    /// When it is breached.
    #[schema(value_type = Condition)]
    pub condition: domain::Condition,
    /// How bad, from where. Silence, absence and checks take the levels that are there and ignore the lines.
    #[schema(value_type = Levels)]
    pub levels: domain::Levels,
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
    /// Where the levels come from, such as a manual or a measurement.
    pub threshold_source: Option<String>,
    /// Whether its alert means that the item is down. Silence rules mean that anyway.
    pub means_down: bool,
    /// When its alerts count as flapping.
    #[schema(value_type = Flapping)]
    pub flapping: domain::Flapping,
    /// What is different for some configuration items; the first that fits counts.
    #[schema(value_type = Vec<Override>)]
    pub overrides: Vec<domain::Override>,
    /// What must hold of it.
    #[schema(value_type = Vec<Case>)]
    pub tests: Vec<domain::case::Case>,
    /// Whether it came with the release.
    pub stock: bool,
    /// When it was last changed.
    pub updated_at: Time,
    /// Revision of the last change; also its entity tag.
    pub revision: u64,
    /// What people should know about it, such as that it reads a metric that no host sends; left out when there is nothing, so that a rule as
    /// it is shown differs as little as can be from one as it is written.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

impl Rule {
    /// As it stands in the world, with what people should know about it.
    pub fn new(known: &domain::KnownRule, world: &World) -> Self {
        let group = known.rule.group.as_ref().map(|group| world.contacts.called(group));
        Self { warnings: domain::known::warnings(world, &known.rule), group, ..Self::from(known) }
    }
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
            selector: self.selector,
            condition: self.condition,
            levels: self.levels,
            for_ms: self.for_ms,
            keep_firing_for_ms: self.keep_firing_for_ms,
            no_data: self.no_data.map(|choice| choice.0).unwrap_or_default(),
            impact: self.impact.0,
            group: self.group,
            runbook: self.runbook,
            auto_resolve: self.auto_resolve,
            threshold_source: self.threshold_source,
            means_down: self.means_down,
            flapping: self.flapping,
            overrides: self.overrides,
            tests: self.tests,
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
            selector: rule.selector.clone(),
            condition: rule.condition.clone(),
            levels: rule.levels.clone(),
            for_ms: rule.for_ms,
            keep_firing_for_ms: rule.keep_firing_for_ms,
            no_data: rule.no_data.into(),
            impact: rule.impact.into(),
            group: rule.group.clone(),
            runbook: rule.runbook.clone(),
            auto_resolve: rule.auto_resolve,
            threshold_source: rule.threshold_source.clone(),
            means_down: rule.means_down,
            flapping: rule.flapping,
            overrides: rule.overrides.clone(),
            tests: rule.tests.clone(),
            stock: rule.stock,
            updated_at: Time(known.updated_at),
            revision: known.revision,
            warnings: Vec::new(),
        }
    }
}

impl RuleInput {
    /// A rule as people would write it now.
    pub fn new(world: &World, known: &domain::KnownRule) -> Self {
        let rule = &known.rule;
        Self {
            id: Some(rule.id.to_string()),
            title: rule.title.clone(),
            description: rule.description.clone(),
            enabled: rule.enabled,
            tier: rule.tier.into(),
            warning_tier: rule.warning_tier.map(Into::into),
            classes: rule.classes.iter().copied().map(Into::into).collect(),
            selector: rule.selector.clone(),
            condition: rule.condition.clone(),
            levels: rule.levels.clone(),
            for_ms: rule.for_ms,
            keep_firing_for_ms: rule.keep_firing_for_ms,
            no_data: Some(rule.no_data.into()),
            impact: rule.impact.into(),
            group: rule.group.as_ref().map(|group| world.contacts.called(group)),
            runbook: rule.runbook.clone(),
            auto_resolve: rule.auto_resolve,
            threshold_source: rule.threshold_source.clone(),
            means_down: rule.means_down,
            flapping: rule.flapping,
            overrides: rule.overrides.iter().map(domain::Override::unsigned).collect(),
            tests: rule.tests.clone(),
        }
    }
}

/// A rule as it counts for one configuration item.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct CiRule {
    /// Its name.
    #[schema(example = "filesystem_space")]
    pub id: String,
    /// What is wrong when it fires, in a few words.
    pub title: String,
    /// Whether it is judged for this item; not when an override says so, when the item is out of use, or when the item has so many series
    /// that none is left for it.
    pub judged: bool,
    /// Why it is not judged for this item, or not for all of its series; null where it is.
    #[schema(example = "the item is retired")]
    pub reason: Option<String>,
    /// Series of this item that it would be judged for and is not, because the item has too many; as of what was last measured.
    pub unjudged_series: usize,
    /// How loud it is when the critical level fires.
    pub tier: Tier,
    /// How loud it is at the warning level, when that differs.
    pub warning_tier: Option<Tier>,
    /// The levels that are held against it.
    #[schema(value_type = Levels)]
    pub levels: domain::Levels,
    /// How long the breach must last before it fires, ms.
    pub for_ms: u64,
    /// How long it must be clear before it resolves, ms.
    pub keep_firing_for_ms: u64,
    /// The override that this comes from; null when the rule counts as it is written.
    #[schema(value_type = Option<Override>)]
    pub r#override: Option<domain::Override>,
}

impl CiRule {
    /// A rule in the version that counts for an item. Without one, the first override that means the item is why.
    pub fn new(rule: &domain::Rule, (world, ci): (&World, &Ci), left_out: Option<&LeftOut>) -> Self {
        let counts = domain::select::variant(rule, world, Some(ci));
        let varied = domain::select::varied(rule, counts.unwrap_or(Variant::Plain));
        let from = match counts {
            Some(Variant::Plain) => None,
            Some(Variant::Overridden(position)) => rule.overrides.get(position),
            None => rule.overrides.iter().find(|one| one.selector.means(world, Some(ci))),
        };
        let excepted = from.filter(|_| counts.is_none()).map(|one| format!("an override switches it off: {}", one.reason));
        let excepted = if is_out_of_use(ci.status) { Some(format!("the item is {}", ci.status.as_str())) } else { excepted };
        let may_be = counts.is_some() && excepted.is_none();
        let left_out = left_out.filter(|_| may_be);
        Self {
            id: rule.id.to_string(),
            title: rule.title.clone(),
            judged: may_be && left_out.is_none_or(|left_out| left_out.judges_others),
            reason: excepted.or_else(|| left_out.map(unjudged)),
            unjudged_series: left_out.map_or(0, |left_out| left_out.series),
            tier: varied.tier.into(),
            warning_tier: varied.warning_tier.map(Into::into),
            levels: varied.levels.clone(),
            for_ms: varied.for_ms,
            keep_firing_for_ms: varied.keep_firing_for_ms,
            r#override: from.cloned(),
        }
    }
}

/// Such as `2 series are not judged: limit of 64 baselines for one host`.
fn unjudged(left_out: &LeftOut) -> String {
    let are = if left_out.series == 1 { "is" } else { "are" };
    format!("{} series {are} not judged: {}", left_out.series, left_out.limit)
}

/// A rule as it was from one change to the next.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct RuleVersion {
    /// Counted from 1.
    pub version: usize,
    /// Revision of the change.
    pub revision: u64,
    /// Since when.
    pub at: Time,
    /// Who set it so.
    pub actor: Actor,
    /// The rule as it was then.
    pub rule: Rule,
}

impl RuleVersion {
    /// A version.
    pub fn new(version: usize, record: &Record, rule: &domain::Rule) -> Self {
        let known = domain::KnownRule { rule: rule.clone(), revision: record.revision, updated_at: record.at, history: Vec::new() };
        Self { version, revision: record.revision, at: Time(record.at), actor: Actor::from(&record.actor), rule: Rule::from(&known) }
    }
}
