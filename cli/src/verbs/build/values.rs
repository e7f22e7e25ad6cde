//! The values of the flags of `build`, in the grammar and with the complaints of Docker's command.

use std::path::PathBuf;

use layerkit::{BuildOutput, Secret, Ulimit};

/// What is wrong with a value.
pub type Parsed<T> = Result<T, String>;

/// Bytes, as `64m` or `1.5GiB`: units are powers of 1024, whatever their case.
pub fn size(text: &str) -> Parsed<u64> {
    let invalid = || format!("invalid size: '{text}'");
    let digits = text.trim_end_matches(|letter: char| !letter.is_ascii_digit());
    let suffix = text[digits.len()..].trim_start().to_ascii_lowercase();
    let unit = suffix.strip_suffix('b').unwrap_or(&suffix);
    let unit = unit.strip_suffix('i').unwrap_or(unit);
    let power = match unit {
        "" => 0,
        unit => ["k", "m", "g", "t", "p"].iter().position(|known| *known == unit).ok_or_else(invalid)? + 1,
    };
    let factor = 1u64 << (10 * power);
    if let Ok(whole) = digits.parse::<u64>() {
        return whole.checked_mul(factor).ok_or_else(invalid);
    }
    if !digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return Err(invalid());
    }
    let bytes = digits.parse::<f64>().map_err(|_| invalid())? * factor as f64;
    if bytes < u64::MAX as f64 { Ok(bytes as u64) } else { Err(invalid()) }
}

/// `name=soft[:hard]`.
pub fn ulimit(text: &str) -> Parsed<Ulimit> {
    let (name, limits) = text.split_once('=').ok_or_else(|| format!("invalid ulimit argument: {text}"))?;
    let number = |limit: &str| {
        let why = |_| format!("strconv.ParseInt: parsing {limit:?}: invalid syntax");
        limit.parse::<i64>().map_err(why)
    };
    let (soft, hard) = match limits.split(':').collect::<Vec<_>>()[..] {
        [both] => (number(both)?, number(both)?),
        [soft, hard] => (number(soft)?, number(hard)?),
        _ => {
            return Err(format!("too many limit values - {limits}, can only have up to two, `soft[:hard]`"));
        }
    };
    Ok(Ulimit { name: name.to_owned(), soft, hard })
}

/// `HOST:ADDRESS`, or Docker's newer `HOST=ADDRESS`.
pub fn host(text: &str) -> String {
    match text.split_once(['=', ':']) {
        Some((host, address)) => format!("{host}:{address}"),
        None => text.to_owned(),
    }
}

/// `name=value` of a named context.
pub fn named_context(text: &str) -> Parsed<(String, String)> {
    let (name, value) = text
        .split_once('=')
        .filter(|(name, value)| !name.is_empty() && !value.is_empty())
        .ok_or_else(|| format!("invalid context value: {text}, expected key=value"))?;
    Ok((name.to_owned(), value.to_owned()))
}

/// `id=…[,src=FILE|,env=NAME]`; without either it is the variable of that name, or else the file.
pub fn secret(text: &str, variable: impl Fn(&str) -> Option<String>) -> Parsed<(String, Secret)> {
    let (mut id, mut path, mut env, mut kind) = (None, None, None, String::new());
    for field in csv(text) {
        let (key, value) = pair(&field)?;
        match key.as_str() {
            "type" if value == "file" || value == "env" => kind = value,
            "type" => return Err(format!("unsupported secret type {value:?}")),
            "id" => id = Some(value),
            "source" | "src" => path = Some(value),
            "env" => env = Some(value),
            _ => return Err(format!("unexpected key '{key}' in '{field}'")),
        }
    }
    let id = id.filter(|id| !id.is_empty()).ok_or("secret missing ID")?;
    if kind == "env" && env.is_none() {
        env = path.take();
    }
    let secret = match (env, path) {
        (Some(name), _) => Secret::Env(name),
        (None, Some(path)) => Secret::Path(path.into()),
        (None, None) if kind != "file" && variable(&id).is_some() => Secret::Env(id.clone()),
        (None, None) => Secret::Path(id.clone().into()),
    };
    Ok((id, secret))
}

/// `id[=SOCKET]`; without a socket it is the agent of the environment.
pub fn ssh(text: &str, variable: impl Fn(&str) -> Option<String>) -> Parsed<(String, PathBuf)> {
    let (id, path) = match text.split_once('=') {
        Some((id, path)) => (id, Some(path.to_owned())),
        None => (text, variable("SSH_AUTH_SOCK")),
    };
    let path = path
        .filter(|path| !path.is_empty())
        .ok_or("invalid empty ssh agent socket: make sure SSH_AUTH_SOCK is set")?;
    Ok((if id.is_empty() { "default" } else { id }.to_owned(), path.into()))
}

/// `type=…[,dest=…]`; a bare word is a directory, and `-` a tar on standard output.
pub fn output(text: &str) -> Parsed<BuildOutput> {
    let fields = csv(text);
    if let [word] = &fields[..]
        && word == text
        && !word.starts_with("type=")
    {
        return Ok(match text {
            "-" => BuildOutput { kind: "tar".to_owned(), dest: None },
            directory => BuildOutput { kind: "local".to_owned(), dest: Some(directory.into()) },
        });
    }
    let (mut kind, mut dest) = (None, None);
    for field in &fields {
        let (key, value) = field.split_once('=').ok_or_else(|| format!("invalid value {field}"))?;
        match key.trim().to_lowercase().as_str() {
            "type" => kind = Some(value.to_owned()),
            "dest" => dest = Some(value.to_owned()),
            other => return Err(format!("unexpected key '{other}' in '{field}'")),
        }
    }
    let kind = match kind.ok_or("type is required for output")? {
        // To Docker's command, that one without a file is what its daemon loads.
        kind if kind == "docker" && dest.is_none() => "image".to_owned(),
        kind => kind,
    };
    Ok(BuildOutput { kind, dest: dest.filter(|dest| dest != "-").map(PathBuf::from) })
}

/// Whether what this one makes is a stream.
pub fn is_stream(output: &BuildOutput) -> bool {
    output.dest.is_none() && output.kind != "image"
}

fn pair(field: &str) -> Parsed<(String, String)> {
    let (key, value) =
        field.split_once('=').ok_or_else(|| format!("invalid field '{field}' must be a key=value pair"))?;
    Ok((key.to_lowercase(), value.to_owned()))
}

/// The fields of a line of comma-separated values; one in double quotes may have commas, and `""` for a quote.
fn csv(line: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut letters = line.chars().peekable();
    let mut quoted = false;
    while let Some(letter) = letters.next() {
        let last = fields.len() - 1;
        match letter {
            '"' if quoted && letters.next_if_eq(&'"').is_some() => fields[last].push('"'),
            '"' if quoted || fields[last].is_empty() => quoted = !quoted,
            ',' if !quoted => fields.push(String::new()),
            letter => fields[last].push(letter),
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units_of_1024() {
        for (text, bytes) in [
            ("0", 0),
            ("32", 32),
            ("32b", 32),
            ("64m", 64 << 20),
            ("64MB", 64 << 20),
            ("1GiB", 1 << 30),
            ("1.5k", 1536),
            ("2 g", 2 << 30),
            ("1T", 1 << 40),
        ] {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for text in ["", "m", "-1", "1x", "1mm", "1.2.3k", "1e3", "99999999p"] {
            assert_eq!(size(text), Err(format!("invalid size: '{text}'")));
        }
    }

    #[test]
    fn limits_are_one_number_or_two() {
        let limit = |soft, hard| Ok(Ulimit { name: "nofile".into(), soft, hard });
        assert_eq!(ulimit("nofile=1024"), limit(1024, 1024));
        assert_eq!(ulimit("nofile=1024:-1"), limit(1024, -1));
        assert_eq!(ulimit("nofile"), Err("invalid ulimit argument: nofile".into()));
        assert!(ulimit("nofile=1:2:3").unwrap_err().starts_with("too many limit values - 1:2:3"));
        assert!(ulimit("nofile=x").unwrap_err().contains("invalid syntax"));
    }

    #[test]
    fn secrets_come_from_files_or_from_the_environment() {
        let variable = |name: &str| (name == "TOKEN").then(String::new);
        let path = |path: &str| Secret::Path(path.into());
        let env = |name: &str| Secret::Env(name.into());
        for (text, id, wanted) in [
            ("id=a,src=b", "a", path("b")),
            ("id=a,source=b=c", "a", path("b=c")),
            ("id=a,env=B", "a", env("B")),
            ("id=a,type=env,src=B", "a", env("B")),
            ("id=TOKEN", "TOKEN", env("TOKEN")),
            ("id=TOKEN,type=file", "TOKEN", path("TOKEN")),
            ("id=file", "file", path("file")),
            ("id=a,\"src=b,c\"", "a", path("b,c")),
        ] {
            assert_eq!(secret(text, variable), Ok((id.to_owned(), wanted)), "{text}");
        }
        for (text, why) in [
            ("src=b", "secret missing ID"),
            ("id=a,x=b", "unexpected key 'x' in 'x=b'"),
            ("id=a,type=x", "unsupported secret type \"x\""),
            ("a", "invalid field 'a' must be a key=value pair"),
        ] {
            assert_eq!(secret(text, variable), Err(why.to_owned()), "{text}");
        }
    }

    #[test]
    fn agents_are_named_or_that_of_the_environment() {
        let variable = |_: &str| Some("/agent".to_owned());
        let agent = |id: &str, path: &str| Ok((id.to_owned(), PathBuf::from(path)));
        assert_eq!(ssh("default", variable), agent("default", "/agent"));
        assert_eq!(ssh("git=/other", variable), agent("git", "/other"));
        let why = "invalid empty ssh agent socket: make sure SSH_AUTH_SOCK is set";
        assert_eq!(ssh("default", |_| None), Err(why.to_owned()));
    }

    #[test]
    fn outputs_are_written_as_for_buildx() {
        for (text, kind, dest) in [
            ("out", "local", Some("out")),
            ("-", "tar", None),
            ("type=local,dest=out", "local", Some("out")),
            ("type=tar,dest=-", "tar", None),
            ("type=oci", "oci", None),
            ("type=docker", "image", None),
            ("type=docker,dest=-", "docker", None),
            ("type=docker,dest=a.tar", "docker", Some("a.tar")),
            ("type=image", "image", None),
        ] {
            let wanted = BuildOutput { kind: kind.to_owned(), dest: dest.map(PathBuf::from) };
            assert_eq!(output(text), Ok(wanted), "{text}");
        }
        for (text, why) in [
            ("dest=out,x", "invalid value x"),
            ("type=local,push=true", "unexpected key 'push' in 'push=true'"),
            ("dest=a,dest=b", "type is required for output"),
        ] {
            assert_eq!(output(text), Err(why.to_owned()), "{text}");
        }
    }

    #[test]
    fn hosts_and_contexts_are_pairs() {
        assert_eq!(host("a:1.2.3.4"), "a:1.2.3.4");
        assert_eq!(host("a=::1"), "a:::1");
        assert_eq!(named_context("a=b=c"), Ok(("a".into(), "b=c".into())));
        let why = "invalid context value: a, expected key=value";
        assert_eq!(named_context("a"), Err(why.to_owned()));
    }
}
