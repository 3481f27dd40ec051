//! Kept read buffers beside fresh ones. `cargo xtask bench memory` reads the pairs.

#[path = "../src/buffer.rs"]
#[allow(
    dead_code,
    unreachable_pub,
    unused_imports,
    reason = "the module as it is, with its tests, not all of which a bench needs"
)]
mod buffer;
#[path = "../src/transport.rs"]
#[allow(dead_code, unreachable_pub, reason = "the module as it is")]
mod transport;

use divan::{AllocProfiler, black_box};

#[global_allocator]
static ALLOC: AllocProfiler = AllocProfiler::system();

fn main() {
    divan::main();
}

/// Room for one read of a connection that was idle, and the head split off. Hardly a gain in time: what is saved is the
/// buffer of each connection that waits.
mod kept_read_buffers {
    use super::{
        black_box,
        buffer::{self, Size},
    };
    use bytes::{BufMut as _, BytesMut};

    const HEAD: &[u8] = &[b'h'; 200];

    #[divan::bench(sample_size = 500)]
    fn before() -> usize {
        let mut room = BytesMut::with_capacity(Size::Small.bytes());
        room.put_slice(black_box(HEAD));
        room.split().freeze().len()
    }

    #[divan::bench(sample_size = 500)]
    fn after() -> usize {
        let mut room = buffer::take(Size::Small);
        room.put_slice(black_box(HEAD));
        let len = room.split().freeze().len();
        buffer::give(room, Size::Small);
        len
    }
}

/// The same for reads of 128 KiB, as a large body takes them.
mod kept_large_buffers {
    use super::{
        black_box,
        buffer::{self, Size},
    };
    use bytes::{BufMut as _, BytesMut};

    #[divan::bench(sample_size = 20)]
    fn before() -> usize {
        let mut room = BytesMut::with_capacity(Size::Large.bytes());
        room.put_bytes(black_box(b'b'), Size::Large.bytes());
        room.split().freeze().len()
    }

    #[divan::bench(sample_size = 20)]
    fn after() -> usize {
        let mut room = buffer::take(Size::Large);
        room.put_bytes(black_box(b'b'), Size::Large.bytes());
        let len = room.split().freeze().len();
        buffer::give(room, Size::Large);
        len
    }
}
