//! Launches of kernels.

use super::{Code, Driver, Handle, Result, Work};
use crate::exec::{self, Launch};
use crate::ptx::Kernel;
use std::sync::Arc;

/// The shape of a launch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Geometry {
    /// Blocks.
    pub grid: [u32; 3],
    /// Threads a block.
    pub block: [u32; 3],
    /// Bytes of dynamic shared memory.
    pub shared: usize,
}

/// A launch that waits in a stream.
pub struct LaunchWork {
    kernel: Arc<Kernel>,
    globals: Vec<u64>,
    geometry: Geometry,
    parameters: Vec<u8>,
}

impl Driver {
    /// Enter a launch into a stream. `parameters` lie as the kernel declares them.
    ///
    /// # Errors
    /// Where the function is none or of another device, or the device cannot run so many threads or give so much shared memory.
    pub fn launch(&mut self, function: Handle, geometry: Geometry, stream: Handle, parameters: Vec<u8>) -> Result<()> {
        let kernel = self.kernel(function)?;
        let f = &self.functions[&function];
        let (limit, loaded) = (f.dynamic_limit, &self.modules[&f.module]);
        let (device, globals) = (loaded.device, loaded.globals.clone());
        let name = &kernel.name;
        if device != self.stream_device(stream) {
            let message = format!("{name}: a kernel loaded on device {device} is launched on a stream of another");
            return self.refuse(Code::INVALID_HANDLE, message);
        }
        let Geometry { grid, block, shared } = geometry;
        let threads: u64 = block.iter().map(|&n| u64::from(n)).product();
        if grid.contains(&0) || block.contains(&0) || grid[0] > i32::MAX as u32 || grid[1] > 65_535 || grid[2] > 65_535
        {
            return self.refuse(Code::INVALID_VALUE, format!("{name}: a grid of {grid:?} blocks of {block:?} threads"));
        }
        if threads > 1024 || block[2] > 64 {
            return self
                .refuse(Code::INVALID_VALUE, format!("{name}: a block of {block:?} threads; 1024 are the most"));
        }
        if kernel.max_threads.is_some_and(|most| threads > u64::from(most)) {
            let message = format!("{name}: {threads} threads, its `.maxntid` allows {:?}", kernel.max_threads);
            return self.refuse(Code::INVALID_VALUE, message);
        }
        if shared > limit || shared + kernel.static_shared() > limit.max(48 << 10) {
            let message = format!(
                "{name}: {shared} bytes of dynamic and {} of static shared memory, the limit is {limit} (cuFuncSetAttribute)",
                kernel.static_shared()
            );
            return self.refuse(Code::INVALID_VALUE, message);
        }
        self.submit(stream, Work::Launch(Arc::new(LaunchWork { kernel, globals, geometry, parameters })))
    }

    pub(super) fn run_launch(&mut self, device: usize, work: &LaunchWork) -> std::result::Result<(), (Code, String)> {
        let launch = Launch {
            kernel: &work.kernel,
            grid: work.geometry.grid,
            block: work.geometry.block,
            dynamic_shared: work.geometry.shared,
            parameters: &work.parameters,
            globals: &work.globals,
            heap: &self.heap,
            device,
            order: self.config.order,
            strictness: self.config.strictness,
        };
        match exec::launch(&launch) {
            Ok(stats) => {
                self.executed = self.executed.and(stats);
                Ok(())
            }
            Err(fault) => Err((Code(fault.code), fault.to_string())),
        }
    }
}
