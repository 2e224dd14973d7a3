//! The JSON of an extension: `{"rows": [{"key": "…", …}]}`, a bare list of such objects, or one object.
//!
//! Values are taken from the text as it is written, so that `1.10` stays `1.10`, and a mistake is named by line and column.

use crate::collect::text::tidy;
use rollcall_shared::section::{Custom, CustomValue};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::fmt;

/// Rows of one file, and fields of one row.
const ROWS: usize = 10_000;
const FIELDS: usize = 64;

/// Bytes of one number as written; beyond it nobody means a number.
const DECIMAL_BYTES: usize = 64;

/// Mistakes that are named in one file.
const MISTAKES: usize = 20;

/// What is wrong and where, from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mistake {
    pub(super) line: usize,
    pub(super) column: usize,
    pub(super) what: String,
}

/// The rows that are sound, and what is wrong with the others.
pub(super) fn read(extension: &str, text: &str) -> (Vec<Custom>, Vec<Mistake>) {
    let mut document = Document { extension, text, rows: Vec::new(), mistakes: Vec::new() };
    document.top();
    (document.rows, document.mistakes)
}

struct Document<'a> {
    extension: &'a str,
    text: &'a str,
    rows: Vec<Custom>,
    mistakes: Vec<Mistake>,
}

impl<'a> Document<'a> {
    fn top(&mut self) {
        let whole: &'a RawValue = match serde_json::from_str(self.text) {
            Ok(whole) => whole,
            Err(error) => {
                let mistake = Mistake { line: error.line(), column: error.column(), what: format!("not JSON: {error}") };
                return self.mistakes.push(mistake);
            }
        };
        if whole.get().starts_with('[') {
            return self.list(whole);
        }
        let Some(fields) = self.fields(whole) else { return };
        match fields.as_slice() {
            [(name, rows)] if name == "rows" => self.list(rows),
            // What is only one needs no key.
            _ => self.row(whole, &fields, Some(String::new())),
        }
    }

    fn list(&mut self, list: &'a RawValue) {
        let Ok(rows) = serde_json::from_str::<Vec<&'a RawValue>>(list.get()) else {
            return self.mistake(list, "rows are a list of objects");
        };
        if rows.len() > ROWS {
            self.mistake(list, &format!("rows beyond {ROWS} are left out"));
        }
        for row in rows.into_iter().take(ROWS) {
            if let Some(fields) = self.fields(row) {
                self.row(row, &fields, None);
            }
        }
    }

    fn fields(&mut self, object: &'a RawValue) -> Option<Vec<(String, &'a RawValue)>> {
        let fields = serde_json::from_str::<Fields<'a>>(object.get());
        if fields.is_err() {
            self.mistake(object, "a row is an object");
        }
        fields.ok().map(|fields| fields.0)
    }

    /// A row with a mistake in it is left out as a whole: half a row would say that the rest is unknown.
    fn row(&mut self, object: &'a RawValue, fields: &[(String, &'a RawValue)], usual_key: Option<String>) {
        if fields.len() > FIELDS + 1 {
            return self.mistake(object, &format!("more than {FIELDS} fields"));
        }
        let mut key = None;
        let mut row = Custom { extension: tidy(self.extension).unwrap_or_default(), ..Custom::default() };
        for (name, raw) in fields {
            let value = match value(raw) {
                Ok(value) => value,
                Err(what) => return self.mistake(raw, &format!("{name:?}: {what}")),
            };
            let Some(name) = tidy(name) else { return self.mistake(raw, "a field without a name") };
            if name == "key" {
                key = match value {
                    Some(CustomValue::Text(text)) => Some(text),
                    Some(CustomValue::Integer(number)) => Some(number.to_string()),
                    _ => return self.mistake(raw, "a key is a text or a whole number"),
                };
            } else if row.fields.iter().any(|(other, _)| *other == name) {
                return self.mistake(raw, &format!("{name:?} is there twice"));
            } else if let Some(value) = value {
                row.fields.push((name, value));
            }
        }
        let Some(key) = key.or(usual_key) else { return self.mistake(object, "a row without a key") };
        row.key = key;
        row.fields.sort_unstable();
        self.rows.push(row);
    }

    /// A raw value is a part of the text: where it begins says where it stands.
    fn mistake(&mut self, at: &RawValue, what: &str) {
        if self.mistakes.len() >= MISTAKES {
            return;
        }
        let offset = (at.get().as_ptr() as usize).saturating_sub(self.text.as_ptr() as usize);
        let before = self.text.get(..offset).unwrap_or_default();
        let line_begin = before.rfind('\n').map_or(0, |at| at + 1);
        let column = before.get(line_begin..).unwrap_or_default().chars().count() + 1;
        self.mistakes.push(Mistake { line: before.matches('\n').count() + 1, column, what: what.to_owned() });
    }
}

/// The value of a field; none for `null` and for a text of nothing, which are unknown.
fn value(raw: &RawValue) -> Result<Option<CustomValue>, &'static str> {
    let text = raw.get();
    match text.as_bytes().first() {
        Some(b'{' | b'[') => Err("a value is a text, a number, true or false; lists and objects have no place in a row"),
        Some(b'"') => {
            Ok(serde_json::from_str::<String>(text).map_err(|_| "not a text")?.as_str()).map(|text| tidy(text).map(CustomValue::Text))
        }
        Some(b't') => Ok(Some(CustomValue::Flag(true))),
        Some(b'f') => Ok(Some(CustomValue::Flag(false))),
        Some(b'n') => Ok(None),
        _ if text.len() > DECIMAL_BYTES => Err("a number with too many digits"),
        _ => Ok(Some(text.parse().map_or_else(|_| CustomValue::Decimal(text.to_owned()), CustomValue::Integer))),
    }
}

/// The fields of an object in their order, repeated ones too.
struct Fields<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;

        impl<'de> Visitor<'de> for Entries {
            type Value = Fields<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Fields<'de>, A::Error> {
                let mut fields = Vec::new();
                while let Some(entry) = entries.next_entry::<String, &'de RawValue>()? {
                    // Two more than there may be are enough to see that there are too many.
                    if fields.len() < FIELDS + 2 {
                        fields.push(entry);
                    }
                }
                Ok(Fields(fields))
            }
        }

        deserializer.deserialize_map(Entries)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(text: &str, rows: &[&str], mistakes: &[&str]) {
        let (found, wrong) = read("x", text);
        let found: Vec<String> = found.iter().map(|row| format!("{} {:?}", row.key, row.fields)).collect();
        let wrong: Vec<String> = wrong.iter().map(|mistake| format!("{}:{} {}", mistake.line, mistake.column, mistake.what)).collect();
        assert_eq!(
            (
                found.iter().map(String::as_str).collect::<Vec<_>>().as_slice(),
                wrong.iter().map(String::as_str).collect::<Vec<_>>().as_slice()
            ),
            (rows, mistakes)
        );
    }

    #[test]
    fn three_forms_are_known() {
        let row = [r#"a [("n", Integer(1))]"#];
        check(r#"{"rows":[{"key":"a","n":1}]}"#, &row, &[]);
        check(r#"[{"n":1,"key":"a"}]"#, &row, &[]);
        check(r#"{"n":1,"key":"a"}"#, &row, &[]);
        check(r#"{"owner":"ann"}"#, &[r#" [("owner", Text("ann"))]"#], &[]);
        check("[]", &[], &[]);
    }

    #[test]
    fn values_stay_as_they_are_written() {
        check(
            r#"[{"key":7,"z":1.10,"y":1e400,"x":-5,"w":18446744073709551616,"v":true,"u":null,"t":" \u0007a\n ","s":""}]"#,
            &[
                r#"7 [("t", Text("a")), ("v", Flag(true)), ("w", Decimal("18446744073709551616")), ("x", Integer(-5)), ("y", Decimal("1e400")), ("z", Decimal("1.10"))]"#,
            ],
            &[],
        );
    }

    #[test]
    fn mistakes_are_named_by_their_place_and_cost_one_row() {
        let nested = "a value is a text, a number, true or false; lists and objects have no place in a row";
        check("[\n {\"key\":\"a\",\n  \"n\":[1]},\n {\"key\":\"b\"}]", &["b []"], &[&format!("3:7 \"n\": {nested}")]);
        check(
            r#"[{"n":1}, 5, {"key":true}]"#,
            &[],
            &["1:2 a row without a key", "1:11 a row is an object", "1:21 a key is a text or a whole number"],
        );
        check(r#"[{"key":"a","n":1,"n":2}]"#, &[], &["1:23 \"n\" is there twice"]);
        check(r#"{"rows":5}"#, &[], &["1:9 rows are a list of objects"]);
        check("{", &[], &["1:1 not JSON: EOF while parsing an object at line 1 column 1"]);
    }

    #[test]
    fn too_many_fields_rows_and_levels_have_an_end() {
        let fields: Vec<String> = (0..FIELDS + 1).map(|at| format!("\"f{at}\":1")).collect();
        check(&format!("[{{\"key\":\"a\",{}}}]", fields.join(",")), &[], &["1:2 more than 64 fields"]);
        let rows: Vec<String> = (0..ROWS + 1).map(|at| format!("{{\"key\":{at}}}")).collect();
        let (found, wrong) = read("x", &format!("[{}]", rows.join(",")));
        assert_eq!((found.len(), wrong.len()), (ROWS, 1));
        let deep = "[".repeat(500_000);
        assert_eq!(read("x", &deep).1.len(), 1);
        let closed = format!("{{\"key\":\"a\",\"n\":{}{}}}", "[".repeat(200_000), "]".repeat(200_000));
        assert_eq!(read("x", &closed).1.len(), 1);
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[\\[\\]{}\":,a-c0-9.eEn \n-]{0,60}", other in any::<String>()) {
            let _ = (read("x", &text), read("x", &other));
        }
    }
}
