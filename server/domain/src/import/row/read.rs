//! What the cells of a row say, as values of the types that they should have.

use super::{Row, Run, Stop};
use crate::attribute::decide::{kind_of, typed_value};
use crate::attribute::read_text;
use crate::ci::decide::assert::checked;
use crate::ci::decide::{check_attribute_name, manual};
use crate::ci::identify::fingerprint_kind;
use crate::ci::normalise::{self, Uuid};
use crate::ci::{AttributeValue, Class, Lifecycle, RelationKind};
use crate::id::{CiId, Family};
use crate::import::mapping::{Plan, Target};
use crate::import::reference::Seen;
use crate::import::{class_named, status_named};
use crate::{Rejection, World};
use rollcall_shared::section::{System, Virtualisation};
use std::collections::BTreeMap;

/// Bytes of a key.
const KEY_BYTES: usize = 255;

/// Things that one cell refers to.
const REFERENCES: usize = 100;

/// A cell that says what the thing belongs together with.
pub struct Relating {
    pub kind: RelationKind,
    pub class: Option<Class>,
    pub texts: Vec<String>,
    pub column: String,
}

/// A row, read.
pub struct Reading {
    /// The file's own key.
    pub key: String,
    /// What this feed calls so already.
    pub native: Option<CiId>,
    pub class: Class,
    pub name: Option<String>,
    pub status: Option<Lifecycle>,
    pub tags: Vec<String>,
    /// Column and cell, when there is such a column.
    pub parent: Option<(String, Option<String>)>,
    /// By name; `None` for what the file does not say any more.
    pub attributes: BTreeMap<String, Option<AttributeValue>>,
    pub relations: Vec<Relating>,
    /// Columns by attribute.
    columns: BTreeMap<String, String>,
}

/// The file's own key for the thing.
pub fn key(plan: &Plan, row: &Row) -> Result<String, Stop> {
    let mut parts = Vec::with_capacity(plan.key.len());
    for place in &plan.key {
        let column = Some(plan.columns[*place].as_str());
        let text = cell(row, *place)
            .and_then(text_of)
            .ok_or_else(|| Stop::refused("no_key", column, "is what tells things apart and is empty"))?;
        parts.push(text);
    }
    let key = parts.join("/");
    if key.len() > KEY_BYTES || key.chars().any(char::is_control) {
        return Err(Stop::refused("no_key", plan.key_column(), format!("a key has at most {KEY_BYTES} bytes and no control characters")));
    }
    Ok(key)
}

fn cell(row: &Row, place: usize) -> Option<&AttributeValue> {
    row.cells.get(place).and_then(Option::as_ref)
}

/// A cell as text; an empty one says nothing.
fn text_of(value: &AttributeValue) -> Option<String> {
    let text = match value {
        AttributeValue::Text(text) => text.trim().to_owned(),
        AttributeValue::Boolean(value) => value.to_string(),
        AttributeValue::Integer(value) => value.to_string(),
        AttributeValue::Number(value) => value.to_string(),
        AttributeValue::List(texts) => texts.join(","),
    };
    (!text.is_empty()).then_some(text)
}

fn split(value: &AttributeValue) -> Vec<String> {
    let texts: Vec<&str> = match value {
        AttributeValue::List(texts) => texts.iter().map(String::as_str).collect(),
        AttributeValue::Text(text) => text.split([',', ';']).collect(),
        _ => return text_of(value).into_iter().collect(),
    };
    texts.into_iter().map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned).collect()
}

impl Reading {
    /// Reads a row.
    pub fn new(world: &World, run: &Run, row: &Row, key: String) -> Result<Self, Stop> {
        let plan = &run.plan;
        let seen = Seen { world, run };
        let native = seen.native(&key);
        let known = native.and_then(|id| seen.thing(id)).map(|thing| thing.class);
        let class = class(plan, row)?.or(plan.class).or(known);
        let class = class
            .ok_or_else(|| Stop::refused("no_class", None, "nothing says what this is: give a column class, or a class for all rows"))?;
        let mut reading = Self {
            key,
            native,
            class,
            name: None,
            status: None,
            tags: Vec::new(),
            parent: None,
            attributes: BTreeMap::new(),
            relations: Vec::new(),
            columns: BTreeMap::new(),
        };
        for (place, target) in plan.targets.iter().enumerate() {
            reading.read(world, target, &plan.columns[place], cell(row, place))?;
        }
        reading.imply_host_name();
        Ok(reading)
    }

    fn read(&mut self, world: &World, target: &Target, column: &str, cell: Option<&AttributeValue>) -> Result<(), Stop> {
        let text = || cell.and_then(text_of);
        match target {
            Target::Ignore | Target::Class => {}
            Target::Name => self.name = text().map(|name| manual::name(&name)).transpose().map_err(|error| wrong(column, error))?,
            Target::Status => {
                self.status =
                    text().map(|text| status(&text)).transpose().map_err(|reason| Stop::refused("status", Some(column), reason))?;
            }
            Target::Tags => self.tags.extend(cell.map(split).unwrap_or_default().into_iter().map(|tag| tag.to_lowercase())),
            Target::Parent => self.parent = Some((column.to_owned(), text())),
            Target::Attribute(name) => self.attribute(world, name, column, cell)?,
            Target::Relation(kind, class) => {
                let texts = match (class, cell) {
                    // A path may have commas in it.
                    (Some(Class::Location), Some(AttributeValue::Text(_))) => text().into_iter().collect(),
                    (_, cell) => cell.map(split).unwrap_or_default(),
                };
                if texts.len() > REFERENCES {
                    return Err(Stop::refused("invalid", Some(column), format!("refers to more than {REFERENCES} things")));
                }
                self.relations.push(Relating { kind: *kind, class: *class, texts, column: column.to_owned() });
            }
        }
        Ok(())
    }

    fn attribute(&mut self, world: &World, name: &str, column: &str, cell: Option<&AttributeValue>) -> Result<(), Stop> {
        check_attribute_name(name, column).map_err(|error| wrong(column, error))?;
        self.columns.insert(name.to_owned(), column.to_owned());
        let value = cell.filter(|cell| text_of(cell).is_some()).map(|cell| {
            let kind = kind_of(world, self.class, name);
            match (kind, cell) {
                (Some(kind), AttributeValue::Text(text)) => read_text(&kind, text.trim()),
                (Some(crate::attribute::Kind::Text), cell) => AttributeValue::Text(text_of(cell).unwrap_or_default()),
                (_, cell) => cell.clone(),
            }
        });
        let value = value.map(|value| checked(&value, column).and_then(|value| typed_value(world, self.class, name, &value)));
        let value = value.transpose().map_err(|error| wrong(column, error))?;
        let identifies = self.class.family() == Family::Host;
        let value = if identifies { value.and_then(|value| identifier(name, value)) } else { value };
        self.attributes.insert(name.to_owned(), value);
        Ok(())
    }

    /// A machine that is called by a host name has that host name.
    fn imply_host_name(&mut self) {
        let Some(name) = self.name.as_ref().filter(|_| self.class.family() == Family::Host && !self.attributes.contains_key("hostname"))
        else {
            return;
        };
        if manual::is_host_name(name) {
            self.attributes.insert("hostname".into(), Some(AttributeValue::Text(name.clone())));
        }
    }

    /// The column that says an attribute.
    pub fn column(&self, attribute: &str) -> Option<&str> {
        self.columns.get(attribute).map(String::as_str)
    }

    /// A refusal that names the column of the attribute that it is about.
    pub fn wrong(&self, rejection: Rejection) -> Stop {
        match rejection {
            Rejection::Invalid { field, reason } => {
                let column = field.strip_prefix("attributes.").and_then(|name| self.column(name));
                let reason = if column.is_some() { reason } else { format!("{field}: {reason}") };
                Stop::refused("invalid", column, reason)
            }
            other => Stop::refused("conflict", None, other.to_string()),
        }
    }

    /// What the row says of a machine, as its firmware would.
    pub fn system(&self) -> System {
        let text = |name: &str| match self.attributes.get(name) {
            Some(Some(AttributeValue::Text(text))) => Some(text.clone()),
            _ => None,
        };
        let said = text("virtualisation");
        let kinds = [Virtualisation::Physical, Virtualisation::Vm, Virtualisation::Container];
        let said = kinds.into_iter().find(|kind| said.as_deref() == Some(fingerprint_kind(*kind)));
        System {
            manufacturer: text("manufacturer"),
            serial: text("serial"),
            uuid: text("uuid"),
            machine_id: text("machine_id"),
            hostname: text("hostname"),
            fqdn: text("fqdn"),
            domain: text("domain"),
            virtualisation: said.or_else(|| manual::kind_of(self.class)),
            ..System::default()
        }
    }
}

fn class(plan: &Plan, row: &Row) -> Result<Option<Class>, Stop> {
    let Some(place) = plan.targets.iter().position(|target| *target == Target::Class) else { return Ok(None) };
    let Some(text) = cell(row, place).and_then(text_of) else { return Ok(None) };
    let unknown = || {
        let known: Vec<&str> = Class::ALL.into_iter().map(Class::as_str).collect();
        let text = normalise::cut(&text, 80);
        Stop::refused("class", Some(&plan.columns[place]), format!("{text:?} is no class; classes are: {}", known.join(", ")))
    };
    class_named(&text).map(Some).ok_or_else(unknown)
}

fn status(text: &str) -> Result<Lifecycle, String> {
    match status_named(text) {
        Some(Lifecycle::Missing | Lifecycle::Stale) => Err("missing and stale are what the server concludes".into()),
        Some(status) => Ok(status),
        None => Err("must be planned, in_stock, operational, maintenance, retired or disposed".into()),
    }
}

/// What identifies machines is kept as inventories keep it; what vendors and people write in place of a value is absent.
fn identifier(name: &str, value: AttributeValue) -> Option<AttributeValue> {
    let AttributeValue::Text(text) = &value else { return Some(value) };
    let kept = match name {
        "serial" => normalise::serial(text, Some("")),
        "manufacturer" | "model" | "asset_tag" => normalise::label(text),
        "uuid" => Uuid::parse(text).map(|uuid| uuid.to_string()),
        "machine_id" => normalise::machine_id(text),
        "hostname" => normalise::hostname(text).and(normalise::text(text)),
        _ => return Some(value),
    };
    kept.map(AttributeValue::Text)
}

fn wrong(column: &str, rejection: Rejection) -> Stop {
    let reason = match rejection {
        Rejection::Invalid { reason, .. } => reason,
        other => other.to_string(),
    };
    Stop::refused("invalid", Some(column), reason)
}
