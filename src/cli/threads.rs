//! How many threads the CPU computes with.

use anyhow::{Context, ensure};
use unrolled_seq2seq::wording::counted;

/// More than any machine has; a system may well start them and have room for nothing else.
const MOST: usize = 4096;

/// Sets the size of the pool that CPU devices share; 0 takes all cores. To be called once, before the first computation.
///
/// # Errors
/// Where they are too many, or cannot be started.
pub(super) fn use_threads(threads: usize) -> anyhow::Result<()> {
    // Rayon would take this word for it.
    let said = std::env::var("RAYON_NUM_THREADS").ok().filter(|_| threads == 0).and_then(|said| said.parse().ok());
    let threads = said.unwrap_or(threads);
    ensure!(
        threads <= MOST,
        "{threads} threads are asked for: {MOST} are the most, and 0 takes as many as there are cores"
    );
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build_global();
    pool.with_context(|| format!("cannot start {}", counted(threads, "thread")))
}
