//! What a thread is in the middle of, beside computing.

use std::cell::Cell;
use std::panic::Location;

/// What a thread is in the middle of: for a layer above, like one that records operations, and for a backend that shares its threads.
///
/// A thread that waits for others to do their part of a verb takes up any other task meanwhile, somebody else's too. So a CPU device's verbs run where all of this
/// is as in a fresh thread, and [`Device::run`](crate::Device::run) brings its caller's modes along: no task sees those of another.
///
/// ```
/// use unrolled_tensor::{Device, Modes};
/// let paused = Modes { paused: 1, ..Modes::default() };
/// let seen = paused.during(|| Device::cpu().run(|| Modes::now().paused));
/// assert_eq!((seen, Modes::now().paused), (1, 0));
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Modes {
    /// How many have asked that operations are not recorded.
    pub paused: usize,
    /// Whether values are looked at.
    pub watched: bool,
    /// Where operations count as called, if not where they are.
    pub site: Option<&'static Location<'static>>,
    /// How many [`catch_device_error`](crate::catch_device_error) it is within.
    pub caught: usize,
}

thread_local! {
    static NOW: Cell<Modes> = const { Cell::new(Modes { paused: 0, watched: false, site: None, caught: 0 }) };
}

impl Modes {
    /// This thread's.
    pub fn now() -> Modes {
        NOW.get()
    }

    /// Changes this thread's.
    pub fn change(change: impl FnOnce(&mut Modes)) {
        let mut now = NOW.get();
        change(&mut now);
        NOW.set(now);
    }

    /// Runs `work` in these modes; then this thread's are what they were, after a panic too.
    pub fn during<T>(self, work: impl FnOnce() -> T) -> T {
        struct Before(Modes);
        impl Drop for Before {
            fn drop(&mut self) {
                NOW.set(self.0);
            }
        }
        let _before = Before(NOW.replace(self));
        work()
    }
}
