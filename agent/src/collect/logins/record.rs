//! Records of `lastlog` and `wtmp`, utmp(5), in the two layouts that glibc has: with times of 32 bits where programs of 32 bits may run
//! beside those of 64, of 64 bits elsewhere. musl writes neither file.

use crate::collect::text::tidy;
use rollcall_shared::Timestamp;
use rollcall_shared::section::Login;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// How wide times are, which moves everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layout {
    /// x86, POWER, s390, 32-bit ARM.
    Narrow,
    /// 64-bit ARM, RISC-V and LoongArch.
    Wide,
}

/// A record that is no such record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Strange;

/// What a record says of the machine itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// It was started.
    Started(Timestamp),
    /// It was being shut down.
    Stopping,
    /// It ran: somebody came or went, or its clock was set.
    Running,
}

const RUN_LEVEL: u16 = 1;
const BOOT_TIME: u16 = 2;
const USER_PROCESS: u16 = 7;
const LAST_TYPE: u16 = 9;

impl Layout {
    pub(super) fn of(architecture: Option<&str>) -> Self {
        match architecture {
            Some("aarch64" | "riscv64" | "loongarch64") => Self::Wide,
            _ => Self::Narrow,
        }
    }

    /// Bytes of one record of `lastlog`: the time, 32 of the line, 256 of the host.
    pub(super) fn last_bytes(self) -> usize {
        match self {
            Self::Narrow => 292,
            Self::Wide => 296,
        }
    }

    /// Bytes of one record of `wtmp`.
    pub(super) fn journal_bytes(self) -> usize {
        match self {
            Self::Narrow => 384,
            Self::Wide => 400,
        }
    }

    /// Where seconds and address stand in a record of `wtmp`; what stands before does not move.
    fn offsets(self) -> (usize, usize) {
        match self {
            Self::Narrow => (340, 348),
            Self::Wide => (344, 360),
        }
    }

    /// A time; none for zero, which is never. 32 bits are read without a sign, which lasts to 2106.
    fn time(self, bytes: &[u8], at: usize) -> Option<Timestamp> {
        let seconds = match self {
            Self::Narrow => i64::from(u32::from_ne_bytes(array(bytes, at)?)),
            Self::Wide => i64::from_ne_bytes(array(bytes, at)?),
        };
        (seconds > 0).then(|| Timestamp(seconds.saturating_mul(1000)))
    }
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at.checked_add(N)?)?.try_into().ok()
}

/// A text in a field of fixed length, which NULs fill but need not end.
fn text(bytes: &[u8], at: usize, length: usize) -> Option<String> {
    let field = bytes.get(at..at.checked_add(length)?)?;
    let end = field.iter().position(|byte| *byte == 0).unwrap_or(field.len());
    tidy(&String::from_utf8_lossy(field.get(..end)?))
}

/// A record of `lastlog`; none for an account that never logged in.
pub(super) fn last(layout: Layout, record: &[u8], user: &str) -> Option<Login> {
    let line = layout.last_bytes() - 288;
    let terminal = text(record, line, 32);
    let from = text(record, line + 32, 256).filter(|from| is_afar(from, terminal.as_deref()));
    Some(Login { user: user.to_owned(), last_login_at: Some(layout.time(record, 0)?), terminal, from })
}

/// A record of `wtmp`; none for boots, log-outs and the like.
pub(super) fn journal(layout: Layout, record: &[u8]) -> Result<Option<Login>, Strange> {
    let kind = u16::from_ne_bytes(array(record, 0).ok_or(Strange)?);
    if kind > LAST_TYPE {
        return Err(Strange);
    }
    let (time, address) = layout.offsets();
    let (Some(user), Some(at)) = (text(record, 44, 32), layout.time(record, time)) else { return Ok(None) };
    let terminal = text(record, 8, 32);
    let from = text(record, 76, 256).or_else(|| host(record, address)).filter(|from| is_afar(from, terminal.as_deref()));
    Ok((kind == USER_PROCESS).then_some(Login { user, last_login_at: Some(at), terminal, from }))
}

/// What a record of `wtmp` says of the machine; none for an empty one and for what is no record. systemd, sysvinit's `halt` and upstart note a
/// shutdown as a run level with the user `shutdown`; sysvinit notes before it that run level 0 or 6 is entered, whose digit stands where a
/// process's number would.
pub(super) fn turn(layout: Layout, record: &[u8]) -> Option<Turn> {
    let kind = u16::from_ne_bytes(array(record, 0)?);
    match kind {
        BOOT_TIME => layout.time(record, layout.offsets().0).map(Turn::Started),
        RUN_LEVEL => {
            let level = i32::from_ne_bytes(array(record, 4)?).to_le_bytes()[0];
            let is_end = match text(record, 44, 32).as_deref() {
                Some("shutdown") => true,
                Some("runlevel") => matches!(level, b'0' | b'6'),
                _ => false,
            };
            Some(if is_end { Turn::Stopping } else { Turn::Running })
        }
        0 => None,
        other => (other <= LAST_TYPE).then_some(Turn::Running),
    }
}

/// Display managers write the terminal or the display (`:0`) where the host's name belongs.
fn is_afar(from: &str, terminal: Option<&str>) -> bool {
    let is_display = from.strip_prefix(':').is_some_and(|display| display.starts_with(|c: char| c.is_ascii_digit()));
    Some(from) != terminal && !is_display
}

/// An address stands in network order; one of IPv4 leaves three quarters empty.
fn host(record: &[u8], at: usize) -> Option<String> {
    let bytes: [u8; 16] = array(record, at)?;
    let (four, rest) = bytes.split_first_chunk::<4>()?;
    match (four.iter().all(|byte| *byte == 0), rest.iter().all(|byte| *byte == 0)) {
        (true, true) => None,
        (false, true) => Some(IpAddr::from(Ipv4Addr::from(*four)).to_string()),
        (_, false) => Some(IpAddr::from(Ipv6Addr::from(bytes)).to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn record(layout: Layout, kind: u16, user: &str, seconds: u32) -> Vec<u8> {
        super::super::tests::journal_record(layout, kind, user, "pts/0", "", [192, 0, 2, 9], seconds)
    }

    #[test]
    fn log_ins_are_told_from_other_records() {
        for layout in [Layout::Narrow, Layout::Wide] {
            let login = journal(layout, &record(layout, 7, "ann", 1_700_000_000)).expect("a record").expect("a log-in");
            let expected = Login {
                user: "ann".into(),
                last_login_at: Some(Timestamp(1_700_000_000_000)),
                terminal: Some("pts/0".into()),
                from: Some("192.0.2.9".into()),
            };
            assert_eq!(login, expected);
            assert_eq!(journal(layout, &record(layout, 2, "reboot", 1)), Ok(None));
            assert_eq!(journal(layout, &record(layout, 7, "", 1)), Ok(None));
            assert_eq!(journal(layout, &record(layout, 7777, "ann", 1)), Err(Strange));
        }
    }

    #[test]
    fn a_log_in_at_the_machine_comes_from_nowhere() {
        let from = |line: &str, host: &str| {
            let record = super::super::tests::journal_record(Layout::Narrow, 7, "ann", line, host, [0; 4], 1);
            journal(Layout::Narrow, &record).expect("a record").expect("a log-in").from
        };
        assert_eq!((from("tty2", "tty2"), from(":0", ":0"), from("tty7", ":0.0")), (None, None, None));
        assert_eq!((from("pts/0", "::1"), from("pts/0", "tty2.example.org")), (Some("::1".into()), Some("tty2.example.org".into())));
    }

    #[test]
    fn a_name_that_fills_its_field_has_no_end() {
        let name = "n".repeat(32);
        let login = journal(Layout::Narrow, &record(Layout::Narrow, 7, &name, 4_000_000_000)).expect("a record").expect("a log-in");
        assert_eq!((login.user.as_str(), login.last_login_at), (name.as_str(), Some(Timestamp(4_000_000_000_000))));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..420)) {
            for layout in [Layout::Narrow, Layout::Wide] {
                let _ = (journal(layout, &bytes), last(layout, &bytes, "x"), turn(layout, &bytes));
            }
        }
    }
}
