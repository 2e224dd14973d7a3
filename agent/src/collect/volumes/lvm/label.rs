//! The label of a physical volume and the metadata text behind it, read from the device.
//!
//! Label in one of the first four sectors: `LABELONE`, its own sector, checksum, where the header is, `LVM2 001`. Header: the
//! physical volume's id, size, data areas and metadata areas as pairs of offset and size, each list ended by zeros. A metadata
//! area begins with a header of 512 bytes that says where in the ring behind it the text is.

use std::io;

/// Sectors in which a label may stand.
const LABEL_SECTORS: usize = 4;
const SECTOR: usize = 512;

/// Bytes at the beginning of a device that hold label and header.
pub(super) const HEAD_BYTES: usize = LABEL_SECTORS * SECTOR;

/// Bytes of a text; metadata areas have 1 MiB unless the administrator asked for more.
pub(super) const TEXT_BYTES: usize = 4 << 20;

/// Metadata areas of a header that are looked at: LVM makes at most two.
const AREAS: usize = 8;

/// A physical volume.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Label {
    /// Its id as LVM prints it.
    pub(super) id: String,
    /// Offsets and sizes of its metadata areas; none on one that leaves them to others.
    areas: Vec<(u64, u64)>,
}

/// The label in the head of a device; none when it is no physical volume.
pub(super) fn parse(head: &[u8]) -> Option<Label> {
    head.chunks_exact(SECTOR).take(LABEL_SECTORS).find_map(|sector| {
        let header = usize::try_from(number_4(sector, 20)?).ok()?;
        let is_label = sector.starts_with(b"LABELONE") && sector.get(24..32)? == b"LVM2 001";
        let sound = is_label && checksum(sector.get(20..)?) == number_4(sector, 16)?;
        let id = sector.get(header..header.checked_add(32)?).filter(|_| sound)?;
        let mut pairs = (0..).map_while(|at| {
            let at = header.checked_add(40 + at * 16)?;
            Some((number_8(sector, at)?, number_8(sector, at + 8)?))
        });
        let ends = |pair: &(u64, u64)| pair.0 == 0;
        // Data areas first.
        pairs.find(ends)?;
        Some(Label { id: dashed(std::str::from_utf8(id).ok()?)?, areas: pairs.take_while(|pair| !ends(pair)).take(AREAS).collect() })
    })
}

/// The metadata text of a physical volume; `read` reads so many bytes from an offset of the device.
pub(super) fn text(label: &Label, read: impl Fn(u64, usize) -> io::Result<Vec<u8>>) -> Result<Option<String>, String> {
    let mut last = Ok(None);
    for &(offset, size) in &label.areas {
        match text_of_area(offset, size, &read) {
            Ok(None) => {}
            Ok(text) => return Ok(text),
            Err(error) => last = Err(error),
        }
    }
    last
}

fn text_of_area(offset: u64, size: u64, read: impl Fn(u64, usize) -> io::Result<Vec<u8>>) -> Result<Option<String>, String> {
    const MAGIC: &[u8] = b" LVM2 x[5A%r0N*>";
    const IGNORED: u32 = 1;
    let read = |offset, length| read(offset, length).map_err(|error| error.to_string());
    let header = read(offset, SECTOR)?;
    if header.get(4..20) != Some(MAGIC) || number_4(&header, 0) != Some(checksum(header.get(4..).unwrap_or_default())) {
        return Err("the header of its metadata area is damaged".to_owned());
    }
    let field = |at| number_8(&header, at).unwrap_or(0);
    let (start, length) = (field(40), field(48));
    let (sum, flags) = (number_4(&header, 56).unwrap_or(0), number_4(&header, 60).unwrap_or(0));
    if length == 0 || flags & IGNORED != 0 {
        return Ok(None);
    }
    let (ring, length_here) = (SECTOR as u64, usize::try_from(length).unwrap_or(usize::MAX));
    if length_here > TEXT_BYTES || length > size.saturating_sub(ring) || start < ring || start >= size {
        return Err("its metadata area points outside itself".to_owned());
    }
    // The text goes on at the beginning of the ring when it reaches its end.
    let until_end = usize::try_from(size - start).unwrap_or(usize::MAX).min(length_here);
    let mut text = read(offset.saturating_add(start), until_end)?;
    if until_end < length_here {
        text.extend(read(offset.saturating_add(ring), length_here - until_end)?);
    }
    if text.len() != length_here || checksum(&text) != sum {
        return Err("the checksum of its metadata is wrong".to_owned());
    }
    Ok(Some(String::from_utf8_lossy(&text).into_owned()))
}

/// LVM's own start value of the usual 32-bit cyclic redundancy check.
fn checksum(bytes: &[u8]) -> u32 {
    const START: u32 = 0xf597_a6cf;
    const POLYNOMIAL: u32 = 0xedb8_8320;
    bytes.iter().fold(START, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| if sum & 1 == 0 { sum >> 1 } else { sum >> 1 ^ POLYNOMIAL })
    })
}

/// An id of 32 characters as LVM prints it, in groups of 6, 4, 4, 4, 4, 4 and 6.
pub(super) fn dashed(id: &str) -> Option<String> {
    if id.len() != 32 || !id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return None;
    }
    let mut rest = id;
    let groups = [6, 4, 4, 4, 4, 4, 6].map(|length| {
        let (group, tail) = rest.split_at(length);
        rest = tail;
        group
    });
    Some(groups.join("-"))
}

fn number_4(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn number_8(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// The device with the checksums of its label and of its metadata area set right, so that fuzzing comes past them.
#[cfg(any(test, feature = "fuzzing"))]
pub(super) fn mended(device: &[u8]) -> Vec<u8> {
    let mut mended = device.to_vec();
    for sector in mended.chunks_exact_mut(SECTOR).take(LABEL_SECTORS).filter(|sector| sector.starts_with(b"LABELONE")) {
        let sum = checksum(&sector[20..]);
        sector[16..20].copy_from_slice(&sum.to_le_bytes());
    }
    let areas = parse(&mended).map(|label| label.areas).unwrap_or_default();
    for (offset, _) in areas {
        let Some(area) = usize::try_from(offset).ok().and_then(|offset| mended.get_mut(offset..)) else { continue };
        let place = |at| number_8(area, at).and_then(|number| usize::try_from(number).ok()).unwrap_or(usize::MAX);
        let text = area.get(place(40)..).and_then(|rest| rest.get(..place(48))).map(checksum);
        if let Some(header) = area.first_chunk_mut::<SECTOR>() {
            header[56..60].copy_from_slice(&text.unwrap_or_default().to_le_bytes());
            let sum = checksum(&header[4..]);
            header[..4].copy_from_slice(&sum.to_le_bytes());
        }
    }
    mended
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const AREA: usize = 4096;

    /// A device whose text begins at `start` of a ring that ends after `size` bytes.
    fn device(text: &str, start: usize, size: usize) -> Vec<u8> {
        let mut device = vec![0; AREA + size];
        let mut sector = vec![0; SECTOR];
        sector[..8].copy_from_slice(b"LABELONE");
        sector[8] = 1;
        sector[20] = 32;
        sector[24..32].copy_from_slice(b"LVM2 001");
        sector[32..64].copy_from_slice(b"mdknUs8zp3zHcdbZVlLdt5UNFDpNJkn6");
        let mut put = |at: usize, number: usize| sector[at..at + 8].copy_from_slice(&(number as u64).to_le_bytes());
        put(64, 64 << 20);
        put(72, 1 << 20);
        put(104, AREA);
        put(112, size);
        let sum = checksum(&sector[20..]);
        sector[16..20].copy_from_slice(&sum.to_le_bytes());
        device[SECTOR..2 * SECTOR].copy_from_slice(&sector);
        for (at, byte) in text.bytes().enumerate() {
            let at = start + at;
            let at = AREA + if at < size { at } else { at - size + SECTOR };
            // A text that is said to begin outside the area is nowhere.
            if let Some(place) = device.get_mut(at) {
                *place = byte;
            }
        }
        let mut header = vec![0; SECTOR];
        header[4..20].copy_from_slice(b" LVM2 x[5A%r0N*>");
        header[40..48].copy_from_slice(&(start as u64).to_le_bytes());
        header[48..56].copy_from_slice(&(text.len() as u64).to_le_bytes());
        header[56..60].copy_from_slice(&checksum(text.as_bytes()).to_le_bytes());
        let sum = checksum(&header[4..]);
        header[..4].copy_from_slice(&sum.to_le_bytes());
        device[AREA..AREA + SECTOR].copy_from_slice(&header);
        device
    }

    fn read(device: &[u8]) -> Result<Option<String>, String> {
        let label = parse(&device[..HEAD_BYTES]).ok_or("no label")?;
        text(&label, |offset, length| {
            let start = usize::try_from(offset).expect("small").min(device.len());
            Ok(device[start..(start + length).min(device.len())].to_vec())
        })
    }

    #[test]
    fn the_checksum_is_lvms() {
        // Worked out by another implementation, which also verified labels that LVM wrote.
        assert_eq!(checksum(b"123456789"), 0x4991_cf02);
    }

    #[test]
    fn label_and_text_are_read() {
        let device = device("vg { id = 1 }", 512, 2048);
        assert_eq!(parse(&device).map(|label| label.id).as_deref(), Some("mdknUs-8zp3-zHcd-bZVl-Ldt5-UNFD-pNJkn6"));
        assert_eq!(read(&device), Ok(Some("vg { id = 1 }".to_owned())));
    }

    #[test]
    fn a_text_goes_round_the_ring() {
        assert_eq!(read(&device("vg { id = 1 }", 2044, 2048)), Ok(Some("vg { id = 1 }".to_owned())));
    }

    #[test]
    fn damage_is_said_and_not_read() {
        let sound = device("vg { id = 1 }", 512, 2048);
        let with = |at: usize| {
            let mut broken = sound.clone();
            broken[at] ^= 1;
            read(&broken)
        };
        assert_eq!(with(SECTOR + 64), Err("no label".to_owned()));
        assert_eq!(with(AREA + 40), Err("the header of its metadata area is damaged".to_owned()));
        assert_eq!(with(AREA + 513), Err("the checksum of its metadata is wrong".to_owned()));
        assert_eq!(read(&device("vg", 9000, 512 + 8)), Err("its metadata area points outside itself".to_owned()));
    }

    #[test]
    fn an_id_is_printed_in_groups() {
        assert_eq!(dashed("8jOtjsqJ8rJDXHfPogVSaxJNgCeTgXQf").as_deref(), Some("8jOtjs-qJ8r-JDXH-fPog-VSax-JNgC-eTgXQf"));
        assert_eq!(dashed("short"), None);
    }

    proptest! {
        #[test]
        fn no_head_panics(mut head in proptest::collection::vec(any::<u8>(), 0..2100), offset in any::<u32>()) {
            let _ = parse(&head);
            if head.len() >= SECTOR {
                head[..8].copy_from_slice(b"LABELONE");
                head[20..24].copy_from_slice(&offset.to_le_bytes());
                head[24..32].copy_from_slice(b"LVM2 001");
                let sum = checksum(&head[20..SECTOR]);
                head[16..20].copy_from_slice(&sum.to_le_bytes());
                let _ = parse(&head);
            }
        }

        #[test]
        fn no_area_panics(start in any::<u64>(), length in any::<u64>(), size in any::<u64>(), offset in any::<u64>()) {
            let mut header = vec![0; SECTOR];
            header[4..20].copy_from_slice(b" LVM2 x[5A%r0N*>");
            header[40..48].copy_from_slice(&start.to_le_bytes());
            header[48..56].copy_from_slice(&length.to_le_bytes());
            let sum = checksum(&header[4..]);
            header[..4].copy_from_slice(&sum.to_le_bytes());
            let _ = text_of_area(offset, size, |_, length| Ok(header[..length.min(SECTOR)].to_vec()));
        }
    }
}
