//! The client side against scripted upstreams, over real sockets.

mod exchanges;
mod requests;
mod support;
