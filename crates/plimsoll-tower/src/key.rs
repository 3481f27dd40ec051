use plimsoll_driver::client_network;
use std::net::IpAddr;

/// The bytes that a request is counted under: borrowed from the request, or owned.
///
/// ```
/// # use plimsoll_tower::Key;
/// assert_eq!(Key::from("api.example").as_bytes(), b"api.example");
/// assert_eq!(Key::from(std::net::IpAddr::from([192, 0, 2, 7])).as_bytes(), [192, 0, 2, 7]);
/// ```
#[derive(Clone, Debug)]
pub struct Key<'r>(Bytes<'r>);

#[derive(Clone, Debug)]
enum Bytes<'r> {
    Borrowed(&'r [u8]),
    Own { bytes: [u8; 16], length: u8 },
    Made(Box<[u8]>),
}

impl Key<'_> {
    /// Returns the bytes.
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Bytes::Borrowed(bytes) => bytes,
            Bytes::Own { bytes, length } => &bytes[..usize::from(*length)],
            Bytes::Made(bytes) => bytes,
        }
    }
}

impl<'r> From<&'r [u8]> for Key<'r> {
    #[inline]
    fn from(bytes: &'r [u8]) -> Self {
        Self(Bytes::Borrowed(bytes))
    }
}

impl<'r> From<&'r str> for Key<'r> {
    #[inline]
    fn from(text: &'r str) -> Self {
        Self::from(text.as_bytes())
    }
}

/// A key that is computed from the request. It costs an allocation; a borrowed key does not.
impl From<Vec<u8>> for Key<'_> {
    fn from(bytes: Vec<u8>) -> Self {
        Self(Bytes::Made(bytes.into()))
    }
}

impl From<u64> for Key<'_> {
    fn from(number: u64) -> Self {
        own(&number.to_le_bytes())
    }
}

impl From<IpAddr> for Key<'_> {
    /// IPv6 addresses count by their /64: a peer with one address there has them all.
    fn from(address: IpAddr) -> Self {
        match client_network(address) {
            IpAddr::V4(address) => own(&address.octets()),
            IpAddr::V6(address) => own(&address.octets()[..8]),
        }
    }
}

fn own<'r>(of: &[u8]) -> Key<'r> {
    let mut bytes = [0; 16];
    bytes[..of.len()].copy_from_slice(of);
    Key(Bytes::Own { bytes, length: of.len() as u8 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_client_is_one_key() {
        let key = |text: &str| Key::from(text.parse::<IpAddr>().unwrap()).as_bytes().to_vec();
        assert_eq!(key("2001:db8::1"), key("2001:db8::ffff"));
        assert_ne!(key("2001:db8::1"), key("2001:db8:0:1::1"));
        assert_eq!(key("::ffff:192.0.2.7"), key("192.0.2.7"));
    }
}
