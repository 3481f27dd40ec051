//! The server side over real sockets, and over pipes where time is an argument.

mod bodies;
mod requests;
mod responses;
mod slow;
mod support;
