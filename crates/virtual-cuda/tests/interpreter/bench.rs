//! Runs small kernels.

use std::collections::HashMap;
use std::fmt::Write;
use virtual_cuda::config::{Order, Strictness};
use virtual_cuda::exec::{Fault, Launch, launch};
use virtual_cuda::memory::Heap;
use virtual_cuda::ptx::parse;

/// A PTX text around bodies of kernels.
pub fn module(text: &str) -> String {
    format!(".version 8.0\n.target sm_80\n.address_size 64\n{text}")
}

/// A device with some buffers, on which kernels run.
pub struct Bench {
    pub heap: Heap,
    pub order: Order,
    pub strictness: Strictness,
    pub dynamic_shared: usize,
    pub perturb: u32,
    /// Addresses of a compiled module's variables (see [`Bench::variables`]).
    pub globals: HashMap<String, u64>,
}

impl Bench {
    pub fn new() -> Bench {
        Bench {
            heap: Heap::new(2, 64 << 20),
            order: Order::Forward,
            strictness: Strictness::default(),
            dynamic_shared: 0,
            perturb: 0,
            globals: HashMap::new(),
        }
    }

    /// Memory that holds these bytes.
    pub fn bytes(&mut self, bytes: &[u8]) -> u64 {
        let base = self.empty(bytes.len());
        self.heap.range(base, bytes.len()).unwrap().allocation.copy_in(0, bytes);
        base
    }

    pub fn floats(&mut self, values: &[f32]) -> u64 {
        self.bytes(&values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<_>>())
    }

    pub fn words(&mut self, values: &[u32]) -> u64 {
        self.bytes(&values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<_>>())
    }

    /// Put a module's variables into memory.
    pub fn variables(&mut self, text: &str) {
        for global in parse(text, 0).unwrap_or_else(|e| panic!("{e}")).globals {
            let base = self.bytes(&global.bytes);
            self.globals.insert(global.name, base);
        }
    }

    /// Memory that nobody has written.
    pub fn empty(&mut self, len: usize) -> u64 {
        self.heap.allocate(0, len, false).unwrap()
    }

    pub fn read(&self, base: u64, len: usize) -> Vec<u8> {
        let mut out = vec![0; len];
        let place = self.heap.range(base, len).unwrap();
        place.allocation.copy_out(place.offset, &mut out);
        out
    }

    pub fn read_words(&self, base: u64, count: usize) -> Vec<u32> {
        self.read(base, 4 * count).chunks_exact(4).map(|c| u32::from_le_bytes(c.try_into().unwrap())).collect()
    }

    pub fn read_floats(&self, base: u64, count: usize) -> Vec<f32> {
        self.read_words(base, count).into_iter().map(f32::from_bits).collect()
    }

    /// Run the kernel `k` of a text with 64-bit parameters.
    pub fn run(&self, text: &str, grid: u32, block: u32, parameters: &[u64]) -> Result<(), Fault> {
        let module = parse(&module(text), self.perturb).unwrap_or_else(|e| panic!("{e}\n{text}"));
        let bytes: Vec<u8> = parameters.iter().flat_map(|p| p.to_le_bytes()).collect();
        let kernel = module.kernels.get("k").expect("a kernel k");
        assert_eq!(kernel.parameter_bytes(), bytes.len(), "parameters");
        launch(&Launch {
            kernel,
            grid: [grid, 1, 1],
            block: [block, 1, 1],
            dynamic_shared: self.dynamic_shared,
            parameters: &bytes,
            globals: &[],
            heap: &self.heap,
            device: 0,
            order: self.order,
            strictness: self.strictness,
        })
        .map(|_| ())
    }
}

/// An operand of [`map`]: bytes of a value, and the values as bits.
pub struct Input<'a>(pub usize, pub &'a [u64]);

/// Run `body` for each index: it finds the inputs in `%a`, `%b`, `%c`, `%d` and leaves a value of `bytes` in `%o`. `%p`, `%q` are free
/// predicates, `%r0`–`%r3` 32-bit registers.
pub fn map(body: &str, bytes: usize, inputs: &[Input<'_>]) -> Vec<u64> {
    map_perturbed(body, bytes, inputs, 0)
}

pub fn map_perturbed(body: &str, bytes: usize, inputs: &[Input<'_>], perturb: u32) -> Vec<u64> {
    let count = inputs[0].1.len();
    let mut bench = Bench::new();
    bench.perturb = perturb;
    let mut text = String::from(".visible .entry k(.param .u64 p0");
    for i in 1..=inputs.len() + 1 {
        write!(text, ", .param .u64 p{i}").unwrap();
    }
    text.push_str(") {\n.reg .pred %p, %q, %in; .reg .b32 %r<4>, %i, %n; .reg .b64 %at, %s, %wide;\n");
    // 8-bit values travel in 16-bit registers, as PTX wants.
    let register = |b: usize| 8 * b.max(2);
    writeln!(text, ".reg .b{} %o;", register(bytes)).unwrap();
    for (name, input) in ["a", "b", "c", "d"].iter().zip(inputs) {
        writeln!(text, ".reg .b{} %{name};", register(input.0)).unwrap();
    }
    text.push_str("mov.u32 %r0, %ctaid.x; mov.u32 %r1, %ntid.x; mov.u32 %r2, %tid.x; mad.lo.u32 %i, %r0, %r1, %r2;\n");
    text.push_str("ld.param.u32 %n, [p1]; setp.ge.u32 %in, %i, %n; @%in ret;\n");
    let mut parameters = vec![bench.empty(bytes * count), count as u64];
    for (at, (name, input)) in ["a", "b", "c", "d"].iter().zip(inputs).enumerate() {
        assert_eq!(input.1.len(), count);
        let raw: Vec<u8> = input.1.iter().flat_map(|v| v.to_le_bytes()[..input.0].to_vec()).collect();
        parameters.push(bench.bytes(&raw));
        let b = input.0;
        writeln!(
            text,
            "ld.param.u64 %at, [p{}]; mul.wide.u32 %s, %i, {b}; add.s64 %at, %at, %s; ld.global.b{} %{name}, [%at];",
            at + 2,
            8 * b
        )
        .unwrap();
    }
    writeln!(text, "{body}").unwrap();
    writeln!(
        text,
        "ld.param.u64 %at, [p0]; mul.wide.u32 %s, %i, {bytes}; add.s64 %at, %at, %s; st.global.b{} [%at], %o; ret; }}",
        8 * bytes
    )
    .unwrap();
    let block = 128;
    bench.run(&text, count.div_ceil(block) as u32, block as u32, &parameters).unwrap_or_else(|e| panic!("{e}\n{text}"));
    let raw = bench.read(parameters[0], bytes * count);
    raw.chunks_exact(bytes)
        .map(|c| {
            let mut word = [0; 8];
            word[..bytes].copy_from_slice(c);
            u64::from_le_bytes(word)
        })
        .collect()
}

/// All pairs of two lists.
pub fn pairs(a: &[u64], b: &[u64]) -> (Vec<u64>, Vec<u64>) {
    a.iter().flat_map(|x| b.iter().map(move |y| (*x, *y))).unzip()
}

/// f32 values at which arithmetic may go wrong, and some that mean nothing.
pub fn edge_floats() -> Vec<u64> {
    let mut out: Vec<f32> = vec![
        0.0,
        -0.0,
        1.0,
        -1.0,
        0.5,
        2.0,
        3.0,
        -3.5,
        1e-45,
        -1e-45,
        1.1754942e-38,
        f32::MIN_POSITIVE,
        -f32::MIN_POSITIVE,
        f32::MAX,
        f32::MIN,
        f32::INFINITY,
        f32::NEG_INFINITY,
        f32::NAN,
        1.0 + f32::EPSILON,
        1.0 - f32::EPSILON / 2.0,
        16_777_216.0,
        16_777_217.0,
        0.1,
        1e10,
        -1e10,
        65504.0,
        65520.0,
        3e38,
    ];
    let mut x = 0x1234_5678u32;
    for _ in 0..20 {
        x = x.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        out.push(f32::from_bits(x));
    }
    out.into_iter().map(|v| u64::from(v.to_bits())).collect()
}

/// f64 values of that kind.
pub fn edge_doubles() -> Vec<u64> {
    let mut out: Vec<f64> = vec![
        0.0,
        -0.0,
        1.0,
        -1.0,
        0.1,
        3.0,
        1e-320,
        f64::MIN_POSITIVE,
        f64::MAX,
        f64::INFINITY,
        f64::NEG_INFINITY,
        f64::NAN,
        1.0 + f64::EPSILON,
        9_007_199_254_740_993.0,
        1e300,
        -2.5e-7,
        65519.99,
        4_294_967_296.0,
        -9.3e18,
        1.5,
        2.5,
        -0.5,
    ];
    let mut x = 0x1234_5678_9abc_def1u64;
    for _ in 0..12 {
        x = x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        out.push(f64::from_bits(x));
    }
    out.into_iter().map(f64::to_bits).collect()
}

/// Integers of `bits` at the edges of their ranges, and others.
pub fn edge_integers(bits: u32) -> Vec<u64> {
    let mask = u64::MAX >> (64 - bits);
    let half = 1u64 << (bits - 1);
    let mut out = vec![0, 1, 2, 3, 7, 31, 32, 33, 63, 64, 100, half - 1, half, half + 1, mask - 1, mask];
    let mut x = 0x9e37_79b9_7f4a_7c15u64;
    for _ in 0..16 {
        x = x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        out.push(x >> (64 - bits));
    }
    out.into_iter().map(|v| v & mask).collect()
}

/// Two results, of which NaNs count as equal.
pub fn same_f32(got: u64, want: f32) -> bool {
    let got = f32::from_bits(got as u32);
    if want.is_nan() { got.to_bits() == 0x7fff_ffff } else { got.to_bits() == want.to_bits() }
}

/// Run a kernel of a compiled text; each parameter is its bytes.
pub fn compiled(
    bench: &Bench,
    text: &str,
    name: &str,
    grid: [u32; 3],
    block: [u32; 3],
    parameters: &[&[u8]],
) -> Result<(), Fault> {
    let module = parse(text, bench.perturb).unwrap_or_else(|e| panic!("{e}"));
    let kernel = &module.kernels[name];
    assert_eq!(kernel.parameters.len(), parameters.len(), "parameters of {name}");
    let mut bytes = vec![0; kernel.parameter_bytes()];
    for ((offset, size), value) in kernel.parameters.iter().zip(parameters) {
        assert_eq!(*size, value.len(), "a parameter of {name}");
        bytes[*offset..offset + size].copy_from_slice(value);
    }
    // Where a test did not put the variables into memory, their addresses are null, and using them a fault.
    let globals: Vec<u64> = module.globals.iter().map(|g| bench.globals.get(&g.name).copied().unwrap_or(0)).collect();
    launch(&Launch {
        kernel,
        grid,
        block,
        dynamic_shared: bench.dynamic_shared,
        parameters: &bytes,
        globals: &globals,
        heap: &bench.heap,
        device: 0,
        order: bench.order,
        strictness: bench.strictness,
    })
    .map(|_| ())
}
