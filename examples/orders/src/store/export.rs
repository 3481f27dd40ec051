use super::{Store, StoreError, page};
use crate::domain::Order;
use futures_util::stream::{self, Stream, TryStreamExt};

/// Orders read at once. What an export holds in memory, and no more.
const PAGE: u16 = 200;

/// One row of an export.
pub type Row = Order;

/// Every order, by number, a page at a time.
///
/// A cursor of the database would be one snapshot, and hold a connection, a transaction and what it keeps from being
/// cleaned up for as long as the slowest client likes to read. Pages by key hold a connection only while one is read; an
/// order that is placed meanwhile may be in the export.
pub fn all(store: Store) -> impl Stream<Item = Result<Row, StoreError>> + Send + 'static {
    let pages = stream::try_unfold(Some(0), move |after| {
        let store = store.clone();
        async move {
            let Some(after) = after else { return Ok::<_, StoreError>(None) };
            let orders = page(&mut *store.connection().await?, after, PAGE).await?;
            let whole = orders.len() == usize::from(PAGE);
            let next = orders.last().filter(|_| whole).map(|order| order.id.number());
            Ok(Some((stream::iter(orders.into_iter().map(Ok)), next)))
        }
    });
    pages.try_flatten()
}
