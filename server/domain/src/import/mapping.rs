//! What the columns of a file mean.
//!
//! A mapping names the columns that mean something; all others are ignored. Without a mapping a column means what its heading
//! says. Either becomes a [`Plan`] for the columns that a file really has, or is refused before the first row.

use super::{class_named, word};
use crate::Rejection;
use crate::ci::decide::check_attribute_name;
use crate::ci::{Class, Lifecycle, RelationKind, normalise};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// Columns of a file.
pub const COLUMNS: usize = 256;

/// Headings that a key is taken from when nobody says otherwise, the best first.
const KEYS: [&str; 8] = ["key", "id", "asset_id", "asset_tag", "serial", "uuid", "fingerprint", "name"];

/// What a column means.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    /// Nothing.
    Ignore,
    /// What it is called.
    Name,
    /// What it is.
    Class,
    /// Where it is in its life.
    Status,
    /// Tags to put on, separated by commas or semicolons.
    Tags,
    /// What contains it.
    Parent,
    /// An attribute.
    Attribute(String),
    /// What it belongs together with, and of which class that is.
    Relation(RelationKind, Option<Class>),
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ignore => f.write_str("ignore"),
            Self::Name => f.write_str("name"),
            Self::Class => f.write_str("class"),
            Self::Status => f.write_str("status"),
            Self::Tags => f.write_str("tags"),
            Self::Parent => f.write_str("parent"),
            Self::Attribute(name) => write!(f, "attribute:{name}"),
            Self::Relation(kind, None) => write!(f, "relation:{}", kind.as_str()),
            Self::Relation(kind, Some(class)) => write!(f, "relation:{}:{}", kind.as_str(), class.as_str()),
        }
    }
}

/// The rule for what a column may mean.
const RULE: &str = "must be ignore, name, class, status, tags, parent, attribute:<name>, relation:<kind> or relation:<kind>:<class>";

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Ok(match text {
            "ignore" => Self::Ignore,
            "name" => Self::Name,
            "class" => Self::Class,
            "status" => Self::Status,
            "tags" => Self::Tags,
            "parent" => Self::Parent,
            "owner" | "support_group" | "criticality" => Self::Attribute(text.to_owned()),
            _ => match text.split_once(':') {
                Some(("attribute", name)) => Self::Attribute(name.to_owned()),
                Some(("relation", rest)) => relation(rest)?,
                _ => return Err(RULE.into()),
            },
        })
    }
}

fn relation(text: &str) -> Result<Target, String> {
    let (kind, class) = text.split_once(':').map_or((text, None), |(kind, class)| (kind, Some(class)));
    let kind = RelationKind::ALL.into_iter().find(|known| known.as_str() == kind).ok_or(RULE)?;
    match kind {
        RelationKind::Contains => return Err("what contains a thing is its parent: map the column to parent".into()),
        RelationKind::InstalledOn => return Err("what is installed where follows from the package lists of hosts".into()),
        _ => {}
    }
    let class = class.map(|class| class_named(class).ok_or_else(|| RULE.to_owned())).transpose()?;
    Ok(Target::Relation(kind, class.or_else(|| usual_class(kind))))
}

/// What a relation of a kind mostly leads to.
fn usual_class(kind: RelationKind) -> Option<Class> {
    (kind == RelationKind::HostedOn).then_some(Class::Location)
}

impl Serialize for Target {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Target {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// What the columns of a feed mean.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mapping {
    /// Columns whose values together are the file's own key for a thing, in order.
    pub key: Vec<String>,
    /// What things are whose row does not say.
    pub class: Option<Class>,
    /// Where new things are in their life whose row does not say.
    pub status: Option<Lifecycle>,
    /// By heading; columns that are not here are ignored.
    pub columns: BTreeMap<String, Target>,
}

impl Mapping {
    /// Whether it makes sense, whatever file comes.
    ///
    /// # Errors
    /// What does not.
    pub fn check(&self) -> Result<(), Rejection> {
        if self.key.is_empty() || self.key.len() > 8 {
            return Err(Rejection::invalid("key", "must name 1 to 8 columns that together tell things apart"));
        }
        if self.columns.is_empty() || self.columns.len() > COLUMNS {
            return Err(Rejection::invalid("columns", format!("must be 1 to {COLUMNS}")));
        }
        if matches!(self.status, Some(Lifecycle::Missing | Lifecycle::Stale)) {
            return Err(Rejection::invalid("status", "missing and stale are what the server concludes"));
        }
        let mut once: BTreeMap<&Target, &String> = BTreeMap::new();
        for (column, target) in &self.columns {
            check_target(column, target)?;
            let may_repeat = matches!(target, Target::Ignore | Target::Tags | Target::Relation(..));
            if let Some(other) = once.insert(target, column).filter(|_| !may_repeat) {
                return Err(Rejection::invalid(format!("columns.{column}"), format!("{target} is what {other} means already")));
            }
        }
        Ok(())
    }
}

fn check_target(column: &str, target: &Target) -> Result<(), Rejection> {
    match target {
        Target::Attribute(name) => check_attribute_name(name, &format!("columns.{}", normalise::cut(column, 80))),
        _ => Ok(()),
    }
}

/// A mapping laid over the columns that a file has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Headings, in order.
    pub columns: Vec<String>,
    /// What each means.
    pub targets: Vec<Target>,
    /// Places of the columns of the key.
    pub key: Vec<usize>,
    /// What things are whose row does not say.
    pub class: Option<Class>,
    /// Where new things are in their life whose row does not say.
    pub status: Option<Lifecycle>,
}

impl Plan {
    /// Lays a mapping, or what the headings say, over the columns of a file.
    ///
    /// # Errors
    /// A column that the mapping names and the file has not, or a heading that means nothing.
    pub fn new(mapping: Option<&Mapping>, columns: &[String]) -> Result<Self, Rejection> {
        if columns.is_empty() || columns.len() > COLUMNS {
            return Err(Rejection::invalid("columns", format!("a file has 1 to {COLUMNS} columns")));
        }
        match mapping {
            Some(mapping) => Self::of_mapping(mapping, columns),
            None => Self::of_headings(columns),
        }
    }

    fn of_mapping(mapping: &Mapping, columns: &[String]) -> Result<Self, Rejection> {
        mapping.check()?;
        let absent = mapping.columns.keys().chain(&mapping.key).find(|column| !columns.contains(column));
        if let Some(absent) = absent {
            let known = normalise::cut(&columns.join(", "), 300).to_owned();
            let reason = format!("the mapping names the column {absent:?}, which the file does not have; it has: {known}");
            return Err(Rejection::invalid("columns", reason));
        }
        let targets = columns.iter().map(|column| mapping.columns.get(column).cloned().unwrap_or(Target::Ignore)).collect();
        let key = mapping.key.iter().filter_map(|column| columns.iter().position(|known| known == column)).collect();
        Ok(Self { columns: columns.to_vec(), targets, key, class: mapping.class, status: mapping.status })
    }

    fn of_headings(columns: &[String]) -> Result<Self, Rejection> {
        let words: Vec<String> = columns.iter().map(|column| word(column)).collect();
        let targets = columns.iter().zip(&words).map(|(column, word)| said_by(column, word)).collect::<Result<Vec<_>, _>>()?;
        for (place, target) in targets.iter().enumerate() {
            let first = targets.iter().position(|known| known == target);
            if *target != Target::Ignore && first.is_some_and(|first| first < place) {
                let reason = format!("the columns {:?} and {:?} mean the same", columns[first.unwrap_or(0)], columns[place]);
                return Err(Rejection::invalid("columns", reason));
            }
        }
        let key = KEYS.iter().find_map(|key| words.iter().position(|word| word == key));
        let wanted =
            || Rejection::invalid("columns", format!("none of them is a key ({}); save a mapping that names one", KEYS.join(", ")));
        Ok(Self { columns: columns.to_vec(), targets, key: vec![key.ok_or_else(wanted)?], class: None, status: None })
    }

    /// Headings of columns that nothing is made of.
    #[must_use]
    pub fn ignored(&self) -> Vec<String> {
        let places = self.targets.iter().enumerate().filter(|(place, target)| **target == Target::Ignore && !self.key.contains(place));
        places.map(|(place, _)| self.columns[place].clone()).collect()
    }
}

/// What a heading says by itself.
fn said_by(column: &str, word: &str) -> Result<Target, Rejection> {
    if let Some(kind) = RelationKind::ALL.into_iter().find(|kind| kind.as_str() == word) {
        return relation(kind.as_str()).map_err(|reason| Rejection::invalid(format!("columns.{}", normalise::cut(column, 80)), reason));
    }
    Ok(match word {
        "name" => Target::Name,
        "class" => Target::Class,
        "status" => Target::Status,
        "tags" => Target::Tags,
        "parent" => Target::Parent,
        "location" => Target::Relation(RelationKind::HostedOn, Some(Class::Location)),
        // Fields of an export that are the server's own.
        "key" | "id" | "created_at" | "updated_at" | "revision" | "duplicate_of" | "attributes" | "sections" => Target::Ignore,
        _ => {
            check_attribute_name(word, &format!("columns.{}", normalise::cut(column, 80)))?;
            Target::Attribute(word.to_owned())
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns(columns: &[&str]) -> Vec<String> {
        columns.iter().map(|column| (*column).to_owned()).collect()
    }

    #[track_caller]
    fn check(headings: &[&str], expected: Result<&str, &str>) {
        let found = Plan::new(None, &columns(headings));
        let found = found.map(|plan| plan.targets.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")).map_err(|e| e.to_string());
        assert_eq!(found.as_deref().map_err(String::as_str), expected);
    }

    #[test]
    fn headings_say_what_columns_mean() {
        check(
            &["Name", "Class", "Serial", "Warranty End", "hosted on"],
            Ok("name class attribute:serial attribute:warranty_end relation:hosted_on:location"),
        );
        check(&["id", "location", "Owner", "tags"], Ok("ignore relation:hosted_on:location attribute:owner tags"));
        check(
            &["colour"],
            Err(
                "columns: none of them is a key (key, id, asset_id, asset_tag, serial, uuid, fingerprint, name); save a mapping that names one",
            ),
        );
        check(&["name", "Serial", "serial"], Err("columns: the columns \"Serial\" and \"serial\" mean the same"));
        check(&["name", "2nd"], Err("columns.2nd: a name begins with a lower-case letter and has 1 to 64 of a-z, 0-9 and _"));
        check(&["name", "contains"], Err("columns.contains: what contains a thing is its parent: map the column to parent"));
    }

    #[test]
    fn what_a_column_means_is_written_as_it_is_read() {
        for text in [
            "ignore",
            "name",
            "class",
            "status",
            "tags",
            "parent",
            "attribute:serial",
            "relation:depends_on",
            "relation:hosted_on:location",
        ] {
            assert_eq!(text.parse::<Target>().map(|target| target.to_string()), Ok(text.to_owned()));
        }
        for text in ["", "colour", "relation:eats", "relation:depends_on:fridge", "relation:contains", "relation:installed_on"] {
            assert!(text.parse::<Target>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_mapping_names_columns_that_are_there() {
        let mapping = |key: &str, column: &str, target: Target| Mapping {
            key: columns(&[key]),
            columns: BTreeMap::from([(column.to_owned(), target)]),
            ..Mapping::default()
        };
        let file = columns(&["Asset", "Label"]);
        assert!(Plan::new(Some(&mapping("Asset", "Label", Target::Name)), &file).is_ok());
        assert!(Plan::new(Some(&mapping("Number", "Label", Target::Name)), &file).is_err());
        assert!(Plan::new(Some(&mapping("Asset", "Bez.", Target::Name)), &file).is_err());
        assert!(mapping("Asset", "Label", Target::Attribute("Bad Name".into())).check().is_err());
    }
}
