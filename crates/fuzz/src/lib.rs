//! Fuzzing of every reader: bytes that nobody wrote on purpose must give an error, never a panic, an abort, a hang or a full memory.
//!
//! Each reader is one [`Target`], a function of bytes. The driver mutates kept seeds (`crates/fuzz/seeds/TARGET`) by a seeded generator: bits flipped,
//! bytes replaced, cut, doubled, spliced, numbers of interest, words of the format. It needs neither nightly Rust nor a sanitizer, so CI can run it
//! everywhere; what it lacks for that is to see which branches an input takes. In its place stands the *outcome*: the kind of error, or the shape of what was read. An
//! input with an outcome not seen before is kept and mutated further. (`cargo fuzz` would take the same functions: `fuzz_target!(|data: &[u8]| {
//! (target.run)(data); })`.)
//!
//! ```text
//! cargo run --release -p unrolled-fuzz -- --seconds 600 all      # every reader for ten minutes
//! cargo run --release -p unrolled-fuzz -- --replay FILE sgm      # one input again
//! ```
//!
//! `cargo test -p unrolled-fuzz` runs all seeds, among them every input that ever crashed a reader, and a second of mutation.

pub mod driver;
pub mod mutate;
pub mod panics;
pub mod scratch;
pub mod seeds;
pub mod targets;

pub use targets::{Target, find, targets};
