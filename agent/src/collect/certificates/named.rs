//! Files with certificates that the configurations of servers name.
//!
//! Configurations are not understood, only searched for the few settings that name such files: a line that is no such setting says
//! nothing here. Values with variables cannot be followed and are passed over.

use crate::collect::Scope;
use crate::root::Kind;
use std::collections::BTreeSet;

/// Configuration files that are read of one program; a hosting company's web server has some thousands of sites.
const FILES: usize = 10_000;

/// Folders below a folder of configurations.
const DEPTH: usize = 3;

/// Bytes of one configuration file.
const FILE_BYTES: usize = 4 << 20;

/// A program, where its configuration is and what in it names certificates.
struct Program {
    name: &'static str,
    /// Files, or folders with files; a `*` in a name stands for any text.
    places: &'static [&'static str],
    /// What relative paths count from; empty for the folder of the file.
    base: &'static str,
    /// Settings, in lower case with dashes as underscores.
    settings: &'static [&'static str],
    /// Files or folders where the program keeps certificates of its own.
    keeps: &'static [&'static str],
}

const PROGRAMS: &[Program] = &[
    Program {
        name: "nginx",
        places: &[
            "/etc/nginx/nginx.conf",
            "/etc/nginx/conf.d",
            "/etc/nginx/sites-enabled",
            "/etc/nginx/snippets",
            "/etc/nginx/http.d",
            "/etc/nginx/vhosts.d",
            "/etc/nginx/default.d",
        ],
        base: "/etc/nginx",
        settings: &[
            "ssl_certificate",
            "ssl_client_certificate",
            "ssl_trusted_certificate",
            "proxy_ssl_certificate",
            "proxy_ssl_trusted_certificate",
            "grpc_ssl_certificate",
            "uwsgi_ssl_certificate",
        ],
        keeps: &[],
    },
    Program {
        name: "apache",
        places: &["/etc/apache2/apache2.conf", "/etc/apache2/httpd.conf", "/etc/apache2/*-enabled", "/etc/apache2/*.d"],
        base: "/etc/apache2",
        settings: APACHE,
        keeps: &[],
    },
    Program {
        name: "apache",
        places: &["/etc/httpd/conf", "/etc/httpd/conf.d", "/etc/httpd/sites-enabled"],
        base: "/etc/httpd",
        settings: APACHE,
        keeps: &[],
    },
    Program {
        name: "postfix",
        places: &["/etc/postfix/main.cf", "/etc/postfix/master.cf"],
        base: "/etc/postfix",
        settings: &[
            "smtpd_tls_cert_file",
            "smtpd_tls_eccert_file",
            "smtpd_tls_chain_files",
            "smtpd_tls_cafile",
            "smtp_tls_cert_file",
            "smtp_tls_chain_files",
            "smtp_tls_cafile",
        ],
        keeps: &[],
    },
    Program {
        name: "dovecot",
        places: &["/etc/dovecot/dovecot.conf", "/etc/dovecot/local.conf", "/etc/dovecot/conf.d"],
        base: "",
        settings: &[
            "ssl_cert",
            "ssl_alt_cert",
            "ssl_ca",
            "ssl_client_cert",
            "ssl_server_cert_file",
            "ssl_server_alt_cert_file",
            "ssl_server_ca_file",
            "ssl_client_ca_file",
        ],
        keeps: &[],
    },
    Program {
        name: "haproxy",
        places: &["/etc/haproxy/haproxy.cfg", "/etc/haproxy/conf.d"],
        base: "",
        settings: &["crt", "ca_file", "crt_list"],
        keeps: &[],
    },
    Program {
        name: "lighttpd",
        places: &["/etc/lighttpd/lighttpd.conf", "/etc/lighttpd/conf-enabled", "/etc/lighttpd/conf.d", "/etc/lighttpd/vhosts.d"],
        base: "",
        settings: &["ssl.pemfile", "ssl.ca_file"],
        keeps: &[],
    },
    Program {
        name: "caddy",
        places: &["/etc/caddy"],
        base: "",
        settings: &["tls"],
        keeps: &["/var/lib/caddy/.local/share/caddy/certificates"],
    },
    Program {
        name: "postgresql",
        places: &[
            "/etc/postgresql/*/*/postgresql.conf",
            "/etc/postgresql/*/*/conf.d",
            "/var/lib/pgsql/data/*.conf",
            "/var/lib/pgsql/*/data/*.conf",
            "/var/lib/postgresql/*/data/*.conf",
        ],
        base: "",
        settings: &["ssl_cert_file", "ssl_ca_file"],
        keeps: &[],
    },
    Program {
        name: "mysql",
        places: &["/etc/my.cnf", "/etc/my.cnf.d", "/etc/mysql/my.cnf", "/etc/mysql/*.d"],
        base: "/var/lib/mysql",
        settings: &["ssl_cert", "ssl_ca"],
        // Servers since 5.7 make themselves a certificate when they are not given one.
        keeps: &["/var/lib/mysql/server-cert.pem"],
    },
    Program {
        name: "openldap",
        places: &[
            "/etc/ldap/slapd.conf",
            "/etc/openldap/slapd.conf",
            "/etc/ldap/slapd.d/cn=config.ldif",
            "/etc/openldap/slapd.d/cn=config.ldif",
        ],
        base: "",
        settings: &["tlscertificatefile", "tlscacertificatefile", "olctlscertificatefile", "olctlscacertificatefile"],
        keeps: &[],
    },
    Program {
        name: "redis",
        places: &["/etc/redis.conf", "/etc/redis", "/etc/valkey"],
        base: "",
        settings: &["tls_cert_file", "tls_ca_cert_file"],
        keeps: &[],
    },
    Program {
        name: "mosquitto",
        places: &["/etc/mosquitto/mosquitto.conf", "/etc/mosquitto/conf.d"],
        base: "",
        settings: &["certfile", "cafile"],
        keeps: &[],
    },
    Program { name: "stunnel", places: &["/etc/stunnel"], base: "", settings: &["cert", "cafile"], keeps: &[] },
    Program { name: "openvpn", places: &["/etc/openvpn"], base: "", settings: &["cert", "ca"], keeps: &[] },
    Program {
        name: "vsftpd",
        places: &["/etc/vsftpd.conf", "/etc/vsftpd/vsftpd.conf"],
        base: "",
        settings: &["rsa_cert_file"],
        keeps: &[],
    },
    Program {
        name: "proftpd",
        places: &["/etc/proftpd/*.conf", "/etc/proftpd/conf.d"],
        base: "",
        settings: &["tlsrsacertificatefile", "tlseccertificatefile"],
        keeps: &[],
    },
    Program { name: "cockpit", places: &[], base: "", settings: &[], keeps: &["/etc/cockpit/ws-certs.d"] },
    Program { name: "kubernetes", places: &[], base: "", settings: &[], keeps: &["/etc/kubernetes/pki", "/var/lib/kubelet/pki"] },
];

const APACHE: &[&str] = &[
    "sslcertificatefile",
    "sslcertificatechainfile",
    "sslcacertificatefile",
    "sslproxymachinecertificatefile",
    "sslproxycacertificatefile",
];

/// Paths of files and folders, and the program that uses them.
pub(super) fn files(scope: &Scope<'_>) -> BTreeSet<(String, &'static str)> {
    let mut named = BTreeSet::new();
    for program in PROGRAMS {
        named.extend(program.keeps.iter().map(|path| ((*path).to_owned(), program.name)));
        let mut configurations = Vec::new();
        for place in program.places {
            expand(scope, place, &mut configurations);
        }
        let mut lists = Vec::new();
        for configuration in configurations {
            search(scope, program, &configuration, &mut named, &mut lists);
        }
        // HAProxy's lists of certificates: a path at the front of each line.
        for list in lists {
            let text = scope.text_or_problem(&list).unwrap_or_default();
            let first = text.lines().filter_map(|line| line.split_whitespace().next()).filter(|word| word.starts_with('/'));
            named.extend(first.map(|path| (path.to_owned(), program.name)));
        }
    }
    named
}

fn search(
    scope: &Scope<'_>,
    program: &Program,
    configuration: &str,
    named: &mut BTreeSet<(String, &'static str)>,
    lists: &mut Vec<String>,
) {
    let bytes = match scope.bytes(configuration, FILE_BYTES) {
        Ok(bytes) => bytes.unwrap_or_default(),
        Err(error) => return scope.problem(error),
    };
    let text = String::from_utf8_lossy(&bytes);
    let base = if program.base.is_empty() { configuration.rsplit_once('/').map_or("", |(folder, _)| folder) } else { program.base };
    let found = if program.name == "haproxy" { bound(&text, program.settings) } else { settings(&text, program.settings) };
    for (setting, value) in found {
        let path = if value.starts_with('/') { value } else { format!("{base}/{value}") };
        if setting == "crt_list" {
            lists.push(path);
        } else {
            named.insert((path, program.name));
        }
    }
}

/// Existing files of a place, folders with what is in them. Only `*` in single names is known.
fn expand(scope: &Scope<'_>, place: &str, files: &mut Vec<String>) {
    let mut found = vec![String::new()];
    for name in place.split('/').skip(1) {
        found = match name.split_once('*') {
            None => found.into_iter().map(|folder| format!("{folder}/{name}")).collect(),
            Some((begin, end)) => {
                let fits = |name: &String| name.len() >= begin.len() + end.len() && name.starts_with(begin) && name.ends_with(end);
                found
                    .into_iter()
                    .flat_map(|folder| scope.list(&folder).into_iter().filter(fits).map(move |name| format!("{folder}/{name}")))
                    .take(FILES)
                    .collect()
            }
        };
    }
    for path in found {
        walk(scope, path, DEPTH, files);
    }
}

fn walk(scope: &Scope<'_>, path: String, depth: usize, files: &mut Vec<String>) {
    if files.len() >= FILES || scope.options().exclude.has_path(&path) || is_material(&path) {
        return;
    }
    match scope.root().facts(&path).map(|facts| facts.kind) {
        Some(Kind::File) => files.push(path),
        Some(Kind::Directory) if depth > 0 => {
            for name in scope.list(&path) {
                walk(scope, format!("{path}/{name}"), depth - 1, files);
            }
        }
        Some(_) => {}
        // Nothing there is nothing to speak of; not being allowed to see is.
        None => {
            if let Err(error) = scope.root().open(&path) {
                scope.problem(error);
            }
        }
    }
}

/// Keys and certificates that lie among configurations are not opened as such.
fn is_material(path: &str) -> bool {
    ["key", "pem", "crt", "cer", "der", "p12", "pfx", "jks"].iter().any(|kind| path.rsplit_once('.').is_some_and(|(_, end)| end == *kind))
}

/// `setting value;`, `setting = value`, `setting: value`: the settings asked for, and each path of their values.
fn settings<'a>(text: &str, wanted: &[&'a str]) -> Vec<(&'a str, String)> {
    let mut found = Vec::new();
    for line in text.lines() {
        let line = line.trim_start();
        if line.starts_with(['#', ';', '!']) {
            continue;
        }
        // A block on one line has several settings.
        for statement in line.split(['{', '}', ';']) {
            let statement = statement.trim().trim_start_matches("-o ").trim_start();
            let end = statement.find(|c: char| c.is_whitespace() || matches!(c, '=' | ':')).unwrap_or(statement.len());
            let (name, value) = statement.split_at(end);
            let Some(wanted) = wanted.iter().find(|wanted| is_setting(name, wanted)) else { continue };
            // Caddy's takes the certificate and then its key.
            let most = if *wanted == "tls" { 1 } else { usize::MAX };
            found.extend(paths(value).take(most).map(|path| (*wanted, path)));
        }
    }
    found
}

fn is_setting(name: &str, wanted: &str) -> bool {
    name.len() == wanted.len() && name.bytes().zip(wanted.bytes()).all(|(a, b)| a.to_ascii_lowercase() == b || a == b'-' && b == b'_')
}

/// The paths of a value, but those of keys, as far as their names tell.
fn paths(value: &str) -> impl Iterator<Item = String> {
    let value = value.trim_start_matches(|c: char| c.is_whitespace() || matches!(c, '=' | ':' | '<'));
    let quoted = ['"', '\''].into_iter().find_map(|quote| value.strip_prefix(quote)?.split(quote).next());
    let words = match quoted {
        Some(inner) => vec![inner],
        None => value.split('#').next().unwrap_or_default().split(|c: char| c.is_whitespace() || c == ',').collect(),
    };
    let is_path =
        |word: &&str| word.contains(['/', '.']) && !word.contains(['$', '%', '*', '@']) && !word.starts_with("data:") && !is_key(word);
    words.into_iter().filter(is_path).map(str::to_owned).collect::<Vec<_>>().into_iter()
}

fn is_key(path: &str) -> bool {
    path.ends_with(".key") || path.ends_with("key.pem")
}

/// HAProxy's settings stand in the middle of lines; `crt-base` and `ca-base` say what relative paths count from.
fn bound<'a>(text: &str, wanted: &[&'a str]) -> Vec<(&'a str, String)> {
    let mut found = Vec::new();
    let (mut certificates, mut authorities) = (String::new(), String::new());
    for line in text.lines() {
        let mut words = line.split('#').next().unwrap_or_default().split_whitespace();
        while let Some(word) = words.next() {
            match word {
                "crt-base" => certificates = words.next().unwrap_or_default().to_owned(),
                "ca-base" => authorities = words.next().unwrap_or_default().to_owned(),
                _ => {
                    let Some(wanted) = wanted.iter().find(|wanted| is_setting(word, wanted)) else { continue };
                    let Some(path) = words.next().filter(|path| !path.starts_with('@') && !path.contains('$')) else { continue };
                    let base = if *wanted == "ca_file" { &authorities } else { &certificates };
                    let is_whole = path.starts_with('/') || base.is_empty();
                    found.push((*wanted, if is_whole { path.to_owned() } else { format!("{base}/{path}") }));
                }
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(program: &str, text: &str, expected: &[&str]) {
        let wanted = PROGRAMS.iter().find(|one| one.name == program).expect("a program").settings;
        let found = if program == "haproxy" { bound(text, wanted) } else { settings(text, wanted) };
        assert_eq!(found.iter().map(|(_, path)| path.as_str()).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn settings_are_found_in_the_manner_of_each_program() {
        check(
            "nginx",
            "server { listen 443 ssl; ssl_certificate /etc/a.pem; ssl_certificate_key /etc/a.key; }\n# ssl_certificate /x.pem;",
            &["/etc/a.pem"],
        );
        check("nginx", "ssl_certificate $ssl_server_name.crt;\nssl_certificate \"certs/with blank.pem\";", &["certs/with blank.pem"]);
        check("apache", "  SSLCertificateFile \t/etc/a.crt\nSSLCertificateKeyFile /etc/a.key", &["/etc/a.crt"]);
        check("postfix", "smtpd_tls_cert_file=/etc/a.pem\nsmtpd_tls_chain_files = /a.key, /b.pem", &["/etc/a.pem", "/b.pem"]);
        check("postfix", "  -o smtpd_tls_cert_file=/etc/b.pem", &["/etc/b.pem"]);
        check("dovecot", "ssl_cert = </etc/dovecot/private/dovecot.pem\nssl_key = </etc/x.key", &["/etc/dovecot/private/dovecot.pem"]);
        check("lighttpd", "ssl.pemfile = \"/etc/lighttpd/server.pem\"", &["/etc/lighttpd/server.pem"]);
        check("caddy", "example.org {\n  tls /c/cert.pem /c/key.pem\n}\ntls ann@example.org", &["/c/cert.pem"]);
        check("postgresql", "ssl_cert_file = '/etc/ssl/certs/a.pem' # ours\n#ssl_ca_file = 'x.pem'", &["/etc/ssl/certs/a.pem"]);
        check("mysql", "[mysqld]\nssl-cert=/etc/mysql/a.pem\nssl_ca = ca.pem", &["/etc/mysql/a.pem", "ca.pem"]);
        check("openldap", "olcTLSCertificateFile: /etc/ldap/a.crt\nTLSCertificateFile /etc/b.crt", &["/etc/ldap/a.crt", "/etc/b.crt"]);
        check(
            "haproxy",
            "global\n crt-base /etc/h\nfrontend x\n bind :443 ssl crt a.pem crt /b/ alpn h2 ca-file /ca.pem\n bind :1 ssl crt-list /l # crt /x",
            &["/etc/h/a.pem", "/b/", "/ca.pem", "/l"],
        );
    }

    proptest! {
        #[test]
        fn no_configuration_panics(text in any::<String>(), begin in "(crt|ssl_cert|tls)[ =:]?") {
            for program in PROGRAMS {
                let _ = (settings(&format!("{begin}{text}"), program.settings), bound(&format!("{begin}{text}"), program.settings));
            }
        }
    }
}
