//! Hosts of the public internet, and those of one's own networks.

use std::net::{IpAddr, ToSocketAddrs};

use ureq::http::Uri;

use crate::DownloadError;
use crate::retry::Failure;
use crate::urls::{host, port};

/// Refuses hosts in this machine's own networks.
pub(crate) fn check_public(url: &Uri) -> Result<(), Failure> {
    let refused = |reason: &str| {
        let reason = reason.to_owned();
        Err(DownloadError::BadRequest { host: host(url), reason }.into())
    };
    let Some(name) = url.host() else { return refused("there is no host") };
    let name = name.trim_start_matches('[').trim_end_matches(']');
    let resolved = (name, port(url).unwrap_or(443)).to_socket_addrs();
    let Ok(mut addresses) = resolved else { return refused("its name cannot be resolved") };
    match addresses.all(|address| is_public(address.ip())) {
        true => Ok(()),
        false => refused("it is in a private network, and only public addresses are fetched"),
    }
}

/// Whether an address is of the public internet (IANA's special-purpose registries).
fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            !(v4.is_private()
                || v4.is_loopback()
                || v4.is_link_local()
                || v4.is_broadcast()
                || v4.is_documentation()
                || v4.is_multicast()
                || a == 0
                || a >= 240
                || (a == 100 && (64..128).contains(&b))
                || (a == 192 && b == 0 && c == 0)
                || (a == 198 && (18..20).contains(&b)))
        }
        IpAddr::V6(v6) => {
            let first = v6.segments()[0];
            // Global unicast is 2000::/3; of it, 2001:db8::/32 is for documents, and 2002::/16 hides IPv4 addresses.
            first & 0xE000 == 0x2000
                && !(first == 0x2001 && v6.segments()[1] == 0xDB8)
                && first != 0x2002
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_ones_own_networks_are_not_public() {
        for private in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.0.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "255.255.255.255",
            "198.18.0.1",
            "224.0.0.1",
            "::1",
            "fe80::1",
            "fc00::1",
            "::ffff:127.0.0.1",
            "2001:db8::1",
            "2002:7f00:1::",
        ] {
            assert!(!is_public(private.parse().expect("an address")), "{private}");
        }
        for public in ["8.8.8.8", "100.63.0.1", "172.32.0.1", "2606:4700::1111"] {
            assert!(is_public(public.parse().expect("an address")), "{public}");
        }
    }
}
