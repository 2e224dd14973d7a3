use super::super::netlink::namespace;
use super::super::testing;
use super::*;
use crate::root::Root;
use proptest::prelude::*;

fn short(row: &Firewall) -> String {
    let text = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    format!("{} {} {:?} {} {} {:?}", row.kind, row.name, row.active, text(&row.hook), text(&row.policy), row.rules)
}

#[track_caller]
fn check(tree: &str, expected: &[&str]) {
    let tree = testing::plant(tree);
    let root = Root::new(tree.path());
    let scope = Scope::new(&root);
    let rows = collect(&scope).expect("collected");
    assert_eq!(rows.iter().map(short).collect::<Vec<_>>(), expected);
    assert!(scope.problems().is_some_and(|problems| problems.contains("nftables")));
}

#[test]
fn front_ends_tell_their_policy() {
    check(
        "=== /etc/ufw/ufw.conf\n# x\nENABLED=yes\nLOGLEVEL=low\n=== /etc/default/ufw\nIPV6=yes\nDEFAULT_INPUT_POLICY=\"DROP\"\n\
=== /etc/ufw/user.rules\n*filter\n### tuple ### allow tcp 22 0.0.0.0/0 any 0.0.0.0/0 in\n-A ufw-user-input -p tcp --dport 22 -j ACCEPT\n\
=== /etc/ufw/user6.rules\n### tuple ### allow tcp 22 ::/0 any ::/0 in\n",
        &["ufw ufw Some(true) - drop Some(2)"],
    );
    check("=== /etc/ufw/ufw.conf\nENABLED=no\n", &["ufw ufw Some(false) - - None"]);
    check("=== /etc/firewalld/firewalld.conf\nDefaultZone=internal\n", &["firewalld firewalld None - internal None"]);
}

#[test]
fn tables_of_iptables_are_named_by_family() {
    check(
        "=== /proc/net/ip_tables_names\nfilter\nnat\n=== /proc/net/ip6_tables_names\nfilter\n",
        &["iptables ip/filter Some(true) - - None", "iptables ip/nat Some(true) - - None", "iptables ip6/filter Some(true) - - None"],
    );
}

#[test]
fn a_tree_without_any_is_not_said_to_have_none() {
    let tree = testing::plant("=== /etc/\n");
    let root = Root::new(tree.path());
    assert!(matches!(collect(&Scope::new(&root)), Err(Failure::Skipped(_))));
}

#[test]
fn a_module_that_is_not_loaded_is_not_loaded_by_asking() {
    let module = "=== /proc/sys/kernel/osrelease\n6.1.0\n=== /lib/modules/6.1.0/modules.dep\nx\n";
    for (tree, expected) in [
        (module.to_owned(), true),
        (format!("{module}=== /sys/module/nf_tables/\n"), false),
        (format!("{module}=== /lib/modules/6.1.0/modules.builtin\nkernel/net/netfilter/nf_tables.ko\n"), false),
        ("=== /proc/sys/kernel/osrelease\n6.1.0\n".to_owned(), false),
    ] {
        let tree = testing::plant(&tree);
        let root = Root::new(tree.path());
        assert_eq!(may_be_loaded_by_asking(&Scope::new(&root)), expected);
    }
}

const RULES: &str = "
    nft add table inet filter
    nft add chain inet filter input { type filter hook input priority 0 ; policy drop ; }
    nft add chain inet filter allowed
    nft add rule inet filter allowed accept
    nft add rule inet filter input ct state established accept
    nft add rule inet filter input tcp dport 22 jump allowed
    nft add table ip nat
    nft add chain ip nat out { type nat hook postrouting priority 100 ; }
    nft add table ip6 off { flags dormant ; }
    nft add chain ip6 off forward { type filter hook forward priority 0 ; }";

#[test]
fn chains_are_those_that_nft_made() {
    namespace::inside("collect::firewall::tests::chains_are_those_that_nft_made", RULES, || {
        let root = Root::live();
        let scope = Scope::new(&root);
        let rows = collect(&scope).expect("collected");
        let Ok(output) = std::process::Command::new("nft").args(["list", "tables"]).output() else { return };
        // Kernels without one of the families, or without nftables at all.
        if !["inet filter", "ip nat", "ip6 off"].iter().all(|table| String::from_utf8_lossy(&output.stdout).contains(table)) {
            return;
        }
        let mut found: Vec<String> = rows.iter().filter(|row| row.kind == "nftables").map(short).collect();
        found.sort_unstable();
        let expected = [
            "nftables inet/filter/input Some(true) input drop Some(2)",
            "nftables ip/nat/out Some(true) postrouting accept Some(0)",
            "nftables ip6/off/forward Some(false) forward accept Some(0)",
        ];
        assert_eq!(found, expected);
        assert_eq!(scope.problems(), None);
    });
}

proptest! {
    #[test]
    fn no_text_panics(text in "((### tuple ###|ENABLED=|DefaultZone=)[ -~é\n]{0,12}){0,5}") {
        let _ = (setting(&text, "ENABLED"), count_of_rules(&text));
    }
}
