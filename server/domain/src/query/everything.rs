//! Whether a query asks nothing: everything there can ever be fulfils it, and that is told by its form alone.
//!
//! Found are wildcards without a letter, all of what there is to choose from, and one thing or its opposite, in whatever way they are put
//! together. What merely happens to be so, such as `not tag:x` where nothing has that tag, asks something.

use super::build::LIFECYCLES;
use super::pattern::Pattern;
use super::term::{Expression, Term, TextField, TextTest};
use crate::ci::Class;

/// Whether everything fulfils it.
pub fn is_everything(expression: &Expression) -> bool {
    match expression {
        Expression::Term(term) => asks_nothing(term),
        Expression::Not(inner) => is_nothing(inner),
        Expression::All(parts) => parts.iter().all(is_everything),
        Expression::Any(parts) => parts.iter().any(is_everything) || has_opposites(parts),
    }
}

/// Whether nothing can fulfil it.
fn is_nothing(expression: &Expression) -> bool {
    match expression {
        Expression::Term(_) => false,
        Expression::Not(inner) => is_everything(inner),
        Expression::All(parts) => parts.iter().any(is_nothing) || has_opposites(parts),
        Expression::Any(parts) => parts.iter().all(is_nothing),
    }
}

fn has_opposites(parts: &[Expression]) -> bool {
    parts.iter().any(|part| parts.contains(&opposite(part)))
}

fn opposite(expression: &Expression) -> Expression {
    match expression {
        Expression::Term(Term::Drift(drift)) => Expression::Term(Term::Drift(!drift)),
        Expression::Term(Term::RetirementCandidate(candidate)) => Expression::Term(Term::RetirementCandidate(!candidate)),
        other => other.clone().negated(),
    }
}

fn asks_nothing(term: &Term) -> bool {
    match term {
        Term::Word(pattern) => fits_all(pattern),
        Term::Text(TextField::Name, TextTest::Is(patterns)) => patterns.iter().any(fits_all),
        Term::Class(classes) => all_classes(classes),
        Term::Status(statuses) => LIFECYCLES.iter().all(|status| statuses.contains(status)),
        _ => false,
    }
}

/// Whether a pattern fits every name: each has a letter at least.
fn fits_all(pattern: &Pattern) -> bool {
    let Pattern::Glob(glob) = pattern else { return false };
    glob.contains('*') && glob.chars().all(|letter| matches!(letter, '*' | '?')) && glob.matches('?').count() <= 1
}

/// Whether every item is of one of these classes.
#[must_use]
pub fn all_classes(classes: &[Class]) -> bool {
    Class::ALL.iter().all(|class| classes.iter().any(|wanted| class.is_a(*wanted)))
}

#[cfg(test)]
mod tests {
    use crate::ci::Class;
    use crate::query::Query;
    use crate::query::build::LIFECYCLES;
    use crate::query::build::lifecycle_name;

    #[track_caller]
    fn check(query: &str, expected: bool) {
        assert_eq!(query.parse::<Query>().unwrap().is_everything(), expected, "{query}");
    }

    #[test]
    fn what_asks_nothing_is_everything_in_whatever_words() {
        let statuses: Vec<&str> = LIFECYCLES.into_iter().map(lifecycle_name).collect();
        let classes: Vec<&str> = Class::ALL.iter().map(|class| class.as_str()).collect();
        for query in ["", "  ", "*", "**", "?*", "name:*", "name:(web-1,*)", "(* or tag:x)", "* name:*", "not not *"] {
            check(query, true);
        }
        for query in ["tag:x or not tag:x", "not (tag:x not tag:x)", "tag:x or (* or web)", "drift:(true,false)", "not (web not *)"] {
            check(query, true);
        }
        check(&format!("status:({})", statuses.join(",")), true);
        check(&format!("class:({})", classes.join(",")), true);
    }

    #[test]
    fn what_asks_something_is_not_everything() {
        for query in ["web", "\"*\"", "??*", "web*", "name!=*", "not *", "* tag:x", "tag:*", "not tag:x", "tag:x or not tag:y", "os.id:*"] {
            check(query, false);
        }
        check(&format!("status:({})", LIFECYCLES[1..].iter().map(|status| lifecycle_name(*status)).collect::<Vec<_>>().join(",")), false);
        check("class:host", false);
    }
}
