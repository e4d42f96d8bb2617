//! Copies and fills.

use super::{In, current, exported};
use crate::driver::{Driver, Handle, Result, Work};
use std::ffi::c_void;

/// Enter work into the default stream of the current device and wait for it.
fn now(driver: &mut Driver, what: &str, work: Work) -> Result<()> {
    driver.unsafe_call(what)?;
    let stream = driver.stream(0, current()?)?;
    driver.submit(stream, work)?;
    driver.synchronize(stream)
}

fn later(driver: &mut Driver, stream: Handle, work: Work) -> Result<()> {
    let stream = driver.stream(stream, current()?)?;
    driver.submit(stream, work)
}

fn download(driver: &mut Driver, to: usize, from: u64, len: usize, stream: Handle) -> Result<()> {
    let stream = driver.stream(stream, current()?)?;
    driver.submit(stream, Work::Download { to, from, len })?;
    // To pageable memory the call returns when the bytes are there.
    if driver.is_pinned(to) || driver.capture_status(stream) != 0 {
        return Ok(());
    }
    driver.synchronize(stream)
}

fn upload(driver: &mut Driver, to: u64, from: In<u8>, len: usize, stream: Handle) -> Result<()> {
    let stream = driver.stream(stream, current()?)?;
    // From pageable memory the bytes are taken at once; from page-locked memory, and in a graph, when the copy runs.
    if driver.is_pinned(from.0 as usize) || driver.capture_status(stream) != 0 {
        return driver.submit(stream, Work::UploadLater { to, from: from.0 as usize, len });
    }
    let bytes = from.all(len)?.into();
    driver.submit(stream, Work::Upload { to, bytes })
}

fn fill(to: u64, value: u32, width: usize, count: usize) -> Work {
    Work::Fill { to, value, width, count }
}

exported! {
    fn cuMemcpyHtoD_v2(to: u64, from: In<u8>, len: usize) |driver| {
        let bytes = from.all(len)?.into();
        now(driver, "cuMemcpyHtoD", Work::Upload { to, bytes })
    };
    fn cuMemcpyDtoH_v2(to: *mut c_void, from: u64, len: usize) |driver| {
        now(driver, "cuMemcpyDtoH", Work::Download { to: to as usize, from, len })
    };
    fn cuMemcpyDtoD_v2(to: u64, from: u64, len: usize) |driver| now(driver, "cuMemcpyDtoD", Work::Copy { to, from, len });
    fn cuMemcpyPeer(to: u64, to_context: Handle, from: u64, from_context: Handle, len: usize) |driver| {
        now(driver, "cuMemcpyPeer", Work::Copy { to, from, len })
    };
    fn cuMemcpyHtoDAsync_v2(to: u64, from: In<u8>, len: usize, stream: Handle) |driver| upload(driver, to, from, len, stream);
    fn cuMemcpyDtoHAsync_v2(to: *mut c_void, from: u64, len: usize, stream: Handle) |driver| {
        download(driver, to as usize, from, len, stream)
    };
    fn cuMemcpyDtoDAsync_v2(to: u64, from: u64, len: usize, stream: Handle) |driver| {
        later(driver, stream, Work::Copy { to, from, len })
    };
    fn cuMemcpyPeerAsync(to: u64, to_context: Handle, from: u64, from_context: Handle, len: usize, stream: Handle) |driver| {
        later(driver, stream, Work::Copy { to, from, len })
    };
    fn cuMemsetD8_v2(to: u64, value: u8, count: usize) |driver| later(driver, 0, fill(to, value.into(), 1, count));
    fn cuMemsetD16_v2(to: u64, value: u16, count: usize) |driver| later(driver, 0, fill(to, value.into(), 2, count));
    fn cuMemsetD32_v2(to: u64, value: u32, count: usize) |driver| later(driver, 0, fill(to, value, 4, count));
    fn cuMemsetD8Async(to: u64, value: u8, count: usize, stream: Handle) |driver| {
        later(driver, stream, fill(to, value.into(), 1, count))
    };
    fn cuMemsetD16Async(to: u64, value: u16, count: usize, stream: Handle) |driver| {
        later(driver, stream, fill(to, value.into(), 2, count))
    };
    fn cuMemsetD32Async(to: u64, value: u32, count: usize, stream: Handle) |driver| {
        later(driver, stream, fill(to, value, 4, count))
    };
}
