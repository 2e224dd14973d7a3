//! Payloads for ServiceNow's Identification and Reconciliation Engine: bodies of `POST /api/now/identifyreconcile`.
//!
//! Send each page as it is, with `?sysparm_data_source=Rollcall` (a choice of `discovery_source` that an administrator there adds
//! once). Every item carries its id here as `source_native_key`, so that an item which comes again is the same one. A relation needs
//! both of its ends in one payload: ends that are not wanted themselves come along with what identifies them. Invariant: no payload
//! has more than 500 items, and every relation of an exported item is in one.

use super::{ExportQuery, Selection, first, hand_out, limit, mebibytes, number, text};
use crate::answer::ApiError;
use crate::api::Api;
use crate::api::extract::Parameters;
use crate::api::page::Paging;
use axum::extract::State;
use axum::response::Response;
use rollcall_domain::World;
use rollcall_domain::ci::{Ci, Class, Lifecycle, Relation, RelationKind, relation};
use rollcall_domain::id::CiId;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Bound;
use std::str::FromStr;
use utoipa::ToSchema;

/// Items of one payload: more make the engine there time out.
const ITEMS: usize = 500;

/// Classes that are exported only when they are asked for: products are as many as packages, and locations are in no table that
/// identifies configuration items.
const ON_REQUEST: [Class; 2] = [Class::SoftwareProduct, Class::Location];

/// A body of `POST /api/now/identifyreconcile`.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct ServiceNowPayload {
    /// Configuration items.
    items: Vec<ServiceNowItem>,
    /// How they belong together, by their places in `items`.
    relations: Vec<ServiceNowRelation>,
}

/// A configuration item.
#[derive(Debug, Serialize, ToSchema)]
pub struct ServiceNowItem {
    /// Table.
    #[serde(rename = "className")]
    #[schema(example = "cmdb_ci_linux_server")]
    class_name: &'static str,
    /// Columns.
    values: BTreeMap<&'static str, String>,
    /// Rows of tables that identify it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    lookup: Vec<ServiceNowLookup>,
    /// What it is here.
    sys_object_source_info: ServiceNowSource,
}

/// A row that identifies an item.
#[derive(Debug, Serialize, ToSchema)]
pub struct ServiceNowLookup {
    /// Table.
    #[serde(rename = "className")]
    class_name: &'static str,
    /// Columns.
    values: BTreeMap<&'static str, String>,
}

/// What an item is here.
#[derive(Debug, Serialize, ToSchema)]
pub struct ServiceNowSource {
    /// Always `Rollcall`.
    source_name: &'static str,
    /// Its id.
    source_native_key: String,
    /// When it last changed, as ServiceNow writes times.
    source_recency_timestamp: String,
}

/// How two items belong together.
#[derive(Debug, Serialize, ToSchema)]
pub struct ServiceNowRelation {
    /// Place of the one.
    parent: usize,
    /// Place of the other.
    child: usize,
    /// Name of the relation, from parent to child and back.
    #[schema(example = "Runs on::Runs")]
    r#type: &'static str,
}

/// Exports configuration items as payloads for ServiceNow's `POST /api/now/identifyreconcile`, at most 500 items each. Software products
/// and locations are left out unless asked for by `class`.
#[utoipa::path(get, path = "/api/v1/export/servicenow", tag = "exports", params(ExportQuery),
    responses((status = 200, description = "A payload; `x-next-cursor` leads to the next.", body = ServiceNowPayload)))]
pub async fn export_servicenow(State(api): State<Api>, Parameters(query): Parameters<ExportQuery>) -> Result<Response, ApiError> {
    let limit = limit(query.limit, 500)?;
    let paging = Paging::<Place>::new("servicenow", None, query.cursor.as_deref())?;
    let selection = Selection::new(query.class, query.updated_since, query.query.as_deref(), api.engine.now())?;
    let (payload, next) = api.engine.read(|world| {
        let begin = paging.after.clone();
        let from = begin.as_ref().map_or(Bound::Unbounded, |place| Bound::Included(place.ci));
        let told = |ci: &Ci| begin.as_ref().filter(|place| place.ci == ci.id).map_or(0, |place| place.relations);
        let wanted = |ci: &&Ci| query.class.is_some() || !ON_REQUEST.contains(&ci.class);
        Ok::<_, ApiError>(write(world, selection.from(world, from)?.filter(wanted).map(|ci| (ci, told(ci))), limit))
    })?;
    Ok(hand_out(&payload, next.map(|next| paging.cursor(&next))))
}

/// Where the next payload begins: at an item, some of whose relations may have been told.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    ci: CiId,
    relations: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.ci, self.relations)
    }
}

impl FromStr for Place {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (ci, relations) = text.split_once(' ').ok_or(())?;
        Ok(Self { ci: ci.parse().map_err(|_| ())?, relations: relations.parse().map_err(|_| ())? })
    }
}

/// The payload of the first items, each with the number of its relations that were told before.
fn write<'a>(world: &World, cis: impl Iterator<Item = (&'a Ci, usize)>, limit: usize) -> (ServiceNowPayload, Option<Place>) {
    let mut draft = Draft::default();
    for (count, (ci, told)) in cis.enumerate() {
        if count == limit || draft.payload.items.len() >= ITEMS {
            return (draft.payload, Some(Place { ci: ci.id, relations: told }));
        }
        let own = draft.place(world, ci);
        let mut relations: Vec<Relation> = relation::beginning_at(&world.cmdb, ci.id, None).collect();
        relations.sort_by_key(|relation| (relation.kind, relation.to));
        relations.dedup_by(|a, b| (a.kind, a.to) == (b.kind, b.to));
        for (number, relation) in relations.iter().enumerate().skip(told) {
            let Some(other) = world.cmdb.record(relation.to).filter(|other| other.id != ci.id) else { continue };
            let Some(other) = draft.place_within(world, other) else {
                return (draft.payload, Some(Place { ci: ci.id, relations: number }));
            };
            draft.payload.relations.push(translated(relation.kind, own, other));
        }
    }
    (draft.payload, None)
}

/// A payload in the making.
#[derive(Default)]
struct Draft {
    payload: ServiceNowPayload,
    places: BTreeMap<CiId, usize>,
}

impl Draft {
    fn place(&mut self, world: &World, ci: &Ci) -> usize {
        *self.places.entry(ci.id).or_insert_with(|| {
            self.payload.items.push(item(world, ci));
            self.payload.items.len() - 1
        })
    }

    /// As [`Draft::place`], unless there is no room.
    fn place_within(&mut self, world: &World, ci: &Ci) -> Option<usize> {
        let has_room = self.payload.items.len() < ITEMS || self.places.contains_key(&ci.id);
        has_room.then(|| self.place(world, ci))
    }
}

/// Names are those of `cmdb_rel_type`: what the parent is to the child, and back.
fn translated(kind: RelationKind, from: usize, to: usize) -> ServiceNowRelation {
    let (parent, child, r#type) = match kind {
        RelationKind::Contains => (from, to, "Contains::Contained by"),
        RelationKind::InstalledOn => (from, to, "Installed on::Installed"),
        RelationKind::RunsOn => (from, to, "Runs on::Runs"),
        RelationKind::HostedOn => (from, to, "Hosted on::Hosts"),
        RelationKind::DependsOn => (from, to, "Depends on::Used by"),
        RelationKind::ConnectsTo => (from, to, "Connects to::Connected by"),
        // The whole is the parent there.
        RelationKind::MemberOf => (to, from, "Members::Member of"),
        RelationKind::ManagedBy => (from, to, "Managed by::Manages"),
    };
    ServiceNowRelation { parent, child, r#type }
}

fn item(world: &World, ci: &Ci) -> ServiceNowItem {
    let stamp = ci.updated_at.to_string();
    let source_recency_timestamp = stamp.get(..19).unwrap_or_default().replace('T', " ");
    let sys_object_source_info =
        ServiceNowSource { source_name: "Rollcall", source_native_key: ci.id.to_string(), source_recency_timestamp };
    ServiceNowItem { class_name: class_name(ci), values: values(world, ci), lookup: lookup(ci), sys_object_source_info }
}

/// A machine with a known operating system is of that system's table there, virtual or not.
fn class_name(ci: &Ci) -> &'static str {
    let is_machine = matches!(ci.class, Class::Host | Class::Server | Class::VirtualMachine | Class::ContainerHost);
    match text(ci, "os_id") {
        Some(system) if is_machine && system.starts_with("windows") => "cmdb_ci_win_server",
        Some(_) if is_machine => "cmdb_ci_linux_server",
        _ => ci.class.model().servicenow,
    }
}

/// Columns there and attributes here that hold the same text.
const TEXTS: [(&str, &str); 20] = [
    ("asset_tag", "asset_tag"),
    ("chassis_type", "chassis_type"),
    ("cpu_manufacturer", "cpu_manufacturer"),
    ("cpu_name", "cpu_model"),
    ("dns_domain", "domain"),
    ("firmware_version", "firmware"),
    ("fqdn", "fqdn"),
    ("host_name", "hostname"),
    ("kernel_release", "kernel"),
    ("mac_address", "mac"),
    ("manufacturer", "manufacturer"),
    ("model_id", "model"),
    ("os", "os_name"),
    ("os_version", "os_version"),
    ("serial_number", "serial"),
    ("short_description", "description"),
    ("support_group", "support_group"),
    ("valid_to", "not_after"),
    ("version", "version"),
    ("subject_common_name", "subject"),
];

fn values(world: &World, ci: &Ci) -> BTreeMap<&'static str, String> {
    let mut values: BTreeMap<&'static str, String> =
        TEXTS.iter().filter_map(|(column, attribute)| Some((*column, world.contacts.text_of(ci, attribute)?))).collect();
    values.insert("name", ci.name.clone());
    values.insert("install_status", install_status(ci.status).to_owned());
    let mut set = |column: &'static str, value: Option<String>| value.map(|value| values.insert(column, value));
    set("ip_address", first(ci, "ip_addresses").map(str::to_owned));
    set("ram", mebibytes(ci, "memory_bytes").map(|size| size.to_string()));
    set("cpu_count", number(ci, "cpu_sockets").map(|count| count.to_string()));
    let per_cpu = number(ci, "cpu_cores").zip(number(ci, "cpu_sockets")).filter(|(_, sockets)| *sockets > 0);
    set("cpu_core_count", per_cpu.map(|(cores, sockets)| (cores / sockets).to_string()));
    set("size_bytes", number(ci, "size_bytes").map(|size| size.to_string()));
    if class_name(ci) != ci.class.model().servicenow || ci.class == Class::Server {
        set("virtual", text(ci, "virtualisation").map(|kind| (kind != "physical").to_string()));
    }
    values
}

/// Choices of `install_status`.
fn install_status(status: Lifecycle) -> &'static str {
    match status {
        Lifecycle::Operational | Lifecycle::Stale => "1",
        Lifecycle::Maintenance => "3",
        Lifecycle::Planned => "4",
        Lifecycle::InStock => "6",
        Lifecycle::Retired | Lifecycle::Disposed => "7",
        Lifecycle::Missing => "100",
    }
}

fn lookup(ci: &Ci) -> Vec<ServiceNowLookup> {
    let serial = text(ci, "serial").filter(|_| ci.class.is_a(Class::Host)).map(|serial| {
        let pairs = [("serial_number", serial), ("serial_number_type", "system"), ("valid", "true"), ("absent", "false")];
        ServiceNowLookup { class_name: "cmdb_serial_number", values: pairs.map(|(column, value)| (column, value.to_owned())).into() }
    });
    serial.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rollcall_domain::id::Family;
    use rollcall_shared::Timestamp;

    fn host(number: u128) -> Ci {
        Ci::new(CiId { family: Family::Host, bits: number }, Class::Server, &format!("srv{number}"), Timestamp(1_795_235_460_000), 1)
    }

    /// A switch that so many hosts are wired to.
    fn star(hosts: u128) -> World {
        let mut world = World::default();
        let source = rollcall_domain::ci::Source::Person { name: "ann".into() };
        for number in 0..hosts {
            let ci = host(number);
            let (from, to, seen) = (host(0).id, ci.id, ci.created_at);
            let relation = Relation { from, kind: RelationKind::ConnectsTo, to, source: source.clone(), first_seen: seen, last_seen: seen };
            if number > 0 {
                world.cmdb.links.apply(&relation::Change::Set { relation });
            }
            world.cmdb.cis.insert(ci.id, ci);
        }
        world
    }

    #[track_caller]
    fn check(hosts: u128, limit: usize) {
        let world = star(hosts);
        let (mut next, mut primary, mut related, mut payloads) = (None::<Place>, 0, 0, 0);
        loop {
            let from = next.as_ref().map_or(Bound::Unbounded, |place: &Place| Bound::Included(place.ci));
            let everything = Selection::default();
            let Ok(cis) = everything.from(&world, from) else { panic!("everything can be asked for") };
            let told = |ci: &Ci| next.as_ref().filter(|place| place.ci == ci.id).map_or(0, |place| place.relations);
            let (payload, after) = write(&world, cis.map(|ci| (ci, told(ci))), limit);
            assert!(payload.items.len() <= ITEMS && !payload.items.is_empty());
            assert!(payload.relations.iter().all(|one| one.parent < payload.items.len() && one.child < payload.items.len()));
            (primary, related, payloads) = (primary + payload.items.len(), related + payload.relations.len(), payloads + 1);
            assert!(payloads < 2_000, "without end");
            let Some(after) = after else { break };
            assert_ne!(Some(&after), next.as_ref(), "no progress");
            next = Some(after.to_string().parse().unwrap());
        }
        assert!(primary >= usize::try_from(hosts).unwrap());
        assert_eq!(related, usize::try_from(hosts - 1).unwrap());
    }

    #[test]
    fn every_item_and_every_relation_is_in_a_payload_of_bounded_size() {
        check(1, 1);
        check(10, 3);
        check(500, 500);
        check(501, 100);
        check(1_700, 500);
    }

    #[test]
    fn tables_follow_class_and_system() {
        let mut ci = host(1);
        assert_eq!(class_name(&ci), "cmdb_ci_server");
        ci.class = Class::Disk;
        assert_eq!(class_name(&ci), "cmdb_ci_disk");
        assert_eq!(item(&World::default(), &ci).sys_object_source_info.source_recency_timestamp, "2026-11-21 04:31:00");
    }
}
