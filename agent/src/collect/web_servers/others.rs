//! Web servers whose configuration is read line by line: Caddy, HAProxy, lighttpd, Traefik; and Tomcat's XML.

use super::super::xml::Element;
use super::super::{Failure, Scope};
use super::files::{Files, text};
use super::syntax::{Found, endpoint, words};

/// Caddy: the addresses before each block of the outermost level; a name without a port is served on 443, and redirected from 80.
pub(super) fn caddy(files: &mut Files<'_>, path: &str) -> Found {
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder).to_owned();
    let mut found = Found::default();
    files.each(path, &mut |files, text| caddyfile(files, text, &folder, &mut found));
    found
}

fn caddyfile(files: &mut Files<'_>, text: &str, folder: &str, found: &mut Found) {
    let mut depth = 0_usize;
    let mut addresses: Vec<String> = Vec::new();
    for line in text.lines() {
        let words = words(line);
        let opens = words.last().is_some_and(|word| word == "{" || depth == 0 && word.len() > 1 && word.ends_with('{') && !word.contains("{$"));
        if depth == 0 {
            if let [import, pattern, ..] = words.as_slice()
                && import == "import"
            {
                files.each(&super::files::absolute(folder, pattern), &mut |files, text| caddyfile(files, text, folder, found));
            } else {
                let named = words.iter().map(|word| word.trim_end_matches('{').trim_end_matches(',')).filter(|word| !word.is_empty() && *word != "}");
                addresses.extend(named.map(str::to_owned));
            }
            if opens {
                addresses.drain(..).for_each(|address| caddy_address(&address, found));
            }
        }
        depth = if opens { depth + 1 } else { depth.saturating_sub(usize::from(words.first().is_some_and(|word| word == "}"))) };
    }
    // A file of one site needs no braces: its first line is the address.
    if let Some(address) = addresses.first().filter(|_| found.ports.is_empty() && depth == 0) {
        caddy_address(address, found);
    }
}

fn caddy_address(address: &str, found: &mut Found) {
    // `(name)` is a snippet, `&(name)` a named route, `@name` a matcher, `{$NAME}` a variable.
    if address.starts_with(['(', '&', '@', '{']) {
        return;
    }
    let (scheme, rest) = address.split_once("://").map_or((None, address), |(scheme, rest)| (Some(scheme), rest));
    let host = rest.split('/').next().unwrap_or_default();
    let Some((name, port)) = endpoint(host) else { return };
    let is_address = name.parse::<std::net::IpAddr>().is_ok();
    let ports = match (scheme, port) {
        (_, Some(port)) => vec![port],
        (Some("http"), None) => vec![80],
        (_, None) => vec![80, 443],
    };
    ports.into_iter().for_each(|port| found.listen(&port.to_string(), None));
    if !is_address && !name.starts_with('*') {
        found.site(&name);
    }
}

/// HAProxy: `bind` of frontends and `listen` sections, and the hosts that their rules name.
pub(super) fn haproxy(scope: &Scope<'_>, text: &str) -> Found {
    /// Ports of one range: nobody forwards more one by one.
    const RANGE: u16 = 1024;
    let mut found = Found::default();
    for line in text.lines() {
        let words = words(line);
        if words.first().is_some_and(|word| word == "bind") {
            for address in words.get(1).into_iter().flat_map(|addresses| addresses.split(',')) {
                match address.rsplit_once(':').and_then(|(host, ports)| Some((host, ports.split_once('-')?))) {
                    Some((host, (first, last))) => {
                        let (Ok(first), Ok(last)) = (first.parse::<u16>(), last.parse::<u16>()) else { continue };
                        if last.saturating_sub(first) > RANGE {
                            scope.problem(format_args!("haproxy: of the ports {first}-{last} only the first {RANGE} are told"));
                        }
                        (first..=last).take(usize::from(RANGE)).for_each(|port| found.listen(&format!("{host}:{port}"), None));
                    }
                    None => found.listen(address.trim_start_matches("ipv4@").trim_start_matches("ipv6@"), None),
                }
            }
        }
        if let Some(at) = words.iter().position(|word| ["hdr(host)", "hdr_dom(host)", "req.hdr(host)", "ssl_fc_sni", "req.ssl_sni"].iter().any(|rule| word.contains(rule))) {
            let names = words.iter().skip(at + 1).take_while(|word| !matches!(word.as_str(), "}" | "or" | "||"));
            names.filter(|name| name.contains('.') && !name.starts_with(['-', '%'])).for_each(|name| found.site(name));
        }
    }
    found
}

/// lighttpd: `server.port`, `server.bind`, and the conditions on sockets and hosts.
pub(super) fn lighttpd(files: &mut Files<'_>, paths: &[&str]) -> Found {
    let mut found = Found::default();
    let (mut port, mut bind) = (80, String::new());
    let mut each = |_: &mut Files<'_>, text: &str| {
        for line in text.lines().map(str::trim).filter(|line| !line.starts_with('#')) {
            let value = || line.split('"').nth(if line.starts_with('$') { 3 } else { 1 }).unwrap_or_default();
            if let Some(number) = line.strip_prefix("server.port").and_then(|rest| rest.trim().strip_prefix('=')).and_then(|rest| rest.trim().parse().ok()) {
                port = number;
            } else if line.starts_with("server.bind") {
                value().clone_into(&mut bind);
            } else if line.starts_with("$SERVER[\"socket\"]") && line.contains("==") {
                found.listen(value(), None);
            } else if line.starts_with("$HTTP[\"host\"]") && line.contains("==") {
                found.site(value());
            }
        }
    };
    paths.iter().for_each(|path| files.each(path, &mut each));
    found.listen(&format!("{bind}:{port}"), None);
    found
}

/// Traefik: the addresses of its entry points, in YAML and TOML.
pub(super) fn traefik(text: &str) -> Found {
    let mut found = Found::default();
    for line in text.lines().map(str::trim) {
        let address = line.strip_prefix("address").and_then(|rest| rest.trim_start().strip_prefix([':', '=']));
        if let Some(address) = address {
            found.listen(address.trim().trim_matches(['"', '\'']).split('/').next().unwrap_or_default(), None);
        }
    }
    found
}

/// Tomcat: connectors and hosts of `server.xml`.
pub(super) fn tomcat(scope: &Scope<'_>, path: &str) -> Option<Found> {
    let document = match Element::parse(&text(scope, path)?) {
        Ok(document) => document,
        Err(what) => {
            scope.problem(Failure::malformed(path, 1, what));
            return None;
        }
    };
    let mut found = Found::default();
    for connector in document.descendants("Connector") {
        let (address, port) = (connector.attribute("address").unwrap_or("*"), connector.attribute("port").unwrap_or_default());
        found.listen(&format!("{address}:{port}"), None);
    }
    let names = |element: &&Element| element.attribute("name").map(str::to_owned).into_iter().chain(element.children.iter().filter(|child| child.name == "Alias").map(|alias| alias.text.clone())).collect::<Vec<_>>();
    document.descendants("Host").iter().flat_map(names).filter(|name| name != "localhost").for_each(|name| found.site(&name));
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::plant;
    use super::*;
    use crate::root::Root;
    use proptest::prelude::*;

    #[track_caller]
    fn check(read: impl Fn(&Scope<'_>) -> Found, tree: &str, ports: &[u16], sites: &[&str]) {
        let directory = plant(tree);
        let root = Root::new(directory.path());
        let found = read(&Scope::new(&root));
        assert_eq!(found.ports.iter().copied().collect::<Vec<_>>(), ports);
        assert_eq!(found.sites.iter().map(String::as_str).collect::<Vec<_>>(), sites);
    }

    #[test]
    fn caddys_sites_are_read() {
        let read = |scope: &Scope<'_>| caddy(&mut Files::new(scope), "/etc/caddy/Caddyfile");
        check(
            read,
            "=== /etc/caddy/Caddyfile\n{\n  email a@b.c\n}\n(common) {\n encode gzip\n}\nexample.org, www.example.org:8443 {\n import common\n reverse_proxy {\n to x:1\n }\n}\n\
             http://plain.example.org {\n}\nimport sites/*\n=== /etc/caddy/sites/one\n:8080 {\n}\n",
            &[80, 443, 8080, 8443],
            &["example.org", "plain.example.org", "www.example.org"],
        );
        check(read, "=== /etc/caddy/Caddyfile\nexample.org\n\nfile_server\n", &[80, 443], &["example.org"]);
    }

    #[test]
    fn haproxys_binds_are_read() {
        let text = "global\n stats socket /run/x\nfrontend a\n bind *:80\n bind :::443,10.0.0.1:8443 ssl crt /x\n bind 127.0.0.1:9000-9002\n bind unix@/x\n\
                    acl shop hdr(host) -i shop.example.org www.example.org\n use_backend x if { hdr(host) -i b.example.org }\nbackend x\n server s 10.0.0.2:99\n";
        check(|scope| haproxy(scope, text), "=== /x\n", &[80, 443, 8443, 9000, 9001, 9002], &["b.example.org", "shop.example.org", "www.example.org"]);
    }

    #[test]
    fn lighttpds_traefiks_and_tomcats_ports_are_read() {
        let lighttpd_tree = "=== /etc/lighttpd/lighttpd.conf\nserver.port = 8080\n$HTTP[\"host\"] == \"a.example.org\" {\n}\n$SERVER[\"socket\"] == \"0.0.0.0:443\" {\n}\n";
        check(|scope| lighttpd(&mut Files::new(scope), &["/etc/lighttpd/lighttpd.conf"]), lighttpd_tree, &[443, 8080], &["a.example.org"]);
        check(|_| traefik("entryPoints:\n  web:\n    address: \":80\"\n  dns:\n    address: ':53/udp'\n"), "=== /x\n", &[53, 80], &[]);
        let tomcat_tree = "=== /s.xml\n<?xml version='1.0'?><Server port='8005'><Service><Connector port='8080' protocol=\"HTTP/1.1\"/><Engine><Host name='localhost'/><Host name='a.example.org'><Alias>b.example.org</Alias></Host></Engine></Service></Server>\n";
        check(|scope| tomcat(scope, "/s.xml").unwrap_or_default(), tomcat_tree, &[8080], &["a.example.org", "b.example.org"]);
    }

    proptest! {
        #[test]
        fn no_configuration_panics(text in "(bind |address: |import |server.port=|\\$HTTP\\[\"host\"\\]|hdr\\(host\\) |[a-zé:{}\"'@,(* 0-9.-]{0,6}|\n){0,20}") {
            let directory = tempfile::tempdir().expect("a temporary directory");
            let root = Root::new(directory.path());
            let scope = Scope::new(&root);
            caddyfile(&mut Files::new(&scope), &text, "/etc", &mut Found::default());
            let _ = (haproxy(&scope, &text), traefik(&text));
        }
    }
}
