//! Who may do what: scopes, tokens, and the challenge that tells a client how to log in. Distribution's token
//! authentication specification.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hyper::{Method, StatusCode};

use crate::exchange::Exchange;
use crate::lock;
use crate::options::{Auth, Options};
use crate::reply::{Reply, Stop};
use crate::route::Route;
use crate::store::random;

/// Seconds, when the options do not say: the specification's default.
const LIFETIME: f64 = 60.0;

/// What may be done with one thing.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Scope {
    kind: String,
    name: String,
    actions: Vec<String>,
}

impl Scope {
    fn repository(name: &str, actions: &[&str]) -> Self {
        let actions = actions.iter().map(ToString::to_string).collect();
        Self { kind: "repository".into(), name: name.into(), actions }
    }

    /// `type:name:action,action`; the name may contain colons.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (kind, rest) = text.split_once(':')?;
        let (name, actions) = rest.rsplit_once(':')?;
        // A space joins scopes in a POST only. In a GET each has a parameter of its own.
        if text.contains(' ') {
            return None;
        }
        let actions = actions.split(',').map(Into::into).collect();
        Some(Self { kind: kind.into(), name: name.into(), actions })
    }

    pub(crate) fn text(&self) -> String {
        format!("{}:{}:{}", self.kind, self.name, self.actions.join(","))
    }

    /// What of this a client is given. `None` when nothing is left.
    pub(crate) fn granted(mut self, options: &Options, user: Option<&str>) -> Option<Self> {
        let anonymous =
            |action: &str| options.anonymous_pull && self.kind == "repository" && action == "pull";
        self.actions.retain(|action| {
            let narrow = options.narrow_grant.as_ref().is_none_or(|actions| actions.contains(action));
            narrow && (user.is_some() || anonymous(action))
        });
        (!self.actions.is_empty()).then_some(self)
    }

    fn allows(&self, needed: &Self) -> bool {
        self.kind == needed.kind
            && self.name == needed.name
            && needed.actions.iter().all(|action| self.actions.contains(action))
    }
}

/// The tokens that were handed out.
#[derive(Default)]
pub(crate) struct Tokens {
    bearer: BTreeMap<String, (Vec<Scope>, Instant)>,
    /// Users by identity token. These do not expire.
    identity: BTreeMap<String, String>,
}

impl Tokens {
    pub(crate) fn issue(&mut self, options: &Options, scopes: Vec<Scope>) -> String {
        let token = random();
        let lifetime = Duration::from_secs_f64(options.token_lifetime.unwrap_or(LIFETIME));
        self.bearer.insert(token.clone(), (scopes, Instant::now() + lifetime));
        token
    }

    pub(crate) fn issue_identity(&mut self, user: &str) -> String {
        let token = random();
        self.identity.insert(token.clone(), user.into());
        token
    }

    pub(crate) fn identity(&self, token: &str) -> Option<String> {
        self.identity.get(token).cloned()
    }

    fn scopes(&self, token: &str) -> Option<&[Scope]> {
        self.bearer.get(token).filter(|(_, end)| Instant::now() < *end).map(|(scopes, _)| scopes.as_slice())
    }
}

/// The scopes a request needs.
pub(crate) fn needed(exchange: &Exchange, route: &Route) -> Vec<Scope> {
    let reads = matches!(exchange.method, Method::GET | Method::HEAD);
    let Some(repository) = route.repository() else {
        return match route {
            Route::Catalog => {
                vec![Scope { kind: "registry".into(), name: "catalog".into(), actions: vec!["*".into()] }]
            }
            _ => Vec::new(),
        };
    };
    let mut scopes = match route {
        Route::Uploads { .. } | Route::Upload { .. } => {
            vec![Scope::repository(repository, &["pull", "push"])]
        }
        _ if reads => vec![Scope::repository(repository, &["pull"])],
        _ if exchange.method == Method::DELETE => vec![Scope::repository(repository, &["delete"])],
        _ => vec![Scope::repository(repository, &["pull", "push"])],
    };
    if let (Route::Uploads { .. }, Some(_), Some(source)) =
        (route, exchange.parameter("mount"), exchange.parameter("from"))
    {
        scopes.push(Scope::repository(source, &["pull"]));
    }
    scopes
}

/// Lets a request pass, or answers 401 with a challenge or 403.
pub(crate) fn check(exchange: &Exchange, route: &Route) -> Result<(), Stop> {
    let state = &exchange.state;
    match state.options.auth {
        Auth::None => {}
        Auth::Basic => {
            if login(exchange)?.is_none() {
                return Err(challenge(exchange, &[], None).into());
            }
        }
        Auth::Token => {
            let needed = needed(exchange, route);
            let Some(token) = credentials(exchange, "bearer") else {
                return Err(challenge(exchange, &needed, None).into());
            };
            let missing = match lock(&state.tokens).scopes(token) {
                None => Some("invalid_token"),
                Some(granted) => {
                    let allowed = |scope: &Scope| granted.iter().any(|granted| granted.allows(scope));
                    (!needed.iter().all(allowed)).then_some("insufficient_scope")
                }
            };
            if missing.is_some() {
                return Err(challenge(exchange, &needed, missing).into());
            }
        }
    }
    let denied = |name| state.options.denied.iter().any(|denied| denied == name);
    if route.repository().is_some_and(denied) {
        let message = "requested access to the resource is denied";
        return Err(Reply::error(StatusCode::FORBIDDEN, "DENIED", message).into());
    }
    Ok(())
}

/// 401 that says how to log in.
pub(crate) fn challenge(exchange: &Exchange, scopes: &[Scope], error: Option<&str>) -> Reply {
    // Without any login there is no token service either: a fault that claims there is one would send clients astray.
    let value = if exchange.state.options.auth != Auth::Token {
        "Basic realm=\"test\"".into()
    } else {
        let (realm, service) = service_of(exchange);
        let mut value = format!("Bearer realm=\"{realm}\",service=\"{service}\"");
        if !scopes.is_empty() {
            let scopes: Vec<String> = scopes.iter().map(Scope::text).collect();
            value.push_str(&format!(",scope=\"{}\"", scopes.join(" ")));
        }
        if let Some(error) = error {
            value.push_str(&format!(",error=\"{error}\""));
        }
        value
    };
    unauthorized("authentication required").header("www-authenticate", &value)
}

/// 401 UNAUTHORIZED without challenge, as the token service answers.
pub(crate) fn unauthorized(message: &str) -> Reply {
    Reply::error(StatusCode::UNAUTHORIZED, "UNAUTHORIZED", message)
}

/// The address of the token service, and the name it knows this registry by.
pub(crate) fn service_of(exchange: &Exchange) -> (String, String) {
    let name = exchange.host.split(':').next().unwrap_or_default();
    match exchange.origin.proxied {
        true if name.ends_with("docker.io") => {
            ("https://auth.docker.io/token".into(), "registry.docker.io".into())
        }
        true => (format!("{}/token", exchange.base()), name.into()),
        false => (format!("{}/token", exchange.base()), "test".into()),
    }
}

/// The user of a basic login: `None` without one, 401 when it is wrong.
pub(crate) fn login(exchange: &Exchange) -> Result<Option<String>, Stop> {
    let Some(encoded) = credentials(exchange, "basic") else { return Ok(None) };
    let decoded = BASE64_STANDARD.decode(encoded).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let user = decoded.as_deref().and_then(|text| {
        let (name, password) = text.split_once(':')?;
        password_fits(&exchange.state.options, name, password)
    });
    match user {
        Some(user) => Ok(Some(user)),
        None if exchange.path.starts_with("/v2") => Err(challenge(exchange, &[], None).into()),
        None => Err(unauthorized("incorrect username or password").into()),
    }
}

/// The user, when the password is theirs.
pub(crate) fn password_fits(options: &Options, name: &str, password: &str) -> Option<String> {
    (options.users.get(name)? == password).then(|| name.into())
}

fn credentials<'a>(exchange: &'a Exchange, scheme: &str) -> Option<&'a str> {
    let (given, rest) = exchange.header("authorization")?.split_once(' ')?;
    given.eq_ignore_ascii_case(scheme).then(|| rest.trim())
}
