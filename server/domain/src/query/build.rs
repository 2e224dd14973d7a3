//! From a field, an operator and values as written to a typed term: where a value of the wrong kind is refused.

use super::error::QueryError;
use super::field::{self, Field, Kind};
use super::pattern::Pattern;
use super::quantity::{Comparison, Moment, parse_clear_size, parse_number, parse_size};
use super::scanner::{Operator, Scanner, Written};
use super::term::{
    AgentState, AttributeTest, Expression, IncidentTest, ListenerTest, Listing, Network, PackageTest, Target, Term, TextTest,
};
use crate::ci::{Class, Lifecycle};

/// Longest name of a protocol of a listener.
const PROTOCOL_BYTES: usize = 16;

/// A value as written; for a package with the version behind it.
pub struct Value {
    /// The value.
    pub written: Written,
    /// What follows a package's name.
    pub version: Option<(Operator, Written)>,
}

/// Refuses what no record can hold.
///
/// # Errors
/// The control character.
pub fn printable(scanner: &Scanner<'_>, written: &Written) -> Result<(), QueryError> {
    if written.text.chars().any(char::is_control) {
        return Err(scanner.error(written.span.clone(), "a control character cannot be searched for"));
    }
    Ok(())
}

/// The term.
///
/// # Errors
/// The operator or a value does not fit the field.
pub fn term(scanner: &Scanner<'_>, name: &Written, field: &Field, operator: Operator, values: &[Value]) -> Result<Expression, QueryError> {
    let builder = Builder { scanner, name, operator, values };
    if operator == Operator::IsNot {
        return Ok(Builder { operator: Operator::Is, ..builder }.build(field)?.negated());
    }
    builder.build(field)
}

struct Builder<'a> {
    scanner: &'a Scanner<'a>,
    name: &'a Written,
    operator: Operator,
    values: &'a [Value],
}

impl Builder<'_> {
    fn build(&self, field: &Field) -> Result<Expression, QueryError> {
        self.no_versions(field)?;
        let term = match field {
            Field::Class => Term::Class(self.each("a class such as server", class)?),
            Field::Status => Term::Status(self.each("a status such as operational or retired", status)?),
            Field::Id => Term::Id(self.each("the id of a configuration item, such as host_…", |value| value.text.parse().ok())?),
            Field::Text(text) => Term::Text(*text, self.text()?),
            Field::Group => Term::Group(self.each("the name of a group", |value| Some(value.text.clone()))?),
            Field::Has => {
                Term::Has(self.each("the name of an attribute", |value| field::attribute_name(&value.text.to_ascii_lowercase()))?)
            }
            Field::Attribute(attribute, kind) => return self.attribute(attribute, *kind),
            Field::Address => Term::Address(
                self.each("an address such as 10.0.0.7 or a network such as 10.0.0.0/8", |value| Network::parse(&value.text))?,
            ),
            Field::Package => Term::Package(self.packages()?),
            Field::Listener => Term::Listener(self.each("a port such as 443 or 443/tcp", listener)?),
            Field::Listed(listing) => Term::Listed(*listing, self.each(listed(*listing), |value| Some(pattern(value)))?),
            Field::Agent => {
                Term::Agent(self.each("online, silent or none", |value| word(&AgentState::ALL, value, |state| state.as_str()))?)
            }
            Field::Drift => return self.booleans(Term::Drift),
            Field::RetirementCandidate => return self.booleans(Term::RetirementCandidate),
            Field::Incident => {
                let states = self.each("open, any or none", |value| word(&IncidentTest::ALL, value, |state| state.as_str()))?;
                return self.any_of(states.into_iter().map(Term::Incident));
            }
            Field::Moment(field) => return self.moments(&|comparison, moment| Term::Moment(*field, comparison, moment)),
            Field::Parent => Term::Parent(self.each("a name or an id", |value| Some(target(value)))?),
            Field::Related(relationship) => Term::Related(*relationship, self.each("a name or an id", |value| Some(target(value)))?),
        };
        Ok(Expression::Term(term))
    }

    /// The values of a field that can only be or not be something.
    fn each<T>(&self, wanted: &str, read: impl Fn(&Written) -> Option<T>) -> Result<Vec<T>, QueryError> {
        if !matches!(self.operator, Operator::Is | Operator::Exactly) {
            return Err(self.wrong_operator("with : or !="));
        }
        self.values
            .iter()
            .map(|value| read(&value.written).filter(|_| !value.written.text.is_empty()).ok_or_else(|| self.wrong(&value.written, wanted)))
            .collect()
    }

    fn wrong(&self, value: &Written, wanted: &str) -> QueryError {
        let found: String = value.text.chars().take(64).collect();
        self.scanner.error(value.span.clone(), format!("{} wants {wanted}, not {found:?}", self.name.text))
    }

    fn wrong_operator(&self, fitting: &str) -> QueryError {
        let span = self.name.span.end..self.values.first().map_or(self.name.span.end, |value| value.written.span.start);
        let message = format!("{} goes {fitting}, not with {:?}", self.name.text, self.operator.as_str());
        self.scanner.error(span, message)
    }

    fn no_versions(&self, field: &Field) -> Result<(), QueryError> {
        match self.values.iter().find_map(|value| value.version.as_ref()) {
            Some((_, version)) if *field != Field::Package => {
                let message = format!("{} has no versions; quote a value with an operator in it", self.name.text);
                Err(self.scanner.error(version.span.clone(), message))
            }
            _ => Ok(()),
        }
    }

    fn any_of(&self, terms: impl Iterator<Item = Term>) -> Result<Expression, QueryError> {
        let terms = terms.map(Expression::Term).collect();
        Expression::any(terms).ok_or_else(|| self.scanner.error(self.name.span.clone(), "a value is missing"))
    }

    fn text(&self) -> Result<TextTest, QueryError> {
        if let Some(empty) = self.values.iter().find(|value| value.written.text.is_empty()) {
            return Err(self.wrong(&empty.written, "a text"));
        }
        let texts = || self.values.iter().map(|value| value.written.text.clone()).collect();
        match self.operator {
            Operator::Is | Operator::IsNot => Ok(TextTest::Is(self.values.iter().map(|value| pattern(&value.written)).collect())),
            Operator::Exactly => Ok(TextTest::Exactly(texts())),
            Operator::Contains => Ok(TextTest::Contains(texts())),
            Operator::Compare(_) => Err(self.wrong_operator("with :, =, != or ~")),
        }
    }

    fn attribute(&self, attribute: &str, kind: Kind) -> Result<Expression, QueryError> {
        let make = |test: AttributeTest| Term::Attribute(attribute.to_owned(), test);
        match (kind, self.operator) {
            (Kind::Boolean, _) => self.booleans(|value| make(AttributeTest::Boolean(value))),
            (Kind::Number, _) => self.numbers("a number", parse_number, &make),
            (Kind::Size, _) => self.numbers("a size such as 16GiB", parse_size, &make),
            (Kind::Moment, _) => self.moments(&|comparison, moment| make(AttributeTest::Moment(comparison, moment))),
            (Kind::Open, Operator::Compare(comparison)) => self.ordered(comparison, &make),
            (Kind::Open, _) => Ok(Expression::Term(make(AttributeTest::Text(self.text()?)))),
        }
    }

    /// A value whose kind only its form tells: a date or an age is a moment, a size a number, all else a number or a version.
    fn ordered(&self, comparison: Comparison, make: &dyn Fn(AttributeTest) -> Term) -> Result<Expression, QueryError> {
        let tests = self.values.iter().map(|value| {
            let text = &value.written.text;
            match (Moment::parse(text), parse_clear_size(text)) {
                _ if text.is_empty() => Err(self.wrong(&value.written, "a number, a version, a date or an age")),
                (Some(moment), _) => Ok(make(AttributeTest::Moment(comparison, moment))),
                (None, Some(size)) => Ok(make(AttributeTest::Number(comparison, size))),
                _ => Ok(make(AttributeTest::Order(comparison, text.clone()))),
            }
        });
        let tests: Vec<Term> = tests.collect::<Result<_, _>>()?;
        self.any_of(tests.into_iter())
    }

    fn comparison(&self) -> Result<Comparison, QueryError> {
        match self.operator {
            Operator::Compare(comparison) => Ok(comparison),
            Operator::Is | Operator::IsNot | Operator::Exactly => Ok(Comparison::Equal),
            Operator::Contains => Err(self.wrong_operator("with :, !=, <, <=, >= or >")),
        }
    }

    fn numbers(&self, wanted: &str, read: fn(&str) -> Option<f64>, make: &dyn Fn(AttributeTest) -> Term) -> Result<Expression, QueryError> {
        let comparison = self.comparison()?;
        let numbers = self.values.iter().map(|value| read(&value.written.text).ok_or_else(|| self.wrong(&value.written, wanted)));
        let numbers: Vec<f64> = numbers.collect::<Result<_, _>>()?;
        self.any_of(numbers.into_iter().map(|number| make(AttributeTest::Number(comparison, number))))
    }

    fn booleans(&self, make: impl Fn(bool) -> Term) -> Result<Expression, QueryError> {
        let values = self.each("true or false", |value| match &*value.text.to_ascii_lowercase() {
            "true" | "yes" => Some(true),
            "false" | "no" => Some(false),
            _ => None,
        })?;
        self.any_of(values.into_iter().map(make))
    }

    fn moments(&self, make: &dyn Fn(Comparison, Moment) -> Term) -> Result<Expression, QueryError> {
        let comparison = self.comparison()?;
        let mut terms = Vec::new();
        for value in self.values {
            let wanted = "an age such as 7d or a date such as 2026-01-31";
            let moment = Moment::parse(&value.written.text).ok_or_else(|| self.wrong(&value.written, wanted))?;
            if comparison == Comparison::Equal && matches!(moment, Moment::Age(_)) {
                return Err(self.wrong_operator("with < (younger than) or > (older than) before an age"));
            }
            terms.push(make(comparison, moment));
        }
        self.any_of(terms.into_iter())
    }

    fn packages(&self) -> Result<Vec<PackageTest>, QueryError> {
        let names = self.each("a package such as openssl, openssl* or openssl<3.0.13", |value| Some(pattern(value)))?;
        names.into_iter().zip(self.values).map(|(name, value)| Ok(PackageTest { name, version: self.version(value)? })).collect()
    }

    fn version(&self, value: &Value) -> Result<Option<(Comparison, String)>, QueryError> {
        let Some((operator, version)) = &value.version else { return Ok(None) };
        let comparison = match operator {
            Operator::Compare(comparison) => *comparison,
            Operator::Exactly | Operator::Is => Comparison::Equal,
            Operator::IsNot | Operator::Contains => {
                return Err(self.scanner.error(version.span.clone(), "a version goes with <, <=, =, >= or >"));
            }
        };
        if version.text.is_empty() {
            return Err(self.wrong(version, "a version after the operator"));
        }
        Ok(Some((comparison, version.text.clone())))
    }
}

fn pattern(value: &Written) -> Pattern {
    Pattern::new(&value.text, value.quoted)
}

fn target(value: &Written) -> Target {
    let id = value.text.parse().ok().filter(|_| !value.quoted);
    id.map_or_else(|| Target::Name(pattern(value)), Target::Id)
}

fn class(value: &Written) -> Option<Class> {
    word(&Class::ALL, value, |class| class.as_str())
}

fn status(value: &Written) -> Option<Lifecycle> {
    word(&LIFECYCLES, value, |status| lifecycle_name(*status))
}

/// The one of these that is called so. `-` may stand for `_`.
fn word<T: Copy>(all: &[T], value: &Written, name: impl Fn(&T) -> &'static str) -> Option<T> {
    let wanted = value.text.to_ascii_lowercase().replace('-', "_");
    all.iter().find(|one| name(one) == wanted).copied()
}

/// All points of life, in order.
pub const LIFECYCLES: [Lifecycle; 8] = [
    Lifecycle::Planned,
    Lifecycle::InStock,
    Lifecycle::Operational,
    Lifecycle::Maintenance,
    Lifecycle::Stale,
    Lifecycle::Missing,
    Lifecycle::Retired,
    Lifecycle::Disposed,
];

/// The name of a point of life.
#[must_use]
pub fn lifecycle_name(status: Lifecycle) -> &'static str {
    match status {
        Lifecycle::Planned => "planned",
        Lifecycle::InStock => "in_stock",
        Lifecycle::Operational => "operational",
        Lifecycle::Maintenance => "maintenance",
        Lifecycle::Stale => "stale",
        Lifecycle::Missing => "missing",
        Lifecycle::Retired => "retired",
        Lifecycle::Disposed => "disposed",
    }
}

fn listed(listing: Listing) -> &'static str {
    match listing {
        Listing::Service => "a service such as nginx",
        Listing::User => "a user such as alice",
    }
}

fn listener(value: &Written) -> Option<ListenerTest> {
    let (port, protocol) = value.text.split_once('/').map_or((&*value.text, None), |(port, protocol)| (port, Some(protocol)));
    let is_number = !port.is_empty() && port.len() <= 5 && port.bytes().all(|b| b.is_ascii_digit());
    let fits =
        |protocol: &str| !protocol.is_empty() && protocol.len() <= PROTOCOL_BYTES && protocol.bytes().all(|b| b.is_ascii_alphanumeric());
    if !is_number || protocol.is_some_and(|protocol| !fits(protocol)) {
        return None;
    }
    Some(ListenerTest { port: port.parse().ok()?, protocol: protocol.map(str::to_ascii_lowercase) })
}
