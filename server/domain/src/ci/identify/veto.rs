//! Why two fingerprints cannot be one machine, and what explains it when they are one after all.

use super::fingerprint::Fingerprint;
use crate::ci::normalise;
use std::collections::BTreeSet;

/// Parts with numbers of their own that two fingerprints were compared by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SharedParts {
    /// Disks, memory modules and network adapters that both have.
    pub shared: usize,
    /// The same without disks: those go from machine to machine.
    pub shared_beyond_disks: usize,
    /// The most that could be shared, over the kinds of parts that both tell of.
    pub compared: usize,
}

impl SharedParts {
    /// Compares two machines by their parts.
    #[must_use]
    pub fn of(mine: &Fingerprint, theirs: &Fingerprint) -> Self {
        let disks = common(&mine.disks, &theirs.disks);
        let modules = common(&mine.memory_modules, &theirs.memory_modules);
        let macs = common(&mine.macs, &theirs.macs);
        Self { shared: disks.0 + modules.0 + macs.0, shared_beyond_disks: modules.0 + macs.0, compared: disks.1 + modules.1 + macs.1 }
    }

    /// Whether at least half of them are the same, and not only disks.
    #[must_use]
    pub fn is_half(self) -> bool {
        self.shared_beyond_disks > 0 && 2 * self.shared >= self.compared
    }

    /// Whether parts could be compared and none is the same.
    #[must_use]
    pub fn is_none(self) -> bool {
        self.compared > 0 && self.shared == 0
    }
}

/// How many both have, and how many they could have in common; nothing when one side says nothing of this kind of part.
fn common(mine: &BTreeSet<String>, theirs: &BTreeSet<String>) -> (usize, usize) {
    if mine.is_empty() || theirs.is_empty() {
        return (0, 0);
    }
    (mine.intersection(theirs).count(), mine.len().max(theirs.len()))
}

impl Fingerprint {
    /// Why these two cannot be one machine: a strong fact that both have and that differs.
    #[must_use]
    pub fn contradiction(&self, other: &Self) -> Option<String> {
        if let Some(clouds) = self.cloud_contradiction(other) {
            return Some(clouds);
        }
        if let (Some(mine), Some(theirs)) = (&self.serial, &other.serial)
            && mine != theirs
        {
            return Some(format!("its serial number is {theirs}, not {mine}"));
        }
        match (self.uuid, other.uuid) {
            (Some(mine), Some(theirs)) if mine.key() != theirs.key() => Some(format!("its UUID is {theirs}, not {mine}")),
            _ => None,
        }
    }

    /// Another instance of a cloud: nobody exchanges its board.
    fn cloud_contradiction(&self, other: &Self) -> Option<String> {
        let (mine, theirs) = (self.cloud.as_ref()?, other.cloud.as_ref()?);
        (mine != theirs).then(|| format!("its cloud instance is {} of {}, not {} of {}", theirs.1, theirs.0, mine.1, mine.0))
    }

    /// Why this is the same machine with another board, though it contradicts; only for the same certificate.
    #[must_use]
    pub fn board_replacement(&self, known: &Self) -> Option<String> {
        if self.cloud_contradiction(known).is_some() {
            return None;
        }
        if let (Some(mine), Some(theirs)) = (&self.chassis_serial, &known.chassis_serial)
            && mine == theirs
        {
            return Some(format!("the chassis is still {mine}"));
        }
        let parts = SharedParts::of(self, known);
        parts.is_half().then(|| format!("{} of {} disks, memory modules and network adapters are the same", parts.shared, parts.compared))
    }

    /// Why this is other hardware, though nothing contradicts: nothing agrees either, where something was known, and the system is another one.
    #[must_use]
    pub fn other_hardware(&self, known: &Self) -> Option<String> {
        let same = |mine: bool, equal: bool| mine && equal;
        let agrees = same(self.serial.is_some(), self.serial == known.serial)
            || same(self.cloud.is_some(), self.cloud == known.cloud)
            || same(self.board.is_some(), self.board == known.board)
            || same(self.chassis_serial.is_some(), self.chassis_serial == known.chassis_serial)
            || matches!((self.uuid, known.uuid), (Some(mine), Some(theirs)) if mine.key() == theirs.key())
            || SharedParts::of(self, known).shared > 0;
        let is_other = known.has_hardware() && !agrees && self.other_system(known);
        is_other.then(|| "nothing of its hardware is found again, and its machine id is another one".into())
    }

    /// Machines of different kinds are different machines, whatever shows through.
    #[must_use]
    pub fn other_kind(&self, known: &Self) -> Option<String> {
        let (mine, theirs) = (self.kind?, known.kind?);
        (mine != theirs).then(|| format!("it is {}, not {}", worded(theirs), worded(mine)))
    }

    /// Whether nothing speaks against these being one machine: neither a strong fact, nor its kind, nor who made it.
    #[must_use]
    pub fn may_be(&self, other: &Self) -> bool {
        let maker = |one: &Self| one.manufacturer.as_deref().map(normalise::maker);
        let other_maker = matches!((maker(self), maker(other)), (Some(mine), Some(theirs)) if mine != theirs);
        !other_maker && self.contradiction(other).is_none() && self.other_kind(other).is_none()
    }

    /// Whether both have a machine id, and not the same.
    #[must_use]
    pub fn other_system(&self, known: &Self) -> bool {
        differ(&self.machine_id, &known.machine_id)
    }

    /// Whether both have a host name, and not the same.
    #[must_use]
    pub fn other_name(&self, known: &Self) -> bool {
        differ(&self.hostname, &known.hostname)
    }

    /// Whether both have hardware addresses, and none in common.
    #[must_use]
    pub fn other_macs(&self, known: &Self) -> bool {
        !self.macs.is_empty() && !known.macs.is_empty() && self.macs.is_disjoint(&known.macs)
    }
}

fn differ(mine: &Option<String>, theirs: &Option<String>) -> bool {
    mine.is_some() && theirs.is_some() && mine != theirs
}

fn worded(kind: &str) -> &str {
    match kind {
        "physical" => "a physical machine",
        "vm" => "a virtual machine",
        _ => "a container",
    }
}

#[cfg(test)]
mod tests;
