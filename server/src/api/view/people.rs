//! What people say and look after: types of attributes, contacts, groups, tags, business services, locations.

use super::Time;
use super::word::{Class, ContactKind, Lifecycle};
use rollcall_domain::World;
use rollcall_domain::attribute::{BuiltIn, Kind, KnownDefinition};
use rollcall_domain::ci::decide::manual::lineage;
use rollcall_domain::ci::relation::beneath;
use rollcall_domain::ci::{self, AttributeValue, RelationKind};
use rollcall_domain::contact::{self, KnownContact};
use rollcall_domain::group::{KnownGroup, Selection};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What values an attribute takes; contact and list are of attributes that come with Rollcall alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AttributeType {
    /// Any text.
    Text,
    /// A whole number.
    Integer,
    /// A number.
    Number,
    /// Yes or no.
    Boolean,
    /// A day.
    Date,
    /// One of several words.
    Enumeration,
    /// An address that a browser opens.
    Url,
    /// Another configuration item, by its id.
    Ci,
    /// A person or team, by name.
    Contact,
    /// Several texts.
    List,
}

impl From<&Kind> for AttributeType {
    fn from(kind: &Kind) -> Self {
        match kind {
            Kind::Text => Self::Text,
            Kind::Integer => Self::Integer,
            Kind::Number => Self::Number,
            Kind::Boolean => Self::Boolean,
            Kind::Date => Self::Date,
            Kind::Enumeration { .. } => Self::Enumeration,
            Kind::Url => Self::Url,
            Kind::Ci => Self::Ci,
            Kind::Contact => Self::Contact,
            Kind::List => Self::List,
        }
    }
}

/// Which values an attribute takes, and what has it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct AttributeDefinition {
    /// Its name.
    #[schema(example = "warranty_end")]
    pub name: String,
    /// What people call it.
    pub label: String,
    /// What values it takes.
    pub r#type: AttributeType,
    /// The words of an enumeration.
    pub values: Option<Vec<String>>,
    /// Classes that have it, and what inherits from them; none for all.
    pub classes: Vec<Class>,
    /// Whether people may not make a record without it.
    pub required: bool,
    /// What its number counts.
    pub unit: Option<String>,
    /// Whether it comes with Rollcall, and stays as it is.
    pub built_in: bool,
    /// Whether machines report it; what people assert is kept beside it.
    pub measured: bool,
    /// Revision of the last change; null for what comes with Rollcall.
    pub revision: Option<u64>,
}

fn values(kind: &Kind) -> Option<Vec<String>> {
    match kind {
        Kind::Enumeration { values } => Some(values.clone()),
        _ => None,
    }
}

impl From<&KnownDefinition> for AttributeDefinition {
    fn from(known: &KnownDefinition) -> Self {
        let definition = &known.definition;
        Self {
            name: definition.name.clone(),
            label: definition.label.clone(),
            r#type: (&definition.kind).into(),
            values: values(&definition.kind),
            classes: definition.classes.iter().map(|class| Class(*class)).collect(),
            required: definition.required,
            unit: definition.unit.clone(),
            built_in: false,
            measured: false,
            revision: Some(known.revision),
        }
    }
}

impl From<&BuiltIn> for AttributeDefinition {
    fn from(known: &BuiltIn) -> Self {
        let kind = known.kind();
        Self {
            name: known.name.into(),
            label: known.label.into(),
            r#type: (&kind).into(),
            values: values(&kind),
            classes: known.classes.iter().map(|class| Class(*class)).collect(),
            required: false,
            unit: known.unit.map(str::to_owned),
            built_in: true,
            measured: known.measured,
            revision: None,
        }
    }
}

/// A person or team.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Contact {
    /// Its id for ever.
    #[schema(example = "con_00000000000000000000000001")]
    pub id: String,
    /// What people call it.
    pub name: String,
    /// What it is.
    pub kind: ContactKind,
    /// Where mail reaches it.
    pub mail: Option<String>,
    /// What people called it before, oldest first; whatever was named so means it.
    pub former_names: Vec<String>,
    /// Revision of the last change; also its entity tag.
    pub revision: u64,
}

impl From<&KnownContact> for Contact {
    fn from(known: &KnownContact) -> Self {
        let contact = &known.contact;
        let contact::Contact { id, name, kind, mail, former_names } = contact.clone();
        Self { id: id.to_string(), name, kind: kind.into(), mail, former_names, revision: known.revision }
    }
}

/// A group of configuration items.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Group {
    /// Its id for ever.
    #[schema(example = "grp_00000000000000000000000001")]
    pub id: String,
    /// What people call it.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// Id of the contact that looks after it.
    pub owner: Option<String>,
    /// Name of that contact.
    pub owner_name: Option<String>,
    /// Whether its owner supports its members.
    pub support_group: bool,
    /// The query that finds its members; null when people put them in.
    pub query: Option<String>,
    /// How many people put in; null when a query finds them.
    pub members: Option<u64>,
    /// When it was made.
    pub created_at: Time,
    /// When it last changed.
    pub updated_at: Time,
    /// Revision of the last change; also its entity tag.
    pub revision: u64,
}

impl Group {
    /// The view of a group.
    pub fn new(world: &World, known: &KnownGroup) -> Self {
        let group = &known.group;
        let owner = group.owner.and_then(|id| world.contacts.contacts.get(&id));
        let (query, members) = match &group.selection {
            Selection::Members => (None, Some(known.members.len() as u64)),
            Selection::Query { query } => (Some(query.to_string()), None),
        };
        Self {
            id: group.id.to_string(),
            name: group.name.clone(),
            description: group.description.clone(),
            owner: group.owner.map(|id| id.to_string()),
            owner_name: owner.map(|owner| owner.contact.name.clone()),
            support_group: group.support_group,
            query,
            members,
            created_at: Time(known.created_at),
            updated_at: Time(known.updated_at),
            revision: known.revision,
        }
    }
}

/// A tag.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Tag {
    /// A word, or key=value.
    #[schema(example = "env=live")]
    pub tag: String,
    /// How many configuration items have it.
    pub cis: u64,
}

/// What came of a change of tags.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Tagged {
    /// How many configuration items were named.
    pub cis: u64,
    /// How many of them changed.
    pub changed: u64,
}

/// A business service.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct BusinessService {
    /// Its id for ever.
    #[schema(example = "svc_00000000000000000000000001")]
    pub id: String,
    /// What people call it.
    pub name: String,
    /// Where it is in its life.
    pub status: Lifecycle,
    /// How much depends on it: low, medium, high or mission_critical.
    pub criticality: Option<String>,
    /// Whose it is.
    pub owner: Option<String>,
    /// Who supports it.
    pub support_group: Option<String>,
    /// What it depends on directly.
    pub depends_on: u64,
    /// What it depends on directly and by way of others; at most 1000 are counted.
    pub beneath: u64,
    /// Revision of the last change.
    pub revision: u64,
}

impl BusinessService {
    /// The view of a business service with what is beneath it now.
    pub fn new(world: &World, ci: &ci::Ci) -> Self {
        let depends_on: std::collections::BTreeSet<_> =
            world.cmdb.links.from(ci.id).filter(|relation| relation.kind == RelationKind::DependsOn).map(|relation| relation.to).collect();
        Self {
            id: ci.id.to_string(),
            name: ci.name.clone(),
            status: ci.status.into(),
            criticality: text(ci, "criticality"),
            owner: world.contacts.text_of(ci, "owner"),
            support_group: world.contacts.text_of(ci, "support_group"),
            depends_on: depends_on.len() as u64,
            beneath: beneath(&world.cmdb, ci.id) as u64,
            revision: ci.revision,
        }
    }
}

/// A location.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Location {
    /// Its id for ever.
    #[schema(example = "ci_00000000000000000000000001")]
    pub id: String,
    /// What people call it.
    pub name: String,
    /// The names that lead to it from the outside in.
    #[schema(example = "Berlin/Hall 2/Rack 7")]
    pub path: String,
    /// The location that contains it.
    pub parent: Option<String>,
    /// Where it is in its life.
    pub status: Lifecycle,
    /// Locations directly within it.
    pub locations: u64,
    /// Other things that stand there.
    pub hosted: u64,
    /// Revision of the last change.
    pub revision: u64,
}

impl Location {
    /// The view of a location with what is there now.
    pub fn new(world: &World, ci: &ci::Ci) -> Self {
        let mut path: Vec<&str> = lineage(&world.cmdb, ci.id).map(|above| above.name.as_str()).collect();
        path.reverse();
        let hosted: std::collections::BTreeSet<_> =
            world.cmdb.links.to(ci.id).filter(|relation| relation.kind == RelationKind::HostedOn).map(|relation| relation.from).collect();
        Self {
            id: ci.id.to_string(),
            name: ci.name.clone(),
            path: path.join("/"),
            parent: ci.parent.map(|id| id.to_string()),
            status: ci.status.into(),
            locations: world.cmdb.components.get(&ci.id).map_or(0, |within| within.len() as u64),
            hosted: hosted.len() as u64,
            revision: ci.revision,
        }
    }
}

fn text(ci: &ci::Ci, name: &str) -> Option<String> {
    match ci.attributes.get(name)?.value() {
        AttributeValue::Text(text) => Some(text.clone()),
        _ => None,
    }
}
