//! Docker Hub's search, version 1: `/v1/search?q=&n=&page=`.

use hyper::StatusCode;
use serde_json::json;

use crate::exchange::Exchange;
use crate::options::SearchEntry;
use crate::reply::{Answer, Reply};

/// Answers a search. It finds entries whose name and description contain each of the words asked for, in the order given.
pub(crate) fn answer(exchange: &Exchange) -> Answer {
    let Some(entries) = &exchange.state.options.search else { return Ok(Reply::not_found()) };
    let query = exchange.parameter("q").unwrap_or_default();
    let wanted = query.to_lowercase();
    let fits = |entry: &&SearchEntry| {
        let text = format!("{} {}", entry.name, entry.description).to_lowercase();
        // As the Hub does, which finds names by `ubuntu:16.04`, although none may have a colon.
        wanted.split([' ', ':', '/']).all(|word| text.contains(word))
    };
    let found: Vec<&SearchEntry> = entries.iter().filter(fits).collect();
    let page_size = exchange.number("n")?.unwrap_or(25).clamp(1, 100);
    let page = exchange.number("page")?.unwrap_or(1).max(1);
    let results: Vec<_> = found.iter().skip((page - 1).saturating_mul(page_size)).take(page_size).collect();
    Ok(Reply::new(StatusCode::OK).json(&json!({
        "num_results": found.len(),
        "query": query,
        "page": page,
        "page_size": page_size,
        "num_pages": found.len().div_ceil(page_size),
        "results": results,
    })))
}
