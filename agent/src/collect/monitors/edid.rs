//! Extended display identification data (VESA E-EDID 1.4, CTA-861 extensions).
//!
//! Blocks of 128 bytes, each with a checksum. How many there are is taken from the bytes that are there, never from the count in
//! them; a block whose checksum is wrong is not read.

use super::super::text::tidy;
use super::makers;
use rollcall_shared::section::Monitor;

const BLOCK_BYTES: usize = 128;

const DESCRIPTOR_BYTES: usize = 18;

/// What is wrong, and at which byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Defect {
    pub(super) at: usize,
    pub(super) what: String,
}

/// What the texts of the descriptors say.
#[derive(Debug, Default)]
struct Texts {
    name: Option<String>,
    serial: Option<String>,
    other: Vec<String>,
}

/// Reads the blocks; no monitor when the base block cannot be trusted. The connector is the caller's to fill in.
pub(super) fn parse(bytes: &[u8]) -> (Option<Monitor>, Vec<Defect>) {
    let mut defects = Vec::new();
    let Some(base) = base_block(bytes, &mut defects) else { return (None, defects) };
    let mut texts = Texts::default();
    for descriptor in base[54..126].chunks_exact(DESCRIPTOR_BYTES) {
        texts.read(descriptor);
    }
    for extension in extensions(bytes, usize::from(base[126]), &mut defects) {
        for descriptor in cta_descriptors(extension) {
            texts.read(descriptor);
        }
    }
    let number = u32::from_le_bytes([base[12], base[13], base[14], base[15]]);
    let manufacturer = manufacturer(u16::from_be_bytes([base[8], base[9]]));
    let (made_week, made_year) = made(base[16], base[17]);
    let timing = &base[54..72];
    let (width_mm, height_mm) = size(base[21], base[22], timing).map_or((None, None), |(width, height)| (Some(width), Some(height)));
    let monitor = Monitor {
        manufacturer_name: manufacturer.as_deref().and_then(makers::name).map(str::to_owned),
        manufacturer,
        // Panels in laptops have no product name; their type stands in free texts.
        model: texts.name.or_else(|| tidy(&texts.other.join(" "))),
        product_code: Some(format!("{:04x}", u16::from_le_bytes([base[10], base[11]]))),
        serial: texts.serial.or_else(|| (number != 0).then(|| number.to_string())),
        made_week,
        made_year,
        width_mm,
        height_mm,
        resolution: resolution(timing),
        edid_version: Some(format!("{}.{}", base[18], base[19])),
        ..Monitor::default()
    };
    (Some(monitor), defects)
}

fn base_block<'a>(bytes: &'a [u8], defects: &mut Vec<Defect>) -> Option<&'a [u8; BLOCK_BYTES]> {
    const HEADER: [u8; 8] = [0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0];
    let mut broken = |at, what: String| defects.push(Defect { at, what });
    let Some(base) = bytes.first_chunk::<BLOCK_BYTES>() else {
        broken(bytes.len(), format!("the base block has {BLOCK_BYTES} bytes, here are {}", bytes.len()));
        return None;
    };
    if base[..8] != HEADER {
        broken(0, "this is no EDID: its first eight bytes are others".to_owned());
        return None;
    }
    if !is_sound(base) {
        broken(127, "the checksum of the base block is wrong".to_owned());
        return None;
    }
    Some(base)
}

fn is_sound(block: &[u8]) -> bool {
    block.iter().fold(0_u8, |sum, &byte| sum.wrapping_add(byte)) == 0
}

/// The sound extension blocks among those that are there.
fn extensions<'a>(bytes: &'a [u8], counted: usize, defects: &mut Vec<Defect>) -> Vec<&'a [u8]> {
    let blocks: Vec<&[u8]> = bytes[BLOCK_BYTES..].chunks_exact(BLOCK_BYTES).take(counted).collect();
    if blocks.len() < counted {
        defects.push(Defect { at: 126, what: format!("there are to be {counted} extension blocks, here are {}", blocks.len()) });
    }
    let (sound, broken): (Vec<_>, Vec<_>) = blocks.into_iter().enumerate().partition(|(_, block)| is_sound(block));
    // One place is enough to look at.
    if let Some((at, _)) = broken.first() {
        defects.push(Defect { at: (at + 2) * BLOCK_BYTES - 1, what: format!("the checksum of extension block {} is wrong", at + 1) });
    }
    sound.into_iter().map(|(_, block)| block).collect()
}

/// The descriptors of a CTA-861 block begin where its third byte says, and end before the checksum.
fn cta_descriptors(block: &[u8]) -> impl Iterator<Item = &[u8]> {
    const CTA: u8 = 2;
    let start = block.get(2).map(|&start| usize::from(start)).filter(|&start| start >= 4 && block.first() == Some(&CTA));
    start.and_then(|start| block.get(start..BLOCK_BYTES - 1)).unwrap_or_default().chunks_exact(DESCRIPTOR_BYTES)
}

impl Texts {
    /// Takes a display descriptor; one that begins otherwise than with zeros is a timing. The first of a kind counts.
    fn read(&mut self, descriptor: &[u8]) {
        const SERIAL: u8 = 0xff;
        const OTHER: u8 = 0xfe;
        const NAME: u8 = 0xfc;
        let [0, 0, 0, kind, _, text @ ..] = descriptor else { return };
        match *kind {
            SERIAL if self.serial.is_none() => self.serial = plain(text),
            NAME if self.name.is_none() => self.name = plain(text),
            OTHER => self.other.extend(plain(text)),
            _ => {}
        }
    }
}

/// Ends with a line feed when shorter than its field; panels' makers put numbers of their own behind and between, which are no text.
fn plain(text: &[u8]) -> Option<String> {
    tidy(&text.iter().take_while(|byte| matches!(byte, 0x20..=0x7e)).map(|&byte| char::from(byte)).collect::<String>())
}

/// Three letters of five bits, 1 is `A`.
fn manufacturer(packed: u16) -> Option<String> {
    let letter = |shift: u16| {
        let number = u8::try_from(packed >> shift & 0x1f).ok().filter(|number| (1..=26).contains(number))?;
        Some(char::from(b'A' + number - 1))
    };
    Some([letter(10)?, letter(5)?, letter(0)?].iter().collect())
}

/// Week 0: not said; 0xff: the year is the model's.
fn made(week: u8, year: u8) -> (Option<u8>, Option<u16>) {
    (Some(week).filter(|week| (1..=54).contains(week)), Some(1990 + u16::from(year)))
}

/// The timing has millimetres, the base block whole centimetres; makers put placeholders into either, so the millimetres count only
/// where they fit the centimetres. One of two zero centimetres is a ratio of sides, both are a projector.
fn size(width_cm: u8, height_cm: u8, timing: &[u8]) -> Option<(u32, u32)> {
    if width_cm == 0 || height_cm == 0 {
        return None;
    }
    let rough = (u32::from(width_cm) * 10, u32::from(height_cm) * 10);
    let byte = |at: usize| u32::from(timing.get(at).copied().unwrap_or_default());
    let exact = (byte(12) | byte(14) >> 4 << 8, byte(13) | (byte(14) & 0x0f) << 8);
    let fits = exact.0.abs_diff(rough.0) < 10 && exact.1.abs_diff(rough.1) < 10;
    Some(if is_timing(timing) && fits { exact } else { rough })
}

fn is_timing(descriptor: &[u8]) -> bool {
    descriptor.len() == DESCRIPTOR_BYTES && descriptor[..2] != [0, 0]
}

/// Of the first timing, which is the preferred one; an interlaced one has the lines of one field.
fn resolution(timing: &[u8]) -> Option<String> {
    const INTERLACED: u8 = 0x80;
    if !is_timing(timing) {
        return None;
    }
    let pixels = |low: u8, high: u8| u32::from(low) | u32::from(high >> 4) << 8;
    let (width, lines) = (pixels(timing[2], timing[4]), pixels(timing[5], timing[7]));
    let fields = if timing[17] & INTERLACED == 0 { 1 } else { 2 };
    (width > 0 && lines > 0).then(|| format!("{width}x{}", lines * fields))
}

#[cfg(test)]
mod tests;
