//! Web server instances: what their configuration files say, and the processes that confirm it.
//!
//! An instance is a configuration, whether it runs or not; a process without one that is known (another path, a container) is an
//! instance too, with the ports that it listens on. Certificates and passwords that configurations name are not read.

use super::processes::Daemon;
use super::{Failure, Scope, listeners, processes};
use rollcall_shared::section::{Listener, WebServer};
use std::collections::BTreeSet;
use std::cell::OnceCell;

mod apache;
pub(crate) mod files;
mod nginx;
mod others;
mod syntax;

use files::{Files, expanded};
use syntax::Found;

/// Instances on one host; a hosting machine has one for each customer at most.
const SERVERS: usize = 1_000;

/// Short names of processes, and whose they are. Tomcat's is `java`, told by its arguments.
const PROCESSES: [(&str, &str); 12] = [
    ("nginx", "nginx"),
    ("openresty", "nginx"),
    ("apache2", "apache"),
    ("httpd", "apache"),
    ("httpd-prefork", "apache"),
    ("caddy", "caddy"),
    ("haproxy", "haproxy"),
    ("lighttpd", "lighttpd"),
    ("traefik", "traefik"),
    ("envoy", "envoy"),
    ("litespeed", "litespeed"),
    ("java", "tomcat"),
];

/// Main configuration files of each engine; of those with one name each, the first that is there counts.
const NGINX: [&str; 4] = ["/etc/nginx/nginx.conf", "/usr/local/nginx/conf/nginx.conf", "/usr/local/openresty/nginx/conf/nginx.conf", "/opt/nginx/conf/nginx.conf"];
const APACHE: [(&str, &str); 4] = [
    ("/etc/apache2/apache2.conf", "/etc/apache2"),
    ("/etc/httpd/conf/httpd.conf", "/etc/httpd"),
    ("/etc/apache2/httpd.conf", "/etc/apache2"),
    ("/usr/local/apache2/conf/httpd.conf", "/usr/local/apache2"),
];
const TRAEFIK: [&str; 3] = ["/etc/traefik/traefik.yml", "/etc/traefik/traefik.yaml", "/etc/traefik/traefik.toml"];
const TOMCAT: [&str; 4] = ["/etc/tomcat*/server.xml", "/opt/tomcat*/conf/server.xml", "/opt/apache-tomcat*/conf/server.xml", "/var/lib/tomcat*/conf/server.xml"];

/// Collects the section.
pub(crate) fn collect(scope: &Scope<'_>) -> Result<Vec<WebServer>, Failure> {
    let daemons = daemons(scope);
    let mut servers: Vec<WebServer> = Vec::new();
    for (engine, path, found) in configured(scope, &daemons) {
        servers.push(server(engine, Some(path), found));
    }
    let sockets = OnceCell::new();
    for (engine, daemon) in &daemons {
        confirm(scope, &mut servers, engine, daemon, &sockets);
    }
    if servers.is_empty() && !scope.root().exists("/etc") {
        return Err(Failure::Skipped("there are no configuration files to look at".to_owned()));
    }
    if servers.len() > SERVERS {
        scope.problem(format_args!("{} web servers left out beyond the limit of {SERVERS}", servers.len() - SERVERS));
        servers.truncate(SERVERS);
    }
    Ok(servers)
}

fn server(engine: &str, configuration: Option<String>, found: Found) -> WebServer {
    WebServer {
        engine: engine.to_owned(),
        ports: found.ports.into_iter().collect(),
        addresses: found.addresses.into_iter().collect(),
        sites: found.sites.into_iter().collect(),
        configuration,
        ..WebServer::default()
    }
}

fn daemons(scope: &Scope<'_>) -> Vec<(&'static str, Daemon)> {
    let engine = |name: &str| PROCESSES.iter().find(|(process, _)| *process == name).map(|(_, engine)| *engine);
    let found = processes::daemons(scope, |name| engine(name).is_some()).into_iter();
    let named = found.filter_map(|daemon| Some((engine(&daemon.name)?, daemon)));
    // Java runs many things.
    named.filter(|(engine, daemon)| *engine != "tomcat" || base_of_tomcat(daemon).is_some()).collect()
}

fn base_of_tomcat(daemon: &Daemon) -> Option<&str> {
    daemon.option(&["-Dcatalina.base"])
}

/// The configurations that are there: in the usual places, and where processes of the host say.
fn configured(scope: &Scope<'_>, daemons: &[(&'static str, Daemon)]) -> Vec<(&'static str, String, Found)> {
    let named = |engine: &str, options: &[&str]| -> Vec<String> {
        let of_host = daemons.iter().filter(|(of, daemon)| *of == engine && daemon.container.is_none());
        of_host.filter_map(|(_, daemon)| daemon.option(options)).filter(|path| path.starts_with('/')).map(str::to_owned).collect()
    };
    let there = |usual: &[&str], named: Vec<String>| -> BTreeSet<String> {
        let usual = usual.iter().find(|path| scope.root().exists(path)).map(|path| (*path).to_owned());
        named.into_iter().chain(usual).filter(|path| scope.root().exists(path)).take(SERVERS).collect()
    };
    let files = || Files::new(scope);
    let mut found: Vec<(&'static str, String, Found)> = Vec::new();
    found.extend(there(&NGINX, named("nginx", &["-c"])).into_iter().map(|path| ("nginx", path.clone(), nginx::read(&mut files(), &path))));
    let apaches: Vec<&str> = APACHE.iter().map(|(path, _)| *path).collect();
    for path in there(&apaches, named("apache", &["-f"])) {
        let folder = APACHE.iter().find(|(usual, _)| *usual == path).map_or_else(|| path.rsplit_once('/').map_or("/", |(folder, _)| folder), |(_, root)| root);
        let read = apache::read(&mut files(), &path, folder);
        found.push(("apache", path, read));
    }
    found.extend(there(&["/etc/caddy/Caddyfile"], named("caddy", &["--config", "-config"])).into_iter().map(|path| ("caddy", path.clone(), others::caddy(&mut files(), &path))));
    for path in there(&["/etc/haproxy/haproxy.cfg"], named("haproxy", &["-f"])) {
        found.extend(files::text(scope, &path).map(|text| ("haproxy", path, others::haproxy(scope, &text))));
    }
    for path in there(&["/etc/lighttpd/lighttpd.conf"], named("lighttpd", &["-f"])) {
        let read = others::lighttpd(&mut files(), &[&path, "/etc/lighttpd/conf-enabled/*.conf"]);
        found.push(("lighttpd", path, read));
    }
    for path in there(&TRAEFIK, named("traefik", &["--configFile", "--configfile"])) {
        found.extend(files::text(scope, &path).map(|text| ("traefik", path, others::traefik(&text))));
    }
    let bases = daemons.iter().filter(|(_, daemon)| daemon.container.is_none()).filter_map(|(_, daemon)| base_of_tomcat(daemon));
    let tomcats: BTreeSet<String> = bases.map(|base| format!("{base}/conf/server.xml")).filter(|path| scope.root().exists(path)).collect();
    // A base that runs is the same Tomcat as the file in /etc that it links to.
    let tomcats = if tomcats.is_empty() { TOMCAT.iter().flat_map(|pattern| expanded(scope, pattern)).filter(|path| scope.root().exists(path)).take(1).collect() } else { tomcats };
    found.extend(tomcats.into_iter().filter_map(|path| Some(("tomcat", path.clone(), others::tomcat(scope, &path)?))));
    found.retain(|(_, path, _)| !scope.options().exclude.has_path(path));
    found
}

/// Tells the instance that a process belongs to its unit, or adds one for it.
fn confirm(scope: &Scope<'_>, servers: &mut Vec<WebServer>, engine: &str, daemon: &Daemon, sockets: &OnceCell<Vec<Listener>>) {
    let is_its = |server: &&mut WebServer| server.engine == engine && server.unit.is_none() && server.container.is_none();
    let names = |server: &WebServer| server.configuration.as_deref().is_some_and(|path| daemon.arguments.iter().any(|argument| argument.contains(path)));
    if daemon.container.is_none() {
        let exact = servers.iter_mut().filter(is_its).position(|server| names(server)).unwrap_or(0);
        if let Some(server) = servers.iter_mut().filter(is_its).nth(exact) {
            server.unit.clone_from(&daemon.unit);
            return;
        }
        // A second process of an instance that is told already.
        if servers.iter().any(|server| server.engine == engine && server.unit == daemon.unit && server.unit.is_some()) {
            return;
        }
    }
    if servers.iter().any(|server| server.engine == engine && server.container.is_some() && server.container == daemon.container) {
        return;
    }
    let mut found = Found::default();
    let listening = sockets.get_or_init(|| listeners::collect(scope).unwrap_or_default());
    for socket in listening.iter().filter(|socket| socket.pid == Some(daemon.pid) && socket.protocol == "tcp") {
        found.ports.insert(socket.port);
        found.addresses.insert(socket.address.clone());
    }
    let unit = daemon.unit.clone().filter(|_| daemon.container.is_none());
    servers.push(WebServer { unit, container: daemon.container.clone(), ..server(engine, None, found) });
}

#[cfg(test)]
mod tests {
    use super::super::testing::plant;
    use super::*;
    use crate::root::Root;

    #[test]
    fn processes_confirm_configurations_and_stand_alone_in_containers() {
        let id = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
        let process = |pid: u32, name: &str, command: &str, cgroup: &str| {
            format!("=== /proc/{pid}/stat\n{pid} ({name}) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 5 0 0\n=== /proc/{pid}/cmdline\n{command}\n=== /proc/{pid}/cgroup\n0::{cgroup}\n")
        };
        let tree = [
            "=== /etc/nginx/nginx.conf\nhttp { server { listen 8080; server_name a.example.org; } }\n".to_owned(),
            process(7, "nginx", "nginx: master process /usr/sbin/nginx", "/system.slice/nginx.service"),
            process(8, "nginx", "nginx: master process nginx", &format!("/docker/{id}")),
            process(9, "java", "java\\0-jar\\0x.jar", "/system.slice/x.service"),
        ];
        let directory = plant(&tree.concat());
        let root = Root::new(directory.path());
        let servers = collect(&Scope::new(&root)).expect("collected");
        let short: Vec<_> = servers.iter().map(|row| (row.engine.as_str(), row.unit.as_deref(), row.container.as_deref(), row.ports.as_slice())).collect();
        assert_eq!(short, [("nginx", Some("nginx.service"), None, &[8080][..]), ("nginx", None, Some(id), &[])]);
    }

    #[test]
    fn an_excluded_configuration_is_not_read() {
        let directory = plant("=== /etc/nginx/nginx.conf\nhttp { server { listen 8080; } }\n");
        let root = Root::new(directory.path());
        let mut options = crate::collect::options::Options::default();
        options.exclude.paths = vec!["/etc/nginx".to_owned()];
        let privileged = crate::probe::Privileged::default();
        let scope = Scope::with(&root, &options, &privileged);
        assert_eq!(collect(&scope).expect("collected"), []);
        assert_eq!(scope.bytes_read(), 0);
    }
}
