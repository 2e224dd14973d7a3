//! Incidents: opened from the CI by a rule, or by people; worked on by people; resolved by either.
//!
//! What an incident tells when it opens is frozen then: what a person reads at night is what was known at night. Of the errors that it may
//! be due to it tells by now while it is open: [`crate::problem::workaround`].

mod alarm;
pub mod assignment;
pub mod chart;
pub mod clock;
mod command;
pub mod compose;
pub mod decide;
mod description;
mod ending;
mod event;
mod external;
pub mod fold;
pub mod history;
mod model;
mod outage;
mod party;
pub mod past;
mod printed;
pub mod react;
pub mod similar;
pub mod storm;
mod surroundings;

pub use alarm::Alarm;
pub use chart::{Chart, ChartSeries};
pub use command::{Children, Edit, IncidentAction, IncidentCommand, NewIncident, Who};
pub use event::{Fields, IncidentEvent, Surroundings};
pub use model::{
    Breach, Channel, HoldReason, Incident, IncidentState, Incidents, KnownError, Note, Reach, RecentChange, Related, Similar, Step, Storm,
    Suggestion,
};
pub use party::Party;

use crate::rule::Grade;

/// Priority of impact and urgency: 1 (highest) to 5.
#[must_use]
pub fn priority(impact: Grade, urgency: Grade) -> u8 {
    use Grade::{High, Low, Medium};
    match (impact, urgency) {
        (High, High) => 1,
        (High, Medium) | (Medium, High) => 2,
        (High, Low) | (Medium, Medium) | (Low, High) => 3,
        (Medium, Low) | (Low, Medium) => 4,
        (Low, Low) => 5,
    }
}

/// The number as people say it.
#[must_use]
pub fn display_number(number: u64) -> String {
    format!("INC{number:07}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn priority_is_that_of_the_matrix() {
        use Grade::{High, Low, Medium};
        let grades = [High, Medium, Low];
        let matrix: Vec<u8> = grades.into_iter().flat_map(|impact| grades.map(|urgency| priority(impact, urgency))).collect();
        // By impact HH HM HL, MH MM ML, LH LM LL.
        assert_eq!(matrix, [1, 2, 3, 2, 3, 4, 3, 4, 5]);
    }
}
