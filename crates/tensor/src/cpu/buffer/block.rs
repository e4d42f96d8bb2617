//! Memory from the system.

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::ptr::NonNull;

/// A cache line, and the widest vector register.
pub(super) const ALIGNMENT: usize = 64;
/// A huge page. Blocks of several begin at one, and the system is asked for such pages: a product that walks over rows of a large weight
/// then does not wait for the translation of each row's address.
const HUGE: usize = 2 << 20;
/// What the system's allocator gives without being asked for more; for more, Rust's library writes zeros over fresh pages, which are zero.
const PLAIN: usize = 16;

/// Memory with one owner; all bytes are initialised.
pub(super) struct Block {
    start: NonNull<u8>,
    size: usize,
    /// What the system gave, in which `start` lies.
    whole: NonNull<u8>,
}

// SAFETY: a block is plain memory with one owner; nothing in it belongs to a thread.
unsafe impl Send for Block {}
// SAFETY: as above; what is behind the pointers is reached through the owning buffer alone.
unsafe impl Sync for Block {}

fn alignment(size: usize) -> usize {
    if size >= 2 * HUGE { HUGE } else { ALIGNMENT }
}

fn layout(size: usize) -> Layout {
    Layout::from_size_align(size + alignment(size), PLAIN).expect("a size class is a valid allocation")
}

impl Block {
    /// `size` is not 0.
    pub fn new(size: usize) -> Option<Block> {
        // SAFETY: the size is not zero.
        let whole = NonNull::new(unsafe { alloc_zeroed(layout(size)) })?;
        let gap = whole.as_ptr().align_offset(alignment(size));
        // SAFETY: less than an alignment lies before the next aligned address, and that much more was asked for.
        let start = unsafe { whole.add(gap) };
        if size >= 2 * HUGE {
            ask_for_huge_pages(start, size);
        }
        Some(Block { start, size, whole })
    }

    pub fn start(&self) -> *mut u8 {
        self.start.as_ptr()
    }

    pub fn size(&self) -> usize {
        self.size
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        // SAFETY: it was allocated with this very layout, and has no owner any more.
        unsafe { dealloc(self.whole.as_ptr(), layout(self.size)) }
    }
}

#[cfg(target_os = "linux")]
fn ask_for_huge_pages(start: NonNull<u8>, size: usize) {
    // SAFETY: the range is a block's own, begins at a page, and the advice does not change what is in it. It may be refused.
    unsafe { libc::madvise(start.as_ptr().cast(), size / HUGE * HUGE, libc::MADV_HUGEPAGE) };
}

#[cfg(not(target_os = "linux"))]
fn ask_for_huge_pages(_: NonNull<u8>, _: usize) {}
