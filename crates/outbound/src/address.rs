//! Which addresses may be called: a receiver's name is somebody else's to point at our own network (SSRF).
//!
//! Judged by the IANA special-purpose registries (RFC 6890 and its updates). IPv6 forms that carry an IPv4 address
//! (mapped, compatible, 6to4, NAT64) are judged by what they carry.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Where an address leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// The public network.
    Public,
    /// Loopback, private, link-local, carrier-grade NAT: reached only when the configuration allows it.
    Private,
    /// Unspecified, multicast, reserved, documentation, cloud metadata: never reached.
    Never,
}

/// Judges an address.
pub fn reach(address: IpAddr) -> Reach {
    match address {
        IpAddr::V4(address) => reach_v4(address),
        IpAddr::V6(address) => reach_v6(address),
    }
}

/// Where clouds hand out credentials to whoever asks from inside.
const METADATA_V4: [Ipv4Addr; 4] = [
    Ipv4Addr::new(169, 254, 169, 254),
    Ipv4Addr::new(169, 254, 170, 2),
    Ipv4Addr::new(169, 254, 170, 23),
    Ipv4Addr::new(100, 100, 100, 200),
];
const METADATA_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);

fn reach_v4(address: Ipv4Addr) -> Reach {
    if METADATA_V4.contains(&address) {
        return Reach::Never;
    }
    match address.octets() {
        [10 | 127, ..]
        | [172, 16..=31, ..]
        | [192, 168, ..]
        | [169, 254, ..]
        | [100, 64..=127, ..]
        | [198, 18..=19, ..] => Reach::Private,
        [0 | 224..=255, ..]
        | [192, 0, 0 | 2, _]
        | [192, 88, 99, _]
        | [198, 51, 100, _]
        | [203, 0, 113, _] => Reach::Never,
        _ => Reach::Public,
    }
}

fn reach_v6(address: Ipv6Addr) -> Reach {
    if address.is_unspecified() || address == METADATA_V6 {
        return Reach::Never;
    }
    if address.is_loopback() {
        return Reach::Private;
    }
    let carried = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        reach_v4(Ipv4Addr::new(a, b, c, d))
    };
    match address.segments() {
        // Compatible, mapped, translated (SIIT), NAT64 by its well-known prefix.
        [0, 0, 0, 0, 0, 0, high, low]
        | [0, 0, 0, 0, 0, 0xffff, high, low]
        | [0, 0, 0, 0, 0xffff, 0, high, low]
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low]
        // 6to4.
        | [0x2002, high, low, ..] => carried(high, low),
        // A network's own NAT64; unique local, link-local, site-local.
        [0x64, 0xff9b, 1, ..] | [0xfc00..=0xfdff, ..] | [0xfe80..=0xfeff, ..] => Reach::Private,
        // Protocol assignments (Teredo, ORCHID, benchmarks) and documentation.
        [0x2001, 0..=0x1ff, ..] | [0x2001, 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => Reach::Never,
        [0x2000..=0x3fff, ..] => Reach::Public,
        _ => Reach::Never,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(addresses: &[&str], expected: Reach) {
        for address in addresses {
            assert_eq!(reach(address.parse().unwrap()), expected, "{address}");
        }
    }

    #[test]
    fn public_addresses_are_public() {
        all(
            &[
                "1.1.1.1",
                "8.8.8.8",
                "172.15.255.255",
                "172.32.0.0",
                "100.63.255.255",
                "100.128.0.0",
                "192.167.255.255",
                "198.17.0.1",
                "198.20.0.1",
                "223.255.255.255",
                "2606:4700::1111",
                "2a00:1450::1",
                "2001:4860:4860::8888",
            ],
            Reach::Public,
        );
    }

    #[test]
    fn private_addresses_are_private() {
        all(
            &[
                "127.0.0.1",
                "127.255.255.254",
                "10.0.0.1",
                "172.16.0.1",
                "172.31.255.255",
                "192.168.1.1",
                "169.254.1.1",
                "100.64.0.1",
                "100.127.255.255",
                "198.18.0.1",
                "::1",
                "fc00::1",
                "fd12:3456::1",
                "fe80::1",
                "fec0::1",
                "64:ff9b:1::1",
            ],
            Reach::Private,
        );
    }

    #[test]
    fn what_is_reserved_is_never_reached() {
        all(
            &[
                "0.0.0.0",
                "0.1.2.3",
                "169.254.169.254",
                "169.254.170.2",
                "100.100.100.200",
                "192.0.0.1",
                "192.0.2.1",
                "192.88.99.1",
                "198.51.100.1",
                "203.0.113.1",
                "224.0.0.1",
                "239.255.255.255",
                "240.0.0.1",
                "255.255.255.255",
                "::",
                "ff02::1",
                "fd00:ec2::254",
                "2001::1",
                "2001:db8::1",
                "100::1",
                "3fff::1",
                "4000::1",
            ],
            Reach::Never,
        );
    }

    #[test]
    fn an_ipv6_form_is_what_it_carries() {
        for form in ["::", "::ffff:", "::ffff:0:", "64:ff9b::"] {
            all(
                &[&format!("{form}7f00:1"), &format!("{form}a00:1"), &format!("{form}c0a8:101")],
                Reach::Private,
            );
            all(&[&format!("{form}a9fe:a9fe"), &format!("{form}e000:1")], Reach::Never);
            all(&[&format!("{form}808:808")], Reach::Public);
        }
        all(&["2002:7f00:1::", "2002:a00:1::1"], Reach::Private);
        all(&["2002:a9fe:a9fe::1"], Reach::Never);
        all(&["2002:808:808::1"], Reach::Public);
    }
}
