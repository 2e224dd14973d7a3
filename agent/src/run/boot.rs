//! The machine's boot, kept over restarts of the agent: `boot.json` in the state directory.
//!
//! A note, not state: without it the boot is what the kernel says at the next start.

use crate::collect::Boots;
use crate::collect::boot::Boot;
use crate::state::StateDir;

const FILE: &str = "boot.json";

/// Takes what was noted; what it says of an earlier boot of the machine harms nothing.
pub fn recall(state: &StateDir, boots: &Boots) -> Option<Boot> {
    let noted: Option<Boot> = state.read_json(FILE).unwrap_or_else(|error| {
        tracing::warn!(%error, "the noted boot is not used; what the kernel says now stands for it");
        None
    });
    noted.iter().cloned().for_each(|boot| boots.recall(boot));
    noted
}

/// Notes the boot when it is another one than was noted. What cannot be written is not worth a word: the spool complains of the same disk.
pub fn note(state: &StateDir, boots: &Boots, noted: &mut Option<Boot>) {
    let known = boots.known();
    if known != *noted && known.as_ref().is_some_and(|boot| state.note_json(FILE, boot).is_ok()) {
        *noted = known;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rollcall_shared::Timestamp;

    #[test]
    fn the_boot_outlives_the_agent_and_its_clock() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("state");
        let mut looks = Vec::new();
        for (id, shown) in [("a", 5000), ("a", 9000), ("b", 9000), ("b", 7000)] {
            let state = StateDir::open(&path).expect("a state directory");
            let boots = Boots::default();
            let mut noted = recall(&state, &boots);
            looks.push(boots.steady(id, Timestamp(shown)).0);
            note(&state, &boots, &mut noted);
            assert_eq!(noted, boots.known());
        }
        assert_eq!(looks, [5000, 5000, 9000, 9000]);
    }

    #[test]
    fn a_damaged_note_is_none() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let state = StateDir::open(&directory.path().join("state")).expect("a state directory");
        state.note_json(FILE, &"nonsense").expect("noted");
        let boots = Boots::default();
        assert_eq!((recall(&state, &boots), boots.known()), (None, None));
    }
}
