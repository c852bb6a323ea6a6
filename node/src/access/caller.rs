use std::fmt;
use std::sync::Arc;

use rustls::pki_types::{CertificateDer, ServerName};
use tonic::Request;
use tonic::transport::server::{TcpConnectInfo, TlsConnectInfo};
use webpki::EndEntityCert;
use wuji_proto::DivisionCode;

use super::{operator_name, unit_name};

/// Who sent a request. The certificate was verified when the connection was made.
#[derive(Clone)]
pub struct Caller(Who);

#[derive(Clone)]
enum Who {
    /// The peer's chain, its own certificate first.
    Certificates(Arc<Vec<CertificateDer<'static>>>),
    /// The names of a certificate that a simulation does without.
    #[cfg(any(test, feature = "simulation"))]
    Injected(InjectedIdentity),
}

/// The names of a simulated caller, put into the extensions of its requests (for example
/// by the `connect_info` of a simulated connection). Compiled for tests only.
#[cfg(any(test, feature = "simulation"))]
#[derive(Clone, Debug)]
pub struct InjectedIdentity(Arc<[String]>);

#[cfg(any(test, feature = "simulation"))]
impl InjectedIdentity {
    /// With these DNS names.
    pub fn new<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        Self(names.into_iter().map(str::to_owned).collect())
    }
}

impl Caller {
    /// The sender of a request; `None` without certificate.
    pub fn of<T>(request: &Request<T>) -> Option<Self> {
        #[cfg(any(test, feature = "simulation"))]
        if let Some(injected) = request.extensions().get::<InjectedIdentity>() {
            return Some(Self(Who::Injected(injected.clone())));
        }
        let info = request.extensions().get::<TlsConnectInfo<TcpConnectInfo>>()?;
        info.peer_certs().map(|chain| Self(Who::Certificates(chain)))
    }

    /// Whether it is the node of this unit.
    pub fn is_unit(&self, code: DivisionCode) -> bool {
        self.is_named(&unit_name(code))
    }

    /// Whether it may operate the node of the unit `own`. A higher unit's operator may not:
    /// personal values stop at their ceiling, and a village answers for its own ledger.
    pub fn may_operate(&self, own: DivisionCode) -> bool {
        self.is_named(&operator_name(own))
    }

    fn is_named(&self, name: &str) -> bool {
        match &self.0 {
            Who::Certificates(chain) => {
                let Ok(name) = ServerName::try_from(name) else { return false };
                let certificate = chain.first().and_then(|own| EndEntityCert::try_from(own).ok());
                certificate.is_some_and(|own| own.verify_is_valid_for_subject_name(&name).is_ok())
            }
            #[cfg(any(test, feature = "simulation"))]
            Who::Injected(InjectedIdentity(names)) => names.iter().any(|own| own == name),
        }
    }
}

impl fmt::Display for Caller {
    /// The names that it may use.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = match &self.0 {
            Who::Certificates(chain) => chain.first().map_or_else(Vec::new, names),
            #[cfg(any(test, feature = "simulation"))]
            Who::Injected(InjectedIdentity(names)) => names.to_vec(),
        };
        if names.is_empty() { f.write_str("no name") } else { f.write_str(&names.join(", ")) }
    }
}

impl fmt::Debug for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Caller({self})")
    }
}

/// The DNS names in a certificate.
pub(super) fn names(certificate: &CertificateDer<'_>) -> Vec<String> {
    let Ok(parsed) = EndEntityCert::try_from(certificate) else { return Vec::new() };
    parsed.valid_dns_names().map(str::to_owned).collect()
}
