//! The address under which a client is counted.

use std::net::{IpAddr, Ipv6Addr};

/// The part of an address that stands for one client, wherever clients are limited, hashed or told apart.
///
/// An IPv4 address mapped into IPv6 (RFC 4291, section 2.5.5.2) is that IPv4 address: a socket for both families shows
/// its IPv4 clients so. Of an IPv6 address it is the /64, since a peer with one address there has them all (RFC 7421).
///
/// ```
/// # use std::net::IpAddr;
/// use plimsoll_driver::client_network;
///
/// # fn main() -> Result<(), std::net::AddrParseError> {
/// assert_eq!(client_network("::ffff:192.0.2.7".parse()?), "192.0.2.7".parse::<IpAddr>()?);
/// assert_eq!(client_network("2001:db8::1".parse()?), client_network("2001:db8::ffff".parse()?));
/// # Ok(()) }
/// ```
pub fn client_network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
    }
}
