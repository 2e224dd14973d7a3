//! Why this record is one machine, in words.
//!
//! Pure and read-only: everything said here follows from the state, and nothing is concluded that identification did not
//! conclude.

use super::identify::Fingerprint;
use super::past::Past;
use super::{Ci, Operation, lifecycle};
use crate::World;
use crate::id::{CiId, Family, TaskId};
use rollcall_shared::{AgentId, Timestamp};

/// What the state says of a record's identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// Agents that report as it.
    pub agents: Vec<AgentId>,
    /// Keys under which other systems know it: feed, key.
    pub feeds: Vec<(String, String)>,
    /// Its identifying facts, such as `serial:srv00001`, each with the other records that have it as well; `None` where that is not
    /// kept, as for a moment in the past.
    pub facts: Vec<(String, Option<Vec<CiId>>)>,
    /// Records that were merged into it.
    pub merged: Vec<CiId>,
    /// Doubts about it that are open; `None` where that is not kept.
    pub doubts: Option<Vec<TaskId>>,
    /// All of that in sentences.
    pub reasons: Vec<String>,
}

/// Explains a record.
#[must_use]
pub fn explain(world: &World, ci: &Ci, now: Timestamp) -> Explanation {
    let cmdb = &world.cmdb;
    let agents = world.trust.of_host(ci.id).map(|agent| agent.id).collect();
    let feeds = cmdb.natives.iter().filter(|&(_, &known)| known == ci.id).map(|(key, _)| key.clone()).collect();
    let merged = cmdb.merges.iter().filter(|(_, merge)| merge.into == ci.id).map(|(&id, _)| id).collect();
    let open = cmdb.reviews.values().filter(|task| task.settled.is_none() && task.cis.contains(&ci.id));
    let doubts = Some(open.map(|task| task.id).collect());
    let others = |fact: &str| {
        let known = world.cmdb.facts.get(fact).into_iter().flatten();
        Some(known.copied().filter(|&id| id != ci.id).collect())
    };
    let mut explanation = Explanation { agents, feeds, facts: facts(ci, others), merged, doubts, reasons: Vec::new() };
    explanation.reasons = reasons(world, ci, &explanation);
    explanation.reasons.extend(lifecycle::explained(world, ci, now));
    let doubts = explanation.doubts.iter().flatten();
    let doubts: Vec<String> = doubts.filter_map(|id| Some(format!("in doubt ({id}): {}", world.cmdb.reviews.get(id)?.reason))).collect();
    explanation.reasons.extend(doubts);
    explanation
}

/// Explains a record as it was, from what its own history says; `None` when it did not exist. What others had and what was in doubt
/// then is not in its history: that is left open and said.
#[must_use]
pub fn explain_then(past: &Past, id: CiId) -> Option<Explanation> {
    let cmdb = &past.world().cmdb;
    let ci = cmdb.cis.get(&id)?;
    let mut explanation = Explanation {
        agents: cmdb.reporters.get(&id).copied().into_iter().collect(),
        feeds: cmdb.natives.iter().filter(|&(_, &known)| known == id).map(|(key, _)| key.clone()).collect(),
        facts: facts(ci, |_| None),
        merged: cmdb.merges.iter().filter(|(_, merge)| merge.into == id).map(|(&id, _)| id).collect(),
        doubts: None,
        reasons: Vec::new(),
    };
    explanation.reasons = reasons(past.world(), ci, &explanation);
    explanation
        .reasons
        .push("which other records had the same facts then, what was in doubt, and when it was last heard, is not kept".into());
    Some(explanation)
}

fn facts(ci: &Ci, others: impl Fn(&str) -> Option<Vec<CiId>>) -> Vec<(String, Option<Vec<CiId>>)> {
    if ci.id.family != Family::Host {
        return Vec::new();
    }
    Fingerprint::of_host(ci).facts().into_iter().map(|fact| (fact.clone(), others(&fact))).collect()
}

fn reasons(world: &World, ci: &Ci, found: &Explanation) -> Vec<String> {
    let mut reasons = Vec::new();
    if let Some(main) = ci.duplicate_of {
        reasons.push(format!("it is a duplicate: {main} is the record that counts"));
    }
    if let Some(identified) = world.cmdb.identifications.get(&ci.id) {
        reasons.push(match (identified.operation, &identified.decided) {
            (Operation::Insert, _) => {
                format!("when it was first reported, none of {} identifier entries matched a known record", identified.tried)
            }
            (_, Some(attempt)) => format!("identifier entry {} matched it: {}", attempt.entry, named(attempt)),
            (_, None) => "its reporter was bound to it".to_owned(),
        });
    }
    reasons.extend(found.agents.iter().map(|agent| format!("{agent} reports as it, proven by its certificate")));
    reasons.extend(found.feeds.iter().map(|(feed, key)| format!("{feed} knows it as {key}")));
    for (fact, others) in &found.facts {
        let fact = fact.replacen(':', " ", 1).replace('_', " ");
        reasons.push(match others.as_deref() {
            None => format!("{fact} told it apart"),
            Some([]) => format!("{fact}: no other record has it"),
            Some([one]) => format!("{fact}: {one} has it as well"),
            Some([one, rest @ ..]) => format!("{fact}: {one} and {} more have it as well", rest.len()),
        });
    }
    for id in &found.merged {
        if let Some(merge) = world.cmdb.merges.get(id) {
            reasons.push(format!("{id} was merged into it: {}", merge.reason));
        }
    }
    reasons
}

fn named(attempt: &super::Attempt) -> String {
    attempt.attributes.iter().map(|(name, value)| format!("{name} {value}")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ci::CiCommand;
    use crate::ci::testing::*;
    use rollcall_shared::section::System;

    #[test]
    fn a_record_tells_who_reports_it_and_what_tells_it_apart() {
        let mut fleet = Fleet::with_agents([1]);
        fleet.report(1, [system(server(1))]);
        let found = explain(&fleet.world, fleet.host_of(1), fleet.now);
        assert_eq!(found.agents, [AgentId(1)]);
        let sentences = found.reasons.join("\n");
        for expected in ["none of", "proven by its certificate", "serial srv00001: no other record has it"] {
            assert!(sentences.contains(expected), "{expected} is not in {sentences}");
        }
    }

    #[test]
    fn a_merged_record_is_named_with_its_reason() {
        let mut fleet = Fleet::with_agents([1, 2]);
        fleet.report(1, [system(System { serial: None, uuid: None, machine_id: None, ..server(1) })]);
        fleet.report(2, [system(server(2))]);
        let (into, from) = (fleet.id_of(1), fleet.id_of(2));
        fleet.command("ann", CiCommand::Merge { into, from: vec![from], reason: "same slot".into(), expected: None }).expect("merged");
        let found = explain(&fleet.world, &fleet.world.cmdb.cis[&into], fleet.now);
        assert_eq!((found.merged.as_slice(), found.agents.len()), ([from].as_slice(), 2));
        assert!(found.reasons.iter().any(|reason| reason.contains("same slot")), "{:#?}", found.reasons);
        let lost = explain(&fleet.world, &fleet.world.cmdb.cis[&from], fleet.now);
        assert!(lost.reasons[0].contains("duplicate"), "{:#?}", lost.reasons);
    }
}
