//! Kernel settings that matter for security and capacity, from `/proc/sys`: a fixed list, for most of the thousand others change by
//! themselves or say nothing about how a host is meant to be.

use super::text::tidy;
use super::{Failure, Scope};
use rollcall_shared::section::Sysctl;

/// What hardening guides ask for and what bounds capacity. A dot is a folder; a name that a kernel does not know is left out.
const NAMES: &[&str] = &[
    "fs.aio-max-nr",
    "fs.file-max",
    "fs.inotify.max_user_instances",
    "fs.inotify.max_user_watches",
    "fs.nr_open",
    "fs.protected_fifos",
    "fs.protected_hardlinks",
    "fs.protected_regular",
    "fs.protected_symlinks",
    "fs.suid_dumpable",
    "kernel.core_pattern",
    "kernel.core_uses_pid",
    "kernel.ctrl-alt-del",
    "kernel.dmesg_restrict",
    "kernel.io_uring_disabled",
    "kernel.kexec_load_disabled",
    "kernel.kptr_restrict",
    "kernel.modules_disabled",
    "kernel.msgmax",
    "kernel.msgmnb",
    "kernel.panic",
    "kernel.panic_on_oops",
    "kernel.perf_event_paranoid",
    "kernel.pid_max",
    "kernel.randomize_va_space",
    "kernel.sem",
    "kernel.shmall",
    "kernel.shmmax",
    "kernel.shmmni",
    "kernel.sysrq",
    "kernel.threads-max",
    "kernel.unprivileged_bpf_disabled",
    "kernel.unprivileged_userns_clone",
    "kernel.yama.ptrace_scope",
    "net.core.bpf_jit_harden",
    "net.core.default_qdisc",
    "net.core.netdev_max_backlog",
    "net.core.rmem_max",
    "net.core.somaxconn",
    "net.core.wmem_max",
    "net.ipv4.conf.all.accept_redirects",
    "net.ipv4.conf.all.accept_source_route",
    "net.ipv4.conf.all.arp_announce",
    "net.ipv4.conf.all.arp_ignore",
    "net.ipv4.conf.all.forwarding",
    "net.ipv4.conf.all.log_martians",
    "net.ipv4.conf.all.rp_filter",
    "net.ipv4.conf.all.secure_redirects",
    "net.ipv4.conf.all.send_redirects",
    "net.ipv4.conf.default.accept_redirects",
    "net.ipv4.conf.default.accept_source_route",
    "net.ipv4.conf.default.log_martians",
    "net.ipv4.conf.default.rp_filter",
    "net.ipv4.conf.default.secure_redirects",
    "net.ipv4.conf.default.send_redirects",
    "net.ipv4.icmp_echo_ignore_all",
    "net.ipv4.icmp_echo_ignore_broadcasts",
    "net.ipv4.icmp_ignore_bogus_error_responses",
    "net.ipv4.ip_forward",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.ip_nonlocal_bind",
    "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.tcp_congestion_control",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_max_syn_backlog",
    "net.ipv4.tcp_rfc1337",
    "net.ipv4.tcp_rmem",
    "net.ipv4.tcp_syncookies",
    "net.ipv4.tcp_timestamps",
    "net.ipv4.tcp_tw_reuse",
    "net.ipv4.tcp_wmem",
    "net.ipv6.conf.all.accept_ra",
    "net.ipv6.conf.all.accept_redirects",
    "net.ipv6.conf.all.accept_source_route",
    "net.ipv6.conf.all.disable_ipv6",
    "net.ipv6.conf.all.forwarding",
    "net.ipv6.conf.default.accept_ra",
    "net.ipv6.conf.default.accept_redirects",
    "net.ipv6.conf.default.accept_source_route",
    "net.ipv6.conf.default.disable_ipv6",
    "net.netfilter.nf_conntrack_max",
    "user.max_user_namespaces",
    "vm.dirty_background_ratio",
    "vm.dirty_ratio",
    "vm.max_map_count",
    "vm.min_free_kbytes",
    "vm.mmap_min_addr",
    "vm.nr_hugepages",
    "vm.overcommit_memory",
    "vm.overcommit_ratio",
    "vm.panic_on_oom",
    "vm.swappiness",
    "vm.unprivileged_userfaultfd",
    "vm.vfs_cache_pressure",
    "vm.zone_reclaim_mode",
];

/// Collects the section.
pub(crate) fn collect(scope: &Scope<'_>) -> Result<Vec<Sysctl>, Failure> {
    const FOLDER: &str = "/proc/sys";
    if !scope.root().exists(FOLDER) {
        return Err(Failure::Skipped(format!("there is no {FOLDER}")));
    }
    let read = |name: &&str| {
        let value = scope.attribute(&format!("{FOLDER}/{}", name.replace('.', "/")))?;
        Some(Sysctl { name: (*name).to_owned(), value: tidy(&value.split_whitespace().collect::<Vec<_>>().join(" "))? })
    };
    Ok(NAMES.iter().filter_map(read).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::testing::plant;
    use crate::root::Root;

    #[test]
    fn the_list_is_in_order_and_names_nothing_twice() {
        assert!(NAMES.is_sorted_by(|a, b| a < b));
    }

    #[test]
    fn settings_are_read_with_blanks_collapsed_and_others_left_out() {
        let tree = plant(
            "=== /proc/sys/net/ipv4/ip_local_port_range\n32768\t60999\n=== /proc/sys/fs/file-max\n9223372036854775807\n=== /proc/sys/kernel/random/uuid\nx\n",
        );
        let root = Root::new(tree.path());
        let rows = collect(&Scope::new(&root)).expect("collected");
        let short: Vec<_> = rows.iter().map(|row| (row.name.as_str(), row.value.as_str())).collect();
        assert_eq!(short, [("fs.file-max", "9223372036854775807"), ("net.ipv4.ip_local_port_range", "32768 60999")]);
    }

    #[test]
    fn a_tree_without_proc_is_skipped() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        assert!(matches!(collect(&Scope::new(&Root::new(directory.path()))), Err(Failure::Skipped(_))));
    }
}
