//! The functions that `libcublas` exports.

use super::{Element, Library, Matrix, Product, Status};
use crate::driver::api::{In, Out, current, driver};
use crate::driver::{Driver, Handle, Work};
use std::ffi::{c_char, c_int, c_void};
use std::sync::Arc;

type Outcome<T> = Result<T, Status>;

fn call(name: &'static str, body: impl FnOnce(&mut Driver) -> Outcome<()>) -> u32 {
    let mut driver = driver();
    *driver.calls.entry(name).or_default() += 1;
    match body(&mut driver) {
        Ok(()) => 0,
        Err(status) => status.0,
    }
}

fn library(driver: &mut Driver, handle: Handle) -> Outcome<&mut Library> {
    driver.blas.get_mut(&handle).ok_or(Status::NOT_INITIALIZED)
}

/// A size; negative ones are refused.
fn size(x: i64) -> Outcome<usize> {
    usize::try_from(x).map_err(|_| Status::INVALID_VALUE)
}

/// α or β: f32, or f64 where sums are.
fn scalar(driver: &Driver, library: Library, place: In<c_void>, double: bool) -> Outcome<f64> {
    if library.device_scalars {
        let place = driver.heap.range(place.0 as u64, if double { 8 } else { 4 }).map_err(|_| Status::INVALID_VALUE)?;
        let bits = place.allocation.load(place.offset, if double { 8 } else { 4 });
        return Ok(if double { f64::from_bits(bits) } else { f64::from(f32::from_bits(bits as u32)) });
    }
    let value = if double { In(place.0.cast::<f64>()).get(0) } else { In(place.0.cast::<f32>()).get(0).map(f64::from) };
    value.map_err(|_| Status::INVALID_VALUE)
}

/// One side of a product as cuBLAS names it: operation, address, type, leading dimension, stride.
type Side = (u32, u64, Option<Element>, c_int, i64);

fn matrix((operation, address, element, ld, stride): Side) -> Outcome<Matrix> {
    let transposed = match operation {
        0 => false,
        1 | 2 => true,
        _ => return Err(Status::INVALID_VALUE),
    };
    let element = element.ok_or(Status::NOT_SUPPORTED)?;
    Ok(Matrix { address, element, ld: size(ld.into())?, stride, transposed })
}

fn product(
    driver: &mut Driver,
    handle: Handle,
    [m, n, k]: [c_int; 3],
    [alpha, beta]: [In<c_void>; 2],
    [a, b, c]: [Side; 3],
    batch: c_int,
    compute: Option<u32>,
) -> Outcome<()> {
    let library = *library(driver, handle)?;
    let (double, mut tf32) = match compute {
        None => (c.2 == Some(Element::F64), false),
        Some(68 | 69 | 74 | 75) => (false, false),
        Some(77) => (false, true),
        Some(70 | 71) => (true, false),
        Some(_) => return Err(Status::NOT_SUPPORTED),
    };
    tf32 |= library.math == 3;
    let product = Product {
        m: size(m.into())?,
        n: size(n.into())?,
        k: size(k.into())?,
        a: matrix(a)?,
        b: matrix(b)?,
        c: matrix(c)?,
        alpha: scalar(driver, library, alpha, double)?,
        beta: scalar(driver, library, beta, double)?,
        batch: size(batch.into())?,
        double,
        tf32,
    };
    let types = [product.a.element, product.b.element, product.c.element];
    if types[0] != types[1] || types.contains(&Element::F64) != double {
        driver.report(format!("cuBLAS: a product of {types:?} with compute type {compute:?} is not known"));
        return Err(Status::NOT_SUPPORTED);
    }
    if !product.is_valid() {
        driver.report(format!("cuBLAS: a leading dimension is too small: {product:?}"));
        return Err(Status::INVALID_VALUE);
    }
    let work = Work::Call(Arc::new(move |driver, device| product.run(driver, device)));
    driver.submit(library.stream, work).map_err(|_| Status::EXECUTION_FAILED)
}

macro_rules! exported {
    ($(fn $name:ident($($arg:ident: $ty:ty),*) |$driver:ident| $body:expr;)*) => {$(
        #[doc = concat!("`", stringify!($name), "` of cuBLAS.")]
        #[allow(non_snake_case, unused_variables, reason = "cuBLAS's own names; some arguments are hints")]
        #[unsafe(no_mangle)]
        pub extern "C" fn $name($($arg: $ty),*) -> u32 {
            call(stringify!($name), |$driver| $body)
        }
    )*};
}

const F32: Option<Element> = Some(Element::F32);
const F64: Option<Element> = Some(Element::F64);

exported! {
    fn cublasCreate_v2(to: Out<Handle>) |driver| {
        let device = current().map_err(|_| Status::NOT_INITIALIZED)?;
        let stream = driver.stream(0, device).map_err(|_| Status::NOT_INITIALIZED)?;
        let handle = driver.handle();
        driver.blas.insert(handle, Library { device, stream, math: 0, device_scalars: false });
        to.set(handle).map_err(|_| Status::INVALID_VALUE)
    };
    fn cublasDestroy_v2(handle: Handle) |driver| {
        driver.blas.remove(&handle).map(|_| ()).ok_or(Status::NOT_INITIALIZED)
    };
    fn cublasSetStream_v2(handle: Handle, stream: Handle) |driver| {
        let device = library(driver, handle)?.device;
        let stream = driver.stream(stream, device).map_err(|_| Status::INVALID_VALUE)?;
        if driver.stream_device(stream) != device {
            driver.report("cuBLAS: a stream of another device than the handle's".to_string());
            return Err(Status::INVALID_VALUE);
        }
        library(driver, handle)?.stream = stream;
        Ok(())
    };
    fn cublasGetStream_v2(handle: Handle, to: Out<Handle>) |driver| {
        let stream = library(driver, handle)?.stream;
        to.set(stream).map_err(|_| Status::INVALID_VALUE)
    };
    fn cublasSetMathMode(handle: Handle, mode: u32) |driver| {
        library(driver, handle)?.math = mode & 0xf;
        Ok(())
    };
    fn cublasGetMathMode(handle: Handle, to: Out<u32>) |driver| {
        let mode = library(driver, handle)?.math;
        to.set(mode).map_err(|_| Status::INVALID_VALUE)
    };
    fn cublasSetPointerMode_v2(handle: Handle, mode: u32) |driver| {
        library(driver, handle)?.device_scalars = mode == 1;
        Ok(())
    };
    fn cublasGetPointerMode_v2(handle: Handle, to: Out<u32>) |driver| {
        let mode = library(driver, handle)?.device_scalars;
        to.set(mode.into()).map_err(|_| Status::INVALID_VALUE)
    };
    fn cublasSetWorkspace_v2(handle: Handle, workspace: u64, bytes: usize) |driver| {
        library(driver, handle)?;
        if bytes > 0 && driver.heap.range(workspace, bytes).is_err() {
            driver.report("cuBLAS: the workspace is not in device memory".to_string());
            return Err(Status::INVALID_VALUE);
        }
        Ok(())
    };
    fn cublasGetVersion_v2(handle: Handle, to: Out<c_int>) |driver| to.set(120_000).map_err(|_| Status::INVALID_VALUE);
    fn cublasSgemm_v2(
        handle: Handle, ta: u32, tb: u32, m: c_int, n: c_int, k: c_int, alpha: In<c_void>, a: u64, lda: c_int, b: u64, ldb: c_int,
        beta: In<c_void>, c: u64, ldc: c_int
    ) |driver| {
        let sides = [(ta, a, F32, lda, 0), (tb, b, F32, ldb, 0), (0, c, F32, ldc, 0)];
        product(driver, handle, [m, n, k], [alpha, beta], sides, 1, None)
    };
    fn cublasDgemm_v2(
        handle: Handle, ta: u32, tb: u32, m: c_int, n: c_int, k: c_int, alpha: In<c_void>, a: u64, lda: c_int, b: u64, ldb: c_int,
        beta: In<c_void>, c: u64, ldc: c_int
    ) |driver| {
        let sides = [(ta, a, F64, lda, 0), (tb, b, F64, ldb, 0), (0, c, F64, ldc, 0)];
        product(driver, handle, [m, n, k], [alpha, beta], sides, 1, None)
    };
    fn cublasSgemmStridedBatched(
        handle: Handle, ta: u32, tb: u32, m: c_int, n: c_int, k: c_int, alpha: In<c_void>, a: u64, lda: c_int, sa: i64, b: u64,
        ldb: c_int, sb: i64, beta: In<c_void>, c: u64, ldc: c_int, sc: i64, batch: c_int
    ) |driver| {
        let sides = [(ta, a, F32, lda, sa), (tb, b, F32, ldb, sb), (0, c, F32, ldc, sc)];
        product(driver, handle, [m, n, k], [alpha, beta], sides, batch, None)
    };
    fn cublasDgemmStridedBatched(
        handle: Handle, ta: u32, tb: u32, m: c_int, n: c_int, k: c_int, alpha: In<c_void>, a: u64, lda: c_int, sa: i64, b: u64,
        ldb: c_int, sb: i64, beta: In<c_void>, c: u64, ldc: c_int, sc: i64, batch: c_int
    ) |driver| {
        let sides = [(ta, a, F64, lda, sa), (tb, b, F64, ldb, sb), (0, c, F64, ldc, sc)];
        product(driver, handle, [m, n, k], [alpha, beta], sides, batch, None)
    };
    fn cublasSgemmEx(
        handle: Handle, ta: u32, tb: u32, m: c_int, n: c_int, k: c_int, alpha: In<c_void>, a: u64, at: u32, lda: c_int, b: u64,
        bt: u32, ldb: c_int, beta: In<c_void>, c: u64, ct: u32, ldc: c_int
    ) |driver| {
        let ty = Element::from_number;
        let sides = [(ta, a, ty(at), lda, 0), (tb, b, ty(bt), ldb, 0), (0, c, ty(ct), ldc, 0)];
        product(driver, handle, [m, n, k], [alpha, beta], sides, 1, Some(68))
    };
    fn cublasGemmEx(
        handle: Handle, ta: u32, tb: u32, m: c_int, n: c_int, k: c_int, alpha: In<c_void>, a: u64, at: u32, lda: c_int, b: u64,
        bt: u32, ldb: c_int, beta: In<c_void>, c: u64, ct: u32, ldc: c_int, compute: u32, algorithm: c_int
    ) |driver| {
        let ty = Element::from_number;
        let sides = [(ta, a, ty(at), lda, 0), (tb, b, ty(bt), ldb, 0), (0, c, ty(ct), ldc, 0)];
        product(driver, handle, [m, n, k], [alpha, beta], sides, 1, Some(compute))
    };
    fn cublasGemmStridedBatchedEx(
        handle: Handle, ta: u32, tb: u32, m: c_int, n: c_int, k: c_int, alpha: In<c_void>, a: u64, at: u32, lda: c_int, sa: i64,
        b: u64, bt: u32, ldb: c_int, sb: i64, beta: In<c_void>, c: u64, ct: u32, ldc: c_int, sc: i64, batch: c_int,
        compute: u32, algorithm: c_int
    ) |driver| {
        let ty = Element::from_number;
        let sides = [(ta, a, ty(at), lda, sa), (tb, b, ty(bt), ldb, sb), (0, c, ty(ct), ldc, sc)];
        product(driver, handle, [m, n, k], [alpha, beta], sides, batch, Some(compute))
    };
}

/// `cublasGetStatusName` of cuBLAS.
#[allow(non_snake_case, reason = "cuBLAS's own name")]
#[unsafe(no_mangle)]
pub extern "C" fn cublasGetStatusName(status: u32) -> *const c_char {
    Status(status).name().as_ptr().cast()
}

/// `cublasGetStatusString` of cuBLAS.
#[allow(non_snake_case, reason = "cuBLAS's own name")]
#[unsafe(no_mangle)]
pub extern "C" fn cublasGetStatusString(status: u32) -> *const c_char {
    Status(status).name().as_ptr().cast()
}
