//! cuBLAS against three loops.

use virtual_cuda::config::Config;
use virtual_cuda::cublas::{Element, Matrix, Product};
use virtual_cuda::driver::{Code, Driver};

const TYPES: [(Element, f64); 4] =
    [(Element::F32, 1e-6), (Element::F64, 1e-14), (Element::F16, 2e-3), (Element::Bf16, 1e-2)];

fn encode(element: Element, x: f64) -> Vec<u8> {
    match element {
        Element::F32 => (x as f32).to_le_bytes().to_vec(),
        Element::F64 => x.to_le_bytes().to_vec(),
        Element::F16 => crate::small::f16::from_f64(x).to_le_bytes().to_vec(),
        Element::Bf16 => crate::small::bf16::from_f64(x).to_le_bytes().to_vec(),
    }
}

fn decode(element: Element, b: &[u8]) -> f64 {
    match element {
        Element::F32 => f32::from_le_bytes(b.try_into().unwrap()).into(),
        Element::F64 => f64::from_le_bytes(b.try_into().unwrap()),
        Element::F16 => crate::small::f16::from_le_bytes(b.try_into().unwrap()).to_f64(),
        Element::Bf16 => crate::small::bf16::from_le_bytes(b.try_into().unwrap()).to_f64(),
    }
}

struct Case {
    driver: Driver,
    product: Product,
}

/// A product whose matrices lie apart with room between their columns; the room holds NaN.
fn case(element: Element, ta: bool, tb: bool, beta: f64) -> Case {
    let (m, n, k, batch) = (5, 4, 7, 3);
    let mut driver = Driver::new(Config { verbose: false, ..Config::default() });
    let mut matrix = |rows: usize, columns: usize, transposed: bool, seed: f64| {
        let (r, c) = if transposed { (columns, rows) } else { (rows, columns) };
        let ld = r + 2;
        let bytes: Vec<u8> = (0..batch * ld * c)
            .flat_map(|i| {
                let value = ((i as f64 * 0.37 + seed).sin() * 8.0).round() / 8.0;
                encode(element, if i % ld < r { value } else { f64::NAN })
            })
            .collect();
        let address = driver.heap.allocate(0, bytes.len(), false).unwrap();
        driver.heap.range(address, bytes.len()).unwrap().allocation.copy_in(0, &bytes);
        Matrix { address, element, ld, stride: (ld * c) as i64, transposed }
    };
    let (a, b, c) = (matrix(m, k, ta, 1.0), matrix(k, n, tb, 2.0), matrix(m, n, false, 3.0));
    let double = element == Element::F64;
    Case { product: Product { m, n, k, a, b, c, alpha: 0.5, beta, batch, double, tf32: false }, driver }
}

fn at(case: &Case, x: &Matrix, batch: usize, row: usize, column: usize) -> f64 {
    let (row, column) = if x.transposed { (column, row) } else { (row, column) };
    let bytes = x.element.bytes();
    let address = x.address + ((batch as i64 * x.stride) as usize + column * x.ld + row) as u64 * bytes as u64;
    let mut out = vec![0; bytes];
    let place = case.driver.heap.range(address, bytes).unwrap();
    place.allocation.copy_out(place.offset, &mut out);
    decode(x.element, &out)
}

#[test]
fn products_of_every_type_and_transposition() {
    for (element, tolerance) in TYPES {
        for (ta, tb, beta) in [(false, false, 0.0), (true, false, 2.0), (false, true, 0.0), (true, true, -1.0)] {
            let case = case(element, ta, tb, beta);
            let p = case.product;
            let mut want = Vec::new();
            for (batch, i, j) in (0..p.batch).flat_map(|b| (0..p.m).flat_map(move |i| (0..p.n).map(move |j| (b, i, j))))
            {
                let sum: f64 = (0..p.k).map(|q| at(&case, &p.a, batch, i, q) * at(&case, &p.b, batch, q, j)).sum();
                let old = if beta == 0.0 { 0.0 } else { beta * at(&case, &p.c, batch, i, j) };
                want.push((batch, i, j, 0.5 * sum + old));
            }
            assert!(p.is_valid());
            p.run(&case.driver, 0).unwrap();
            for (batch, i, j, want) in want {
                let got = at(&case, &p.c, batch, i, j);
                assert!(
                    (got - want).abs() <= tolerance * (1.0 + want.abs()),
                    "{element:?} {ta} {tb} [{batch}, {i}, {j}]: {got}, not {want}"
                );
            }
        }
    }
}

#[test]
fn memory_that_is_not_there_and_values_that_are_not_there() {
    let mut wrong = case(Element::F32, false, false, 0.0);
    wrong.product.batch = 4;
    let (code, message) = wrong.product.run(&wrong.driver, 0).unwrap_err();
    assert!(code == Code::ILLEGAL_ADDRESS && message.contains("matrix A"), "{message}");
    let mut wrong = case(Element::F32, false, false, 1.0);
    wrong.product.c.address = wrong.driver.heap.allocate(0, 4096, false).unwrap();
    let (code, message) = wrong.product.run(&wrong.driver, 0).unwrap_err();
    assert!(
        code == Code::LAUNCH_FAILED && message.contains("matrix C: row 0, column 0 was never written"),
        "{message}"
    );
    wrong.product.beta = 0.0;
    wrong.product.run(&wrong.driver, 0).unwrap();
    wrong.product.b.ld = 6;
    assert!(!wrong.product.is_valid());
}

#[test]
fn tf32_rounds_the_operands() {
    let mut case = case(Element::F32, false, false, 0.0);
    let one = (1.0f32 + 2f32.powi(-13)).to_le_bytes();
    let address = case.driver.heap.allocate(0, 4, false).unwrap();
    case.driver.heap.range(address, 4).unwrap().allocation.copy_in(0, &one);
    let matrix = Matrix { address, element: Element::F32, ld: 1, stride: 0, transposed: false };
    let c = Matrix { ..case.product.c };
    case.product = Product {
        m: 1,
        n: 1,
        k: 1,
        a: matrix,
        b: matrix,
        c,
        alpha: 1.0,
        beta: 0.0,
        batch: 1,
        double: false,
        tf32: true,
    };
    case.product.run(&case.driver, 0).unwrap();
    assert_eq!(at(&case, &c, 0, 0, 0), 1.0);
    case.product.tf32 = false;
    case.product.run(&case.driver, 0).unwrap();
    assert!(at(&case, &c, 0, 0, 0) > 1.0001);
}
