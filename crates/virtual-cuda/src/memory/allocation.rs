//! One allocation: its bytes, and for each byte whether anything was ever written to it.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU16, AtomicU32, AtomicU64, Ordering::Relaxed};

/// Live memory of a device.
#[derive(Debug)]
pub struct Allocation {
    /// First device address.
    pub base: u64,
    /// Length in bytes, exactly as it was asked for.
    pub len: usize,
    /// The device that it belongs to.
    pub device: usize,
    /// Kernels may not write to it (`.const`).
    pub constant: bool,
    data: Box<[AtomicU64]>,
    /// One byte for each byte: 1 where it was written.
    written: Box<[AtomicU64]>,
    /// All bytes were written: nothing need be looked up.
    whole: AtomicBool,
}

impl Allocation {
    /// Memory that nobody has written to: its bytes are 0xff, which is NaN in every float type.
    pub fn new(base: u64, len: usize, device: usize, constant: bool) -> Allocation {
        let words = len.div_ceil(8);
        Allocation {
            base,
            len,
            device,
            constant,
            data: (0..words).map(|_| AtomicU64::new(u64::MAX)).collect(),
            written: (0..words).map(|_| AtomicU64::new(0)).collect(),
            whole: AtomicBool::new(false),
        }
    }

    fn byte(words: &[AtomicU64], offset: usize) -> *mut u8 {
        debug_assert!(offset < 8 * words.len());
        words.as_ptr().cast::<u8>().cast_mut().wrapping_add(offset)
    }

    fn read(words: &[AtomicU64], offset: usize, bytes: usize) -> u64 {
        let at = Self::byte(words, offset);
        assert!(offset + bytes <= 8 * words.len() && offset.is_multiple_of(bytes));
        // SAFETY: inside the words, aligned (both checked), and every access to them is atomic, so that kernels whose blocks run on
        // several threads cannot tear a value whatever they do.
        unsafe {
            match bytes {
                1 => u64::from(AtomicU8::from_ptr(at).load(Relaxed)),
                2 => u64::from(AtomicU16::from_ptr(at.cast()).load(Relaxed)),
                4 => u64::from(AtomicU32::from_ptr(at.cast()).load(Relaxed)),
                _ => AtomicU64::from_ptr(at.cast()).load(Relaxed),
            }
        }
    }

    fn write(words: &[AtomicU64], offset: usize, bytes: usize, value: u64) {
        let at = Self::byte(words, offset);
        assert!(offset + bytes <= 8 * words.len() && offset.is_multiple_of(bytes));
        // SAFETY: as in `read`.
        unsafe {
            match bytes {
                1 => AtomicU8::from_ptr(at).store(value as u8, Relaxed),
                2 => AtomicU16::from_ptr(at.cast()).store(value as u16, Relaxed),
                4 => AtomicU32::from_ptr(at.cast()).store(value as u32, Relaxed),
                _ => AtomicU64::from_ptr(at.cast()).store(value, Relaxed),
            }
        }
    }

    /// The value of 1, 2, 4 or 8 bytes at an aligned offset.
    #[inline]
    pub fn load(&self, offset: usize, bytes: usize) -> u64 {
        Self::read(&self.data, offset, bytes)
    }

    /// Write 1, 2, 4 or 8 bytes at an aligned offset.
    #[inline]
    pub fn store(&self, offset: usize, bytes: usize, value: u64) {
        Self::write(&self.data, offset, bytes, value);
        if !self.whole.load(Relaxed) {
            Self::write(&self.written, offset, bytes, 0x0101_0101_0101_0101);
        }
    }

    /// Were these (1, 2, 4 or 8, aligned) bytes written?
    #[inline]
    pub fn is_written(&self, offset: usize, bytes: usize) -> bool {
        self.whole.load(Relaxed) || {
            let ones = 0x0101_0101_0101_0101u64 >> (64 - 8 * bytes as u32);
            Self::read(&self.written, offset, bytes) == ones
        }
    }

    /// The first byte of a range that was never written.
    pub fn first_unwritten(&self, offset: usize, len: usize) -> Option<usize> {
        if self.whole.load(Relaxed) {
            return None;
        }
        (offset..offset + len).find(|&i| Self::read(&self.written, i, 1) == 0)
    }

    /// Bytes from the host.
    pub fn copy_in(&self, offset: usize, bytes: &[u8]) {
        assert!(offset + bytes.len() <= self.len);
        let mut at = 0;
        while at < bytes.len() {
            if (offset + at).is_multiple_of(8) && at + 8 <= bytes.len() {
                let word = u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"));
                Self::write(&self.data, offset + at, 8, word);
                at += 8;
            } else {
                Self::write(&self.data, offset + at, 1, u64::from(bytes[at]));
                at += 1;
            }
        }
        self.mark(offset, bytes.len(), true);
    }

    /// Bytes to the host.
    pub fn copy_out(&self, offset: usize, bytes: &mut [u8]) {
        assert!(offset + bytes.len() <= self.len);
        let mut at = 0;
        while at < bytes.len() {
            if (offset + at).is_multiple_of(8) && at + 8 <= bytes.len() {
                bytes[at..at + 8].copy_from_slice(&self.load(offset + at, 8).to_le_bytes());
                at += 8;
            } else {
                bytes[at] = self.load(offset + at, 1) as u8;
                at += 1;
            }
        }
    }

    /// Which bytes of a range were written, 1 or 0 each.
    pub fn written_map(&self, offset: usize, len: usize) -> Vec<u8> {
        if self.whole.load(Relaxed) {
            return vec![1; len];
        }
        (offset..offset + len).map(|i| Self::read(&self.written, i, 1) as u8).collect()
    }

    /// Take over a map of written bytes (a copy within a device carries it along).
    pub fn set_written_map(&self, offset: usize, map: &[u8]) {
        self.make_partial();
        for (i, &written) in map.iter().enumerate() {
            Self::write(&self.written, offset + i, 1, u64::from(written));
        }
    }

    /// Declare bytes written, or forgotten: a pool that hands memory out again can say so.
    pub fn mark(&self, offset: usize, len: usize, written: bool) {
        if written && offset == 0 && len == self.len {
            self.whole.store(true, Relaxed);
            return;
        }
        if written && self.whole.load(Relaxed) {
            return;
        }
        self.make_partial();
        for i in offset..offset + len {
            Self::write(&self.written, i, 1, u64::from(written));
        }
    }

    fn make_partial(&self) {
        if self.whole.swap(false, Relaxed) {
            for word in &self.written {
                word.store(0x0101_0101_0101_0101, Relaxed);
            }
        }
    }
}
