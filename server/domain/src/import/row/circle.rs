//! Why what a row refers to never comes: it is nowhere, its own row was refused, or the rows wait for each other.

use super::{Absent, Claims};
use crate::ci::normalise::cut;
use crate::import::Refusal;

/// Rows of a circle that are told one by one; a place within itself in more steps is told by its first.
const TOLD: usize = 8;

/// The refusal of a row that waited for something until nothing more came.
pub(super) fn refusal(claims: &Claims, key: Option<&str>, absent: &Absent) -> Refusal {
    let Absent { column, text } = absent;
    let shown = cut(text, 80);
    let (code, reason) = match (claims.waiting.get(text), claims.keys.get(text)) {
        (Some((line, _)), _) => match way(claims, key, text) {
            Some(way) => ("circle", format!("the rows form a circle: {way}; load one of them without its {column} first")),
            None => ("no_such_thing", format!("the row of {shown:?} (line {line}) refers to something that is not there either")),
        },
        (None, Some(line)) => ("no_such_thing", format!("the row of {shown:?} (line {line}) was refused")),
        (None, None) => {
            let known = "nor the path of a location or the name of a service that is there";
            ("no_such_thing", format!("{shown:?} is neither an id, nor a key of this file, {known}"))
        }
    };
    Refusal { code: code.into(), column: Some(column.clone()), reason }
}

/// The way from a row through what the rows refer to, when it comes to a row that it was at before.
fn way(claims: &Claims, key: Option<&str>, text: &str) -> Option<String> {
    let key = key?;
    let mut seen = vec![key];
    let mut next = text;
    while !seen.contains(&next) {
        seen.push(next);
        (_, next) = claims.waiting.get(next).map(|(line, wanted)| (line, wanted.as_str()))?;
    }
    let mut told: Vec<String> = seen.iter().chain([&next]).take(TOLD).map(|step| named(claims, step)).collect();
    if seen.len() + 1 > TOLD {
        told.push("and so on".into());
    }
    Some(told.join(" refers to "))
}

fn named(claims: &Claims, key: &str) -> String {
    let shown = cut(key, 80);
    claims.waiting.get(key).map_or_else(|| format!("{shown:?}"), |(line, _)| format!("{shown:?} (line {line})"))
}
