//! Which client a request counts for: the peer's address, or the one that a trusted proxy forwards.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use axum::extract::ConnectInfo;
use axum::http::{Extensions, HeaderMap};

/// The client that a request counts for; the unspecified address where the connection's is not known. An IPv6
/// client is its /64 network, because a customer usually gets all of one.
pub(crate) fn client_ip(
    extensions: &Extensions,
    headers: &HeaderMap,
    behind_proxy: bool,
) -> IpAddr {
    let peer = extensions.get::<ConnectInfo<SocketAddr>>();
    let peer = peer.map_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED), |peer| peer.0.ip());
    // The last address is the one that the trusted proxy saw; clients can forge those before it.
    let forwarded = || {
        let value = headers.get_all("x-forwarded-for").iter().next_back()?.to_str().ok()?;
        parse_address(value.rsplit(',').next()?.trim())
    };
    client_network(if behind_proxy { forwarded().unwrap_or(peer) } else { peer })
}

/// An IPv4 address as it is, the /64 network of an IPv6 address.
pub(crate) fn client_network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        v4 => v4,
    }
}

/// An address as proxies write it: alone, in brackets, or with a port.
fn parse_address(text: &str) -> Option<IpAddr> {
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    bare.parse().ok().or_else(|| Some(text.parse::<SocketAddr>().ok()?.ip()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forwarded_address_counts_only_behind_a_proxy() {
        let mut headers = HeaderMap::new();
        headers.insert("x-forwarded-for", "1.1.1.1, 2.2.2.2".parse().expect("a header"));
        let connection = |address: SocketAddr| {
            let mut extensions = Extensions::new();
            extensions.insert(ConnectInfo(address));
            extensions
        };
        let peer = connection(([10, 0, 0, 9], 80).into());
        assert_eq!(client_ip(&peer, &headers, false), IpAddr::from([10, 0, 0, 9]));
        assert_eq!(client_ip(&peer, &headers, true), IpAddr::from([2, 2, 2, 2]));
        for written in ["203.0.113.7:51234", "[2001:db8::1]:443", "[2001:db8::1]", "2001:db8::1"] {
            headers.insert("x-forwarded-for", written.parse().expect("a header"));
            let found = client_ip(&peer, &headers, true).to_string();
            assert!(["203.0.113.7", "2001:db8::"].contains(&found.as_str()), "{written}: {found}");
        }
        let v6 =
            connection(("2001:db8:1:2:3::4".parse::<IpAddr>().expect("an address"), 80).into());
        let network: IpAddr = "2001:db8:1:2::".parse().expect("an address");
        assert_eq!(client_ip(&v6, &HeaderMap::new(), false), network);
    }
}
