//! Whatever needs more than one package of Rollcall: a harness around the real binaries, simulated agents that speak the real
//! protocol, and the load that a fleet of them makes.
//!
//! Nothing here is a stand-in for Rollcall's own code: what is started is what is shipped, what is sent is what agents send.

pub mod fleet;
pub mod fortnight;
pub mod harness;
