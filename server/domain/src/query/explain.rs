//! A query in words, for people who check whether it says what they mean.

use super::build::lifecycle_name;
use super::field;
use super::pattern::Pattern;
use super::quantity::{Comparison, Moment, show_size};
use super::term::{
    AgentState, AttributeTest, Expression, IncidentTest, Listing, MomentField, Relationship, Target, Term, TextField, TextTest,
};

/// The whole in words.
pub fn explain(root: Option<&Expression>) -> String {
    root.map_or_else(|| "everything".to_owned(), |root| format!("what fulfils this: {}", expression(root, false)))
}

fn expression(expression: &Expression, nested: bool) -> String {
    let join = |parts: &[Expression], between: &str| {
        let parts: Vec<String> = parts.iter().map(|part| self::expression(part, true)).collect();
        let text = parts.join(between);
        if nested { format!("({text})") } else { text }
    };
    match expression {
        Expression::Term(term) => self::term(term),
        Expression::Not(inner) => format!("not: {}", self::expression(inner, true)),
        Expression::All(parts) => join(parts, ", and "),
        Expression::Any(parts) => join(parts, ", or "),
    }
}

fn term(term: &Term) -> String {
    match term {
        Term::Word(Pattern::Exact(word)) => format!("{word:?} stands in its name, host name, serial number or addresses"),
        Term::Word(Pattern::Glob(glob)) => format!("its name, host name, serial number or an address looks like {glob}"),
        Term::Class(classes) => format!("it is a {} or inherits from that", list(classes, |class| class.as_str().into())),
        Term::Status(statuses) => format!("its status is {}", list(statuses, |status| lifecycle_name(*status).into())),
        Term::Id(ids) => format!("its id is {}", list(ids, ToString::to_string)),
        Term::Text(TextField::Source, test) => format!("some value of it comes from a source that {}", text(test)),
        Term::Text(TextField::Tag, test) => format!("it has a tag that {}", text(test)),
        Term::Text(TextField::Name, test) => format!("its name {}", text(test)),
        Term::Group(names) => format!("it belongs to group {}", list(names, String::clone)),
        Term::Has(names) => format!("it has the attribute {}", list(names, String::clone)),
        Term::Attribute(name, test) => format!("its {name} {}", attribute(name, test)),
        Term::Address(networks) => format!("it has the address, or one in the network, {}", list(networks, ToString::to_string)),
        Term::Package(tests) => format!("it has the package {}", list(tests, package)),
        Term::Listener(tests) => format!("it listens on port {}", list(tests, ToString::to_string)),
        Term::Listed(Listing::Service, patterns) => format!("it has the service {}", list(patterns, pattern)),
        Term::Listed(Listing::User, patterns) => format!("it has the local user {}", list(patterns, pattern)),
        Term::Agent(states) => list(states, |state| agent(*state).into()),
        Term::Drift(true) => "what people say of it and what is measured differ".into(),
        Term::Drift(false) => "what people say of it and what is measured agree".into(),
        Term::RetirementCandidate(true) => "it has been silent for so long that it may be retired".into(),
        Term::RetirementCandidate(false) => "it has not been silent for so long that it may be retired".into(),
        Term::Incident(IncidentTest::Open) => "it has an open incident".into(),
        Term::Incident(IncidentTest::Any) => "it has or had an incident".into(),
        Term::Incident(IncidentTest::None) => "it has no open incident".into(),
        Term::Moment(field, comparison, moment) => format!("{} {}", moment_field(*field), self::moment(*comparison, *moment)),
        Term::Parent(targets) => format!("it is a part of {}", list(targets, target)),
        Term::Related(relationship, targets) => format!("it {} {}", relation(*relationship), list(targets, target)),
    }
}

fn list<T>(values: &[T], show: impl Fn(&T) -> String) -> String {
    values.iter().map(show).collect::<Vec<_>>().join(" or ")
}

fn pattern(pattern: &Pattern) -> String {
    match pattern {
        Pattern::Exact(text) => text.clone(),
        Pattern::Glob(glob) => format!("like {glob}"),
    }
}

fn target(target: &Target) -> String {
    match target {
        Target::Id(id) => id.to_string(),
        Target::Name(name) => pattern(name),
    }
}

fn text(test: &TextTest) -> String {
    match test {
        TextTest::Is(patterns) => format!("is {}", list(patterns, pattern)),
        TextTest::Exactly(texts) => format!("is to the letter {}", list(texts, |text| format!("{text:?}"))),
        TextTest::Contains(parts) => format!("contains {}", list(parts, |part| format!("{part:?}"))),
    }
}

fn attribute(name: &str, test: &AttributeTest) -> String {
    match test {
        AttributeTest::Text(test) => text(test),
        AttributeTest::Number(comparison, number) => {
            let is_size = field::kind(name) == field::Kind::Size;
            format!("is {} {}", than(*comparison), if is_size { show_size(*number) } else { number.to_string() })
        }
        AttributeTest::Boolean(value) => format!("is {value}"),
        AttributeTest::Moment(comparison, moment) => format!("is {}", self::moment(*comparison, *moment)),
        AttributeTest::Order(comparison, version) => format!("is, as a number or version, {} {version}", than(*comparison)),
    }
}

fn package(test: &super::term::PackageTest) -> String {
    let name = pattern(&test.name);
    let version = test.version.as_ref().map(|(comparison, version)| format!(" in a version {} {version}", than(*comparison)));
    name + &version.unwrap_or_default()
}

fn than(comparison: Comparison) -> &'static str {
    match comparison {
        Comparison::Less => "below",
        Comparison::AtMost => "at most",
        Comparison::Equal => "exactly",
        Comparison::AtLeast => "at least",
        Comparison::Greater => "above",
    }
}

fn moment(comparison: Comparison, moment: Moment) -> String {
    let words = match (moment, comparison) {
        (Moment::Age(_), Comparison::Less) => "less long ago than",
        (Moment::Age(_), Comparison::AtMost) => "at most as long ago as",
        (Moment::Age(_), Comparison::Equal) => "exactly as long ago as",
        (Moment::Age(_), Comparison::AtLeast) => "at least as long ago as",
        (Moment::Age(_), Comparison::Greater) => "longer ago than",
        (_, Comparison::Less) => "before",
        (_, Comparison::AtMost) => "at the latest on",
        (_, Comparison::Equal) => "on",
        (_, Comparison::AtLeast) => "at the earliest on",
        (_, Comparison::Greater) => "after",
    };
    format!("{words} {moment}")
}

fn moment_field(field: MomentField) -> &'static str {
    match field {
        MomentField::LastSeen => "it was last heard of",
        MomentField::Created => "its record was made",
        MomentField::Updated => "its record last changed",
    }
}

fn agent(state: AgentState) -> &'static str {
    match state {
        AgentState::Online => "its agent reports",
        AgentState::Silent => "its agent is silent",
        AgentState::None => "no agent reports it",
    }
}

fn relation(relationship: Relationship) -> String {
    relationship.as_str().replace('_', " ")
}

#[cfg(test)]
mod tests {
    use crate::query::Query;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(Query::parse(text).unwrap().explain(), expected);
    }

    #[test]
    fn a_query_is_told_in_words() {
        check("", "everything");
        check(
            "class:server package:openssl<3.0.13 not (tag:prod or status:retired) last_seen>7d",
            "what fulfils this: it is a server or inherits from that, and it has the package openssl in a version below 3.0.13, and not: (it has a \
             tag that is prod, or its status is retired), and it was last heard of longer ago than 7d",
        );
        check(
            "memory>=16G created>2026-01-01",
            "what fulfils this: its memory_bytes is at least 16GiB, and its record was made after 2026-01-01",
        );
    }
}
