//! The outbound client.
