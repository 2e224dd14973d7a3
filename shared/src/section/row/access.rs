//! Access and security: accounts, keys, rules, certificates, controls.

use crate::Timestamp;
use crate::section::{Row, Texts};
use serde::{Deserialize, Serialize};

rows! {
    /// One local account.
    User {
        /// Login name.
        name: String,
        /// Numeric id.
        uid: u32,
        /// Numeric id of the primary group; not every source tells it.
        gid: Option<u32>,
        /// Full name or comment.
        comment: Option<String>,
        /// Home directory.
        home: Option<String>,
        /// Login shell.
        shell: Option<String>,
        /// Names of its groups, sorted.
        #[serde(default)]
        groups: Vec<String>,
        /// Whether a password log-in is impossible; unknown without the privilege to read it.
        locked: Option<bool>,
    } key(row) { row.name.clone() }

    /// One local group.
    Group {
        /// Name.
        name: String,
        /// Numeric id.
        gid: u32,
        /// Names of members beyond those whose primary group it is, sorted.
        #[serde(default)]
        members: Vec<String>,
    } key(row) { row.name.clone() }

    /// One public key that can log in or that names this host. Never the key itself.
    SshKey {
        /// `authorized` (may log in) or `host`.
        kind: String,
        /// Account that it opens; none for a host key.
        user: Option<String>,
        /// File it stands in.
        path: String,
        /// `ssh-ed25519`, `ssh-rsa`, ….
        key_type: String,
        /// Length of the key in bits, where the type does not fix it.
        bits: Option<u32>,
        /// `SHA256:` and base 64, as `ssh-keygen -l` prints.
        fingerprint: String,
        /// Comment.
        comment: Option<String>,
        /// Names of the options before the key, such as `command`, `from`, sorted; not their values.
        #[serde(default)]
        options: Vec<String>,
    } key(row) { format!("{}/{}/{}", row.user.as_deref().unwrap_or_default(), row.path, row.fingerprint) }

    /// One rule of sudo.
    Sudoer {
        /// File it stands in.
        path: String,
        /// User, `%group`, `#uid` or alias.
        who: String,
        /// Hosts it holds on.
        hosts: String,
        /// Users that commands may be run as; none for root.
        run_as: Option<String>,
        /// Commands.
        commands: String,
        /// Without asking for a password.
        no_password: bool,
    } key(row) { format!("{}/{}/{}/{}", row.path, row.who, row.run_as.as_deref().unwrap_or_default(), row.commands) }

    /// The last log-in of one account.
    Login {
        /// Account.
        user: String,
        /// When.
        last_login_at: Option<Timestamp>,
        /// From which host or address.
        from: Option<String>,
        /// On which terminal.
        terminal: Option<String>,
    } key(row) { row.user.clone() }

    /// One X.509 certificate.
    Certificate {
        /// SHA-256 of the DER form, lower-case hexadecimal.
        fingerprint: String,
        /// Subject, RFC 4514 style.
        subject: Option<String>,
        /// Issuer.
        issuer: Option<String>,
        /// Serial number, hexadecimal.
        serial: Option<String>,
        /// Subject alternative names, sorted.
        #[serde(default)]
        sans: Vec<String>,
        /// Valid from.
        not_before: Option<Timestamp>,
        /// Valid to.
        not_after: Option<Timestamp>,
        /// `rsa`, `ecdsa`, `ed25519`, ….
        key_type: Option<String>,
        /// Length of the key in bits.
        key_bits: Option<u32>,
        /// Signature algorithm, such as `sha256WithRSAEncryption`.
        signature: Option<String>,
        /// A certificate authority.
        is_ca: Option<bool>,
        /// Files it was found in, sorted.
        #[serde(default)]
        paths: Vec<String>,
        /// What names those files, such as `nginx`, `configuration`, sorted.
        #[serde(default)]
        used_by: Vec<String>,
        /// Whether it stands behind another one in every file it was found in: part of a chain, nothing that a server shows as its own.
        is_chain_only: bool,
    } key(row) { row.fingerprint.clone() }

    /// The state of one security control.
    Security {
        /// `selinux`, `apparmor`, `disk_encryption`, `secure_boot`, `password_policy`, `automatic_updates`, `antivirus`, `time_synchronisation`, `lockdown`, ….
        control: String,
        /// `enforcing`, `permissive`, `enabled`, `disabled`, `absent`, ….
        state: String,
        /// Further facts, sorted by name.
        #[serde(default)]
        facts: Vec<(String, String)>,
    } key(row) { row.control.clone() }

    /// One kernel setting that matters for security.
    Sysctl {
        /// With dots, such as `net.ipv4.ip_forward`.
        name: String,
        /// As the kernel shows it, blanks collapsed.
        value: String,
    } key(row) { row.name.clone() }
}
