//! Device memory: counted, limited, given back, and an error that can be caught.

use unrolled_tensor::fused::LstmArgs;
use unrolled_tensor::ops::{Reduce, Update};
use unrolled_tensor::{Bytes, DType, Device, DeviceError, Tensor, catch_device_error};

const BUDGET: usize = 1 << 20;

fn device() -> Device {
    Device::cpus_with_budget(1, BUDGET).remove(0)
}

#[test]
fn a_request_beyond_the_budget_is_a_typed_error() {
    let device = device();
    let held = Tensor::zeros([100_000], DType::F32, &device);
    let result = catch_device_error(|| Tensor::zeros([1000, 200], DType::F32, &device));
    let expected =
        DeviceError::OutOfMemory { device: "cpu:0".into(), requested: 800_000, in_use: 400_000, budget: BUDGET };
    assert_eq!(result.map(|_| ()), Err(expected.clone()));
    assert_eq!(
        expected.to_string(),
        "out of memory on cpu:0: 781.2 KiB asked for, 390.6 KiB of 1.0 MiB in use",
        "{}",
        Bytes(800_000)
    );
    let unlimited = DeviceError::OutOfMemory { device: "cpu".into(), requested: 8, in_use: 4, budget: usize::MAX };
    assert_eq!(unlimited.to_string(), "out of memory on cpu: 8 B asked for, 4 B in use");
    // The refusal left nothing behind, and what fits still fits.
    assert_eq!(device.memory().in_use, 400_000);
    let half = Tensor::zeros([1000, 100], DType::F32, &device);
    assert_eq!(held.sum(.., false).item::<f32>() + half.sum(.., false).item::<f32>(), 0.0);
}

#[test]
fn the_budget_can_be_used_to_its_last_byte() {
    let device = device();
    let whole = Tensor::zeros([BUDGET], DType::Bool, &device);
    assert_eq!(device.memory().in_use, BUDGET);
    assert!(catch_device_error(|| Tensor::zeros([1], DType::Bool, &device)).is_err());
    drop(whole);
    assert_eq!(device.memory().in_use, 0);
    assert!(catch_device_error(|| Tensor::zeros([BUDGET], DType::Bool, &device)).is_ok());
}

#[test]
fn every_verb_reports_what_does_not_fit() {
    let device = device();
    // Five ninths of the budget: no verb has room for an answer of that size.
    let x = Tensor::zeros([381, 381], DType::F32, &device);
    let index = Tensor::zeros([381], DType::U32, &device);
    let small = Tensor::ones([1, 381], DType::F32, &device);
    let held = device.memory().in_use;
    let refused = |name: &str, work: &dyn Fn() -> Tensor| {
        let result = catch_device_error(|| drop(work()));
        assert!(matches!(result, Err(DeviceError::OutOfMemory { .. })), "{name}: {result:?}");
        assert_eq!(device.memory().in_use, held, "{name} left something behind");
    };
    refused("cast", &|| x.cast(DType::I64));
    refused("copy", &|| x.t().contiguous());
    refused("unary", &|| x.exp());
    refused("binary", &|| &x + &x);
    refused("select", &|| x.eq(&x).select(&x, &x));
    refused("reduce of a strided view", &|| x.t().reduce(Reduce::Sum, .., false) + x.cumsum(0));
    refused("softmax", &|| x.softmax(0));
    refused("softmax of a strided view", &|| x.t().softmax(0));
    refused("top_k", &|| x.top_k(381, 1).0);
    refused("matmul", &|| x.matmul(&x));
    refused("matmul onto", &|| x.matmul_with(&x, Some(x.clone()), DType::F32));
    refused("gather", &|| x.index_select(0, &index));
    refused("scatter_add", &|| x.index_add(0, &index, &x));
    refused("concat", &|| Tensor::concat(&[&x, &x], 0));
    refused("linear", &|| x.linear(&x, None));
    refused("accumulate onto a shared tensor", &|| {
        let mut sum = x.clone();
        sum.accumulate(&small.broadcast_to([381, 381]), 1.0);
        sum
    });
    refused("update of a shared parameter", &|| {
        let (mut parameter, hyper) = (x.clone(), Tensor::ones([4], DType::F32, &device));
        parameter.update(&Update::Sgd { momentum: 0.0 }, &x, None, &mut [], &hyper);
        parameter
    });
}

#[test]
fn shapes_that_no_machine_holds_are_refused_before_they_wrap() {
    let device = device();
    let result = catch_device_error(|| Tensor::zeros([1 << 60], DType::F64, &device));
    assert!(matches!(result, Err(DeviceError::OutOfMemory { requested: 9_223_372_036_854_775_808, .. })), "{result:?}");
    let overflow = std::panic::catch_unwind(|| Tensor::zeros([1 << 40, 1 << 40], DType::F32, &Device::cpu()));
    let message = overflow.expect_err("too many elements");
    assert!(message.downcast_ref::<String>().is_some_and(|m| m.contains("[1099511627776, 1099511627776]")));
    // The budget of the shared device is the machine; its refusal is an error too.
    assert!(catch_device_error(|| Tensor::zeros([1 << 58], DType::F32, &Device::cpu())).is_err());
}

#[test]
fn memory_returns_to_zero_and_the_peak_remembers() {
    let device = device();
    assert_eq!((device.memory().in_use, device.memory().peak, device.memory().budget), (0, 0, BUDGET));
    {
        let a = Tensor::ones([100, 100], DType::F32, &device);
        let b = a.matmul(&a.t()).softmax(-1);
        let views = [a.t(), a.narrow(0, 3, 5), a.broadcast_to([4, 100, 100]), b.flatten(), a.zeros_like()];
        // Two matrices and the one stored element of `zeros_like`: views hold nothing of their own.
        assert_eq!(device.memory().in_use, 2 * 40_000 + 4);
        drop((a, b));
        assert_eq!(device.memory().in_use, 2 * 40_000 + 4, "the views keep the storage");
        drop(views);
    }
    assert_eq!(device.memory().in_use, 0);
    assert_eq!(device.memory().peak, 3 * 40_000, "the product was alive while its softmax was made");
    device.reset_peak_memory();
    assert_eq!(device.memory().peak, 0);
}

#[test]
fn another_panic_passes_through_and_nesting_is_allowed() {
    let device = device();
    let outer = catch_device_error(|| {
        let inner = catch_device_error(|| Tensor::zeros([1 << 30], DType::F32, &device));
        assert!(inner.is_err());
        7
    });
    assert_eq!(outer, Ok(7));
    let passed = std::panic::catch_unwind(|| catch_device_error::<()>(|| panic!("something else")));
    assert_eq!(passed.expect_err("the panic goes on").downcast_ref::<&str>(), Some(&"something else"));
}

#[test]
fn threads_that_race_for_memory_never_exceed_the_budget() {
    let device = device();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..200 {
                    let _ = catch_device_error(|| Tensor::zeros([70_000], DType::F32, &device));
                }
            });
        }
    });
    let memory = device.memory();
    assert_eq!(memory.in_use, 0);
    assert!(memory.peak >= 280_000 && memory.peak <= BUDGET, "{memory:?}");
}

#[test]
fn an_error_on_the_devices_own_threads_reaches_the_caller() {
    let device = device();
    let result = catch_device_error(|| device.run(|| Tensor::zeros([1 << 30], DType::F32, &device)));
    assert!(matches!(result, Err(DeviceError::OutOfMemory { requested: 4_294_967_296, .. })), "{result:?}");
    assert_eq!(device.run(|| Tensor::ones([3], DType::F32, &device).sum(.., false).item::<f32>()), 3.0);
}

/// Of equal rows an LSTM makes one product, in memory of its own; where the budget has none, each row's.
#[test]
fn equal_rows_need_no_more_memory_than_others() {
    let (t, b, h) = (9, 16, 64);
    let layer = |device: &Device, distinct: usize| {
        let ones = |shape: &[usize]| Tensor::ones(shape, DType::F32, device);
        let row = |i: usize| (0..h).map(move |j| ((i % distinct) * h + j) as f32 * 1e-4);
        let input = Tensor::from_slice(&(0..t * b).flat_map(row).collect::<Vec<f32>>(), [t, b, h], device);
        let (weight, state) = (ones(&[4 * h, h]).affine(0.01, 0.0), ones(&[b, h]));
        let output = Tensor::lstm_sequence(&LstmArgs {
            input: &input,
            weight_ih: &weight,
            weight_hh: &weight,
            bias: &ones(&[4 * h]),
            hidden: &state,
            cell: &state,
            lengths: None,
            start: 0,
        });
        (output.sequence.to_bytes(), device.memory().peak)
    };
    let unlimited = || Device::cpus_with_budget(1, usize::MAX).remove(0);
    let (_, needed) = layer(&unlimited(), t * b);
    let (bytes, more) = layer(&unlimited(), t * b * 3 / 4);
    assert!(more > needed, "else this shows nothing: {more} {needed}");
    let tight = Device::cpus_with_budget(1, needed).remove(0);
    assert!(layer(&tight, t * b * 3 / 4).0 == bytes);
}
