use rustls::ClientConfig;
use rustls::crypto::ring;
use rustls_platform_verifier::ConfigVerifierExt as _;
use tokio_postgres_rustls::MakeRustlsConnect;

/// TLS by the certificates that the machine trusts.
pub(crate) fn connector() -> Result<MakeRustlsConnect, String> {
    // Another part of the program may have chosen one: that is as good.
    let _ = ring::default_provider().install_default();
    let config = ClientConfig::with_platform_verifier().map_err(|error| error.to_string())?;
    Ok(MakeRustlsConnect::new(config))
}
