//! What sections list by name: services, users, listening ports, each with the hosts that have it.
//!
//! Hosts whose sections list the same names share one *set* of them, so that a fleet made from few images costs little more
//! than those. Everything follows from the section's content; content that is not there leaves its host out.

use crate::Content;
use crate::ci::normalise::{cut, folded};
use roaring::RoaringBitmap;
use rollcall_shared::{ContentHash, Section};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;

/// Names of one section that count: ten times what the largest real hosts list.
const NAMES: usize = 4_096;

/// Bytes of a name that count.
const NAME_BYTES: usize = 255;

/// A sorted list of names, each once.
type Names = Arc<[Arc<str>]>;

/// Names of the complete and the partial content of a section.
pub type Contents = (ContentHash, Option<ContentHash>);

/// One kind of section.
#[derive(Clone, Debug, Default)]
pub struct Listings {
    /// Sets with each name.
    names: BTreeMap<Arc<str>, RoaringBitmap>,
    sets: Vec<Set>,
    free: Vec<u32>,
    by_names: BTreeMap<Names, u32>,
    /// The set that contents led to, with the number of hosts that have them.
    contents: BTreeMap<Contents, (u32, u32)>,
    hosts: BTreeMap<u32, Contents>,
}

#[derive(Clone, Debug)]
struct Set {
    names: Names,
    hosts: RoaringBitmap,
}

impl Listings {
    /// A host's section has these contents.
    pub fn set(&mut self, host: u32, contents: Contents, content: &dyn Content) {
        let set = match self.contents.get(&contents) {
            Some((set, _)) => *set,
            None => match names_in(&contents, content) {
                Some(names) => self.set_of(&names),
                None => return,
            },
        };
        self.contents.entry(contents).or_insert((set, 0)).1 += 1;
        self.sets[set as usize].hosts.insert(host);
        self.hosts.insert(host, contents);
    }

    /// A host's section is forgotten.
    pub fn remove(&mut self, host: u32) {
        let Some(contents) = self.hosts.remove(&host) else { return };
        let Some(entry) = self.contents.get_mut(&contents) else { return };
        entry.1 -= 1;
        let (number, hosts_left) = *entry;
        if hosts_left == 0 {
            self.contents.remove(&contents);
        }
        let set = &mut self.sets[number as usize];
        set.hosts.remove(host);
        if !set.hosts.is_empty() {
            return;
        }
        let names = std::mem::replace(&mut set.names, Arc::new([]));
        self.by_names.remove(&names);
        self.free.push(number);
        for name in &*names {
            if let Some(sets) = self.names.get_mut(name) {
                sets.remove(number);
                if sets.is_empty() {
                    self.names.remove(name);
                }
            }
        }
    }

    /// Hosts with a wanted name. Names are in lower case.
    #[must_use]
    pub fn find(&self, wanted: impl Fn(&str) -> bool) -> RoaringBitmap {
        let sets = self.names.iter().filter(|(name, _)| wanted(name)).fold(RoaringBitmap::new(), |all, (_, sets)| all | sets);
        sets.iter().fold(RoaringBitmap::new(), |hosts, set| hosts | &self.sets[set as usize].hosts)
    }

    /// The names of one host.
    pub fn names_of(&self, host: u32) -> impl Iterator<Item = &str> {
        let set = self.hosts.get(&host).and_then(|contents| self.contents.get(contents)).map(|(set, _)| &self.sets[*set as usize]);
        set.into_iter().flat_map(|set| set.names.iter()).map(|name| &**name)
    }

    /// Names that begin so, at most `limit`.
    #[must_use]
    pub fn beginning_with(&self, beginning: &str, limit: usize) -> Vec<String> {
        let later = self.names.range::<str, _>((Bound::Included(beginning), Bound::Unbounded)).map(|(name, _)| name.to_string());
        later.take_while(|name| name.starts_with(beginning)).take(limit).collect()
    }

    /// Every host with its names, for comparing.
    #[must_use]
    pub fn dump(&self) -> BTreeSet<(u32, Vec<&str>)> {
        self.hosts.keys().map(|&host| (host, self.names_of(host).collect())).collect()
    }

    /// Bytes of memory, estimated.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let names: usize = self.names.iter().map(|(name, sets)| name.len() + 80 + sets.serialized_size()).sum();
        let sets: usize = self.sets.iter().map(|set| set.names.len() * 16 + 80 + set.hosts.serialized_size()).sum();
        names + sets + self.contents.len() * 110 + self.hosts.len() * 100
    }

    fn set_of(&mut self, names: &BTreeSet<String>) -> u32 {
        let shared =
            |name: &String| self.names.get_key_value(name.as_str()).map_or_else(|| Arc::from(name.as_str()), |(name, _)| Arc::clone(name));
        let names: Names = names.iter().map(shared).collect();
        if let Some(&known) = self.by_names.get(&names) {
            return known;
        }
        let set = Set { names: Arc::clone(&names), hosts: RoaringBitmap::new() };
        let number = match self.free.pop() {
            Some(number) => {
                self.sets[number as usize] = set;
                number
            }
            None => {
                self.sets.push(set);
                u32::try_from(self.sets.len() - 1).expect("fewer than 2^32 sets fit into memory")
            }
        };
        for name in &*names {
            self.names.entry(Arc::clone(name)).or_default().insert(number);
        }
        self.by_names.insert(names, number);
        number
    }
}

/// The names in both contents; `None` when the complete one is not there.
#[must_use]
pub fn names_in(contents: &Contents, content: &dyn Content) -> Option<BTreeSet<String>> {
    let mut names = names_of(&*content.section(&contents.0)?);
    if let Some(partial) = contents.1.and_then(|partial| content.section(&partial)) {
        names.extend(names_of(&partial));
    }
    Some(names)
}

fn names_of(section: &Section) -> BTreeSet<String> {
    let name = |name: &str| folded(cut(name, NAME_BYTES));
    match section {
        Section::Services(rows) => rows.iter().take(NAMES).map(|row| name(&row.name)).collect(),
        Section::Users(rows) => rows.iter().take(NAMES).map(|row| name(&row.name)).collect(),
        Section::Listeners(rows) => rows.iter().take(NAMES).map(|row| name(&format!("{}/{}", row.port, row.protocol))).collect(),
        _ => BTreeSet::new(),
    }
}
