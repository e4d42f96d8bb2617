//! The conformance suite on every kind of CPU device, and what concerns several devices at once.

use std::panic::{AssertUnwindSafe, catch_unwind};

use unrolled_tensor::{DType, Device, Tensor, bf16, conformance, f16};

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

#[test]
fn two_devices_conform_side_by_side() {
    let pair = Device::cpus(2);
    std::thread::scope(|scope| {
        for device in &pair {
            scope.spawn(|| passes(device));
        }
    });
}

#[test]
fn a_device_with_three_threads_conforms() {
    passes(&Device::cpu_with(0, 3, usize::MAX));
}

#[test]
fn tensors_move_between_devices_with_every_bit() {
    let [a, b] = &Device::cpus(2)[..] else { panic!("two devices") };
    let whole = Tensor::from_slice(&[1.5f32, -0.0, f32::NAN, f32::INFINITY, 1e-45, -7.25], [2, 3], a);
    for x in [whole.clone(), whole.t(), whole.flip(1), whole.narrow(1, 1, 2), whole.index(0, 1).broadcast_to([4, 3])] {
        let moved = x.to_device(b);
        assert_eq!((moved.device(), moved.shape(), moved.dtype()), (b, x.shape(), x.dtype()));
        assert_eq!(moved.to_bytes(), x.to_bytes());
        assert_eq!(moved.to_device(a).to_bytes(), x.to_bytes());
        assert!(x.to_device(a).shares_storage(&x), "a move to where it is copies nothing");
    }
    for x in [
        Tensor::from_slice(&[1i64, i64::MIN, i64::MAX], [3], a),
        Tensor::from_slice(&[0u32, u32::MAX], [2], a),
        Tensor::from_slice(&[true, false], [2], a),
        Tensor::from_slice(&[f16::MAX, f16::EPSILON], [2], a),
        Tensor::from_slice(&[bf16::MIN_POSITIVE], [1], a),
        Tensor::from_slice(&[0.1f64], [], a),
        Tensor::zeros([3, 0], DType::F64, a),
    ] {
        let moved = x.to_device(b);
        assert_eq!((moved.to_bytes(), moved.shape()), (x.to_bytes(), x.shape()));
    }
}

#[test]
fn operands_of_two_devices_are_refused_by_name() {
    let [a, b] = &Device::cpus(2)[..] else { panic!("two devices") };
    let (x, y) = (Tensor::ones([2, 2], DType::F32, a), Tensor::ones([2, 2], DType::F32, b));
    let (truth, index) = (x.gt(&x), Tensor::zeros([2], DType::U32, b));
    let refused = |operation: &str, work: &dyn Fn() -> Tensor| {
        let payload = catch_unwind(AssertUnwindSafe(work)).expect_err(operation);
        let message = payload.downcast_ref::<String>().cloned().unwrap_or_default();
        assert!(message.starts_with(operation) && message.contains("cpu:0") && message.contains("cpu:1"), "{message}");
    };
    refused("add", &|| &x + &y);
    refused("lt", &|| x.lt(&y));
    refused("matmul", &|| x.matmul(&y));
    refused("matmul", &|| x.matmul_with(&x, Some(y.clone()), DType::F32));
    refused("select", &|| truth.select(&y, &y));
    refused("select", &|| truth.select(&x, &y));
    refused("concat", &|| Tensor::concat(&[&x, &y], 0));
    refused("gather", &|| x.index_select(0, &index));
    refused("coalesce", &|| x.coalesce(&index).1);
    refused("accumulate", &|| {
        let mut sum = x.clone();
        sum.accumulate(&y, 1.0);
        sum
    });
}
