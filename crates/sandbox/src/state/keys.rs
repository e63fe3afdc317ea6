//! The signing keys of SLAS: past, current and future.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::jws::{self, SigningKey};

/// How often a tenant can fetch the JWKS document within the window.
const FETCH_LIMIT: usize = 25;
const FETCH_WINDOW: Duration = Duration::from_secs(60);

/// All keys. The JWKS document lists the last past one, the current one and the future one.
pub(crate) struct KeyRing {
    past: Vec<SigningKey>,
    current: SigningKey,
    future: SigningKey,
    fetches: VecDeque<Instant>,
}

impl KeyRing {
    pub(crate) fn generate() -> Self {
        let [past, current, future] = std::array::from_fn(|_| SigningKey::generate());
        Self { past: vec![past], current, future, fetches: VecDeque::new() }
    }

    /// Makes the announced key the current one. Tokens of the retired key stay valid until they
    /// expire.
    pub(crate) fn rotate(&mut self) {
        let announced = std::mem::replace(&mut self.future, SigningKey::generate());
        let retired = std::mem::replace(&mut self.current, announced);
        self.past.push(retired);
    }

    pub(crate) fn current(&self) -> &SigningKey {
        &self.current
    }

    /// The key with the `kid` of this token.
    pub(crate) fn of(&self, token: &str) -> Option<&SigningKey> {
        let kid = jws::kid_of(token)?;
        self.all().find(|key| key.kid() == kid)
    }

    /// The document at `/jwks`.
    pub(crate) fn jwks(&self) -> Value {
        let recent = self.past.len().saturating_sub(1);
        let keys = self.past[recent..].iter().chain([&self.current, &self.future]);
        json!({"keys": keys.map(SigningKey::jwk).collect::<Vec<_>>()})
    }

    /// Counts a fetch of the document. The error is the time to wait when it exceeds the limit.
    pub(crate) fn fetch(&mut self, at: Instant) -> Result<(), Duration> {
        self.fetches.retain(|earlier| at - *earlier < FETCH_WINDOW);
        match self.fetches.front() {
            Some(oldest) if self.fetches.len() >= FETCH_LIMIT => {
                Err(FETCH_WINDOW.saturating_sub(at - *oldest))
            }
            _ => {
                self.fetches.push_back(at);
                Ok(())
            }
        }
    }

    fn all(&self) -> impl Iterator<Item = &SigningKey> {
        self.past.iter().chain([&self.current, &self.future])
    }
}
