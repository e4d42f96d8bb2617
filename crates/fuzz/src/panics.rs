//! Panics as values: what was said, and where.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::Once;

thread_local! {
    /// The last panic of this thread that is being caught, `None` where none is.
    static CAUGHT: RefCell<Option<String>> = const { RefCell::new(None) };
    static CATCHING: RefCell<bool> = const { RefCell::new(false) };
}

/// Runs `work`; a panic in it gives its place and message, and nothing is printed.
///
/// # Errors
/// Where `work` panics.
pub fn caught<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = take_hook();
        set_hook(Box::new(move |panic| {
            if CATCHING.with_borrow(|catching| *catching) {
                CAUGHT.set(Some(panic.to_string()));
            } else {
                before(panic);
            }
        }));
    });
    CATCHING.set(true);
    let outcome = catch_unwind(AssertUnwindSafe(work));
    CATCHING.set(false);
    outcome.map_err(|_| CAUGHT.take().unwrap_or_else(|| "a panic on another thread".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_told_with_its_place() {
        assert_eq!(caught(|| 7), Ok(7));
        let told = caught(|| panic!("no such {}", "word")).unwrap_err();
        assert!(told.contains("panics.rs") && told.contains("no such word"), "{told}");
    }
}
