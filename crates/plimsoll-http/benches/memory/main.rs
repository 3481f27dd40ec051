//! Savings by `Cow`, shared `Bytes` and kept buffers on this crate's hot paths, each beside the plain way to write the
//! same. `cargo xtask bench memory` reads the pairs.

mod before;

#[path = "../../src/files/buffers.rs"]
#[allow(
    dead_code,
    unused_imports,
    reason = "the module as it is, with its tests, not all of which a bench needs"
)]
mod buffers;

use bytes::Bytes;
use divan::{AllocProfiler, Bencher, black_box};
use plimsoll_http::{path::normalize, replay::Replay};
use std::{fs::File, os::unix::fs::FileExt, sync::Arc};

#[global_allocator]
static ALLOC: AllocProfiler = AllocProfiler::system();

fn main() {
    divan::main();
}

/// Nothing changes: `Cow` has nothing to own.
mod cow_clean_path {
    use super::{before, black_box, normalize};

    #[divan::bench(sample_size = 500)]
    fn before() -> String {
        before::normalize(black_box("/shop/orders/2024/17/items")).expect("a path")
    }

    #[divan::bench(sample_size = 500)]
    fn after() -> usize {
        normalize(black_box("/shop/orders/2024/17/items")).expect("a path").len()
    }
}

/// Something changes: the same work, with `Cow` or without.
mod cow_dotted_path {
    use super::{before, black_box, normalize};

    #[divan::bench(sample_size = 500)]
    fn before() -> String {
        before::normalize(black_box("/shop/./orders/../orders/17")).expect("a path")
    }

    #[divan::bench(sample_size = 500)]
    fn after() -> usize {
        normalize(black_box("/shop/./orders/../orders/17")).expect("a path").len()
    }
}

/// A body of 64 KiB in four chunks, sent twice.
mod bytes_sent_again {
    use super::{Bencher, Replay, before, black_box};

    #[divan::bench(sample_size = 500)]
    fn before(bencher: Bencher<'_, '_>) {
        let chunks = before::chunks();
        bencher.bench_local(|| before::sent_twice(black_box(&chunks)));
    }

    #[divan::bench(sample_size = 500)]
    fn after(bencher: Bencher<'_, '_>) {
        let chunks = before::chunks();
        bencher.bench_local(|| {
            let replay = Replay::new(before::Body::of(black_box(&chunks)), 1 << 20);
            before::drained(replay.body()) + before::drained(replay.body())
        });
    }
}

/// A chunk of a file read and handed on.
mod kept_buffers {
    use super::{
        Arc, Bencher, Bytes, File, FileExt,
        buffers::{Buffers, CHUNK},
    };

    fn file() -> File {
        // Any large file that is there; the page cache holds it after the first read.
        File::open(std::env::current_exe().expect("this program")).expect("readable")
    }

    #[divan::bench(sample_size = 20)]
    fn before(bencher: Bencher<'_, '_>) {
        let file = file();
        bencher.bench_local(|| {
            let mut chunk = vec![0; CHUNK];
            let read = file.read_at(&mut chunk, 0).expect("read");
            chunk.truncate(read);
            Bytes::from(chunk)
        });
    }

    #[divan::bench(sample_size = 20)]
    fn after(bencher: Bencher<'_, '_>) {
        let (file, buffers) = (file(), Arc::new(Buffers::default()));
        bencher.bench_local(|| {
            let mut chunk = buffers.take();
            let read = file.read_at(chunk.room(CHUNK), 0).expect("read");
            chunk.into_bytes(read)
        });
    }
}
