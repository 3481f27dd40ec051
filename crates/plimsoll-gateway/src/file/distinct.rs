//! Lists in which nothing stands twice.

use plimsoll::config::{Located, Reader};

/// Whether no two are alike. Each that another stood before is a fault at its location.
pub(super) fn distinct<T: PartialEq>(items: &[Located<T>], what: &str, reader: &mut Reader<'_>) -> bool {
    distinct_by(items, |item| item, what, reader)
}

/// The same by a part of each.
pub(super) fn distinct_by<T, K: PartialEq>(
    items: &[Located<T>],
    key: impl Fn(&T) -> &K,
    what: &str,
    reader: &mut Reader<'_>,
) -> bool {
    let mut distinct = true;
    for (at, item) in items.iter().enumerate() {
        let Some(first) = items[..at].iter().find(|earlier| key(earlier.get()) == key(item.get())) else {
            continue;
        };
        // A table is not quoted: what makes it like the other is a part of it.
        let shown = if item.shown() == "a table" { format!("this {what}") } else { item.shown().to_owned() };
        let problem = format!("{shown} stands already at {}", first.location());
        reader.push(item.fault(problem).expecting(format!("every {what} once")));
        distinct = false;
    }
    distinct
}
