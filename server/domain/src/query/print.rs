//! A query as text: the one form in which it is stored and shown. Read again it is the same query.

use super::build::lifecycle_name;
use super::field::{self, Kind};
use super::pattern::Pattern;
use super::quantity::show_size;
use super::term::{AttributeTest, Expression, ListenerTest, Listing, Network, PackageTest, Target, Term, TextField, TextTest};
use std::borrow::Cow;
use std::fmt::{self, Display, Formatter};

impl Display for Expression {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Term(term) => term.fmt(f),
            Self::Not(inner) if matches!(**inner, Self::Term(_)) => write!(f, "not {inner}"),
            Self::Not(inner) => write!(f, "not ({inner})"),
            Self::All(parts) => join(f, parts, " ", |part| matches!(part, Self::Any(_))),
            Self::Any(parts) => join(f, parts, " or ", |_| false),
        }
    }
}

fn join(f: &mut Formatter<'_>, parts: &[Expression], between: &str, enclosed: impl Fn(&Expression) -> bool) -> fmt::Result {
    for (place, part) in parts.iter().enumerate() {
        if place > 0 {
            f.write_str(between)?;
        }
        if enclosed(part) { write!(f, "({part})") } else { part.fmt(f) }?;
    }
    Ok(())
}

impl Display for Term {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Word(Pattern::Glob(glob)) => f.write_str(glob),
            Self::Word(Pattern::Exact(word)) => f.write_str(&show_word(word)),
            Self::Class(classes) => list(f, "class:", classes, |class| class.as_str().into()),
            Self::Status(statuses) => list(f, "status:", statuses, |status| lifecycle_name(*status).into()),
            Self::Id(ids) => list(f, "id:", ids, |id| id.to_string().into()),
            Self::Text(field, test) => test.show(f, text_field(*field)),
            Self::Group(groups) => list(f, "group:", groups, |group| show(group)),
            Self::Has(names) => list(f, "has:", names, |name| field::written_name(name).into()),
            Self::Attribute(name, test) => show_attribute(f, name, test),
            Self::Address(networks) => list(f, "ip:", networks, |network| network.to_string().into()),
            Self::Package(tests) => list(f, "package:", tests, |test| test.to_string().into()),
            Self::Listener(tests) => list(f, "listener:", tests, |test| test.to_string().into()),
            Self::Listed(listing, patterns) => list(f, listing_prefix(*listing), patterns, show_pattern),
            Self::Agent(states) => list(f, "agent:", states, |state| state.as_str().into()),
            Self::Drift(drift) => write!(f, "drift:{drift}"),
            Self::RetirementCandidate(candidate) => write!(f, "retirement_candidate:{candidate}"),
            Self::Incident(test) => write!(f, "incident:{}", test.as_str()),
            Self::Moment(field, comparison, moment) => write!(f, "{}{}{moment}", field.as_str(), comparison.as_str()),
            Self::Parent(targets) => list(f, "parent:", targets, show_target),
            Self::Related(relationship, targets) => list(f, &format!("{}:", relationship.as_str()), targets, show_target),
        }
    }
}

/// The name of a text field.
#[must_use]
pub fn text_field(field: TextField) -> &'static str {
    match field {
        TextField::Name => "name",
        TextField::Tag => "tag",
        TextField::Source => "source",
    }
}

fn listing_prefix(listing: Listing) -> &'static str {
    match listing {
        Listing::Service => "service:",
        Listing::User => "user:",
    }
}

fn list<'v, T>(f: &mut Formatter<'_>, prefix: &str, values: &'v [T], show: impl Fn(&'v T) -> Cow<'v, str>) -> fmt::Result {
    f.write_str(prefix)?;
    if let [value] = values {
        return f.write_str(&show(value));
    }
    for (place, value) in values.iter().enumerate() {
        f.write_str(if place == 0 { "(" } else { "," })?;
        f.write_str(&show(value))?;
    }
    f.write_str(")")
}

impl TextTest {
    fn show(&self, f: &mut Formatter<'_>, name: &str) -> fmt::Result {
        match self {
            Self::Is(patterns) => list(f, &format!("{name}:"), patterns, show_pattern),
            Self::Exactly(texts) => list(f, &format!("{name}="), texts, |text| show(text)),
            Self::Contains(texts) => list(f, &format!("{name}~"), texts, |text| show(text)),
        }
    }
}

fn show_attribute(f: &mut Formatter<'_>, name: &str, test: &AttributeTest) -> fmt::Result {
    let field = field::written(name);
    match test {
        AttributeTest::Text(test) => test.show(f, &field),
        AttributeTest::Number(comparison, number) => {
            let number = match field::kind(name) {
                Kind::Number => number.to_string(),
                Kind::Size => show_size(*number),
                // Without a unit it would be compared as a version.
                _ if show_size(*number) == number.to_string() => format!("{number}bytes"),
                _ => show_size(*number),
            };
            write!(f, "{field}{}{number}", comparison.as_str())
        }
        AttributeTest::Boolean(value) => write!(f, "{field}:{value}"),
        AttributeTest::Moment(comparison, moment) => write!(f, "{field}{}{moment}", comparison.as_str()),
        AttributeTest::Order(comparison, text) => write!(f, "{field}{}{}", comparison.as_str(), show(text)),
    }
}

fn show_pattern(pattern: &Pattern) -> Cow<'_, str> {
    match pattern {
        Pattern::Exact(text) => show(text),
        Pattern::Glob(text) => text.into(),
    }
}

fn show_target(target: &Target) -> Cow<'_, str> {
    match target {
        Target::Id(id) => id.to_string().into(),
        Target::Name(Pattern::Exact(text)) if text.parse::<crate::id::CiId>().is_ok() => quote(text).into(),
        Target::Name(pattern) => show_pattern(pattern),
    }
}

impl Display for Network {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.is_single() { self.address.fmt(f) } else { write!(f, "{}/{}", self.address, self.prefix) }
    }
}

impl Display for PackageTest {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&show_pattern(&self.name))?;
        match &self.version {
            None => Ok(()),
            Some((comparison, version)) => write!(f, "{}{}", comparison.as_str(), show(version)),
        }
    }
}

impl Display for ListenerTest {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.protocol {
            None => write!(f, "{}", self.port),
            Some(protocol) => write!(f, "{}/{protocol}", self.port),
        }
    }
}

/// A value, in quotation marks where it needs them.
#[must_use]
pub fn show(text: &str) -> Cow<'_, str> {
    let is_plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '/' | ':' | '@' | '+' | '%' | '#');
    // A colon at its begin would be read with the operator before it.
    let stands_bare = !text.is_empty() && !text.starts_with(':') && text.chars().all(is_plain);
    if stands_bare { text.into() } else { quote(text).into() }
}

/// A word, in quotation marks where it would be read as something else.
fn show_word(word: &str) -> Cow<'_, str> {
    let is_keyword = ["and", "or", "not"].iter().any(|keyword| word.eq_ignore_ascii_case(keyword));
    if is_keyword || word.starts_with('-') || word.contains(':') { quote(word).into() } else { show(word) }
}

fn quote(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
