//! Names of what can happen, for people who choose among them.
//!
//! Invariant: they are those that the log is written and read with, since they are asked of the same derived code.

use super::Event;
use crate::advisory::AdvisoryEvent;
use crate::alert::AlertEvent;
use crate::attribute::AttributeEvent;
use crate::catalogue::CatalogueEvent;
use crate::ci::CiEvent;
use crate::contact::ContactEvent;
use crate::delivery::DeliveryEvent;
use crate::group::GroupEvent;
use crate::import::ImportEvent;
use crate::incident::IncidentEvent;
use crate::notification::NotificationEvent;
use crate::problem::ProblemEvent;
use crate::rule::RuleEvent;
use crate::trust::TrustEvent;
use serde::Deserialize;
use serde::de::value::MapDeserializer;
use std::fmt;

impl Event {
    /// Types of events about a subject, such as `incident_opened`; none of what is no subject.
    #[must_use]
    pub fn types_of(subject: &str) -> &'static [&'static str] {
        match subject {
            "trust" => types::<TrustEvent>(),
            "ci" => types::<CiEvent>(),
            "attribute" => types::<AttributeEvent>(),
            "contact" => types::<ContactEvent>(),
            "group" => types::<GroupEvent>(),
            "import" => types::<ImportEvent>(),
            "rule" => types::<RuleEvent>(),
            "alert" => types::<AlertEvent>(),
            "incident" => types::<IncidentEvent>(),
            "problem" => types::<ProblemEvent>(),
            "catalogue" => types::<CatalogueEvent>(),
            "advisory" => types::<AdvisoryEvent>(),
            "delivery" => types::<DeliveryEvent>(),
            "notification" => types::<NotificationEvent>(),
            _ => &[],
        }
    }
}

/// What a type that does not exist is refused with: those that do.
struct Refused(&'static [&'static str]);

impl serde::de::Error for Refused {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self(&[])
    }

    fn unknown_variant(_: &str, expected: &'static [&'static str]) -> Self {
        Self(expected)
    }
}

impl fmt::Debug for Refused {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "must be of {}", self.0.join(", "))
    }
}

impl std::error::Error for Refused {}

fn types<E: for<'a> Deserialize<'a>>() -> &'static [&'static str] {
    let nothing = MapDeserializer::<_, Refused>::new([("type", "")].into_iter());
    E::deserialize(nothing).map_or_else(|Refused(known)| known, |_| &[])
}

#[cfg(test)]
mod tests {
    use crate::event::{Event, SUBJECTS};

    #[test]
    fn every_subject_has_types_and_what_is_none_has_none() {
        for subject in SUBJECTS {
            assert!(!Event::types_of(subject).is_empty(), "{subject}");
        }
        assert!(Event::types_of("incident").contains(&"incident_opened"));
        assert!(Event::types_of("incidents").is_empty());
    }
}
