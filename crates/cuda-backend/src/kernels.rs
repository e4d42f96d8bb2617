//! The embedded PTX, loaded when first used, and how a kernel is launched.

use std::collections::HashMap;
use std::ffi::{CString, c_void};
use std::sync::{Mutex, PoisonError};

use cudarc::driver::{result, sys};
use unrolled_tensor::Result;

use crate::gpu::Gpu;
use crate::recording;
use crate::storage::Pointer;
use crate::view::Views;

macro_rules! modules {
    ($($name:literal),* $(,)?) => {
        /// Name and PTX of each kernel file.
        const MODULES: &[(&str, &str)] = &[$(($name, include_str!(concat!("../kernels/ptx/", $name, ".ptx")))),*];
    };
}
// A line for each kernels/NAME.cu.
modules![
    "binary",
    "copy",
    "cross_entropy",
    "indexing",
    "lstm",
    "matmul",
    "random",
    "reduce",
    "softmax",
    "sort",
    "top_k",
    "unary",
    "update",
];

/// Threads of a block where a kernel has no reason for another number.
pub(crate) const BLOCK: u32 = 256;
/// Blocks for each multiprocessor where threads take several elements each: eight of 256 threads fill it, and a few times that evens out the end.
const WAVES: u32 = 32;

/// A value that a kernel takes.
///
/// # Safety
/// The type is `repr(C)` or `repr(transparent)` and means the same to the kernel.
pub(crate) unsafe trait Argument {
    /// Where it leads, if it is a pointer.
    fn pointer(&self) -> Option<Pointer> {
        None
    }
}

macro_rules! arguments {
    ($($type:ty),*) => {$(
        // SAFETY: the same in CUDA.
        unsafe impl Argument for $type {}
    )*};
}
arguments!(u8, u16, u32, i32, u64, i64, f32, f64);
// SAFETY: the same in CUDA.
unsafe impl Argument for Pointer {
    fn pointer(&self) -> Option<Pointer> {
        Some(*self)
    }
}
// SAFETY: kernels/common.cuh has the same struct.
unsafe impl<const N: usize> Argument for Views<N> {}

/// A loaded kernel.
#[derive(Clone, Debug)]
struct Kernel {
    function: sys::CUfunction,
    /// Bytes of each parameter.
    parameters: Vec<usize>,
}

/// What a device has loaded.
#[derive(Debug)]
pub(crate) struct Kernels(Mutex<Loaded>);

#[derive(Debug, Default)]
struct Loaded {
    modules: HashMap<&'static str, (sys::CUmodule, &'static str)>,
    kernels: HashMap<String, Kernel>,
}

// SAFETY: modules and functions are names that the driver takes from any thread.
unsafe impl Send for Loaded {}

impl Kernels {
    pub fn new() -> Kernels {
        Kernels(Mutex::default())
    }

    fn get(&self, gpu: &Gpu, module: &str, name: &str) -> Result<Kernel> {
        let mut loaded = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(kernel) = loaded.kernels.get(name) {
            return Ok(kernel.clone());
        }
        let (handle, text) = loaded.module(gpu, module)?;
        let c_name = CString::new(name).expect("names of kernels have no zero byte");
        // SAFETY: the module is loaded, and never unloaded before its context goes.
        let function = unsafe { result::module::get_function(handle, c_name) };
        let function = gpu.check(function, &format!("finding kernel {name} in {module}"))?;
        let kernel = Kernel { function, parameters: parameters(text, name) };
        loaded.kernels.insert(name.to_owned(), kernel.clone());
        Ok(kernel)
    }
}

impl Loaded {
    fn module(&mut self, gpu: &Gpu, module: &str) -> Result<(sys::CUmodule, &'static str)> {
        if let Some(&found) = self.modules.get(module) {
            return Ok(found);
        }
        let embedded = MODULES.iter().find(|(name, _)| *name == module);
        let &(name, text) = embedded.ok_or_else(|| gpu.error(format!("there is no kernel file {module}")))?;
        let image = CString::new(text).expect("PTX has no zero byte");
        // SAFETY: a text that ends with a zero byte; the driver is done with it when the call returns.
        let handle = unsafe { result::module::load_data(image.as_ptr().cast()) };
        let handle = gpu.check(handle, &format!("loading the kernels of {name}"))?;
        self.modules.insert(name, (handle, text));
        Ok((handle, text))
    }
}

/// The sizes of a kernel's parameters, read off its PTX, so that a launch with others is a panic and not a wild read.
fn parameters(ptx: &str, kernel: &str) -> Vec<usize> {
    let head = format!(".entry {kernel}(");
    let Some(start) = ptx.find(&head) else { return Vec::new() };
    let list = &ptx[start + head.len()..];
    let list = &list[..list.find(')').unwrap_or(0)];
    let size = |text: &str| {
        let bits: String = text.split_whitespace().find(|word| is_type(word)).unwrap_or("").chars().skip(2).collect();
        let one = bits.parse::<usize>().unwrap_or(0) / 8;
        match text.split_once('[') {
            Some((_, rest)) => one * rest.trim_end_matches(|c: char| !c.is_ascii_digit()).parse().unwrap_or(0),
            None => one,
        }
    };
    list.split(',').filter(|text| text.contains(".param")).map(size).collect()
}

/// `.u64`, `.f32`, `.b8`.
fn is_type(word: &str) -> bool {
    let mut rest = word.chars();
    rest.next() == Some('.') && rest.next().is_some_and(|c| "usfb".contains(c)) && rest.all(|c| c.is_ascii_digit())
}

impl Gpu {
    /// Launches `kernel` of the file `module` in this thread's stream: a grid of blocks, so many threads each, so many bytes of dynamic
    /// shared memory. A grid without blocks is no launch.
    ///
    /// # Panics
    /// Where the arguments are not of the sizes that the kernel takes.
    pub fn launch(
        &self,
        module: &str,
        kernel: &str,
        grid: [u32; 3],
        block: [u32; 3],
        shared: u32,
        arguments: &[&dyn Argument],
    ) -> Result<()> {
        if grid.contains(&0) {
            return Ok(());
        }
        self.bind()?;
        recording::checks(self, kernel, arguments.iter().filter_map(|argument| argument.pointer()))?;
        let Kernel { function, parameters } = self.kernels.get(self, module, kernel)?;
        let sizes = || arguments.iter().map(|argument| size_of_val(*argument));
        assert!(
            sizes().eq(parameters.iter().copied()),
            "{kernel} takes parameters of {parameters:?} bytes, not {:?}",
            sizes().collect::<Vec<_>>()
        );
        let place = |argument: &&dyn Argument| std::ptr::from_ref(*argument).cast_mut().cast::<c_void>();
        let mut places: Vec<*mut c_void> = arguments.iter().map(place).collect();
        let [grid, block] = [grid, block].map(|[x, y, z]| (x, y, z));
        let turn = self.turn()?;
        // SAFETY: the function is this device's, its arguments have the sizes that it reads; that its pointers lead to enough memory is
        // what each verb sees to.
        let launched =
            unsafe { result::launch_kernel(function, grid, block, shared, turn.stream.handle(), &mut places) };
        self.check(launched, &format!("launching {kernel}"))
    }

    /// [`launch`](Gpu::launch) of threads that take one of `n` elements after another.
    pub fn launch_each(&self, module: &str, kernel: &str, n: u32, arguments: &[&dyn Argument]) -> Result<()> {
        self.launch(module, kernel, [self.grid_for(n), 1, 1], [BLOCK, 1, 1], 0, arguments)
    }

    /// Blocks of [`BLOCK`] threads that take `n` elements, a few each where they are many.
    pub fn grid_for(&self, n: u32) -> u32 {
        n.div_ceil(BLOCK).min(self.info.multiprocessors.max(1) * WAVES)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_of_parameters_are_read_off_the_ptx() {
        let (_, text) = MODULES.iter().find(|(name, _)| *name == "copy").unwrap();
        assert_eq!(parameters(text, "fill_8"), [8, 1, 8]);
        assert_eq!(parameters(text, "copy_64"), [8, 8, size_of::<Views<1>>(), 4]);
        let text = ".visible .entry none()\n{ ret; }\n.visible .entry few(\n.param .align 8 .b8 few_param_0[168],\n.param .f32 few_param_1\n)";
        assert_eq!(parameters(text, "few"), [168, 4]);
        assert!(parameters(text, "none").is_empty() && parameters(text, "fe").is_empty());
    }
}
