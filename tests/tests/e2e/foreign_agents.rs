//! Other people's agents from their own packages: they and ours describe this machine, and it is one record.
//!
//! Whether they can be tried, the machine decides: it needs root, the packages (`tests/run` installs them), mount namespaces,
//! and firmware that identifies it. A virtual machine without such firmware is given a captured one, in a namespace of its own
//! that all agents run in. What cannot be tried is said, not passed over.

use crate::scene::Scene;
use anyhow::{Context, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rollcall_tests::harness::clock::PATIENCE;
use rollcall_tests::harness::process::tell;
use rollcall_tests::harness::server::{rollcall_server, succeed, text};
use rollcall_tests::harness::{Agent, until_async};
use serde_json::Value;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Runs a command where the firmware is that of `$FIRMWARE`, if given, and where the agents' own state is nobody else's. A file
/// `/dev/mem` is what one of them looks for before it asks `dmidecode`.
const WITHIN: &str = r#"#!/bin/sh
exec unshare --mount --propagation private sh -c '
set -e
if [ -n "$FIRMWARE" ]; then mount --bind "$FIRMWARE" /sys/firmware; fi
mount -t tmpfs tmpfs /var/lib/fusioninventory-agent
mount --bind /dev/null /etc/ocsinventory/ocsinventory-agent.cfg
staged=$(mktemp -d)
mount -t tmpfs tmpfs "$staged"
for node in null zero full random urandom tty; do : > "$staged/$node"; mount --bind "/dev/$node" "$staged/$node"; done
ln -s /proc/self/fd "$staged/fd"
: > "$staged/mem"
mount --move "$staged" /dev
rmdir "$staged"
exec "$@"' sh "$@"
"#;

/// Firmware of a virtual machine: what is read on this one must not contradict it.
const CAPTURED: &str = "smbios/HyperV.dmi";

/// Where the agents run.
struct Place {
    script: PathBuf,
    firmware: Option<PathBuf>,
}

impl Place {
    /// The place, or why there is none.
    fn prepare(directory: &Path) -> Result<std::result::Result<Self, String>> {
        if !rustix::process::geteuid().is_root() {
            return Ok(Err("it needs root".into()));
        }
        let is_there = |command: &str| {
            Command::new("sh").args(["-c", &format!("command -v {command}")]).output().is_ok_and(|output| output.status.success())
        };
        let missing: Vec<&str> = ["fusioninventory-agent", "ocsinventory-agent", "dmidecode", "unshare", "mount"]
            .into_iter()
            .filter(|command| !is_there(command))
            .collect();
        if !missing.is_empty() {
            return Ok(Err(format!("{} not installed", missing.join(", "))));
        }
        let firmware = match (Path::new("/sys/firmware/dmi/tables/DMI").exists(), std::env::var_os("ROLLCALL_TEST_DATA")) {
            (true, _) => None,
            (false, Some(data)) => Some(captured(&Path::new(&data).join(CAPTURED), directory)?),
            (false, None) => return Ok(Err("this machine's firmware does not identify it, and ROLLCALL_TEST_DATA is not set".into())),
        };
        let script = directory.join("within");
        std::fs::write(&script, WITHIN)?;
        std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755))?;
        let place = Self { script, firmware };
        let tried = place.command("true").output()?;
        if !tried.status.success() {
            return Ok(Err(format!("no mount namespace: {}", String::from_utf8_lossy(&tried.stderr).trim())));
        }
        Ok(Ok(place))
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(&self.script);
        command.arg(program).env("FIRMWARE", self.firmware.as_deref().unwrap_or(Path::new(""))).stdin(std::process::Stdio::null());
        command
    }

    fn run(&self, program: &str, arguments: &[&str]) -> Result<String> {
        let output = self.command(program).args(arguments).output()?;
        let told = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        ensure!(output.status.success(), "{program}: {}: {told}", output.status);
        Ok(told)
    }
}

/// A directory like `/sys/firmware` with a captured table in it, and the entry point that leads to it (SMBIOS 3.0, 5.2.2).
fn captured(table: &Path, directory: &Path) -> Result<PathBuf> {
    let table = std::fs::read(table).with_context(|| table.display().to_string())?;
    let firmware = directory.join("firmware");
    let tables = firmware.join("dmi/tables");
    std::fs::create_dir_all(&tables)?;
    let mut entry = b"_SM3_\0\x18\x03\x03\0\x01\0".to_vec();
    entry.extend(u32::try_from(table.len())?.to_le_bytes());
    entry.extend(0x1000_u64.to_le_bytes());
    entry[5] = entry.iter().fold(0_u8, |sum, byte| sum.wrapping_sub(*byte));
    std::fs::write(tables.join("smbios_entry_point"), entry)?;
    std::fs::write(tables.join("DMI"), table)?;
    Ok(firmware)
}

fn feed(scene: &Scene, name: &str, kind: &str) -> Result<String> {
    let data = text(scene.server.data())?;
    let made = rollcall_server(&["feed", "create", "--data", data, "--name", name, "--kind", kind, "--network", "127.0.0.0/8"])?;
    Ok(succeed(made)?.trim().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn agents_of_three_makers_describe_one_machine_and_it_is_one_record() -> Result<()> {
    let scene = Scene::start()?;
    let place = match Place::prepare(scene.path())? {
        Ok(place) => place,
        Err(reason) => {
            tell(&format!("SKIPPED: real GLPI-family agents: {reason}"));
            return Ok(());
        }
    };
    let mut agent = Agent::enrol(scene.path(), &scene.server)?;
    agent.hurry(0.5)?;
    agent.run_by(&place.script, place.firmware.as_deref().map(|path| ("FIRMWARE", path)))?;
    let host = own_host(&scene).await.with_context(|| agent.process().map(|process| process.tail()).unwrap_or_default())?;

    let authority = scene.server.data().join("ca/ca.crt");
    let (url, authority) = (scene.server.url(), text(&authority)?);
    let secret = feed(&scene, "fusion", "fusioninventory")?;
    let server = format!("{url}/plugins/fusioninventory/");
    let arguments =
        ["--server", &server, "--user", "fusion", "--password", &secret, "--ca-cert-file", authority, "--no-p2p", "--no-httpd", "--force"];
    let told = place.run("fusioninventory-agent", &arguments)?;
    check(&scene, &host, "fusion").await.context(told)?;

    // This one reads both from base64.
    let (user, secret) = (STANDARD.encode("ocs"), STANDARD.encode(feed(&scene, "ocs", "ocs")?));
    let server = format!("{url}/ocsinventory");
    let state = scene.path().join("ocs");
    std::fs::create_dir(&state)?;
    let state = format!("--basevardir={}", text(&state)?);
    let arguments =
        ["--server", &server, "--realm", "rollcall", "--user", &user, "--password", &secret, "--ca", authority, &state, "--force"];
    let told = place.run("ocsinventory-agent", &arguments)?;
    check(&scene, &host, "ocs").await.context(told)?;

    let hosts = scene.api.list("/api/v1/cis?class=host").await?;
    assert_eq!(hosts.len(), 1, "one machine is one record: {hosts:?}");
    let exported = scene.api.get(&format!("/api/v1/cis/{host}/inventory?format=glpi")).await?;
    ensure!(exported["content"]["softwares"].as_array().is_some_and(|packages| !packages.is_empty()), "{exported}");
    agent.stop()
}

/// The host of our own agent, once it has told what identifies it.
async fn own_host(scene: &Scene) -> Result<String> {
    until_async(PATIENCE, "the machine to be a CI", async || {
        let agents = scene.api.list("/api/v1/agents").await?;
        let Some(host) = agents.first().and_then(|agent| agent["ci"].as_str()) else { return Ok(None) };
        let ci = scene.api.get(&format!("/api/v1/cis/{host}")).await?;
        Ok(ci["attributes"].get("serial").map(|_| host.to_owned()))
    })
    .await
}

/// A feed's inventory is that host's, and its values stand beside those of our agent, which count.
async fn check(scene: &Scene, host: &str, feed: &str) -> Result<()> {
    let ci = scene.api.get(&format!("/api/v1/cis/{host}")).await?;
    for attribute in ["hostname", "serial", "os_id"] {
        let shown = &ci["attributes"][attribute];
        let proposals = shown["proposals"].as_array().with_context(|| format!("{attribute}: {shown}"))?;
        let of = |kind: &str, name: Option<&str>| {
            proposals
                .iter()
                .find(|proposal| proposal["source"]["kind"] == kind && name.is_none_or(|name| proposal["source"]["name"] == name))
        };
        ensure!(of("agent", None).is_some() && shown["source"]["kind"] == "agent", "{attribute}: {shown}");
        let foreign = of("feed", Some(feed)).with_context(|| format!("{attribute}: nothing of {feed}: {shown}"))?;
        ensure!(foreign["value"] == shown["value"], "{attribute}: {shown}");
    }
    let sections = scene.api.list(&format!("/api/v1/cis/{host}/sections?feed={feed}")).await?;
    let names: Vec<&str> = sections.iter().filter_map(|section| section["name"].as_str()).collect();
    ensure!(["system", "packages", "network_interfaces", "filesystems"].iter().all(|name| names.contains(name)), "{names:?}");
    let packages = |query: &str| format!("/api/v1/cis/{host}/sections/packages?limit=1000{query}");
    let purls = async |query: &str| -> Result<std::collections::BTreeSet<String>> {
        let rows: Vec<Value> = scene.api.list(&packages(query)).await?;
        let of_dpkg = rows.iter().filter(|row| row["manager"] == "dpkg");
        Ok(of_dpkg.filter_map(|row| row["purl"].as_str()?.split('?').next().map(str::to_owned)).collect())
    };
    let (ours, theirs) = (purls("").await?, purls(&format!("&feed={feed}")).await?);
    ensure!(!ours.is_empty(), "this machine's packages are known to dpkg, as those of these agents are");
    ensure!(ours == theirs, "{feed} names other packages: {:?}", ours.symmetric_difference(&theirs).take(5).collect::<Vec<_>>());
    Ok(())
}
