//! Configuration items as operations of iTop's REST interface (`core/create`), for iTop's standard data model.
//!
//! Send each operation as `json_data` to `webservices/rest.php?version=1.3`. iTop makes a second object when an operation is sent twice:
//! `core/create` is for the first load; what is there already is told by `SELECT FunctionalCI WHERE description LIKE '%Rollcall host_…%'`.
//! What iTop's model demands and Rollcall does not know cannot be left out there: such items are in `skipped` with the reason, none
//! disappears silently. What refers to something that comes later fails the first time and succeeds when it is sent again.

use super::{Selection, first, hand_out, limit, mebibytes, number, text};
use crate::answer::ApiError;
use crate::api::Api;
use crate::api::extract::Parameters;
use crate::api::page::Paging;
use crate::api::view::Time;
use crate::api::view::word::Class;
use axum::extract::State;
use axum::response::Response;
use rollcall_domain::World;
use rollcall_domain::ci::{self, Ci, Lifecycle, RelationKind, relation};
use rollcall_domain::id::CiId;
use rollcall_shared::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use utoipa::{IntoParams, ToSchema};

/// Characters of an organisation's name.
const ORGANISATION_CHARACTERS: usize = 255;

/// Which configuration items are wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ItopQuery {
    /// Name of the organisation that they belong to in iTop, where it must exist.
    #[param(example = "Demo")]
    organization: String,
    /// Of this class or one that inherits from it.
    class: Option<Class>,
    /// Changed at this moment (RFC 3339) or later.
    #[param(value_type = Option<Time>)]
    updated_since: Option<Timestamp>,
    /// That fulfil this query; see `/api/v1/queries/check`. `group:name` selects a group.
    #[param(example = "group:web status:operational")]
    query: Option<String>,
    /// Configuration items of one page: 1 to 500, 100 unless given.
    limit: Option<u32>,
    /// `x-next-cursor` of the page before.
    cursor: Option<String>,
}

/// Operations to send one by one.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct ItopOperations {
    /// Each is a `json_data`.
    operations: Vec<ItopOperation>,
    /// What iTop's model has no place for.
    skipped: Vec<ItopSkipped>,
}

/// An operation of iTop's REST interface.
#[derive(Debug, Serialize, ToSchema)]
pub struct ItopOperation {
    /// `core/create`.
    operation: &'static str,
    /// What its history there tells.
    comment: &'static str,
    /// Class there.
    #[schema(example = "Server")]
    class: &'static str,
    /// What comes back.
    output_fields: &'static str,
    /// Fields there.
    #[schema(value_type = Object)]
    fields: Map<String, Value>,
}

/// A configuration item that is not exported.
#[derive(Debug, Serialize, ToSchema)]
pub struct ItopSkipped {
    /// Which.
    ci: String,
    /// Why.
    reason: String,
}

/// Exports configuration items as `core/create` operations of iTop's REST interface.
#[utoipa::path(get, path = "/api/v1/export/itop", tag = "exports", params(ItopQuery),
    responses((status = 200, description = "Operations; `x-next-cursor` leads to the next.", body = ItopOperations)))]
pub async fn export_itop(State(api): State<Api>, Parameters(query): Parameters<ItopQuery>) -> Result<Response, ApiError> {
    let limit = limit(query.limit, 500)?;
    if !(1..=ORGANISATION_CHARACTERS).contains(&query.organization.chars().count()) {
        return Err(ApiError::invalid("organization", format!("must have 1 to {ORGANISATION_CHARACTERS} characters")));
    }
    let paging = Paging::<CiId>::new("itop", None, query.cursor.as_deref())?;
    let selection = Selection::new(query.class, query.updated_since, query.query.as_deref(), api.engine.now())?;
    let (operations, next) = api.engine.read(|world| {
        let wanted = |ci: &&Ci| query.class.is_some() || ci.class != ci::Class::SoftwareProduct;
        let mut cis = selection.from(world, paging.ascending().0)?.filter(wanted).peekable();
        let (mut operations, mut last) = (ItopOperations::default(), None);
        for ci in cis.by_ref().take(limit) {
            operations.add(world, ci, &query.organization);
            last = Some(ci.id);
        }
        Ok::<_, ApiError>((operations, last.filter(|_| cis.peek().is_some())))
    })?;
    Ok(hand_out(&operations, next.map(|next| paging.cursor(&next))))
}

impl ItopOperations {
    fn add(&mut self, world: &World, ci: &Ci, organization: &str) {
        match operation(world, ci, organization) {
            Ok(operation) => self.operations.push(operation),
            Err(reason) => self.skipped.push(ItopSkipped { ci: ci.id.to_string(), reason }),
        }
    }
}

fn operation(world: &World, ci: &Ci, organization: &str) -> Result<ItopOperation, String> {
    let class = class_of(ci.class).ok_or_else(|| format!("iTop has no class for {}", ci.class.as_str()))?;
    let mut fields = fields(ci, class);
    fields.insert("org_id".to_owned(), json!({ "name": organization }));
    if let Some((field, _)) = demanded(class) {
        fields.insert(field.to_owned(), json!({ "name": holder(world, ci, class)?.name }));
    }
    Ok(ItopOperation { operation: "core/create", comment: "Exported from Rollcall", class, output_fields: "id, friendlyname", fields })
}

/// Classes of iTop's standard data model.
fn class_of(class: ci::Class) -> Option<&'static str> {
    use ci::Class as C;
    Some(match class {
        C::Host | C::Server | C::ContainerHost => "Server",
        C::Hypervisor => "Hypervisor",
        C::Workstation => "PC",
        C::VirtualMachine => "VirtualMachine",
        C::NetworkDevice => "NetworkDevice",
        C::Printer => "Printer",
        C::StorageDevice => "StorageSystem",
        C::DatabaseInstance => "DBServer",
        C::WebServer => "WebServer",
        C::ApplicationService => "OtherSoftware",
        C::Cluster => "Farm",
        C::BusinessService => "ApplicationSolution",
        C::Location => "Location",
        C::Container
        | C::Disk
        | C::MemoryModule
        | C::NetworkAdapter
        | C::SoftwareProduct
        | C::Gpu
        | C::PowerSupply
        | C::Monitor
        | C::Battery
        | C::Certificate
        | C::Network => return None,
    })
}

/// The key that a class there cannot be without, and the classes that it may lead to.
fn demanded(class: &str) -> Option<(&'static str, &'static [&'static str])> {
    match class {
        "VirtualMachine" => Some(("virtualhost_id", &["Hypervisor"])),
        "DBServer" | "WebServer" | "OtherSoftware" => Some(("system_id", &["Server", "Hypervisor", "PC", "VirtualMachine"])),
        _ => None,
    }
}

/// What something runs on, of a class that iTop takes there, and itself exported: at most a service on a virtual machine on a
/// hypervisor, so this goes three deep at most.
fn holder<'a>(world: &'a World, ci: &Ci, class: &str) -> Result<&'a Ci, String> {
    let Some((field, classes)) = demanded(class) else { return Err(format!("iTop has no key of {class} to what it runs on")) };
    let mut below = relation::beginning_at(&world.cmdb, ci.id, Some(RelationKind::RunsOn));
    let holder = below.next().and_then(|relation| world.cmdb.record(relation.to));
    let holder = holder.ok_or_else(|| format!("iTop demands {field}, and it is not known what it runs on"))?;
    let kind = class_of(holder.class).filter(|kind| classes.contains(kind));
    let kind = kind.ok_or_else(|| format!("iTop demands one of {} as {field}, and {} is none", classes.join(", "), holder.id))?;
    if demanded(kind).is_some() {
        self::holder(world, holder, kind).map_err(|reason| format!("it runs on {}, which is skipped: {reason}", holder.id))?;
    }
    Ok(holder)
}

fn fields(ci: &Ci, class: &str) -> Map<String, Value> {
    let mut fields = Map::new();
    let mut set = |name: &str, value: Option<String>| value.map(|value| fields.insert(name.to_owned(), Value::String(value)));
    set("name", Some(ci.name.clone()));
    if class == "Location" {
        set("status", Some(if is_over(ci.status) { "inactive" } else { "active" }.to_owned()));
        return fields;
    }
    set("description", Some(format!("Rollcall {}", ci.id)));
    if matches!(class, "DBServer" | "WebServer" | "OtherSoftware" | "ApplicationSolution") {
        set("status", Some(if is_over(ci.status) { "inactive" } else { "active" }.to_owned()));
        return fields;
    }
    set("status", Some(status(ci.status).to_owned()));
    if matches!(class, "Server" | "PC" | "VirtualMachine") {
        let cpu = text(ci, "cpu_model").map(str::to_owned).or_else(|| number(ci, "assigned_cpus").map(|count| count.to_string()));
        set("cpu", cpu);
        let memory = mebibytes(ci, "memory_bytes").or_else(|| mebibytes(ci, "assigned_memory_bytes"));
        set("ram", memory.map(|size| format!("{size} MiB")));
    }
    if matches!(class, "Server" | "NetworkDevice" | "StorageSystem" | "VirtualMachine") {
        let address = text(ci, "management_address").or_else(|| first(ci, "ip_addresses"));
        set("managementip", address.map(str::to_owned));
    }
    if matches!(class, "Server" | "PC" | "NetworkDevice" | "StorageSystem" | "Printer") {
        set("serialnumber", text(ci, "serial").map(str::to_owned));
        set("asset_number", text(ci, "asset_tag").map(str::to_owned));
    }
    if class == "NetworkDevice" {
        fields.insert("networkdevicetype_id".to_owned(), json!({ "name": network_device_type(ci) }));
    }
    fields
}

/// Types that come with iTop.
fn network_device_type(ci: &Ci) -> &'static str {
    let routes = ci.attributes.get("capabilities").is_some_and(|known| known.value().to_string().contains("router"));
    if routes { "Router" } else { "Switch" }
}

fn is_over(status: Lifecycle) -> bool {
    matches!(status, Lifecycle::Retired | Lifecycle::Disposed)
}

fn status(status: Lifecycle) -> &'static str {
    match status {
        Lifecycle::Planned => "implementation",
        Lifecycle::InStock => "stock",
        Lifecycle::Retired | Lifecycle::Disposed => "obsolete",
        Lifecycle::Operational | Lifecycle::Maintenance | Lifecycle::Stale | Lifecycle::Missing => "production",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rollcall_domain::ci::Source;
    use rollcall_domain::id::Family;

    const SEEN: Timestamp = Timestamp(1_795_235_460_000);

    /// Things of these classes, each running on the next.
    fn tower(classes: &[ci::Class]) -> World {
        let mut world = World::default();
        let id = |number: usize| CiId { family: Family::Other, bits: number as u128 };
        for (number, class) in classes.iter().enumerate() {
            let ci = Ci::new(id(number), *class, &format!("thing {number}"), SEEN, 1);
            world.cmdb.cis.insert(ci.id, ci);
            if number + 1 < classes.len() {
                let (from, to, source) = (id(number), id(number + 1), Source::Person { name: "ann".into() });
                let relation = ci::Relation { from, kind: RelationKind::RunsOn, to, source, first_seen: SEEN, last_seen: SEEN };
                world.cmdb.links.apply(&relation::Change::Set { relation });
            }
        }
        world
    }

    /// What becomes of the first of them.
    #[track_caller]
    fn check(classes: &[ci::Class], expected: Result<&str, &str>) {
        let world = tower(classes);
        let first = world.cmdb.cis.values().next().unwrap();
        match (operation(&world, first, "Demo"), expected) {
            (Ok(operation), Ok(class)) => assert_eq!(operation.class, class),
            (Err(reason), Err(part)) => assert!(reason.contains(part), "{reason}"),
            (other, _) => panic!("{classes:?}: {other:?}"),
        }
    }

    #[test]
    fn what_itop_demands_is_there_or_the_item_is_skipped_with_the_reason() {
        use ci::Class as C;
        check(&[C::Server], Ok("Server"));
        check(&[C::Disk], Err("iTop has no class for disk"));
        check(&[C::VirtualMachine], Err("not known what it runs on"));
        check(&[C::VirtualMachine, C::Hypervisor], Ok("VirtualMachine"));
        check(&[C::VirtualMachine, C::Server], Err("demands one of Hypervisor"));
        check(&[C::DatabaseInstance, C::Server], Ok("DBServer"));
        check(&[C::DatabaseInstance, C::VirtualMachine, C::Hypervisor], Ok("DBServer"));
        check(&[C::DatabaseInstance, C::VirtualMachine], Err("which is skipped: iTop demands virtualhost_id"));
        check(&[C::DatabaseInstance, C::ApplicationService], Err("demands one of Server"));
    }
}
