//! Modules, functions, and the limits of launches.

use crate::support::{Gpu, KERNELS};
use virtual_cuda::config::{Config, Timing};
use virtual_cuda::driver::{Code, Driver, Geometry};

#[test]
fn variables_have_addresses_and_values() {
    let mut gpu = Gpu::new(Timing::Eager);
    let stream = gpu.driver.create_stream(0, false);
    let out = gpu.empty(1);
    let function = gpu.driver.function(gpu.module, "count").unwrap();
    let geometry = Geometry { grid: [2, 1, 1], block: [1, 1, 1], shared: 0 };
    gpu.driver.launch(function, geometry, stream, out.to_le_bytes().to_vec()).unwrap();
    gpu.driver.synchronize(stream).unwrap();
    assert_eq!(gpu.peek(out, 1)[0].to_bits(), 6 + 2, "the second block's old value, and table[1]");
    let (counter, bytes) = gpu.driver.global(gpu.module, "counter").unwrap();
    assert_eq!((gpu.peek(counter, 1)[0].to_bits(), bytes), (7, 4));
    assert_eq!(gpu.driver.global(gpu.module, "nothing"), Err(Code::NOT_FOUND));
    assert_eq!(gpu.driver.function(gpu.module, "nothing"), Err(Code::NOT_FOUND));
    gpu.driver.unload_module(gpu.module).unwrap();
    assert_eq!(gpu.driver.function(gpu.module, "count"), Err(Code::INVALID_HANDLE));
    assert!(gpu.driver.heap.containing(counter).is_none());
}

#[test]
fn what_a_device_cannot_run_is_refused_when_it_is_loaded() {
    let load = |config: Config, text: &str| {
        let mut log = String::new();
        let mut driver = Driver::new(Config { verbose: false, ..config });
        let result = driver.load_module(0, text.as_bytes(), &mut log);
        (result.err(), log)
    };
    let plain = Config::default;
    assert_eq!(load(plain(), KERNELS).0, None);
    let (error, log) = load(plain(), &KERNELS.replace("add.f32 %f1, %f1, %f1", "wobble.f32 %f1, %f1, %f1"));
    assert_eq!(error, Some(Code::INVALID_PTX));
    assert!(log.contains("line 12, kernel scale: unknown instruction `wobble.f32`"), "{log}");
    assert_eq!(load(Config { capability: 60, ..plain() }, KERNELS).0, Some(Code::NO_BINARY_FOR_GPU));
    assert_eq!(load(Config { driver: 11_080, ..plain() }, KERNELS).0, Some(Code::UNSUPPORTED_PTX_VERSION));
    assert_eq!(load(Config { driver: 12_000, ..plain() }, KERNELS).0, None);
    assert_eq!(load(plain(), "\u{7f}ELF").0, Some(Code::INVALID_PTX));
}

#[test]
fn limits_of_launches() {
    let mut gpu = Gpu::new(Timing::Eager);
    let x = gpu.floats(&[1.0]);
    let (stream, other) = (gpu.driver.create_stream(0, false), gpu.driver.create_stream(1, false));
    let function = gpu.driver.function(gpu.module, "scale").unwrap();
    let mut launch = |grid, block, shared, stream| {
        let mut bytes = x.to_le_bytes().to_vec();
        bytes.extend(0u32.to_le_bytes());
        gpu.driver.launch(function, Geometry { grid, block, shared }, stream, bytes)
    };
    assert_eq!(launch([1, 1, 1], [256, 1, 1], 49_152, stream), Ok(()));
    assert_eq!(launch([1, 1, 1], [257, 1, 1], 0, stream), Err(Code::INVALID_VALUE), "more than .maxntid");
    assert_eq!(launch([1, 1, 1], [2048, 1, 1], 0, stream), Err(Code::INVALID_VALUE));
    assert_eq!(launch([0, 1, 1], [32, 1, 1], 0, stream), Err(Code::INVALID_VALUE));
    assert_eq!(launch([1, 70_000, 1], [32, 1, 1], 0, stream), Err(Code::INVALID_VALUE));
    assert_eq!(launch([1, 1, 1], [32, 1, 1], 49_153, stream), Err(Code::INVALID_VALUE));
    assert_eq!(launch([1, 1, 1], [32, 1, 1], 0, other), Err(Code::INVALID_HANDLE), "a stream of the other device");
    gpu.driver.set_function_attribute(function, 8, 100_000).unwrap();
    assert_eq!(gpu.driver.function_attribute(function, 8), Ok(100_000));
    assert_eq!(gpu.driver.function_attribute(function, 0), Ok(256));
    assert_eq!(gpu.driver.set_function_attribute(function, 8, 1 << 20), Err(Code::INVALID_VALUE));
    let geometry = Geometry { grid: [1, 1, 1], block: [32, 1, 1], shared: 100_000 };
    let mut bytes = x.to_le_bytes().to_vec();
    bytes.extend(0u32.to_le_bytes());
    assert_eq!(gpu.driver.launch(function, geometry, stream, bytes), Ok(()));
    assert_eq!(gpu.driver.occupancy(function, 256, 0), Ok(8));
    assert_eq!(gpu.driver.occupancy(function, 1024, 0), Ok(2));
    assert_eq!(gpu.driver.occupancy(function, 32, 100_000), Ok(2));
}
