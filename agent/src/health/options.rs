//! What the operator wants measured beyond what every machine has.

use serde::{Deserialize, Deserializer, de};

/// Names of one list: each brings up to five series.
const NAMES: usize = 64;

/// Bytes of a name: that of a unit, which systemd bounds to 255.
const NAME_BYTES: usize = 255;

/// Services that are measured unless configured otherwise; a server has some 30 to 60.
const SERVICES: usize = 64;

/// Services that can be measured: beyond, the room for their series runs out.
const MOST_SERVICES: usize = 128;

/// `[health]` of the configuration.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HealthOptions {
    /// Processes that are measured together as one group each, by the name that `ps -e` shows.
    #[serde(deserialize_with = "names")]
    pub processes: Vec<String>,
    /// Control groups that are measured beside the services of `system.slice`: a unit's name, or a path below `/sys/fs/cgroup`.
    #[serde(deserialize_with = "names")]
    pub units: Vec<String>,
    /// How many services of `system.slice` are measured, in order of their names; 0 for none.
    #[serde(deserialize_with = "services")]
    pub max_services: usize,
}

impl Default for HealthOptions {
    fn default() -> Self {
        Self { processes: Vec::new(), units: Vec::new(), max_services: SERVICES }
    }
}

fn names<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let names = Vec::<String>::deserialize(deserializer)?;
    if names.len() > NAMES {
        return Err(de::Error::custom(format!("{} names; at most {NAMES} are measured", names.len())));
    }
    let is_name = |name: &str| {
        !name.is_empty() && name.len() <= NAME_BYTES && !name.contains(char::is_control) && !name.split('/').any(|part| part == "..")
    };
    match names.iter().find(|name| !is_name(name)) {
        Some(name) => Err(de::Error::custom(format!("{name:?} is not a name"))),
        None => Ok(names),
    }
}

fn services<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    let number = usize::deserialize(deserializer)?;
    if number <= MOST_SERVICES { Ok(number) } else { Err(de::Error::custom(format!("{number} is more than {MOST_SERVICES}"))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let error = toml::from_str::<HealthOptions>(text).expect_err("refused").to_string();
        assert!(error.contains(expected), "{error}");
    }

    #[test]
    fn what_cannot_be_measured_is_refused() {
        check("processes = ['a', '']", "\"\" is not a name");
        check("units = ['../../etc']", "is not a name");
        check("max_services = 1000", "more than 128");
        check("procs = []", "unknown field");
        check(&format!("processes = {:?}", vec!["x"; 65]), "at most 64");
    }

    #[test]
    fn what_is_not_said_is_the_usual() {
        let options: HealthOptions = toml::from_str("processes = ['nginx']").expect("options");
        assert_eq!(options, HealthOptions { processes: vec!["nginx".to_owned()], ..HealthOptions::default() });
    }
}
