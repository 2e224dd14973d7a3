//! Which attributes there are: those that come with Rollcall, read only, and those that people define.

use super::Api;
use super::caller::Caller;
use super::extract::{Body, Named, Parameters, PathName};
use super::format::Format;
use super::page::{Page, Paging};
use super::view::people::{AttributeDefinition, AttributeType};
use super::view::word::Class;
use crate::answer::{self, ApiError, Code};
use axum::extract::State;
use axum::response::Response;
use rollcall_domain::attribute::{AttributeCommand, BUILT_IN, BuiltIn, Definition, Kind};
use rollcall_domain::{Command, World};
use serde::{Deserialize, Deserializer};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::str::FromStr;
use utoipa::{IntoParams, ToSchema};

/// Which attributes are wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AttributeQuery {
    /// Of things of this class.
    class: Option<Class>,
    /// Whether they come with Rollcall.
    built_in: Option<bool>,
    /// Items of one page: 1 to 1000, 100 unless given.
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// An attribute to be defined.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "warranty_end", "label": "Warranty until", "type": "date", "classes": ["host", "network_device"]}))]
pub struct NewAttribute {
    /// Its name, for ever: lower-case letters, digits and underscores.
    name: String,
    /// What people call it; the name unless given.
    label: Option<String>,
    /// What values it takes.
    r#type: AttributeType,
    /// The words of an enumeration.
    values: Option<Vec<String>>,
    /// Classes that have it, and what inherits from them; all unless given.
    classes: Option<Vec<Class>>,
    /// Whether people may not make a record without it; not unless said.
    required: Option<bool>,
    /// What its number counts, such as `W`.
    unit: Option<String>,
}

/// What is to be different; what is left out stays. The name and the type stay for ever.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"label": "Warranty until", "required": true}))]
pub struct AttributePatch {
    /// What people call it.
    label: Option<String>,
    /// The words of an enumeration.
    values: Option<Vec<String>>,
    /// Classes that have it; none for all.
    classes: Option<Vec<Class>>,
    /// Whether people may not make a record without it.
    required: Option<bool>,
    /// What its number counts; null for nothing.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    unit: Option<Option<String>>,
}

/// Tells null, which takes away, from a field that is left out.
fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// Name of an attribute in a path.
#[derive(Clone, Debug)]
pub struct AttributeName(String);

impl FromStr for AttributeName {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self(text.to_owned()))
    }
}

impl PathName for AttributeName {
    const KIND: &'static str = "attribute";
}

/// Lists attributes, by name.
#[utoipa::path(get, path = "/api/v1/attributes", tag = "attributes", params(AttributeQuery),
    responses((status = 200, description = "A page.", body = Page<AttributeDefinition>)))]
pub async fn list_attributes(
    State(api): State<Api>,
    Parameters(query): Parameters<AttributeQuery>,
    format: Format,
) -> Result<Response, ApiError> {
    let paging = Paging::<String>::new("attributes", query.limit, query.cursor.as_deref())?;
    let class = query.class.map(|class| class.0);
    let page = api.engine.read(|world| {
        let defined = world.attributes.definitions.values();
        let defined = defined.filter(|known| class.is_none_or(|class| known.definition.applies_to(class)));
        let built_in = BUILT_IN.iter().filter(|known| class.is_none_or(|class| applies_to(known, class)));
        let all: BTreeMap<String, AttributeDefinition> = defined
            .map(AttributeDefinition::from)
            .chain(built_in.map(AttributeDefinition::from))
            .map(|one| (one.name.clone(), one))
            .collect();
        let wanted = all.into_iter().filter(|(_, one)| query.built_in.is_none_or(|built_in| one.built_in == built_in));
        paging.page(wanted.filter(|(name, _)| paging.after.as_ref().is_none_or(|after| name > after)))
    });
    Ok(format.list(&page))
}

fn applies_to(known: &BuiltIn, class: rollcall_domain::ci::Class) -> bool {
    known.classes.is_empty() || known.classes.iter().any(|one| class.is_a(*one))
}

/// Defines an attribute. Values that people asserted already must fit.
#[utoipa::path(post, path = "/api/v1/attributes", tag = "attributes", request_body = NewAttribute,
    responses((status = 201, description = "The attribute.", body = AttributeDefinition)))]
pub async fn create_attribute(State(api): State<Api>, caller: Caller, Body(new): Body<NewAttribute>) -> Result<Response, ApiError> {
    let name = new.name.clone();
    caller.execute(&api.engine, Command::Attribute(AttributeCommand::Define(Box::new(new.into_domain()?)))).await?;
    api.engine.read(|world| {
        let (view, revision) = find(world, &name)?;
        Ok(answer::created(&format!("/api/v1/attributes/{name}"), &view, Some(revision)))
    })
}

/// Shows one attribute.
#[utoipa::path(get, path = "/api/v1/attributes/{id}", tag = "attributes",
    responses((status = 200, description = "The attribute.", body = AttributeDefinition)))]
pub async fn get_attribute(State(api): State<Api>, Named(name): Named<AttributeName>) -> Result<Response, ApiError> {
    show(&api, &name.0)
}

/// Changes the definition of an attribute. Values that people asserted already must still fit.
#[utoipa::path(patch, path = "/api/v1/attributes/{id}", tag = "attributes", request_body = AttributePatch,
    responses((status = 200, description = "The attribute as it is now.", body = AttributeDefinition)))]
pub async fn patch_attribute(
    State(api): State<Api>,
    Named(AttributeName(name)): Named<AttributeName>,
    caller: Caller,
    Body(patch): Body<AttributePatch>,
) -> Result<Response, ApiError> {
    let known = api.engine.read(|world| world.attributes.definitions.get(&name).map(|known| known.definition.clone()));
    let definition = match known {
        Some(known) => Box::new(patch.applied_to(known)?),
        None => return refuse(&api, &name),
    };
    caller.execute(&api.engine, Command::Attribute(AttributeCommand::Change { definition, expected: caller.expected })).await?;
    show(&api, &name)
}

/// Withdraws the definition of an attribute. Its values stay, and are of no type from then on.
#[utoipa::path(delete, path = "/api/v1/attributes/{id}", tag = "attributes", responses((status = 204, description = "Withdrawn.")))]
pub async fn delete_attribute(
    State(api): State<Api>,
    Named(AttributeName(name)): Named<AttributeName>,
    caller: Caller,
) -> Result<Response, ApiError> {
    withdraw(&api, &caller, name).await
}

/// What is not defined by people comes with Rollcall, or does not exist.
fn refuse(api: &Api, name: &str) -> Result<Response, ApiError> {
    api.engine.read(|world| find(world, name))?;
    Err(ApiError::new(Code::Conflict, format!("{name} comes with Rollcall and stays as it is")))
}

async fn withdraw(api: &Api, caller: &Caller, name: String) -> Result<Response, ApiError> {
    let expected = caller.expected;
    caller.execute(&api.engine, Command::Attribute(AttributeCommand::Withdraw { name, expected })).await?;
    Ok(answer::done())
}

fn find(world: &World, name: &str) -> Result<(AttributeDefinition, u64), ApiError> {
    let defined = world.attributes.definitions.get(name).map(|known| (known.into(), known.revision));
    let built_in = || BuiltIn::find(name).map(|known| (known.into(), 0));
    defined.or_else(built_in).ok_or_else(|| ApiError::not_found("attribute", name))
}

fn show(api: &Api, name: &str) -> Result<Response, ApiError> {
    api.engine.read(|world| find(world, name).map(|(view, revision)| answer::resource(&view, revision)))
}

impl NewAttribute {
    fn into_domain(self) -> Result<Definition, ApiError> {
        let kind = kind(self.r#type, self.values)?;
        let classes = self.classes.unwrap_or_default().into_iter().map(|class| class.0).collect();
        let label = self.label.unwrap_or_else(|| self.name.clone());
        Ok(Definition { name: self.name, label, kind, classes, required: self.required.unwrap_or(false), unit: self.unit })
    }
}

fn kind(kind: AttributeType, values: Option<Vec<String>>) -> Result<Kind, ApiError> {
    let known = match kind {
        AttributeType::Text => Kind::Text,
        AttributeType::Integer => Kind::Integer,
        AttributeType::Number => Kind::Number,
        AttributeType::Boolean => Kind::Boolean,
        AttributeType::Date => Kind::Date,
        AttributeType::Url => Kind::Url,
        AttributeType::Ci => Kind::Ci,
        AttributeType::Contact => Kind::Contact,
        AttributeType::List => Kind::List,
        AttributeType::Enumeration => {
            Kind::Enumeration { values: values.clone().ok_or_else(|| ApiError::invalid("values", "are needed for an enumeration"))? }
        }
    };
    if values.is_some() && kind != AttributeType::Enumeration {
        return Err(ApiError::invalid("values", "are for enumerations alone"));
    }
    Ok(known)
}

impl AttributePatch {
    fn applied_to(self, known: Definition) -> Result<Definition, ApiError> {
        let kind = match (self.values, known.kind) {
            (Some(values), Kind::Enumeration { .. }) => Kind::Enumeration { values },
            (Some(_), _) => return Err(ApiError::invalid("values", "are for enumerations alone")),
            (None, kind) => kind,
        };
        Ok(Definition {
            kind,
            label: self.label.unwrap_or(known.label),
            classes: self.classes.map_or(known.classes, |classes| classes.into_iter().map(|class| class.0).collect()),
            required: self.required.unwrap_or(known.required),
            unit: self.unit.unwrap_or(known.unit),
            name: known.name,
        })
    }
}
