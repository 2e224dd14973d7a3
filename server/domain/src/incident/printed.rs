//! What the plugin of a check said comes with the inventory, and so often after the incident that its state opened.

use super::IncidentEvent;
use crate::alert::{Alert, AlertState, output, target, wording};
use crate::id::CiId;
use crate::rule::Condition;
use crate::{Context, World};

/// A host tells what its checks said: open incidents of their states tell it too.
pub(super) fn told(world: &World, host: CiId, context: &Context<'_>) -> Vec<IncidentEvent> {
    let own = world.alerts.by_ci.get(&host).into_iter().flat_map(|host| &host.alerts);
    let live = own.filter(|id| world.alerts.live.contains(id)).filter_map(|id| world.alerts.alerts.get(id));
    live.filter(|alert| alert.state == AlertState::Firing).filter_map(|alert| updated(world, alert, context)).collect()
}

fn updated(world: &World, alert: &Alert, context: &Context<'_>) -> Option<IncidentEvent> {
    let rule = &world.rules.rules.get(&alert.key.rule)?.rule;
    let check = alert.key.attributes.get(target::CHECK).filter(|_| matches!(rule.condition, Condition::Check { .. }))?;
    let incident = world.incidents.incidents.get(world.incidents.live.get(&alert.key.dedup_key())?)?;
    let breach = incident.breach.as_ref().filter(|breach| breach.key == alert.key)?;
    let (state, ci) = (alert.value?, alert.key.ci);
    let said = output::of(world, ci, (check, state), context.content)?;
    let plain = wording::measured(rule, (world, world.cmdb.cis.get(&ci)), alert.position(), state);
    let measured = output::said(plain, Some(said.clone()));
    (measured != breach.reason).then(|| IncidentEvent::IncidentUpdated {
        incident: incident.id,
        severity: breach.severity,
        value: breach.value,
        reason: format!("{check} says: {said}."),
        flapped: false,
        measured: Some(measured),
        title: None,
        measured_at: Some(alert.since),
    })
}

#[cfg(test)]
mod tests {
    use crate::alert::scenario::{Scenario, host, rule, seconds};
    use crate::ci::{CiEvent, SectionState};
    use crate::rule::{Condition, Rule};
    use crate::{Actor, Event};
    use rollcall_shared::sample::{SampleSet, Series};
    use rollcall_shared::section::Check;
    use rollcall_shared::{Outcome, Section, SectionName};

    fn scenario() -> Scenario {
        Scenario::new(vec![Rule { title: "Check".into(), condition: Condition::Check { check: None }, ..rule("check") }])
    }

    /// The plugin ends with a number.
    fn ends(scenario: &mut Scenario, at: i64, state: f64) {
        let series = Series { metric: "check.state".into(), attributes: vec![("check".into(), "disk".into())] };
        let table = scenario.table(vec![series]);
        scenario.push(at, 1, vec![SampleSet { table, at: seconds(at), values: vec![Some(state)] }], Vec::new());
    }

    /// The inventory tells what it said.
    fn says(scenario: &mut Scenario, at: i64, (state, output): (&str, &str)) {
        let row = Check { name: "disk".into(), state: state.into(), output: Some(output.into()), interval_s: 60, target: None };
        let after = Some(scenario.tables.put(Section::Checks(vec![row])));
        let before = scenario.world.cmdb.cis[&host(1)].sections.get(&SectionName::Checks).and_then(|state: &SectionState| state.hash);
        let (section, outcome) = (SectionName::Checks, Outcome::Complete);
        let changed = CiEvent::SectionChanged {
            ci: host(1),
            section,
            feed: None,
            before,
            after,
            outcome,
            reason: None,
            added: 1,
            removed: 0,
            changed: 0,
        };
        scenario.commit(at, &Actor::System, vec![Event::Ci(changed)]);
    }

    /// The first two lines of the description, and the notes.
    #[track_caller]
    fn check(scenario: &Scenario, description: [&str; 2], notes: &[&str]) {
        let incident = &scenario.world.incidents.incidents[&scenario.incident(1)];
        let told: Vec<&str> = incident.description.lines().take(2).collect();
        assert_eq!(told, description);
        assert_eq!(incident.notes.iter().map(|note| note.text.as_str()).collect::<Vec<_>>(), notes);
        let reason = &incident.breach.as_ref().expect("a breach").reason;
        assert_eq!(format!("{reason}."), description[0]);
        scenario.replay();
    }

    #[test]
    fn what_a_check_said_is_told_when_the_incident_opens() {
        let mut scenario = scenario();
        says(&mut scenario, 5, ("critical", "DISK CRITICAL - / 98 %.\n/boot 3 %"));
        ends(&mut scenario, 10, 2.0);
        check(&scenario, ["the check says CRITICAL: DISK CRITICAL - / 98 %.", "Measured at 1970-01-01T00:00:10.000Z."], &[]);
    }

    #[test]
    fn what_comes_after_it_opened_is_told_then_and_other_states_are_not() {
        let mut scenario = scenario();
        says(&mut scenario, 5, ("ok", "DISK OK"));
        ends(&mut scenario, 10, 1.0);
        check(&scenario, ["the check says WARNING.", "Measured at 1970-01-01T00:00:10.000Z."], &[]);
        says(&mut scenario, 12, ("warning", "DISK WARNING - / 85 %"));
        let first = "disk says: DISK WARNING - / 85 %.";
        check(&scenario, ["the check says WARNING: DISK WARNING - / 85 %.", "Measured at 1970-01-01T00:00:10.000Z."], &[first]);
        says(&mut scenario, 13, ("critical", "DISK CRITICAL - / 98 %"));
        ends(&mut scenario, 20, 2.0);
        let worse = "Worse, now critical: the check says CRITICAL: DISK CRITICAL - / 98 %.";
        let described = ["the check says CRITICAL: DISK CRITICAL - / 98 %.", "Measured at 1970-01-01T00:00:20.000Z."];
        check(&scenario, described, &[first, worse]);
        says(&mut scenario, 25, ("ok", "DISK OK"));
        check(&scenario, described, &[first, worse]);
    }
}
