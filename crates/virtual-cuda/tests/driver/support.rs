//! A driver with a few kernels.

use std::sync::Arc;
use virtual_cuda::config::{Config, Timing};
use virtual_cuda::driver::{Driver, Geometry, Handle, Result, Work};

/// `scale(x, n)`: x[i] *= 2. `add(x, y, n)`: x[i] += y[i]. `wild(x)`: writes far beyond x.
pub const KERNELS: &str = "
.version 8.0
.target sm_70
.address_size 64
.global .align 4 .u32 counter = 5;
.const .align 4 .f32 table[3] = {0f3F800000, 0f40000000, 0f40400000};
.visible .entry scale(.param .u64 x, .param .u32 n) .maxntid 256, 1, 1 {
    .reg .pred %p; .reg .b32 %r<6>; .reg .b64 %rd<4>; .reg .f32 %f<3>;
    mov.u32 %r1, %ctaid.x; mov.u32 %r2, %ntid.x; mov.u32 %r3, %tid.x; mad.lo.s32 %r4, %r1, %r2, %r3;
    ld.param.u32 %r5, [n]; setp.ge.u32 %p, %r4, %r5; @%p bra $end;
    ld.param.u64 %rd1, [x]; mul.wide.u32 %rd2, %r4, 4; add.s64 %rd1, %rd1, %rd2;
    ld.global.f32 %f1, [%rd1]; add.f32 %f1, %f1, %f1; st.global.f32 [%rd1], %f1;
    $end: ret;
}
.visible .entry add(.param .u64 x, .param .u64 y, .param .u32 n) {
    .reg .pred %p; .reg .b32 %r<6>; .reg .b64 %rd<5>; .reg .f32 %f<3>;
    mov.u32 %r1, %ctaid.x; mov.u32 %r2, %ntid.x; mov.u32 %r3, %tid.x; mad.lo.s32 %r4, %r1, %r2, %r3;
    ld.param.u32 %r5, [n]; setp.ge.u32 %p, %r4, %r5; @%p bra $end;
    ld.param.u64 %rd1, [x]; mul.wide.u32 %rd2, %r4, 4; add.s64 %rd1, %rd1, %rd2;
    ld.param.u64 %rd3, [y]; add.s64 %rd3, %rd3, %rd2;
    ld.global.f32 %f1, [%rd1]; ld.global.f32 %f2, [%rd3]; add.f32 %f1, %f1, %f2; st.global.f32 [%rd1], %f1;
    $end: ret;
}
.visible .entry wild(.param .u64 x) {
    .reg .b64 %rd<2>; ld.param.u64 %rd1, [x]; st.global.u32 [%rd1+1048576], 1; ret;
}
.visible .entry count(.param .u64 out) {
    .reg .b32 %r<3>; .reg .b64 %rd<2>; .reg .f32 %f<2>;
    atom.global.add.u32 %r1, [counter], 1; ld.const.f32 %f1, [table+4]; cvt.rzi.u32.f32 %r2, %f1; add.u32 %r1, %r1, %r2;
    ld.param.u64 %rd1, [out]; st.global.u32 [%rd1], %r1; ret;
}";

pub struct Gpu {
    pub driver: Driver,
    pub module: Handle,
}

impl Gpu {
    pub fn new(timing: Timing) -> Gpu {
        Gpu::with(Config { timing, devices: 2, verbose: false, memory: 1 << 20, ..Config::default() })
    }

    pub fn with(config: Config) -> Gpu {
        let mut driver = Driver::new(config);
        driver.init().unwrap();
        let module = driver.load_module(0, KERNELS.as_bytes(), &mut String::new()).unwrap();
        Gpu { driver, module }
    }

    /// Memory that holds these values.
    pub fn floats(&mut self, values: &[f32]) -> u64 {
        let base = self.empty(values.len());
        let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        self.driver.heap.range(base, bytes.len()).unwrap().allocation.copy_in(0, &bytes);
        base
    }

    pub fn empty(&mut self, count: usize) -> u64 {
        self.driver.heap.allocate(0, 4 * count, false).unwrap()
    }

    /// What memory holds now, whatever is queued.
    pub fn peek(&self, base: u64, count: usize) -> Vec<f32> {
        let mut bytes = vec![0; 4 * count];
        let place = self.driver.heap.range(base, bytes.len()).unwrap();
        place.allocation.copy_out(place.offset, &mut bytes);
        bytes.chunks_exact(4).map(|c| f32::from_le_bytes(c.try_into().unwrap())).collect()
    }

    pub fn launch(&mut self, name: &str, pointers: &[u64], n: Option<u32>, stream: Handle) -> Result<()> {
        let function = self.driver.function(self.module, name).unwrap();
        let mut bytes: Vec<u8> = pointers.iter().flat_map(|p| p.to_le_bytes()).collect();
        bytes.extend(n.iter().flat_map(|n| n.to_le_bytes()));
        let geometry = Geometry { grid: [n.unwrap_or(1).div_ceil(64), 1, 1], block: [64, 1, 1], shared: 0 };
        self.driver.launch(function, geometry, stream, bytes)
    }

    pub fn upload(&mut self, to: u64, values: &[f32], stream: Handle) {
        let bytes: Arc<[u8]> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        self.driver.submit(stream, Work::Upload { to, bytes }).unwrap();
    }
}
