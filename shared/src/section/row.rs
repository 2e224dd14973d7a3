//! The rows of each section, format 1. Field names follow the GLPI inventory format where it has one.
//!
//! Sizes are in bytes, speeds in megabits per second for networks and megatransfers per second for memory, texts as the source
//! gives them after trimming. Every type is ordered so that a section has one order. Nothing that changes while a host is idle
//! (use, progress, ages, next runs) is a field: it would make every report a change.

use super::{Row, Texts};

macro_rules! rows {
    ($($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty,)* } key($row:ident) $key:block)*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
            #[serde(deny_unknown_fields)]
            pub struct $name { $($(#[$field_doc])* pub $field: $type,)* }

            impl Row for $name {
                fn key(&self) -> String {
                    let $row = self;
                    $key
                }
            }

            impl Texts for $name {
                fn each_text(&mut self, visit: &mut dyn FnMut(&mut String)) {
                    $(self.$field.each_text(visit);)*
                }
            }
        )*
    };
}

mod access;
mod guests;
mod hardware;
mod network;
mod software;
mod storage;

pub use access::*;
pub use guests::*;
pub use hardware::*;
pub use network::*;
pub use software::*;
pub use storage::*;

impl Texts for crate::sample::Series {
    fn each_text(&mut self, visit: &mut dyn FnMut(&mut String)) {
        visit(&mut self.metric);
        self.attributes.each_text(visit);
    }
}

impl Row for crate::sample::Series {
    fn key(&self) -> String {
        let attributes: Vec<String> = self.attributes.iter().map(|(name, value)| format!("{name}={value}")).collect();
        format!("{}{{{}}}", self.metric, attributes.join(","))
    }
}
