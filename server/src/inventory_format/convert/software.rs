//! Software and accounts: packages, processes, users, groups, virtual machines and containers, databases, antivirus.
//!
//! Command lines are not taken: agents send them with the secrets in them.

use super::{Reading, Table, needed};
use crate::inventory_format::document::Row;
use crate::inventory_format::units;
use rollcall_shared::Section;
use rollcall_shared::section::{Container, Database, Group, Package, Process, Security, User, VirtualMachine};
use std::fmt::Write as _;

/// The format's words for package managers, and ours.
pub const MANAGERS: [(&str, &str); 2] = [("deb", "dpkg"), ("rpm", "rpm")];

/// The format's words for states of virtual machines, and ours.
pub const STATES: [(&str, &str); 5] =
    [("off", "shut_off"), ("shutdown", "shutting_down"), ("running", "running"), ("paused", "paused"), ("idle", "idle")];

/// Account that has number 0 by definition, and whose number some agents leave out for it.
const ROOT: &str = "root";

pub(super) fn read(reading: &mut Reading<'_>) {
    packages(reading);
    if let Some(rows) = reading.rows("processes") {
        let table = Table::of(rows, |row| process(reading, row));
        reading.put(table, Section::Processes);
    }
    if let Some(rows) = reading.rows("local_users") {
        let table = Table::of(rows, user);
        reading.put(table, Section::Users);
    }
    if let Some(rows) = reading.rows("local_groups") {
        let table = Table::of(rows, group);
        reading.put(table, Section::Groups);
    }
    guests(reading);
    if let Some(rows) = reading.rows("databases_services") {
        let table = Table::of(rows, database);
        reading.put(table, Section::Databases);
    }
    if let Some(rows) = reading.rows("antivirus") {
        let table = antivirus(rows);
        reading.put_with(table, Some("antivirus alone"), Section::Security);
    }
}

fn packages(reading: &mut Reading<'_>) {
    let Some(rows) = reading.rows("softwares") else { return };
    let os = reading.document.first("operatingsystem").and_then(|os| os.text("name"));
    let os = os.or_else(|| reading.document.first("hardware")?.text("osname"));
    let distribution = os.and_then(|name| super::machine::distribution(&name));
    let table = Table::of(rows, |row| package(reading, row, distribution.as_deref()));
    reading.put(table, Section::Packages);
}

fn package(reading: &Reading<'_>, row: &Row, distribution: Option<&str>) -> super::Read<Package> {
    let name = needed(row.text("name"), "software without a name")?;
    let version = needed(row.text("version"), "software without a version")?;
    let from = row.text("from").map_or_else(|| "unknown".to_owned(), |word| word.to_lowercase());
    let manager = MANAGERS.iter().find(|(word, _)| *word == from).map_or(from.as_str(), |(_, manager)| *manager);
    let architecture = row.text("arch").filter(|word| word != "(none)");
    // Where several architectures may be installed, dpkg's own lists name the package with it.
    let plain = architecture.as_ref().filter(|_| manager == "dpkg").and_then(|arch| name.strip_suffix(arch.as_str())?.strip_suffix(':'));
    let name = plain.map(str::to_owned).unwrap_or(name);
    let purl = distribution.and_then(|distribution| purl(manager, distribution, &name, &version, architecture.as_deref()));
    Ok(Some(Package {
        manager: manager.to_owned(),
        vendor: row.text("publisher"),
        size_bytes: row.number("filesize"),
        installed_at: reading.moment(row, "install_date"),
        location: row.text("folder"),
        purl,
        name,
        version,
        architecture,
        ..Package::default()
    }))
}

/// The package URL as our own agent writes it, so that both name one product.
fn purl(manager: &str, distribution: &str, name: &str, version: &str, architecture: Option<&str>) -> Option<String> {
    let (kind, name) = match manager {
        "dpkg" => ("deb", name.to_ascii_lowercase()),
        "rpm" => ("rpm", name.to_owned()),
        _ => return None,
    };
    let mut text = format!("pkg:{kind}/{}/{}@{}", encoded(distribution), encoded(&name), encoded(version));
    if let Some(architecture) = architecture {
        // Writing to a String cannot fail.
        let _ = write!(text, "?arch={}", encoded(architecture));
    }
    (text.len() <= rollcall_shared::limits::TEXT_BYTES).then_some(text)
}

/// All but unreserved characters and the colon in percent form, as the specification has it.
fn encoded(part: &str) -> String {
    part.bytes().fold(String::with_capacity(part.len()), |mut text, byte| {
        if byte.is_ascii_alphanumeric() || b".-_~:".contains(&byte) {
            text.push(char::from(byte));
        } else {
            let _ = write!(text, "%{byte:02X}");
        }
        text
    })
}

fn process(reading: &Reading<'_>, row: &Row) -> super::Read<Process> {
    let command = needed(row.text("cmd"), "a process without a command")?;
    // Kernel threads are none of the machine's programs.
    if command.starts_with('[') {
        return Ok(None);
    }
    let program = command.split(' ').next().unwrap_or_default().trim_end_matches(':');
    let name = program.rsplit('/').next().unwrap_or_default();
    Ok(Some(Process {
        pid: row.number("pid").ok_or("a process without a number")?,
        started_at: reading.moment(row, "started"),
        name: needed(Some(name.to_owned()).filter(|name| !name.is_empty()), "a process without a command")?,
        user: row.text("user"),
        ..Process::default()
    }))
}

fn number_of(row: &Row, name: &str, reason: &'static str) -> Result<u32, &'static str> {
    row.number("id").or_else(|| (name == ROOT && row.text("id").is_none()).then_some(0)).ok_or(reason)
}

fn user(row: &Row) -> super::Read<User> {
    let name = needed(row.text_of(&["login", "name"]), "an account without a name")?;
    Ok(Some(User {
        uid: number_of(row, &name, "an account without a number")?,
        gid: row.number("gid"),
        comment: row.text("name").filter(|comment| *comment != name),
        home: row.text("home"),
        shell: row.text("shell"),
        name,
        ..User::default()
    }))
}

fn group(row: &Row) -> super::Read<Group> {
    let name = needed(row.text("name"), "a group without a name")?;
    Ok(Some(Group { gid: number_of(row, &name, "a group without a number")?, members: row.texts("members"), name }))
}

/// The format lists containers among virtual machines.
fn guests(reading: &mut Reading<'_>) {
    let Some(rows) = reading.rows("virtualmachines") else { return };
    let is_container = |row: &&Row| {
        row.text("vmtype")
            .is_some_and(|kind| matches!(kind.to_lowercase().as_str(), "docker" | "podman" | "lxc" | "lxd" | "systemd-nspawn"))
    };
    let (mut machines, mut containers) = (Table::default(), Table::default());
    rows.iter().filter(|row| !is_container(row)).for_each(|row| machines.take(machine(row)));
    rows.iter().filter(is_container).for_each(|row| containers.take(container(row)));
    if !containers.rows.is_empty() || !containers.dropped.is_empty() {
        reading.put(containers, Section::Containers);
    }
    reading.put(machines, Section::VirtualMachines);
}

fn state(row: &Row) -> Option<String> {
    let word = row.text("status")?.to_lowercase();
    Some(STATES.iter().find(|(known, _)| *known == word).map_or(word.clone(), |(_, state)| (*state).to_owned()))
}

fn machine(row: &Row) -> super::Read<VirtualMachine> {
    let name = row.text("name");
    let id = row.text("uuid").map(|uuid| uuid.to_lowercase()).or_else(|| name.clone());
    let mut macs: Vec<String> =
        row.text("mac").map(|macs| macs.split(['/', ',']).map(|mac| mac.trim().to_lowercase()).collect()).unwrap_or_default();
    macs.retain(|mac| !mac.is_empty());
    macs.sort_unstable();
    macs.dedup();
    Ok(Some(VirtualMachine {
        runtime: needed(row.text_of(&["vmtype", "subsystem"]), "a virtual machine without a hypervisor")?.to_lowercase(),
        id: needed(id, "a virtual machine without id and name")?,
        name,
        state: state(row),
        vcpus: row.number("vcpu").filter(|&count| count > 0),
        memory_bytes: row.number("memory").and_then(units::mebibytes),
        macs,
        os: row.row("operatingsystem").and_then(|os| os.text_of(&["full_name", "name"])),
        ..VirtualMachine::default()
    }))
}

fn container(row: &Row) -> super::Read<Container> {
    let name = row.text("name");
    Ok(Some(Container {
        runtime: needed(row.text("vmtype"), "a container without a runtime")?.to_lowercase(),
        id: needed(row.text("uuid").or_else(|| name.clone()), "a container without id and name")?,
        name,
        image: row.text("image"),
        state: state(row),
        ..Container::default()
    }))
}

fn database(row: &Row) -> super::Read<Database> {
    let engine = needed(row.text_of(&["type", "name"]), "a database without a type")?;
    Ok(Some(Database {
        engine: units::snake(&engine),
        name: row.text("name").filter(|name| *name != engine),
        version: row.text("version"),
        data_directory: row.text("path"),
        port: row.number("port").filter(|&port| port > 0),
        ..Database::default()
    }))
}

fn antivirus(rows: &[Row]) -> Table<Security> {
    let says = |row: &Row| {
        let mut facts: Vec<(String, String)> = Vec::new();
        for (field, name) in [("company", "company"), ("name", "product"), ("version", "version"), ("base_version", "signatures")] {
            facts.extend(row.text(field).map(|text| (name.to_owned(), text)));
        }
        facts.extend(row.flag("uptodate").map(|current| ("up_to_date".to_owned(), current.to_string())));
        facts.sort_unstable();
        facts
    };
    Table::of(rows, |row| {
        let state = match row.flag("enabled").ok_or("an antivirus of unknown state")? {
            true => "enabled",
            false => "disabled",
        };
        Ok(Some(Security { control: "antivirus".into(), state: state.into(), facts: says(row) }))
    })
}
