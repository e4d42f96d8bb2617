//! A CUDA driver with virtual GPUs: it runs the project's PTX where there is no GPU, and is strict where hardware is forgiving.
//!
//! It is for tests alone and is never published. What passes here has passed on a *virtual GPU*; it says nothing of speed, of what
//! `ptxas` makes of a kernel, of the exact bits of approximate instructions or of a real cuBLAS, and it does not see a missing
//! `__threadfence`.
//!
//! # How a test uses it
//! Cargo builds a shared library, `libvirtual_cuda.so`, under a name of its own: a `libcuda.so` in the target folder would be found by
//! every `cargo test` and hide a real GPU. A test calls [`install::into`] to make a private folder in which the driver's names (and
//! those of cuBLAS, or not: then cuBLAS is missing) lead to it, and runs its binary again with that folder in `LD_LIBRARY_PATH`. Any
//! program that loads the driver dynamically, such as one made with cudarc, then finds virtual GPUs.
//!
//! | variable | values | meaning |
//! |---|---|---|
//! | `VIRTUAL_CUDA_DEVICES` | 1 | how many GPUs; with 0 `cuInit` says that there is none |
//! | `VIRTUAL_CUDA_MEMORY_MB` | 2048 | memory of each |
//! | `VIRTUAL_CUDA_CAPABILITY` | 90 | compute capability: PTX for a newer one is refused |
//! | `VIRTUAL_CUDA_DRIVER` | 12080 | version of the driver: newer PTX is refused |
//! | `VIRTUAL_CUDA_POOLS` | 1, 0 | whether `cuMemAllocAsync` exists |
//! | `VIRTUAL_CUDA_TIMING` | `eager`, `lazy`, `overtaking`, `random:SEED` | when queued work runs: at once; only when something waits for it, and then no more than that needs; then too, and behind all that other streams may do and were given later; some at each call. Graphs too run in another order than they were captured in |
//! | `VIRTUAL_CUDA_ORDER` | `forward`, `reverse`, `shuffle:SEED` | order of blocks and warps; shuffled warps also change in mid-work |
//! | `VIRTUAL_CUDA_PERTURB` | 0 | a seed: approximate instructions are off by as much as they may be |
//! | `VIRTUAL_CUDA_UNINITIALISED` | 1, 0 | reading what nobody wrote is an error |
//! | `VIRTUAL_CUDA_SHARED_RACES` | 1, 0 | unordered accesses to shared memory are errors |
//! | `VIRTUAL_CUDA_GLOBAL_RACES` | 0, 1 | so are those of two blocks to global memory (slow; kernels with "last block" counters are reported too) |
//! | `VIRTUAL_CUDA_EXITED` | 1, 0 | a barrier that exited threads cannot reach is an error |
//! | `VIRTUAL_CUDA_LIMIT` | 2000000000 | instructions of one warp after which a launch has timed out |
//! | `VIRTUAL_CUDA_PTX` | a file | is loaded in place of a module that begins with the same line |
//! | `VIRTUAL_CUDA_VERBOSE` | 1, 0 | reports go to standard error |
//!
//! # What it finds
//! An error has the code that hardware would give, and like there it appears at the next call that waits and stays. Beside it a report
//! names kernel, block, thread, PTX line and address ([`exec::Fault`], [`driver::Driver::reports`]):
//! - accesses outside of live allocations (exact to the byte; allocations lie apart and addresses are never used twice), after free,
//!   misaligned, in memory of another device, writes to constants; likewise in shared memory (variables lie apart), local memory and
//!   parameters; copies and fills too;
//! - reads of bytes that nobody has written, in global, shared and local memory, and by copies to the host and cuBLAS. Fresh memory
//!   also holds NaN. A pool that hands memory out again can call `virtualCudaForgetAsync(address, bytes, stream)`;
//! - races in shared memory: two accesses without a barrier between them, whatever order they ran in here. Lanes of a warp are ordered
//!   by `bar.warp.sync` alone;
//! - divergent barriers, barriers with missing or exited threads, warp-wide instructions whose lanes do not come or are left out of
//!   their own mask, shuffles that read a lane which takes no part;
//! - missing waits between streams and missing dependencies in graphs (with `lazy`, `overtaking` or `random` timing; `overtaking` runs work against
//!   the order of the calls as far as the waits allow);
//! - how far streams overlap, and how much is in graphs: `virtualCudaLaunches` tells how many launches there were, how many by a call of their own, and how
//!   many must follow one another;
//! - launches beyond the limits, streams and kernels of different devices, calls that may not be made during a capture.
//!
//! # How it works
//! [`ptx`] turns a text into instructions whose operands are places in a register file: immediates and special registers have places
//! too. Calls are expanded in place. [`lanes`] has the arithmetic, a table from mnemonic and type to a function over the 32 lanes of a
//! warp. [`exec`] runs blocks, warps and diverged lanes, with the checks. [`memory`] holds allocations and what was written of them.
//! [`driver`] has streams, events, graphs and modules, as values that a test can make ([`driver::Driver::new`]), and the exported
//! functions over one of them. [`cublas`] is matrix products.
//!
//! Approximate instructions (`ex2.approx`, `sin.approx`, …) give the correctly rounded result, or with `VIRTUAL_CUDA_PERTURB` one that
//! differs by a pseudo-random share of what PTX allows: 2 units in the last place for `ex2` (but for powers of two) and quotients, 1 for `rcp`, `sqrt` and
//! `rsqrt`, 2⁻²² for `lg2`, an absolute 2⁻²¹ for `sin` and `cos`, 2⁻¹¹ for `tanh`.
//!
//! # How to add an instruction
//! Arithmetic: a row in the table of its kind (`src/lanes/arithmetic.rs`, `bits.rs`, `floats.rs`, `halves.rs`, `convert.rs`), as in
//! `"sad" => by_integer!(ty, |T| lanes!(|a: T, b: T, c: T| -> T { … }))`, its name and variants in `COMPUTE` (`src/ptx/decode_alu.rs`),
//! and a test against the host in `tests/interpreter`. Anything else: an [`ptx::Op`], its decoder in `src/ptx/decode_*.rs`, which takes
//! the modifiers it understands (what is left over is an error), and its execution in `src/exec`.
//!
//! ```
//! use virtual_cuda::{config::Config, driver::{Driver, Geometry}};
//!
//! let text = "
//!     .version 8.0
//!     .target sm_80
//!     .address_size 64
//!     .visible .entry store(.param .u64 out) {
//!         .reg .b32 %r<2>; .reg .b64 %rd<3>;
//!         ld.param.u64 %rd1, [out]; mov.u32 %r1, %tid.x; mul.wide.u32 %rd2, %r1, 4; add.s64 %rd1, %rd1, %rd2;
//!         st.global.u32 [%rd1], %r1; ret;
//!     }";
//! let mut driver = Driver::new(Config { verbose: false, ..Config::default() });
//! let module = driver.load_module(0, text.as_bytes(), &mut String::new()).unwrap();
//! let kernel = driver.function(module, "store").unwrap();
//! let stream = driver.create_stream(0, false);
//! // Room for 31 threads; the 32nd runs off the end.
//! let out = driver.heap.allocate(0, 4 * 31, false).unwrap();
//! let shape = Geometry { grid: [1, 1, 1], block: [32, 1, 1], shared: 0 };
//! driver.launch(kernel, shape, stream, out.to_le_bytes().to_vec()).unwrap();
//! assert!(driver.synchronize(stream).is_err());
//! assert!(driver.reports[0].contains("kernel store, block [0, 0, 0], thread [31, 0, 0]"));
//! ```

pub mod config;
pub mod cublas;
pub mod driver;
pub mod exec;
#[cfg(unix)]
pub mod install;
pub mod lanes;
pub mod memory;
pub mod ptx;
