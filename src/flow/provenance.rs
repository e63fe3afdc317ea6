//! Who vouches for a credential.

use crate::model::Customer;

/// Who vouches that a credential is this browser's. What may follow from it depends on that:
/// promise 19.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Provenance {
    /// The seal: it names exactly this credential, which Tandem wrote to this browser.
    Seal,
    /// ECOM: by a response in the DW session of the request, or by its own cookies where it runs
    /// beside Tandem. It may hand over a shopper together with the session.
    Ecom,
    /// A Head, by the cookies of its response. It hands over tokens only and has no part in a DW
    /// session.
    Head,
    /// SLAS, by a signature: the token is genuine, but that does not make it this browser's own.
    Slas,
    /// Only the browser: any host of the domain may have set the cookie.
    Browser,
}

impl Provenance {
    /// Whether a credential of this provenance may change the shopper from `known`, whom the seal
    /// names, to `shopper`.
    #[must_use]
    pub fn may_identify(self, shopper: &Customer, known: Option<&Customer>) -> bool {
        match self {
            Self::Seal | Self::Ecom | Self::Head => true,
            Self::Slas | Self::Browser => known.is_none_or(|known| known == shopper),
        }
    }
}
