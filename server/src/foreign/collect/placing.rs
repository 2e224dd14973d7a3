//! Which items resources mean, remembered for a while.

use crate::engine::Engine;
use rollcall_domain::collect::Resource;
use rollcall_domain::id::CiId;
use rollcall_domain::trust::collector::VOICES;
use rollcall_domain::trust::feed::FeedName;
use rollcall_shared::Timestamp;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// For how long an item that was found is not looked for again.
const FOUND: Duration = Duration::from_secs(300);

/// For how long an item that was not found is not looked for again.
const MISSED: Duration = Duration::from_secs(60);

/// Items looked for in one piece: the writer waits meanwhile.
const TOGETHER: usize = 10;

/// Resources remembered.
const RESOURCES: usize = VOICES;

/// What a resource means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// An item, by a label.
    Item(CiId, String),
    /// None, for a reason.
    Nobody(String),
}

/// What resources mean, by a hash of what they say of themselves.
#[derive(Default)]
pub struct Placing(Mutex<BTreeMap<[u8; 32], (Target, Timestamp)>>);

impl Placing {
    /// What resources mean, in their order.
    pub fn find<'a>(&self, engine: &Engine, feed: &FeedName, resources: impl Iterator<Item = &'a Resource>) -> Vec<Target> {
        let resources: Vec<(&Resource, [u8; 32])> = resources.map(|resource| (resource, name(feed, resource))).collect();
        let now = engine.now();
        let mut targets: Vec<Option<Target>> = {
            let known = self.lock();
            let current = |(_, name): &(&Resource, [u8; 32])| {
                known.get(name).filter(|(target, at)| at.0 <= now.0 && now.since(*at) < lasts(target)).map(|(target, _)| target.clone())
            };
            resources.iter().map(current).collect()
        };
        let missing: Vec<usize> = (0..targets.len()).filter(|&place| targets[place].is_none()).collect();
        for some in missing.chunks(TOGETHER) {
            engine.read(|world| {
                for &place in some {
                    let found = resources[place].0.place(world, now);
                    targets[place] = Some(found.map_or_else(Target::Nobody, |(ci, label)| Target::Item(ci, label)));
                }
            });
        }
        let mut known = self.lock();
        if known.len() + missing.len() > RESOURCES {
            known.retain(|_, (target, at)| now.since(*at) < lasts(target));
            if known.len() + missing.len() > RESOURCES {
                known.clear();
            }
        }
        for place in missing {
            known.extend(targets[place].clone().map(|target| (resources[place].1, (target, now))));
        }
        targets.into_iter().map(|target| target.unwrap_or_else(|| Target::Nobody("was not looked for".into()))).collect()
    }

    /// Forgets what means an item that is there no more.
    pub fn forget(&self, ci: CiId) {
        self.lock().retain(|_, (target, _)| !matches!(target, Target::Item(known, _) if *known == ci));
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<[u8; 32], (Target, Timestamp)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn lasts(target: &Target) -> Duration {
    match target {
        Target::Item(..) => FOUND,
        Target::Nobody(_) => MISSED,
    }
}

fn name(feed: &FeedName, resource: &Resource) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    let labels = resource.labels().iter().flat_map(|(name, value)| [name.as_str(), value.as_str()]);
    for text in std::iter::once(feed.as_str()).chain(labels) {
        hasher.update(&(text.len() as u64).to_be_bytes()).update(text.as_bytes());
    }
    *hasher.finalize().as_bytes()
}
