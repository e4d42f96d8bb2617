//! Modules, functions, launches, occupancy.

use super::{In, Out, Text, current, exported};
use crate::driver::{Code, Driver, Geometry, Handle, Result};
use std::borrow::Cow;
use std::ffi::{c_char, c_int, c_void};

/// `CUlaunchConfig`.
#[repr(C)]
#[derive(Clone, Copy)]
#[expect(missing_docs, reason = "the fields of cuda.h")]
pub struct LaunchConfig {
    pub grid: [u32; 3],
    pub block: [u32; 3],
    pub shared: u32,
    pub stream: Handle,
    pub attributes: *const c_void,
    pub attribute_count: u32,
}

fn launch(
    driver: &mut Driver,
    function: Handle,
    grid: [u32; 3],
    block: [u32; 3],
    shared: u32,
    stream: Handle,
    parameters: &In<*const u8>,
    extra: *const c_void,
) -> Result<()> {
    let stream = driver.stream(stream, current()?)?;
    if !extra.is_null() {
        return driver.refuse(Code::NOT_SUPPORTED, "parameters in one buffer (`extra`) are not known here");
    }
    let places = driver.parameters(function)?;
    let mut bytes = vec![0; places.last().map_or(0, |(offset, size)| offset + size)];
    for (i, (offset, size)) in places.into_iter().enumerate() {
        bytes[offset..offset + size].copy_from_slice(&In(parameters.get(i)?).all(size)?);
    }
    driver.launch(function, Geometry { grid, block, shared: shared as usize }, stream, bytes)
}

fn load(driver: &mut Driver, module: &Out<Handle>, image: &Text, log: &mut String) -> Result<()> {
    let text = replaced(driver, image.bytes()?)?;
    let handle = driver.load_module(current()?, &text, log)?;
    module.set(handle)
}

/// The text itself, or the file that `VIRTUAL_CUDA_PTX` names where it begins with the same line: a kernel that somebody has changed, to see whether
/// tests notice.
fn replaced<'a>(driver: &mut Driver, text: &'a [u8]) -> Result<Cow<'a, [u8]>> {
    let Some(path) = std::env::var_os("VIRTUAL_CUDA_PTX") else { return Ok(text.into()) };
    let Ok(other) = std::fs::read(&path) else {
        return driver.refuse(Code::INVALID_VALUE, format!("VIRTUAL_CUDA_PTX: {} cannot be read", path.display()));
    };
    let first = |text: &[u8]| text.split(|&byte| byte == b'\n').next().map(<[u8]>::to_vec);
    Ok(if first(&other) == first(text) { other.into() } else { text.into() })
}

/// Write a compiler's message where the options of `cuModuleLoadDataEx` name room for one.
fn write_log(count: u32, options: &In<u32>, values: &In<usize>, log: &str) -> Result<()> {
    // CU_JIT_ERROR_LOG_BUFFER and CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES
    let (mut buffer, mut room) = (0, 0);
    for i in 0..count as usize {
        match options.get(i)? {
            5 => buffer = values.get(i)?,
            6 => room = values.get(i)?,
            _ => {}
        }
    }
    if buffer != 0 && room > 0 {
        for (i, byte) in log.bytes().take(room - 1).chain([0]).enumerate() {
            Out((buffer as *mut c_char).wrapping_add(i)).set(byte as c_char)?;
        }
    }
    Ok(())
}

fn occupancy(driver: &Driver, blocks: &Out<c_int>, function: Handle, threads: c_int, shared: usize) -> Result<()> {
    let threads = usize::try_from(threads).map_err(|_| Code::INVALID_VALUE)?;
    blocks.set(driver.occupancy(function, threads, shared)? as c_int)
}

exported! {
    fn cuModuleLoadData(module: Out<Handle>, image: Text) |driver| load(driver, &module, &image, &mut String::new());
    fn cuModuleLoadDataEx(module: Out<Handle>, image: Text, count: u32, options: In<u32>, values: In<usize>) |driver| {
        let mut log = String::new();
        let result = load(driver, &module, &image, &mut log);
        write_log(count, &options, &values, &log)?;
        result
    };
    fn cuModuleUnload(module: Handle) |driver| driver.unload_module(module);
    fn cuModuleGetFunction(function: Out<Handle>, module: Handle, name: Text) |driver| {
        function.set(driver.function(module, name.text()?)?)
    };
    fn cuModuleGetGlobal_v2(address: Out<u64>, bytes: Out<usize>, module: Handle, name: Text) |driver| {
        let (base, len) = driver.global(module, name.text()?)?;
        address.offer(base);
        bytes.offer(len);
        Ok(())
    };
    fn cuFuncGetAttribute(value: Out<c_int>, attribute: u32, function: Handle) |driver| {
        value.set(driver.function_attribute(function, attribute)?)
    };
    fn cuFuncSetAttribute(function: Handle, attribute: u32, value: c_int) |driver| {
        driver.set_function_attribute(function, attribute, value)
    };
    fn cuFuncSetCacheConfig(function: Handle, config: u32) |driver| driver.parameters(function).map(|_| ());
    fn cuLaunchKernel(
        function: Handle, gx: u32, gy: u32, gz: u32, bx: u32, by: u32, bz: u32, shared: u32, stream: Handle,
        parameters: In<*const u8>, extra: *const c_void
    ) |driver| launch(driver, function, [gx, gy, gz], [bx, by, bz], shared, stream, &parameters, extra);
    fn cuLaunchKernelEx(config: In<LaunchConfig>, function: Handle, parameters: In<*const u8>, extra: *const c_void) |driver| {
        let c = config.get(0)?;
        launch(driver, function, c.grid, c.block, c.shared, c.stream, &parameters, extra)
    };
    fn cuOccupancyMaxActiveBlocksPerMultiprocessor(blocks: Out<c_int>, function: Handle, threads: c_int, shared: usize) |driver| {
        occupancy(driver, &blocks, function, threads, shared)
    };
    fn cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(
        blocks: Out<c_int>, function: Handle, threads: c_int, shared: usize, flags: u32
    ) |driver| occupancy(driver, &blocks, function, threads, shared);
}
