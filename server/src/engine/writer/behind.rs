//! Who stands behind events: what the log says of each.

use rollcall_domain::alert::AlertEvent;
use rollcall_domain::incident::IncidentEvent;
use rollcall_domain::{Actor, Event};

/// Rules stand behind what they judged; the rest keeps the actor of its cause.
pub(super) fn event(event: &Event, cause: &Actor) -> Actor {
    match event {
        Event::Alert(AlertEvent::AlertTransitioned { key, .. } | AlertEvent::AlertWorsening { key, .. }) => {
            Actor::Rule { id: key.rule.clone() }
        }
        _ => cause.clone(),
    }
}

/// Of what follows from an event. A person who opens an incident did not write what is noted in it in consequence, such as what is known of
/// its cause: the machine did.
pub(super) fn what_follows(follows: &Event, cause: &Actor) -> Actor {
    match (follows, cause) {
        (Event::Incident(IncidentEvent::IncidentNoted { .. }), Actor::Token { .. } | Actor::Local | Actor::Link { .. }) => Actor::System,
        _ => event(follows, cause),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rollcall_domain::id::{IncidentId, ProblemId, TokenId};
    use rollcall_shared::AgentId;

    #[test]
    fn nobody_is_named_as_who_wrote_what_the_machine_notes() {
        let person = Actor::Token { id: TokenId(1), name: "ada".into() };
        let agent = Actor::Agent { id: AgentId(1) };
        let incident = IncidentId(1);
        let note = Event::Incident(IncidentEvent::IncidentNoted { incident, text: "Known error PRB0000001".into(), public: false });
        let link = Event::Incident(IncidentEvent::IncidentLinked { incident, problem: ProblemId(1) });
        assert_eq!(event(&note, &person), person, "what they wrote themselves");
        assert_eq!(what_follows(&note, &person), Actor::System);
        assert_eq!(what_follows(&note, &Actor::Local), Actor::System);
        assert_eq!(what_follows(&note, &agent), agent, "of which the incident knows the rule");
        assert_eq!(what_follows(&link, &person), person);
    }
}
