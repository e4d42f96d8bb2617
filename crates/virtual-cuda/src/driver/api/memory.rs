//! Device memory, pools, page-locked memory.

use super::{Out, current, exported};
use crate::driver::{Code, Driver, Handle, Result, Work};
use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::ffi::c_void;

fn allocate(driver: &mut Driver, to: &Out<u64>, device: usize, bytes: usize) -> Result<()> {
    driver.check(device)?;
    if bytes == 0 {
        return Err(Code::INVALID_VALUE);
    }
    if let Some(base) = driver.heap.allocate(device, bytes, false) {
        return to.set(base);
    }
    // Memory that queued work will give back counts, as on hardware, where the allocator waits for it.
    if driver.captures_nothing() {
        driver.synchronize_device(device)?;
    }
    match driver.heap.allocate(device, bytes, false) {
        Some(base) => to.set(base),
        None => {
            let (used, count) = (driver.heap.used(device), driver.heap.count(device));
            driver.report(format!(
                "device {device}: out of memory: {bytes} bytes asked for, {used} of {} in use by {count} allocations",
                driver.config.memory
            ));
            Err(Code::OUT_OF_MEMORY)
        }
    }
}

fn page_locked(bytes: usize) -> Layout {
    Layout::from_size_align(bytes.max(1), 4096).expect("no memory is that large")
}

exported! {
    fn cuMemAlloc_v2(to: Out<u64>, bytes: usize) |driver| {
        driver.unsafe_call("cuMemAlloc")?;
        allocate(driver, &to, current()?, bytes)
    };
    fn cuMemAllocAsync(to: Out<u64>, bytes: usize, stream: Handle) |driver| {
        if !driver.config.pools {
            return Err(Code::NOT_SUPPORTED);
        }
        let stream = driver.stream(stream, current()?)?;
        driver.no_memory_in_capture(stream)?;
        let device = driver.stream_device(stream);
        allocate(driver, &to, device, bytes)
    };
    fn cuMemAllocFromPoolAsync(to: Out<u64>, bytes: usize, pool: Handle, stream: Handle) |driver| {
        let stream = driver.stream(stream, current()?)?;
        driver.no_memory_in_capture(stream)?;
        allocate(driver, &to, pool.wrapping_sub(0xa000) / 16, bytes)
    };
    fn cuMemFree_v2(address: u64) |driver| {
        let device = current()?;
        if address == 0 {
            return Ok(());
        }
        driver.unsafe_call("cuMemFree")?;
        let owner = driver.heap.containing(address).map_or(device, |a| a.device);
        // A device that has failed still takes its memory back.
        let waited = driver.synchronize_device(owner);
        match driver.heap.free(address) {
            Ok(()) => waited,
            Err(why) => driver.refuse(Code::INVALID_VALUE, format!("free: {why}")),
        }
    };
    fn cuMemFreeAsync(address: u64, stream: Handle) |driver| {
        let stream = driver.stream(stream, current()?)?;
        if address == 0 {
            return Ok(());
        }
        driver.submit(stream, Work::Free { address })
    };
    fn cuMemGetInfo_v2(free: Out<usize>, total: Out<usize>) |driver| {
        let device = current()?;
        free.set(driver.config.memory - driver.heap.used(device))?;
        total.set(driver.config.memory)
    };
    fn cuMemGetAddressRange_v2(base: Out<u64>, bytes: Out<usize>, address: u64) |driver| {
        let allocation = driver.heap.containing(address).ok_or(Code::INVALID_VALUE)?;
        base.offer(allocation.base);
        bytes.offer(allocation.len);
        Ok(())
    };
    fn cuDeviceGetDefaultMemPool(to: Out<Handle>, device: i32) |driver| {
        if !driver.config.pools {
            return Err(Code::NOT_SUPPORTED);
        }
        to.set(0xa000 + 16 * device as usize)
    };
    fn cuDeviceGetMemPool(to: Out<Handle>, device: i32) |driver| to.set(0xa000 + 16 * device as usize);
    fn cuMemPoolSetAttribute(pool: Handle, attribute: u32, value: *const c_void) |driver| Ok(());
    fn cuMemPoolGetAttribute(pool: Handle, attribute: u32, value: Out<u64>) |driver| {
        let device = pool.wrapping_sub(0xa000) / 16;
        if device >= driver.config.devices {
            return Err(Code::INVALID_VALUE);
        }
        // Reserved and used, now and at most: nothing is kept back here, so both are what is in use.
        value.set(if attribute >= 5 { driver.heap.used(device) as u64 } else { 0 })
    };
    fn cuMemPoolTrimTo(pool: Handle, keep: usize) |driver| Ok(());
    fn cuMemHostAlloc(to: Out<*mut c_void>, bytes: usize, flags: u32) |driver| {
        current()?;
        driver.unsafe_call("cuMemHostAlloc")?;
        // SAFETY: the layout has a size that is not zero.
        let start = unsafe { alloc_zeroed(page_locked(bytes)) };
        if start.is_null() {
            return Err(Code::OUT_OF_MEMORY);
        }
        driver.pin(start as usize, bytes.max(1));
        to.set(start.cast())
    };
    fn cuMemAllocHost_v2(to: Out<*mut c_void>, bytes: usize) |driver| {
        current()?;
        driver.unsafe_call("cuMemAllocHost")?;
        // SAFETY: the layout has a size that is not zero.
        let start = unsafe { alloc_zeroed(page_locked(bytes)) };
        driver.pin(start as usize, bytes.max(1));
        if start.is_null() { Err(Code::OUT_OF_MEMORY) } else { to.set(start.cast()) }
    };
    fn cuMemFreeHost(start: *mut c_void) |driver| {
        driver.unsafe_call("cuMemFreeHost")?;
        // Copies that are queued may still use it; hardware waits too.
        for device in 0..driver.config.devices {
            driver.drain(device);
        }
        let Some(bytes) = driver.unpin(start as usize) else {
            return driver.refuse(Code::INVALID_VALUE, "this is no page-locked memory, or it was freed before");
        };
        // SAFETY: `cuMemHostAlloc` allocated it with this layout, and nobody freed it since (it was still listed).
        unsafe { dealloc(start.cast(), page_locked(bytes)) };
        Ok(())
    };
    fn cuMemHostRegister_v2(start: *mut c_void, bytes: usize, flags: u32) |driver| {
        if driver.pinned.contains_key(&(start as usize)) {
            return Err(Code::HOST_MEMORY_ALREADY_REGISTERED);
        }
        driver.pin(start as usize, bytes);
        Ok(())
    };
    fn cuMemHostUnregister(start: *mut c_void) |driver| {
        driver.unpin(start as usize).map(|_| ()).ok_or(Code::HOST_MEMORY_NOT_REGISTERED)
    };
    fn cuMemHostGetFlags(to: Out<u32>, start: *mut c_void) |driver| {
        if driver.is_pinned(start as usize) { to.set(0) } else { Err(Code::INVALID_VALUE) }
    };
}

/// Not CUDA's: forget, in the order of a stream, that bytes were written. A pool that hands memory out again calls it, so that what the last owner left
/// counts as uninitialised.
#[unsafe(no_mangle)]
#[allow(non_snake_case, reason = "in the style of the driver's names")]
pub extern "C" fn virtualCudaForgetAsync(address: u64, bytes: usize, stream: Handle) -> u32 {
    super::call("virtualCudaForgetAsync", |driver| {
        let stream = driver.stream(stream, super::current()?)?;
        driver.submit(stream, Work::Forget { address, len: bytes })
    })
}

impl Driver {
    fn captures_nothing(&self) -> bool {
        self.captures.is_empty()
    }

    fn drain(&mut self, device: usize) {
        if self.captures_nothing() {
            // An error stays for the call that asks for it.
            let _ = self.synchronize_device(device);
        }
    }

    fn no_memory_in_capture(&mut self, stream: Handle) -> Result<()> {
        match self.capture_status(stream) {
            0 => Ok(()),
            _ => self.refuse(Code::STREAM_CAPTURE_UNSUPPORTED, "memory allocated in a capture is not known here"),
        }
    }
}
