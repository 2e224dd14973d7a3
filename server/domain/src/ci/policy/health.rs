//! What an administrator adds to what is expected of items.

use crate::Rejection;
use crate::ci::Class;
use crate::ci::decide::check_attribute_name;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Rules for all classes together: there are 26 classes.
const RULES: usize = 100;

/// Attributes of one list of a rule.
const NAMES: usize = 100;

/// When an item counts as well known.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Health {
    /// Beside those that come with Rollcall.
    pub expectations: Vec<Expectation>,
}

/// What is expected of the items of a class, and of those that inherit from it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expectation {
    /// The class.
    pub class: Class,
    /// Attributes without which an item is incomplete.
    #[serde(default)]
    pub required: BTreeSet<String>,
    /// Attributes that make an item better known.
    #[serde(default)]
    pub recommended: BTreeSet<String>,
    /// Attributes that come with Rollcall, or are inherited, and are not expected here.
    #[serde(default)]
    pub ignored: BTreeSet<String>,
}

impl Health {
    /// Checks this part.
    ///
    /// # Errors
    /// [`Rejection::Invalid`] names the field.
    pub fn validate(&self) -> Result<(), Rejection> {
        if self.expectations.len() > RULES {
            return Err(Rejection::invalid("health.expectations", format!("must be at most {RULES} rules")));
        }
        for (place, rule) in self.expectations.iter().enumerate() {
            let lists = [("required", &rule.required), ("recommended", &rule.recommended), ("ignored", &rule.ignored)];
            for (list, names) in lists {
                let field = format!("health.expectations[{place}].{list}");
                if names.len() > NAMES {
                    return Err(Rejection::invalid(field, format!("must be at most {NAMES} attributes")));
                }
                names.iter().try_for_each(|name| check_attribute_name(name, &field))?;
            }
            if let Some(both) = rule.required.iter().chain(&rule.recommended).find(|name| rule.ignored.contains(*name)) {
                let reason = format!("{both} cannot be expected and ignored at once");
                return Err(Rejection::invalid(format!("health.expectations[{place}].ignored"), reason));
            }
        }
        Ok(())
    }
}
