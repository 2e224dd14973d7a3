//! Which columns of a section people want to see, and how its values read.

use super::table::bytes;
use rollcall_shared::SectionName;
use serde_json::Value;

/// One column of a section.
pub(super) struct Field {
    pub(super) key: &'static str,
    pub(super) title: &'static str,
    pub(super) right: bool,
}

/// The columns of a section, the most telling first.
pub(super) fn of(name: SectionName) -> Vec<Field> {
    plan(name).split_whitespace().map(field).collect()
}

/// `key` or `key=title`, with `>` in front of figures; a title's `_` are blanks.
fn plan(name: SectionName) -> &'static str {
    match name {
        SectionName::System | SectionName::Os => "",
        SectionName::Cpus => ">socket manufacturer=maker model >cores >threads >max_mhz >l2_bytes=L2 >l3_bytes=L3",
        SectionName::MemoryModules => "slot >size_bytes=size memory_type=type >speed_mts manufacturer=maker part_number=part serial ecc",
        SectionName::Disks => "name >size_bytes=size interface vendor model serial firmware",
        SectionName::Filesystems => "mount_point fs_type=type >size_bytes=size device read_only encrypted",
        SectionName::NetworkInterfaces => "name kind state mac addresses >speed_mbps driver",
        SectionName::Packages => "name version architecture manager >size_bytes=size",
        SectionName::Services => "name enabled active_state=active sub_state=state user description",
        SectionName::Users => "name >uid groups shell locked comment",
        SectionName::Processes => ">pid user name unit started_at=started command",
        SectionName::Listeners => "protocol address >port >pid process unit",
        SectionName::Containers => "runtime name image state ports id",
        SectionName::Firmware => "component vendor version date mode secure_boot",
        SectionName::Volumes => "kind name >size_bytes=size level state group device members",
        SectionName::Routes => "destination gateway interface >metric protocol source kind",
        SectionName::Dns => "kind value interface source",
        SectionName::Neighbours => "protocol interface address mac system_name port_description port_id",
        SectionName::PciDevices => "address class_name=class vendor product driver",
        SectionName::UsbDevices => "path vendor product serial class drivers",
        SectionName::Gpus => "address vendor model driver >memory_bytes=memory serial",
        SectionName::Monitors => "connector manufacturer=maker model serial resolution >made_year=year",
        SectionName::Batteries => "name manufacturer=maker model technology >design_capacity_mwh=mWh serial",
        SectionName::PowerSupplies => "location name manufacturer=maker part_number=part serial >max_watts=watts",
        SectionName::Connections => "direction process unit remote_address=peer >remote_port=port >local_port=service >count",
        SectionName::VirtualMachines => "runtime name state >vcpus >memory_bytes=memory macs autostart id",
        SectionName::Images => "runtime tags >size_bytes=size created_at=created id",
        SectionName::Databases => "engine version >port socket data_directory unit container",
        SectionName::WebServers => "engine version ports sites configuration unit container",
        SectionName::Groups => "name >gid members",
        SectionName::SshKeys => "kind user key_type=type fingerprint comment options",
        SectionName::Sudoers => "who hosts run_as commands no_password path",
        SectionName::Logins => "user last_login_at=last from terminal",
        SectionName::ScheduledTasks => "origin name schedule user enabled command",
        SectionName::KernelModules => "name >size_bytes=size version used_by taint",
        SectionName::Sysctls => "name value",
        SectionName::MountOptions => "path separate nodev nosuid noexec read_only",
        SectionName::Firewall => "kind name active hook policy >rules",
        SectionName::Certificates => "subject not_after=expires issuer sans key_type >key_bits=bits used_by",
        SectionName::Security => "control state facts",
        SectionName::Custom => "extension key fields",
        SectionName::Checks => "name state output >interval_s=every",
        SectionName::Series => "metric attributes",
    }
}

fn field(word: &'static str) -> Field {
    let right = word.starts_with('>');
    let word = word.trim_start_matches('>');
    let (key, title) = word.split_once('=').unwrap_or((word, word));
    Field { key, title, right }
}

/// One value as text: sizes in readable units, lists joined, unknown as nothing.
pub(super) fn cell(key: &str, value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Bool(yes) => if *yes { "yes" } else { "no" }.to_owned(),
        Value::String(text) => text.clone(),
        Value::Number(number) if key.ends_with("_bytes") => number.as_f64().map(bytes).unwrap_or_default(),
        Value::Number(number) => number.to_string(),
        Value::Array(values) => values.iter().map(|value| cell(key, value)).collect::<Vec<_>>().join(" "),
        Value::Object(fields) => match (fields.get("address"), fields.get("prefix"), fields.get("container_port")) {
            (Some(Value::String(address)), Some(prefix), _) => format!("{address}/{prefix}"),
            (_, _, Some(port)) => match fields.get("host_port") {
                Some(host @ Value::Number(_)) => format!("{host}→{port}"),
                _ => port.to_string(),
            },
            // A value of an extension with its type, or a pair.
            _ if fields.len() == 1 => fields.values().map(|value| cell(key, value)).collect(),
            _ => value.to_string(),
        },
    }
}
