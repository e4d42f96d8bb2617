//! Bytes in and out, copies between devices, budgets, what is missing.

use std::sync::Arc;

use unrolled_cuda::CudaBackend;
use unrolled_tensor::{DType, Device, DeviceError, Tensor, catch_device_error};

use crate::support::{EAGER, LAZY, SHUFFLED, Virtual, on_gpus};

const TWO: Virtual = Virtual {
    name: "two GPUs, lazy",
    variables: &[("VIRTUAL_CUDA_DEVICES", "2"), ("VIRTUAL_CUDA_TIMING", "lazy")],
    cublas: true,
};

fn device() -> Device {
    unrolled_cuda::device(0).unwrap()
}

#[test]
fn bytes_come_back_as_they_went() {
    on_gpus("memory::bytes_come_back_as_they_went", &[EAGER, LAZY, SHUFFLED], || {
        let device = device();
        // Longer than a staging buffer, and than all of them.
        for len in [0usize, 1, 1000, 700_000, 3_000_000] {
            let values: Vec<f32> = (0..len).map(|i| i as f32).collect();
            let x = Tensor::from_slice(&values, [len], &device);
            assert!(x.to_vec::<f32>() == values, "{len}");
        }
        let x = Tensor::from_slice(&[1i64, 2, 3, 4, 5, 6], [2, 3], &device);
        assert_eq!(x.t().flip(0).to_vec::<i64>(), [3, 6, 2, 5, 1, 4]);
        assert_eq!(Tensor::full([3], 2.5, DType::BF16, &device).to_bytes(), [0x20, 0x40, 0x20, 0x40, 0x20, 0x40]);
    });
}

#[test]
fn memory_goes_from_one_device_to_another() {
    on_gpus("memory::memory_goes_from_one_device_to_another", &[TWO], || {
        let Ok(other) = unrolled_cuda::device(1) else { return };
        let device = device();
        let mut expected = Vec::new();
        let mut copies = Vec::new();
        for round in 0..5 {
            // Each tensor is dropped while its copy is under way, and the next one would like its memory.
            let values: Vec<u32> = (0..5000).map(|i| i + round).collect();
            let x = Tensor::from_slice(&values, [50, 100], &device);
            copies.push(x.t().to_device(&other).to_device(&device).to_device(&other));
            expected.push(x.t().to_vec::<u32>());
        }
        for (copy, expected) in copies.iter().zip(&expected) {
            assert_eq!(copy.device(), &other);
            assert_eq!(&copy.to_vec::<u32>(), expected);
        }
        drop(copies);
        device.synchronize();
        other.synchronize();
        assert_eq!((device.memory().in_use, other.memory().in_use), (0, 0));
    });
}

#[test]
fn running_out_of_memory_is_an_error_that_says_what_is_in_use() {
    on_gpus("memory::running_out_of_memory_is_an_error_that_says_what_is_in_use", &[EAGER], || {
        let device = Device::new(Arc::new(CudaBackend::with_budget(0, 1 << 20).unwrap()));
        let held = Tensor::zeros([1000], DType::F32, &device);
        let refused = catch_device_error(|| Tensor::zeros([1 << 20], DType::F32, &device)).unwrap_err();
        let expected =
            DeviceError::OutOfMemory { device: "cuda:0".into(), requested: 4 << 20, in_use: 4000, budget: 1 << 20 };
        assert_eq!(refused, expected);
        // What is idle makes room: sizes that no idle block fits, again and again.
        for len in (10_000..250_000).step_by(10_000) {
            drop(Tensor::zeros([len], DType::F32, &device));
        }
        assert_eq!(held.to_vec::<f32>(), [0.0; 1000]);
        // More than the GPU has, whatever the budget says.
        let greedy = Device::new(Arc::new(CudaBackend::with_budget(0, usize::MAX).unwrap()));
        let refused = catch_device_error(|| Tensor::zeros([1 << 48], DType::F32, &greedy)).unwrap_err();
        assert!(matches!(refused, DeviceError::OutOfMemory { .. }), "{refused}");
    });
}

#[test]
fn what_is_missing_is_told_and_nothing_panics() {
    let none = Virtual { name: "no GPU", variables: &[("VIRTUAL_CUDA_DEVICES", "0")], cublas: true };
    let old = Virtual { name: "an old driver", variables: &[("VIRTUAL_CUDA_DRIVER", "11040")], cublas: true };
    let aged = Virtual { name: "an old GPU", variables: &[("VIRTUAL_CUDA_CAPABILITY", "60")], cublas: true };
    on_gpus("memory::what_is_missing_is_told_and_nothing_panics", &[EAGER, none, old, aged], || {
        let said = |index| match unrolled_cuda::device(index) {
            Ok(device) => device.to_string(),
            Err(why) => why.to_string(),
        };
        let set = |name| std::env::var(name).is_ok();
        if set("VIRTUAL_CUDA_DEVICES") {
            assert_eq!(said(0), "the NVIDIA driver finds no GPU");
        } else if set("VIRTUAL_CUDA_DRIVER") {
            assert!(said(0).contains("too old: it knows CUDA 11.4"), "{}", said(0));
        } else if set("VIRTUAL_CUDA_CAPABILITY") {
            assert!(said(0).contains("Virtual GPU 0") && said(0).contains("6.0"), "{}", said(0));
        } else {
            assert_eq!(said(0), "cuda:0");
            assert!(said(99).contains("there is no GPU 99"), "{}", said(99));
            assert_eq!(unrolled_cuda::device(0), unrolled_cuda::device(0));
        }
    });
}
