//! What a registry asks for when it does not know who is there (RFC 9110, "WWW-Authenticate").

/// A challenge that we can meet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Challenge {
    /// Name and password with every request.
    Basic,
    /// A token of this service (distribution, "Token Authentication Specification").
    Bearer {
        /// Where tokens are to be had.
        realm: String,
        /// What the service calls the registry.
        service: String,
        /// What the token has to allow, one scope each.
        scopes: Vec<String>,
        /// Why the token that was sent will not do, such as `insufficient_scope`.
        error: String,
    },
}

/// The strongest challenge of these headers that we can meet.
pub fn parse<'a>(headers: impl Iterator<Item = &'a str>) -> Option<Challenge> {
    let mut basic = None;
    for header in headers {
        for (scheme, parameters) in challenges(header) {
            let parameter = |name: &str| {
                let found = parameters.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
                found.map(|(_, value)| value.clone()).unwrap_or_default()
            };
            if scheme.eq_ignore_ascii_case("bearer") && !parameter("realm").is_empty() {
                return Some(Challenge::Bearer {
                    realm: parameter("realm"),
                    service: parameter("service"),
                    scopes: parameter("scope").split_whitespace().map(str::to_owned).collect(),
                    error: parameter("error"),
                });
            }
            if scheme.eq_ignore_ascii_case("basic") {
                basic = Some(Challenge::Basic);
            }
        }
    }
    basic
}

type Parameters = Vec<(String, String)>;

/// Takes a header apart: a scheme, its parameters, perhaps a comma and the next scheme.
fn challenges(header: &str) -> Vec<(String, Parameters)> {
    let mut found: Vec<(String, Parameters)> = Vec::new();
    let mut rest = header;
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        let end = rest.find([' ', '\t', ',', '=']).unwrap_or(rest.len());
        let word = &rest[..end];
        if word.is_empty() {
            return found;
        }
        rest = rest[end..].trim_start();
        let Some(value) = rest.strip_prefix('=') else {
            found.push((word.to_owned(), Vec::new()));
            continue;
        };
        let (value, behind) = value_of(value.trim_start());
        if let Some((_, parameters)) = found.last_mut() {
            parameters.push((word.to_owned(), value));
        }
        rest = behind;
    }
}

/// A token or quoted string, and what stands behind it.
fn value_of(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([',', ' ', '\t']).unwrap_or(text.len());
        return (text[..end].to_owned(), &text[end..]);
    };
    let mut value = String::new();
    let mut chars = quoted.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return (value, &quoted[at + 1..]),
            '\\' => value.extend(chars.next().map(|(_, escaped)| escaped)),
            other => value.push(other),
        }
    }
    (value, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bearer_challenge_beats_basic_and_keeps_all_its_scopes() {
        let headers = [
            r#"Basic realm="x""#,
            r#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull,push repository:c/d:pull""#,
        ];
        let Some(Challenge::Bearer { realm, service, scopes, error }) = parse(headers.into_iter()) else {
            panic!("no bearer challenge");
        };
        assert_eq!(
            (realm.as_str(), service.as_str()),
            ("https://auth.docker.io/token", "registry.docker.io")
        );
        assert_eq!(scopes, ["repository:a/b:pull,push", "repository:c/d:pull"]);
        assert!(error.is_empty());
    }

    #[test]
    fn odd_headers_are_read_as_far_as_they_make_sense() {
        assert_eq!(parse([r#"Basic realm="Registry Realm""#].into_iter()), Some(Challenge::Basic));
        assert_eq!(parse(["basic"].into_iter()), Some(Challenge::Basic));
        assert_eq!(parse(["Negotiate, Basic realm=x"].into_iter()), Some(Challenge::Basic));
        assert_eq!(parse(["Bearer"].into_iter()), None);
        assert_eq!(parse([r#"Bearer realm="unfinished"#].into_iter()).map(|_| ()), Some(()));
        assert_eq!(parse(["Digest realm=\"a, Basic b\""].into_iter()), None);
        let two = parse([r#"Bearer realm="a\"b", error="insufficient_scope""#].into_iter());
        assert!(
            matches!(two, Some(Challenge::Bearer { realm, error, .. }) if realm == "a\"b" && error == "insufficient_scope")
        );
    }
}
