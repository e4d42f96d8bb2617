//! Strided tensors on a device, the CPU backend, and the seam that other backends fill.
