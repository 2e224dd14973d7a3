//! Typed identifiers: a prefix that says what it names, and 128 bits.

/// Crockford's base 32 in lower case: no `i`, `l`, `o`, `u`, so that an id survives being read aloud.
const DIGITS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// Writes 128 bits as 26 digits, most significant first, so that ids sort as their numbers do.
#[must_use]
pub fn encode(bits: u128) -> String {
    Digits::of(bits).as_str().to_owned()
}

/// The 26 digits without a place on the heap: ids are most of what the log is written with.
#[derive(Clone, Copy, Debug)]
pub struct Digits([u8; 26]);

impl Digits {
    /// Those of 128 bits.
    #[must_use]
    pub fn of(bits: u128) -> Self {
        let mut left = bits;
        let mut digits = [0; 26];
        for place in digits.iter_mut().rev() {
            *place = DIGITS[(left & 31) as usize];
            left >>= 5;
        }
        Self(digits)
    }

    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

/// Reads what [`encode`] wrote; `None` for anything else.
#[must_use]
pub fn decode(text: &str) -> Option<u128> {
    if text.len() != 26 || !text.is_ascii() || text.as_bytes()[0] > b'7' {
        return None;
    }
    text.bytes().try_fold(0_u128, |bits, byte| {
        let digit = DIGITS.iter().position(|&known| known == byte)?;
        Some(bits << 5 | digit as u128)
    })
}

/// A text that is not an id of the wanted kind.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("not an id of the form {0}_ followed by 26 digits")]
pub struct NotAnId(pub &'static str);

/// Defines an id type: text form `prefix_` and 26 digits, binary form 128 bits.
#[macro_export]
macro_rules! typed_id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u128);

        impl $name {
            /// What the text form begins with, without the underscore.
            pub const PREFIX: &'static str = $prefix;
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.write_str(concat!($prefix, "_"))?;
                f.write_str($crate::id::Digits::of(self.0).as_str())
            }
        }

        impl ::std::fmt::Debug for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                ::std::fmt::Display::fmt(self, f)
            }
        }

        impl ::std::str::FromStr for $name {
            type Err = $crate::id::NotAnId;

            fn from_str(text: &str) -> Result<Self, $crate::id::NotAnId> {
                text.strip_prefix(concat!($prefix, "_"))
                    .and_then($crate::id::decode)
                    .map(Self)
                    .ok_or($crate::id::NotAnId($prefix))
            }
        }

        impl ::serde::Serialize for $name {
            fn serialize<S: ::serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                if serializer.is_human_readable() {
                    serializer.collect_str(self)
                } else {
                    self.0.to_be_bytes().serialize(serializer)
                }
            }
        }

        impl<'de> ::serde::Deserialize<'de> for $name {
            fn deserialize<D: ::serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                if deserializer.is_human_readable() {
                    let text = <::std::string::String as ::serde::Deserialize>::deserialize(deserializer)?;
                    text.parse().map_err(::serde::de::Error::custom)
                } else {
                    <[u8; 16] as ::serde::Deserialize>::deserialize(deserializer).map(u128::from_be_bytes).map(Self)
                }
            }
        }
    };
}

typed_id! {
    /// An enrolled agent. Drawn by the server at random, proven by the certificate, never used again after decommission.
    AgentId, "agent"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_form_round_trips_and_sorts_as_the_number() {
        for bits in [0, 1, 31, 32, u128::from(u64::MAX), u128::MAX] {
            assert_eq!(decode(&encode(bits)), Some(bits));
        }
        assert!(encode(31) < encode(32));
    }

    #[test]
    fn other_texts_are_refused() {
        for text in ["", "agent_", "inc_00000000000000000000000000", "agent_0000000000000000000000000u", "agent_z0000000000000000000000000"]
        {
            assert!(text.parse::<AgentId>().is_err(), "{text}");
        }
    }
}
