//! Taking what names something out of JSON, whatever it is the JSON of.
//!
//! An object with the name of the item in it is about the item and goes as a whole, save where the field may be empty; of a list
//! only those elements go that are about it. What is left may not read as what it was: then its caller drops it too.

use serde_json::{Value, json};
use std::collections::BTreeSet;

/// What is put where a word was.
const BLANK: &str = "[erased]";

/// What sources and actors are called that are no more.
pub const ERASED_SOURCE: &str = "erased";

/// Shorter words are looked for in texts alone that are known to tell of the item.
const WORD_BYTES: usize = 6;

/// Shorter ones nowhere.
const COMMON_BYTES: usize = 3;

/// Fields that are empty as well as filled: an object is not about what one of them names.
const MAY_BE_EMPTY: [&str; 6] = ["primary_ci", "parent", "duplicate_of", "before", "after", "reporter"];

/// Which words are looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Words {
    /// None: the text is somebody else's.
    None,
    /// Those that stand for one thing wherever they are.
    Distinct,
    /// Common ones as well: the text is known to tell of the item.
    All,
}

/// Whether a value is about what is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is not, or not any more.
    Other,
    /// It is.
    About,
}

/// What is looked for.
#[derive(Clone, Debug, Default)]
pub struct Scrub {
    /// Ids, as they are written.
    pub ids: BTreeSet<String>,
    /// Words that stand for one thing: serial numbers, addresses.
    pub words: BTreeSet<String>,
    /// Words that may stand for something else elsewhere: host names.
    pub common: BTreeSet<String>,
}

impl Scrub {
    /// Looks for a word from now on; one that is short may stand for something else elsewhere, and a shorter one for anything.
    pub fn learn(&mut self, word: &str) {
        match word.len() {
            WORD_BYTES.. => drop(self.words.insert(word.to_owned())),
            COMMON_BYTES.. => drop(self.common.insert(word.to_owned())),
            _ => {}
        }
    }

    /// Words are compared in lower case; empty ones stand for nothing.
    pub fn settle(&mut self) {
        for words in [&mut self.words, &mut self.common] {
            if words.iter().any(|word| word.is_empty() || word.to_lowercase() != **word) {
                *words = words.iter().filter(|word| !word.is_empty()).map(|word| word.to_lowercase()).collect();
            }
        }
    }

    /// Whether a value names the item by an id or a distinct word.
    pub fn names(&self, value: &Value) -> bool {
        match value {
            Value::String(text) => self.ids.iter().any(|id| text.contains(id.as_str())) || self.has_word(text, &self.words),
            Value::Array(values) => values.iter().any(|value| self.names(value)),
            Value::Object(fields) => fields.iter().any(|(name, value)| self.ids.contains(name) || self.names(value)),
            _ => false,
        }
    }

    fn has_word(&self, text: &str, words: &BTreeSet<String>) -> bool {
        let lower = text.to_lowercase();
        words.iter().any(|word| find(&lower, word, 0).is_some())
    }

    /// Takes out what names the item.
    pub fn scrub(&self, value: &mut Value, words: Words) -> Verdict {
        match value {
            Value::String(text) => {
                if self.ids.contains(text.as_str()) {
                    return Verdict::About;
                }
                self.blank(text, words);
                Verdict::Other
            }
            Value::Array(values) => self.scrub_array(values, words),
            Value::Object(fields) => {
                if self.is_source(fields) {
                    *value = json!({"kind": "feed", "name": ERASED_SOURCE});
                    return Verdict::Other;
                }
                self.scrub_object(fields, words)
            }
            _ => Verdict::Other,
        }
    }

    /// A list loses elements; a tuple that is about the item is about it as a whole.
    fn scrub_array(&self, values: &mut Vec<Value>, words: Words) -> Verdict {
        let is_list = values.windows(2).all(|pair| std::mem::discriminant(&pair[0]) == std::mem::discriminant(&pair[1]));
        let looks_like_a_tuple =
            !is_list || values.len() > 1 && values.iter().all(Value::is_string) && values.iter().any(|text| !is_id(text));
        let verdicts: Vec<Verdict> = values.iter_mut().map(|value| self.scrub(value, words)).collect();
        if !verdicts.contains(&Verdict::About) {
            return Verdict::Other;
        }
        if looks_like_a_tuple {
            return Verdict::About;
        }
        let mut verdicts = verdicts.into_iter();
        values.retain(|_| verdicts.next() == Some(Verdict::Other));
        Verdict::Other
    }

    fn scrub_object(&self, fields: &mut serde_json::Map<String, Value>, words: Words) -> Verdict {
        fields.retain(|name, _| !self.ids.contains(name));
        let mut found = Verdict::Other;
        for (name, value) in fields.iter_mut() {
            if self.scrub(value, words) == Verdict::About {
                if MAY_BE_EMPTY.contains(&name.as_str()) {
                    *value = Value::Null;
                } else {
                    found = Verdict::About;
                }
            }
        }
        found
    }

    /// Whether an object is an agent that is no more, as a source of what others are known to have.
    fn is_source(&self, fields: &serde_json::Map<String, Value>) -> bool {
        let is_agent = fields.len() == 2 && fields.get("kind").is_some_and(|kind| kind == "agent");
        is_agent && fields.get("id").and_then(Value::as_str).is_some_and(|id| self.ids.contains(id))
    }

    fn blank(&self, text: &mut String, words: Words) {
        for id in &self.ids {
            if text.contains(id.as_str()) {
                *text = text.replace(id.as_str(), BLANK);
            }
        }
        let looked_for: &[&BTreeSet<String>] = match words {
            Words::None => &[],
            Words::Distinct => &[&self.words],
            Words::All => &[&self.words, &self.common],
        };
        for word in looked_for.iter().flat_map(|words| words.iter()) {
            let mut from = 0;
            while let Some(place) = find(&text.to_lowercase(), word, from) {
                let end = place + word.len();
                // Lower case may be longer or shorter than what it is of: then the whole text goes.
                if !text.is_char_boundary(place) || !text.is_char_boundary(end) || text.len() != text.to_lowercase().len() {
                    BLANK.clone_into(text);
                    break;
                }
                text.replace_range(place..end, BLANK);
                from = place + BLANK.len();
            }
        }
    }
}

/// A word in lower case as it stands in JSON, without its quotes.
pub fn in_json(word: &str) -> String {
    let quoted = Value::String(word.to_lowercase()).to_string();
    quoted.get(1..quoted.len() - 1).unwrap_or_default().to_owned()
}

/// Whether a value has this id somewhere in a text.
pub fn mentions(value: &Value, id: &str) -> bool {
    match value {
        Value::String(text) => text.contains(id),
        Value::Array(values) => values.iter().any(|value| mentions(value, id)),
        Value::Object(fields) => fields.iter().any(|(name, value)| name == id || mentions(value, id)),
        _ => false,
    }
}

/// Where a word stands by itself.
fn find(text: &str, word: &str, from: usize) -> Option<usize> {
    let is_part = |c: char| c.is_alphanumeric();
    let alone = |place: usize| {
        let before = text[..place].chars().next_back().is_none_or(|c| !is_part(c));
        before && text[place + word.len()..].chars().next().is_none_or(|c| !is_part(c))
    };
    text.get(from..)?.match_indices(word).map(|(place, _)| from + place).find(|&place| alone(place))
}

/// Whether a text is an id: `host_…`, `agent_…`.
fn is_id(value: &Value) -> bool {
    value.as_str().and_then(|text| text.rsplit_once('_')).is_some_and(|(_, bits)| bits.len() == 26)
}
