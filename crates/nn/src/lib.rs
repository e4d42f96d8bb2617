//! Parameters, layers, losses, optimisers and checkpoints over unrolled-autograd.

pub mod checkpoint;
pub mod disk;
pub mod initialise;
pub mod safetensors_file;
pub mod schedule;
