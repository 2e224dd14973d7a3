//! D-Bus messages: how a call is written and an answer is read.

/// Bytes of the fixed head with the length of the header fields.
pub(super) const HEAD: usize = 16;

const METHOD_CALL: u8 = 1;
pub(super) const METHOD_RETURN: u8 = 2;

/// Neither systemd nor a bus is started by asking.
const NO_AUTO_START: u8 = 2;

/// An argument of a call.
#[derive(Clone, Copy, Debug)]
pub(super) enum Argument<'a> {
    /// `s`.
    Text(&'a str),
    /// `as`.
    Texts(&'a [&'a str]),
}

/// A method call.
#[derive(Clone, Copy, Debug)]
pub(super) struct Call<'a> {
    pub(super) destination: &'a str,
    pub(super) path: &'a str,
    pub(super) interface: &'a str,
    pub(super) member: &'a str,
    pub(super) arguments: &'a [Argument<'a>],
}

impl Argument<'_> {
    fn signature(&self) -> &'static str {
        match self {
            Self::Text(_) => "s",
            Self::Texts(_) => "as",
        }
    }

    fn push(&self, body: &mut Vec<u8>) {
        match self {
            Self::Text(text) => push_text(body, text),
            Self::Texts(texts) => {
                // The length of an array counts from its first element, which may be padded.
                pad(body, 4);
                let mut elements = Vec::new();
                texts.iter().for_each(|text| push_text(&mut elements, text));
                body.extend(length(&elements));
                body.extend(elements);
            }
        }
    }
}

impl Call<'_> {
    /// The whole message, little-endian.
    pub(super) fn message(&self, serial: u32) -> Vec<u8> {
        let mut body = Vec::new();
        self.arguments.iter().for_each(|argument| argument.push(&mut body));
        let mut fields = Vec::new();
        push_field(&mut fields, 1, "o", self.path);
        push_field(&mut fields, 2, "s", self.interface);
        push_field(&mut fields, 3, "s", self.member);
        push_field(&mut fields, 6, "s", self.destination);
        if !self.arguments.is_empty() {
            pad(&mut fields, 8);
            fields.extend([8, 1, b'g', 0]);
            push_signature(&mut fields, &self.arguments.iter().map(Argument::signature).collect::<String>());
        }
        let mut message = vec![b'l', METHOD_CALL, NO_AUTO_START, 1];
        message.extend(length(&body));
        message.extend(serial.to_le_bytes());
        message.extend(length(&fields));
        message.extend(fields);
        pad(&mut message, 8);
        message.extend(body);
        message
    }
}

fn length(bytes: &[u8]) -> [u8; 4] {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_le_bytes()
}

fn pad(bytes: &mut Vec<u8>, to: usize) {
    bytes.resize(bytes.len().next_multiple_of(to), 0);
}

fn push_text(bytes: &mut Vec<u8>, text: &str) {
    pad(bytes, 4);
    bytes.extend(length(text.as_bytes()));
    bytes.extend(text.as_bytes());
    bytes.push(0);
}

fn push_signature(bytes: &mut Vec<u8>, signature: &str) {
    bytes.push(u8::try_from(signature.len()).unwrap_or(u8::MAX));
    bytes.extend(signature.as_bytes());
    bytes.push(0);
}

/// A header field: its code and a variant.
fn push_field(bytes: &mut Vec<u8>, code: u8, signature: &str, text: &str) {
    pad(bytes, 8);
    bytes.push(code);
    push_signature(bytes, signature);
    push_text(bytes, text);
}

/// What the head of a message says.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) big_endian: bool,
    pub(super) kind: u8,
    pub(super) body_length: usize,
    pub(super) fields_length: usize,
}

impl Head {
    /// Reads [`HEAD`] bytes.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, String> {
        let &[order @ (b'l' | b'B'), kind, _, 1, ..] = bytes else { return Err("not a D-Bus message".to_owned()) };
        let mut cursor = Cursor::new(bytes, order == b'B');
        cursor.skip(4);
        let mut number = || cursor.number().and_then(|number| usize::try_from(number).ok()).ok_or("a head that is cut short");
        let (body_length, _, fields_length) = (number()?, number()?, number()?);
        // The protocol's own limits: 64 MiB of header fields, 128 MiB in all.
        if fields_length > 64 << 20 || body_length > 128 << 20 {
            return Err("a message beyond the protocol's limits".to_owned());
        }
        Ok(Self { big_endian: order == b'B', kind, body_length, fields_length })
    }
}

/// The call that a message answers.
pub(super) fn reply_serial(fields: &[u8], big_endian: bool) -> Option<u32> {
    const REPLY_SERIAL: u8 = 5;
    let mut cursor = Cursor::new(fields, big_endian);
    while cursor.position() < fields.len() {
        cursor.align(8);
        let code = cursor.byte()?;
        match cursor.signature()? {
            "u" => {
                let number = cursor.number()?;
                if code == REPLY_SERIAL {
                    return Some(number);
                }
            }
            "s" | "o" => {
                cursor.text()?;
            }
            "g" => {
                cursor.signature()?;
            }
            _ => return None,
        }
    }
    None
}

/// Reads values one after the other; none at the first that does not fit.
pub(super) struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
    big_endian: bool,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(bytes: &'a [u8], big_endian: bool) -> Self {
        Self { bytes, at: 0, big_endian }
    }

    pub(super) fn position(&self) -> usize {
        self.at
    }

    pub(super) fn skip(&mut self, bytes: usize) {
        self.at = self.at.saturating_add(bytes);
    }

    pub(super) fn align(&mut self, to: usize) {
        self.at = self.at.next_multiple_of(to);
    }

    pub(super) fn byte(&mut self) -> Option<u8> {
        let byte = *self.bytes.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    pub(super) fn number(&mut self) -> Option<u32> {
        self.align(4);
        let bytes: [u8; 4] = self.take(4)?.try_into().ok()?;
        Some(if self.big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) })
    }

    /// A string or an object path.
    pub(super) fn text(&mut self) -> Option<&'a str> {
        let length = usize::try_from(self.number()?).ok()?;
        let text = std::str::from_utf8(self.take(length)?).ok()?;
        (self.byte()? == 0).then_some(text)
    }

    pub(super) fn signature(&mut self) -> Option<&'a str> {
        let length = usize::from(self.byte()?);
        let text = std::str::from_utf8(self.take(length)?).ok()?;
        (self.byte()? == 0).then_some(text)
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let end = self.at.checked_add(length)?;
        let bytes = self.bytes.get(self.at..end)?;
        self.at = end;
        Some(bytes)
    }
}
