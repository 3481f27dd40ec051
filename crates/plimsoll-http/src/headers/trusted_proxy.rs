//! Proxies whose word on the client is believed.

use ipnet::IpNet;
use std::{fmt, net::IpAddr, str::FromStr};

/// A range of addresses whose word on the client is believed: `"10.0.0.0/8"`, `"::1"`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TrustedProxy(IpNet);

/// A text that is neither an address nor a network.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("expected an address or a network such as \"10.0.0.0/8\" or \"::1\", found {0:?}")]
pub struct ParseTrustedProxyError(String);

impl TrustedProxy {
    /// Returns whether `address` lies in the range. An IPv4 address mapped into IPv6 counts as IPv4.
    pub fn covers(&self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }
}

impl FromStr for TrustedProxy {
    type Err = ParseTrustedProxyError;

    fn from_str(text: &str) -> Result<Self, ParseTrustedProxyError> {
        let wrong = || ParseTrustedProxyError(text.to_owned());
        let text = text.trim();
        let network = if text.contains('/') {
            text.parse::<IpNet>().map_err(|_| wrong())?
        } else {
            IpNet::from(text.parse::<IpAddr>().map_err(|_| wrong())?)
        };
        // A range of mapped addresses is one of IPv4, as which they are compared.
        Ok(Self(match (network.addr().to_canonical(), network.prefix_len()) {
            (mapped @ IpAddr::V4(_), 96..) if network.addr().is_ipv6() => {
                IpNet::new(mapped, network.prefix_len() - 96).map_err(|_| wrong())?
            }
            _ => network,
        }))
    }
}

/// As it is read: a network with its prefix, a single address without.
impl fmt::Display for TrustedProxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.prefix_len() == self.0.max_prefix_len() { self.0.addr().fmt(f) } else { self.0.fmt(f) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_cover_what_they_say() {
        let covers =
            |net: &str, address: &str| net.parse::<TrustedProxy>().unwrap().covers(address.parse().unwrap());
        assert!(covers("10.0.0.0/8", "10.255.0.1") && !covers("10.0.0.0/8", "11.0.0.1"));
        assert!(covers("0.0.0.0/0", "8.8.8.8") && !covers("0.0.0.0/0", "::1"));
        assert!(covers("127.0.0.1", "::ffff:127.0.0.1"));
        assert!(covers("2001:db8::/32", "2001:db8:1::1") && !covers("2001:db8::/32", "2001:db9::1"));
        for wrong in ["", "10.0.0.0/33", "10.0.0/8", "::/129", "x"] {
            assert!(wrong.parse::<TrustedProxy>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_network_of_mapped_addresses_is_one_of_ipv4() {
        let mapped: TrustedProxy = "::ffff:10.0.0.0/104".parse().unwrap();
        assert_eq!(mapped, "10.0.0.0/8".parse().unwrap());
    }

    #[test]
    fn it_is_written_as_it_is_read() {
        for text in ["10.0.0.0/8", "127.0.0.1", "::1", "2001:db8::/32"] {
            assert_eq!(text.parse::<TrustedProxy>().unwrap().to_string(), text);
        }
    }
}
