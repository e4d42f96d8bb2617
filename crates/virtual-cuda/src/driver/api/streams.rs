//! Streams.

use super::{Out, current, exported};
use crate::driver::{Code, Driver, Handle, Result, Work};
use std::ffi::c_int;

fn create(driver: &mut Driver, to: &Out<Handle>, flags: u32) -> Result<()> {
    if flags > 1 {
        return Err(Code::INVALID_VALUE);
    }
    let device = current()?;
    driver.check(device)?;
    to.set(driver.create_stream(device, flags == 0))
}

/// Not CUDA's: how many kernels were launched so far on any device (graphs' and libraries' too), how many of them by a call of their own and not as part of
/// a graph, and how many at least must follow one another.
#[unsafe(no_mangle)]
#[allow(non_snake_case, reason = "in the style of the driver's names")]
pub extern "C" fn virtualCudaLaunches(all: Out<u64>, alone: Out<u64>, chain: Out<u64>) -> u32 {
    super::call("virtualCudaLaunches", |driver| {
        all.set(driver.launches.all)?;
        alone.set(driver.launches.alone)?;
        chain.set(driver.launches.chain)
    })
}

exported! {
    fn cuStreamCreate(to: Out<Handle>, flags: u32) |driver| create(driver, &to, flags);
    fn cuStreamCreateWithPriority(to: Out<Handle>, flags: u32, priority: c_int) |driver| create(driver, &to, flags);
    fn cuStreamDestroy_v2(stream: Handle) |driver| driver.destroy_stream(stream);
    fn cuStreamSynchronize(stream: Handle) |driver| {
        let stream = driver.stream(stream, current()?)?;
        driver.synchronize(stream)
    };
    fn cuStreamQuery(stream: Handle) |driver| {
        let stream = driver.stream(stream, current()?)?;
        driver.query_stream(stream)
    };
    fn cuStreamWaitEvent(stream: Handle, event: Handle, flags: u32) |driver| {
        let stream = driver.stream(stream, current()?)?;
        driver.wait(stream, event)
    };
    fn cuStreamGetPriority(stream: Handle, to: Out<c_int>) |driver| to.set(0);
    fn cuStreamGetFlags(stream: Handle, to: Out<u32>) |driver| to.set(0);
    fn cuStreamGetCtx(stream: Handle, to: Out<Handle>) |driver| {
        let stream = driver.stream(stream, current()?)?;
        to.set(super::context(driver.stream_device(stream)))
    };
    fn cuLaunchHostFunc(stream: Handle, function: usize, data: usize) |driver| {
        let stream = driver.stream(stream, current()?)?;
        if function == 0 {
            return Err(Code::INVALID_VALUE);
        }
        driver.submit(stream, Work::HostCall { function, data })
    };
}
