//! Addresses of stores: `scheme://authority/path?options`.

use crate::OpenError;

/// A parsed address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) scheme: String,
    /// User, password, host, port.
    pub(crate) authority: String,
    /// After the host, without the slash.
    pub(crate) path: String,
    pub(crate) options: Vec<(String, String)>,
}

impl Address {
    pub(crate) fn parse(text: &str) -> Result<Self, OpenError> {
        let invalid = || OpenError::NotAnAddress(without_password(text));
        let (scheme, rest) = text.split_once("://").ok_or_else(invalid)?;
        let (rest, options) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let options = options.split('&').filter(|option| !option.is_empty()).map(|option| {
            let (name, value) = option.split_once('=').unwrap_or((option, ""));
            (name.to_owned(), value.to_owned())
        });
        Ok(Self {
            scheme: scheme.to_ascii_lowercase(),
            authority: authority.to_owned(),
            path: path.trim_end_matches('/').to_owned(),
            options: options.collect(),
        })
    }

    /// Removes an option and returns its value.
    pub(crate) fn take(&mut self, name: &str) -> Option<String> {
        let at = self.options.iter().position(|(own, _)| own == name)?;
        Some(self.options.remove(at).1)
    }

    /// [`Self::take`] of an integer of 1 or more.
    pub(crate) fn take_number(&mut self, name: &str) -> Result<Option<u32>, OpenError> {
        let number = |text: String| match text.parse() {
            Ok(number) if number > 0 => Ok(number),
            _ => Err(OpenError::Address(format!("{name}={text} is no whole number of 1 or more"))),
        };
        self.take(name).map(number).transpose()
    }

    /// The address without options, user and password.
    pub(crate) fn without_secrets(&self) -> String {
        let host = self.authority.rsplit('@').next().unwrap_or_default();
        format!("{}://{host}/{}", self.scheme, self.path)
    }

    /// Refuses options that are left.
    pub(crate) fn refuse_rest(&self) -> Result<(), OpenError> {
        match self.options.first() {
            None => Ok(()),
            Some((name, _)) => Err(OpenError::Address(format!("there is no option '{name}'"))),
        }
    }
}

/// Checks what becomes part of the name of a table or collection.
pub(crate) fn check_name(name: &str) -> Result<(), OpenError> {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if name.is_empty() || name.len() > 40 || !name.chars().all(fits) {
        let reason = format!("'{name}' is no name: take up to 40 of a to z, 0 to 9 and _");
        return Err(OpenError::Address(reason));
    }
    Ok(())
}

fn without_password(text: &str) -> String {
    text.rsplit_once('@').map_or_else(|| text.to_owned(), |(_, host)| format!("...@{host}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_parsed() {
        let text = "Postgres://me:secret@db.example:5433/shop?index=chairs&sslmode=require";
        let mut address = Address::parse(text).expect("an address");
        assert_eq!(address.scheme, "postgres");
        assert_eq!(address.without_secrets(), "postgres://db.example:5433/shop");
        assert_eq!(address.take("index").as_deref(), Some("chairs"));
        assert_eq!(address.take("index"), None);
        assert!(address.refuse_rest().is_err_and(|error| error.to_string().contains("sslmode")));
        let mut qdrant = Address::parse("qdrant://host:6334/shop/?shards=6").expect("an address");
        assert_eq!(qdrant.path, "shop");
        assert_eq!(qdrant.take_number("shards").ok(), Some(Some(6)));
        assert!(qdrant.refuse_rest().is_ok());
        let mut wrong = Address::parse("qdrant://host/a?shards=0").expect("an address");
        assert!(wrong.take_number("shards").is_err());
    }

    #[test]
    fn passwords_are_never_shown() {
        for text in [
            "oracle://me:secret@db/x",
            "postgres://me:secret@db/x?nothing=1",
            "postgres:me:secret@db/x",
        ] {
            let error = crate::open(text).err().expect("refused").to_string();
            assert!(!error.contains("secret"), "{error}");
        }
        assert!(crate::open("index").is_err_and(|error| error.to_string().contains("'index'")));
    }

    #[test]
    fn names_fit_into_tables() {
        for name in ["a", "shop_2", "lookalike"] {
            assert!(check_name(name).is_ok(), "{name}");
        }
        for name in ["", "Shop", "a-b", "a\"; drop", "의자", &"a".repeat(41)] {
            assert!(check_name(name).is_err(), "{name}");
        }
    }
}
