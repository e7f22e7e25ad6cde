//! The token service at `/token`: GET of distribution's token specification, POST of its OAuth2 one. It is strict where
//! real ones are, so that a client that forgets a parameter is found out.

use hyper::{Method, StatusCode};
use serde_json::json;

use crate::auth::{self, Scope};
use crate::exchange::{self, Exchange};
use crate::lock;
use crate::options::{Auth, TokenField};
use crate::reply::{Answer, Reply, Stop};

/// Answers a request for a token.
pub(crate) async fn answer(exchange: &mut Exchange) -> Answer {
    let options = &exchange.state.options;
    if options.auth != Auth::Token {
        return Ok(Reply::not_found());
    }
    match exchange.method {
        Method::GET => get(exchange),
        Method::POST if options.identity_tokens => post(exchange).await,
        Method::POST => Ok(Reply::not_found()),
        _ => Ok(Reply::unsupported()),
    }
}

fn get(exchange: &Exchange) -> Answer {
    check_service(exchange, exchange.parameter("service"))?;
    let options = &exchange.state.options;
    let user = auth::login(exchange)?;
    let asked = exchange.query.iter().filter(|(name, _)| name == "scope").map(|(_, value)| value.as_str());
    let scopes = granted(exchange, asked, user.as_deref());
    let mut tokens = lock(&exchange.state.tokens);
    let token = tokens.issue(options, scopes);
    let field = match options.token_field {
        TokenField::Token => "token",
        TokenField::AccessToken => "access_token",
    };
    let mut body = json!({ field: token });
    if let Some(seconds) = expires_in(exchange) {
        body["expires_in"] = seconds.into();
    }
    let offline = exchange.parameter("offline_token") == Some("true");
    if let (true, true, Some(user)) = (options.identity_tokens, offline, &user) {
        body["refresh_token"] = tokens.issue_identity(user).into();
    }
    Ok(Reply::new(StatusCode::OK).json(&body))
}

async fn post(exchange: &mut Exchange) -> Answer {
    let form = exchange.small_body(64 * 1024).await?;
    let form = exchange::parameters(&String::from_utf8_lossy(&form));
    let field = |name: &str| form.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    check_service(exchange, field("service"))?;
    if field("client_id").is_none() {
        return Err(bad_request("client_id is missing").into());
    }
    let options = &exchange.state.options;
    let mut tokens = lock(&exchange.state.tokens);
    let user = match field("grant_type") {
        Some("password") => {
            let (name, password) = (field("username"), field("password"));
            auth::password_fits(options, name.unwrap_or_default(), password.unwrap_or_default())
        }
        Some("refresh_token") => tokens.identity(field("refresh_token").unwrap_or_default()),
        _ => return Err(bad_request("grant_type is neither password nor refresh_token").into()),
    };
    let Some(user) = user else {
        return Err(auth::unauthorized("incorrect username, password or identity token").into());
    };
    let asked = field("scope").unwrap_or_default().split(' ').filter(|scope| !scope.is_empty());
    let scopes = granted(exchange, asked, Some(&user));
    let texts: Vec<String> = scopes.iter().map(Scope::text).collect();
    let mut body = json!({ "access_token": tokens.issue(options, scopes), "scope": texts.join(" ") });
    if let Some(seconds) = expires_in(exchange) {
        body["expires_in"] = seconds.into();
    }
    if field("grant_type") == Some("refresh_token") {
        body["refresh_token"] = field("refresh_token").into();
    } else if field("access_type") == Some("offline") {
        body["refresh_token"] = tokens.issue_identity(&user).into();
    }
    Ok(Reply::new(StatusCode::OK).json(&body))
}

fn granted<'a>(exchange: &Exchange, asked: impl Iterator<Item = &'a str>, user: Option<&str>) -> Vec<Scope> {
    asked.filter_map(Scope::parse).filter_map(|scope| scope.granted(&exchange.state.options, user)).collect()
}

/// Whole seconds, as clients expect: a lifetime of less is announced as one.
fn expires_in(exchange: &Exchange) -> Option<u64> {
    exchange.state.options.token_lifetime.map(|seconds| seconds.ceil().max(1.0) as u64)
}

fn check_service(exchange: &Exchange, given: Option<&str>) -> Result<(), Stop> {
    match given {
        // auth.docker.io is asked about registry.docker.io, which its own name does not tell.
        Some(given) if given == auth::service_of(exchange).1 || exchange.origin.proxied => Ok(()),
        Some(_) => Err(bad_request("service is not the one of the challenge").into()),
        None => Err(bad_request("service is missing").into()),
    }
}

fn bad_request(message: &str) -> Reply {
    Reply::error(StatusCode::BAD_REQUEST, "BAD_REQUEST", message)
}
