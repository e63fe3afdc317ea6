//! HTML escaping, and a template function that expands each marker once.

/// Escapes every character that could end a text node or a quoted attribute.
pub(super) fn escape(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut escaped, letter| {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
        escaped
    })
}

/// Replaces every `{{name}}` in the template. Values are not expanded again, so a shopper's name
/// that looks like a marker stays text.
pub(super) fn fill(template: &str, values: &[(&str, &str)]) -> String {
    let mut page = String::with_capacity(template.len() * 2);
    let mut rest = template;
    while let Some((before, opened)) = rest.split_once("{{") {
        page.push_str(before);
        let Some((name, after)) = opened.split_once("}}") else {
            page.push_str("{{");
            rest = opened;
            continue;
        };
        let value = values.iter().find(|(known, _)| *known == name.trim());
        page.push_str(value.map_or("", |(_, value)| value));
        rest = after;
    }
    page.push_str(rest);
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_looks_like_markup_or_a_marker_stays_text() {
        let name = escape("<b>'{{secret}}'</b>");
        let page = fill("<p>{{name}}</p>", &[("name", &name), ("secret", "leak")]);
        assert_eq!(page, "<p>&lt;b&gt;&#39;{{secret}}&#39;&lt;/b&gt;</p>");
    }
}
