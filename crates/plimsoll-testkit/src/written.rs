use parking_lot::{Mutex, MutexGuard};
use std::{io, sync::Arc};

/// A writer that keeps what is written, for tests of what a program logs. Clones share it.
///
/// ```
/// use plimsoll_testkit::Written;
/// use std::io::Write;
///
/// let log = Written::default();
/// writeln!(log.clone(), "a line").unwrap();
/// assert_eq!(log.text(), "a line\n");
/// ```
#[derive(Clone, Debug, Default)]
pub struct Written(Arc<Mutex<Vec<u8>>>);

impl Written {
    /// Returns everything written so far.
    ///
    /// # Panics
    /// If that is no UTF-8.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8(self.bytes().clone()).expect("what was written is text")
    }

    /// Returns everything written since the last time, and forgets it.
    ///
    /// # Panics
    /// If that is no UTF-8.
    pub fn take(&self) -> String {
        String::from_utf8(std::mem::take(&mut *self.bytes())).expect("what was written is text")
    }

    fn bytes(&self) -> MutexGuard<'_, Vec<u8>> {
        // Bytes are appended in one step.
        self.0.lock()
    }
}

impl io::Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
