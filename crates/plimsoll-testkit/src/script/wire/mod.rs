//! Scripts over real sockets, for drivers that have connections of their own.
//!
//! Time is virtual here too: it goes on when nothing has happened for a while, which is the one thing that a real clock is
//! asked for. A machine that is busy may be late all the same: what is expected is waited for, and [`agree`] believes a
//! difference when it has seen it again with much more patience.
//!
//! Such a driver has no journal. It counts what it decides, so what is compared is a [`Ledger`]: whatever its counts rose by
//! in each instant, and how each call ended.

mod ledger;
mod origin;
mod show;

use std::time::Duration;

pub use ledger::{Ledger, ended, of_reference};
pub use origin::Origin;
pub use show::{Activity, Wire, show};

/// For how long nothing happens before time goes on. A difference is believed after the last.
const QUIET: [Duration; 3] = [Duration::from_millis(2), Duration::from_millis(10), Duration::from_millis(50)];

/// Plays until the two agree; `play` is told for how long nothing must happen before time goes on.
///
/// # Errors
/// Both sides of the last difference, from shortly before it on. `replay` is the command that plays this script again.
pub async fn agree(
    expected: &Ledger,
    name: &str,
    replay: &str,
    mut play: impl AsyncFnMut(Duration) -> Ledger,
) -> Result<(), String> {
    let mut last = Ok(());
    for quiet in QUIET {
        last = super::compare::lines(&expected.lines(), &play(quiet).await.lines(), name, replay);
        if last.is_ok() {
            break;
        }
    }
    last
}
