//! PostgreSQL: Debian's clusters, and data directories in the places of other distributions and of the official images.

use super::super::Scope;
use super::super::text::tidy;
use super::super::web_servers::files::{Files, absolute, expanded, text};
use super::{addresses, settings};
use rollcall_shared::section::Database;
use std::collections::{BTreeMap, BTreeSet};

/// Configurations of Debian's clusters.
const CLUSTERS: &str = "/etc/postgresql/*/*/postgresql.conf";

/// Data directories elsewhere, each with its own configuration.
const DATA: [&str; 7] = [
    "/var/lib/pgsql/data",
    "/var/lib/pgsql/*/data",
    "/var/lib/postgresql/data",
    "/var/lib/postgresql/*/data",
    "/var/lib/postgresql/*/main",
    "/var/lib/postgres/data",
    "/usr/local/pgsql/data",
];

/// Clusters of one host.
const INSTANCES: usize = 200;

/// All clusters.
pub(super) fn read(scope: &Scope<'_>) -> Vec<Database> {
    let clusters = expanded(scope, CLUSTERS).into_iter().filter(|path| scope.root().exists(path)).take(INSTANCES);
    let mut found: Vec<Database> = clusters.map(|path| cluster(scope, &path, None)).collect();
    let known: BTreeSet<String> = found.iter().filter_map(|row| row.data_directory.clone()).collect();
    let elsewhere = DATA.iter().flat_map(|pattern| expanded(scope, pattern)).filter(|data| !known.contains(data));
    let there: BTreeSet<String> = elsewhere.filter(|data| scope.root().exists(&format!("{data}/PG_VERSION"))).take(INSTANCES).collect();
    found.extend(there.iter().map(|data| cluster(scope, &format!("{data}/postgresql.conf"), Some(data))));
    found
}

fn cluster(scope: &Scope<'_>, configuration: &str, data: Option<&str>) -> Database {
    let mut known: BTreeMap<String, String> = BTreeMap::new();
    let folder = configuration.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut files = Files::new(scope);
    settings_of(&mut files, configuration, folder, &mut known);
    let data = known.get("data_directory").cloned().or_else(|| data.map(str::to_owned));
    // What ALTER SYSTEM wrote counts over the file that people edit.
    if let Some(data) = &data {
        settings_of(&mut files, &format!("{data}/postgresql.auto.conf"), data, &mut known);
    }
    let process = data.as_deref().and_then(|data| text(scope, &format!("{data}/postmaster.pid"))).unwrap_or_default();
    let line = |number: usize| process.lines().nth(number).map(str::trim).filter(|line| !line.is_empty());
    let port: u16 = line(3).or(known.get("port").map(String::as_str)).and_then(|port| port.parse().ok()).unwrap_or(5432);
    let sockets = line(4).or(known.get("unix_socket_directories").map(String::as_str));
    let configured = addresses(known.get("listen_addresses").map_or("localhost", String::as_str));
    // The server notes the first of its addresses only; when it is none of those configured, its command line said otherwise.
    let first = line(5).map(addresses).filter(|first| !first.iter().all(|address| configured.contains(address)));
    Database {
        engine: "postgresql".to_owned(),
        version: data.as_deref().and_then(|data| scope.attribute(&format!("{data}/PG_VERSION"))).or_else(|| version_of(configuration)),
        port: Some(port),
        socket: sockets.and_then(|folders| tidy(folders.split(',').next()?)).map(|folder| format!("{folder}/.s.PGSQL.{port}")),
        addresses: first.unwrap_or(configured),
        configuration: Some(configuration.to_owned()).filter(|path| scope.root().exists(path)),
        data_directory: data.as_deref().and_then(tidy),
        ..Database::default()
    }
}

/// Settings of a file and those that it includes; the last one of a name counts.
fn settings_of(files: &mut Files<'_>, path: &str, folder: &str, known: &mut BTreeMap<String, String>) {
    files.each(path, &mut |files, text| {
        for (key, value) in settings::plain(text) {
            match key {
                "include" | "include_if_exists" => settings_of(files, &absolute(folder, value), folder, known),
                "include_dir" => settings_of(files, &format!("{}/*.conf", absolute(folder, value)), folder, known),
                "data_directory" | "port" | "unix_socket_directories" | "listen_addresses" => {
                    known.insert(key.to_owned(), value.to_owned());
                }
                _ => {}
            }
        }
    });
}

/// Debian's path names the version.
fn version_of(path: &str) -> Option<String> {
    tidy(path.strip_prefix("/etc/postgresql/")?.split('/').next()?)
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::plant;
    use super::*;
    use crate::root::Root;

    #[test]
    fn clusters_are_read_with_what_overrides_their_files() {
        let directory = plant(
            "=== /etc/postgresql/15/main/postgresql.conf\ndata_directory = '/var/lib/postgresql/15/main'\nport = 5433 # x\ninclude_dir = 'conf.d'\nunix_socket_directories = '/var/run/postgresql, /tmp'\n\
             === /etc/postgresql/15/main/conf.d/a.conf\nlisten_addresses = '10.0.0.1'\n\
             === /var/lib/postgresql/15/main/PG_VERSION\n15\n=== /var/lib/postgresql/15/main/postgresql.auto.conf\nlisten_addresses = '*'\n\
             === /var/lib/pgsql/data/PG_VERSION\n13\n=== /var/lib/pgsql/data/postgresql.conf\n#port = 1\n\
             === /var/lib/pgsql/data/postmaster.pid\n77\n/var/lib/pgsql/data\n1700000000\n5440\n/run/postgresql\n10.0.0.2\n",
        );
        let root = Root::new(directory.path());
        let rows = read(&Scope::new(&root));
        let short: Vec<_> = rows.iter().map(|row| (row.version.as_deref(), row.port, row.socket.as_deref(), row.addresses.join(" "))).collect();
        let expected = [
            (Some("15"), Some(5433), Some("/var/run/postgresql/.s.PGSQL.5433"), "0.0.0.0 ::".to_owned()),
            (Some("13"), Some(5440), Some("/run/postgresql/.s.PGSQL.5440"), "10.0.0.2".to_owned()),
        ];
        assert_eq!(short, expected);
    }

    #[test]
    fn a_running_server_notes_the_first_of_its_addresses_only() {
        let listens = |configured: &str, noted: &str| {
            let directory = plant(&format!(
                "=== /var/lib/pgsql/data/PG_VERSION = 16\n=== /var/lib/pgsql/data/postgresql.conf = {configured}\n\
                 === /var/lib/pgsql/data/postmaster.pid\n77\n/var/lib/pgsql/data\n1700000000\n5432\n/run/postgresql\n{noted}\n",
            ));
            let root = Root::new(directory.path());
            read(&Scope::new(&root)).first().map(|row| row.addresses.join(" ")).unwrap_or_default()
        };
        assert_eq!(listens("listen_addresses = '127.0.0.1,198.51.100.10'", "127.0.0.1"), "127.0.0.1 198.51.100.10");
        assert_eq!(listens("listen_addresses = 'localhost'", "*"), "0.0.0.0 ::");
        assert_eq!(listens("#listen_addresses = '*'", "localhost"), "127.0.0.1 ::1");
    }
}
