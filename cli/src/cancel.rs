//! Ctrl-C and SIGTERM cancel the operation under way, which then ends as a cancelled operation does: whole or not at all. A
//! second signal ends the command on the spot.

use std::sync::atomic::{AtomicI32, Ordering};
use std::thread;

use layerkit::CancelToken;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;

use crate::failure::{Failure, Outcome};

/// The signal that cancelled, or 0.
static SIGNAL: AtomicI32 = AtomicI32::new(0);

/// Cancels the token on the first signal.
pub fn on_signals(token: CancelToken) -> Outcome {
    let mut signals = Signals::new([SIGINT, SIGTERM])
        .map_err(|error| Failure::Message(format!("cannot listen to signals: {error}")))?;
    thread::spawn(move || {
        for signal in signals.forever() {
            if SIGNAL.swap(signal, Ordering::SeqCst) != 0 {
                // Does not return for a signal whose default is to end the process.
                let _ = emulate_default_handler(signal);
            }
            token.cancel();
        }
    });
    Ok(())
}

/// Remembers the signal that cancelled.
pub fn note(signal: i32) {
    SIGNAL.store(signal, Ordering::SeqCst);
}

/// What a shell makes of a process that the signal ended.
pub fn exit_code() -> u8 {
    match SIGNAL.load(Ordering::SeqCst) {
        0 => 1,
        signal => u8::try_from(128 + signal).unwrap_or(1),
    }
}
