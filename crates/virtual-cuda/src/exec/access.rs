//! Loads and stores.

use super::block::Env;
use super::fault::{ILLEGAL_ADDRESS, LAUNCH_FAILED, MISALIGNED};
use super::shared::{Access, Who};
use super::warp::{Problem, Warp, lanes};
use super::window;
use crate::memory::Allocation;
use crate::ptx::{Address, Register, Space, Type};

/// A value cut to its type, with its sign where it has one.
#[inline(always)]
fn extend(value: u64, ty: Type) -> u64 {
    match ty {
        Type::S8 => value as i8 as u64,
        Type::S16 => value as i16 as u64,
        Type::S32 => value as i32 as u64,
        _ => value,
    }
}

impl<'a> Env<'a> {
    /// The allocation of an address in global memory, checked, and the offset in it.
    #[inline(always)]
    pub fn global(
        &mut self,
        pc: usize,
        lane: usize,
        address: u64,
        bytes: usize,
        access: Access,
    ) -> Result<(&'a Allocation, usize), Problem> {
        if let Some(a) = self.cache[pc] {
            let offset = address.wrapping_sub(a.base);
            if offset <= a.len as u64 && offset as usize + bytes <= a.len && (access == Access::Read || !a.constant) {
                return Ok((a, offset as usize));
            }
        }
        self.find(pc, lane, address, bytes, access)
    }

    #[cold]
    fn find(
        &mut self,
        pc: usize,
        lane: usize,
        address: u64,
        bytes: usize,
        access: Access,
    ) -> Result<(&'a Allocation, usize), Problem> {
        let fail = |why: String| {
            Problem::new(ILLEGAL_ADDRESS, lane, format!("{access:?} of {bytes} bytes at {address:#x}: {why}"))
        };
        let allocation: &'a Allocation = match self.launch.heap.reach(self.launch.device, address) {
            Ok(a) => a,
            Err(why) => return fail(why),
        };
        let offset = (address - allocation.base) as usize;
        if offset + bytes > allocation.len {
            let past = offset + bytes - allocation.len;
            return fail(format!("{past} bytes past the end of an allocation of {} bytes", allocation.len));
        }
        if access != Access::Read && allocation.constant {
            return fail("constant memory is not written by kernels".to_string());
        }
        self.cache[pc] = Some(allocation);
        Ok((allocation, offset))
    }

    /// Watch for races of blocks, and for reads of what nobody wrote.
    #[inline(always)]
    pub fn note_global(
        &self,
        lane: usize,
        address: u64,
        bytes: usize,
        allocation: &Allocation,
        offset: usize,
        access: Access,
    ) -> Result<(), Problem> {
        if access != Access::Write && self.launch.strictness.uninitialised && !allocation.is_written(offset, bytes) {
            let message = format!(
                "read of {bytes} uninitialised bytes at {address:#x}, byte {offset} of an allocation of {}",
                allocation.len
            );
            return Problem::new(LAUNCH_FAILED, lane, message);
        }
        if let Some(races) = self.races
            && let Some(other) =
                races.note(self.linear, address, bytes, access == Access::Write, access == Access::Atomic)
        {
            let message = format!("race between blocks: {access:?} of {bytes} bytes at {address:#x}, {other}");
            return Problem::new(LAUNCH_FAILED, lane, message);
        }
        Ok(())
    }

    fn parameter(&self, lane: usize, address: u64, bytes: usize) -> Result<u64, Problem> {
        let at = address as usize;
        let inside = |&(offset, size): &(usize, usize)| at >= offset && at + bytes <= offset + size;
        if !self.launch.kernel.parameters.iter().any(inside) {
            let message = format!("read of {bytes} bytes of the parameters at {address:#x}, which is inside of none");
            return Problem::new(ILLEGAL_ADDRESS, lane, message);
        }
        let mut value = [0; 8];
        value[..bytes].copy_from_slice(&self.launch.parameters[at..at + bytes]);
        Ok(u64::from_le_bytes(value))
    }
}

#[inline(always)]
fn aligned(lane: usize, address: u64, bytes: usize) -> Result<(), Problem> {
    if address & (bytes as u64 - 1) != 0 {
        return Problem::new(
            MISALIGNED,
            lane,
            format!("{bytes} bytes at {address:#x}, which is no multiple of {bytes}"),
        );
    }
    Ok(())
}

impl Warp {
    #[inline(always)]
    pub fn load(
        &mut self,
        env: &mut Env<'_>,
        pc: usize,
        active: u32,
        space: Space,
        ty: Type,
        address: Address,
        to: &[Option<Register>],
    ) -> Result<(), Problem> {
        let addresses = self.addresses(address);
        let (bytes, all) = (ty.bytes(), ty.bytes() * to.len());
        for lane in lanes(active) {
            let address = addresses[lane];
            aligned(lane, address, all)?;
            let (space, address) = if space == Space::Generic { window::resolve(address) } else { (space, address) };
            for (i, register) in to.iter().enumerate() {
                let address = address.wrapping_add((i * bytes) as u64);
                let value = self.load_one(env, pc, lane, space, address, bytes, register.is_some())?;
                if let Some(register) = register {
                    self.registers.set(*register, lane, extend(value, ty));
                }
            }
        }
        Ok(())
    }

    #[inline(always)]
    fn load_one(
        &self,
        env: &mut Env<'_>,
        pc: usize,
        lane: usize,
        space: Space,
        address: u64,
        bytes: usize,
        used: bool,
    ) -> Result<u64, Problem> {
        match space {
            Space::Shared => env.shared.load(Who { warp: self.number, lane }, address, bytes, Access::Read),
            Space::Local => self.local.load(lane, address, bytes, env.launch.strictness.uninitialised && used),
            Space::Param => env.parameter(lane, address, bytes),
            Space::Global | Space::Const | Space::Generic => {
                let (allocation, offset) = env.global(pc, lane, address, bytes, Access::Read)?;
                env.note_global(lane, address, bytes, allocation, offset, Access::Read)?;
                Ok(allocation.load(offset, bytes))
            }
        }
    }

    #[inline(always)]
    pub fn store(
        &mut self,
        env: &mut Env<'_>,
        pc: usize,
        active: u32,
        space: Space,
        ty: Type,
        address: Address,
        from: &[Register],
    ) -> Result<(), Problem> {
        let addresses = self.addresses(address);
        let (bytes, all) = (ty.bytes(), ty.bytes() * from.len());
        for lane in lanes(active) {
            let address = addresses[lane];
            aligned(lane, address, all)?;
            let (space, address) = if space == Space::Generic { window::resolve(address) } else { (space, address) };
            for (i, register) in from.iter().enumerate() {
                let value = self.registers.get(*register, lane);
                let address = address.wrapping_add((i * bytes) as u64);
                self.store_one(env, pc, lane, space, address, bytes, value)?;
            }
        }
        Ok(())
    }

    #[inline(always)]
    fn store_one(
        &mut self,
        env: &mut Env<'_>,
        pc: usize,
        lane: usize,
        space: Space,
        address: u64,
        bytes: usize,
        value: u64,
    ) -> Result<(), Problem> {
        match space {
            Space::Shared => env.shared.store(Who { warp: self.number, lane }, address, bytes, value, Access::Write),
            Space::Local => self.local.store(lane, address, bytes, value),
            Space::Param => Problem::new(ILLEGAL_ADDRESS, lane, "parameters of a kernel are not written"),
            Space::Global | Space::Const | Space::Generic => {
                let (allocation, offset) = env.global(pc, lane, address, bytes, Access::Write)?;
                env.note_global(lane, address, bytes, allocation, offset, Access::Write)?;
                allocation.store(offset, bytes, value);
                Ok(())
            }
        }
    }

    /// `cp.async`, done at once: a missing wait is not noticed, all else is.
    pub fn copy_async(
        &mut self,
        env: &mut Env<'_>,
        pc: usize,
        active: u32,
        shared: Address,
        global: Address,
        bytes: usize,
        source_bytes: Option<Register>,
    ) -> Result<(), Problem> {
        let (to, from) = (self.addresses(shared), self.addresses(global));
        for lane in lanes(active) {
            aligned(lane, to[lane], bytes)?;
            aligned(lane, from[lane], bytes)?;
            let given = source_bytes.map_or(bytes, |r| (self.registers.get(r, lane) as usize).min(bytes));
            for at in 0..bytes {
                let value = if at < given {
                    self.load_one(env, pc, lane, Space::Global, from[lane] + at as u64, 1, true)?
                } else {
                    0
                };
                // Bytes of one piece: the grain of the watch is at most 4, and every byte of a piece has one writer.
                self.store_one(env, pc, lane, Space::Shared, to[lane] + at as u64, 1, value)?;
            }
        }
        Ok(())
    }
}
