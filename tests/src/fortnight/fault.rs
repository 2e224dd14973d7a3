//! What goes wrong, on which hosts, from when to when: the truth that the domain is held against.

use super::BEGIN;
use super::fleet::{DAY_MS, Fleet, HOUR_MS, Noise, PER_SWITCH, Role, Values};
use rollcall_shared::Timestamp;

/// A minute, ms.
const MINUTE_MS: i64 = 60_000;

/// Hosts that get the bad package first.
const CANARIES: usize = 40;

/// What the bad package is called, and its version.
pub const BAD_PACKAGE: (&str, &str) = ("libcache", "1.1-1");

/// What the agent is called as a package, and the version with the bug.
pub const BAD_AGENT: (&str, &str) = ("rollcall-agent", "1.2.1");

/// How a fault shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Memory leaks where a version of a package is installed.
    BadPackage,
    /// A switch is away three times, and with it all hosts behind it.
    DyingSwitch,
    /// An array degrades and recovers all the time.
    FlappingDisk,
    /// One host's memory leaks over days.
    SlowLeak,
    /// A version of the agent stops reporting, all over the fleet.
    AgentBug,
    /// One host dies without a word and comes back hours later.
    Crash,
    /// One file system fills up.
    FullDisk,
}

/// A fault.
#[derive(Clone, Debug)]
pub struct Fault {
    /// How it shows.
    pub kind: Kind,
    /// What people would call it.
    pub name: String,
    /// Hosts that suffer, in the order in which they do.
    pub hosts: Vec<u32>,
    /// Hosts where what causes it is installed, in the order in which it is.
    exposed: Vec<u32>,
    /// When it begins.
    pub begin: Timestamp,
    /// When it is over for the last host.
    pub end: Timestamp,
}

/// When a switch is away: hours from the begin, and how many.
const OUTAGES: [(f64, f64); 3] = [(0.0, 0.4), (6.0, 0.7), (20.0, 3.0)];

impl Fault {
    /// Occurrences that people would tell apart: each is worth an incident.
    #[must_use]
    pub fn occurrences(&self) -> u32 {
        if self.kind == Kind::DyingSwitch { OUTAGES.len() as u32 } else { 1 }
    }

    /// Rules that may tell of it.
    #[must_use]
    pub fn rules(&self) -> &'static [&'static str] {
        match self.kind {
            Kind::BadPackage | Kind::SlowLeak => &["memory_utilization"],
            Kind::DyingSwitch | Kind::AgentBug | Kind::Crash => &["agent_silent", "host_silent"],
            Kind::FlappingDisk => &["raid_degraded"],
            Kind::FullDisk => &["filesystem_space", "filesystem_time_to_full"],
        }
    }

    /// Words that the named cause must have, where the cause can be known.
    #[must_use]
    pub fn cause(&self) -> Option<String> {
        match self.kind {
            Kind::BadPackage => Some(format!("{} {}", BAD_PACKAGE.0, BAD_PACKAGE.1)),
            Kind::AgentBug => Some(format!("{} {}", BAD_AGENT.0, BAD_AGENT.1)),
            Kind::DyingSwitch => Some(format!("switch-{}", self.hosts[0] / PER_SWITCH)),
            _ => None,
        }
    }

    /// Whether a host says nothing at a moment.
    #[must_use]
    pub fn silences(&self, host: u32, at: Timestamp) -> bool {
        let since = at.0 - self.begin.0;
        match self.kind {
            Kind::DyingSwitch => OUTAGES.iter().any(|(from, hours)| {
                let from = (from * HOUR_MS as f64) as i64;
                (from..from + (hours * HOUR_MS as f64) as i64).contains(&since)
            }),
            Kind::Crash => self.begin <= at && at < self.end,
            Kind::AgentBug => {
                let order = self.order(host);
                let from = 3 * HOUR_MS + order * 5_000;
                (from..from + 90 * MINUTE_MS).contains(&since)
            }
            _ => false,
        }
    }

    /// Bends what a host measures; whether that is past the line of a rule.
    pub fn bend(&self, host: u32, at: Timestamp, values: &mut Values) -> bool {
        if at < self.begin || at >= self.end {
            return false;
        }
        let hours = (at.0 - self.begin.0) as f64 / HOUR_MS as f64;
        match self.kind {
            Kind::BadPackage => {
                let order = self.order(host);
                let lag = 1.0 + 3.0 * Noise { seed: 7 }.unit(host, 0, 1) + order as f64 / 30.0;
                raise(values, 0.5 + (hours - lag) * 0.1, hours > lag)
            }
            Kind::SlowLeak => raise(values, 0.5 + 0.5 * hours / 110.0, true),
            Kind::FullDisk => {
                let used = (0.5 + hours * 0.06).min(0.997);
                if used > 0.68 {
                    values.fill("/var", used);
                }
                used > 0.9
            }
            Kind::FlappingDisk => {
                let bad = (at.0 - self.begin.0) % (30 * MINUTE_MS) < 20 * MINUTE_MS;
                values.set_value("system.raid.degraded", "md0", f64::from(u8::from(bad)));
                bad && hours > 0.25
            }
            Kind::DyingSwitch | Kind::AgentBug | Kind::Crash => false,
        }
    }

    /// What is installed in the time of one tick before `now`.
    pub fn installs(&self, now: Timestamp) -> impl Iterator<Item = (u32, &'static str, &'static str)> + '_ {
        let since = now.0 - self.begin.0;
        let is_now = move |moment: i64| (moment..moment + super::TICK_MS).contains(&since);
        let each = |order: usize| i64::try_from(order).unwrap_or(0) * 2 * MINUTE_MS;
        let of_kind = move |kind| self.kind == kind;
        // The bad package comes with four others; those go to five times as many hosts, and leak nowhere.
        let run = self.exposed.iter().enumerate().filter(move |(order, _)| of_kind(Kind::BadPackage) && is_now(each(*order))).flat_map(
            |(order, &host)| {
                let bad = (order < CANARIES).then_some((host, BAD_PACKAGE.0, BAD_PACKAGE.1));
                let others = ["library-20", "library-21", "library-22", "library-23"].map(|name| (host, name, "1.1-1"));
                others.into_iter().chain(bad)
            },
        );
        let undone = self.exposed.iter().take(CANARIES).filter(move |_| of_kind(Kind::BadPackage) && is_now(self.end.0 - self.begin.0));
        let undone = undone.map(|&host| (host, BAD_PACKAGE.0, "1.1-2"));
        let agent = self
            .exposed
            .iter()
            .enumerate()
            .filter(move |(order, _)| of_kind(Kind::AgentBug) && is_now(i64::try_from(*order).unwrap_or(0) * 15_000));
        let agent = agent.map(|(_, &host)| (host, BAD_AGENT.0, BAD_AGENT.1));
        run.chain(undone).chain(agent)
    }

    fn order(&self, host: u32) -> i64 {
        self.hosts.iter().position(|one| *one == host).and_then(|place| i64::try_from(place).ok()).unwrap_or(0)
    }
}

fn raise(values: &mut Values, used: f64, begun: bool) -> bool {
    // Below half a host looks as usual.
    let used = used.min(0.995);
    if begun && used > 0.7 {
        values.set_value("system.memory.utilization", "", used);
    }
    begun && used > 0.9
}

/// All faults of a fortnight. Where and when is the seed's; what, is the same each time.
#[must_use]
pub fn all(fleet: &Fleet, seed: u64) -> Vec<Fault> {
    let mut places = Places { fleet, noise: Noise { seed }, taken: Vec::new(), drawn: 0 };
    let mut faults = vec![bad_package(&mut places), dying_switch(&mut places)];
    faults.push(agent_bug(&mut places));
    for (kind, count, day, hours) in
        [(Kind::FlappingDisk, 1, 2, 12.0), (Kind::SlowLeak, 1, 4, 120.0), (Kind::Crash, 6, 1, 3.0), (Kind::FullDisk, 3, 6, 11.0)]
    {
        for number in 0..count {
            let begin = places.moment(day + number, 20.0);
            let host = places.host(|_| true);
            let name = format!("{} of srv{host}", name(kind));
            faults.push(Fault { kind, name, hosts: vec![host], exposed: Vec::new(), begin, end: after(begin, hours) });
        }
    }
    faults
}

fn name(kind: Kind) -> &'static str {
    match kind {
        Kind::BadPackage => "bad package",
        Kind::DyingSwitch => "dying switch",
        Kind::FlappingDisk => "flapping array",
        Kind::SlowLeak => "slow leak",
        Kind::AgentBug => "agent bug",
        Kind::Crash => "crash",
        Kind::FullDisk => "full disk",
    }
}

fn after(begin: Timestamp, hours: f64) -> Timestamp {
    Timestamp(begin.0 + (hours * HOUR_MS as f64) as i64)
}

fn bad_package(places: &mut Places<'_>) -> Fault {
    let begin = places.moment(3, 6.0);
    let hosts: Vec<u32> = (0..places.fleet.hosts()).filter(|host| places.fleet.role(*host) == Role::Web).collect();
    let start = places.draw(hosts.len());
    let spread: Vec<u32> = (0..hosts.len()).map(|step| hosts[(start + step * 7) % hosts.len()]).collect();
    let mut exposed = Vec::new();
    for host in spread {
        if !exposed.contains(&host) && exposed.len() < 5 * CANARIES {
            exposed.push(host);
        }
    }
    // Nine of ten leak: the others have no traffic.
    let leaking: Vec<u32> = exposed.iter().take(CANARIES).enumerate().filter(|(order, _)| order % 10 != 9).map(|(_, host)| *host).collect();
    places.taken.extend(&leaking);
    let (kind, name) = (Kind::BadPackage, format!("{} {} on {CANARIES} hosts", name(Kind::BadPackage), BAD_PACKAGE.0));
    Fault { kind, name, hosts: leaking, exposed, begin, end: after(begin, 36.0) }
}

fn dying_switch(places: &mut Places<'_>) -> Fault {
    let begin = places.moment(5, 6.0);
    let switches = places.fleet.hosts() / PER_SWITCH;
    let switch = places.draw(switches as usize) as u32;
    let behind = switch * PER_SWITCH..(switch + 1) * PER_SWITCH;
    let hosts: Vec<u32> = behind.filter(|host| !places.taken.contains(host)).collect();
    places.taken.extend(&hosts);
    let (kind, name) = (Kind::DyingSwitch, format!("dying switch-{switch} with {} hosts behind it", hosts.len()));
    Fault { kind, name, hosts, exposed: Vec::new(), begin, end: after(begin, 23.5) }
}

fn agent_bug(places: &mut Places<'_>) -> Fault {
    let begin = places.moment(8, 12.0);
    let first = places.draw(20) as u32;
    let exposed: Vec<u32> = (first..places.fleet.hosts()).step_by(18).filter(|host| !places.taken.contains(host)).collect();
    // One of ten does not meet the bug.
    let hosts: Vec<u32> = exposed.iter().enumerate().filter(|(order, _)| order % 10 != 9).map(|(_, host)| *host).collect();
    places.taken.extend(&hosts);
    let (kind, name) = (Kind::AgentBug, format!("agent bug that silences {} hosts", hosts.len()));
    Fault { kind, name, hosts, exposed, begin, end: after(begin, 6.0) }
}

/// Hosts and moments, each once.
struct Places<'a> {
    fleet: &'a Fleet,
    noise: Noise,
    taken: Vec<u32>,
    drawn: u64,
}

impl Places<'_> {
    fn unit(&mut self) -> f64 {
        self.drawn += 1;
        self.noise.unit(0, 0, 1_000 + self.drawn)
    }

    fn draw(&mut self, among: usize) -> usize {
        ((self.unit() * among as f64) as usize).min(among.saturating_sub(1))
    }

    /// Some time on a day, within its first hours.
    fn moment(&mut self, day: i64, hours: f64) -> Timestamp {
        let within = (self.unit() * hours * HOUR_MS as f64) as i64;
        Timestamp(BEGIN.0 + day * DAY_MS + within / 10_000 * 10_000)
    }

    /// A host that nothing happens to yet.
    fn host(&mut self, fits: impl Fn(u32) -> bool) -> u32 {
        loop {
            let host = self.draw(self.fleet.hosts() as usize) as u32;
            if fits(host) && !self.taken.contains(&host) {
                self.taken.push(host);
                return host;
            }
        }
    }
}
