use super::*;
use crate::collect::testing::plant;
use crate::root::Root;

fn gather(tree: &str) -> Vec<String> {
    let tree = plant(tree);
    let root = Root::new(tree.path());
    let rows = collect(&Scope::new(&root)).expect("collected");
    assert!(rows.iter().all(|row| row.facts.is_sorted()), "facts are sorted");
    let facts = |row: &Security| row.facts.iter().map(|(name, value)| format!(" {name}={value}")).collect::<String>();
    rows.iter().map(|row| format!("{} {}{}", row.control, row.state, facts(row))).collect()
}

#[track_caller]
fn check(tree: &str, expected: &[&str]) {
    let found = gather(tree);
    for line in expected {
        assert!(found.iter().any(|one| one == line), "{line:?} is not among {found:#?}");
    }
}

#[test]
fn the_kernels_controls_are_read() {
    check(
        "=== /etc/x\n=== /sys/kernel/x\n=== /sys/fs/selinux/enforce\n1\n=== /etc/selinux/config\n# x\nSELINUX=Permissive\nSELINUXTYPE=targeted\n\
         === /sys/module/apparmor/parameters/enabled\nN\n=== /sys/kernel/security/lockdown\nnone [integrity] confidentiality\n\
         === /sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c (hex)\n0600000001\n\
         === /proc/sys/kernel/core_pattern\n|/usr/lib/systemd/systemd-coredump %P\n=== /proc/sys/fs/suid_dumpable\n0\n=== /etc/systemd/coredump.conf\n[Coredump]\n#Storage=external\nStorage=none\n",
        &[
            "selinux enforcing configured=permissive policy=targeted",
            "apparmor disabled",
            "lockdown enabled mode=integrity",
            "secure_boot enabled",
            "core_dumps handled pattern=|/usr/lib/systemd/systemd-coredump %P storage=none suid_dumpable=0",
            "antivirus absent",
        ],
    );
}

#[test]
fn what_nothing_speaks_of_is_left_out_or_absent() {
    assert_eq!(gather("=== /etc/x\n"), ["antivirus absent", "time_synchronisation absent", "audit absent", "ssh absent"]);
}

#[test]
fn profiles_are_counted_by_mode() {
    check(
        "=== /etc/x\n=== /sys/module/apparmor/parameters/enabled\nY\n=== /sys/kernel/security/apparmor/profiles\na (enforce)\nb//c (enforce)\nd (complain)\n",
        &["apparmor enabled complain_profiles=1 enforce_profiles=2"],
    );
}

#[test]
fn a_root_on_a_crypt_device_is_encrypted() {
    check(
        "=== /etc/x\n=== /proc/self/mountinfo\n1 0 254:1 / / rw - ext4 /dev/mapper/vg-root rw\n2 1 8:1 / /boot rw - ext4 /dev/sda1 rw\n\
         === /sys/dev/block/254:1/dm/uuid\nLVM-x\n=== /sys/dev/block/254:1/slaves/dm-0/x\n=== /sys/class/block/dm-0/dev\n254:0\n=== /sys/dev/block/8:1/dev\n8:1\n\
         === /sys/dev/block/254:0/dm/uuid\nCRYPT-LUKS2-y\n=== /sys/block/dm-0/dm/uuid\nCRYPT-LUKS2-y\n",
        &["disk_encryption enabled devices=1 mount_points=/"],
    );
}

#[test]
fn the_policy_for_passwords_comes_from_three_places() {
    check(
        "=== /etc/login.defs\n# PASS_MAX_DAYS 1\nPASS_MAX_DAYS\t90\nENCRYPT_METHOD YESCRYPT\n=== /etc/security/pwquality.conf\n# minlen = 8\nminlen = 12\n\
         === /etc/security/pwquality.conf.d/50.conf\nminlen=14\n=== /etc/pam.d/common-password\npassword requisite pam_pwquality.so retry=3 ucredit=-1\n\
         password [success=1 default=ignore] pam_unix.so obscure remember=5\n#password required pam_passwdqc.so\n",
        &[
            "password_policy enabled encrypt_method=YESCRYPT modules=pam_pwquality.so pass_max_days=90 pwquality_minlen=14 pwquality_ucredit=-1 unix_remember=5",
        ],
    );
}

#[test]
fn services_are_told_by_their_units_and_links() {
    check(
        "=== /usr/lib/systemd/system/chrony.service\n[Unit]\n=== /etc/systemd/system/multi-user.target.wants/chrony.service -> /usr/lib/systemd/system/chrony.service\n\
         === /usr/lib/systemd/system/systemd-timesyncd.service\n=== /usr/lib/systemd/system/auditd.service\n=== /etc/audit/rules.d/a.rules\n-D\n-w /etc/passwd -p wa\n-a always,exit\n\
         === /etc/systemd/system/multi-user.target.wants/mdatp.service -> /usr/lib/systemd/system/mdatp.service\n\
         === /etc/init.d/clamav-daemon\n=== /etc/rc2.d/S01clamav-daemon -> ../init.d/clamav-daemon\n",
        &[
            "time_synchronisation enabled enabled=chrony installed=chrony systemd-timesyncd",
            "audit disabled installed=auditd rules=2",
            "antivirus enabled enabled=clamav installed=clamav",
        ],
    );
}

#[test]
fn updates_install_themselves_only_where_they_are_told_to() {
    check(
        "=== /usr/bin/unattended-upgrade\n=== /etc/apt/apt.conf.d/20auto-upgrades\nAPT::Periodic::Unattended-Upgrade \"1\";\n\
         === /etc/apt/apt.conf.d/99off.conf\nAPT::Periodic::Unattended-Upgrade \"0\";\n",
        &["automatic_updates disabled programs=unattended-upgrades"],
    );
    check(
        "=== /etc/dnf/automatic.conf\n[commands]\napply_updates = yes\n=== /usr/lib/systemd/system/dnf-automatic.timer\n\
         === /etc/systemd/system/timers.target.wants/dnf-automatic.timer -> /usr/lib/systemd/system/dnf-automatic.timer\n",
        &["automatic_updates enabled programs=dnf-automatic"],
    );
    check("=== /etc/apk/world\n", &["automatic_updates absent"]);
}

#[test]
fn the_ssh_server_is_described_with_its_own_defaults() {
    let found = gather(
        "=== /usr/lib/systemd/system/ssh.service\n=== /etc/systemd/system/multi-user.target.wants/ssh.service -> /x\n=== /etc/ssh/sshd_config\nPermitRootLogin without-password\nPermitRootLogin yes\nAllowUsers ann bob\nMatch User x\nPasswordAuthentication no\n",
    );
    let ssh = found.iter().find(|row| row.starts_with("ssh ")).expect("a row");
    for fact in ["ssh enabled", "permit_root_login=prohibit-password", "password_authentication=yes", "allow_users=ann bob", "port=22"] {
        assert!(ssh.contains(fact), "{fact} is not in {ssh}");
    }
}
