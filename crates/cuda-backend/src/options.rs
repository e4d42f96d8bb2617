//! How a device works.

use std::env;

/// How a device works; [`default`](Options::default) is what the environment says.
///
/// | field | variable | |
/// |---|---|---|
/// | `graphs` | `UNROLLED_CUDA_GRAPHS` | `off`: a training step is not captured in CUDA graphs |
/// | `overlap` | `UNROLLED_CUDA_OVERLAP` | `off`: the layers of an LSTM run one after another |
///
/// Neither changes a bit of any result; they are there to measure what each is worth, and to leave one out where a driver has trouble with it.
///
/// ```
/// let options = unrolled_cuda::Options { graphs: false, ..Default::default() };
/// assert_eq!(options.budget, None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Bytes that tensors may hold; without it, what the device's memory has free.
    pub budget: Option<usize>,
    /// Whether [captured](unrolled_tensor::Device::captured) work is replayed.
    pub graphs: bool,
    /// Whether layers of an LSTM are overlapped along the diagonal.
    pub overlap: bool,
}

impl Default for Options {
    fn default() -> Options {
        let on = |variable| env::var_os(variable).is_none_or(|value| value != "off");
        Options { budget: None, graphs: on("UNROLLED_CUDA_GRAPHS"), overlap: on("UNROLLED_CUDA_OVERLAP") }
    }
}
