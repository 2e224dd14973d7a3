//! Proxmox VE: one `VMID.conf` a machine of this node. Its containers are LXC's.

use super::super::Scope;
use super::super::text::tidy;
use super::{MACHINES, mac};
use rollcall_shared::section::VirtualMachine;

const FOLDER: &str = "/etc/pve/qemu-server";

/// The machines of this node.
pub(super) fn read(scope: &Scope<'_>) -> Vec<VirtualMachine> {
    let files = scope.list(FOLDER).into_iter().take(MACHINES);
    files
        .filter_map(|file| {
            let id = file.strip_suffix(".conf")?;
            let machine = parse(id, &scope.text_or_problem(&format!("{FOLDER}/{file}"))?);
            Some(VirtualMachine { state: state(scope, id), ..machine })
        })
        .collect()
}

fn state(scope: &Scope<'_>, id: &str) -> Option<String> {
    const RUNNING: &str = "/run/qemu-server";
    let runs = || {
        let pid: Option<u32> = scope.text(&format!("{RUNNING}/{id}.pid")).ok().flatten().and_then(|text| text.trim().parse().ok());
        pid.is_some_and(|pid| scope.root().exists(&format!("/proc/{pid}")))
    };
    scope.root().exists(RUNNING).then(|| if runs() { "running" } else { "shut_off" }.to_owned())
}

/// `key: value` lines; what follows a `[name]` are snapshots.
fn parse(id: &str, text: &str) -> VirtualMachine {
    let mut machine = VirtualMachine { runtime: "proxmox".to_owned(), id: id.to_owned(), autostart: Some(false), ..VirtualMachine::default() };
    let (mut cores, mut sockets): (u32, u32) = (1, 1);
    for (key, value) in text.lines().take_while(|line| !line.starts_with('[')).filter_map(|line| line.split_once(':')) {
        let value = value.trim();
        let mut options = value.split(',');
        let device = key.trim_end_matches(|character: char| character.is_ascii_digit());
        match (key, device) {
            ("name", _) => machine.name = tidy(value),
            ("cores", _) => cores = value.parse().unwrap_or(cores),
            ("sockets", _) => sockets = value.parse().unwrap_or(sockets),
            ("memory", _) => machine.memory_bytes = value.parse::<u64>().ok().and_then(|mebibytes| mebibytes.checked_mul(1 << 20)),
            ("onboot", _) => machine.autostart = Some(value == "1"),
            ("ostype", _) => machine.os = tidy(value),
            ("smbios1", _) => {
                let uuid = options.find_map(|option| option.strip_prefix("uuid="));
                machine.id = uuid.and_then(tidy).map_or(machine.id, |uuid| uuid.to_ascii_lowercase());
            }
            (_, "net") => machine.macs.extend(options.filter_map(|option| mac(option.split_once('=')?.1))),
            (_, "scsi" | "virtio" | "ide" | "sata") if !value.contains("media=cdrom") => machine.disks.extend(options.next().and_then(tidy)),
            _ => {}
        }
    }
    machine.vcpus = cores.checked_mul(sockets);
    machine.macs.sort_unstable();
    machine.disks.sort_unstable();
    machine
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_machine_is_read_without_its_snapshots() {
        let machine = parse(
            "100",
            "#note: x\nname: web\ncores: 2\nsockets: 2\nmemory: 4096\nonboot: 1\nostype: l26\nnet0: virtio=BC:24:11:00:00:01,bridge=vmbr0\nscsihw: virtio-scsi\n\
             scsi0: local-lvm:vm-100-disk-0,size=32G\nide2: none,media=cdrom\nsmbios1: uuid=0B4E2F6A-0000-4000-8000-000000000001\n[snap]\nname: old\n",
        );
        assert_eq!((machine.name.as_deref(), machine.vcpus, machine.memory_bytes, machine.autostart), (Some("web"), Some(4), Some(4 << 30), Some(true)));
        assert_eq!((machine.macs.as_slice(), machine.disks.as_slice()), (&["bc:24:11:00:00:01".to_owned()][..], &["local-lvm:vm-100-disk-0".to_owned()][..]));
        assert_eq!(machine.id, "0b4e2f6a-0000-4000-8000-000000000001");
    }

    proptest! {
        #[test]
        fn no_configuration_panics(text in "([a-z]{0,7}[0-9]{0,2}: ?[a-z0-9=,:é]{0,20}\n){0,10}") {
            let _ = parse("1", &text);
        }
    }
}
