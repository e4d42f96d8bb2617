//! Runs a test on GPUs.
//!
//! A test's body runs in processes of their own: this binary again, with that one test, and with the virtual driver's folder first on the library path. Where
//! the machine has a GPU, the body runs on it too. What ran where is in the test's output.

use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use unrolled_cuda::{CudaBackend, DeviceInfo, Options};
use unrolled_tensor::Device;

/// Set in the processes that run bodies.
const INSIDE: &str = "UNROLLED_TEST_ON_GPU";

/// How the virtual driver behaves.
#[derive(Clone, Copy, Debug)]
pub struct Virtual {
    /// What the run is called in the output.
    pub name: &'static str,
    /// Variables for the virtual driver.
    pub variables: &'static [(&'static str, &'static str)],
    /// Whether cuBLAS can be found.
    pub cublas: bool,
}

/// Work runs when it is enqueued, blocks in order.
pub const EAGER: Virtual = Virtual { name: "eager", variables: &[], cublas: true };
/// Work runs when something waits for it, blocks in reverse.
pub const LAZY: Virtual = Virtual {
    name: "lazy, reverse",
    variables: &[("VIRTUAL_CUDA_TIMING", "lazy"), ("VIRTUAL_CUDA_ORDER", "reverse")],
    cublas: true,
};
/// Work runs at random times, blocks and warps are shuffled, approximate instructions are off as far as they may be.
pub const SHUFFLED: Virtual = Virtual {
    name: "random times, shuffled, perturbed",
    variables: &[
        ("VIRTUAL_CUDA_TIMING", "random:7"),
        ("VIRTUAL_CUDA_ORDER", "shuffle:3"),
        ("VIRTUAL_CUDA_PERTURB", "11"),
    ],
    cublas: true,
};
/// Work runs when something waits for it, and against the order of the calls as far as the waits of streams for one another allow.
pub const OVERTAKING: Virtual =
    Virtual { name: "overtaking", variables: &[("VIRTUAL_CUDA_TIMING", "overtaking")], cublas: true };
/// As [`EAGER`], and products run in a kernel of our own.
pub const NO_CUBLAS: Virtual = Virtual { name: "without cuBLAS", variables: &[], cublas: false };

/// Runs `body` on virtual GPUs of each kind, and on hardware where there is some. `test` is the test's path in this binary.
#[track_caller]
pub fn on_gpus(test: &str, kinds: &[Virtual], body: impl FnOnce()) {
    if std::env::var_os(INSIDE).is_some() {
        println!("{test} runs on {}", description());
        return body();
    }
    for kind in kinds {
        let folder = driver(kind.cublas);
        let mut child = Command::new(std::env::current_exe().unwrap());
        child.env("LD_LIBRARY_PATH", folder).env(INSIDE, "1").envs(kind.variables.iter().copied());
        run(child, test, kind.name);
    }
    if unrolled_cuda::probe().is_ok() {
        let mut child = Command::new(std::env::current_exe().unwrap());
        child.env(INSIDE, "1");
        run(child, test, "hardware");
    }
}

#[track_caller]
fn run(mut child: Command, test: &str, kind: &str) {
    let output = child.args([test, "--exact", "--nocapture"]).output().unwrap();
    let (said, complained) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    print!("{kind}: {said}");
    assert!(output.status.success(), "{test}, {kind}: {said}\n{complained}");
    assert!(said.contains("1 passed"), "{test} is not the path of a test: {said}");
}

/// GPU 0 as a device of its own, which works as these options say.
pub fn device_with(options: Options) -> (Arc<CudaBackend>, Device) {
    let backend = Arc::new(CudaBackend::with(0, options).unwrap());
    (backend.clone(), Device::new(backend))
}

/// Kernels that were launched.
#[derive(Clone, Copy, Debug)]
pub struct Launches {
    pub all: u64,
    /// By a call of their own, not as part of a graph.
    pub alone: u64,
    /// How many must follow one another as streams and events order them.
    pub chain: u64,
}

/// What `work` launches; None on hardware.
pub fn launches(work: impl FnOnce()) -> Option<Launches> {
    type Count = unsafe extern "C" fn(*mut u64, *mut u64, *mut u64) -> u32;
    let count = || {
        let [mut all, mut alone, mut chain] = [0; 3];
        // SAFETY: the driver's library is loaded (a device was made), and only the virtual one has this name, with this type; it fills three places.
        let status = unsafe {
            cudarc::driver::sys::culib().get::<Count>(b"virtualCudaLaunches\0").ok()?(&mut all, &mut alone, &mut chain)
        };
        assert_eq!(status, 0);
        Some([all, alone, chain])
    };
    let before = count()?;
    work();
    let after = count()?;
    let [all, alone, chain] = [0, 1, 2].map(|i| after[i] - before[i]);
    Some(Launches { all, alone, chain })
}

/// What the devices of this process are.
pub fn description() -> String {
    match DeviceInfo::of(0) {
        Ok(info) if info.is_virtual() => format!("a virtual GPU ({})", info.name),
        Ok(info) => info.name,
        Err(why) => why.to_string(),
    }
}

/// A private folder with the virtual driver under the driver's names; one for all tests of this build.
fn driver(cublas: bool) -> PathBuf {
    let library = virtual_cuda::install::library().expect("cargo builds it beside the tests");
    let name = if cublas { "virtual-driver" } else { "virtual-driver-without-cublas" };
    let folder = library.parent().unwrap().join(name);
    virtual_cuda::install::into(&library, &folder, cublas).unwrap();
    folder
}
