//! Databases whose configuration is one file: one line of a table each.

use super::super::Scope;
use super::super::text::tidy;
use super::super::web_servers::files::{expanded, text};
use super::super::xml::Element;
use super::{addresses, settings};
use rollcall_shared::section::Database;

/// How a file is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// `key value` or `key = value`.
    Plain,
    /// YAML.
    Levels,
    /// XML.
    Xml,
}

/// Where an engine keeps its configuration and what it calls things there.
struct Engine {
    name: &'static str,
    /// Each file that matches is one instance.
    files: &'static [&'static str],
    shape: Shape,
    port: &'static [&'static str],
    default_port: Option<u16>,
    addresses: &'static [&'static str],
    /// Where it listens when nothing says so.
    default_addresses: &'static str,
    data: &'static [&'static str],
    socket: &'static [&'static str],
}

const REDIS: Engine = Engine {
    name: "redis",
    files: &["/etc/redis/redis*.conf", "/etc/redis.conf"],
    shape: Shape::Plain,
    port: &["port"],
    default_port: Some(6379),
    addresses: &["bind"],
    default_addresses: "*",
    data: &["dir"],
    socket: &["unixsocket"],
};

const ENGINES: [Engine; 9] = [
    REDIS,
    Engine { name: "valkey", files: &["/etc/valkey/valkey*.conf"], ..REDIS },
    Engine { name: "keydb", files: &["/etc/keydb/keydb*.conf"], ..REDIS },
    Engine {
        name: "mongodb",
        files: &["/etc/mongod.conf", "/etc/mongodb.conf"],
        shape: Shape::Levels,
        port: &["net.port", "port"],
        default_port: Some(27017),
        addresses: &["net.bindIp", "bind_ip"],
        default_addresses: "localhost",
        data: &["storage.dbPath", "dbpath"],
        socket: &[],
    },
    Engine {
        name: "elasticsearch",
        files: &["/etc/elasticsearch/elasticsearch.yml"],
        shape: Shape::Levels,
        port: &["http.port"],
        default_port: Some(9200),
        addresses: &["http.host", "network.host"],
        default_addresses: "localhost",
        data: &["path.data"],
        socket: &[],
    },
    Engine {
        name: "opensearch",
        files: &["/etc/opensearch/opensearch.yml"],
        shape: Shape::Levels,
        port: &["http.port"],
        default_port: Some(9200),
        addresses: &["http.host", "network.host"],
        default_addresses: "localhost",
        data: &["path.data"],
        socket: &[],
    },
    Engine {
        name: "cassandra",
        files: &["/etc/cassandra/cassandra.yaml", "/etc/cassandra/conf/cassandra.yaml"],
        shape: Shape::Levels,
        port: &["native_transport_port"],
        default_port: Some(9042),
        addresses: &["rpc_address"],
        default_addresses: "localhost",
        data: &["data_file_directories"],
        socket: &[],
    },
    Engine {
        name: "clickhouse",
        files: &["/etc/clickhouse-server/config.xml"],
        shape: Shape::Xml,
        port: &["tcp_port"],
        default_port: Some(9000),
        addresses: &["listen_host"],
        default_addresses: "localhost",
        data: &["path"],
        socket: &[],
    },
    Engine {
        name: "mssql",
        files: &["/var/opt/mssql/mssql.conf"],
        shape: Shape::Plain,
        port: &["tcpport"],
        default_port: Some(1433),
        addresses: &["ipaddress"],
        default_addresses: "0.0.0.0",
        data: &["defaultdatadir"],
        socket: &[],
    },
];

/// Configurations of one engine.
const FILES: usize = 100;

/// The instances of all of them, and Oracle's.
pub(super) fn read(scope: &Scope<'_>) -> Vec<Database> {
    let mut found: Vec<Database> = ENGINES.iter().flat_map(|engine| instances(scope, engine)).collect();
    found.extend(oracle(scope));
    found
}

fn instances(scope: &Scope<'_>, engine: &Engine) -> Vec<Database> {
    let paths = engine.files.iter().flat_map(|pattern| expanded(scope, pattern)).filter(|path| scope.root().exists(path)).take(FILES);
    paths.filter_map(|path| instance(scope, engine, path)).collect()
}

fn instance(scope: &Scope<'_>, engine: &Engine, path: String) -> Option<Database> {
    let known = known(engine.shape, &text(scope, &path)?).unwrap_or_else(|what| {
        scope.problem(super::super::Failure::malformed(&path, 1, what));
        Vec::new()
    });
    let value = |names: &[&str]| names.iter().find_map(|name| known.iter().find(|(key, _)| key == name)).map(|(_, value)| value.as_str());
    let all = |names: &[&str]| names.iter().map(|name| known.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str()).collect::<Vec<_>>().join(" ")).find(|text| !text.is_empty());
    let port = match value(engine.port).map(str::parse::<u16>) {
        // 0 switches the network off.
        Some(Ok(0)) => None,
        Some(Ok(port)) => Some(port),
        _ => engine.default_port,
    };
    Some(Database {
        engine: engine.name.to_owned(),
        data_directory: value(engine.data).and_then(|path| tidy(path.trim_end_matches('/'))),
        port,
        socket: value(engine.socket).and_then(tidy),
        addresses: port.map(|_| addresses(all(engine.addresses).as_deref().unwrap_or(engine.default_addresses))).unwrap_or_default(),
        configuration: Some(path),
        ..Database::default()
    })
}

fn known(shape: Shape, text: &str) -> Result<Vec<(String, String)>, String> {
    Ok(match shape {
        Shape::Plain => settings::plain(text).map(|(key, value)| (key.to_owned(), value.to_owned())).collect(),
        // MongoDB's files were of the other shape once.
        Shape::Levels if !text.lines().any(|line| line.trim_end().ends_with(':') || line.contains(": ")) => {
            settings::plain(text).map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
        }
        Shape::Levels => settings::levels(text),
        Shape::Xml => Element::parse(text)?.children.into_iter().map(|element| (element.name, element.text)).collect(),
    })
}

/// `SID:home:Y` lines of `/etc/oratab`.
fn oracle(scope: &Scope<'_>) -> Vec<Database> {
    const TABLE: &str = "/etc/oratab";
    let table = text(scope, TABLE).unwrap_or_default();
    let lines = table.lines().map(str::trim).filter(|line| !line.starts_with(['#', '*', '+', '-']));
    let sids = lines.filter_map(|line| {
        let mut fields = line.split(':');
        Some((tidy(fields.next()?)?, tidy(fields.next()?)?))
    });
    let row = |(sid, home): (String, String)| Database {
        engine: "oracle".to_owned(),
        name: Some(sid),
        data_directory: Some(home),
        configuration: Some(TABLE.to_owned()),
        ..Database::default()
    };
    sids.take(FILES).map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::plant;
    use super::*;
    use crate::root::Root;
    use proptest::prelude::*;

    #[test]
    fn each_engine_is_read_by_its_table() {
        let directory = plant(
            "=== /etc/redis/redis.conf\nbind 127.0.0.1\nport 0\nunixsocket /run/redis.sock\ndir /var/lib/redis\n=== /etc/redis/redis-cache.conf\nport 6380\n\
             === /etc/mongod.conf\nnet:\n  port: 27018\n  bindIp: 127.0.0.1,10.0.0.1\nstorage:\n  dbPath: /data/db\n\
             === /etc/elasticsearch/elasticsearch.yml\nnetwork.host: 10.0.0.2\npath.data: /var/lib/elasticsearch\n\
             === /etc/clickhouse-server/config.xml\n<clickhouse><tcp_port>9001</tcp_port><listen_host>::</listen_host><path>/var/lib/clickhouse/</path></clickhouse>\n\
             === /var/opt/mssql/mssql.conf\n[network]\ntcpport = 1500\n\
             === /etc/oratab\n# x\nPROD:/u01/app/oracle/product/19c:Y\nTEST:/u01/app/oracle/product/19c:N\n",
        );
        let root = Root::new(directory.path());
        let scope = Scope::new(&root);
        let rows = read(&scope);
        let short: Vec<_> = rows.iter().map(|row| (row.engine.as_str(), row.port, row.data_directory.as_deref().unwrap_or_default(), row.addresses.join(" "))).collect();
        let expected = [
            ("redis", Some(6380), "", "0.0.0.0 ::"),
            ("redis", None, "/var/lib/redis", ""),
            ("mongodb", Some(27018), "/data/db", "10.0.0.1 127.0.0.1"),
            ("elasticsearch", Some(9200), "/var/lib/elasticsearch", "10.0.0.2"),
            ("clickhouse", Some(9001), "/var/lib/clickhouse", "::"),
            ("mssql", Some(1500), "", "0.0.0.0"),
            ("oracle", None, "/u01/app/oracle/product/19c", ""),
            ("oracle", None, "/u01/app/oracle/product/19c", ""),
        ];
        assert_eq!(short, expected.map(|(engine, port, data, addresses)| (engine, port, data, addresses.to_owned())));
        assert_eq!(scope.problems(), None);
    }

    proptest! {
        #[test]
        fn no_configuration_panics(text in "([a-z.]{0,6}[:= <>/]{0,2}[a-z0-9'\"é]{0,6}\n){0,10}") {
            for shape in [Shape::Plain, Shape::Levels, Shape::Xml] {
                let _ = known(shape, &text);
            }
        }
    }
}
