//! Software: the system, packages, and what runs.

use crate::Timestamp;
use crate::section::{Row, Texts};
use serde::{Deserialize, Serialize};

/// A value that a local extension file declares. Decimals are kept as the text that declared them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CustomValue {
    /// True or false.
    Flag(bool),
    /// A whole number.
    Integer(i64),
    /// Any other number, as written.
    Decimal(String),
    /// A text.
    Text(String),
}

rows! {
    /// The operating system.
    Os {
        /// `ID` of os-release, such as `debian`.
        id: Option<String>,
        /// `NAME`.
        name: Option<String>,
        /// `VERSION_ID`.
        version: Option<String>,
        /// `VERSION_CODENAME`.
        codename: Option<String>,
        /// `PRETTY_NAME`.
        pretty_name: Option<String>,
        /// `Linux`.
        kernel_name: Option<String>,
        /// `uname -r`.
        kernel_release: Option<String>,
        /// `uname -v`.
        kernel_version: Option<String>,
        /// `uname -m`.
        architecture: Option<String>,
        /// When the system was installed, as far as files tell.
        installed_at: Option<Timestamp>,
        /// When the system was started, from `/proc/stat` (whole seconds).
        booted_at: Option<Timestamp>,
        /// IANA name.
        time_zone: Option<String>,
        /// System locale.
        locale: Option<String>,
        /// `systemd`, `openrc`, `sysv`, ….
        init: Option<String>,
        /// Whether an update waits for a reboot.
        reboot_required: Option<bool>,
        /// `SUPPORT_END` of os-release, YYYY-MM-DD.
        support_end: Option<String>,
    } key(_row) { String::new() }

    /// One installed package.
    Package {
        /// Name.
        name: String,
        /// Full version, with epoch and revision.
        version: String,
        /// Architecture.
        architecture: Option<String>,
        /// `dpkg`, `rpm`, `apk`, ….
        manager: String,
        /// Source package.
        source: Option<String>,
        /// Version of the source package, when it differs.
        source_version: Option<String>,
        /// Maintainer or vendor.
        vendor: Option<String>,
        /// Installed size.
        size_bytes: Option<u64>,
        /// When it was installed.
        installed_at: Option<Timestamp>,
        /// Licence as the package states it.
        licence: Option<String>,
        /// Package URL with version (purl specification).
        purl: Option<String>,
        /// Repository or channel it came from, where the manager remembers one.
        origin: Option<String>,
        /// Path of this instance, for what can be installed many times on one host (language packages, per-user applications).
        location: Option<String>,
    } key(row) {
        let (architecture, location) = (row.architecture.as_deref().unwrap_or_default(), row.location.as_deref().unwrap_or_default());
        format!("{}/{}/{architecture}/{location}", row.manager, row.name)
    }

    /// One system service. Its main process and memory would change without the service changing.
    Service {
        /// Unit or script name, such as `ssh.service`.
        name: String,
        /// Description.
        description: Option<String>,
        /// `loaded`, `not-found`, `masked`, ….
        load_state: Option<String>,
        /// `active`, `inactive`, `failed`, ….
        active_state: Option<String>,
        /// `running`, `exited`, `dead`, ….
        sub_state: Option<String>,
        /// `enabled`, `disabled`, `static`, `masked`, ….
        enabled: Option<String>,
        /// User it runs as; `root` where systemd's unit names none.
        user: Option<String>,
        /// Command it runs, secrets redacted.
        command: Option<String>,
        /// How often the service manager restarted it since it was last started by hand.
        restarts: Option<u32>,
    } key(row) { row.name.clone() }

    /// One running process; kernel threads are left out.
    Process {
        /// Process id.
        pid: u32,
        /// When it started, whole seconds.
        started_at: Option<Timestamp>,
        /// Short name.
        name: String,
        /// Command line, secrets redacted, cut at the limit.
        command: Option<String>,
        /// Owner.
        user: Option<String>,
        /// Parent process id.
        parent: Option<u32>,
        /// Control group or unit.
        unit: Option<String>,
    } key(row) { format!("{}@{}", row.pid, row.started_at.unwrap_or_default()) }

    /// One thing that is started by the clock. When it runs next follows from the schedule and would change all the time.
    ScheduledTask {
        /// `cron`, `anacron`, `systemd_timer`, `at`.
        origin: String,
        /// Unit, or file and line.
        name: String,
        /// As written: five fields, `@daily`, `OnCalendar=…`.
        schedule: Option<String>,
        /// Command or unit that it starts, secrets redacted.
        command: Option<String>,
        /// User it runs as.
        user: Option<String>,
        /// Whether it is enabled.
        enabled: Option<bool>,
    } key(row) { format!("{}/{}", row.origin, row.name) }

    /// One instance of a database engine.
    Database {
        /// `postgresql`, `mysql`, `mariadb`, `redis`, `mongodb`, ….
        engine: String,
        /// Name of the instance, where the engine gives it one (Oracle's SID).
        name: Option<String>,
        /// Version, where something on disk or a package tells it.
        version: Option<String>,
        /// Directory of its data.
        data_directory: Option<String>,
        /// Port.
        port: Option<u16>,
        /// Unix socket.
        socket: Option<String>,
        /// Addresses it listens on, sorted.
        #[serde(default)]
        addresses: Vec<String>,
        /// Its configuration file.
        configuration: Option<String>,
        /// Unit it runs in.
        unit: Option<String>,
        /// Container it runs in.
        container: Option<String>,
    } key(row) {
        let port = row.port.map(|port| port.to_string());
        let place = row.name.as_ref().or(port.as_ref()).or(row.socket.as_ref()).or(row.data_directory.as_ref());
        format!("{}/{}/{}", row.engine, row.container.as_deref().unwrap_or_default(), place.map(String::as_str).unwrap_or_default())
    }

    /// One instance of a web server.
    WebServer {
        /// `nginx`, `apache`, `caddy`, `haproxy`, `lighttpd`, ….
        engine: String,
        /// Version, where something on disk or a package tells it.
        version: Option<String>,
        /// Ports, sorted.
        #[serde(default)]
        ports: Vec<u16>,
        /// Addresses it listens on, sorted.
        #[serde(default)]
        addresses: Vec<String>,
        /// Names of the sites it serves, sorted.
        #[serde(default)]
        sites: Vec<String>,
        /// Its main configuration file.
        configuration: Option<String>,
        /// Unit it runs in.
        unit: Option<String>,
        /// Container it runs in.
        container: Option<String>,
    } key(row) { format!("{}/{}/{}", row.engine, row.container.as_deref().unwrap_or_default(), row.ports.first().copied().unwrap_or_default()) }

    /// One loaded kernel module.
    KernelModule {
        /// Name.
        name: String,
        /// Memory.
        size_bytes: Option<u64>,
        /// Version, when it states one.
        version: Option<String>,
        /// Modules that use it, sorted.
        #[serde(default)]
        used_by: Vec<String>,
        /// Letters of taint, such as `OE`.
        taint: Option<String>,
    } key(row) { row.name.clone() }

    /// One local check and its present state. Figures are health; the text is the one with which the state began.
    Check {
        /// Name in the agent's configuration.
        name: String,
        /// `ok`, `warning`, `critical` or `unknown`.
        state: String,
        /// First line of what the check said when it entered this state.
        output: Option<String>,
        /// Seconds between two runs.
        interval_s: u32,
        /// What it is about, as the agent's configuration calls it: a name, an address or an id; absent for the host itself.
        target: Option<String>,
    } key(row) { row.name.clone() }

    /// One row of a local extension file.
    Custom {
        /// Name of the extension: the file's, without `.json`.
        extension: String,
        /// What identifies the row within the extension.
        key: String,
        /// Fields, sorted by name.
        #[serde(default)]
        fields: Vec<(String, CustomValue)>,
    } key(row) { format!("{}/{}", row.extension, row.key) }
}
