//! Bills of materials of one host or of many.

use super::Api;
use super::cis;
use super::extract::{Named, Parameters};
use super::past;
use super::selection::Selection;
use super::view::Time;
use super::view::word::{BillForm, Class};
use crate::answer::{self, ApiError};
use crate::bill::{Bill, Component, Form, Machine, purl_of};
use axum::extract::State;
use axum::response::Response;
use rollcall_domain::World;
use rollcall_domain::catalogue::standing;
use rollcall_domain::ci::{AttributeValue, Ci, SectionState};
use rollcall_domain::id::{CiId, Family};
use rollcall_shared::{ContentHash, Outcome, Section, SectionName, Timestamp};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use utoipa::IntoParams;

/// Hosts of one bill: beyond that a bill is no document any more.
const MACHINES: usize = 10_000;

/// Pairs of host and component in one bill: about 40 MB of JSON.
const INSTALLATIONS: usize = 400_000;

/// In which form the bill is wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct BillQuery {
    /// cyclonedx (version 1.6) unless given, or spdx (version 2.3).
    #[param(inline)]
    format: Option<BillForm>,
    /// Of what it had at this moment (RFC 3339); of what it has now unless given.
    #[param(value_type = Option<Time>)]
    as_of: Option<Timestamp>,
}

/// Of which hosts, and in which form, the bill is wanted. Hosts must fit everything that is given.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct SelectionQuery {
    /// Of this class or one that inherits from it.
    class: Option<Class>,
    /// With this tag.
    tag: Option<String>,
    /// One of these, separated by commas.
    ids: Option<String>,
    /// That fulfil this query; see `/api/v1/queries/check`. `group:name` selects a group.
    #[param(example = "group:web status:operational")]
    query: Option<String>,
    /// cyclonedx (version 1.6) unless given, or spdx (version 2.3).
    #[param(inline)]
    format: Option<BillForm>,
}

/// Shows the software bill of materials of a host.
#[utoipa::path(get, path = "/api/v1/cis/{id}/sbom", tag = "software", params(BillQuery),
    responses((status = 200, description = "A CycloneDX or SPDX document.", body = Object)))]
pub async fn get_ci_bill(
    State(api): State<Api>,
    Named(id): Named<CiId>,
    Parameters(query): Parameters<BillQuery>,
) -> Result<Response, ApiError> {
    let of = |ci: &Ci| {
        let none = || ApiError::not_found("package list of", &id.to_string());
        Ok::<_, ApiError>((machine(ci), ci.section(SectionName::Packages).ok_or_else(none)?.clone(), ci.revision))
    };
    let (machine, state, revision) = match query.as_of {
        None => api.engine.read(|world| of(cis::find(world, id)?))?,
        Some(moment) => of(&past::ci_at(&api, id, moment).await?)?,
    };
    let mut bill = Bill { title: machine.name.clone(), machines: vec![machine], gaps: gaps(&state), ..empty(&api) };
    let partial = state.partial.filter(|partial| state.hash != Some(*partial));
    for hash in state.hash.into_iter().chain(partial) {
        bill.components.extend(components(&api, hash).await?);
    }
    if partial.is_some() {
        // What both lists have is one component.
        let mut seen = BTreeSet::new();
        bill.components.retain(|part| seen.insert((part.name.clone(), part.version.clone(), part.purl.clone())));
    }
    Ok(answer::resource(&bill.write(form(query.format)), revision))
}

/// Shows the software bill of materials of many hosts: each component once, with the hosts that have it.
#[utoipa::path(get, path = "/api/v1/software/sbom", tag = "software", params(SelectionQuery),
    responses((status = 200, description = "A CycloneDX or SPDX document.", body = Object)))]
pub async fn get_bill(State(api): State<Api>, Parameters(query): Parameters<SelectionQuery>) -> Result<Response, ApiError> {
    let ids = query.ids.as_deref().map(read_ids).transpose()?;
    let chosen = Selection::new(query.query.as_deref(), api.engine.now())?;
    let bill = api.engine.read(|world| {
        let matches = chosen.matches(world)?;
        let first = CiId { family: Family::Host, bits: 0 };
        let last = CiId { family: Family::Host, bits: u128::MAX };
        let hosts = world.cmdb.cis.range(first..=last).map(|(_, ci)| ci).filter(|ci| {
            ci.duplicate_of.is_none()
                && ids.as_ref().is_none_or(|ids| ids.contains(&ci.id))
                && matches.as_ref().is_none_or(|matches| matches.contains(ci.id))
                && query.class.is_none_or(|class| ci.class.is_a(class.0))
                && query.tag.as_ref().is_none_or(|tag| ci.tags.contains(tag))
        });
        selection(world, hosts, empty(&api))
    })?;
    Ok(answer::json(&bill.write(form(query.format))))
}

fn read_ids(text: &str) -> Result<BTreeSet<CiId>, ApiError> {
    let id = |id: &str| id.trim().parse().map_err(|_| ApiError::invalid("ids", "must be ids of hosts, separated by commas"));
    text.split(',').map(id).collect()
}

fn form(form: Option<BillForm>) -> Form {
    form.map_or(Form::CycloneDx, |form| form.0)
}

fn empty(api: &Api) -> Bill {
    Bill { at: api.engine.now(), server: api.site.url.clone(), ..Bill::default() }
}

fn gaps(state: &SectionState) -> Vec<String> {
    if state.outcome == Outcome::Complete {
        return Vec::new();
    }
    vec![format!("packages: {} ({})", state.outcome.as_str(), state.reason.as_deref().unwrap_or("no reason given"))]
}

fn machine(ci: &Ci) -> Machine {
    let text = |name: &str| match ci.attributes.get(name).map(|attribute| attribute.value()) {
        Some(AttributeValue::Text(text)) => Some(text.clone()),
        _ => None,
    };
    let facts = ["manufacturer", "model", "serial", "uuid", "architecture", "kernel"];
    Machine {
        id: ci.id.to_string(),
        name: ci.name.clone(),
        os: text("os_id").map(|id| (id, text("os_version"))),
        facts: facts.into_iter().filter_map(|name| Some((name, text(name)?))).collect(),
    }
}

async fn components(api: &Api, hash: ContentHash) -> Result<Vec<Component>, ApiError> {
    let section = api.engine.section(hash).await?;
    match section.as_deref() {
        Some(Section::Packages(rows)) => Ok(rows.iter().map(Component::of).collect()),
        _ => Err(ApiError::internal(format!("section {hash} is referred to and not stored"))),
    }
}

fn selection<'a>(world: &'a World, hosts: impl Iterator<Item = &'a Ci>, mut bill: Bill) -> Result<Bill, ApiError> {
    let mut by_pair: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
    let mut installations = 0;
    for ci in hosts {
        if !world.cmdb.software.has_host(ci.id) {
            bill.gaps.push(format!("{} {}: no package list", ci.id, ci.name));
        }
        let place = bill.machines.len();
        bill.machines.push(machine(ci));
        for pair in world.cmdb.software.pairs_of(ci.id) {
            by_pair.entry(pair.number).or_default().push(place);
            installations += 1;
        }
        if bill.machines.len() > MACHINES || installations > INSTALLATIONS {
            let reason = format!("select fewer hosts: a bill has at most {MACHINES} hosts and {INSTALLATIONS} installations");
            return Err(ApiError::invalid("ids", reason));
        }
    }
    bill.title = format!("{} hosts", bill.machines.len());
    let mut parts: Vec<Component> = by_pair.into_iter().filter_map(|(number, machines)| part(world, number, machines)).collect();
    parts.sort_by(|a, b| (&a.name, &a.manager, &a.version, &a.facts).cmp(&(&b.name, &b.manager, &b.version, &b.facts)));
    bill.components = parts;
    Ok(bill)
}

fn part(world: &World, number: u32, machines: Vec<usize>) -> Option<Component> {
    let pair = world.cmdb.software.pair(number)?;
    let product = world.cmdb.cis.get(&pair.product)?;
    let text = |text: &Option<Box<str>>| text.as_deref().map(str::to_owned);
    let source = pair.details.source.as_deref().map(|source| match pair.details.source_version.as_deref() {
        Some(version) => format!("{source} {version}"),
        None => source.to_owned(),
    });
    let facts = [("source", source), ("origin", text(&pair.details.origin))];
    Some(Component {
        name: product.name.clone(),
        version: pair.version.to_owned(),
        manager: standing::manager_of(product).to_owned(),
        purl: product.key.as_deref().and_then(|key| purl_of(key, pair.version)),
        vendor: text(&pair.details.vendor),
        licence: text(&pair.details.licence),
        facts: facts.into_iter().filter_map(|(name, value)| Some((name, value?))).collect(),
        machines,
    })
}
