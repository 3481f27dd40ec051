//! Lists in which nothing stands twice.

use plimsoll::file::{Placed, Reader};

/// Whether no two are alike. Each that another stood before is a fault at its place.
pub(super) fn distinct<T: PartialEq>(items: &[Placed<T>], what: &str, reader: &mut Reader<'_>) -> bool {
    let mut distinct = true;
    for (at, item) in items.iter().enumerate() {
        let Some(first) = items[..at].iter().find(|earlier| earlier == &item) else { continue };
        let problem = format!("{} stands already at {}", item.shown(), first.place());
        reader.push(item.fault(problem).expecting(format!("every {what} once")));
        distinct = false;
    }
    distinct
}
