//! The functions that `libcuda` exports, each a thin call into [`Driver`].
//!
//! Pointers of the caller are touched by the few methods of [`Out`], [`In`] and [`Text`] alone.

mod context;
mod copies;
mod device;
mod events;
mod graphs;
mod kernels;
mod memory;
mod streams;

pub use context::*;
pub use copies::*;
pub use device::*;
pub use events::*;
pub use graphs::*;
pub use kernels::*;
pub use memory::*;
pub use streams::*;

use super::{Code, Driver, Handle, Result};
use crate::config::Config;
use std::cell::RefCell;
use std::ffi::{CStr, c_char};
use std::sync::{Mutex, MutexGuard, OnceLock};

static DRIVER: OnceLock<Mutex<Driver>> = OnceLock::new();

thread_local! {
    /// Devices whose contexts this thread has pushed; the last is current.
    static CONTEXTS: RefCell<Vec<Option<usize>>> = const { RefCell::new(Vec::new()) };
}

/// The one driver of the process, made from the environment when it is first wanted.
pub fn driver() -> MutexGuard<'static, Driver> {
    DRIVER.get_or_init(|| Mutex::new(Driver::new(Config::from_env()))).lock().unwrap_or_else(|e| e.into_inner())
}

/// The device of the calling thread's context.
pub fn current() -> Result<usize> {
    CONTEXTS.with_borrow(|stack| stack.last().copied().flatten()).ok_or(Code::INVALID_CONTEXT)
}

/// A call: counted, refused before `cuInit`, its error as a number.
pub(crate) fn call(name: &'static str, body: impl FnOnce(&mut Driver) -> Result<()>) -> u32 {
    let mut driver = driver();
    *driver.calls.entry(name).or_default() += 1;
    if !driver.initialised && name != "cuInit" {
        return Code::NOT_INITIALIZED.0;
    }
    super::code::number(body(&mut driver))
}

/// A place that the caller wants filled.
#[repr(transparent)]
pub struct Out<T>(pub *mut T);

impl<T> Out<T> {
    /// Fill it.
    ///
    /// # Errors
    /// Where it is null.
    pub fn set(&self, value: T) -> Result<()> {
        if self.0.is_null() {
            return Err(Code::INVALID_VALUE);
        }
        // SAFETY: not null, and the caller of the driver's function gave it to be written to.
        unsafe { self.0.write_unaligned(value) };
        Ok(())
    }

    /// Fill it where it is there.
    pub fn offer(&self, value: T) {
        if !self.0.is_null() {
            // SAFETY: as in `set`.
            unsafe { self.0.write_unaligned(value) };
        }
    }
}

/// Values that the caller has.
#[repr(transparent)]
pub struct In<T>(pub *const T);

impl<T: Copy> In<T> {
    /// The `i`th.
    ///
    /// # Errors
    /// Where there are none.
    pub fn get(&self, i: usize) -> Result<T> {
        if self.0.is_null() {
            return Err(Code::INVALID_VALUE);
        }
        // SAFETY: not null, and the function's description says that the caller has at least i + 1 of them.
        Ok(unsafe { self.0.add(i).read_unaligned() })
    }

    /// `count` of them, copied.
    ///
    /// # Errors
    /// Where there are none but some are wanted.
    pub fn all(&self, count: usize) -> Result<Vec<T>> {
        if count > 0 && self.0.is_null() {
            return Err(Code::INVALID_VALUE);
        }
        let mut out = Vec::<T>::with_capacity(count);
        // SAFETY: the function's description says that the caller has `count` of them, not necessarily aligned: their bytes are
        // copied into room for as many, and they are plain values (`Copy`).
        unsafe {
            std::ptr::copy_nonoverlapping(self.0.cast::<u8>(), out.as_mut_ptr().cast(), count * size_of::<T>());
            out.set_len(count);
        }
        Ok(out)
    }
}

/// A text that ends with a zero byte.
#[repr(transparent)]
pub struct Text(pub *const c_char);

impl Text {
    /// Its bytes.
    ///
    /// # Errors
    /// Where there is none.
    pub fn bytes(&self) -> Result<&[u8]> {
        if self.0.is_null() {
            return Err(Code::INVALID_VALUE);
        }
        // SAFETY: not null, and the function's description says that it ends with a zero byte.
        Ok(unsafe { CStr::from_ptr(self.0) }.to_bytes())
    }

    /// As text.
    ///
    /// # Errors
    /// Where there is none, or it is not UTF-8.
    pub fn text(&self) -> Result<&str> {
        std::str::from_utf8(self.bytes()?).map_err(|_| Code::INVALID_VALUE)
    }
}

/// Exported functions: `fn cuName(arguments) |driver| body;`. Each becomes an `extern "C"` function of that name.
macro_rules! exported {
    ($($(#[$meta:meta])* fn $name:ident($($arg:ident: $ty:ty),*) |$driver:ident| $body:expr;)*) => {$(
        $(#[$meta])*
        #[doc = concat!("`", stringify!($name), "` of the driver.")]
        #[allow(non_snake_case, unused_variables, reason = "the driver's own names; some arguments are hints")]
        #[unsafe(no_mangle)]
        pub extern "C" fn $name($($arg: $ty),*) -> u32 {
            $crate::driver::api::call(stringify!($name), |$driver| $body)
        }
    )*};
}
pub(crate) use exported;

/// The handle of a device's context.
fn context(device: usize) -> Handle {
    0x9000 + 16 * device
}

/// The device of a context.
fn context_device(driver: &Driver, context: Handle) -> Result<usize> {
    let device = context.wrapping_sub(0x9000) / 16;
    if context >= 0x9000 && context.is_multiple_of(16) && device < driver.config.devices {
        Ok(device)
    } else {
        Err(Code::INVALID_CONTEXT)
    }
}
