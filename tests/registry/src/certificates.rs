//! Certificates made on the spot: the registry's CA, its own certificate in the state that was asked for, and one for a
//! client. Nothing is installed process-wide; the crypto provider is passed by hand.

use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use rustls::RootCertStore;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use serde::{Deserialize, Serialize};

use crate::options::{Options, Tls};

/// A client certificate and its key, as Docker's `certs.d` wants them in `client.cert` and `client.key`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct ClientIdentity {
    /// The certificate.
    pub certificate_pem: String,
    /// Its private key, PKCS#8.
    pub key_pem: String,
}

/// What a registry with TLS has.
pub(crate) struct Certificates {
    pub(crate) ca_pem: String,
    pub(crate) client: ClientIdentity,
    pub(crate) server: Arc<rustls::ServerConfig>,
}

impl Certificates {
    /// Makes a CA, and a server certificate for `names` that is what the options say.
    pub(crate) fn new(options: &Options, names: Vec<String>) -> Result<Self, String> {
        let failed = |error: rcgen::Error| format!("cannot make a certificate: {error}");
        let mut ca = parameters("layerkit-testing CA", Vec::new()).map_err(failed)?;
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        ca.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let ca_key = KeyPair::generate().map_err(failed)?;
        let ca_certificate = ca.self_signed(&ca_key).map_err(failed)?;
        let issuer = Issuer::from_params(&ca, &ca_key);

        let names = if options.tls == Tls::WrongName { vec!["wrong.example".into()] } else { names };
        let mut server = parameters("layerkit-testing registry", names).map_err(failed)?;
        server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        if options.tls == Tls::Expired {
            server.not_after = date_time_ymd(2021, 1, 1);
        }
        let server_key = KeyPair::generate().map_err(failed)?;
        let server_certificate = match options.tls {
            Tls::SelfSigned => server.self_signed(&server_key),
            _ => server.signed_by(&server_key, &issuer),
        }
        .map_err(failed)?;

        let mut client = parameters("layerkit-testing client", Vec::new()).map_err(failed)?;
        client.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let client_key = KeyPair::generate().map_err(failed)?;
        let client_certificate = client.signed_by(&client_key, &issuer).map_err(failed)?;

        let failed = |error: rustls::Error| format!("cannot serve TLS: {error}");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = rustls::ServerConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(failed)?;
        let builder = if options.client_ca {
            let mut roots = RootCertStore::empty();
            roots.add(ca_certificate.der().clone()).map_err(failed)?;
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
                .build()
                .map_err(|error| format!("cannot demand client certificates: {error}"))?;
            builder.with_client_cert_verifier(verifier)
        } else {
            builder.with_no_client_auth()
        };
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(server_key.serialize_der()));
        let mut config =
            builder.with_single_cert(vec![server_certificate.der().clone()], key).map_err(failed)?;
        if options.http2 {
            config.alpn_protocols.push(b"h2".to_vec());
        }
        config.alpn_protocols.push(b"http/1.1".to_vec());
        Ok(Self {
            ca_pem: ca_certificate.pem(),
            client: ClientIdentity {
                certificate_pem: client_certificate.pem(),
                key_pem: client_key.serialize_pem(),
            },
            server: Arc::new(config),
        })
    }
}

fn parameters(common_name: &str, names: Vec<String>) -> Result<CertificateParams, rcgen::Error> {
    let mut parameters = CertificateParams::new(names)?;
    parameters.distinguished_name.push(DnType::CommonName, common_name);
    parameters.not_before = date_time_ymd(2020, 1, 1);
    parameters.not_after = date_time_ymd(2049, 1, 1);
    Ok(parameters)
}
