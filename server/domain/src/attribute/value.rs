//! Whether a value fits a type, and how a text of a file becomes a value.

use super::Kind;
use crate::World;
use crate::ci::{AttributeValue, normalise};
use crate::id::CiId;

/// Days of each month in a leap year.
const DAYS: [u8; 12] = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/// Words that people write for yes and no, lower case.
const YES: [&str; 5] = ["true", "yes", "y", "1", "x"];
const NO: [&str; 4] = ["false", "no", "n", "0"];

/// The value as it is kept.
///
/// # Errors
/// What would be right, in words that follow the name of the attribute.
pub fn fit(world: &World, kind: &Kind, value: &AttributeValue) -> Result<AttributeValue, String> {
    let kept = match (kind, value) {
        (Kind::Integer, AttributeValue::Integer(_))
        | (Kind::Number, AttributeValue::Integer(_) | AttributeValue::Number(_))
        | (Kind::Boolean, AttributeValue::Boolean(_))
        | (Kind::Text, AttributeValue::Text(_))
        | (Kind::List, AttributeValue::List(_)) => value.clone(),
        (Kind::Date, AttributeValue::Text(text)) if is_date(text.trim()) => AttributeValue::Text(text.trim().to_owned()),
        (Kind::Enumeration { values }, AttributeValue::Text(text)) if values.contains(text) => value.clone(),
        (Kind::Url, AttributeValue::Text(text)) if is_url(text.trim()) => AttributeValue::Text(text.trim().to_owned()),
        (Kind::Ci, AttributeValue::Text(text)) => {
            let id = text.trim().parse::<CiId>().ok().filter(|id| world.cmdb.cis.contains_key(id));
            AttributeValue::Text(id.ok_or("must be the id of a configuration item that is there")?.to_string())
        }
        (Kind::Contact, AttributeValue::Text(text)) => AttributeValue::Text(contact(world, text)?),
        (Kind::Enumeration { values }, _) => return Err(format!("must be one of: {}", shown(values))),
        (Kind::Text, _) => return Err("must be a text".into()),
        (Kind::Integer, _) => return Err("must be a whole number".into()),
        (Kind::Number, _) => return Err("must be a number".into()),
        (Kind::Boolean, _) => return Err("must be true or false".into()),
        (Kind::Date, _) => return Err("must be a day such as 2026-11-25".into()),
        (Kind::Url, _) => return Err("must be an address that begins with http:// or https://".into()),
        (Kind::Ci, _) => return Err("must be the id of a configuration item".into()),
        (Kind::Contact, _) => return Err("must be the name or id of a contact".into()),
        (Kind::List, _) => return Err("must be a list of texts".into()),
    };
    Ok(kept)
}

/// The text of a cell as a value of this type; what is no such value stays a text, for `fit` to refuse.
#[must_use]
pub fn read_text(kind: &Kind, text: &str) -> AttributeValue {
    let folded = normalise::folded(text);
    let as_text = || AttributeValue::Text(text.to_owned());
    match kind {
        Kind::Integer => text.parse().map_or_else(|_| as_text(), AttributeValue::Integer),
        Kind::Number => match (text.parse(), text.parse::<f64>()) {
            (Ok(whole), _) => AttributeValue::Integer(whole),
            (_, Ok(number)) if number.is_finite() => AttributeValue::Number(number),
            _ => as_text(),
        },
        Kind::Boolean if YES.contains(&folded.as_str()) => AttributeValue::Boolean(true),
        Kind::Boolean if NO.contains(&folded.as_str()) => AttributeValue::Boolean(false),
        Kind::Enumeration { values } => {
            let known = values.iter().find(|value| normalise::folded(value) == folded);
            AttributeValue::Text(known.map_or_else(|| text.to_owned(), Clone::clone))
        }
        Kind::List => {
            let texts = text.split([',', ';', ' ', '\n']).map(str::trim).filter(|text| !text.is_empty());
            AttributeValue::List(texts.map(str::to_owned).collect())
        }
        Kind::Text | Kind::Boolean | Kind::Date | Kind::Url | Kind::Ci | Kind::Contact => as_text(),
    }
}

/// As long as nobody registered a contact any name will do; from the first on a name must be known.
fn contact(world: &World, text: &str) -> Result<String, String> {
    let text = text.trim();
    if world.contacts.contacts.is_empty() {
        return Ok(text.to_owned());
    }
    let known = world.contacts.find(text).ok_or("must be the name or id of a contact; POST /api/v1/contacts makes one")?;
    Ok(known.contact.name.clone())
}

fn shown(values: &[String]) -> String {
    const SHOWN: usize = 20;
    let first: Vec<&str> = values.iter().take(SHOWN).map(String::as_str).collect();
    let rest = if values.len() > SHOWN { format!(" and {} more", values.len() - SHOWN) } else { String::new() };
    format!("{}{rest}", first.join(", "))
}

fn is_url(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/')) && !text.chars().any(|c| c.is_whitespace() || c.is_control())
}

/// A day of the Gregorian calendar, as ISO 8601 writes it.
fn is_date(text: &str) -> bool {
    let shape = text.len() == 10 && text.bytes().enumerate().all(|(i, b)| if matches!(i, 4 | 7) { b == b'-' } else { b.is_ascii_digit() });
    if !shape {
        return false;
    }
    let number = |range: std::ops::Range<usize>| text[range].parse::<u16>().unwrap_or(0);
    let (year, month, day) = (number(0..4), usize::from(number(5..7)), number(8..10));
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = DAYS.get(month.wrapping_sub(1)).map_or(0, |&days| if month == 2 && !leap { 28 } else { u16::from(days) });
    (1..=days).contains(&day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(kind: &Kind, text: &str, fits: bool) {
        let value = read_text(kind, text);
        assert_eq!(fit(&World::default(), kind, &value).is_ok(), fits, "{text:?} as {}: {value:?}", kind.as_str());
    }

    #[test]
    fn texts_of_files_are_read_as_their_type_says_or_refused() {
        let colours = Kind::Enumeration { values: vec!["Red".into(), "blue".into()] };
        for (kind, good, bad) in [
            (&Kind::Integer, &["0", "-5", "9223372036854775807"][..], &["1.5", "x", "", "9223372036854775808"][..]),
            (&Kind::Number, &["0", "1.5", "-1e3"], &["nan", "inf", "1,5", "x"]),
            (&Kind::Boolean, &["true", "No", "1", "Y"], &["maybe", "2"]),
            (
                &Kind::Date,
                &["2026-11-25", "2024-02-29", "2000-02-29"],
                &["2026-02-29", "1900-02-29", "2026-13-01", "2026-00-01", "26-1-1", "2026-11-00", "2026-11-31", "２026-11-2"],
            ),
            (
                &Kind::Url,
                &["https://example.org/x", "http://a"],
                &["ftp://a", "https://", "javascript:alert(1)", "https:///x", "http://a b"],
            ),
            (&colours, &["Red", "red", "BLUE"], &["green", ""]),
            (&Kind::Ci, &[], &["host_1", "host_00000000000000000000000001"]),
        ] {
            good.iter().for_each(|text| check(kind, text, true));
            bad.iter().for_each(|text| check(kind, text, false));
        }
    }

    #[test]
    fn a_list_is_split_at_what_people_separate_with() {
        let read = read_text(&Kind::List, "10.0.0.1, 10.0.0.2;10.0.0.3");
        assert_eq!(read, AttributeValue::List(vec!["10.0.0.1".into(), "10.0.0.2".into(), "10.0.0.3".into()]));
    }
}
