//! Programs that take a secret in a way of their own.

use super::{Next, is_option};

/// Clients in one command line: `sudo docker exec db sh -c mysql` names two.
const CLIENTS: usize = 8;

/// The clients that a command line names. All of them count: which of its words is the program, nobody can tell for sure.
#[derive(Default)]
pub(super) struct Clients(Vec<Client>);

impl Clients {
    /// Adds the client that a word names.
    pub(super) fn see(&mut self, word: &str) {
        // `-p` publishes a port but for `login`.
        let turned = (word == "login" && self.0.contains(&Client::Container)).then_some(Client::Login);
        if let Some(client) = Client::named(word).or(turned).filter(|client| !self.0.contains(client) && self.0.len() < CLIENTS) {
            self.0.push(client);
        }
    }

    /// The part of a word that may be shown when the rest of it is a secret.
    pub(super) fn attached<'a>(&self, word: &'a str) -> Option<&'a str> {
        self.0.iter().find_map(|client| client.attached(word))
    }

    /// What a word says of the next one.
    pub(super) fn after(&self, word: &str) -> Option<Next> {
        self.0.iter().find_map(|client| client.after(word))
    }
}

/// How a program takes its secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Client {
    /// `-pVALUE` and no other way: `-p` alone asks.
    MySql,
    /// `password NEW`, and as MySQL's other clients.
    MySqlAdmin,
    /// `-p VALUE` or `-pVALUE`.
    ShortP,
    /// `-P VALUE` or `-PVALUE`.
    LargeP,
    /// `-pVALUE` only.
    AttachedP,
    /// `-w VALUE`.
    Ldap,
    /// `-a VALUE`, `auth VALUE`.
    Redis,
    /// `-u user:password` or `-uuser:password`.
    Curl,
    /// `-U user%password`.
    Samba,
    /// `-e NAME=value`, `--env NAME=value`.
    Container,
    /// `-k VALUE`, `-K VALUE`.
    OpenSsl,
    /// `user/password@database`.
    Oracle,
    /// `-c community`, `-A`, `-X`.
    Snmp,
    /// `file user password`.
    Htpasswd,
    /// `add_user name password`.
    RabbitMq,
    /// `ssid passphrase`.
    Wpa,
    /// `/p:VALUE`.
    Rdp,
    /// `login -p VALUE` of a registry or a cloud.
    Login,
}

impl Client {
    /// The client that a word names, with or without a path; none for any other word.
    fn named(word: &str) -> Option<Self> {
        let name = word.rsplit('/').next()?.trim_matches(['"', '\'', '(', ';', '&', '|', '$', '`']);
        Some(match name {
            "mysqladmin" | "mariadb-admin" => Self::MySqlAdmin,
            _ if name.starts_with("mysql") || name.starts_with("mariadb") => Self::MySql,
            "sshpass" | "mongo" | "mongosh" | "mongodump" | "mongorestore" | "mongoexport" | "mongoimport" | "mongostat" | "useradd"
            | "usermod" | "rdesktop" | "clickhouse-client" | "steghide" | "vncviewer" | "influx" | "cqlsh" => Self::ShortP,
            "sqlcmd" | "isql" | "bcp" | "tsql" | "ipmitool" | "zip" | "unzip" => Self::LargeP,
            "7z" | "7za" | "7zr" | "rar" | "unrar" => Self::AttachedP,
            _ if name.starts_with("ldap") => Self::Ldap,
            "redis-cli" | "valkey-cli" | "keydb-cli" => Self::Redis,
            "curl" | "wget" | "http" | "https" | "httpie" => Self::Curl,
            "smbclient" | "rpcclient" | "smbget" | "net" => Self::Samba,
            "docker" | "podman" | "nerdctl" | "ctr" | "crictl" | "kubectl" | "docker-compose" | "helm" | "buildah" | "skopeo" => {
                Self::Container
            }
            "openssl" => Self::OpenSsl,
            "sqlplus" | "sqlldr" | "expdp" | "impdp" | "exp" | "imp" | "rman" => Self::Oracle,
            _ if name.starts_with("snmp") => Self::Snmp,
            "htpasswd" | "htdigest" => Self::Htpasswd,
            "rabbitmqctl" => Self::RabbitMq,
            "wpa_passphrase" => Self::Wpa,
            "xfreerdp" | "wlfreerdp" | "freerdp" => Self::Rdp,
            "az" | "gcloud" | "oc" | "cf" | "ibmcloud" => Self::Login,
            _ => return None,
        })
    }

    /// The part of a word that may be shown when the rest of it is a secret.
    fn attached(self, word: &str) -> Option<&str> {
        let begins = |flag: &str| word.starts_with(flag) && word.len() > flag.len();
        let after = |separator: &[char], from: usize| {
            Some(word.get(..from + word.get(from..)?.find(separator)? + 1)?).filter(|shown| shown.len() < word.len())
        };
        match self {
            Self::MySql | Self::MySqlAdmin | Self::ShortP | Self::AttachedP | Self::Login if begins("-p") => word.get(..2),
            Self::LargeP if begins("-P") => word.get(..2),
            Self::Ldap if begins("-w") => word.get(..2),
            Self::Redis if begins("-a") => word.get(..2),
            Self::Curl if begins("-u") => after(&[':'], 2),
            Self::Samba if begins("-U") => after(&['%', ':'], 2),
            Self::Container if begins("-e") => after(&['='], 2),
            Self::Container if word.starts_with("--env=") => after(&['='], 6),
            Self::Rdp if begins("/p:") => word.get(..3),
            // `user/password@database`, which neither an option nor a path is.
            Self::Oracle if word.to_ascii_lowercase().starts_with("userid=") => after(&['/'], 0),
            Self::Oracle if !word.starts_with(['-', '/', '@', '.']) && !word.contains('=') => after(&['/'], 0),
            _ => None,
        }
    }

    /// What a word of this client says of the next one.
    fn after(self, word: &str) -> Option<Next> {
        let secret = |flags: &[&str]| flags.contains(&word).then_some(Next::Secret);
        match self {
            Self::MySql | Self::AttachedP | Self::Rdp | Self::Oracle => None,
            Self::MySqlAdmin => secret(&["password", "old-password"]),
            Self::ShortP => secret(&["-p"]),
            Self::LargeP => secret(&["-P"]),
            Self::Ldap => secret(&["-w"]),
            Self::Redis => secret(&["-a"]).or_else(|| word.eq_ignore_ascii_case("auth").then_some(Next::Secret)),
            Self::Curl => matches!(word, "-u" | "-U" | "-a").then_some(Next::UserAndPassword),
            Self::Samba => (word == "-U").then_some(Next::UserAndPassword),
            Self::Container => matches!(word, "-e" | "--env" | "--build-arg").then_some(Next::Variable),
            Self::OpenSsl => secret(&["-k", "-K", "-pass", "-passin", "-passout"]),
            Self::Snmp => secret(&["-c", "-A", "-X"]),
            Self::Htpasswd => (!is_option(word) && !word.starts_with('-') && Self::named(word).is_none()).then_some(Next::AllSecret),
            Self::RabbitMq => matches!(word, "add_user" | "change_password" | "authenticate_user").then_some(Next::SecretAfter(1)),
            Self::Wpa => Self::named(word).map(|_| Next::SecretAfter(1)),
            Self::Login => secret(&["-p"]),
        }
    }
}
