//! Keeps panics of decoders, which are caught, off the terminal.

use std::cell::Cell;
use std::panic;
use std::sync::Once;

thread_local! {
    static IS_QUIET: Cell<bool> = const { Cell::new(false) };
}

/// Runs something whose panic is caught by the caller: the panic prints nothing.
pub(crate) fn quietly<T>(run: impl FnOnce() -> T) -> T {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            // One decoder has threads of its own.
            let is_worker = || info.location().is_some_and(|at| at.file().contains("jpeg-decoder"));
            if !IS_QUIET.get() && !is_worker() {
                before(info);
            }
        }));
    });
    /// Resets the flag, in a panic, too.
    struct Loud(bool);
    impl Drop for Loud {
        fn drop(&mut self) {
            IS_QUIET.set(self.0);
        }
    }
    let _loud = Loud(IS_QUIET.replace(true));
    run()
}
