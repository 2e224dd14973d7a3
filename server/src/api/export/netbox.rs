//! Hosts in the shapes that NetBox's bulk import takes as JSON: each list is what one of its import pages reads, in this order.
//!
//! NetBox refers to things by their names, and a device there must have a site, a role and a type: what Rollcall does not know of
//! those is called as the caller says, or `undefined`, and must exist there before. Physical machines and network devices are devices,
//! virtual machines are virtual machines; interfaces and addresses are those of the machine's own inventory.

use super::{Selection, hand_out, limit, mebibytes, number, text};
use crate::answer::ApiError;
use crate::api::Api;
use crate::api::extract::Parameters;
use crate::api::page::Paging;
use crate::api::view::Time;
use crate::api::view::word::Class;
use axum::extract::State;
use axum::response::Response;
use rollcall_domain::World;
use rollcall_domain::ci::{self, Ci, Lifecycle, RelationKind};
use rollcall_domain::id::CiId;
use rollcall_shared::section::NetworkInterface;
use rollcall_shared::{ContentHash, Section, SectionName, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// What is called so that NetBox must have and nobody knows.
const UNDEFINED: &str = "undefined";

/// Hosts of one page: each costs a look at its section.
const HOSTS: u32 = 250;

/// Characters of a name there.
const NAME_CHARACTERS: usize = 64;

/// Which hosts are wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct NetBoxQuery {
    /// Of this class or one that inherits from it; all machines and network devices unless given.
    class: Option<Class>,
    /// Changed at this moment (RFC 3339) or later.
    #[param(value_type = Option<Time>)]
    updated_since: Option<Timestamp>,
    /// That fulfil this query; see `/api/v1/queries/check`. `group:name` selects a group.
    #[param(example = "group:web status:operational")]
    query: Option<String>,
    /// Name of the site, for devices whose location is not known; `undefined` unless given.
    site: Option<String>,
    /// Machines of one page: 1 to 250, 100 unless given.
    limit: Option<u32>,
    /// `x-next-cursor` of the page before.
    cursor: Option<String>,
}

/// Lists for NetBox's import pages, in the order in which they are to be imported.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct NetBoxImport {
    /// For `/dcim/devices/import/`.
    devices: Vec<NetBoxDevice>,
    /// For `/virtualization/virtual-machines/import/`.
    virtual_machines: Vec<NetBoxVirtualMachine>,
    /// For `/dcim/interfaces/import/`.
    interfaces: Vec<NetBoxInterface>,
    /// For `/virtualization/interfaces/import/`.
    vm_interfaces: Vec<NetBoxVmInterface>,
    /// For `/ipam/ip-addresses/import/`.
    ip_addresses: Vec<NetBoxAddress>,
}

/// A device.
#[derive(Debug, Serialize, ToSchema)]
pub struct NetBoxDevice {
    name: String,
    role: &'static str,
    manufacturer: String,
    device_type: String,
    site: String,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    serial: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    asset_tag: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    platform: Option<String>,
    comments: String,
}

/// A virtual machine.
#[derive(Debug, Serialize, ToSchema)]
pub struct NetBoxVirtualMachine {
    name: String,
    role: &'static str,
    site: String,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    vcpus: Option<i64>,
    /// Mebibytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    memory: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    platform: Option<String>,
    comments: String,
}

/// An interface of a device.
#[derive(Debug, Serialize, ToSchema)]
pub struct NetBoxInterface {
    device: String,
    name: String,
    r#type: &'static str,
    enabled: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    mac_address: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mtu: Option<u32>,
    /// Kilobits a second.
    #[serde(skip_serializing_if = "Option::is_none")]
    speed: Option<u64>,
}

/// An interface of a virtual machine.
#[derive(Debug, Serialize, ToSchema)]
pub struct NetBoxVmInterface {
    virtual_machine: String,
    name: String,
    enabled: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    mac_address: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mtu: Option<u32>,
}

/// An address.
#[derive(Debug, Serialize, ToSchema)]
pub struct NetBoxAddress {
    /// With its prefix length.
    address: String,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    device: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    virtual_machine: Option<String>,
    interface: String,
}

/// Exports machines, their interfaces and addresses as lists for NetBox's bulk import.
#[utoipa::path(get, path = "/api/v1/export/netbox", tag = "exports", params(NetBoxQuery),
    responses((status = 200, description = "Lists to import; `x-next-cursor` leads to the next.", body = NetBoxImport)))]
pub async fn export_netbox(State(api): State<Api>, Parameters(query): Parameters<NetBoxQuery>) -> Result<Response, ApiError> {
    let limit = limit(query.limit, HOSTS)?;
    let paging = Paging::<CiId>::new("netbox", None, query.cursor.as_deref())?;
    let selection = Selection::new(query.class, query.updated_since, query.query.as_deref(), api.engine.now())?;
    let site = query.site.as_deref().unwrap_or(UNDEFINED);
    let (found, more) = api.engine.read(|world| {
        let mut cis = selection.from(world, paging.ascending().0)?.filter(|ci| is_machine(ci));
        let found: Vec<_> = cis.by_ref().take(limit).map(|ci| (Machine::new(world, ci, site), interfaces_of(ci))).collect();
        Ok::<_, ApiError>((found, cis.next().is_some()))
    })?;
    let last = found.last().map(|(machine, _)| machine.id);
    let mut import = NetBoxImport::default();
    for (machine, hash) in found {
        let section = match hash {
            Some(hash) => api.engine.section(hash).await?,
            None => None,
        };
        let rows: &[NetworkInterface] = match section.as_deref() {
            Some(Section::NetworkInterfaces(rows)) => rows,
            _ => &[],
        };
        import.add(machine, rows);
    }
    Ok(hand_out(&import, last.filter(|_| more).map(|last| paging.cursor(&last))))
}

fn is_machine(ci: &Ci) -> bool {
    let is_device = matches!(ci.class, ci::Class::NetworkDevice | ci::Class::StorageDevice | ci::Class::Printer);
    is_device || (ci.class.is_a(ci::Class::Host) && ci.class != ci::Class::Container)
}

fn interfaces_of(ci: &Ci) -> Option<ContentHash> {
    ci.section(SectionName::NetworkInterfaces)?.hash
}

/// What is taken from the state; the rest is in sections.
struct Machine {
    id: CiId,
    name: String,
    is_virtual: bool,
    device: NetBoxDevice,
    vcpus: Option<i64>,
    memory: Option<i64>,
}

impl Machine {
    fn new(world: &World, ci: &Ci, site: &str) -> Self {
        let owned = |name| text(ci, name).map(str::to_owned);
        let name: String = ci.name.chars().take(NAME_CHARACTERS).collect();
        let device = NetBoxDevice {
            name: name.clone(),
            role: ci.class.model().label,
            manufacturer: owned("manufacturer").unwrap_or_else(|| UNDEFINED.to_owned()),
            device_type: owned("model").unwrap_or_else(|| UNDEFINED.to_owned()),
            site: location(world, ci).unwrap_or_else(|| site.to_owned()),
            status: status(ci.status),
            serial: owned("serial"),
            asset_tag: owned("asset_tag"),
            platform: owned("os_pretty_name"),
            comments: format!("Rollcall {}", ci.id),
        };
        let is_virtual = ci.class == ci::Class::VirtualMachine;
        let vcpus = number(ci, "cpu_threads").or_else(|| number(ci, "assigned_cpus"));
        let memory = mebibytes(ci, "memory_bytes").or_else(|| mebibytes(ci, "assigned_memory_bytes"));
        Self { id: ci.id, name, is_virtual, device, vcpus, memory }
    }
}

/// Where it stands, by the name of the location.
fn location(world: &World, ci: &Ci) -> Option<String> {
    let hosted = world.cmdb.links.from(ci.id).filter(|relation| relation.kind == RelationKind::HostedOn);
    let mut places = hosted.filter_map(|relation| world.cmdb.record(relation.to));
    places.find(|place| place.class == ci::Class::Location).map(|place| place.name.clone())
}

/// Statuses there that both devices and virtual machines have.
fn status(status: Lifecycle) -> &'static str {
    match status {
        Lifecycle::Operational => "active",
        Lifecycle::Planned => "planned",
        Lifecycle::InStock => "staged",
        Lifecycle::Maintenance | Lifecycle::Stale => "offline",
        Lifecycle::Missing => "failed",
        Lifecycle::Retired | Lifecycle::Disposed => "decommissioning",
    }
}

impl NetBoxImport {
    fn add(&mut self, machine: Machine, interfaces: &[NetworkInterface]) {
        let Machine { name, is_virtual, device, vcpus, memory, .. } = machine;
        for interface in interfaces.iter().filter(|interface| interface.kind != "loopback") {
            self.add_interface(&name, is_virtual, interface);
        }
        if !is_virtual {
            return self.devices.push(device);
        }
        let NetBoxDevice { role, site, status, platform, comments, .. } = device;
        self.virtual_machines.push(NetBoxVirtualMachine { name, role, site, status, vcpus, memory, platform, comments });
    }

    fn add_interface(&mut self, host: &str, is_virtual: bool, interface: &NetworkInterface) {
        let (host, name) = (host.to_owned(), interface.name.clone());
        let (enabled, mac_address, mtu) = (interface.state.as_deref() != Some("down"), interface.mac.clone(), interface.mtu);
        let (device, virtual_machine) = if is_virtual { (None, Some(host.clone())) } else { (Some(host.clone()), None) };
        for address in interface.addresses.iter().filter(|address| address.scope != "link") {
            let address = format!("{}/{}", address.address, address.prefix);
            let (device, virtual_machine) = (device.clone(), virtual_machine.clone());
            self.ip_addresses.push(NetBoxAddress { address, status: "active", device, virtual_machine, interface: name.clone() });
        }
        if is_virtual {
            self.vm_interfaces.push(NetBoxVmInterface { virtual_machine: host, name, enabled, mac_address, mtu });
            return;
        }
        let speed = interface.speed_mbps.map(|speed| u64::from(speed) * 1_000);
        let r#type = type_of(interface);
        self.interfaces.push(NetBoxInterface { device: host, name, r#type, enabled, mac_address, mtu, speed });
    }
}

/// Types there. Which plug an ethernet interface has nobody here knows.
fn type_of(interface: &NetworkInterface) -> &'static str {
    match interface.kind.as_str() {
        "bond" => "lag",
        "bridge" => "bridge",
        "wifi" => "other-wireless",
        _ if interface.is_virtual == Some(true) => "virtual",
        _ => "other",
    }
}
