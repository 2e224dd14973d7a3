//! The class model.

use super::word;
use rollcall_domain::ci;
use serde::Serialize;
use utoipa::ToSchema;

/// A class of configuration items.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ClassDescription {
    /// Its name.
    pub name: word::Class,
    /// What people call it.
    pub label: String,
    /// What belongs to it.
    pub about: String,
    /// The class that it inherits from.
    pub parent: Option<word::Class>,
    /// Of items that are keyed on a host: how they hang on it, `component` (it contains them) or `runs_on`.
    #[schema(example = "runs_on")]
    pub dependence: Option<String>,
    /// What identifies an item.
    pub identity: String,
    /// Prefix of its items' ids.
    #[schema(example = "host_")]
    pub id_prefix: String,
    /// Attributes to expect, inherited ones included, by name. People may assert others.
    pub attributes: Vec<Expected>,
    /// The class that stands for it in ServiceNow's CMDB.
    #[schema(example = "cmdb_ci_server")]
    pub servicenow_class: String,
}

/// An attribute that items of a class usually have.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Expected {
    /// Its name.
    pub name: String,
    /// Type of its values: `boolean`, `integer`, `text` or `list` (of texts).
    #[serde(rename = "type")]
    #[schema(example = "integer")]
    pub kind: String,
    /// Unit of its numbers.
    #[schema(example = "bytes")]
    pub unit: Option<String>,
    /// What it says.
    pub about: String,
    /// The class that it is inherited from; null for the class's own.
    pub inherited_from: Option<word::Class>,
}

impl From<ci::Class> for ClassDescription {
    fn from(class: ci::Class) -> Self {
        let model = class.model();
        let attribute = |(of, one): (ci::Class, &ci::class::model::Expected)| Expected {
            name: one.name.to_owned(),
            kind: one.kind.as_str().to_owned(),
            unit: one.unit.map(str::to_owned),
            about: one.about.to_owned(),
            inherited_from: (of != class).then(|| of.into()),
        };
        Self {
            name: class.into(),
            label: model.label.to_owned(),
            about: model.about.to_owned(),
            parent: class.parent().map(Into::into),
            dependence: model.dependence.as_str().map(str::to_owned),
            identity: model.identity.to_owned(),
            id_prefix: class.family().prefix().to_owned(),
            attributes: class.expected().into_iter().map(attribute).collect(),
            servicenow_class: model.servicenow.to_owned(),
        }
    }
}
