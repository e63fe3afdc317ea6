//! Which clients are crawlers, by the words in their `User-Agent`. No I/O.

use aho_corasick::{AhoCorasick, BuildError, MatchKind};

/// Recognises crawlers.
#[derive(Clone, Debug)]
pub struct CrawlerRule {
    /// The words, then the exceptions.
    parts: AhoCorasick,
    words: usize,
}

impl CrawlerRule {
    /// A client is a crawler if its user agent contains one of `words` outside of all `exceptions`,
    /// in any case.
    ///
    /// # Errors
    ///
    /// When there are too many words to search for at once.
    pub fn new(words: &[String], exceptions: &[String]) -> Result<Self, BuildError> {
        // An empty word would match every client.
        let kept = |texts: &[String]| {
            texts.iter().filter(|text| !text.is_empty()).cloned().collect::<Vec<_>>()
        };
        let words = kept(words);
        // The longest match covers the words inside an exception.
        let mut builder = AhoCorasick::builder();
        builder.ascii_case_insensitive(true).match_kind(MatchKind::LeftmostLongest);
        let parts = builder.build(words.iter().chain(&kept(exceptions)))?;
        Ok(Self { parts, words: words.len() })
    }

    /// Whether `user_agent` is that of a crawler.
    #[must_use]
    pub fn is_crawler(&self, user_agent: &[u8]) -> bool {
        let mut found = self.parts.find_iter(user_agent);
        found.any(|part| part.pattern().as_usize() < self.words)
    }
}

/// Whether `user_agent` is that of a browser: since the nineties all begin in the same way, also those
/// inside of apps. The libraries of programs do not.
#[must_use]
pub fn is_browser(user_agent: &[u8]) -> bool {
    user_agent.starts_with(b"Mozilla/") || user_agent.starts_with(b"Opera/")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_crawler(words: &[&str], exceptions: &[&str], user_agent: &str) -> bool {
        let [words, exceptions] = [words, exceptions]
            .map(|texts| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>());
        CrawlerRule::new(&words, &exceptions).unwrap().is_crawler(user_agent.as_bytes())
    }

    #[test]
    fn kind_6_a_word_counts_in_any_case_but_not_inside_an_exception() {
        let shop = |agent| is_crawler(&["bot", "-google"], &["cubot", "storebot-google"], agent);
        assert!(shop("AdsBot-Google (+http://www.google.com/adsbot.html)"));
        assert!(shop("Mozilla/5.0 (compatible; BINGBOT/2.0)"));
        assert!(shop("Mozilla/5.0 (Linux; CUBOT NOTE 30) Googlebot/2.1"));
        assert!(!shop("Mozilla/5.0 (Linux; Android 13; CUBOT NOTE 30) Chrome/126.0 Mobile"));
        assert!(!shop("Mozilla/5.0 (X11; Linux x86_64; Storebot-Google/1.0) Chrome/126.0"));
    }

    #[test]
    fn an_empty_word_matches_nobody() {
        assert!(!is_crawler(&["", "bot"], &[""], "Mozilla/5.0"));
        assert!(!is_crawler(&[], &[], "Googlebot"));
    }

    #[test]
    fn the_user_agents_of_libraries_are_no_browsers() {
        assert!(is_browser(b"Mozilla/5.0 (iPhone) [FBAN/FBIOS]") && is_browser(b"Opera/9.80"));
        assert!(!is_browser(b"python-requests/2.32") && !is_browser(b""));
    }
}
