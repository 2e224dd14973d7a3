//! Guests: containers, images, virtual machines.

use crate::Timestamp;
use crate::section::{Row, Texts};
use serde::{Deserialize, Serialize};

/// A published port of a container.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublishedPort {
    /// Port inside the container.
    pub container_port: u16,
    /// Port on the host, when published.
    pub host_port: Option<u16>,
    /// `tcp`, `udp` or `sctp`.
    pub protocol: String,
}

rows! {
    /// One container.
    Container {
        /// `docker`, `podman`, `containerd`, `cri-o`, `lxc`, `lxd`, `incus`, `systemd-nspawn`.
        runtime: String,
        /// Id within the runtime.
        id: String,
        /// Name.
        name: Option<String>,
        /// Image reference.
        image: Option<String>,
        /// Image digest.
        image_digest: Option<String>,
        /// `running`, `exited`, `created`, `paused`, `stopped`, …: never how long.
        state: Option<String>,
        /// When it was created.
        created_at: Option<Timestamp>,
        /// Published ports, sorted.
        #[serde(default)]
        ports: Vec<PublishedPort>,
        /// Labels, sorted.
        #[serde(default)]
        labels: Vec<(String, String)>,
    } key(row) { format!("{}/{}", row.runtime, row.id) }

    /// One container image.
    Image {
        /// `docker`, `podman`.
        runtime: String,
        /// Image id.
        id: String,
        /// Repository tags, sorted.
        #[serde(default)]
        tags: Vec<String>,
        /// Repository digests, sorted.
        #[serde(default)]
        digests: Vec<String>,
        /// Size.
        size_bytes: Option<u64>,
        /// When it was built.
        created_at: Option<Timestamp>,
    } key(row) { format!("{}/{}", row.runtime, row.id) }

    /// One virtual machine that this host runs or has defined.
    VirtualMachine {
        /// `libvirt`, `proxmox`, `lxd`, `incus`, `qemu`, `firecracker`, `cloud_hypervisor`.
        runtime: String,
        /// UUID, lower-case with dashes; else the runtime's id.
        id: String,
        /// Name.
        name: Option<String>,
        /// `running`, `shut_off`, `paused`.
        state: Option<String>,
        /// Virtual processors.
        vcpus: Option<u32>,
        /// Memory.
        memory_bytes: Option<u64>,
        /// Hardware addresses, lower-case with colons, sorted.
        #[serde(default)]
        macs: Vec<String>,
        /// Disk images and devices, sorted.
        #[serde(default)]
        disks: Vec<String>,
        /// Started with the host.
        autostart: Option<bool>,
        /// Operating system as the definition says.
        os: Option<String>,
    } key(row) { format!("{}/{}", row.runtime, row.id) }
}
