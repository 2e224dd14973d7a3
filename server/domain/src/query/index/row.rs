//! One record as the index sees it: compared before and after a change, so that only what differs is touched.

use super::listings::Contents;
use super::numbers::Key;
use super::{Changes, LISTED};
use crate::ci::normalise::folded;
use crate::ci::{AttributeValue, Ci, Class, Lifecycle, SectionState, Source};
use crate::id::CiId;
use crate::query::field::{self, Kind};
use crate::query::quantity::Moment;
use rollcall_shared::{AgentId, Timestamp};
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::net::IpAddr;

/// Field of the names.
pub const NAME: &str = "#name";
/// Field of the texts that bare words are searched in.
pub const WORD: &str = "#word";
/// Field of the tags.
pub const TAG: &str = "#tag";
/// Field of the sources.
pub const SOURCE: &str = "#source";

/// One value of one field.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cell {
    /// There is one.
    Present,
    /// As text.
    Text(String),
    /// As number.
    Number(Key),
    /// As address.
    Address(IpAddr),
}

/// The same without [`Cell::Present`], which every field has that is shown, and without memory of its own.
#[derive(Clone, Debug)]
pub enum Value<'a> {
    /// As text.
    Text(Cow<'a, str>),
    /// As number.
    Number(Key),
    /// As address.
    Address(IpAddr),
}

/// A record.
#[derive(Clone, Debug, Default)]
pub struct Row {
    pub class: Option<Class>,
    pub status: Option<Lifecycle>,
    pub parent: Option<CiId>,
    pub created: i64,
    pub updated: i64,
    pub observed: i64,
    pub drift: bool,
    pub agent: Option<AgentId>,
    pub listed: [Option<Contents>; 3],
    pub cells: BTreeSet<(Cow<'static, str>, Cell)>,
}

impl Row {
    /// The record as it is, as far as it may change.
    pub fn new(ci: &Ci, agent: Option<AgentId>, changes: Changes) -> Self {
        let mut row = Self {
            class: Some(ci.class),
            status: Some(ci.status),
            parent: ci.parent,
            created: ci.created_at.0,
            updated: ci.updated_at.0,
            observed: observed(ci),
            drift: ci.attributes.values().any(crate::ci::Attribute::drifts),
            agent,
            listed: LISTED.map(|name| ci.section(name).and_then(contents)),
            cells: BTreeSet::new(),
        };
        if changes == Changes::Sections {
            return row;
        }
        let mut values = Vec::new();
        let mut keep = |field: &str, values: &mut Vec<Value<'_>>| {
            let field = lasting(field);
            row.cells.extend(values.drain(..).map(|value| (field.clone(), value.kept())));
            row.cells.insert((field, Cell::Present));
        };
        show_words(ci, &mut values, &mut keep);
        show_attributes(ci, &mut values, &mut keep);
        row
    }
}

/// The name of a field for as long as one likes: those that are known need no memory.
fn lasting(name: &str) -> Cow<'static, str> {
    let known = field::ATTRIBUTES.binary_search_by(|(known, _)| (*known).cmp(name)).ok().map(|place| field::ATTRIBUTES[place].0);
    let known = known.or_else(|| [NAME, WORD, TAG, SOURCE].into_iter().find(|known| *known == name));
    known.map_or_else(|| name.to_owned().into(), Cow::from)
}

impl Value<'_> {
    fn kept(self) -> Cell {
        match self {
            Self::Text(text) => Cell::Text(text.into_owned()),
            Self::Number(key) => Cell::Number(key),
            Self::Address(address) => Cell::Address(address),
        }
    }
}

/// Shows the fields of a record that are no attributes, each with its values. `values` is room to be used again.
pub fn show_words<'a>(ci: &'a Ci, values: &mut Vec<Value<'a>>, show: &mut impl FnMut(&str, &mut Vec<Value<'a>>)) {
    let mut field = |name: &str, texts: &mut dyn Iterator<Item = Cow<'a, str>>| {
        values.clear();
        values.extend(texts.map(Value::Text));
        if !values.is_empty() {
            show(name, values);
        }
    };
    field(NAME, &mut std::iter::once(Cow::from(&ci.name)));
    field(WORD, &mut words(ci).into_iter());
    field(TAG, &mut ci.tags.iter().map(Cow::from));
    field(SOURCE, &mut sources(ci).into_iter().map(Cow::from));
}

/// Shows the attributes of a record, each with its values, each of them once.
pub fn show_attributes<'a>(ci: &'a Ci, values: &mut Vec<Value<'a>>, show: &mut impl FnMut(&str, &mut Vec<Value<'a>>)) {
    for (name, attribute) in &ci.attributes {
        values.clear();
        add_values(name, attribute.value(), values);
        show(name, values);
    }
}

fn add_values<'a>(name: &str, value: &'a AttributeValue, values: &mut Vec<Value<'a>>) {
    let kind = field::kind(name);
    let number = match (kind, value) {
        (_, AttributeValue::Integer(_) | AttributeValue::Number(_)) => number_of(value),
        (Kind::Moment, AttributeValue::Text(text)) => moment_of(&folded(text)).map(millis),
        _ => None,
    };
    values.extend(number.map(|number| Value::Number(Key::new(number))));
    let is_text = !matches!(kind, Kind::Number | Kind::Size | Kind::Moment);
    match value {
        AttributeValue::Text(text) if is_text => values.push(Value::Text(text.into())),
        AttributeValue::List(texts) if is_text => {
            values.extend(texts.iter().collect::<BTreeSet<_>>().into_iter().map(|text| Value::Text(text.into())));
        }
        _ if is_text => values.extend(texts_of(value).into_iter().map(Value::Text)),
        _ => {}
    }
    if name == "ip_addresses" {
        let addresses: BTreeSet<IpAddr> = texts_of(value).into_iter().filter_map(|text| text.parse().ok()).collect();
        values.extend(addresses.into_iter().map(Value::Address));
    }
}

/// The value as texts: of a list, each.
#[must_use]
pub fn texts_of(value: &AttributeValue) -> Vec<Cow<'_, str>> {
    match value {
        AttributeValue::Boolean(value) => vec![if *value { "true".into() } else { "false".into() }],
        AttributeValue::Integer(value) => vec![value.to_string().into()],
        AttributeValue::Number(value) => vec![value.to_string().into()],
        AttributeValue::Text(value) => vec![value.into()],
        AttributeValue::List(values) => values.iter().map(Cow::from).collect(),
    }
}

/// The value as number, when it is one. What has more than 53 bits loses the last of them, here as in queries.
#[expect(clippy::cast_precision_loss, reason = "both sides of a comparison lose the same")]
#[must_use]
pub fn number_of(value: &AttributeValue) -> Option<f64> {
    match value {
        AttributeValue::Integer(value) => Some(*value as f64),
        AttributeValue::Number(value) => Some(*value),
        _ => None,
    }
}

/// The moment that a text in lower case names; of a day, its first.
#[must_use]
pub fn moment_of(text: &str) -> Option<Timestamp> {
    match Moment::parse(&text.to_ascii_uppercase())? {
        Moment::Day(at) | Moment::Instant(at) => Some(at),
        Moment::Age(_) => None,
    }
}

/// Milliseconds as a number; those of writable years fit into it whole.
#[expect(clippy::cast_precision_loss, reason = "fewer than 2^53 milliseconds")]
#[must_use]
pub fn millis(at: Timestamp) -> f64 {
    at.0 as f64
}

/// The texts that bare words are searched in.
#[must_use]
pub fn words(ci: &Ci) -> BTreeSet<Cow<'_, str>> {
    let values = ["hostname", "serial", "ip_addresses"].into_iter().filter_map(|name| ci.attributes.get(name));
    values.flat_map(|attribute| texts_of(attribute.value())).chain([Cow::from(&ci.name)]).map(|text| folded(&text).into()).collect()
}

/// Where values of the record come from.
#[must_use]
pub fn sources(ci: &Ci) -> BTreeSet<&str> {
    let proposals = ci.attributes.values().flat_map(crate::ci::Attribute::proposals).map(|proposal| match proposal.source() {
        Source::Person { .. } => "person",
        Source::Agent { .. } => "agent",
        Source::Feed { name } => name,
    });
    proposals.collect()
}

/// When something of the record was last measured.
#[must_use]
pub fn observed(ci: &Ci) -> i64 {
    let proposals = ci.attributes.values().flat_map(crate::ci::Attribute::proposals);
    proposals.filter(|proposal| !proposal.source().is_person()).map(|proposal| proposal.observed_at().0).max().unwrap_or(i64::MIN)
}

/// The names of a section's contents.
#[must_use]
pub fn contents(state: &SectionState) -> Option<Contents> {
    state.hash.map(|hash| (hash, state.partial.filter(|&partial| partial != hash)))
}
