//! Lists where a body must have objects.
//!
//! The parsers of structures take a list of the values of their fields as well, so that what a client got wrong would be read as something
//! that it never meant. A body is held against its own description before it is read.
//!
//! Invariant: refused is only a list where the description has an object and no list. All else the parser judges, with better words.

use serde_json::Value;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// References and choices that are followed for one value: descriptions have three or four.
const STEPS: usize = 32;

/// Where references point to.
const COMPONENTS: &str = "#/components/schemas/";

/// The path of the first list that stands where there must be an object, such as `levels.warning`.
pub fn misplaced_list<T: ToSchema>(bytes: &[u8]) -> Option<String> {
    // Most bodies have no list at all.
    let body = bytes.contains(&b'[').then(|| serde_json::from_slice::<Value>(bytes).ok())??;
    let mut schemas = Vec::new();
    T::schemas(&mut schemas);
    let written = |(name, schema)| Some((name, serde_json::to_value(schema).ok()?));
    let shapes = Shapes(schemas.into_iter().filter_map(written).collect());
    let root = serde_json::to_value(T::schema()).ok()?;
    shapes.misplaced(&body, &root, "", STEPS)
}

/// Descriptions by name.
struct Shapes(BTreeMap<String, Value>);

impl Shapes {
    fn misplaced(&self, value: &Value, schema: &Value, path: &str, steps: usize) -> Option<String> {
        let schema = self.resolved(schema)?;
        let steps = steps.checked_sub(1)?;
        let is_list = match value {
            Value::Array(_) => true,
            Value::Object(_) => false,
            _ => return None,
        };
        let (takes_list, takes_object) = self.takes(schema, steps);
        if is_list && takes_object && !takes_list {
            return Some(path.to_owned());
        }
        if let Some(parts) = schema["allOf"].as_array() {
            return parts.iter().find_map(|part| self.misplaced(value, part, path, steps));
        }
        if let Some(choices) = choices(schema) {
            let fits = |choice: &&Value| {
                let (takes_list, takes_object) = self.takes(choice, steps);
                if is_list { takes_list } else { takes_object && self.is_tagged(value, choice, steps) }
            };
            // One choice that takes it is enough.
            let mut found = choices.iter().filter(fits).map(|choice| self.misplaced(value, choice, path, steps)).peekable();
            let first = found.peek().cloned().flatten();
            return first.filter(|_| found.all(|found| found.is_some()));
        }
        match value {
            Value::Array(items) => {
                let items = items.iter().enumerate();
                let mut within = items.map(|(place, item)| self.misplaced(item, &schema["items"], &format!("{path}[{place}]"), STEPS));
                within.find_map(|found| found)
            }
            Value::Object(fields) => fields.iter().find_map(|(name, value)| {
                let described = schema["properties"].get(name).unwrap_or(&schema["additionalProperties"]);
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                self.misplaced(value, described, &path, STEPS)
            }),
            _ => None,
        }
    }

    fn resolved<'a>(&'a self, schema: &'a Value) -> Option<&'a Value> {
        match schema["$ref"].as_str() {
            Some(reference) => self.0.get(reference.strip_prefix(COMPONENTS)?),
            None => Some(schema),
        }
    }

    /// Whether a description takes lists, and whether it takes objects. What is not described takes all.
    fn takes(&self, schema: &Value, steps: usize) -> (bool, bool) {
        let (Some(schema), Some(steps)) = (self.resolved(schema), steps.checked_sub(1)) else { return (true, true) };
        if let Some(parts) = schema["allOf"].as_array() {
            let all = parts.iter().map(|part| self.takes(part, steps));
            return all.fold((true, true), |one, other| (one.0 && other.0, one.1 && other.1));
        }
        if let Some(choices) = choices(schema) {
            let any = choices.iter().map(|choice| self.takes(choice, steps));
            return any.fold((false, false), |one, other| (one.0 || other.0, one.1 || other.1));
        }
        let kinds: Vec<&str> = match &schema["type"] {
            Value::String(kind) => vec![kind],
            Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
            _ => return (true, true),
        };
        (kinds.contains(&"array"), kinds.contains(&"object"))
    }

    /// Whether the words that tell choices apart, such as `kind`, are those of this one.
    fn is_tagged(&self, value: &Value, schema: &Value, steps: usize) -> bool {
        let (Some(schema), Some(steps)) = (self.resolved(schema), steps.checked_sub(1)) else { return true };
        if let Some(parts) = schema["allOf"].as_array() {
            return parts.iter().all(|part| self.is_tagged(value, part, steps));
        }
        let tags = schema["properties"].as_object().into_iter().flatten();
        let mut tags = tags.filter_map(|(name, described)| Some((value.get(name)?, described["enum"].as_array()?)));
        tags.all(|(told, words)| words.contains(told))
    }
}

fn choices(schema: &Value) -> Option<&Vec<Value>> {
    ["oneOf", "anyOf"].iter().find_map(|word| schema[*word].as_array())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(ToSchema)]
    #[expect(dead_code, reason = "only its description counts")]
    struct Level {
        raise: f64,
        names: Vec<String>,
        any: Value,
    }

    #[derive(ToSchema)]
    #[serde(tag = "kind", rename_all = "snake_case")]
    #[expect(dead_code, reason = "only its description counts")]
    enum Condition {
        Threshold { level: Level },
        Check { level: Vec<Level> },
    }

    #[derive(ToSchema)]
    #[serde(untagged)]
    #[expect(dead_code, reason = "only its description counts")]
    enum Words {
        One(String),
        Several(Vec<String>),
    }

    #[derive(ToSchema)]
    #[expect(dead_code, reason = "only its description counts")]
    struct Rule {
        level: Level,
        more: Option<Level>,
        levels: Vec<Level>,
        by_name: BTreeMap<String, Level>,
        words: Option<Words>,
        condition: Condition,
    }

    #[track_caller]
    fn check(json: &str, expected: Option<&str>) {
        assert_eq!(misplaced_list::<Rule>(json.as_bytes()).as_deref(), expected, "{json}");
    }

    #[test]
    fn a_list_in_place_of_an_object_is_found_wherever_it_is() {
        check(r#"{"level": [1, []]}"#, Some("level"));
        check(r#"{"more": [1]}"#, Some("more"));
        check(r#"{"levels": [{"raise": 1}, [1]]}"#, Some("levels[1]"));
        check(r#"{"by_name": {"a": {}, "b": []}}"#, Some("by_name.b"));
        check(r#"{"by_name": []}"#, Some("by_name"));
        check(r#"{"condition": ["threshold"]}"#, Some("condition"));
        check(r#"{"condition": {"kind": "threshold", "level": [1]}}"#, Some("condition.level"));
        check(r#"{"condition": {"kind": "check", "level": [[1]]}}"#, Some("condition.level[0]"));
    }

    #[test]
    fn lists_where_they_belong_and_what_the_parser_judges_are_left() {
        for json in [
            r#"{"levels": [], "level": {"names": ["a", "b"], "any": [[1], {"a": []}]}}"#,
            r#"{"condition": {"kind": "check", "level": [{"names": []}]}, "words": ["a"]}"#,
            r#"{"level": {"raise": [1]}, "unknown": [[]], "more": null}"#,
            r#"{"words": "[", "level": {"names": "["}}"#,
            "{[",
            "5",
        ] {
            check(json, None);
        }
    }
}
