//! SCSI's vital product data, as sysfs shows it: pages 80h (serial), 83h (designators) and 89h (an ATA disk's own identification).
//!
//! Pure functions of bytes; anything that is not the page that it should be is none.

use crate::collect::text::tidy;

/// A page has at most 64 KiB.
pub(super) const PAGE_BYTES: usize = 1 << 16;

/// Page 80h: code at 1, length at 2, then the serial.
pub(super) fn unit_serial(page: &[u8]) -> Option<String> {
    let length = usize::from(u16::from_be_bytes([*page.get(2)?, *page.get(3)?]));
    tidy(&String::from_utf8_lossy(page.get(4..4 + length)?)).filter(|_| page.get(1) == Some(&0x80))
}

/// Page 83h: designators of code set, type, length and value; the NAA one of the unit itself is the world-wide name, else EUI-64.
pub(super) fn world_wide_name(page: &[u8]) -> Option<String> {
    const EUI: u8 = 2;
    const NAA: u8 = 3;
    const OF_UNIT: u8 = 0;
    if page.get(1) != Some(&0x83) {
        return None;
    }
    let mut rest = page.get(4..)?;
    let mut second_best = None;
    while let [_, kind, _, length, tail @ ..] = rest {
        let Some((value, next)) = tail.split_at_checked(usize::from(*length)) else { break };
        let text = |prefix: &str| value.iter().fold(prefix.to_owned(), |text, byte| text + &format!("{byte:02x}"));
        match (kind & 0x0f, kind >> 4 & 3) {
            (NAA, OF_UNIT) if !value.is_empty() => return Some(text("naa.")),
            (EUI, OF_UNIT) if !value.is_empty() => second_best = second_best.or_else(|| Some(text("eui."))),
            _ => {}
        }
        rest = next;
    }
    second_best
}

/// What an ATA disk says of itself: whole, where SCSI's inquiry has room for 16 characters of the model and 4 of the firmware.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) model: Option<String>,
    pub(super) serial: Option<String>,
    pub(super) firmware: Option<String>,
}

/// Page 89h: the data of IDENTIFY DEVICE from 60 on.
pub(super) fn identity(page: &[u8]) -> Option<Identity> {
    const IDENTIFY: usize = 60;
    let data = page.get(IDENTIFY..IDENTIFY + 512).filter(|_| page[1] == 0x89)?;
    // Texts are in words of two characters, the second one first.
    let text = |words: std::ops::Range<usize>| {
        let swapped: Vec<u8> = data[words.start * 2..words.end * 2].chunks_exact(2).flat_map(|word| [word[1], word[0]]).collect();
        tidy(&String::from_utf8_lossy(&swapped))
    };
    Some(Identity { serial: text(10..20), firmware: text(23..27), model: text(27..47) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn vital_product_data_names_the_unit() {
        assert_eq!(unit_serial(b"\0\x80\0\x04S123").as_deref(), Some("S123"));
        let page = [&[0, 0x83, 0, 0][..], &[1, 0x93, 0, 1, 9], &[1, 2, 0, 1, 7], &[1, 3, 0, 2, 0x50, 0x0a]].concat();
        assert_eq!(world_wide_name(&page).as_deref(), Some("naa.500a"));
        assert_eq!(world_wide_name(&page[..14]).as_deref(), Some("eui.07"));
    }

    #[test]
    fn an_ata_disk_says_its_whole_name() {
        let mut page = vec![0; 572];
        page[1] = 0x89;
        let mut put = |word: usize, text: &str| {
            for (at, pair) in text.as_bytes().chunks_exact(2).enumerate() {
                page[60 + (word + at) * 2] = pair[1];
                page[60 + (word + at) * 2 + 1] = pair[0];
            }
        };
        put(10, "      WD-WMAM9A12345");
        put(23, "10.01E01");
        put(27, "WDC WD800JD-00MSA1  ");
        let expected = Identity {
            model: Some("WDC WD800JD-00MSA1".to_owned()),
            serial: Some("WD-WMAM9A12345".to_owned()),
            firmware: Some("10.01E01".to_owned()),
        };
        assert_eq!(identity(&page), Some(expected));
        assert_eq!(identity(&page[..571]), None);
    }

    proptest! {
        #[test]
        fn no_page_panics(mut page in proptest::collection::vec(any::<u8>(), 0..700), code in proptest::sample::select(vec![0x80, 0x83, 0x89])) {
            if let Some(at) = page.get_mut(1) { *at = code; }
            let _ = (unit_serial(&page), world_wide_name(&page), identity(&page));
        }
    }
}
