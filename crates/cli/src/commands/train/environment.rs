//! The environment that training is fastest in.

/// Starts this program again with its surroundings set for training, where they are not yet: candle
/// would share single operations out among the cores that already have a shard each (half as fast),
/// and glibc would give back and ask again for every large tensor's memory (a third slower).
#[cfg(unix)]
pub(crate) fn begin_anew_with_better_surroundings() {
    use std::os::unix::process::CommandExt as _;
    const THREADS: &str = "CANDLE_NUM_THREADS";
    if std::env::var_os(THREADS).is_some() {
        return;
    }
    let Ok(program) = std::env::current_exe() else { return };
    let mut command = std::process::Command::new(program);
    command.args(std::env::args_os().skip(1)).env(THREADS, "1");
    for (variable, value) in [
        ("MALLOC_MMAP_THRESHOLD_", "1073741824"),
        ("MALLOC_TRIM_THRESHOLD_", "8589934592"),
        ("MALLOC_TOP_PAD_", "67108864"),
    ] {
        if std::env::var_os(variable).is_none() {
            command.env(variable, value);
        }
    }
    // Comes back only if it failed; then this process does the work, slower.
    let _ = command.exec();
}

#[cfg(not(unix))]
pub(crate) fn begin_anew_with_better_surroundings() {}
