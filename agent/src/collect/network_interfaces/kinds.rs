//! What kind of interface one is, and which are noise.

/// Names that container runtimes and virtual machine managers give to the interfaces they make by the dozen.
pub(crate) fn is_noise(name: &str) -> bool {
    const PREFIXES: [&str; 17] = [
        "veth", "docker", "cali", "cni", "flannel", "cilium_", "lxc", "vnet", "podman", "ifb", "qbr", "qvb", "qvo", "fwbr", "fwpr", "fwln", "azv",
    ];
    const NAMES: [&str; 4] = ["cbr0", "kube-ipvs0", "nodelocaldns", "virbr0-nic"];
    let hexadecimal = |id: &str, length: usize| id.len() == length && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    let has_id = |prefix: &str, length: usize| name.strip_prefix(prefix).is_some_and(|id| hexadecimal(id, length));
    // Docker's and nerdctl's networks, the pods of Amazon's and Google's clusters.
    let of_container = has_id("br-", 12) || has_id("eni", 11) || has_id("gke", 11);
    of_container || is_tap_of_guest(name) || NAMES.contains(&name) || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// Proxmox: `tap100i0`; OpenStack: `tap0123abcd-ef`.
fn is_tap_of_guest(name: &str) -> bool {
    let Some(rest) = name.strip_prefix("tap") else { return false };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let of_port = rest.len() == 11 && rest.split_once('-').is_some_and(|(id, _)| id.len() == 8) && rest.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit());
    of_port || rest.split_once('i').is_some_and(|(guest, interface)| digits(guest) && digits(interface))
}

/// By the kernel's word for links made by software, else by the number of the link layer (`ARPHRD_*`).
pub(super) fn name(software_kind: Option<&str>, layer: u16, is_wireless: impl Fn() -> bool) -> String {
    const ETHER: u16 = 1;
    const LOOPBACK: u16 = 772;
    let name = match (software_kind, layer) {
        (_, LOOPBACK) => "loopback",
        (Some("ipip" | "sit" | "gre" | "gretap" | "erspan" | "ip6tnl" | "ip6gre" | "ip6gretap" | "ip6erspan" | "vti" | "vti6" | "xfrm"), _) => "tunnel",
        // Ports of a switch on the board, and InfiniBand's: devices that the kernel has a word for all the same.
        (Some("dsa"), _) => "ethernet",
        (Some("ipoib"), _) => "infiniband",
        (Some("rmnet"), _) => "wwan",
        (Some(kind), _) => kind,
        (None, ETHER) if is_wireless() => "wifi",
        (None, ETHER) => "ethernet",
        (None, 32) => "infiniband",
        (None, 280) => "can",
        (None, 512) => "ppp",
        (None, 519) => "wwan",
        (None, 801..=803) => "wifi",
        (None, 768 | 769 | 776 | 778 | 823 | 65_534) => "tunnel",
        (None, _) => "other",
    };
    name.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn per_container_interfaces_are_noise() {
        for name in ["veth12ab", "docker0", "br-0123456789ab", "cali123", "cni0", "vnet3", "tap100i0", "tap0123abcd-ef", "fwbr100i0", "eni0123456789a"] {
            assert!(is_noise(name), "{name}");
        }
        for name in ["eth0", "br0", "br-lan", "bond0", "wlan0", "lo", "virbr0", "tap0", "tun0", "vxlan.calico", "enp3s0", "enx001122334455", "tapi"] {
            assert!(!is_noise(name), "{name}");
        }
    }

    #[test]
    fn the_kernels_word_comes_before_the_link_layer() {
        for (kind, layer, is_wireless, expected) in [
            (Some("bond"), 1, false, "bond"),
            (Some("wireguard"), 65_534, false, "wireguard"),
            (Some("sit"), 776, false, "tunnel"),
            (Some("dsa"), 1, false, "ethernet"),
            (None, 1, true, "wifi"),
            (None, 1, false, "ethernet"),
            (None, 772, false, "loopback"),
            (None, 9, false, "other"),
        ] {
            assert_eq!(name(kind, layer, || is_wireless), expected);
        }
    }

    proptest! {
        #[test]
        fn no_name_panics(text in "(tap|br-|eni)?[a-fi0-9é-]{0,14}") {
            let _ = is_noise(&text);
        }
    }
}
