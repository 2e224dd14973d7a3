//! The rules that Rollcall brings: the same product under the names that distributions give it.
//!
//! They come after the rules of people and say nothing of categories. Their ids are the last ones that there are: drawn ids begin with
//! the time.

use super::{Pattern, Rule};
use crate::id::SoftwareRuleId;
use std::sync::LazyLock;

/// Position of the first; those of people are below.
pub const POSITION: u32 = 1_000_000;

/// Manager or nothing, name, product, vendor, edition.
const RULES: [(&str, &str, &str, &str, &str); 44] = [
    ("dpkg", "linux-image-*", "Linux kernel", "", ""),
    ("rpm", "kernel", "Linux kernel", "", ""),
    ("rpm", "kernel-core", "Linux kernel", "", ""),
    ("rpm", "kernel-default", "Linux kernel", "", ""),
    ("apk", "linux-lts", "Linux kernel", "", ""),
    ("apk", "linux-virt", "Linux kernel", "", ""),
    ("pacman", "linux", "Linux kernel", "", ""),
    ("pacman", "linux-lts", "Linux kernel", "", ""),
    ("", "openssl", "OpenSSL", "OpenSSL", ""),
    ("dpkg", "libssl3*", "OpenSSL", "OpenSSL", ""),
    ("dpkg", "libssl1.*", "OpenSSL", "OpenSSL", ""),
    ("rpm", "openssl-libs", "OpenSSL", "OpenSSL", ""),
    ("apk", "libssl3", "OpenSSL", "OpenSSL", ""),
    ("dpkg", "libc6", "GNU C Library", "GNU", ""),
    ("rpm", "glibc", "GNU C Library", "GNU", ""),
    ("pacman", "glibc", "GNU C Library", "GNU", ""),
    ("", "openssh-server", "OpenSSH", "OpenBSD", "server"),
    ("", "openssh-client*", "OpenSSH", "OpenBSD", "client"),
    ("dpkg", "python3.?", "Python", "Python Software Foundation", ""),
    ("dpkg", "python3.??", "Python", "Python Software Foundation", ""),
    ("rpm", "python3.??", "Python", "Python Software Foundation", ""),
    ("dpkg", "openjdk-*-jdk*", "OpenJDK", "OpenJDK", "JDK"),
    ("dpkg", "openjdk-*-jre*", "OpenJDK", "OpenJDK", "JRE"),
    ("rpm", "java-*-openjdk-devel", "OpenJDK", "OpenJDK", "JDK"),
    ("rpm", "java-*-openjdk*", "OpenJDK", "OpenJDK", "JRE"),
    ("dpkg", "postgresql-??", "PostgreSQL", "PostgreSQL Global Development Group", "server"),
    ("rpm", "postgresql*-server", "PostgreSQL", "PostgreSQL Global Development Group", "server"),
    ("", "mysql-server*", "MySQL", "Oracle", "server"),
    ("rpm", "mysql-community-server", "MySQL", "Oracle", "server"),
    ("", "mariadb-server*", "MariaDB", "MariaDB Foundation", "server"),
    ("", "redis-server", "Redis", "Redis", ""),
    ("", "nginx", "nginx", "F5", ""),
    ("dpkg", "apache2", "Apache HTTP Server", "Apache Software Foundation", ""),
    ("rpm", "httpd", "Apache HTTP Server", "Apache Software Foundation", ""),
    ("", "nodejs", "Node.js", "OpenJS Foundation", ""),
    ("", "docker-ce", "Docker Engine", "Docker", "community"),
    ("dpkg", "docker.io", "Docker Engine", "Docker", "community"),
    ("", "containerd*", "containerd", "Cloud Native Computing Foundation", ""),
    ("", "google-chrome-stable", "Google Chrome", "Google", "stable"),
    ("", "google-chrome-beta", "Google Chrome", "Google", "beta"),
    ("dpkg", "firefox-esr", "Mozilla Firefox", "Mozilla", "ESR"),
    ("", "firefox", "Mozilla Firefox", "Mozilla", ""),
    ("", "thunderbird", "Mozilla Thunderbird", "Mozilla", ""),
    ("dpkg", "libreoffice-core*", "LibreOffice", "The Document Foundation", ""),
];

/// All of them, in the order in which they count.
pub fn rules() -> &'static [Rule] {
    static READ: LazyLock<Vec<Rule>> = LazyLock::new(|| RULES.iter().zip(1_u32..).map(|(row, number)| rule(*row, number)).collect());
    &READ
}

fn rule((manager, name, product, vendor, edition): (&str, &str, &str, &str, &str), number: u32) -> Rule {
    let said = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    Rule {
        id: SoftwareRuleId(u128::MAX - u128::from(number)),
        position: POSITION + number,
        pattern: Pattern { manager: said(manager), name: said(name), vendor: None },
        product: said(product),
        vendor: said(vendor),
        edition: said(edition),
        category: None,
        reason: Some("as distributions name it".to_owned()),
    }
}
