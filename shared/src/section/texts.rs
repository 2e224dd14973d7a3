//! The texts of a row, wherever they stand in it, so that one place can look after all of them.

use super::{CustomValue, InterfaceAddress, PublishedPort, Virtualisation};
use crate::Timestamp;
use std::net::IpAddr;

/// Hands out every text of a value.
pub trait Texts {
    /// Calls `visit` with each text. One that it leaves empty becomes absent where it may be.
    fn each_text(&mut self, visit: &mut dyn FnMut(&mut String));
}

impl Texts for String {
    fn each_text(&mut self, visit: &mut dyn FnMut(&mut String)) {
        visit(self);
    }
}

impl Texts for Option<String> {
    fn each_text(&mut self, visit: &mut dyn FnMut(&mut String)) {
        if let Some(text) = self {
            visit(text);
        }
        self.take_if(|text| text.is_empty());
    }
}

impl<T: Texts> Texts for Vec<T> {
    fn each_text(&mut self, visit: &mut dyn FnMut(&mut String)) {
        self.iter_mut().for_each(|value| value.each_text(visit));
    }
}

impl<A: Texts, B: Texts> Texts for (A, B) {
    fn each_text(&mut self, visit: &mut dyn FnMut(&mut String)) {
        self.0.each_text(visit);
        self.1.each_text(visit);
    }
}

impl Texts for InterfaceAddress {
    fn each_text(&mut self, visit: &mut dyn FnMut(&mut String)) {
        self.scope.each_text(visit);
    }
}

impl Texts for PublishedPort {
    fn each_text(&mut self, visit: &mut dyn FnMut(&mut String)) {
        self.protocol.each_text(visit);
    }
}

impl Texts for CustomValue {
    fn each_text(&mut self, visit: &mut dyn FnMut(&mut String)) {
        match self {
            Self::Decimal(text) | Self::Text(text) => visit(text),
            Self::Flag(_) | Self::Integer(_) => {}
        }
    }
}

macro_rules! without_texts {
    ($($name:ty)*) => {
        $(impl Texts for $name {
            #[inline]
            fn each_text(&mut self, _visit: &mut dyn FnMut(&mut String)) {}
        })*
    };
}

without_texts! {
    bool u8 u16 u32 u64 IpAddr Timestamp Virtualisation
    Option<bool> Option<u8> Option<u16> Option<u32> Option<u64> Option<i64> Option<Timestamp> Option<Virtualisation>
}
