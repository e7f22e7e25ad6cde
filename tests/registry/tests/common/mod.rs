//! A tiny HTTP/1.1 client that shows everything a test may want to see: what arrived before a connection broke too.

#![allow(dead_code, reason = "each test binary uses its part")]

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use layerkit_testing::Registry;

pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// What came back.
#[derive(Debug, Default)]
pub struct Response {
    pub status: u16,
    headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// Whether all of the announced body arrived.
    pub complete: bool,
}

impl Response {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The code of the error body.
    pub fn code(&self) -> String {
        self.json()["errors"][0]["code"].as_str().unwrap().into()
    }

    /// The `Location` without the scheme and host of the registry.
    pub fn location(&self, registry: &Registry) -> String {
        let location = self.header("location").unwrap();
        location.strip_prefix(&registry.url()).unwrap_or(location).into()
    }
}

/// A request on a connection of its own.
pub fn send(
    registry: &Registry,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> io::Result<Response> {
    let mut stream = TcpStream::connect(registry.address())?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    exchange(&mut stream, &registry.host(), method, path, headers, body)
}

/// A request that is answered.
pub fn ask(registry: &Registry, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Response {
    send(registry, method, path, headers, body).unwrap()
}

pub fn get(registry: &Registry, path: &str) -> Response {
    ask(registry, "GET", path, &[], b"")
}

/// A request on a connection that stays open.
pub fn exchange(
    stream: &mut (impl Read + Write),
    host: &str,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> io::Result<Response> {
    let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    if !matches!(method, "GET" | "HEAD" | "CONNECT") {
        head.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    head.push_str("\r\n");
    stream.write_all(head.as_bytes())?;
    // A registry that refuses the body answers, or cuts the connection, while it is being sent.
    let _ = stream.write_all(body);
    read_response(stream, method)
}

fn read_response(stream: &mut impl Read, method: &str) -> io::Result<Response> {
    let mut response = Response::default();
    let first = read_line(stream)?;
    response.status =
        first.split(' ').nth(1).and_then(|text| text.parse().ok()).ok_or(io::ErrorKind::InvalidData)?;
    loop {
        let line = read_line(stream)?;
        let Some((name, value)) = line.split_once(':') else { break };
        response.headers.push((name.into(), value.trim().into()));
    }
    if method == "HEAD" || method == "CONNECT" || response.status == 204 {
        response.complete = true;
        return Ok(response);
    }
    if response.header("transfer-encoding").is_some() {
        loop {
            let size = usize::from_str_radix(&read_line(stream)?, 16).unwrap();
            let mut chunk = vec![0; size];
            stream.read_exact(&mut chunk)?;
            response.body.extend(chunk);
            read_line(stream)?;
            if size == 0 {
                response.complete = true;
                return Ok(response);
            }
        }
    }
    let length: usize = response.header("content-length").map_or(0, |text| text.parse().unwrap());
    let mut buffer = [0; 4096];
    while response.body.len() < length {
        let most = buffer.len().min(length - response.body.len());
        match stream.read(&mut buffer[..most]) {
            Ok(0) | Err(_) => return Ok(response),
            Ok(count) => response.body.extend(&buffer[..count]),
        }
    }
    response.complete = true;
    Ok(response)
}

fn read_line(stream: &mut impl Read) -> io::Result<String> {
    let mut line = Vec::new();
    while !line.ends_with(b"\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        line.push(byte[0]);
    }
    Ok(String::from_utf8_lossy(&line).trim_end().into())
}

/// Pushes a blob in the usual two requests.
pub fn push_blob(registry: &Registry, repository: &str, bytes: &[u8], headers: &[(&str, &str)]) -> String {
    let begun = ask(registry, "POST", &format!("/v2/{repository}/blobs/uploads/"), headers, b"");
    assert_eq!(begun.status, 202);
    let digest = digest(bytes);
    let location = begun.location(registry);
    let joint = if location.contains('?') { '&' } else { '?' };
    let put = ask(registry, "PUT", &format!("{location}{joint}digest={digest}"), headers, bytes);
    assert_eq!(put.status, 201, "{put:?}");
    assert_eq!(put.header("docker-content-digest"), Some(digest.as_str()));
    digest
}

pub fn digest(bytes: &[u8]) -> String {
    use sha2::Digest;
    let hex: String = sha2::Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}
