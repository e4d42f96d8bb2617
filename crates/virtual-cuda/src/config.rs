//! What the environment says: how many GPUs, how strict, in which order.

use std::collections::HashMap;

/// The order of blocks in a launch, and of warps in a block.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Order {
    /// First to last; blocks may run on several threads at once.
    #[default]
    Forward,
    /// Last to first.
    Reverse,
    /// As a seed says; warps also change places in the middle of their work.
    Shuffle(u64),
}

impl Order {
    /// The number of the `i`th of `n`.
    pub fn index(self, i: u64, n: u64) -> u64 {
        match self {
            Order::Forward => i,
            Order::Reverse => n - 1 - i,
            Order::Shuffle(seed) => {
                // A step that shares no factor with n visits every number once.
                let gcd = |mut a: u64, mut b: u64| {
                    while b != 0 {
                        (a, b) = (b, a % b);
                    }
                    a
                };
                let mut step = (seed.wrapping_mul(0x9e37_79b9) >> 8) % n + 1;
                while gcd(step, n) != 1 {
                    step += 1;
                }
                ((u128::from(i) * u128::from(step) + u128::from(seed)) % u128::from(n)) as u64
            }
        }
    }
}

/// When queued work runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Timing {
    /// At once, in the order of the calls.
    #[default]
    Eager,
    /// As late as possible: when something waits for it, and then only what that needs. A missing wait reads old data.
    Lazy,
    /// As late as possible too, and behind all that other streams may do by then and were given later: work that lacks a wait overtakes what it should
    /// follow.
    Overtaking,
    /// At each call some of it, from streams that a seed picks.
    Random(u64),
}

/// What counts as an error beyond what hardware reports.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Strictness {
    /// Reading bytes that nobody has written.
    pub uninitialised: bool,
    /// Unordered accesses to shared memory.
    pub shared_races: bool,
    /// Unordered accesses of two blocks to global memory.
    pub global_races: bool,
    /// A barrier that threads cannot reach because they have exited.
    pub exited: bool,
    /// Instructions a warp may run in one launch before it is stopped.
    pub limit: u64,
}

impl Default for Strictness {
    fn default() -> Strictness {
        Strictness { uninitialised: true, shared_races: true, global_races: false, exited: true, limit: 2_000_000_000 }
    }
}

/// Everything that can be chosen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Config {
    /// Virtual GPUs.
    pub devices: usize,
    /// Memory of each, in bytes.
    pub memory: usize,
    /// Compute capability, 80 for 8.0. Modules for a newer one are refused.
    pub capability: u32,
    /// Version of the driver that is claimed, 12000 for 12.0.
    pub driver: i32,
    /// Whether `cuMemAllocAsync` exists.
    pub pools: bool,
    /// When queued work runs.
    pub timing: Timing,
    /// Order of blocks and warps.
    pub order: Order,
    /// What is an error.
    pub strictness: Strictness,
    /// Seed of the errors of approximate instructions; 0: none.
    pub perturb: u32,
    /// Whether reports go to standard error.
    pub verbose: bool,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            devices: 1,
            memory: 2 << 30,
            capability: 90,
            driver: 12_080,
            pools: true,
            timing: Timing::Eager,
            order: Order::Forward,
            strictness: Strictness::default(),
            perturb: 0,
            verbose: true,
        }
    }
}

impl Config {
    /// The choices that the environment makes (see the crate's documentation).
    ///
    /// # Panics
    /// Where a variable has a value that means nothing: a test that runs with another configuration than it asked for is worse.
    pub fn from_env() -> Config {
        let variables = std::env::vars().filter(|(k, _)| k.starts_with("VIRTUAL_CUDA_")).collect();
        Config::parse(&variables).unwrap_or_else(|e| panic!("{e}"))
    }

    /// The choices that these variables make.
    ///
    /// # Errors
    /// Where a variable is not known, or its value means nothing.
    pub fn parse(variables: &HashMap<String, String>) -> Result<Config, String> {
        let mut c = Config::default();
        for (name, value) in variables {
            let fail = || format!("{name}={value}: this value means nothing (see the documentation of virtual-cuda)");
            let number = || value.parse::<u64>().map_err(|_| fail());
            let flag = || match value.as_str() {
                "1" => Ok(true),
                "0" => Ok(false),
                _ => Err(fail()),
            };
            // `shuffle:7` and the like.
            let seed = |word: &str| {
                let rest = value.strip_prefix(word)?;
                if rest.is_empty() { Some(1) } else { rest.strip_prefix(':')?.parse::<u64>().ok() }
            };
            match name.as_str() {
                "VIRTUAL_CUDA_DEVICES" => c.devices = number()? as usize,
                "VIRTUAL_CUDA_MEMORY_MB" => c.memory = (number()? as usize) << 20,
                "VIRTUAL_CUDA_CAPABILITY" => c.capability = number()? as u32,
                "VIRTUAL_CUDA_DRIVER" => c.driver = number()? as i32,
                "VIRTUAL_CUDA_POOLS" => c.pools = flag()?,
                "VIRTUAL_CUDA_TIMING" => {
                    c.timing = match value.as_str() {
                        "eager" => Timing::Eager,
                        "lazy" => Timing::Lazy,
                        "overtaking" => Timing::Overtaking,
                        _ => Timing::Random(seed("random").ok_or_else(fail)?),
                    };
                }
                "VIRTUAL_CUDA_ORDER" => {
                    c.order = match value.as_str() {
                        "forward" => Order::Forward,
                        "reverse" => Order::Reverse,
                        _ => Order::Shuffle(seed("shuffle").ok_or_else(fail)?),
                    };
                }
                "VIRTUAL_CUDA_UNINITIALISED" => c.strictness.uninitialised = flag()?,
                "VIRTUAL_CUDA_SHARED_RACES" => c.strictness.shared_races = flag()?,
                "VIRTUAL_CUDA_GLOBAL_RACES" => c.strictness.global_races = flag()?,
                "VIRTUAL_CUDA_EXITED" => c.strictness.exited = flag()?,
                "VIRTUAL_CUDA_LIMIT" => c.strictness.limit = number()?,
                "VIRTUAL_CUDA_PERTURB" => c.perturb = number()? as u32,
                "VIRTUAL_CUDA_VERBOSE" => c.verbose = flag()?,
                // Read where modules are loaded.
                "VIRTUAL_CUDA_PTX" => {}
                _ => return Err(format!("{name}: there is no such choice (see the documentation of virtual-cuda)")),
            }
        }
        Ok(c)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_order_visits_every_block_once() {
        for order in [Order::Forward, Order::Reverse, Order::Shuffle(3), Order::Shuffle(u64::MAX)] {
            for n in [1, 2, 7, 36, 1000] {
                let mut seen: Vec<u64> = (0..n).map(|i| order.index(i, n)).collect();
                seen.sort_unstable();
                assert_eq!(seen, (0..n).collect::<Vec<_>>(), "{order:?} of {n}");
            }
        }
    }

    #[test]
    fn variables_are_read_and_nonsense_is_refused() {
        let parse = |pairs: &[(&str, &str)]| {
            Config::parse(&pairs.iter().map(|(k, v)| (format!("VIRTUAL_CUDA_{k}"), v.to_string())).collect())
        };
        let c = parse(&[("DEVICES", "8"), ("TIMING", "random:5"), ("ORDER", "shuffle"), ("EXITED", "0")]).unwrap();
        assert_eq!((c.devices, c.timing, c.order), (8, Timing::Random(5), Order::Shuffle(1)));
        assert!(!c.strictness.exited);
        assert!(parse(&[("TIMING", "sometimes")]).is_err());
        assert!(parse(&[("DEVICE", "8")]).is_err());
    }
}
