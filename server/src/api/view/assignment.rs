//! Assignment rules, as they are shown and as people write them.

use super::Time;
use super::rule::Selector;
use super::word::{Grade, IncidentChannel};
use crate::answer::ApiError;
use rollcall_domain::World;
use rollcall_domain::id::{CiId, RuleId};
use rollcall_domain::incident::assignment as domain;
use rollcall_domain::incident::priority;
use rollcall_domain::rule as rules;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use utoipa::ToSchema;

/// Which incidents a rule is for: those that fulfil all that is given.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AssignmentConditions {
    /// Opened by one of these rules.
    rules: Vec<String>,
    /// Of one of these categories.
    categories: Vec<String>,
    /// Of one of these priorities, 1 (highest) to 5.
    priorities: Vec<u8>,
    /// That came in one of these ways.
    channels: Vec<IncidentChannel>,
    /// Of these configuration items.
    #[schema(value_type = Option<Selector>)]
    selector: rules::Selector,
}

/// An assignment rule as people write it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "Disks to storage", "position": 10, "conditions": {"rules": ["filesystem_space"]}, "group": "storage"}))]
pub struct AssignmentRuleInput {
    /// What people call it.
    name: String,
    /// Its place: lower ones are asked first, the first that fits decides.
    position: u32,
    /// Whether it is asked; it is unless said.
    enabled: Option<bool>,
    /// Which incidents it is for; all unless given.
    #[serde(default)]
    conditions: AssignmentConditions,
    /// Group that gets them; once there are teams among the contacts, the id or name of one. With neither group nor person nobody gets
    /// them by a rule, nor by those that would be asked next.
    group: Option<String>,
    /// Person who gets them; once there are persons among the contacts, the id or name of one, or the name of a token.
    assignee: Option<String>,
}

/// An assignment rule.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct AssignmentRule {
    /// Its id.
    #[schema(example = "asr_00000000000000000000000001")]
    pub id: String,
    /// What people call it.
    pub name: String,
    /// Its place: lower ones are asked first.
    pub position: u32,
    /// Whether it is asked.
    pub enabled: bool,
    /// Which incidents it is for.
    pub conditions: AssignmentConditions,
    /// Group that gets them.
    pub group: Option<String>,
    /// Person who gets them.
    pub assignee: Option<String>,
    /// How often it was written.
    pub version: u32,
    /// When it last changed.
    pub updated_at: Time,
    /// Revision of the last change; also its entity tag.
    pub revision: u64,
}

/// An incident that might open.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"rule": "filesystem_space", "ci": "host_00000000000000000000000001", "impact": "medium", "urgency": "high"}))]
pub struct AssignmentCase {
    /// The rule that opens it.
    rule: Option<String>,
    /// What kind it is of; the rule's id unless given.
    category: Option<String>,
    /// Its configuration item.
    ci: Option<String>,
    /// How far it reaches; medium unless given.
    impact: Option<Grade>,
    /// How fast it must be dealt with; medium unless given.
    urgency: Option<Grade>,
    /// How it comes; monitoring with a rule and api without unless given.
    channel: Option<IncidentChannel>,
}

/// What one rule says.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct AssignmentVerdict {
    /// Which.
    pub rule: String,
    /// What people call it.
    pub name: String,
    /// Whether it fits.
    pub fits: bool,
    /// The first condition that does not hold.
    pub because: Option<String>,
}

/// What the rules say.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct AssignmentAnswer {
    /// The rule that decides: the first that fits.
    pub decides: Option<String>,
    /// Group that would get it by that rule.
    pub group: Option<String>,
    /// Person who would get it by that rule.
    pub assignee: Option<String>,
    /// What each rule says, in order.
    pub rules: Vec<AssignmentVerdict>,
}

impl AssignmentRuleInput {
    /// The domain's form.
    pub fn into_domain(self) -> Result<domain::NewAssignmentRule, ApiError> {
        let AssignmentConditions { rules, categories, priorities, channels, selector } = self.conditions;
        let conditions = domain::Conditions {
            rules: rules.iter().enumerate().map(rule).collect::<Result<BTreeSet<_>, _>>()?,
            categories: categories.into_iter().collect(),
            priorities: priorities.into_iter().collect(),
            channels: channels.into_iter().map(|channel| channel.0).collect(),
            selector,
        };
        Ok(domain::NewAssignmentRule {
            name: self.name,
            position: self.position,
            enabled: self.enabled.unwrap_or(true),
            conditions,
            group: self.group,
            assignee: self.assignee,
        })
    }
}

fn rule((place, text): (usize, &String)) -> Result<RuleId, ApiError> {
    text.parse().map_err(|_| ApiError::invalid(format!("conditions.rules[{place}]"), "is no rule"))
}

impl AssignmentRule {
    /// As it is, with who gets incidents as they are called now.
    pub fn new(world: &World, known: &domain::KnownAssignmentRule) -> Self {
        let domain::AssignmentRule { id, name, position, enabled, conditions, group, assignee } = known.rule.clone();
        let [group, assignee] = [group, assignee].map(|text| text.map(|text| world.contacts.called(&text)));
        let conditions = AssignmentConditions {
            rules: super::texts(&conditions.rules),
            categories: conditions.categories.into_iter().collect(),
            priorities: conditions.priorities.into_iter().collect(),
            channels: conditions.channels.into_iter().map(Into::into).collect(),
            selector: conditions.selector,
        };
        let (version, updated_at, revision) = (known.version, Time(known.updated_at), known.revision);
        Self { id: id.to_string(), name, position, enabled, conditions, group, assignee, version, updated_at, revision }
    }
}

impl AssignmentCase {
    /// What the rules say of it.
    pub fn answer(&self, world: &World) -> Result<AssignmentAnswer, ApiError> {
        use rollcall_domain::incident::Channel as How;
        let rule = self.rule.as_deref().map(str::parse::<RuleId>).transpose();
        let rule = rule.map_err(|_| ApiError::invalid("rule", "is no rule"))?;
        let ci = self.ci.as_deref().map(str::parse::<CiId>).transpose();
        let ci = ci.map_err(|_| ApiError::invalid("ci", "must be the id of a configuration item"))?;
        let unknown = |ci: CiId| ApiError::invalid("ci", format!("there is no configuration item {ci}"));
        let medium = rules::Grade::Medium;
        let case = domain::Case {
            world,
            rule: rule.as_ref(),
            category: self.category.as_deref().or(rule.as_ref().map(RuleId::as_str)),
            priority: priority(self.impact.map_or(medium, |grade| grade.0), self.urgency.map_or(medium, |grade| grade.0)),
            channel: self.channel.map_or(if rule.is_some() { How::Monitoring } else { How::Api }, |channel| channel.0),
            ci: ci.map(|ci| world.cmdb.cis.get(&ci).ok_or_else(|| unknown(ci))).transpose()?,
        };
        let known = &world.incidents.assignment;
        let decides = known.choose(&case);
        let called = |text: &String| world.contacts.called(text);
        let name = |id| known.rules.get(&id).map_or_else(String::new, |known| known.rule.name.clone());
        let verdict = |answer: domain::Answer| AssignmentVerdict {
            rule: answer.rule.to_string(),
            name: name(answer.rule),
            fits: answer.misfit.is_none(),
            because: answer.misfit,
        };
        Ok(AssignmentAnswer {
            decides: decides.map(|rule| rule.id.to_string()),
            group: decides.and_then(|rule| rule.group.as_ref()).map(called),
            assignee: decides.and_then(|rule| rule.assignee.as_ref()).map(called),
            rules: known.explain(&case).into_iter().map(verdict).collect(),
        })
    }
}
