//! Initialisation, devices, and names of errors.

use super::{Out, exported};
use crate::driver::{Code, Driver, Result};
use std::ffi::{c_char, c_int};

fn device(driver: &Driver, ordinal: c_int) -> Result<usize> {
    usize::try_from(ordinal).ok().filter(|d| *d < driver.config.devices).ok_or(Code::INVALID_DEVICE)
}

/// `CUdevice_attribute`; what is not listed is 0, which means "no" to every question that is asked of a device.
fn attribute(driver: &Driver, number: u32) -> i32 {
    match number {
        1..=3 => 1024,
        4 => 64,
        5 => i32::MAX,
        6 | 7 => 65_535,
        8 => 48 << 10,
        9 => 64 << 10,
        10 => 32,
        12 | 82 => 65_536,
        13 => 1_500_000,
        16 => 4,
        19 | 31 | 40 | 41 | 79 | 80 | 83 | 90 | 91 | 95 | 99 => 1,
        36 => 1_200_000,
        37 => 384,
        38 => 4 << 20,
        39 => 2048,
        75 => driver.config.capability as i32 / 10,
        76 => driver.config.capability as i32 % 10,
        81 => (driver.shared_per_block() + 1024) as i32,
        97 => driver.shared_per_block() as i32,
        106 => 32,
        111 => 1024,
        115 => i32::from(driver.config.pools),
        _ => 0,
    }
}

/// Write a text and its zero byte into `length` bytes, cut where they are too few.
fn copy_text(to: *mut c_char, length: c_int, text: &str) -> Result<()> {
    let Some(room) = usize::try_from(length).ok().and_then(|l| l.checked_sub(1)) else {
        return Err(Code::INVALID_VALUE);
    };
    for (i, byte) in text.bytes().take(room).chain([0]).enumerate() {
        // The caller has `length` bytes there, and i stays below that.
        Out(to.wrapping_add(i)).set(byte as c_char)?;
    }
    Ok(())
}

exported! {
    fn cuInit(flags: u32) |driver| driver.init();
    fn cuDeviceGetCount(count: Out<c_int>) |driver| count.set(driver.config.devices as c_int);
    fn cuDeviceGet(to: Out<c_int>, ordinal: c_int) |driver| to.set(device(driver, ordinal)? as c_int);
    fn cuDeviceGetName(to: *mut c_char, length: c_int, ordinal: c_int) |driver| {
        let d = device(driver, ordinal)?;
        copy_text(to, length, &format!("Virtual GPU {d} (sm_{}, interpreted on the host)", driver.config.capability))
    };
    fn cuDeviceTotalMem_v2(bytes: Out<usize>, ordinal: c_int) |driver| {
        device(driver, ordinal)?;
        bytes.set(driver.config.memory)
    };
    fn cuDeviceGetAttribute(to: Out<c_int>, number: u32, ordinal: c_int) |driver| {
        device(driver, ordinal)?;
        to.set(attribute(driver, number))
    };
    fn cuDeviceGetUuid_v2(to: Out<[u8; 16]>, ordinal: c_int) |driver| {
        let d = device(driver, ordinal)?;
        let mut uuid = *b"virtual-gpu-0000";
        uuid[15] = d as u8;
        to.set(uuid)
    };
    fn cuDeviceGetUuid(to: Out<[u8; 16]>, ordinal: c_int) |driver| {
        let mut uuid = *b"virtual-gpu-0000";
        uuid[15] = device(driver, ordinal)? as u8;
        to.set(uuid)
    };
    fn cuDeviceCanAccessPeer(to: Out<c_int>, a: c_int, b: c_int) |driver| {
        to.set(c_int::from(device(driver, a)? != device(driver, b)?))
    };
    fn cuDeviceGetPCIBusId(to: *mut c_char, length: c_int, ordinal: c_int) |driver| {
        let d = device(driver, ordinal)?;
        copy_text(to, length, &format!("0000:{d:02x}:00.0"))
    };
}

/// `cuDriverGetVersion` of the driver: the one function that works before `cuInit`.
#[allow(non_snake_case, reason = "the driver's own name")]
#[unsafe(no_mangle)]
pub extern "C" fn cuDriverGetVersion(version: Out<c_int>) -> u32 {
    let claimed = super::driver().config.driver;
    version.set(claimed).map_or_else(|code| code.0, |()| 0)
}

fn text(code: u32, to: Out<*const c_char>, pick: fn((&'static str, &'static str)) -> &'static str) -> u32 {
    let Some(texts) = Code(code).texts() else {
        to.offer(std::ptr::null());
        return Code::INVALID_VALUE.0;
    };
    to.set(pick(texts).as_ptr().cast()).map_or_else(|code| code.0, |()| 0)
}

/// `cuGetErrorName` of the driver.
#[allow(non_snake_case, reason = "the driver's own name")]
#[unsafe(no_mangle)]
pub extern "C" fn cuGetErrorName(code: u32, to: Out<*const c_char>) -> u32 {
    text(code, to, |t| t.0)
}

/// `cuGetErrorString` of the driver.
#[allow(non_snake_case, reason = "the driver's own name")]
#[unsafe(no_mangle)]
pub extern "C" fn cuGetErrorString(code: u32, to: Out<*const c_char>) -> u32 {
    text(code, to, |t| t.1)
}
