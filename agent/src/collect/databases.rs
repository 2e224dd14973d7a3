//! Database instances: what their configuration files and data directories say, and the processes that confirm it.
//!
//! One row an instance, whatever tells of it. Passwords that configurations hold are not read into anything; no database is connected
//! to. A process without a configuration that is known (a container, another path) is an instance with the ports it listens on.

use super::processes::Daemon;
use super::{Failure, Scope, listeners, processes};
use rollcall_shared::section::{Database, Listener};
use std::cell::OnceCell;

mod mysql;
mod postgresql;
mod settings;
mod simple;

/// Instances on one host.
const INSTANCES: usize = 1_000;

/// Short names of processes (15 bytes are all that the kernel keeps), and whose they are. Java is told by its arguments.
const PROCESSES: [(&str, &str); 22] = [
    ("postgres", "postgresql"),
    ("postmaster", "postgresql"),
    ("mysqld", "mysql"),
    ("mariadbd", "mariadb"),
    ("redis-server", "redis"),
    ("valkey-server", "valkey"),
    ("keydb-server", "keydb"),
    ("mongod", "mongodb"),
    ("mongos", "mongodb"),
    ("memcached", "memcached"),
    ("etcd", "etcd"),
    ("influxd", "influxdb"),
    ("clickhouse-serv", "clickhouse"),
    ("sqlservr", "mssql"),
    ("cockroach", "cockroachdb"),
    ("oracle", "oracle"),
    ("couchdb", "couchdb"),
    ("neo4j", "neo4j"),
    ("arangod", "arangodb"),
    ("rethinkdb", "rethinkdb"),
    ("slapd", "openldap"),
    ("java", ""),
];

/// What a Java process's arguments tell.
const JAVA: [(&str, &str); 4] = [
    ("org.elasticsearch.", "elasticsearch"),
    ("org.opensearch.", "opensearch"),
    ("org.apache.cassandra.", "cassandra"),
    ("org.neo4j.", "neo4j"),
];

/// Options by which servers are told their data directory, port and configuration.
const DATA: [&str; 6] = ["-D", "--datadir", "--dbpath", "--data-dir", "--dir", "--store"];
const PORT: [&str; 2] = ["--port", "-p"];
const CONFIGURATION: [&str; 6] = ["--defaults-file", "-f", "--config", "--config-file", "-c", "-config"];

/// Collects the section.
pub(crate) fn collect(scope: &Scope<'_>) -> Result<Vec<Database>, Failure> {
    let mut databases = postgresql::read(scope);
    databases.extend(mysql::read(scope));
    databases.extend(simple::read(scope));
    databases.retain(|row| row.configuration.as_ref().is_none_or(|path| !scope.options().exclude.has_path(path)));
    let sockets = OnceCell::new();
    for (engine, daemon) in daemons(scope) {
        confirm(scope, &mut databases, engine, &daemon, &sockets);
    }
    if databases.is_empty() && !scope.root().exists("/etc") {
        return Err(Failure::Skipped("there are no configuration files to look at".to_owned()));
    }
    if databases.len() > INSTANCES {
        scope.problem(format_args!("{} databases left out beyond the limit of {INSTANCES}", databases.len() - INSTANCES));
        databases.truncate(INSTANCES);
    }
    Ok(databases)
}

fn daemons(scope: &Scope<'_>) -> Vec<(&'static str, Daemon)> {
    let engine = |name: &str| PROCESSES.iter().find(|(process, _)| *process == name).map(|(_, engine)| *engine);
    let found = processes::daemons(scope, |name| engine(name).is_some()).into_iter();
    let named = found.filter_map(|daemon| {
        let engine = match engine(&daemon.name)? {
            "" => JAVA.iter().find(|(class, _)| daemon.arguments.iter().any(|argument| argument.starts_with(class)))?.1,
            // MariaDB's old name for its server.
            "mysql" if scope.root().exists("/usr/sbin/mariadbd") && daemon.container.is_none() => "mariadb",
            // Etcd's and Oracle's own tools have the servers' names.
            engine => engine,
        };
        Some((engine, daemon))
    });
    named.collect()
}

/// Tells the instance that a process belongs to its unit, or adds one for it.
fn confirm(scope: &Scope<'_>, databases: &mut Vec<Database>, engine: &str, daemon: &Daemon, sockets: &OnceCell<Vec<Listener>>) {
    let (data, configuration) = (daemon.option(&DATA), daemon.option(&CONFIGURATION));
    let port = port_of(daemon);
    if daemon.container.is_none() {
        let is_free = |row: &Database| row.engine == engine && row.unit.is_none() && row.container.is_none();
        let is_its = |row: &Database| {
            is_free(row)
                && (data.is_some() && row.data_directory.as_deref() == data
                    || port.is_some() && row.port == port
                    || row.configuration.as_deref().is_some_and(|path| daemon.arguments.iter().any(|argument| argument.contains(path))))
        };
        // An instance that nothing points to is only then its own when there is no other.
        let alone = || databases.iter().filter(|row| row.engine == engine).count() == 1;
        let place = databases.iter().position(is_its).or_else(|| databases.iter().position(is_free).filter(|_| alone() && port.is_none_or(|port| databases.iter().any(|row| row.port == Some(port)))));
        if let Some(row) = place.and_then(|place| databases.get_mut(place)) {
            row.unit.clone_from(&daemon.unit);
            return;
        }
    }
    let mut row = Database {
        engine: engine.to_owned(),
        data_directory: data.map(|path| super::text::bounded(path.to_owned())),
        port,
        configuration: configuration.filter(|path| path.starts_with('/')).map(|path| super::text::bounded(path.to_owned())),
        unit: daemon.unit.clone().filter(|_| daemon.container.is_none()),
        container: daemon.container.clone(),
        ..Database::default()
    };
    let listening = sockets.get_or_init(|| listeners::collect(scope).unwrap_or_default());
    for socket in listening.iter().filter(|socket| socket.pid == Some(daemon.pid) && socket.protocol == "tcp") {
        row.port = row.port.or(Some(socket.port));
        if row.port == Some(socket.port) {
            row.addresses.push(socket.address.clone());
        }
    }
    row.addresses.sort_unstable();
    row.addresses.dedup();
    databases.push(row);
}

/// The port that an option gives, or the title that Redis and its kin write: `redis-server 127.0.0.1:6379`.
fn port_of(daemon: &Daemon) -> Option<u16> {
    let title = || daemon.arguments.get(1).filter(|_| daemon.name.ends_with("-server"))?.rsplit_once(':').map(|(_, port)| port);
    daemon.option(&PORT).or_else(title)?.parse().ok()
}

/// Addresses of a list with blanks or commas between, sorted; `*` is all of both families.
fn addresses(text: &str) -> Vec<String> {
    let mut addresses: Vec<String> = text
        .split([',', ' '])
        .flat_map(|address| match address.trim().trim_matches(['"', '\'', '[', ']']).trim_start_matches('-') {
            "" => Vec::new(),
            "*" => vec!["0.0.0.0".to_owned(), "::".to_owned()],
            "localhost" => vec!["127.0.0.1".to_owned(), "::1".to_owned()],
            address => vec![super::text::bounded(address.to_owned())],
        })
        .take(256)
        .collect();
    addresses.sort_unstable();
    addresses.dedup();
    addresses
}

#[cfg(test)]
mod tests {
    use super::super::testing::plant;
    use super::*;
    use crate::root::Root;

    #[test]
    fn processes_confirm_configurations_and_stand_alone_without() {
        let id = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
        let process = |pid: u32, name: &str, command: &str, cgroup: &str| {
            format!("=== /proc/{pid}/stat\n{pid} ({name}) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 5 0 0\n=== /proc/{pid}/cmdline\n{command}\n=== /proc/{pid}/cgroup\n0::{cgroup}\n")
        };
        let tree = [
            "=== /etc/redis/redis-cache.conf\nport 6380\n".to_owned(),
            "=== /etc/redis/redis.conf\nport 6379\nbind 127.0.0.1 -::1\nrequirepass hunter2\ndir /var/lib/redis\n".to_owned(),
            process(7, "redis-server", "/usr/bin/redis-server 127.0.0.1:6379", "/system.slice/redis-server.service"),
            process(8, "postgres", "postgres\\0-D\\0/data", &format!("/docker/{id}")),
            process(9, "java", "java\\0-Xmx1g\\0org.elasticsearch.bootstrap.Elasticsearch", "/system.slice/elasticsearch.service"),
            process(10, "memcached", "/usr/bin/memcached\\0-m\\064\\0-p\\011211", "/system.slice/memcached.service"),
        ];
        let directory = plant(&tree.concat());
        let root = Root::new(directory.path());
        let databases = collect(&Scope::new(&root)).expect("collected");
        let short: Vec<_> = databases.iter().map(|row| (row.engine.as_str(), row.port, row.unit.as_deref(), row.container.as_deref())).collect();
        let expected = [
            ("redis", Some(6380), None, None),
            ("redis", Some(6379), Some("redis-server.service"), None),
            ("postgresql", None, None, Some(id)),
            ("elasticsearch", None, Some("elasticsearch.service"), None),
            ("memcached", Some(11211), Some("memcached.service"), None),
        ];
        assert_eq!(short, expected);
        assert_eq!(databases[1].addresses, ["127.0.0.1", "::1"]);
        assert!(!format!("{databases:?}").contains("hunter2"));
    }

    #[test]
    fn lists_of_addresses_are_read() {
        assert_eq!(addresses("'localhost, 10.0.0.1'"), ["10.0.0.1", "127.0.0.1", "::1"]);
        assert_eq!(addresses("*"), ["0.0.0.0", "::"]);
        assert_eq!(addresses(""), [""; 0]);
    }
}
