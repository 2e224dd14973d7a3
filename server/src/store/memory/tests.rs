use super::*;
use crate::store::conformance;

#[test]
fn the_memory_store_keeps_every_promise_of_a_store() {
    conformance::suite(&|| Box::new(MemoryStore::new()));
}
