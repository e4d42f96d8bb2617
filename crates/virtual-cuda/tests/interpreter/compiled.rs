//! Kernels that NVRTC compiled from our own sources (tests/kernels), against the host.

use crate::bench::{Bench, compiled};
use crate::small::{bf16, f16};
use virtual_cuda::config::Order;

const ORDINARY: &str = include_str!("../kernels/ordinary.ptx");
const HALVES: &str = include_str!("../kernels/halves.ptx");
const ORDERS: [Order; 3] = [Order::Forward, Order::Reverse, Order::Shuffle(5)];

/// Numbers in [−2, 2).
fn numbers(count: usize, seed: u64) -> Vec<f32> {
    let mut x = seed;
    (0..count)
        .map(|_| {
            x = x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (x >> 40) as f32 / (1u64 << 22) as f32 - 2.0
        })
        .collect()
}

#[track_caller]
fn close(got: &[f32], want: &[f64], tolerance: f64) {
    assert_eq!(got.len(), want.len());
    for (i, (g, w)) in got.iter().zip(want).enumerate() {
        assert!((f64::from(*g) - w).abs() <= tolerance * (1.0 + w.abs()), "[{i}]: {g}, not {w}");
    }
}

fn int(x: i32) -> [u8; 4] {
    x.to_le_bytes()
}

fn long(x: u64) -> [u8; 8] {
    x.to_le_bytes()
}

#[test]
fn strided_sum_with_a_structure_by_value() {
    let mut bench = Bench::new();
    let (a, b) = (numbers(28, 1), numbers(35, 2));
    let (da, db, out) = (bench.floats(&a), bench.floats(&b), bench.empty(4 * 140));
    let strides: Vec<u8> =
        [3, 4, 5, 7, 0, 0, 0, 7, 0, 1, 0, 0, 0, 0, 7, 1, 0, 0, 0].iter().flat_map(|v: &i32| v.to_le_bytes()).collect();
    let parameters: [&[u8]; 5] = [&long(out), &long(da), &long(db), &strides, &long(140)];
    compiled(&bench, ORDINARY, "add_strided", [2, 1, 1], [64, 1, 1], &parameters).unwrap();
    let want: Vec<f64> = (0..140).map(|i| f64::from(a[i / 35 * 7 + i % 7] + b[i % 35])).collect();
    close(&bench.read_floats(out, 140), &want, 0.0);
}

#[test]
fn softmax_in_every_order_and_no_barrier_may_be_missing() {
    let (rows, columns) = (3, 200);
    let x = numbers(rows * columns, 3);
    let run = |text: &str, order: Order| {
        let mut bench = Bench::new();
        bench.order = order;
        let (input, out) = (bench.floats(&x), bench.empty(4 * rows * columns));
        compiled(
            &bench,
            text,
            "softmax",
            [rows as u32, 1, 1],
            [96, 1, 1],
            &[&long(out), &long(input), &int(columns as i32)],
        )?;
        Ok::<_, virtual_cuda::exec::Fault>(bench.read_floats(out, rows * columns))
    };
    let want: Vec<f64> = x
        .chunks(columns)
        .flat_map(|row| {
            let m = row.iter().cloned().fold(f32::MIN, f32::max);
            let e: Vec<f64> = row.iter().map(|v| f64::from(v - m).exp()).collect();
            let s: f64 = e.iter().sum();
            e.into_iter().map(move |e| e / s)
        })
        .collect();
    for order in ORDERS {
        close(&run(ORDINARY, order).unwrap(), &want, 1e-6);
    }
    // Each barrier of the kernel, taken out, is noticed.
    let start = ORDINARY.find(".entry softmax").unwrap();
    let end = start + ORDINARY[start..].find("\n}").unwrap();
    let barriers: Vec<usize> = ORDINARY[start..end].match_indices("bar.sync").map(|m| start + m.0).collect();
    assert_eq!(barriers.len(), 3);
    for at in barriers {
        let stop = at + ORDINARY[at..].find(';').unwrap();
        let mutant = format!("{}{}", &ORDINARY[..at], &ORDINARY[stop..]);
        let fault = run(&mutant, Order::Forward).expect_err("a missing barrier");
        assert!(fault.message.contains("race in shared") || fault.message.contains("uninitialised"), "{fault}");
    }
}

#[test]
fn reduction_with_dynamic_shared_memory_and_an_atomic() {
    let x = numbers(5000, 4);
    for order in ORDERS {
        let mut bench = Bench::new();
        (bench.order, bench.dynamic_shared) = (order, 512);
        let (input, out) = (bench.floats(&x), bench.floats(&[0.0]));
        compiled(&bench, ORDINARY, "reduce_sum", [7, 1, 1], [128, 1, 1], &[&long(out), &long(input), &long(5000)])
            .unwrap();
        let sum: f64 = x.iter().map(|v| f64::from(*v)).sum();
        close(&bench.read_floats(out, 1), &[sum], 1e-4);
    }
}

#[test]
fn tiled_products() {
    let (m, n, k) = (20, 37, 45);
    let (a, b) = (numbers(m * k, 5), numbers(k * n, 6));
    let want: Vec<f64> =
        (0..m * n).map(|i| (0..k).map(|q| f64::from(a[i / n * k + q]) * f64::from(b[q * n + i % n])).sum()).collect();
    let sizes: [&[u8]; 3] = [&int(m as i32), &int(n as i32), &int(k as i32)];
    let mut bench = Bench::new();
    let (da, db, c) = (bench.floats(&a), bench.floats(&b), bench.empty(4 * m * n));
    let parameters: [&[u8]; 6] = [&long(da), &long(db), &long(c), sizes[0], sizes[1], sizes[2]];
    compiled(&bench, ORDINARY, "matmul_f32", [3, 2, 1], [16, 16, 1], &parameters).unwrap();
    close(&bench.read_floats(c, m * n), &want, 1e-5);
    let wide = |v: &[f32]| v.iter().flat_map(|x| f64::from(*x).to_le_bytes()).collect::<Vec<u8>>();
    let (da, db, c) = (bench.bytes(&wide(&a)), bench.bytes(&wide(&b)), bench.empty(8 * m * n));
    let parameters: [&[u8]; 6] = [&long(da), &long(db), &long(c), sizes[0], sizes[1], sizes[2]];
    compiled(&bench, ORDINARY, "matmul_f64", [3, 2, 1], [16, 16, 1], &parameters).unwrap();
    let got: Vec<f64> =
        bench.read(c, 8 * m * n).chunks_exact(8).map(|b| f64::from_le_bytes(b.try_into().unwrap())).collect();
    for (g, w) in got.iter().zip(&want) {
        assert!((g - w).abs() < 1e-12, "{g}, not {w}");
    }
}

#[test]
fn gates_of_an_lstm_and_a_step_of_adam() {
    let (batch, hidden) = (3, 37);
    let (g, c0) = (numbers(batch * 4 * hidden, 7), numbers(batch * hidden, 8));
    let mut bench = Bench::new();
    let (dg, dc) = (bench.floats(&g), bench.floats(&c0));
    let (h, c) = (bench.empty(4 * batch * hidden), bench.empty(4 * batch * hidden));
    let parameters: [&[u8]; 6] = [&long(dg), &long(dc), &long(h), &long(c), &int(3), &int(37)];
    compiled(&bench, ORDINARY, "lstm_gates", [1, 1, 1], [128, 1, 1], &parameters).unwrap();
    let sigmoid = |x: f32| 1.0 / (1.0 + f64::from(-x).exp());
    let next: Vec<f64> = (0..batch * hidden)
        .map(|i| {
            let gate = |q: usize| g[i / hidden * 4 * hidden + q * hidden + i % hidden];
            sigmoid(gate(1)) * f64::from(c0[i]) + sigmoid(gate(0)) * f64::from(gate(2)).tanh()
        })
        .collect();
    close(&bench.read_floats(c, batch * hidden), &next, 1e-6);
    let out: Vec<f64> = (0..batch * hidden)
        .map(|i| sigmoid(g[i / hidden * 4 * hidden + 3 * hidden + i % hidden]) * next[i].tanh())
        .collect();
    close(&bench.read_floats(h, batch * hidden), &out, 1e-6);

    let (w, gradient) = (numbers(50, 9), numbers(50, 10));
    let (dw, dm, dv, dg) =
        (bench.floats(&w), bench.floats(&[0.0; 50]), bench.floats(&[0.0; 50]), bench.floats(&gradient));
    let f = |x: f32| x.to_le_bytes();
    bench.variables(ORDINARY);
    let parameters: [&[u8]; 10] =
        [&long(dw), &long(dm), &long(dv), &long(dg), &int(50), &f(0.01), &f(0.9), &f(0.999), &f(1e-8), &int(1)];
    compiled(&bench, ORDINARY, "adam", [1, 1, 1], [64, 1, 1], &parameters).unwrap();
    // The first step goes by the rate against the sign of the gradient.
    let want: Vec<f64> = w.iter().zip(&gradient).map(|(w, g)| f64::from(*w) - 0.01 * f64::from(g.signum())).collect();
    close(&bench.read_floats(dw, 50), &want, 1e-5);
}

#[test]
fn rows_by_index_and_back() {
    let (table, index) = (numbers(9 * 40, 11), [3i64, 0, 8, 3, 3]);
    let raw: Vec<u8> = index.iter().flat_map(|i| i.to_le_bytes()).collect();
    let mut bench = Bench::new();
    let (dt, di, out) = (bench.floats(&table), bench.bytes(&raw), bench.empty(4 * 200));
    compiled(&bench, ORDINARY, "gather", [5, 1, 1], [32, 1, 1], &[&long(out), &long(dt), &long(di), &int(40), &int(9)])
        .unwrap();
    let rows: Vec<f64> =
        index.iter().flat_map(|i| table[*i as usize * 40..][..40].iter().map(|v| f64::from(*v))).collect();
    close(&bench.read_floats(out, 200), &rows, 0.0);
    let sums = bench.floats(&[0.0; 360]);
    compiled(&bench, ORDINARY, "scatter_add", [5, 1, 1], [32, 1, 1], &[&long(sums), &long(out), &long(di), &int(40)])
        .unwrap();
    let got = bench.read_floats(sums, 360);
    for j in 0..40 {
        assert!((got[3 * 40 + j] - 3.0 * table[3 * 40 + j]).abs() < 1e-5 && got[40 + j] == 0.0);
    }
    let wrong = bench.bytes(&9i64.to_le_bytes());
    let fault = compiled(
        &bench,
        ORDINARY,
        "gather",
        [1, 1, 1],
        [32, 1, 1],
        &[&long(out), &long(dt), &long(wrong), &int(40), &int(9)],
    )
    .unwrap_err();
    assert!(fault.code == 719 && fault.message == "trap", "{fault}");
}

/// The known answers of Philox 4x32-10 for counter 0 and key 0, and for counter 1.
#[test]
fn philox_gives_its_known_answers() {
    let mut bench = Bench::new();
    let out = bench.empty(16 * 40);
    compiled(&bench, ORDINARY, "philox", [1, 1, 1], [64, 1, 1], &[&long(out), &long(0), &int(40)]).unwrap();
    assert_eq!(bench.read_words(out, 4), [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]);
}

/// Library functions: their tables, slow paths and conversions all have to work for these to come out right.
#[test]
fn library_functions() {
    let mut x = numbers(60, 12);
    x.extend([1e-3, 30.0, -40.0, 1e5, 3e7, -1e9, 1e20, 0.0]);
    let mut bench = Bench::new();
    bench.variables(ORDINARY);
    let (input, out) = (bench.floats(&x), bench.empty(4 * 12 * x.len()));
    compiled(&bench, ORDINARY, "functions", [1, 1, 1], [96, 1, 1], &[&long(out), &long(input), &int(x.len() as i32)])
        .unwrap();
    let got = bench.read_floats(out, 12 * x.len());
    for (i, v) in x.iter().map(|v| f64::from(*v)).enumerate() {
        let a = v.abs();
        let want = [
            v.exp(),
            a.ln(),
            v.sin(),
            v.cos(),
            v.tanh(),
            f64::NAN,
            a.powf(f64::from(1.7f32)),
            1.0 / a.sqrt(),
            a.ln_1p(),
            v.exp_m1(),
            v.round_ties_even(),
            v % f64::from(0.7f32),
        ];
        for (j, want) in want.into_iter().enumerate().filter(|w| !w.1.is_nan()) {
            let got = f64::from(got[12 * i + j]);
            let right = got == want as f32 as f64
                || (got - want).abs() <= 1e-6 * (want.abs() + if j == 6 { want.abs() } else { 0.3 });
            assert!(right, "function {j} of {v}: {got}, not {want}");
        }
    }
    let wide: Vec<u8> = x.iter().flat_map(|v| f64::from(*v).to_le_bytes()).collect();
    let (input, out) = (bench.bytes(&wide), bench.empty(8 * 6 * x.len()));
    compiled(
        &bench,
        ORDINARY,
        "functions_f64",
        [1, 1, 1],
        [96, 1, 1],
        &[&long(out), &long(input), &int(x.len() as i32)],
    )
    .unwrap();
    let got: Vec<f64> =
        bench.read(out, 48 * x.len()).chunks_exact(8).map(|b| f64::from_le_bytes(b.try_into().unwrap())).collect();
    for (i, v) in x.iter().map(|v| f64::from(*v)).enumerate() {
        for (j, want) in [v.exp(), v.abs().ln(), v.tanh(), v.abs().sqrt(), 1.0 / v, v.sin()].into_iter().enumerate() {
            let got = got[6 * i + j];
            assert!(
                got == want || (got - want).abs() <= 1e-14 * (want.abs() + 0.3),
                "f64 function {j} of {v}: {got}, not {want}"
            );
        }
    }
}

#[test]
fn halves_as_the_headers_use_them() {
    let (a, b) = (numbers(100, 13), numbers(100, 14));
    let mut bench = Bench::new();
    let (da, out) = (bench.floats(&a), bench.empty(200));
    let word = |bytes: &[u8], i: usize| u16::from_le_bytes([bytes[2 * i], bytes[2 * i + 1]]);
    compiled(&bench, HALVES, "cast_bf16", [1, 1, 1], [128, 1, 1], &[&long(out), &long(da), &int(100)]).unwrap();
    let ba = bench.read(out, 200);
    assert!((0..100).all(|i| word(&ba, i) == bf16::from_f32(a[i]).to_bits()));
    compiled(&bench, HALVES, "cast_f16", [1, 1, 1], [128, 1, 1], &[&long(out), &long(da), &int(100)]).unwrap();
    let ha = bench.read(out, 200);
    assert!((0..100).all(|i| word(&ha, i) == f16::from_f32(a[i]).to_bits()));
    let encode = |v: &[f32], half: bool| -> Vec<u8> {
        v.iter()
            .flat_map(|x| if half { f16::from_f32(*x).to_le_bytes() } else { bf16::from_f32(*x).to_le_bytes() })
            .collect()
    };
    let (da, db, out) = (bench.bytes(&ba), bench.bytes(&encode(&b, false)), bench.empty(400));
    compiled(&bench, HALVES, "fused_bf16", [1, 1, 1], [128, 1, 1], &[&long(out), &long(da), &long(db), &int(100)])
        .unwrap();
    let got = bench.read(out, 400);
    for i in 0..100 {
        let (x, y) = (bf16::from_f32(a[i]).to_f64(), bf16::from_f32(b[i]).to_f64());
        assert_eq!(word(&got, 2 * i), bf16::from_f64(x * y + x).to_bits());
        assert_eq!(word(&got, 2 * i + 1), bf16::from_f32((x * y + x) as f32).to_bits());
    }
    let (da, db, out) = (bench.bytes(&ha), bench.bytes(&encode(&b, true)), bench.empty(200));
    compiled(&bench, HALVES, "fused_f16x2", [1, 1, 1], [64, 1, 1], &[&long(out), &long(da), &long(db), &int(50)])
        .unwrap();
    let got = bench.read(out, 200);
    for i in 0..100 {
        let (x, y) = (f16::from_f32(a[i]).to_f64(), f16::from_f32(b[i]).to_f64());
        assert_eq!(word(&got, i), f16::from_f64(x * y + f16::from_f64(x * x).to_f64()).to_bits());
    }
}
