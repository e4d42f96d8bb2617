//! What must agree to the bit: our product with the CPU's, one form of a reduction with another.

use unrolled_cuda::Options;
use unrolled_tensor::ops::{Distribution, Reduce};
use unrolled_tensor::random::Key;
use unrolled_tensor::{DType, Device, MatmulPrecision, Tensor};

use crate::support::{EAGER, LAZY, NO_CUBLAS, SHUFFLED, device_with, on_gpus};

fn random(name: &str, shape: &[usize], dtype: DType, device: &Device) -> Tensor {
    let range = Distribution::Uniform { low: -1.0, high: 1.0 };
    Tensor::random(range, Key::new(7).purpose(name), shape, dtype, &Device::cpu()).to_device(device)
}

/// Where the CPU fuses multiply–adds, as all do that have vectors for it.
#[test]
fn our_product_has_the_cpus_bits() {
    #[cfg(target_arch = "x86_64")]
    if !is_x86_feature_detected!("fma") {
        return;
    }
    on_gpus("bits::our_product_has_the_cpus_bits", &[EAGER, NO_CUBLAS], || {
        let (device, cpu) = (unrolled_cuda::device(0).unwrap(), Device::cpu_with(0, 1, usize::MAX));
        for device in [&device, &cpu] {
            device.set_matmul_precision(MatmulPrecision::F32Fma);
        }
        // cuBLAS has an order of its own, which f32 alone can do without.
        let dtypes: &[DType] = if unrolled_cuda::has_cublas() { &[DType::F32] } else { &[DType::F32, DType::F64] };
        for &dtype in dtypes {
            for (a, b) in
                [(&[3usize, 700][..], &[700usize, 5][..]), (&[70, 130], &[130, 66]), (&[2, 5, 300], &[300, 4])]
            {
                let product = |device: &Device| {
                    let (a, b) = (random("a", a, dtype, device), random("b", b, dtype, device));
                    let plain = a.matmul(&b);
                    [plain.to_bytes(), a.matmul_with(&b, Some(plain.clone()), dtype).to_bytes()]
                };
                assert!(product(&device) == product(&cpu), "{dtype}, {a:?} by {b:?}");
            }
        }
    });
}

/// Along memory, across it, in any order of blocks and at any time: the order of a sum depends on its length alone.
#[test]
fn a_sum_has_one_order() {
    on_gpus("bits::a_sum_has_one_order", &[EAGER, LAZY, SHUFFLED], || {
        let device = unrolled_cuda::device(0).unwrap();
        for (n, rows) in [(5, 50), (33, 40), (3000, 35)] {
            for dtype in [DType::F32, DType::BF16] {
                let x = random("x", &[rows, n], dtype, &device);
                let turned = x.t().contiguous();
                for op in [Reduce::Sum, Reduce::SumSquares, Reduce::Prod] {
                    let along = x.reduce(op, [1], false).to_bytes();
                    assert!(along == turned.reduce(op, [0], false).to_bytes(), "{op:?} of {n} {dtype}");
                    let first = x.narrow(0, 0, 1).reduce(op, [1], false).to_bytes();
                    assert!(along.starts_with(&first), "{op:?} of {n} {dtype}, one row alone");
                }
            }
        }
    });
}

/// Rows over two axes that do not follow one another in memory, along it and across it.
#[test]
fn rows_of_a_view_are_those_of_a_copy() {
    on_gpus("bits::rows_of_a_view_are_those_of_a_copy", &[LAZY], || {
        let device = unrolled_cuda::device(0).unwrap();
        for dtype in DType::ALL.into_iter().filter(|dtype| *dtype != DType::Bool) {
            for n in [5, 40, 1500] {
                let of = |shape: &[usize]| match dtype.is_float() {
                    true => random("x", shape, dtype, &device),
                    false => random("x", shape, DType::F32, &device).abs().affine(50.0, 0.0).cast(dtype),
                };
                let (along, across) =
                    (of(&[4, 10, n]).permute([1, 0, 2]), of(&[n, 5, 11]).narrow(2, 0, 9).permute([1, 2, 0]));
                for (x, how) in [(along, "along"), (across, "across")] {
                    let copy = x.copy();
                    assert!(copy.is_contiguous() && !x.is_contiguous());
                    for op in Reduce::ALL {
                        let [found, expected] = [&x, &copy].map(|x| x.reduce(op, [2], false).to_bytes());
                        assert!(found == expected, "{op:?} of {n} {dtype} {how}");
                    }
                    assert!(x.cumsum(2).to_bytes() == copy.cumsum(2).to_bytes(), "running sums of {n} {dtype} {how}");
                }
            }
        }
    });
}

#[test]
fn tf32_rounds_operands_where_it_is_asked_for() {
    on_gpus("bits::tf32_rounds_operands_where_it_is_asked_for", &[EAGER, NO_CUBLAS], || {
        let (_, device) = device_with(Options::default());
        // One bit more than TF32 has.
        let x = Tensor::full([64, 64], 1.0 + 2f64.powi(-12), DType::F32, &device);
        let square = |precision| {
            device.set_matmul_precision(precision);
            assert_eq!(device.matmul_precision(), precision);
            f64::from(x.matmul(&x).narrow(0, 0, 1).to_vec::<f32>()[0])
        };
        let (exact, rounded) = (square(MatmulPrecision::F32), square(MatmulPrecision::Tf32));
        assert!((exact / 64.0 - (1.0 + 2f64.powi(-11))).abs() < 2f64.powi(-20), "{exact}");
        let is_virtual = unrolled_cuda::DeviceInfo::of(0).unwrap().is_virtual();
        match (unrolled_cuda::has_cublas(), is_virtual) {
            (false, _) => assert_eq!(rounded, exact, "our kernel's products are f32's"),
            (true, true) => assert_eq!(rounded, 64.0),
            // Permitted, and up to cuBLAS.
            (true, false) => assert!(rounded == 64.0 || rounded == exact, "{rounded}"),
        }
    });
}
