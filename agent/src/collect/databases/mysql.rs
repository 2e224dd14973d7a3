//! MySQL and MariaDB: the server's groups of the option files, and the mark that the last upgrade left.

use super::super::Scope;
use super::super::text::tidy;
use super::super::web_servers::files::Files;
use super::{addresses, settings};
use rollcall_shared::section::Database;
use std::collections::BTreeMap;

/// Option files; the first that is there includes the others.
const OPTIONS: [&str; 3] = ["/etc/mysql/my.cnf", "/etc/my.cnf", "/usr/local/mysql/my.cnf"];

/// The server, without which option files are a client's.
const SERVERS: [(&str, &str); 6] = [
    ("/usr/sbin/mariadbd", "mariadb"),
    ("/usr/libexec/mariadbd", "mariadb"),
    ("/usr/bin/mariadbd", "mariadb"),
    ("/usr/sbin/mysqld", "mysql"),
    ("/usr/libexec/mysqld", "mysql"),
    ("/usr/local/mysql/bin/mysqld", "mysql"),
];

/// The instance that option files describe; none where there is no server.
pub(super) fn read(scope: &Scope<'_>) -> Option<Database> {
    let (_, engine) = SERVERS.iter().find(|(path, _)| scope.root().exists(path))?;
    let mut known: BTreeMap<String, String> = BTreeMap::new();
    let configuration = OPTIONS.iter().find(|path| scope.root().exists(path));
    if let Some(path) = configuration {
        options(&mut Files::new(scope), path, &mut known);
    }
    let data = known.get("datadir").map_or("/var/lib/mysql", |data| data.trim_end_matches('/'));
    let version = ["mariadb_upgrade_info", "mysql_upgrade_info"].iter().find_map(|name| scope.text(&format!("{data}/{name}")).ok().flatten());
    let has_network = !known.contains_key("skip-networking");
    let listens = known.get("bind-address").map_or("*", String::as_str);
    Some(Database {
        engine: (*engine).to_owned(),
        version: version.and_then(|text| tidy(text.lines().next()?.split('-').next()?)),
        data_directory: tidy(data),
        port: has_network.then(|| known.get("port").and_then(|port| port.parse().ok()).unwrap_or(3306)),
        socket: known.get("socket").and_then(|path| tidy(path)),
        addresses: if has_network { addresses(listens) } else { Vec::new() },
        configuration: configuration.map(|path| (*path).to_owned()),
        ..Database::default()
    })
}

/// Settings of the groups that the server reads; a later one counts.
fn options(files: &mut Files<'_>, path: &str, known: &mut BTreeMap<String, String>) {
    files.each(path, &mut |files, text| {
        let mut is_servers = false;
        for line in text.lines().map(str::trim) {
            if let Some(group) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
                is_servers = is_read_by_servers(group);
            } else if let Some(folder) = line.strip_prefix("!includedir") {
                options(files, &format!("{}/*.cnf", folder.trim().trim_end_matches('/')), known);
            } else if let Some(path) = line.strip_prefix("!include") {
                options(files, path.trim(), known);
            } else if is_servers {
                let (key, value) = settings::plain(line).next().unwrap_or((line, ""));
                let key = key.replace('_', "-");
                if matches!(key.as_str(), "port" | "bind-address" | "datadir" | "socket" | "skip-networking") {
                    known.insert(key, value.to_owned());
                }
            }
        }
    });
}

/// Groups of one version, such as `mysqld-8.0` and `mariadb-10.11`, count as well; those of `mysqldump` or `mariadb-admin` do not.
fn is_read_by_servers(group: &str) -> bool {
    let of_version = || group.rsplit_once('-').filter(|(_, version)| version.starts_with(|c: char| c.is_ascii_digit())).map(|(name, _)| name);
    ["server", "client-server", "galera"].contains(&group) || ["mysqld", "mariadb", "mariadbd"].contains(&of_version().unwrap_or(group))
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::plant;
    use super::*;
    use crate::root::Root;

    #[test]
    fn the_servers_groups_count_and_a_client_is_no_server() {
        const FILES: &str = "=== /etc/mysql/my.cnf\n[client-server]\nsocket = /run/client.sock\n!includedir /etc/mysql/conf.d/\n\
             === /etc/mysql/conf.d/50-server.cnf\n[mysqld]\nbind_address = 127.0.0.1\nport=3307\nsocket = /run/mysqld/mysqld.sock\n[client]\nport = 1\npassword = hunter2\n\
             === /var/lib/mysql/mysql_upgrade_info\n10.11.6-MariaDB\n";
        let check = |tree: &str, expected: Option<(&str, Option<&str>, Option<u16>, &str)>| {
            let directory = plant(tree);
            let root = Root::new(directory.path());
            let row = read(&Scope::new(&root));
            let short = row.as_ref().map(|row| (row.engine.as_str(), row.version.as_deref(), row.port, row.socket.as_deref().unwrap_or_default()));
            assert_eq!(short, expected);
        };
        check(FILES, None);
        check(&format!("{FILES}=== /usr/sbin/mariadbd\nx\n"), Some(("mariadb", Some("10.11.6"), Some(3307), "/run/mysqld/mysqld.sock")));
        check("=== /usr/sbin/mysqld\nx\n=== /etc/my.cnf\n[mysqld]\nskip-networking\n", Some(("mysql", None, None, "")));
    }

    #[test]
    fn groups_of_other_programs_are_not_the_servers() {
        let of_servers = ["server", "client-server", "mysqld", "mysqld-8.0", "mariadb", "mariadb-10.11", "mariadbd", "mariadbd-11.8", "galera"];
        assert!(of_servers.iter().all(|group| is_read_by_servers(group)));
        let of_others = ["client", "mysqldump", "mysqld_safe", "mariadb-client", "mariadb-admin", "mariadb-dump", "mysql", ""];
        assert!(!of_others.iter().any(|group| is_read_by_servers(group)));
    }
}
