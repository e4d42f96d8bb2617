//! How many threads the CPU computes with.

use anyhow::Context;

/// Sets the size of the pool that CPU devices share; 0 takes all cores. To be called once, before the first computation.
///
/// # Errors
/// Where the threads cannot be started.
pub(super) fn use_threads(threads: usize) -> anyhow::Result<()> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build_global();
    pool.with_context(|| format!("cannot start {threads} threads"))
}
