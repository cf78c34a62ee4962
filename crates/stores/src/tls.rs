//! TLS for PostgreSQL.

use rustls::ClientConfig;
use rustls::crypto::ring;
use rustls_platform_verifier::ConfigVerifierExt as _;
use tokio_postgres_rustls::MakeRustlsConnect;

/// A connector that trusts the machine's certificate authorities.
pub(crate) fn connector() -> Result<MakeRustlsConnect, String> {
    // Fails where another part of the program has installed one already, which is as good.
    let _ = ring::default_provider().install_default();
    let config = ClientConfig::with_platform_verifier().map_err(|error| error.to_string())?;
    Ok(MakeRustlsConnect::new(config))
}
