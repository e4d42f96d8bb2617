//! The conformance suite on every kind of CPU device, and what concerns several devices at once.

use unrolled_tensor::{DType, Device, Tensor, conformance};

fn passes(device: &Device) {
    match conformance::check(device) {
        Ok(summary) => println!("{summary}"),
        Err(failures) => panic!("{failures}"),
    }
}

/// The suite counts bytes, so the shared device is checked here and used by no other test of this file.
#[test]
fn the_shared_cpu_conforms() {
    passes(&Device::cpu());
}
