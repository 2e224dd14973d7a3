//! The XML of OCS Inventory and FusionInventory agents.
//!
//! A pull parser that resolves nothing: a document type, an entity beyond the five predefined ones and anything too deep end
//! the reading at once. Attributes mean nothing in this format and are not looked at.

use super::Message;
use super::document::{Budget, Document, FormatError, Row, Value};
use quick_xml::Reader;
use quick_xml::events::{BytesRef, Event};
use std::borrow::Cow;

/// Nesting of elements; the deepest real one is 5.
const DEPTH: usize = 12;

/// Elements within which the categories stand: `REQUEST`, `CONTENT`.
const CATEGORY_DEPTH: usize = 3;

/// Reads a message.
///
/// # Errors
/// Anything that is no message: not well-formed, forbidden constructs, no query, no valid device id, beyond a bound.
pub fn read(bytes: &[u8]) -> Result<Message, FormatError> {
    let text = decode(bytes)?;
    let mut reader = Reader::from_str(&text);
    reader.config_mut().expand_empty_elements = true;
    let mut reading = Reading::default();
    loop {
        let event =
            reader.read_event().map_err(|error| FormatError::Xml { position: reader.error_position(), reason: cut(&error.to_string()) })?;
        match event {
            Event::Start(start) => reading.open(start.local_name().as_ref())?,
            Event::End(_) => reading.close(),
            Event::Text(text) => reading.text(&text.xml10_content()),
            Event::CData(text) => reading.text(&text.xml10_content()),
            Event::GeneralRef(reference) => reading.text(&resolve(&reference)?),
            Event::DocType(_) => return Err(FormatError::Forbidden("a document type")),
            Event::Eof => break,
            Event::Empty(_) | Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
        }
    }
    if !reading.open.is_empty() {
        return Err(FormatError::Xml { position: reader.buffer_position(), reason: "it ends within an element".into() });
    }
    check(reading.message)
}

fn cut(text: &str) -> String {
    text.chars().take(200).collect()
}

/// UTF-8, or ISO-8859-1 where the declaration says so: old agents on old systems write that.
fn decode(bytes: &[u8]) -> Result<Cow<'_, str>, FormatError> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Ok(Cow::Borrowed(text));
    }
    let declaration = bytes.split(|&byte| byte == b'>').next().unwrap_or_default();
    let declaration = String::from_utf8_lossy(&declaration[..declaration.len().min(200)]).to_ascii_lowercase();
    let is_latin = declaration.starts_with("<?xml") && ["iso-8859-1", "iso8859-1", "latin1"].iter().any(|name| declaration.contains(name));
    if is_latin { Ok(Cow::Owned(bytes.iter().copied().map(char::from).collect())) } else { Err(FormatError::Encoding) }
}

fn resolve(reference: &BytesRef<'_>) -> Result<String, FormatError> {
    if reference.is_char_ref() {
        let character = reference.resolve_char_ref().ok().flatten();
        return Ok(character.unwrap_or(char::REPLACEMENT_CHARACTER).to_string());
    }
    let name: &str = reference;
    let text = quick_xml::escape::resolve_predefined_entity(name).ok_or(FormatError::Forbidden("an entity of its own"))?;
    Ok(text.to_owned())
}

fn check(mut message: Message) -> Result<Message, FormatError> {
    if message.action.is_empty() {
        return Err(FormatError::Missing("QUERY"));
    }
    let device = message.device.as_deref().ok_or(FormatError::Missing("DEVICEID"))?;
    if !is_device_id(device) {
        return Err(FormatError::Invalid { field: "DEVICEID", reason: "must be a name and a moment, such as web1-2026-11-21-04-31-00" });
    }
    // A hint that is no device id hints at nothing.
    message.former_device = message.former_device.filter(|former| is_device_id(former));
    if message.action == "inventory" && message.content.is_none() {
        return Err(FormatError::Missing("CONTENT"));
    }
    Ok(message)
}

/// `^.+-\d{4}(?:-\d{2}){5}$`, at most 255 bytes.
fn is_device_id(text: &str) -> bool {
    let bytes = text.as_bytes();
    // A dash and the moment.
    const TAIL: usize = 20;
    let Some(start) = bytes.len().checked_sub(TAIL).filter(|&start| start > 0 && bytes.len() <= 255) else { return false };
    bytes[start..].iter().enumerate().all(|(i, byte)| match i {
        0 | 5 | 8 | 11 | 14 | 17 => *byte == b'-',
        _ => byte.is_ascii_digit(),
    })
}

/// An element that is not closed yet.
struct Element {
    name: String,
    text: String,
    parts: Row,
    /// Whether it is kept.
    kept: bool,
}

#[derive(Default)]
struct Reading {
    budget: Budget,
    open: Vec<Element>,
    message: Message,
}

impl Reading {
    fn open(&mut self, name: &str) -> Result<(), FormatError> {
        self.budget.spend()?;
        if self.open.len() == DEPTH {
            return Err(FormatError::TooDeep);
        }
        let name = name.to_ascii_lowercase();
        let depth = self.open.len() + 1;
        let kept = match depth {
            1 | 2 => true,
            CATEGORY_DEPTH => self.open.last().is_some_and(|parent| parent.name == "content") && category(&name).is_some(),
            _ => self.open.last().is_some_and(|parent| parent.kept),
        };
        self.open.push(Element { name, text: String::new(), parts: Row::default(), kept });
        Ok(())
    }

    fn text(&mut self, text: &str) {
        if let Some(element) = self.open.last_mut().filter(|element| element.kept) {
            element.text.push_str(text);
        }
    }

    fn close(&mut self) {
        let Some(element) = self.open.pop() else { return };
        match self.open.len() + 1 {
            2 => self.close_field(element),
            CATEGORY_DEPTH => {
                if let Some(category) = category(&element.name).filter(|_| element.kept) {
                    let content = self.message.content.get_or_insert_default();
                    content.note(category);
                    if !element.parts.is_empty() {
                        content.push(category, element.parts);
                    }
                }
            }
            depth if depth > CATEGORY_DEPTH && element.kept => {
                if let Some(parent) = self.open.last_mut() {
                    let value = if element.parts.is_empty() { Value::Text(element.text) } else { Value::Row(element.parts) };
                    parent.parts.push(field(&element.name), value);
                }
            }
            _ => {}
        }
    }

    fn close_field(&mut self, element: Element) {
        let text = super::document::clean(&element.text);
        match element.name.as_str() {
            "query" => self.message.action = text.unwrap_or_default().to_ascii_lowercase(),
            "deviceid" => self.message.device = text,
            "old_deviceid" => self.message.former_device = text,
            "content" => drop(self.message.content.get_or_insert_default()),
            _ => {}
        }
    }
}

/// GLPI's name of a category.
fn category(name: &str) -> Option<&'static str> {
    Document::known(match name {
        "memory_modules" => "memories",
        "firmware" => "firmwares",
        _ => name,
    })
}

/// GLPI's name of a field; those that differ do so in every category that has them.
fn field(name: &str) -> &str {
    match name {
        "macaddr" => "mac",
        "installdate" => "install_date",
        "architecture" => "arch",
        "id_user" | "id_group" => "id",
        "member" => "members",
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const DEVICE: &str = "<DEVICEID>vm-2026-11-25-21-42-39</DEVICEID>";

    #[track_caller]
    fn check_refused(xml: &str, expected: &str) {
        let error = read(xml.as_bytes()).expect_err(xml).to_string();
        assert!(error.contains(expected), "{xml:.120}: {error}");
    }

    fn inventory(content: &str) -> String {
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<REQUEST><CONTENT>{content}</CONTENT>{DEVICE}<QUERY>INVENTORY</QUERY></REQUEST>"
        )
    }

    #[test]
    fn an_inventory_is_read_in_the_words_of_the_newer_form() {
        let xml = inventory(
            "<NETWORKS><MACADDR>02:fc:00:00:00:01</MACADDR><DESCRIPTION>a &amp; &#x42;<![CDATA[ <c>]]></DESCRIPTION></NETWORKS><STORAGES/>
             <LOCAL_GROUPS><MEMBER>b</MEMBER><MEMBER>a</MEMBER><ID_GROUP>7</ID_GROUP></LOCAL_GROUPS>
             <OPERATINGSYSTEM><TIMEZONE><OFFSET>+0000</OFFSET></TIMEZONE></OPERATINGSYSTEM><ENVS><VAL>geheim</VAL></ENVS>",
        );
        let message = read(xml.as_bytes()).expect("a message");
        assert_eq!((message.action.as_str(), message.device.as_deref()), ("inventory", Some("vm-2026-11-25-21-42-39")));
        let content = message.content.as_ref().expect("content");
        let network = content.first("networks").expect("a row");
        assert_eq!(network.text("mac").as_deref(), Some("02:fc:00:00:00:01"));
        assert_eq!(network.text("description").as_deref(), Some("a & B <c>"));
        assert_eq!(
            content.first("local_groups").map(|row| (row.texts("members"), row.number("id"))),
            Some((vec!["a".into(), "b".into()], Some(7_u32)))
        );
        assert_eq!(content.first("operatingsystem").and_then(|os| os.row("timezone")?.text("offset")).as_deref(), Some("+0000"));
        assert_eq!(content.rows("storages").map(<[Row]>::len), Some(0));
        assert!(!format!("{message:?}").contains("geheim"));
    }

    #[test]
    fn a_prolog_needs_no_content_and_a_former_device_is_heeded_when_it_is_one() {
        let prolog = |former: &str| format!("<REQUEST>{DEVICE}<OLD_DEVICEID>{former}</OLD_DEVICEID><QUERY>PROLOG</QUERY></REQUEST>");
        let former = |text: &str| read(prolog(text).as_bytes()).expect("a message").former_device;
        assert_eq!(former("old-2020-01-01-00-00-00").as_deref(), Some("old-2020-01-01-00-00-00"));
        assert_eq!(former("old"), None);
    }

    #[test]
    fn entities_and_document_types_are_refused() {
        let bomb = "<!DOCTYPE lolz [<!ENTITY lol \"lol\"><!ENTITY lol2 \"&lol;&lol;\">]><REQUEST>&lol2;</REQUEST>";
        check_refused(bomb, "document type");
        check_refused("<!DOCTYPE x SYSTEM \"file:///etc/passwd\"><REQUEST/>", "document type");
        check_refused(&inventory("<BIOS><SSN>&xxe;</SSN></BIOS>"), "entity");
    }

    #[test]
    fn depth_and_numbers_of_elements_have_bounds() {
        check_refused(&"<A>".repeat(100_000), "deep");
        check_refused(&inventory(&"<SOFTWARES><NAME>x</NAME></SOFTWARES>".repeat(1_000_000)), "values");
    }

    #[test]
    fn what_is_no_message_is_refused_with_its_reason() {
        check_refused("", "QUERY");
        check_refused("<REQUEST>", "ends");
        check_refused("<REQUEST></OTHER>", "byte");
        check_refused(&format!("<REQUEST>{DEVICE}</REQUEST>"), "QUERY");
        check_refused("<REQUEST><QUERY>PROLOG</QUERY></REQUEST>", "DEVICEID");
        check_refused(&format!("<REQUEST>{DEVICE}<QUERY>INVENTORY</QUERY></REQUEST>"), "CONTENT");
        for device in ["vm", "-2026-11-25-21-42-39", "vm-2026-11-25-21-42-3x", "vm 2026-11-25-21-42-39", "vm-2026-11-25-21-42-39 x"] {
            check_refused(&format!("<REQUEST><DEVICEID>{device}</DEVICEID><QUERY>PROLOG</QUERY></REQUEST>"), "DEVICEID");
        }
    }

    #[test]
    fn other_encodings_must_be_declared_and_be_one_that_old_agents_use() {
        let latin = |encoding: &str| {
            let mut bytes = format!("<?xml version=\"1.0\" encoding=\"{encoding}\"?>").into_bytes();
            bytes.extend_from_slice(
                inventory("<BIOS><SSN>caf")
                    .replace("<?xml version=\"1.0\" encoding=\"UTF-8\"?>", "")
                    .split("</CONTENT>")
                    .next()
                    .unwrap_or_default()
                    .as_bytes(),
            );
            bytes.extend_from_slice(
                b"\xe9</SSN></BIOS></CONTENT><DEVICEID>vm-2026-11-25-21-42-39</DEVICEID><QUERY>INVENTORY</QUERY></REQUEST>",
            );
            bytes
        };
        let message = read(&latin("ISO-8859-1")).expect("a message");
        assert_eq!(message.content.and_then(|content| content.first("bios")?.text("ssn")).as_deref(), Some("café"));
        assert_eq!(read(&latin("UTF-8")), Err(FormatError::Encoding));
        assert_eq!(read(b"\xff\xfe<\0R\0"), Err(FormatError::Encoding));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(&bytes);
        }

        #[test]
        fn no_shape_panics(parts in proptest::collection::vec(prop_oneof![
            Just("<REQUEST>"), Just("</REQUEST>"), Just("<CONTENT>"), Just("</CONTENT>"), Just("<CPUS/>"), Just("&"), Just(";"), Just("<![CDATA["), Just("]]>"),
            Just("<!DOCTYPE"), Just("<?x"), Just("&#0;"), Just("&#xD800;"), Just("<!--"), Just("x"), Just("<QUERY>"), Just("</QUERY>"), Just("é")
        ], 0..40)) {
            let _ = read(parts.concat().as_bytes());
        }
    }
}
