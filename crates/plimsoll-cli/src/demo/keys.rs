//! The keyboard, if standard input is a terminal.

use parking_lot::Mutex;
use std::{
    io::{self, IsTerminal as _, Read as _},
    sync::Arc,
    thread,
};
use tokio::sync::Notify;

/// A reader of single keys. A drop or a panic restores the terminal.
#[derive(Debug)]
pub(super) struct Keys {
    quit: Arc<Notify>,
}

impl Keys {
    /// Starts reading keys, if standard input is a terminal. There is one reader at a time.
    pub(super) fn listen() -> Self {
        let quit = Arc::<Notify>::default();
        if io::stdin().is_terminal() && single::begin() {
            let told = Arc::clone(&quit);
            // It waits for a key to the end of the program.
            let _ = thread::Builder::new().name("demo-keys".into()).spawn(move || heed(&told));
        }
        Self { quit }
    }

    /// Waits until the user stops the demo.
    pub(super) async fn quit(&self) {
        self.quit.notified().await;
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        end();
    }
}

/// Restores the terminal's modes.
pub(super) fn end() {
    single::end();
}

fn heed(quit: &Notify) {
    for key in io::stdin().lock().bytes() {
        match key {
            Ok(b'q' | b'Q') => return quit.notify_one(),
            Ok(_) => {}
            Err(_) => return,
        }
    }
}

/// A guard during which the terminal passes on each key at once, without echo.
#[cfg(unix)]
mod single {
    use super::{Mutex, io};
    use rustix::{
        process::getpgrp,
        termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcgetpgrp, tcsetattr},
    };

    static BEFORE: Mutex<Option<Termios>> = Mutex::new(None);

    pub(super) fn begin() -> bool {
        let stdin = io::stdin();
        // In the background, touching the terminal would stop the program.
        if tcgetpgrp(&stdin).is_ok_and(|foreground| foreground != getpgrp()) {
            return false;
        }
        let Ok(before) = tcgetattr(&stdin) else { return false };
        let mut single = before.clone();
        single.local_modes.remove(LocalModes::ICANON | LocalModes::ECHO);
        *BEFORE.lock() = Some(before);
        tcsetattr(&stdin, OptionalActions::Now, &single).is_ok()
    }

    pub(super) fn end() {
        if let Some(before) = BEFORE.lock().take() {
            let _ = tcsetattr(io::stdin(), OptionalActions::Now, &before);
        }
    }
}

#[cfg(not(unix))]
mod single {
    pub(super) fn begin() -> bool {
        true
    }

    pub(super) fn end() {}
}
