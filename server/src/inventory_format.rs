//! Other people's inventory format, read and written: GLPI's JSON, and the XML of OCS Inventory and FusionInventory that it grew
//! out of.
//!
//! Both forms become one [`Document`]: categories of rows of texts. [`convert`] turns it into sections with normalised units,
//! [`export`] turns sections into GLPI's JSON again. Everything here is pure: no IO, no clock, no state. Invariants: reading is
//! bounded in values, depth and text before anything is built; what a row does not say stays unknown; a row that cannot be used
//! is dropped and counted, and the section that it is missing from is partial, so that nothing disappears by it.

pub mod convert;
pub mod export;
pub mod json;
pub mod xml;

mod document;
mod units;

pub use document::{Document, FormatError, Row};

/// What a message that cannot be read seems to call its machine: the text behind the first `deviceid`. A hint for people, never evidence.
#[must_use]
pub fn device_named(bytes: &[u8]) -> Option<String> {
    const NAME: &[u8] = b"deviceid";
    const BYTES: usize = 255;
    let is_name =
        |place: &usize| bytes[*place..*place + NAME.len()].eq_ignore_ascii_case(NAME) && (*place == 0 || bytes[*place - 1] != b'_');
    let place = (0..(bytes.len() + 1).saturating_sub(NAME.len())).find(is_name)?;
    let rest = &bytes[place + NAME.len()..];
    let between = rest.iter().take_while(|byte| matches!(byte, b'"' | b':' | b'>' | b' ')).count();
    let fits = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    let named: Vec<u8> = rest[between..].iter().take(BYTES).take_while(fits).copied().collect();
    String::from_utf8(named).ok().filter(|name| !name.is_empty())
}

/// What a JSON or XML message says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Message {
    /// `contact`, `inventory`, `prolog`, …, in lower case.
    pub action: String,
    /// What the agent calls its machine.
    pub device: Option<String>,
    /// What it called it before.
    pub former_device: Option<String>,
    /// `Computer`, `NetworkEquipment`, …; JSON only.
    pub item_type: Option<String>,
    /// Whether only some categories were collected; JSON only.
    pub partial: bool,
    /// The content; empty for messages without.
    pub content: Option<Document>,
}

#[cfg(test)]
mod tests {
    use super::device_named;

    #[test]
    fn a_broken_message_may_still_tell_of_which_machine_it_is() {
        for (message, expected) in [
            (r#"{"action": "inventory", "deviceid": "srv1-2026-11-25-10-00-00", "content": {"#, Some("srv1-2026-11-25-10-00-00")),
            ("<OLD_DEVICEID>b-1</OLD_DEVICEID><DEVICEID>a-1</DEVICEID>", Some("a-1")),
            ("<DEVICEID>&xxe;</DEVICEID>", None),
            (r#"{"deviceid""#, None),
            ("deviceid", None),
            ("short", None),
            ("", None),
        ] {
            assert_eq!(device_named(message.as_bytes()).as_deref(), expected, "{message}");
        }
    }
}
