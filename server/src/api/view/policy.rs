//! The policy as people read and write it. Sources are texts, so that an error can name the one that is wrong by its path.

use super::Time;
use super::word::{Class, InsertRight};
use crate::answer::ApiError;
use rollcall_domain::ci::Cmdb;
use rollcall_domain::ci::policy as domain;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The policy.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Policy {
    /// Revision of the last change; also its entity tag.
    pub revision: u64,
    /// When it was last changed; null when it was never set.
    pub set_at: Option<Time>,
    /// Which machine is this.
    #[schema(value_type = Object)]
    pub identification: domain::Identification,
    /// Whose value counts.
    pub reconciliation: Reconciliation,
    /// When something counts as gone.
    #[schema(value_type = Object)]
    pub lifecycle: domain::Lifecycle,
    /// When an item counts as well known.
    #[schema(value_type = Object)]
    pub health: domain::Health,
}

/// The policy that is wanted; a part that is left out gets its default.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(example = json!({"reconciliation": {
    "attributes": [{"attribute": "owner", "sources": ["feed:cmdb", "person"]}],
    "classes": [{"class": "workstation", "sources": ["person", "feed:import:*", "agent"]}],
    "refresh": [{"source": "feed:glpi", "seconds": 604_800}],
    "insert": [{"source": "feed", "right": "park"}]
}}))]
pub struct PolicyInput {
    /// Which machine is this.
    #[schema(value_type = Object)]
    identification: domain::Identification,
    /// Whose value counts.
    reconciliation: Reconciliation,
    /// When something counts as gone.
    #[schema(value_type = Object)]
    lifecycle: domain::Lifecycle,
    /// When an item counts as well known: `expectations` by class with `required`, `recommended` and `ignored` attributes.
    #[schema(value_type = Object)]
    health: domain::Health,
}

/// Whose value counts. First a person's lock, then these rules, then people over agents over other systems, then the newest.
///
/// A source is `person`, `agent`, `feed`, `person:NAME`, `feed:NAME`, `feed:PREFIX*` or the id of an agent.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(as = ReconciliationPolicy)]
pub struct Reconciliation {
    /// Orders of sources for single attributes.
    pub attributes: Vec<AttributeRule>,
    /// Orders of sources for all attributes of a class; that of its parent decides ties.
    pub classes: Vec<ClassRule>,
    /// The order of sources for everything, the one that counts most first.
    pub sources: Vec<String>,
    /// For how long a word counts after it was last confirmed; without a rule for ever.
    pub refresh: Vec<RefreshRule>,
    /// Who may insert items that nobody knows; without a rule everybody.
    pub insert: Vec<InsertRule>,
}

/// The order of sources for an attribute.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AttributeRule {
    /// Name of the attribute.
    pub attribute: String,
    /// Only for this class and those that inherit from it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class: Option<Class>,
    /// The one that counts most first; those that are not named come after.
    pub sources: Vec<String>,
}

/// The order of sources for a class.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ClassRule {
    /// The class.
    pub class: Class,
    /// The one that counts most first; those that are not named come after.
    pub sources: Vec<String>,
}

/// For how long a word counts after it was last confirmed.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RefreshRule {
    /// Only for these sources.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Only for this class and those that inherit from it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class: Option<Class>,
    /// 300 to ten years.
    pub seconds: u64,
}

/// What becomes of an item that nobody knows.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct InsertRule {
    /// Only from these sources.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Only of this class and those that inherit from it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class: Option<Class>,
    /// What becomes of it.
    pub right: InsertRight,
}

impl Policy {
    /// The view of the policy.
    pub fn new(cmdb: &Cmdb) -> Self {
        let policy = &cmdb.policy;
        Self {
            revision: cmdb.policy_revision,
            set_at: (cmdb.policy_revision > 0).then_some(Time(cmdb.policy_set_at)),
            identification: policy.identification.clone(),
            reconciliation: Reconciliation::new(&policy.reconciliation),
            lifecycle: policy.lifecycle.clone(),
            health: policy.health.clone(),
        }
    }
}

impl PolicyInput {
    /// As the domain has it.
    ///
    /// # Errors
    /// Names the source that is none by its path.
    pub fn into_domain(self) -> Result<domain::Policy, ApiError> {
        let Self { identification, reconciliation, lifecycle, health } = self;
        Ok(domain::Policy { identification, reconciliation: reconciliation.into_domain()?, lifecycle, health })
    }
}

impl Reconciliation {
    fn new(rules: &domain::Reconciliation) -> Self {
        let attribute = |rule: &domain::AttributeRule| AttributeRule {
            attribute: rule.attribute.clone(),
            class: rule.class.map(Into::into),
            sources: super::texts(&rule.sources),
        };
        let class = |rule: &domain::ClassRule| ClassRule { class: rule.class.into(), sources: super::texts(&rule.sources) };
        let refresh = |rule: &domain::RefreshRule| RefreshRule {
            source: rule.source.as_ref().map(ToString::to_string),
            class: rule.class.map(Into::into),
            seconds: rule.seconds,
        };
        let insert = |rule: &domain::InsertRule| InsertRule {
            source: rule.source.as_ref().map(ToString::to_string),
            class: rule.class.map(Into::into),
            right: rule.right.into(),
        };
        Self {
            attributes: rules.attributes.iter().map(attribute).collect(),
            classes: rules.classes.iter().map(class).collect(),
            sources: super::texts(&rules.sources),
            refresh: rules.refresh.iter().map(refresh).collect(),
            insert: rules.insert.iter().map(insert).collect(),
        }
    }

    fn into_domain(self) -> Result<domain::Reconciliation, ApiError> {
        let mut rules = domain::Reconciliation { sources: selectors("sources", &self.sources)?, ..domain::Reconciliation::default() };
        for (place, rule) in self.attributes.into_iter().enumerate() {
            let sources = selectors(&format!("attributes[{place}].sources"), &rule.sources)?;
            rules.attributes.push(domain::AttributeRule { attribute: rule.attribute, class: rule.class.map(|class| class.0), sources });
        }
        for (place, rule) in self.classes.into_iter().enumerate() {
            let sources = selectors(&format!("classes[{place}].sources"), &rule.sources)?;
            rules.classes.push(domain::ClassRule { class: rule.class.0, sources });
        }
        for (place, rule) in self.refresh.into_iter().enumerate() {
            let source = rule.source.map(|text| selector(&format!("refresh[{place}].source"), &text)).transpose()?;
            rules.refresh.push(domain::RefreshRule { source, class: rule.class.map(|class| class.0), seconds: rule.seconds });
        }
        for (place, rule) in self.insert.into_iter().enumerate() {
            let source = rule.source.map(|text| selector(&format!("insert[{place}].source"), &text)).transpose()?;
            rules.insert.push(domain::InsertRule { source, class: rule.class.map(|class| class.0), right: rule.right.0 });
        }
        Ok(rules)
    }
}

fn selectors(field: &str, texts: &[String]) -> Result<Vec<domain::Selector>, ApiError> {
    texts.iter().enumerate().map(|(place, text)| selector(&format!("{field}[{place}]"), text)).collect()
}

fn selector(field: &str, text: &str) -> Result<domain::Selector, ApiError> {
    text.parse().map_err(|error: domain::NotASelector| ApiError::invalid(format!("reconciliation.{field}"), error.to_string()))
}
