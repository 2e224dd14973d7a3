//! What could be written next: fields, operators and values that fit at a place of an unfinished query.
//!
//! Values come from the indexes, bounded; nothing here reads a record. Never fails: a text that is no query yet is what people
//! have while they type.

use super::build::{LIFECYCLES, lifecycle_name};
use super::evaluate::{Scope, place};
use super::field::{self, FIELDS, Field, Kind};
use super::index::texts::Texts;
use super::index::{NAME, SOURCE, TAG, Values};
use super::print::show;
use super::scanner::{Operator, Scanner};
use super::term::{AgentState, IncidentTest, Listing, Relationship, TextField};
use crate::ci::Class;
use crate::ci::normalise::folded;
use crate::contact::names::ATTRIBUTES;
use roaring::RoaringBitmap;
use std::collections::BTreeSet;
use std::ops::Range;

/// Completions of one kind shown at once: a list that a person can look through.
pub const LIMIT: usize = 20;

/// What is written when a completion is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// A field, with the operator that mostly follows.
    Field,
    /// An operator after a field.
    Operator,
    /// A value.
    Value,
    /// `and`, `or`, `not`.
    Keyword,
}

impl Part {
    /// The name in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Field => "field",
            Self::Operator => "operator",
            Self::Value => "value",
            Self::Keyword => "keyword",
        }
    }
}

/// Something that fits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completion {
    /// What to write in place of what stands there, quoted where it must be.
    pub text: String,
    /// What it is.
    pub part: Part,
    /// What it means, for fields and operators.
    pub about: Option<String>,
    /// How many records have the value, where that is known.
    pub count: Option<u64>,
}

/// What fits at a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completions {
    /// What would be replaced, in bytes of the text.
    pub span: Range<usize>,
    /// The best first.
    pub items: Vec<Completion>,
}

/// What stands before a place.
#[derive(Debug, PartialEq, Eq)]
struct Before<'t> {
    /// The field and operator whose value is being written.
    field: Option<(&'t str, Operator)>,
    /// Where what is being written begins.
    start: usize,
}

/// What fits at a place of a text, in bytes; a place within a character or behind the end is the one before.
#[must_use]
pub fn complete(scope: &Scope<'_>, text: &str, position: usize) -> Completions {
    let position = text.floor_char_boundary(position.min(text.len()));
    let before = before(&text[..position]);
    let written = &text[before.start..position];
    let ends = |c: char| c.is_whitespace() || matches!(c, '(' | ')' | ',' | '"');
    let rest = &text[position..];
    let end = position + rest.find(ends).unwrap_or(rest.len());
    let items = match before.field {
        Some((name, operator)) => values(scope, name, operator, written.trim_start_matches('"')),
        None => fields(scope, written),
    };
    let end = if before.field.is_none() {
        position + rest[..end - position].find([':', '<', '>', '=', '!', '~']).unwrap_or(end - position)
    } else {
        end
    };
    Completions { span: before.start..end, items }
}

/// Goes through the text up to the place as a reader does, without demanding that it be right.
fn before(text: &str) -> Before<'_> {
    let mut scanner = Scanner::new(text);
    let mut list: Option<(&str, Operator)> = None;
    loop {
        scanner.skip_blanks();
        let start = scanner.at;
        let name = if list.is_none() { scanner.name() } else { "" };
        let after_name = start + name.len();
        if let Some((operator, length)) = Operator::at_start(&text[after_name..]).filter(|_| !name.is_empty()) {
            scanner.at = after_name + length;
            if scanner.take("(") {
                list = Some((name, operator));
                continue;
            }
            let start = scanner.at;
            if skip_value(&mut scanner) {
                return Before { field: Some((name, operator)), start };
            }
            continue;
        }
        if scanner.take(")") {
            list = None;
        } else if !(scanner.take(",") || (list.is_none() && (scanner.take("(") || scanner.take("-")))) && skip_value(&mut scanner) {
            return Before { field: list, start };
        }
    }
}

/// Moves over a value; whether the text ended in or before it.
fn skip_value(scanner: &mut Scanner<'_>) -> bool {
    if scanner.peek() == Some('"') {
        return !matches!(scanner.written(&[]), Ok(Some(_)));
    }
    let length = scanner.chunk().len();
    scanner.at += if length == 0 { scanner.peek().map_or(0, char::len_utf8) } else { length };
    length == scanner.text.len() - (scanner.at - length) || scanner.rest().is_empty()
}

fn fields(scope: &Scope<'_>, written: &str) -> Vec<Completion> {
    let beginning = written.to_ascii_lowercase();
    let fits = |name: &str| name.starts_with(&beginning) || name.replace('_', ".").starts_with(&beginning);
    let mut items = Vec::new();
    if field::find(&beginning).is_some_and(|field| is_known(scope, &beginning, &field)) {
        items.extend(operators(&beginning));
    }
    let entries = FIELDS
        .iter()
        .filter(|entry| fits(entry.name))
        .map(|entry| (entry.name.to_owned(), format!("{}, such as {}", entry.about, entry.example)));
    let relations = Relationship::all().map(Relationship::as_str).filter(|name| !beginning.is_empty() && fits(name));
    let relations = relations.map(|name| (name.to_owned(), "a relation, by the other side's name or id".to_owned()));
    let known = field::ATTRIBUTES
        .iter()
        .map(|(name, _)| (*name).to_owned())
        .chain(scope.world.cmdb.index.attributes().map(|(name, _)| name.to_owned()));
    let mut attributes: Vec<String> = known.filter(|name| !beginning.is_empty() && fits(name)).collect();
    attributes.sort_unstable();
    attributes.dedup();
    let attributes = attributes.into_iter().map(|name| (field::written(&name), "an attribute".to_owned()));
    let all = entries.chain(relations).chain(attributes).filter(|(name, _)| *name != beginning).take(LIMIT + FIELDS.len());
    items.extend(all.map(|(name, about)| {
        let operator = usual_operator(&name);
        Completion { text: format!("{name}{operator}"), part: Part::Field, about: Some(about), count: None }
    }));
    let keywords = ["not", "or", "and"].into_iter().filter(|keyword| keyword.starts_with(&beginning));
    items.extend(keywords.map(|keyword| Completion { text: keyword.into(), part: Part::Keyword, about: None, count: None }));
    if !beginning.is_empty() {
        items.extend(texts(scope.world.cmdb.index.field(NAME), written, None));
    }
    items
}

/// Whether a name means something here: an attribute that no record has is mostly a word on its way.
fn is_known(scope: &Scope<'_>, name: &str, field: &Field) -> bool {
    match field {
        Field::Attribute(attribute, _) => {
            let attribute = &**attribute;
            field::ATTRIBUTES.iter().any(|(known, _)| *known == attribute)
                || scope.world.cmdb.index.field(attribute).is_some()
                || name == "mac"
        }
        _ => true,
    }
}

fn operators(name: &str) -> Vec<Completion> {
    let Some(field) = field::find(name) else { return Vec::new() };
    let fits = |operator: Operator| match (&field, operator) {
        (Field::Moment(_) | Field::Attribute(_, Kind::Moment), Operator::Contains | Operator::Exactly) => false,
        (Field::Attribute(_, Kind::Number | Kind::Size), Operator::Contains) => false,
        (Field::Moment(_) | Field::Attribute(_, Kind::Number | Kind::Size | Kind::Moment | Kind::Open), _) => true,
        (Field::Text(_), operator) => !matches!(operator, Operator::Compare(_)),
        (_, operator) => matches!(operator, Operator::Is | Operator::IsNot),
    };
    let all = Operator::ALL.into_iter().filter(|(_, operator, _)| fits(*operator));
    all.map(|(written, _, about)| Completion {
        text: format!("{name}{written}"),
        part: Part::Operator,
        about: Some(about.into()),
        count: None,
    })
    .collect()
}

fn usual_operator(name: &str) -> &'static str {
    match field::find(name) {
        Some(Field::Moment(_) | Field::Attribute(_, Kind::Moment)) => ">",
        Some(Field::Attribute(_, Kind::Number | Kind::Size)) => ">=",
        _ => ":",
    }
}

fn values(scope: &Scope<'_>, name: &str, operator: Operator, written: &str) -> Vec<Completion> {
    let index = &scope.world.cmdb.index;
    let words = |words: &mut dyn Iterator<Item = &str>| -> Vec<Completion> {
        let beginning = folded(written);
        words.filter(|word| word.starts_with(&beginning)).map(|word| value(word, None)).collect()
    };
    let names = |of: Option<&RoaringBitmap>| texts(index.field(NAME), written, of);
    match field::find(&name.to_ascii_lowercase()) {
        Some(Field::Class) => words(&mut Class::ALL.iter().map(|class| class.as_str())),
        Some(Field::Status) => words(&mut LIFECYCLES.iter().map(|status| lifecycle_name(*status))),
        Some(Field::Agent) => words(&mut AgentState::ALL.iter().map(|state| state.as_str())),
        Some(Field::Incident) => words(&mut IncidentTest::ALL.iter().map(|test| test.as_str())),
        Some(Field::Drift | Field::RetirementCandidate | Field::Attribute(_, Kind::Boolean)) => words(&mut ["true", "false"].into_iter()),
        Some(Field::Moment(_) | Field::Attribute(_, Kind::Moment)) => ages(operator, written),
        Some(Field::Text(TextField::Name) | Field::Parent | Field::Related(_)) => names(None),
        Some(Field::Text(TextField::Tag)) => texts(index.field(TAG), written, None),
        Some(Field::Text(TextField::Source)) => texts(index.field(SOURCE), written, None),
        Some(Field::Group) => scope.groups.names(written).iter().take(LIMIT).map(|name| value(name, None)).collect(),
        Some(Field::Has) => words(&mut index.attributes().map(|(name, _)| name)).into_iter().take(LIMIT).collect(),
        Some(Field::Package) => names(index.with_class(Class::SoftwareProduct)),
        Some(Field::Listener) => listed(index.listings[2].beginning_with(&folded(written), LIMIT)),
        Some(Field::Listed(listing @ (Listing::Service | Listing::User))) => {
            listed(index.listings[place(listing)].beginning_with(&folded(written), LIMIT))
        }
        Some(Field::Address) => texts(index.field("ip_addresses"), written, None),
        Some(Field::Attribute(name, _)) if ATTRIBUTES.contains(&&*name) => contacts(scope, index.field(&name), written),
        Some(Field::Attribute(name, _)) => {
            field::sources(&name).into_iter().flat_map(|name| texts(index.field(name), written, None)).collect()
        }
        Some(Field::Id) | None => Vec::new(),
    }
}

fn ages(operator: Operator, written: &str) -> Vec<Completion> {
    let older = if matches!(operator, Operator::Compare(super::quantity::Comparison::Greater | super::quantity::Comparison::AtLeast)) {
        "longer"
    } else {
        "less long"
    };
    let all = [("1h", "an hour"), ("1d", "a day"), ("7d", "a week"), ("30d", "a month"), ("1y", "a year")];
    let fitting = all.into_iter().filter(|(age, _)| age.starts_with(written));
    fitting.map(|(age, words)| Completion { about: Some(format!("{older} ago than {words}")), ..value(age, None) }).collect()
}

fn listed(names: Vec<String>) -> Vec<Completion> {
    names.iter().map(|name| value(name, None)).collect()
}

fn texts(values: Option<&Values>, written: &str, of: Option<&RoaringBitmap>) -> Vec<Completion> {
    let found = values.map(|values| Texts::beginning_with(&values.texts, written, of, LIMIT)).unwrap_or_default();
    found.into_iter().map(|(text, count)| value(&text, count)).collect()
}

/// What whoever is named is called now.
fn contacts(scope: &Scope<'_>, values: Option<&Values>, written: &str) -> Vec<Completion> {
    let contacts = &scope.world.contacts;
    let found = values.map(|values| values.texts.beginning_with(written, None, LIMIT)).unwrap_or_default();
    let found = found.into_iter().map(|(text, count)| (contacts.called(&text), count));
    let beginning = folded(written);
    let renamed = contacts.renamed().filter(|contact| folded(&contact.name).starts_with(&beginning));
    let mut seen = BTreeSet::new();
    let all = found.chain(renamed.map(|contact| (contact.name.clone(), None))).filter(|(name, _)| seen.insert(name.clone()));
    all.take(LIMIT).map(|(name, count)| value(&name, count)).collect()
}

fn value(text: &str, count: Option<u64>) -> Completion {
    Completion { text: show(text).into_owned(), part: Part::Value, about: None, count }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::World;
    use crate::ci::testing::{Fleet, os, packages, server, system};
    use crate::query::NoGroups;
    use proptest::prelude::*;

    fn fleet() -> Fleet {
        let mut fleet = Fleet::with_agents(1..3);
        fleet.report(1, [system(server(1)), os("12"), packages(&[("openssl", "3"), ("bash", "5")])]);
        fleet.report(2, [system(server(2)), os("13"), packages(&[("bash", "5")])]);
        fleet
    }

    /// The cursor is where `|` stands; the first completions and what they replace.
    #[track_caller]
    fn check(written: &str, replaced: &str, expected: &[&str]) {
        let fleet = fleet();
        let (before, after) = written.split_once('|').unwrap();
        let text = format!("{before}{after}");
        let scope = Scope { world: &fleet.world, groups: &NoGroups, now: fleet.now };
        let found = complete(&scope, &text, before.len());
        assert_eq!(&text[found.span.clone()], replaced, "{written}");
        let texts: Vec<&str> = found.items.iter().map(|item| item.text.as_str()).take(expected.len()).collect();
        assert_eq!(texts, expected, "{written}");
    }

    #[test]
    fn what_fits_is_offered() {
        check("|", "", &["class:", "status:"]);
        check("cl|", "cl", &["class:", "cloud_instance_id:"]);
        check("-cla|", "cla", &["class:"]);
        check("class|", "class", &["class!=", "class:"]);
        check("class:ser|", "ser", &["server"]);
        check("class:s|erver tag:x", "server", &["server", "software_product", "storage_device"]);
        check("not class:(server, work|", "work", &["workstation"]);
        check("(os.id:d|", "d", &["debian"]);
        check("os.version:|", "", &["12", "13"]);
        check("package:o|", "o", &["openssl"]);
        check("package:|", "", &["bash", "openssl"]);
        check("name:\"sr|", "\"sr", &["srv1", "srv2"]);
        check("last_seen>|", "", &["1h", "1d"]);
        check("has:os_i|", "os_i", &["os_id"]);
        check("tag:prod sr|", "sr", &["srv1", "srv2"]);
        check("last|", "last", &["last_seen>"]);
    }

    proptest! {
        #[test]
        fn no_unfinished_text_panics_or_hangs(text in "[a-z:=<>~!()\", *.é-]{0,40}", position in 0_usize..50) {
            let world = World::default();
            let scope = Scope { world: &world, groups: &NoGroups, now: rollcall_shared::Timestamp(0) };
            let found = complete(&scope, &text, position);
            prop_assert!(text.get(found.span).is_some());
        }
    }
}
