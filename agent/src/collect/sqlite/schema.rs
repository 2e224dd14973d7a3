//! The schema: where a table begins, and what its columns are called, from the statement that created it.

use super::{COLUMNS, Value, columns};

/// One table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Table {
    /// The first page of its b-tree.
    pub(super) root: u32,
    /// Names of its columns, in the order of their values.
    pub(super) columns: Vec<String>,
}

impl Table {
    /// The table of this name, when this row of the schema (type, name, table, root, text) describes it.
    pub(super) fn described(row: &[u8], name: &str) -> Option<Self> {
        let columns = columns(row).ok()?;
        match columns[..] {
            [Value::Text(b"table"), Value::Text(own), _, Value::Integer(root), ref text @ ..] if own.eq_ignore_ascii_case(name.as_bytes()) => {
                let text = if let [Value::Text(text), ..] = text { String::from_utf8_lossy(text) } else { Default::default() };
                Some(Self { root: u32::try_from(root).ok()?, columns: names(&text) })
            }
            _ => None,
        }
    }
}

/// The columns of `CREATE TABLE name (column type …, …, constraint)`. SQLite keeps the statement as it was written, so that commas and
/// parentheses may stand in quotes. A comment is read as part of what it follows: whoever asks for a column beside one does not find it.
fn names(statement: &str) -> Vec<String> {
    let Some((_, body)) = statement.split_once('(') else { return Vec::new() };
    let mut parts = vec![String::new()];
    let (mut depth, mut closing) = (0_usize, None);
    for character in body.chars() {
        match (closing, character) {
            (Some(end), _) if character == end => closing = None,
            (None, '"' | '\'' | '`') => closing = Some(character),
            (None, '[') => closing = Some(']'),
            (None, '(') => depth += 1,
            (None, ')') if depth == 0 => break,
            // Beyond SQLite's own limit nothing but commas would fill the memory.
            (None, ',') if depth == 0 && parts.len() >= COLUMNS => break,
            (None, ')') => depth -= 1,
            (None, ',') if depth == 0 => {
                parts.push(String::new());
                continue;
            }
            _ => {}
        }
        parts.last_mut().expect("there is one from the beginning").push(character);
    }
    parts.iter().map_while(|part| name(part.trim())).collect()
}

/// The name at the beginning of a column's definition; none of a constraint of the whole table, which stand behind all columns.
fn name(definition: &str) -> Option<String> {
    const CONSTRAINTS: [&str; 5] = ["CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK", "FOREIGN"];
    let end = match definition.chars().next()? {
        quote @ ('"' | '\'' | '`') => quote,
        '[' => ']',
        _ => {
            let name = definition.split(|character: char| character.is_whitespace() || character == '(').next()?;
            return (!CONSTRAINTS.iter().any(|word| name.eq_ignore_ascii_case(word))).then(|| name.to_owned());
        }
    };
    Some(definition.get(1..)?.split(end).next()?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(statement: &str, expected: &[&str]) {
        assert_eq!(names(statement), expected);
    }

    #[test]
    fn columns_are_named_in_their_order() {
        check("CREATE TABLE wtmp(ID INTEGER PRIMARY KEY, User TEXT NOT NULL,\n\tLogin INTEGER) STRICT", &["ID", "User", "Login"]);
        check("CREATE TABLE t (a, b DECIMAL(10, 2) DEFAULT (max(1,2)), c TEXT DEFAULT ',)', d)", &["a", "b", "c", "d"]);
        check("CREATE TABLE \"t\" (\"a, b\" TEXT, [c d], 'e' INT, `f`)", &["a, b", "c d", "e", "f"]);
    }

    #[test]
    fn a_statement_of_commas_has_an_end() {
        assert_eq!(names(&format!("CREATE TABLE t (a{}", ", a".repeat(COLUMNS * 2))).len(), COLUMNS);
    }

    #[test]
    fn constraints_of_the_table_are_no_columns() {
        check("CREATE TABLE t (a, \"primary\", primary key (a), CHECK (a > 1))", &["a", "primary"]);
        check("CREATE VIRTUAL TABLE t", &[]);
    }

    proptest! {
        #[test]
        fn no_statement_panics(text in "[a-z (),\"'`\\[\\]é]{0,60}") {
            let _ = names(&text);
        }
    }
}
