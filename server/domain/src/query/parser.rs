//! From text to typed terms.
//!
//! ```text
//! query := any
//! any   := all ("or" all)*
//! all   := not (["and"] not)*
//! not   := ("not" | "-") not | "(" any ")" | term
//! term  := field operator value | word
//! value := text | "(" text ("," text)* ")"
//! ```
//!
//! Never recurses deeper than [`DEPTH`] and never makes more than [`TERMS`] terms: a query comes from whoever may ask.

use super::build;
use super::error::QueryError;
use super::field;
use super::pattern::Pattern;
use super::scanner::{Operator, Scanner, Written};
use super::term::{Expression, Term};
use crate::ci::normalise::Mac;
use std::net::IpAddr;

/// Bytes of a query: more than any person types; a program with a longer list of names asks several times.
pub const LENGTH: usize = 4 << 10;
/// Conditions of a query, each value of a list counted. Each costs a pass over the candidates in the worst case.
pub const TERMS: usize = 256;
/// Nesting of a query.
pub const DEPTH: usize = 32;

/// Parses a query; `None` for one without conditions, which everything fulfils.
///
/// # Errors
/// What is wrong, where, and what would be right.
pub fn parse(text: &str) -> Result<Option<Expression>, QueryError> {
    if text.len() > LENGTH {
        let message = format!("a query has at most {LENGTH} bytes, not {}", text.len());
        return Err(QueryError::new(text, text.floor_char_boundary(LENGTH)..text.len(), message));
    }
    let mut parser = Parser { scanner: Scanner::new(text), terms: 0, depth: 0 };
    parser.scanner.skip_blanks();
    if parser.scanner.rest().is_empty() {
        return Ok(None);
    }
    let found = parser.any()?;
    match parser.scanner.peek() {
        None => Ok(Some(found)),
        Some(')') => Err(parser.scanner.error_here("this parenthesis closes nothing")),
        Some(',') => Err(parser.scanner.error_here("a comma only stands in a list such as class:(server,workstation)")),
        Some(_) => Err(parser.scanner.error_here("this was not expected here")),
    }
}

struct Parser<'a> {
    scanner: Scanner<'a>,
    terms: usize,
    depth: usize,
}

impl Parser<'_> {
    fn any(&mut self) -> Result<Expression, QueryError> {
        let mut parts = vec![self.all()?];
        while self.keyword("or") {
            parts.push(self.all()?);
        }
        Expression::any(parts).ok_or_else(|| self.scanner.error_here("a condition is missing here"))
    }

    fn all(&mut self) -> Result<Expression, QueryError> {
        let mut parts = vec![self.not()?];
        loop {
            let joined = self.keyword("and");
            self.scanner.skip_blanks();
            let ends = matches!(self.scanner.peek(), None | Some(')' | ',')) || self.at_keyword("or");
            if ends && !joined {
                return Expression::all(parts).ok_or_else(|| self.scanner.error_here("a condition is missing here"));
            }
            parts.push(self.not()?);
        }
    }

    fn not(&mut self) -> Result<Expression, QueryError> {
        self.scanner.skip_blanks();
        let start = self.scanner.at;
        self.depth += 1;
        if self.depth > DEPTH {
            return Err(self.scanner.error_here(format!("a query is nested at most {DEPTH} deep")));
        }
        let dash = self.scanner.rest().strip_prefix('-').is_some_and(|rest| rest.starts_with(|c: char| !c.is_whitespace()));
        let found = if self.keyword("not") || (dash && self.scanner.take("-")) {
            self.not()?.negated()
        } else if self.scanner.take("(") {
            let inner = self.any()?;
            self.scanner.skip_blanks();
            if !self.scanner.take(")") {
                return Err(self.scanner.error(start..start + 1, "the parenthesis that opens here is not closed"));
            }
            inner
        } else {
            self.term()?
        };
        self.depth -= 1;
        self.scanner.skip_blanks();
        Ok(found)
    }

    fn term(&mut self) -> Result<Expression, QueryError> {
        self.missing_condition()?;
        if let Some((name, operator)) = self.field() {
            return self.field_term(&name, operator);
        }
        if Operator::at_start(self.scanner.rest()).is_some() {
            return Err(self.scanner.error_here("an operator stands between a field and a value, as in class:server"));
        }
        match self.scanner.written(&[])? {
            Some(word) if word.text.is_empty() => Err(self.scanner.error(word.span, "there is nothing between these quotation marks")),
            Some(word) => {
                self.count(&word)?;
                build::printable(&self.scanner, &word)?;
                Ok(Expression::Term(Term::Word(Pattern::new(&word.text, word.quoted))))
            }
            None => Err(self.scanner.error_here("a condition is missing here, such as class:server or a word")),
        }
    }

    fn missing_condition(&self) -> Result<(), QueryError> {
        for word in ["and", "or"] {
            if self.at_keyword(word) {
                return Err(self
                    .scanner
                    .error_here(format!("there is no condition before this {word:?}; to search for the word, quote it")));
            }
        }
        Ok(())
    }

    /// A field with its operator, if that is what comes next. Nothing has moved when it is not. An address has colons and no field.
    fn field(&mut self) -> Option<(Written, Operator)> {
        let name = self.scanner.name();
        let chunk = self.scanner.chunk();
        if name.is_empty() || chunk.parse::<IpAddr>().is_ok() || Mac::parse(chunk).is_some() {
            return None;
        }
        let start = self.scanner.at;
        let mut ahead = self.scanner.clone();
        ahead.at += name.len();
        ahead.skip_blanks();
        let (operator, length) = Operator::at_start(ahead.rest())?;
        self.scanner.at = ahead.at + length;
        let text = name.to_ascii_lowercase();
        Some((Written { text, quoted: false, span: start..start + name.len() }, operator))
    }

    fn field_term(&mut self, name: &Written, operator: Operator) -> Result<Expression, QueryError> {
        let Some(field) = field::find(&name.text) else {
            let message = format!("{} is no field; to search for a text with an operator in it, quote it", name.text);
            return Err(self.scanner.error(name.span.clone(), message));
        };
        self.scanner.skip_blanks();
        let values = if self.scanner.take("(") { self.list(operator)? } else { vec![self.value(name, &field, operator)?] };
        build::term(&self.scanner, name, &field, operator, &values)
    }

    fn value(&mut self, name: &Written, field: &field::Field, operator: Operator) -> Result<build::Value, QueryError> {
        let stop: &[char] = if *field == field::Field::Package { &['<', '>', '=', '!'] } else { &[] };
        let Some(written) = self.scanner.written(stop)? else {
            let message = format!("{} wants a value after {:?}", name.text, operator.as_str());
            return Err(self.scanner.error_here(message));
        };
        if self.scanner.peek() == Some(',') {
            let message = "a comma only stands in a list such as class:(server,workstation); quote a value that has one";
            return Err(self.scanner.error_here(message));
        }
        self.finish_value(written, stop)
    }

    /// The value with the version that follows it, for packages.
    fn finish_value(&mut self, written: Written, stop: &[char]) -> Result<build::Value, QueryError> {
        self.count(&written)?;
        build::printable(&self.scanner, &written)?;
        let operator = Operator::at_start(self.scanner.rest()).filter(|_| !stop.is_empty());
        let Some((operator, length)) = operator else { return Ok(build::Value { written, version: None }) };
        let place = self.scanner.at;
        self.scanner.at += length;
        if let Some((_, more)) = Operator::at_start(self.scanner.rest()) {
            let message = "an operator stands here after another; a version is wanted, as in package:openssl<3.0.13";
            return Err(self.scanner.error(self.scanner.at..self.scanner.at + more, message));
        }
        match self.scanner.written(&[])? {
            Some(version) => {
                build::printable(&self.scanner, &version)?;
                Ok(build::Value { written, version: Some((operator, version)) })
            }
            None => Err(self.scanner.error(place..place + length, "a version is missing after this, as in package:openssl<3.0.13")),
        }
    }

    fn list(&mut self, operator: Operator) -> Result<Vec<build::Value>, QueryError> {
        let start = self.scanner.at - 1;
        if matches!(operator, Operator::Compare(_)) {
            let message = format!("a list goes with :, =, != and ~, not with {:?}", operator.as_str());
            return Err(self.scanner.error(start..start + 1, message));
        }
        let mut values = Vec::new();
        loop {
            self.scanner.skip_blanks();
            let Some(written) = self.scanner.written(&['<', '>', '=', '!'])? else {
                return Err(self.scanner.error_here("a value is missing in this list; it is written as in class:(server,workstation)"));
            };
            values.push(self.finish_value(written, &['<'])?);
            self.scanner.skip_blanks();
            if self.scanner.take(")") {
                return Ok(values);
            }
            if !self.scanner.take(",") {
                let message = "values of a list are separated by commas; the list that began here is not closed";
                return Err(if self.scanner.rest().is_empty() {
                    self.scanner.error(start..start + 1, message)
                } else {
                    self.scanner.error_here(message)
                });
            }
        }
    }

    fn count(&mut self, written: &Written) -> Result<(), QueryError> {
        self.terms += 1;
        if self.terms > TERMS {
            return Err(self.scanner.error(written.span.clone(), format!("a query has at most {TERMS} conditions and values")));
        }
        Ok(())
    }

    /// Whether a keyword stands here as a word of its own.
    fn at_keyword(&self, keyword: &str) -> bool {
        let chunk = self.scanner.chunk();
        // `"or"` is quoted, and `or:x` a field.
        chunk.eq_ignore_ascii_case(keyword)
    }

    fn keyword(&mut self, keyword: &str) -> bool {
        self.scanner.skip_blanks();
        let found = self.at_keyword(keyword);
        self.scanner.at += if found { keyword.len() } else { 0 };
        found
    }
}
