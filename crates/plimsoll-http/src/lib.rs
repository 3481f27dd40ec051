//! Problem details, replay bodies and header hygiene for HTTP services and proxies.
