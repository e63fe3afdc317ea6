//! Identifiers and opaque values in the formats of the platform.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand;
use base64::Engine;
use base64::engine::general_purpose::{URL_SAFE, URL_SAFE_NO_PAD};

/// A random UUID, version 4.
pub(super) fn uuid() -> String {
    let mut bytes: [u8; 16] = random();
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    let digits = hex(&bytes);
    format!(
        "{}-{}-{}-{}-{}",
        &digits[..8],
        &digits[8..12],
        &digits[12..16],
        &digits[16..20],
        &digits[20..]
    )
}

/// Whether the text has the format of a UUID.
pub(super) fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.char_indices().all(|(at, letter)| match at {
            8 | 13 | 18 | 23 => letter == '-',
            _ => letter.is_ascii_hexdigit(),
        })
}

/// A customer id: 26 letters and digits that begin with this prefix.
pub(super) fn customer_id(prefix: &str) -> String {
    const LETTERS: &[u8; 62] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    let letters = random::<24>().map(|byte| char::from(LETTERS[usize::from(byte) % LETTERS.len()]));
    prefix.chars().chain(letters).collect()
}

/// A refresh token: two parts of 43 characters, joined by a dot.
pub(super) fn refresh_token() -> String {
    format!("{}.{}", opaque(), opaque())
}

/// An opaque value of 43 characters: authorization codes and CSRF tokens.
pub(super) fn opaque() -> String {
    URL_SAFE_NO_PAD.encode(random::<32>())
}

/// A DW session id (or secure token): 88 characters that end in `==`.
pub(super) fn session_id() -> String {
    URL_SAFE.encode(random::<64>())
}

/// A basket or item id: 26 hexadecimal digits.
pub(super) fn document_id() -> String {
    hex(&random::<13>())
}

/// The id of an access token: `C2C` and digits.
pub(super) fn token_id() -> String {
    format!("C2C{}", u128::from_be_bytes(random()))
}

/// The 32 hexadecimal digits that distinguish the cookies of different sites.
pub(super) fn site_hash(site: &str) -> String {
    hex(&digest(&SHA256, site.as_bytes()).as_ref()[..16])
}

/// The S256 challenge of a PKCE verifier (RFC 7636 section 4.2); also a fingerprint for display.
pub(super) fn sha256(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, text.as_bytes()))
}

fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    #[expect(clippy::expect_used, reason = "a machine without randomness cannot run a sandbox")]
    rand::fill(&mut bytes).expect("the operating system provides randomness");
    bytes
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let pairs = bytes.iter().flat_map(|byte| [byte >> 4, byte & 0x0f]);
    pairs.map(|nibble| char::from(DIGITS[usize::from(nibble)])).collect()
}
