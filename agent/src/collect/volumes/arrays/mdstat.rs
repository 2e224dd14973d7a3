//! `/proc/mdstat`: for each array a line with its state, level and members, then lines with its size and how whole it is.

use super::{Array, lasting, with_state};

/// Arrays of one machine; md has as many minor numbers.
const ARRAYS: usize = 1 << 20;

/// The arrays, by name; on failure the line from 1 and what is wrong with it.
pub(super) fn parse(text: &str) -> Result<Vec<Array>, (usize, &'static str)> {
    let mut arrays: Vec<Array> = Vec::new();
    for (number, line) in text.lines().enumerate() {
        if line.starts_with("Personalities") || line.starts_with("unused devices") || line.trim().is_empty() {
            continue;
        }
        if line.starts_with(char::is_whitespace) {
            // What follows without an array before it cannot be attributed.
            detail(arrays.last_mut().ok_or((number + 1, "a line of no array"))?, line);
        } else if arrays.len() < ARRAYS {
            arrays.push(head(line).ok_or((number + 1, "not an array"))?);
        }
    }
    arrays.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(arrays)
}

/// `md0 : active (auto-read-only) raid1 sdb1[1](F) sda1[0]`.
fn head(line: &str) -> Option<Array> {
    let (name, rest) = line.split_once(" : ")?;
    let mut words = rest.split_whitespace().peekable();
    let mut state = words.next().filter(|state| matches!(*state, "active" | "inactive" | "broken"))?;
    match words.next_if(|word| word.starts_with('(')) {
        Some("(read-only)") => state = "readonly",
        Some(_) => state = "read-auto",
        None => {}
    }
    // An inactive array has no level yet.
    let level = words.next_if(|word| !word.contains('['));
    let members: Vec<String> = words.filter_map(member).collect();
    let active = members.iter().filter(|member| !["(faulty", "(spare", "(journal"].iter().any(|mark| member.contains(mark))).count();
    Some(Array {
        name: name.trim().to_owned(),
        level: level.map(str::to_owned),
        members_active: u32::try_from(active).ok(),
        state: lasting(state, None),
        members,
        ..Array::default()
    })
}

/// `sdb1[1](F)`.
fn member(word: &str) -> Option<String> {
    let (name, rest) = word.split_once('[')?;
    let (_, flags) = rest.split_once(']')?;
    const FLAGS: [(&str, &str); 5] = [("(F)", "faulty"), ("(S)", "spare"), ("(J)", "journal"), ("(R)", "replacement"), ("(W)", "write_mostly")];
    let words: Vec<&str> = FLAGS.iter().filter(|(flag, _)| flags.contains(flag)).map(|(_, word)| *word).collect();
    (!name.is_empty()).then(|| with_state(name, &words.join(",")))
}

/// `1048512 blocks super 1.2 [2/1] [U_]`, and `[=>...]  recovery =  5.0% …`.
fn detail(array: &mut Array, line: &str) {
    let words: Vec<&str> = line.split_whitespace().collect();
    if let [blocks, "blocks", rest @ ..] = words.as_slice() {
        // Blocks are of 1 KiB.
        array.size_bytes = blocks.parse::<u64>().ok().and_then(|blocks| blocks.checked_mul(1024)).filter(|&size| size > 0);
        let whole = rest.iter().find_map(|word| {
            let (expected, active) = word.strip_prefix('[')?.strip_suffix(']')?.split_once('/')?;
            Some((expected.parse::<u32>().ok()?, active.parse::<u32>().ok()?))
        });
        if let Some((expected, active)) = whole {
            let missing = expected.saturating_sub(active);
            (array.members_expected, array.members_active, array.degraded) = (Some(expected), Some(active), Some(missing));
            array.sync_action.get_or_insert_with(|| "idle".to_owned());
            if array.state.as_deref() == Some("active") {
                array.state = lasting("active", Some(missing));
            }
        }
    }
    const ACTIONS: [(&str, &str); 5] =
        [("recovery", "recover"), ("resync", "resync"), ("reshape", "reshape"), ("check", "check"), ("repair", "repair")];
    let action = ACTIONS.iter().find(|(word, _)| line.contains(&format!("{word} =")) || line.contains(&format!("{word}=")));
    if let Some((_, action)) = action {
        array.sync_action = Some((*action).to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TEXT: &str = "Personalities : [raid1] [raid6] [raid5] [raid4]
md2 : active (auto-read-only) raid0 sdd1[1] sdc1[0]
      209584128 blocks super 1.2 512k chunks

md0 : active raid1 sdb1[1](F) sda1[0] sde1[2](S)
      1048512 blocks super 1.2 [2/1] [U_]
      [=>...................]  recovery =  5.0% (52480/1048512) finish=0.3min speed=52480K/sec
      bitmap: 1/1 pages [4KB], 65536KB chunk

md1 : inactive sdf[0](S)
      488386584 blocks super 1.2

unused devices: <none>
";

    #[test]
    fn arrays_are_read() {
        let arrays = parse(TEXT).expect("arrays");
        let short: Vec<_> = (arrays.iter())
            .map(|array| {
                let counts = (array.members_expected, array.members_active, array.degraded);
                let texts = (array.level.as_deref(), array.state.as_deref(), array.sync_action.as_deref());
                (array.name.as_str(), texts, counts, array.members.join(" "))
            })
            .collect();
        assert_eq!(
            short,
            [
                (
                    "md0",
                    (Some("raid1"), Some("degraded"), Some("recover")),
                    (Some(2), Some(1), Some(1)),
                    "sdb1 (faulty) sda1 sde1 (spare)".to_owned()
                ),
                ("md1", (None, Some("inactive"), None), (None, Some(0), None), "sdf (spare)".to_owned()),
                ("md2", (Some("raid0"), Some("active"), None), (None, Some(2), None), "sdd1 sdc1".to_owned()),
            ]
        );
        assert_eq!(arrays[0].size_bytes, Some(1_048_512 * 1024));
    }

    #[test]
    fn a_malformed_line_is_named() {
        assert_eq!(parse("Personalities :\n  12 blocks\n"), Err((2, "a line of no array")));
        assert_eq!(parse("Personalities :\nmd0 active\n"), Err((2, "not an array")));
        assert_eq!(parse(""), Ok(Vec::new()));
    }

    proptest! {
        #[test]
        fn no_text_panics(text in any::<String>(), at in 0..TEXT.len(), instead in "[ \\[\\]()/:0-9a-z\n]{0,4}") {
            let _ = parse(&text);
            let _ = parse(&format!("{}{instead}{}", &TEXT[..at], &TEXT[at..]));
        }
    }
}
