//! What a thread does with the operations that run on it: whether they are recorded, watched, and where they count as called.

use std::panic::Location;

use unrolled_tensor::Modes;

/// Where in a program an operation was called.
pub(crate) type Site = &'static Location<'static>;

/// While it lives, operations on this thread are not recorded. See [`no_grad`].
///
/// A guard counts for its own thread only: a worker enters one itself.
#[derive(Debug)]
pub struct NoGrad(std::marker::PhantomData<*const ()>);

impl NoGrad {
    /// Stops recording on this thread until dropped.
    #[must_use = "recording goes on when the guard is dropped"]
    #[allow(clippy::new_without_default)]
    pub fn new() -> NoGrad {
        Modes::change(|modes| modes.paused += 1);
        NoGrad(std::marker::PhantomData)
    }
}

impl Drop for NoGrad {
    fn drop(&mut self) {
        Modes::change(|modes| modes.paused = modes.paused.saturating_sub(1));
    }
}

/// Runs `work` without recording its operations.
///
/// ```
/// use unrolled_autograd::{no_grad, Var};
/// use unrolled_tensor::{Device, Tensor};
/// let x = Var::leaf(Tensor::scalar(2f32, &Device::cpu()));
/// assert!(!no_grad(|| x.exp()).is_tracked());
/// assert!(x.exp().is_tracked());
/// ```
pub fn no_grad<T>(work: impl FnOnce() -> T) -> T {
    let _guard = NoGrad::new();
    work()
}

/// Whether operations on this thread are recorded now.
pub fn is_recording() -> bool {
    Modes::now().paused == 0
}

/// Whether this thread's values are watched now; see [`detect_anomaly`](crate::detect_anomaly).
pub fn is_watched() -> bool {
    Modes::now().watched
}

/// Where an operation counts as called: at the caller, unless an [`At`] says otherwise.
#[track_caller]
pub(crate) fn site() -> Site {
    let caller = Location::caller();
    Modes::now().site.unwrap_or(caller)
}

/// While it lives, operations on this thread count as called at one place: a composite operation's caller, or the forward call
/// that a rule works for.
pub(crate) struct At {
    before: Option<Site>,
    _of_this_thread: std::marker::PhantomData<*const ()>,
}

impl At {
    pub fn new(site: Site) -> At {
        At::set(Some(site))
    }

    /// The caller of a composite operation that calls others in closures, which know nothing of their callers.
    #[track_caller]
    pub fn caller() -> At {
        At::new(site())
    }

    fn set(site: Option<Site>) -> At {
        let before = Modes::now().site;
        Modes::change(|modes| modes.site = site);
        At { before, _of_this_thread: std::marker::PhantomData }
    }
}

impl Drop for At {
    fn drop(&mut self) {
        Modes::change(|modes| modes.site = self.before);
    }
}

/// While it lives, this thread's values are watched, or not.
pub(crate) struct Watch {
    pub before: bool,
    _of_this_thread: std::marker::PhantomData<*const ()>,
}

impl Watch {
    pub fn new(watched: bool) -> Watch {
        let before = Modes::now().watched;
        Modes::change(|modes| modes.watched = watched);
        Watch { before, _of_this_thread: std::marker::PhantomData }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        Modes::change(|modes| modes.watched = self.before);
    }
}

/// Runs `work` as a forward pass within a backward pass: recorded, and watched where the backward pass is.
pub(crate) fn forward_again<T>(watched: bool, work: impl FnOnce() -> T) -> T {
    Modes { paused: 0, watched, site: None, ..Modes::now() }.during(work)
}
