//! GLPI's JSON messages, read within bounds: what is not kept is never built, and values are counted as they come.

use super::Message;
use super::document::{Budget, Document, FormatError, ROW_DEPTH, Row, Value};
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::fmt;

/// Bytes of a device's name.
const DEVICE_BYTES: usize = 255;

/// Reads a message.
///
/// # Errors
/// Anything that is no message: no object, no action, no device, beyond a bound.
pub fn read(bytes: &[u8]) -> Result<Message, FormatError> {
    let mut budget = Budget::default();
    let mut exceeded = None;
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let seed = Part { budget: &mut budget, exceeded: &mut exceeded, place: Place::Message };
    let read = seed.deserialize(&mut deserializer).and_then(|read| deserializer.end().map(|()| read));
    if let Some(error) = exceeded {
        return Err(error);
    }
    let Some(Read::Message(message)) = read.map_err(|error| told(&error))? else { return Err(FormatError::Json("not an object".into())) };
    check(*message)
}

/// The library quotes parts of the input in some messages: bounded, and escaped by whoever shows it.
fn told(error: &serde_json::Error) -> FormatError {
    FormatError::Json(error.to_string().chars().take(200).collect())
}

fn check(message: Message) -> Result<Message, FormatError> {
    if message.action.is_empty() {
        return Err(FormatError::Missing("action"));
    }
    let device = message.device.as_deref().ok_or(FormatError::Missing("deviceid"))?;
    if device.len() > DEVICE_BYTES {
        return Err(FormatError::Invalid { field: "deviceid", reason: "must have at most 255 bytes" });
    }
    if message.action == "inventory" && message.content.is_none() {
        return Err(FormatError::Missing("content"));
    }
    Ok(message)
}

/// Where in a message something stands.
#[derive(Clone, Copy)]
enum Place {
    Message,
    Content,
    Category,
    Field(usize),
}

enum Read {
    Message(Box<Message>),
    Content(Document),
    Rows(Vec<Row>),
    Value(Value),
}

struct Part<'b> {
    budget: &'b mut Budget,
    exceeded: &'b mut Option<FormatError>,
    place: Place,
}

impl Part<'_> {
    fn inner(&mut self, place: Place) -> Part<'_> {
        Part { budget: self.budget, exceeded: self.exceeded, place }
    }

    /// Takes a value from the budget; the reason for stopping is kept beside the library's own error.
    fn spend<E: serde::de::Error>(&mut self) -> Result<(), E> {
        let deep = matches!(self.place, Place::Field(depth) if depth > ROW_DEPTH);
        let spent = if deep { Err(FormatError::TooDeep) } else { self.budget.spend() };
        spent.map_err(|error| {
            let told = E::custom(&error);
            *self.exceeded = Some(error);
            told
        })
    }

    fn text<E: serde::de::Error>(mut self, text: String) -> Result<Option<Read>, E> {
        match self.place {
            Place::Field(_) => {
                self.spend()?;
                Ok(Some(Read::Value(Value::Text(text))))
            }
            // `versionclient` and the like: nothing is made of texts in place of rows.
            Place::Category => Ok(None),
            Place::Message | Place::Content => Err(E::custom("an object is expected")),
        }
    }
}

impl<'de> DeserializeSeed<'de> for Part<'_> {
    type Value = Option<Read>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Part<'_> {
    type Value = Option<Read>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a part of an inventory")
    }

    fn visit_bool<E: serde::de::Error>(self, value: bool) -> Result<Self::Value, E> {
        self.text(value.to_string())
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<Self::Value, E> {
        self.text(value.to_string())
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Self::Value, E> {
        self.text(value.to_string())
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Self::Value, E> {
        self.text(value.to_string())
    }

    fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<Self::Value, E> {
        self.text(value.to_owned())
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<Self::Value, A::Error> {
        match self.place {
            Place::Category => {
                let mut rows = Vec::new();
                while let Some(item) = items.next_element_seed(self.inner(Place::Field(1)))? {
                    if let Some(Read::Value(Value::Row(row))) = item {
                        rows.push(row);
                    }
                }
                Ok(Some(Read::Rows(rows)))
            }
            Place::Field(depth) => {
                self.spend()?;
                let mut values = Vec::new();
                while let Some(item) = items.next_element_seed(self.inner(Place::Field(depth + 1)))? {
                    if let Some(Read::Value(value)) = item {
                        values.push(value);
                    }
                }
                Ok(Some(Read::Value(Value::List(values))))
            }
            Place::Message | Place::Content => Err(A::Error::custom("an object is expected")),
        }
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut fields: A) -> Result<Self::Value, A::Error> {
        match self.place {
            Place::Message => self.message(fields).map(|message| Some(Read::Message(Box::new(message)))),
            Place::Content => {
                let mut content = Document::default();
                while let Some(name) = fields.next_key::<String>()? {
                    let Some(category) = Document::known(&name) else {
                        fields.next_value::<IgnoredAny>()?;
                        continue;
                    };
                    if let Some(Read::Rows(rows)) = fields.next_value_seed(self.inner(Place::Category))? {
                        content.note(category);
                        rows.into_iter().for_each(|row| content.push(category, row));
                    }
                }
                Ok(Some(Read::Content(content)))
            }
            Place::Category => Ok(Some(Read::Rows(vec![self.row(1, fields)?]))),
            Place::Field(depth) => {
                self.spend()?;
                Ok(Some(Read::Value(Value::Row(self.row(depth, fields)?))))
            }
        }
    }
}

impl Part<'_> {
    fn row<'de, A: MapAccess<'de>>(&mut self, depth: usize, mut fields: A) -> Result<Row, A::Error> {
        let mut row = Row::default();
        while let Some(name) = fields.next_key::<String>()? {
            if let Some(Read::Value(value)) = fields.next_value_seed(self.inner(Place::Field(depth + 1)))? {
                row.push(&name, value);
            }
        }
        Ok(row)
    }

    fn message<'de, A: MapAccess<'de>>(&mut self, mut fields: A) -> Result<Message, A::Error> {
        let mut message = Message::default();
        let mut seen = Row::default();
        while let Some(name) = fields.next_key::<String>()? {
            match name.as_str() {
                "content" => {
                    if message.content.is_some() {
                        return Err(A::Error::custom("content is there twice"));
                    }
                    if let Some(Read::Content(content)) = fields.next_value_seed(self.inner(Place::Content))? {
                        message.content = Some(content);
                    }
                }
                "action" | "deviceid" | "itemtype" | "partial" => {
                    if let Some(Read::Value(value)) = fields.next_value_seed(self.inner(Place::Field(1)))? {
                        seen.push(&name, value);
                    }
                }
                _ => drop(fields.next_value::<IgnoredAny>()?),
            }
        }
        message.action = seen.text("action").unwrap_or_default().to_ascii_lowercase();
        // The oldest form has no action: what has content is an inventory.
        if message.action.is_empty() && message.content.is_some() {
            message.action = "inventory".to_owned();
        }
        message.device = seen.text("deviceid");
        message.item_type = seen.text("itemtype");
        message.partial = seen.flag("partial").unwrap_or(false);
        Ok(message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check_refused(json: &str, expected: &str) {
        let error = read(json.as_bytes()).expect_err(json).to_string();
        assert!(error.contains(expected), "{json:.80}: {error}");
    }

    #[test]
    fn a_message_is_read_with_numbers_and_booleans_as_texts() {
        let json = r#"{"action": "inventory", "deviceid": "a-2026-01-01-00-00-00", "partial": true, "itemtype": "Computer", "tag": {"x": [1]},
            "content": {"versionclient": "x", "cpus": [{"core": 2, "NAME": " i5 "}, null, 7], "hardware": {"memory": 7909, "uuid": null},
            "operatingsystem": {"timezone": {"offset": "+0200"}}, "envs": [{"key": "PASSWORD", "val": "geheim"}]}}"#;
        let message = read(json.as_bytes()).expect("a message");
        let content = message.content.as_ref().expect("content");
        assert_eq!((message.action.as_str(), message.partial, message.item_type.as_deref()), ("inventory", true, Some("Computer")));
        let cpu = content.first("cpus").expect("a row");
        assert_eq!((cpu.number::<u32>("core"), cpu.text("name").as_deref()), (Some(2), Some("i5")));
        assert_eq!(content.rows("cpus").map(<[Row]>::len), Some(1));
        let zone = content.first("operatingsystem").and_then(|row| row.row("timezone")).and_then(|zone| zone.text("offset"));
        assert_eq!(zone.as_deref(), Some("+0200"));
        assert!(!format!("{message:?}").contains("geheim"), "what is not used is not kept");
    }

    #[test]
    fn what_is_no_message_is_refused_with_its_reason() {
        check_refused("", "EOF");
        check_refused("[]", "object");
        check_refused("{}", "action is missing");
        check_refused(r#"{"action": "contact"}"#, "deviceid is missing");
        check_refused(r#"{"action": "inventory", "deviceid": "x"}"#, "content is missing");
        check_refused(r#"{"action": "inventory", "deviceid": "x", "content": []}"#, "object");
        check_refused(r#"{"action": "contact", "deviceid": "x"} tail"#, "trailing");
        check_refused(r#"{"action": "contact", "deviceid": "\ud800"}"#, "JSON");
        check_refused(&format!(r#"{{"action": "contact", "deviceid": "{}"}}"#, "x".repeat(256)), "deviceid");
    }

    #[test]
    fn depth_and_numbers_of_values_have_bounds() {
        let deep = format!(r#"{{"deviceid": "x", "content": {{"cpus": [{}]}}}}"#, "[".repeat(60) + &"]".repeat(60));
        check_refused(&deep, "deep");
        check_refused(&format!(r#"{{"x": {}"#, "[".repeat(100_000)), "EOF");
        let many = format!(r#"{{"deviceid": "x", "content": {{"softwares": [{}]}}}}"#, vec![r#"{"name":"x"}"#; 1_000_000].join(","));
        check_refused(&many, "values");
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(&bytes);
        }

        #[test]
        fn no_shape_panics(parts in proptest::collection::vec(prop_oneof![
            Just("{"), Just("}"), Just("["), Just("]"), Just(","), Just(":"), Just("null"), Just("1e999"), Just("\"content\""), Just("\"cpus\""), Just("\"deviceid\""), Just("true")
        ], 0..40)) {
            let _ = read(parts.concat().as_bytes());
        }
    }
}
