//! Contexts. Each device has one, its primary context: `cuCtxCreate` gives that too.

use super::{CONTEXTS, Out, context, context_device, current, exported};
use crate::driver::{Code, Driver, Handle, Result};
use std::ffi::{c_int, c_void};

fn ordinal(driver: &Driver, ordinal: c_int) -> Result<usize> {
    usize::try_from(ordinal).ok().filter(|d| *d < driver.config.devices).ok_or(Code::INVALID_DEVICE)
}

fn create(driver: &Driver, to: &Out<Handle>, device: c_int) -> Result<()> {
    let device = ordinal(driver, device)?;
    CONTEXTS.with_borrow_mut(|stack| stack.push(Some(device)));
    to.set(context(device))
}

exported! {
    fn cuDevicePrimaryCtxRetain(to: Out<Handle>, device: c_int) |driver| {
        let device = ordinal(driver, device)?;
        driver.check(device)?;
        to.set(context(device))
    };
    fn cuDevicePrimaryCtxRelease_v2(device: c_int) |driver| ordinal(driver, device).map(|_| ());
    fn cuDevicePrimaryCtxSetFlags_v2(device: c_int, flags: u32) |driver| ordinal(driver, device).map(|_| ());
    fn cuDevicePrimaryCtxGetState(device: c_int, flags: Out<u32>, active: Out<c_int>) |driver| {
        ordinal(driver, device)?;
        flags.set(0)?;
        active.set(1)
    };
    fn cuCtxCreate_v2(to: Out<Handle>, flags: u32, device: c_int) |driver| create(driver, &to, device);
    fn cuCtxCreate_v3(to: Out<Handle>, parameters: *mut c_void, count: c_int, flags: u32, device: c_int) |driver| {
        create(driver, &to, device)
    };
    fn cuCtxCreate_v4(to: Out<Handle>, parameters: *mut c_void, flags: u32, device: c_int) |driver| {
        create(driver, &to, device)
    };
    fn cuCtxDestroy_v2(handle: Handle) |driver| {
        let device = context_device(driver, handle)?;
        CONTEXTS.with_borrow_mut(|stack| stack.retain(|d| *d != Some(device)));
        Ok(())
    };
    fn cuCtxGetCurrent(to: Out<Handle>) |driver| to.set(current().map_or(0, context));
    fn cuCtxSetCurrent(handle: Handle) |driver| {
        let device = if handle == 0 { None } else { Some(context_device(driver, handle)?) };
        CONTEXTS.with_borrow_mut(|stack| {
            stack.pop();
            stack.push(device);
        });
        Ok(())
    };
    fn cuCtxPushCurrent_v2(handle: Handle) |driver| {
        let device = context_device(driver, handle)?;
        CONTEXTS.with_borrow_mut(|stack| stack.push(Some(device)));
        Ok(())
    };
    fn cuCtxPopCurrent_v2(to: Out<Handle>) |driver| {
        let top = CONTEXTS.with_borrow_mut(Vec::pop).flatten().ok_or(Code::INVALID_CONTEXT)?;
        to.offer(context(top));
        Ok(())
    };
    fn cuCtxGetDevice(to: Out<c_int>) |driver| to.set(current()? as c_int);
    fn cuCtxSynchronize() |driver| driver.synchronize_device(current()?);
    fn cuCtxGetApiVersion(handle: Handle, to: Out<u32>) |driver| to.set(driver.config.driver as u32);
    fn cuCtxGetFlags(to: Out<u32>) |driver| to.set(0);
    fn cuCtxSetFlags(flags: u32) |driver| current().map(|_| ());
    fn cuCtxGetLimit(to: Out<usize>, limit: u32) |driver| to.set(1024);
    fn cuCtxSetLimit(limit: u32, value: usize) |driver| current().map(|_| ());
    fn cuCtxGetCacheConfig(to: Out<u32>) |driver| to.set(0);
    fn cuCtxSetCacheConfig(config: u32) |driver| current().map(|_| ());
    fn cuCtxGetStreamPriorityRange(least: Out<c_int>, greatest: Out<c_int>) |driver| {
        least.offer(0);
        greatest.offer(-5);
        Ok(())
    };
    fn cuCtxEnablePeerAccess(peer: Handle, flags: u32) |driver| {
        let (device, other) = (current()?, context_device(driver, peer)?);
        if device == other {
            return Err(Code::INVALID_DEVICE);
        }
        if driver.heap.add_peer(device, other) { Ok(()) } else { Err(Code::PEER_ACCESS_ALREADY_ENABLED) }
    };
    fn cuCtxDisablePeerAccess(peer: Handle) |driver| {
        let (device, other) = (current()?, context_device(driver, peer)?);
        if driver.heap.remove_peer(device, other) { Ok(()) } else { Err(Code::PEER_ACCESS_NOT_ENABLED) }
    };
}
