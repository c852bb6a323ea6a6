//! Who is calling 访问控制: TLS 1.3 with a certificate on both sides, and what the name in
//! the caller's certificate allows.
//!
//! A node's certificate names `CODE.unit.wuji`, an operator's `CODE.operator.wuji`; `CODE`
//! is the division code in its short form. A chain of trust alone lets nobody act: every
//! call is checked against the name.
//!
//! * [`Access`]: what a service asks: may this caller do this?
//! * [`Caller`]: the name that a request came with.
//! * [`Identity`]: this node's certificate, and the authorities it trusts.
//! * [`TlsListener`]: connections whose handshake is done. [`TlsDial`]: the other end.
//! * [`Refusals`]: who was turned away, and why, for the status.

mod caller;
mod dial;
mod identity;
mod listen;
mod refusals;
#[cfg(test)]
pub(crate) mod testing;
mod verify;
mod words;

use std::sync::Arc;

use tonic::{Request, Status};
use wuji_proto::DivisionCode;

use crate::telemetry::Metrics;

pub use caller::Caller;
#[cfg(any(test, feature = "simulation"))]
pub use caller::InjectedIdentity;
pub(crate) use dial::{CONNECTION_WINDOW_BYTES, STREAM_WINDOW_BYTES};
pub use dial::{Dial, DialError, TlsDial, endpoint};
pub use identity::{Identity, IdentityError};
pub use listen::{CONNECTIONS_MAX, Connection, TlsListener};
pub use refusals::Refusals;
pub use words::explain;

/// The DNS name in the certificate of a unit's node.
pub fn unit_name(code: DivisionCode) -> String {
    format!("{code}.unit.wuji")
}

/// The DNS name in the certificate of an operator of a unit.
pub fn operator_name(code: DivisionCode) -> String {
    format!("{code}.operator.wuji")
}

/// The door that every service asks.
#[derive(Clone)]
pub struct Access {
    own: DivisionCode,
    metrics: Arc<Metrics>,
}

impl Access {
    /// The door of the unit `own`.
    pub fn new(own: DivisionCode, metrics: Arc<Metrics>) -> Self {
        Self { own, metrics }
    }

    /// Who sent the request; refused if it came without a certificate.
    pub fn caller<T>(&self, request: &Request<T>) -> Result<Caller, Status> {
        Caller::of(request).ok_or_else(|| {
            self.refuse(Status::unauthenticated("the call came without a certificate: connect with TLS and your own"))
        })
    }

    /// The caller, if it may operate this unit.
    pub fn require_operator<T>(&self, request: &Request<T>) -> Result<Caller, Status> {
        let caller = self.caller(request)?;
        if caller.may_operate(self.own) {
            return Ok(caller);
        }
        let own = self.own;
        Err(self.refuse(Status::permission_denied(format!(
            "your certificate is for {caller}; this is the node of {own}, which wants one for {}: \
             choose another context with -c, or ask the unit's administrator for a certificate",
            operator_name(own)
        ))))
    }

    /// The caller, if it is the node of the unit `code`.
    pub fn require_unit<T>(&self, request: &Request<T>, code: DivisionCode) -> Result<Caller, Status> {
        let caller = self.caller(request)?;
        self.check_unit(&caller, code)?;
        Ok(caller)
    }

    /// Whether an already known caller is the node of the unit `code`.
    pub fn check_unit(&self, caller: &Caller, code: DivisionCode) -> Result<(), Status> {
        if caller.is_unit(code) {
            return Ok(());
        }
        Err(self.refuse(Status::permission_denied(format!(
            "the call claims to be of unit {code}, but its certificate is for {caller}: \
             correct `code` in that node's configuration, or give it the certificate for {}",
            unit_name(code)
        ))))
    }

    fn refuse(&self, status: Status) -> Status {
        self.metrics.refused_callers.inc();
        tracing::debug!(unit = %self.own, reason = status.message(), "caller refused");
        status
    }
}

#[cfg(test)]
mod tls_tests;

#[cfg(test)]
mod tests {
    use tonic::Code;

    use super::*;

    fn request(names: &[&str]) -> Request<()> {
        let mut request = Request::new(());
        request.extensions_mut().insert(InjectedIdentity::new(names.iter().copied()));
        request
    }

    #[test]
    fn only_the_own_operator_may_operate_and_only_the_unit_itself_is_the_unit() {
        let metrics = Metrics::new();
        let own: DivisionCode = "3711".parse().unwrap();
        let access = Access::new(own, metrics.clone());
        assert!(access.require_operator(&request(&["3711.operator.wuji"])).is_ok());
        assert!(access.require_unit(&request(&["371122.unit.wuji"]), "371122".parse().unwrap()).is_ok());
        assert_eq!(metrics.refused_callers.get(), 0);

        for name in ["37.operator.wuji", "3711.unit.wuji", "3711.operator.wuji.example", "operator.wuji"] {
            let status = access.require_operator(&request(&[name])).unwrap_err();
            assert_eq!(status.code(), Code::PermissionDenied, "{name}");
            assert!(status.message().contains(name) && status.message().contains("3711.operator.wuji"), "{status}");
        }
        let status = access.require_unit(&request(&["371121.unit.wuji"]), "371122".parse().unwrap()).unwrap_err();
        assert!(status.message().contains("371121.unit.wuji"), "{status}");
        assert_eq!(access.require_operator(&Request::new(())).unwrap_err().code(), Code::Unauthenticated);
        assert_eq!(metrics.refused_callers.get(), 6);
    }
}
