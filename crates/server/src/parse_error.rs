//! What parsers say of a client's text, without the text: a problem may be shown on a page, or end in a log.

/// A parser's message without what it quotes of the input: its beginning up to that, and what there may be in its place.
pub(crate) fn without_input(message: &str) -> String {
    let Some(quoted) = message.find(['`', '"']) else { return message.to_owned() };
    let beginning = message[..quoted].trim_end();
    // These are names of ours.
    if beginning.ends_with("missing field") || beginning.ends_with("duplicate field") {
        return message.to_owned();
    }
    // The field is also named before that, as the place of the error.
    let beginning = if beginning.ends_with("unknown field") { "unknown field" } else { beginning };
    match message.rfind("expected ").filter(|at| *at > quoted) {
        Some(at) => format!("{beginning}, {}", &message[at..]),
        None => beginning.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sent_is_left_out_and_what_there_may_be_stays() {
        for (message, plain) in [
            ("unknown field `<b>`, expected one of `top`", "unknown field, expected one of `top`"),
            (
                r#"invalid type: string "a \"b\" c", expected u32"#,
                "invalid type: string, expected u32",
            ),
            ("top: invalid digit found in string", "top: invalid digit found in string"),
            (
                "in the query: <b>: unknown field `<b>`, expected `top`",
                "unknown field, expected `top`",
            ),
            ("unknown field `never closed", "unknown field"),
            ("unknown field `a`<b> expected`, expected `top`", "unknown field, expected `top`"),
            ("missing field `photos` at line 1", "missing field `photos` at line 1"),
        ] {
            assert_eq!(without_input(message), plain);
        }
    }
}
