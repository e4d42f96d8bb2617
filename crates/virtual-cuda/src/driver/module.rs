//! Modules: PTX text on a device, with its variables in the device's memory.

use super::state::Function;
use super::{Code, Driver, Handle, Result};
use crate::ptx::{Kernel, Module, parse};
use std::sync::Arc;

/// A module on a device.
pub(super) struct LoadedModule {
    pub module: Arc<Module>,
    pub device: usize,
    /// Addresses of its variables.
    pub globals: Vec<u64>,
}

/// Bytes of dynamic shared memory that a launch may have without asking, static memory included.
const SHARED_LIMIT: usize = 48 << 10;

/// The newest PTX that a driver takes: of CUDA 12.4, PTX 8.4, with the two versions that added none.
fn newest_ptx(driver: i32) -> (u32, u32) {
    let (major, minor) = (driver as u32 / 1000, driver as u32 % 1000 / 10);
    match (major, minor) {
        (..=10, _) => (6, 5),
        (11, _) => (7, minor),
        (12, 0..=5) => (8, minor),
        (12, 6) => (8, 5),
        (12, _) => (8, minor - 1),
        _ => (9, minor),
    }
}

impl Driver {
    /// Load a text on a device. `log` receives why it is refused.
    ///
    /// # Errors
    /// Where the text is no PTX, is for a newer driver or GPU, holds what is not known, or memory runs out.
    pub fn load_module(&mut self, device: usize, text: &[u8], log: &mut String) -> Result<Handle> {
        self.check(device)?;
        self.unsafe_call("cuModuleLoadData")?;
        let Ok(text) = std::str::from_utf8(text) else {
            *log = "a module is PTX text here; this is binary code".to_string();
            return self.refuse(Code::NO_BINARY_FOR_GPU, log.clone());
        };
        let module = match parse(text, self.config.perturb) {
            Ok(module) => module,
            Err(e) => {
                *log = e.to_string();
                return self.refuse(Code::INVALID_PTX, log.clone());
            }
        };
        if module.target > self.config.capability {
            *log = format!("PTX for sm_{} on a device of sm_{}", module.target, self.config.capability);
            return self.refuse(Code::NO_BINARY_FOR_GPU, log.clone());
        }
        let newest = newest_ptx(self.config.driver);
        if module.version > newest {
            *log = format!("PTX {:?} is newer than {newest:?}, the newest of this driver", module.version);
            return self.refuse(Code::UNSUPPORTED_PTX_VERSION, log.clone());
        }
        let mut globals = Vec::new();
        for global in &module.globals {
            let base = self.heap.allocate(device, global.bytes.len(), global.constant).ok_or(Code::OUT_OF_MEMORY)?;
            let place = self.heap.range(base, global.bytes.len()).expect("just allocated");
            place.allocation.copy_in(0, &global.bytes);
            globals.push(base);
        }
        let handle = self.handle();
        self.modules.insert(handle, LoadedModule { module: Arc::new(module), device, globals });
        Ok(handle)
    }

    /// Unload a module. Work that is queued keeps what it needs but for the variables.
    ///
    /// # Errors
    /// Where it is none.
    pub fn unload_module(&mut self, module: Handle) -> Result<()> {
        let device = self.modules.get(&module).ok_or(Code::INVALID_HANDLE)?.device;
        self.synchronize_device(device)?;
        let loaded = self.modules.remove(&module).expect("looked up above");
        for base in loaded.globals {
            self.heap.free(base).map_err(|_| Code::INVALID_VALUE)?;
        }
        self.functions.retain(|_, f| f.module != module);
        Ok(())
    }

    /// A kernel of a module.
    ///
    /// # Errors
    /// Where the module is none or has no kernel of that name.
    pub fn function(&mut self, module: Handle, name: &str) -> Result<Handle> {
        let loaded = self.modules.get(&module).ok_or(Code::INVALID_HANDLE)?;
        if !loaded.module.kernels.contains_key(name) {
            return self.refuse(Code::NOT_FOUND, format!("there is no kernel `{name}` in the module"));
        }
        let known = self.functions.iter().find(|(_, f)| f.module == module && f.name == name).map(|(h, _)| *h);
        Ok(known.unwrap_or_else(|| {
            let handle = self.handle();
            let function = Function { module, name: name.to_string(), dynamic_limit: SHARED_LIMIT };
            self.functions.insert(handle, function);
            handle
        }))
    }

    /// Address and length of a module's variable.
    ///
    /// # Errors
    /// Where there is none of that name.
    pub fn global(&self, module: Handle, name: &str) -> Result<(u64, usize)> {
        let loaded = self.modules.get(&module).ok_or(Code::INVALID_HANDLE)?;
        let at = loaded.module.globals.iter().position(|g| g.name == name).ok_or(Code::NOT_FOUND)?;
        Ok((loaded.globals[at], loaded.module.globals[at].bytes.len()))
    }

    pub(super) fn kernel(&self, function: Handle) -> Result<Arc<Kernel>> {
        let function = self.functions.get(&function).ok_or(Code::INVALID_HANDLE)?;
        Ok(self.modules[&function.module].module.kernels[&function.name].clone())
    }

    /// Sizes of a kernel's parameters.
    ///
    /// # Errors
    /// Where it is none.
    pub fn parameters(&self, function: Handle) -> Result<Vec<(usize, usize)>> {
        Ok(self.kernel(function)?.parameters.clone())
    }

    /// `cuFuncGetAttribute`.
    ///
    /// # Errors
    /// Where the function or the attribute is none.
    pub fn function_attribute(&self, function: Handle, attribute: u32) -> Result<i32> {
        let kernel = self.kernel(function)?;
        let f = &self.functions[&function];
        let (major, minor) = self.modules[&f.module].module.version;
        Ok(match attribute {
            0 => kernel.max_threads.unwrap_or(1024) as i32,
            1 => kernel.static_shared() as i32,
            2 | 7 => 0,
            3 => kernel.local_bytes as i32,
            4 => kernel.registers as i32,
            5 => (10 * major + minor) as i32,
            6 => self.config.capability as i32,
            8 => f.dynamic_limit as i32,
            9 => -1,
            _ => return Err(Code::INVALID_VALUE),
        })
    }

    /// `cuFuncSetAttribute`: the most dynamic shared memory; carve-out is a hint.
    ///
    /// # Errors
    /// Where the function is none, or the value is more than the device has.
    pub fn set_function_attribute(&mut self, function: Handle, attribute: u32, value: i32) -> Result<()> {
        let fixed = self.kernel(function)?.static_shared();
        let most = self.shared_per_block() - fixed.min(self.shared_per_block());
        let f = self.functions.get_mut(&function).expect("looked up above");
        match attribute {
            8 if usize::try_from(value).is_ok_and(|v| v <= most) => f.dynamic_limit = value as usize,
            9 => {}
            _ => return Err(Code::INVALID_VALUE),
        }
        Ok(())
    }

    /// Shared memory that a block can have at most.
    pub fn shared_per_block(&self) -> usize {
        match self.config.capability {
            ..=79 => 96 << 10,
            80 | 87 => 163 << 10,
            81..=89 => 99 << 10,
            _ => 227 << 10,
        }
    }

    /// Blocks of a kernel that fit a multiprocessor at a time.
    ///
    /// # Errors
    /// Where the function is none.
    pub fn occupancy(&self, function: Handle, threads: usize, dynamic_shared: usize) -> Result<usize> {
        let kernel = self.kernel(function)?;
        if threads == 0 || threads > 1024 {
            return Ok(0);
        }
        let threads = threads.next_multiple_of(32);
        let shared = kernel.static_shared() + dynamic_shared + 1024;
        let by_registers = 65_536 / (kernel.registers.max(16) * threads);
        Ok((2048 / threads).min(32).min((self.shared_per_block() + 1024) / shared).min(by_registers))
    }
}
