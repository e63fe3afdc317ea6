//! Who says who the shopper is.

use crate::model::Customer;

/// Who says who the shopper is. What may follow from it depends on who says it: promise 19.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Provenance {
    /// Our seal: it names the very credential that we wrote to this browser.
    Seal,
    /// ECOM: by a response in the DW session it was asked in, or by cookies of its own where it
    /// stands beside Tandem. It may hand over a shopper together with the session.
    Ecom,
    /// A Head, by the cookies of its response. It hands over tokens only and has no part in a DW
    /// session.
    Head,
    /// SLAS, by a signature: the token is genuine, but not by that this browser's own.
    Slas,
    /// Only the browser: any host of the domain may have set the cookie.
    Browser,
}

impl Provenance {
    /// Whether what it says may make `shopper` of the shopper `known` by our seal.
    #[must_use]
    pub fn may_identify(self, shopper: &Customer, known: Option<&Customer>) -> bool {
        match self {
            Self::Seal | Self::Ecom | Self::Head => true,
            Self::Slas | Self::Browser => known.is_none_or(|known| known == shopper),
        }
    }
}
