//! Software and accounts, as the format has them.

use super::{Fields, mebibytes};
use crate::inventory_format::convert::{MANAGERS, STATES};
use crate::inventory_format::units;
use rollcall_shared::section::{Container, Database, Group, Package, User, VirtualMachine};
use serde_json::Value;

/// States of virtual machines that the schema knows.
const KNOWN_STATES: [&str; 8] = ["running", "blocked", "idle", "paused", "shutdown", "crashed", "dying", "off"];

pub fn package(row: &Package) -> Fields {
    let from = MANAGERS.iter().find(|(_, manager)| *manager == row.manager).map_or(row.manager.as_str(), |(word, _)| *word);
    Fields::default()
        .text("arch", row.architecture.clone())
        .number("filesize", row.size_bytes)
        .text("folder", row.location.clone())
        .text("from", Some(from))
        .text("install_date", row.installed_at.map(units::written))
        .text("name", Some(row.name.clone()))
        .text("publisher", row.vendor.clone())
        .text("version", Some(row.version.clone()))
}

pub fn user(row: &User) -> Fields {
    Fields::default()
        .text("home", row.home.clone())
        .text("id", Some(row.uid.to_string()))
        .text("login", Some(row.name.clone()))
        .text("name", Some(row.comment.as_ref().unwrap_or(&row.name).clone()))
        .text("shell", row.shell.clone())
}

pub fn group(row: &Group) -> Fields {
    let mut fields = Fields::default().text("id", Some(row.gid.to_string())).text("name", Some(row.name.clone()));
    if !row.members.is_empty() {
        fields.0.insert("members".into(), Value::from(row.members.clone()));
    }
    fields
}

fn status(state: Option<&str>) -> Option<&str> {
    let word = state.map(|state| STATES.iter().find(|(_, known)| *known == state).map_or(state, |(word, _)| *word));
    match word {
        // A container that ended is off; the rest of what runtimes say has no word here.
        Some("exited" | "stopped" | "created") => Some("off"),
        word => word.filter(|word| KNOWN_STATES.contains(word)),
    }
}

pub fn virtual_machine(row: &VirtualMachine) -> Fields {
    Fields::default()
        .text("mac", (!row.macs.is_empty()).then(|| row.macs.join("/")))
        .number("memory", mebibytes(row.memory_bytes))
        .text("name", Some(row.name.as_ref().unwrap_or(&row.id).clone()))
        .text("status", status(row.state.as_deref()))
        .text("uuid", Some(row.id.clone()))
        .number("vcpu", row.vcpus)
        .text("vmtype", Some(row.runtime.clone()))
}

pub fn container(row: &Container) -> Fields {
    Fields::default()
        .text("image", row.image.clone())
        .text("name", Some(row.name.as_ref().unwrap_or(&row.id).clone()))
        .text("status", status(row.state.as_deref()))
        .text("uuid", Some(row.id.clone()))
        .text("vmtype", Some(row.runtime.clone()))
}

pub fn database(row: &Database) -> Fields {
    Fields::default()
        .text("name", Some(row.name.as_ref().unwrap_or(&row.engine).clone()))
        .text("path", row.data_directory.clone())
        .number("port", row.port)
        .text("type", Some(row.engine.clone()))
        .text("version", row.version.clone())
}
