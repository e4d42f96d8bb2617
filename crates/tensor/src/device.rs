//! A handle on a device.

use std::fmt;
use std::sync::{Arc, OnceLock};

use crate::Modes;
use crate::error::OrRaise;
use crate::{Backend, CpuBackend, MatmulPrecision, Memory};

/// A cheap handle on a device: clone it freely. Two handles are equal where they mean the same device.
///
/// ```
/// use unrolled_tensor::Device;
///
/// assert_eq!(Device::cpu(), Device::cpu());
/// let pair = Device::cpus(2);
/// assert_ne!(pair[0], pair[1]);
/// assert_eq!(pair[1].to_string(), "cpu:1");
/// ```
#[derive(Clone)]
pub struct Device(Arc<dyn Backend>);

impl Device {
    /// A device of any backend.
    pub fn new(backend: Arc<dyn Backend>) -> Device {
        Device(backend)
    }

    /// The one shared CPU device. It works on the rayon pool of whoever calls it.
    pub fn cpu() -> Device {
        static CPU: OnceLock<Device> = OnceLock::new();
        CPU.get_or_init(|| Device(Arc::new(CpuBackend::shared()))).clone()
    }

    /// `n` independent CPU devices that share the machine's threads evenly, each with a pool and memory count of its own.
    pub fn cpus(n: usize) -> Vec<Device> {
        Device::cpus_with_budget(n, usize::MAX)
    }

    /// [`cpus`](Device::cpus), each of which may hold `budget` bytes.
    pub fn cpus_with_budget(n: usize, budget: usize) -> Vec<Device> {
        let threads = std::thread::available_parallelism().map_or(1, |t| t.get());
        let share = (threads / n.max(1)).max(1);
        (0..n).map(|index| Device(Arc::new(CpuBackend::independent(index, share, budget)))).collect()
    }

    /// A CPU device of its own with `threads` threads and a budget in bytes.
    pub fn cpu_with(index: usize, threads: usize, budget: usize) -> Device {
        Device(Arc::new(CpuBackend::independent(index, threads.max(1), budget)))
    }

    /// The backend behind the handle.
    pub fn backend(&self) -> &dyn Backend {
        &*self.0
    }

    /// The device's name, as a person writes it: `cpu`, `cpu:1`, `cuda:0`.
    pub fn name(&self) -> String {
        self.0.name()
    }

    /// What live tensors hold on this device.
    pub fn memory(&self) -> Memory {
        self.0.memory()
    }

    /// Sets the memory's peak to what is in use now.
    pub fn reset_peak_memory(&self) {
        self.0.reset_peak();
    }

    /// Returns when all work that was enqueued on this device is done.
    ///
    /// # Panics
    /// With a [`DeviceError`](crate::DeviceError) where the device failed.
    #[track_caller]
    pub fn synchronize(&self) {
        self.0.synchronize().or_raise();
    }

    /// What products of f32 matrices on this device run in from now on, the LSTM's and the softmax's included. Tensors stay f32; with
    /// [`MatmulPrecision::Bf16`] the operands of each product are rounded to bf16 and its sums run in f32, which processors with bf16 dot
    /// products do several times faster. Products of f64 are never affected. A device that cannot do it stays at f32: a CPU asked for
    /// [`MatmulPrecision::Tf32`], which CUDA devices have.
    ///
    /// ```
    /// use unrolled_tensor::{Device, MatmulPrecision, Tensor};
    ///
    /// let device = Device::cpu_with(0, 1, usize::MAX);
    /// let x = Tensor::from_slice(&[1.0f32 + 1.0 / 1024.0], [1, 1], &device);
    /// device.set_matmul_precision(MatmulPrecision::Bf16);
    /// assert_eq!(device.matmul_precision(), MatmulPrecision::Bf16);
    /// assert_eq!(x.matmul(&x).item::<f32>(), 1.0);
    /// device.set_matmul_precision(MatmulPrecision::F32);
    /// assert!(x.matmul(&x).item::<f32>() > 1.0);
    /// ```
    pub fn set_matmul_precision(&self, precision: MatmulPrecision) {
        self.0.set_matmul_precision(precision);
    }

    /// The precision that products of f32 matrices run in.
    pub fn matmul_precision(&self) -> MatmulPrecision {
        self.0.matmul_precision()
    }

    /// Runs `work` on the device's own threads where it has some (a CPU device made by [`cpus`](Device::cpus)).
    pub fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        let mut work = Some(work);
        let mut answer = None;
        let modes = Modes::now();
        self.0.run(&mut || answer = work.take().map(|work| modes.during(work)));
        answer.expect("a backend's `run` calls the work once")
    }
}

/// The bytes of the machine's memory, where the system says how many: Linux does.
///
/// ```
/// assert!(unrolled_tensor::machine_memory().is_none_or(|bytes| bytes > 1 << 20));
/// ```
pub fn machine_memory() -> Option<usize> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let kibibytes = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?.trim().strip_suffix(" kB")?;
    kibibytes.parse::<usize>().ok()?.checked_mul(1 << 10)
}

/// The bytes that live tensors hold on `device` now; with peak and budget: [`Device::memory`].
///
/// ```
/// use unrolled_tensor::{memory_in_use, peak_memory, reset_peak_memory, DType, Device, Tensor};
/// let device = Device::cpus(1).remove(0);
/// let x = Tensor::zeros([1000], DType::F64, &device);
/// assert_eq!(memory_in_use(&device), 8000);
/// drop(x);
/// assert_eq!((memory_in_use(&device), peak_memory(&device)), (0, 8000));
/// reset_peak_memory(&device);
/// assert_eq!(peak_memory(&device), 0);
/// ```
pub fn memory_in_use(device: &Device) -> usize {
    device.memory().in_use
}

/// The most bytes that live tensors have held on `device` since the start or [`reset_peak_memory`].
pub fn peak_memory(device: &Device) -> usize {
    device.memory().peak
}

/// Sets the peak of `device` to what is in use now.
pub fn reset_peak_memory(device: &Device) {
    device.reset_peak_memory();
}

impl PartialEq for Device {
    fn eq(&self, other: &Device) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Device {}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name())
    }
}

impl fmt::Debug for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Device({})", self.name())
    }
}
