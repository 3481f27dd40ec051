//! Taking a lock that is free, and giving it back.

use crate::{ROUNDS, in_a_task};
use divan::{Bencher, black_box};
use plimsoll_task::lock;
use std::sync::Arc;

/// The same rounds on our lock and on tokio's.
macro_rules! pair {
    ($ours:ident, $tokios:ident, $new:expr, $tokio_new:expr, $lock:ident => $take:expr) => {
        #[divan::bench]
        fn $ours(bencher: Bencher<'_, '_>) {
            let lock = Arc::new($new);
            in_a_task(bencher, || {
                let $lock = Arc::clone(&lock);
                async move {
                    for _ in 0..ROUNDS {
                        drop(black_box($take));
                    }
                }
            });
        }

        #[divan::bench]
        fn $tokios(bencher: Bencher<'_, '_>) {
            let lock = Arc::new($tokio_new);
            in_a_task(bencher, || {
                let $lock = Arc::clone(&lock);
                async move {
                    for _ in 0..ROUNDS {
                        drop(black_box($take));
                    }
                }
            });
        }
    };
}

use tokio::sync;

pair!(mutex, tokio_mutex, lock::Mutex::new("m", 0_u64), sync::Mutex::new(0_u64), lock => lock.lock().await);
pair!(rwlock_read, tokio_rwlock_read, lock::RwLock::new("r", 0_u64), sync::RwLock::new(0_u64), lock => lock.read().await);
pair!(rwlock_write, tokio_rwlock_write, lock::RwLock::new("w", 0_u64), sync::RwLock::new(0_u64), lock => lock.write().await);
pair!(semaphore, tokio_semaphore, lock::Semaphore::new("s", 4), sync::Semaphore::new(4), lock => lock.acquire().await.expect("open"));
