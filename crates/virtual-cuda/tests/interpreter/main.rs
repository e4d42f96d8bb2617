//! The interpreter against arithmetic on the host: every instruction, every strictness check.

mod bench;
mod collective;
mod compiled;
mod conversions;
mod floats;
mod flow;
mod halves;
mod integers;
mod memory;
mod refused;
#[path = "../common/small.rs"]
mod small;
mod strict;
