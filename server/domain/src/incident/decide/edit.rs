//! Changing what is written down of an incident.

use super::{NAME_BYTES, TEXT_BYTES, family, line, optional, surround, text};
use crate::ci::Class;
use crate::id::{CiId, ProblemId};
use crate::incident::{Channel, Edit, Fields, Incident, IncidentEvent, compose, display_number, fold, priority};
use crate::problem::{ProblemEvent, membership, workaround};
use crate::{Rejection, World};

/// Items that people name as affected: more are a group, or in the graph.
const AFFECTED: usize = 100;

/// Articles of one incident.
const ARTICLES: usize = 20;

/// Bytes of an address.
const ADDRESS_BYTES: usize = 500;

/// Digits of a number that people say, such as `CHG0000042`.
const DIGITS: usize = 10;

/// The events of a change; none when nothing is different.
pub(super) fn events(world: &World, incident: &Incident, edit: &Edit) -> Result<Vec<IncidentEvent>, Rejection> {
    if edit.reason.is_some() && edit.impact.is_none() && edit.urgency.is_none() {
        return Err(Rejection::invalid("reason", "says why impact or urgency are to be different: give one of them with it"));
    }
    let mut events = Vec::new();
    let fields = fields(world, incident, edit)?;
    if fields.primary_ci != incident.primary_ci {
        events = surround::events(world, incident, (edit, &fields))?;
    } else {
        let mut after = incident.clone();
        if fields != Fields::of(incident) {
            fold::edit(&mut after, &fields);
            events.push(IncidentEvent::IncidentEdited { incident: incident.id, fields: Box::new(fields), surroundings: None });
        }
        let by_hand = graded(incident, edit)?;
        events.extend(if by_hand.is_some() { by_hand } else { weighed(world, incident, &after) });
    }
    match (edit.problem, incident.problem) {
        (Some(Some(problem)), before) if before != Some(problem) => {
            membership::accepts(world, problem)?;
            events.push(IncidentEvent::IncidentLinked { incident: incident.id, problem });
            events.extend(world.problems.problems.get(&problem).and_then(|problem| workaround::taken_in(problem, incident)));
        }
        (Some(None), Some(problem)) => events.push(IncidentEvent::IncidentUnlinked { incident: incident.id, problem }),
        _ => {}
    }
    Ok(events)
}

/// What else is affected changes the impact, unless people said what that is. What others brought, who were merged into it or are part of
/// it, is not taken back.
fn weighed(world: &World, incident: &Incident, after: &Incident) -> Option<IncidentEvent> {
    let is_same = (after.service, &after.affected_cis) == (incident.service, &incident.affected_cis);
    if is_same || incident.graded_by_hand || !incident.state.is_open() {
        return None;
    }
    let is_of_others = incident.storm.is_some() || !incident.merged.is_empty() || incident.alerts.len() > 1;
    let (impact, reason) = compose::weighed(world, after)?;
    if impact == incident.impact || (is_of_others && impact < incident.impact) {
        return None;
    }
    let (urgency, priority) = (incident.urgency, priority(impact, incident.urgency));
    Some(IncidentEvent::IncidentPrioritised { incident: incident.id, impact, urgency, priority, reason, by_hand: false })
}

fn fields(world: &World, incident: &Incident, edit: &Edit) -> Result<Fields, Rejection> {
    let mut fields = Fields::of(incident);
    if let Some(title) = &edit.title {
        line("title", title, Some(&incident.title))?;
        title.trim().clone_into(&mut fields.title);
    }
    if let Some(description) = &edit.description {
        // A line may be all that there is to say.
        optional("description", Some(description.as_str()).filter(|text| !text.is_empty()), TEXT_BYTES)?;
        fields.description.clone_from(description);
    }
    if let Some(primary_ci) = edit.primary_ci {
        item(world, primary_ci)?;
        refuse_of_machine(incident, "primary_ci")?;
        fields.primary_ci = primary_ci;
    }
    if let Some(affected) = &edit.affected_cis {
        items(world, affected)?;
        fields.affected_cis.clone_from(affected);
    }
    if let Some(one) = edit.service {
        service(world, one)?;
        fields.service = one;
    }
    if let Some(category) = &edit.category {
        optional("category", category.as_deref(), NAME_BYTES)?;
        refuse_of_machine(incident, "category")?;
        fields.category.clone_from(category);
    }
    if let Some(one) = edit.channel {
        channel(one)?;
        refuse_of_machine(incident, "channel")?;
        fields.channel = one;
    }
    if let Some(who) = &edit.caller {
        refuse_of_machine(incident, "caller")?;
        fields.caller = family::party(world, "caller", who)?;
    }
    for (field, given, kept) in
        [("change", &edit.change, &mut fields.change), ("caused_by_change", &edit.caused_by_change, &mut fields.caused_by_change)]
    {
        if let Some(given) = given {
            change(field, given.as_deref())?;
            kept.clone_from(given);
        }
    }
    if let Some(articles) = &edit.knowledge {
        knowledge(articles)?;
        fields.knowledge.clone_from(articles);
    }
    Ok(fields)
}

/// What a rule opened is of the item, the kind and the origin that the rule says.
fn refuse_of_machine(incident: &Incident, field: &str) -> Result<(), Rejection> {
    if incident.channel == Channel::Monitoring {
        return Err(Rejection::invalid(field, "is what the rule that opened it says; only what people opened can be different"));
    }
    Ok(())
}

/// A priority by hand needs a reason: whoever looks later must know that it is no machine's.
pub(super) fn graded(incident: &Incident, edit: &Edit) -> Result<Option<IncidentEvent>, Rejection> {
    let (impact, urgency) = (edit.impact.unwrap_or(incident.impact), edit.urgency.unwrap_or(incident.urgency));
    let reason = edit.reason.as_deref().unwrap_or_default();
    // Who gives a reason for what was computed decides that it stays so.
    let is_confirmed = (edit.impact.is_some() || edit.urgency.is_some()) && !reason.trim().is_empty();
    let is_decided = incident.graded_by_hand && reason == incident.impact_reason;
    if (impact, urgency) == (incident.impact, incident.urgency) && (!is_confirmed || is_decided) {
        return Ok(None);
    }
    if reason.trim().is_empty() {
        return Err(Rejection::invalid("reason", "must say why impact or urgency are to be different from what was computed"));
    }
    text("reason", reason, NAME_BYTES)?;
    Ok(Some(IncidentEvent::IncidentPrioritised {
        incident: incident.id,
        impact,
        urgency,
        priority: priority(impact, urgency),
        reason: reason.to_owned(),
        by_hand: true,
    }))
}

/// What happens to problems when people link an incident to one, or take it from the one that it has.
pub(super) fn moved(world: &World, event: &IncidentEvent) -> Vec<ProblemEvent> {
    match event {
        IncidentEvent::IncidentLinked { incident, problem } => {
            world.incidents.incidents.get(incident).map_or_else(Vec::new, |incident| taken_in(world, incident, *problem))
        }
        IncidentEvent::IncidentUnlinked { incident, problem } => {
            vec![ProblemEvent::ProblemIncidentRemoved { problem: *problem, incident: *incident }]
        }
        _ => Vec::new(),
    }
}

fn taken_in(world: &World, incident: &Incident, problem: ProblemId) -> Vec<ProblemEvent> {
    membership::taken_in(world, problem, incident, format!("{} was linked by hand", display_number(incident.number)))
}

/// Refuses the channel that is a machine's.
pub(super) fn channel(channel: Channel) -> Result<(), Rejection> {
    match channel {
        Channel::Monitoring => Err(Rejection::invalid("channel", "must be api, portal or mail: what rules open says monitoring by itself")),
        Channel::Api | Channel::Portal | Channel::Mail => Ok(()),
    }
}

/// Refuses an item that is not there.
pub(super) fn item(world: &World, ci: Option<CiId>) -> Result<(), Rejection> {
    let unknown = ci.filter(|ci| !world.cmdb.cis.contains_key(ci));
    unknown.map_or(Ok(()), |ci| Err(Rejection::unknown("primary_ci", "configuration item", ci)))
}

/// Refuses affected items that are not there.
pub(super) fn items(world: &World, cis: &[CiId]) -> Result<(), Rejection> {
    if cis.len() > AFFECTED {
        return Err(Rejection::invalid("affected_cis", format!("must be at most {AFFECTED}")));
    }
    let unknown = cis.iter().enumerate().find(|(_, ci)| !world.cmdb.cis.contains_key(ci));
    unknown.map_or(Ok(()), |(place, ci)| Err(Rejection::unknown(format!("affected_cis[{place}]"), "configuration item", ci)))
}

/// Refuses what is no business service.
pub(super) fn service(world: &World, service: Option<CiId>) -> Result<(), Rejection> {
    let Some(service) = service else { return Ok(()) };
    let ci = world.cmdb.cis.get(&service).ok_or_else(|| Rejection::unknown("service", "configuration item", service))?;
    if ci.class != Class::BusinessService {
        return Err(Rejection::invalid("service", format!("must be a business service; {} is a {}", ci.name, ci.class.as_str())));
    }
    Ok(())
}

/// Refuses what cannot be a change. Whether there is one, whoever keeps changes knows.
pub(super) fn change(field: &str, text: Option<&str>) -> Result<(), Rejection> {
    let Some(text) = text else { return Ok(()) };
    if numbered(text, "CHG") {
        return Ok(());
    }
    Err(Rejection::invalid(field, "must be the number of a change, such as CHG0000042"))
}

/// Refuses what leads to no article.
pub(super) fn knowledge(articles: &[String]) -> Result<(), Rejection> {
    if articles.len() > ARTICLES {
        return Err(Rejection::invalid("knowledge", format!("must be at most {ARTICLES} articles")));
    }
    let leads_somewhere = |text: &str| {
        let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
        let is_address = rest.is_some_and(|rest| !rest.is_empty() && !text.chars().any(|c| c.is_whitespace() || c.is_control()));
        text.len() <= ADDRESS_BYTES && (is_address || numbered(text, "KB"))
    };
    match articles.iter().position(|article| !leads_somewhere(article)) {
        Some(place) => {
            let reason = "must be an http or https address, or the number of an article, such as KB0000007";
            Err(Rejection::invalid(format!("knowledge[{place}]"), reason))
        }
        None => Ok(()),
    }
}

fn numbered(text: &str, prefix: &str) -> bool {
    let digits = text.strip_prefix(prefix).unwrap_or_default();
    (1..=DIGITS).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())
}
