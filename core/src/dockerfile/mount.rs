//! The value of `RUN --mount`: options in one line of CSV (Dockerfile reference, "RUN --mount").

use crate::dockerfile::flags::did_you_mean;
use crate::dockerfile::lexer::syntax;
use crate::error::Result;

const OPTIONS: [&str; 19] = [
    "type",
    "from",
    "source",
    "src",
    "target",
    "dst",
    "destination",
    "readonly",
    "ro",
    "readwrite",
    "rw",
    "id",
    "sharing",
    "required",
    "size",
    "env",
    "mode",
    "uid",
    "gid",
];

/// What is mounted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MountType {
    /// Files of the context, of a stage or of an image.
    Bind,
    /// A directory that is kept from build to build.
    Cache,
    /// A temporary file system.
    Tmpfs,
    /// A secret as a file, or as a variable.
    Secret,
    /// The socket of an SSH agent.
    Ssh,
}

const TYPES: [(&str, MountType); 5] = [
    ("bind", MountType::Bind),
    ("cache", MountType::Cache),
    ("tmpfs", MountType::Tmpfs),
    ("secret", MountType::Secret),
    ("ssh", MountType::Ssh),
];

impl MountType {
    /// Its name.
    pub fn name(self) -> &'static str {
        TYPES.iter().find(|(_, kind)| *kind == self).map_or("", |(name, _)| name)
    }
}

/// Who else may use a cache mount at the same time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sharing {
    /// Everybody.
    #[default]
    Shared,
    /// Nobody: another one gets a directory of its own.
    Private,
    /// Nobody: another one waits.
    Locked,
}

const SHARINGS: [(&str, Sharing); 3] =
    [("shared", Sharing::Shared), ("private", Sharing::Private), ("locked", Sharing::Locked)];

/// A mount of a `RUN`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunMount {
    /// `type`; `bind` when none is given.
    pub kind: MountType,
    /// `target`: where. Always there but for secrets and agents, which have a place of their own.
    pub target: Option<String>,
    /// `source`: what of `from`; of a secret its ID.
    pub source: Option<String>,
    /// `from`: a stage, an image or a named context.
    pub from: Option<String>,
    /// `id` of a cache, secret or agent.
    pub id: Option<String>,
    /// `readonly` and `readwrite`.
    pub read_only: bool,
    /// `sharing`.
    pub sharing: Sharing,
    /// `required`.
    pub required: bool,
    /// `size` in bytes.
    pub size: Option<u64>,
    /// `env`: the variable that has the secret.
    pub env: Option<String>,
    /// `mode`.
    pub mode: Option<u32>,
    /// `uid`.
    pub uid: Option<u32>,
    /// `gid`.
    pub gid: Option<u32>,
}

/// The options as they are written: names in lower case, and values where there is one.
fn options(value: &str) -> Result<Vec<(String, Option<String>, String)>> {
    let fields = fields(value)?;
    Ok(fields
        .into_iter()
        .map(|field| match field.split_once('=') {
            Some((name, value)) => (name.to_lowercase(), Some(value.to_owned()), field.clone()),
            None => (field.to_lowercase(), None, field.clone()),
        })
        .collect())
}

/// What `from` says, which holds no variable. `None` for a value that cannot be read.
pub fn mount_from(value: &str) -> Option<String> {
    let options = options(value).ok()?;
    options.into_iter().rev().find(|(name, ..)| name == "from").and_then(|(_, from, _)| from)
}

/// Checks what can be told without the values of variables.
pub fn check_mount(value: &str) -> Result<()> {
    let variable = |text: &Option<String>| text.as_ref().is_some_and(|text| text.contains('$'));
    for (name, value, _) in options(value)? {
        if name == "from" && variable(&value) {
            let message = "'from' doesn't support variable expansion, define alias stage instead";
            return Err(syntax(message));
        }
    }
    if value.contains('$') { Ok(()) } else { parse_mount(value, &|word| Ok(word.to_owned())).map(drop) }
}

/// Parses a mount; `expand` expands the variables of a value. `dockerfile_syntax` for what is no mount.
pub fn parse_mount(value: &str, expand: &dyn Fn(&str) -> Result<String>) -> Result<RunMount> {
    let mut mount = RunMount {
        kind: MountType::Bind,
        target: None,
        source: None,
        from: None,
        id: None,
        read_only: false,
        sharing: Sharing::Shared,
        required: false,
        size: None,
        env: None,
        mode: None,
        uid: None,
        gid: None,
    };
    let mut read_only = None;
    let mut given = Vec::new();
    for (name, value, field) in options(value)? {
        let value = match (name.as_str(), value) {
            ("from", value) => value,
            (_, Some(value)) => Some(expand(&value)?),
            (_, None) => None,
        };
        let text = || {
            value.clone().ok_or_else(|| syntax(format!("invalid field '{field}' must be a key=value pair")))
        };
        match name.as_str() {
            "readonly" | "ro" => read_only = Some(switch(&name, value.as_deref())?),
            "readwrite" | "rw" => read_only = Some(!switch(&name, value.as_deref())?),
            "required" => mount.required = switch(&name, value.as_deref())?,
            "type" => mount.kind = one_of("mount type", &text()?, &TYPES)?,
            "sharing" => mount.sharing = one_of("sharing value", &text()?, &SHARINGS)?,
            "from" => mount.from = Some(text()?).filter(|from| !from.is_empty()),
            "source" | "src" => mount.source = Some(text()?).filter(|source| !source.is_empty()),
            "target" | "dst" | "destination" => {
                mount.target = Some(text()?).filter(|target| !target.is_empty());
            }
            "id" => mount.id = Some(text()?).filter(|id| !id.is_empty()),
            "env" => mount.env = Some(text()?),
            "size" => mount.size = Some(size(&text()?)?),
            "mode" => mount.mode = Some(number(&name, &text()?, 8)?),
            "uid" => mount.uid = Some(number(&name, &text()?, 10)?),
            "gid" => mount.gid = Some(number(&name, &text()?, 10)?),
            _ => {
                let hint = did_you_mean(&name, "", OPTIONS.into_iter());
                return Err(syntax(format!("unexpected key '{name}' in '{field}'{hint}")));
            }
        }
        given.push(name);
    }
    let writable = matches!(mount.kind, MountType::Cache | MountType::Tmpfs);
    mount.read_only = read_only.unwrap_or(!writable);
    check(&mount, &given)?;
    Ok(mount)
}

/// Whether the options fit the type.
fn check(mount: &RunMount, given: &[String]) -> Result<()> {
    use MountType::{Bind, Cache, Secret, Ssh, Tmpfs};
    let kind = mount.kind;
    let fit: [(&str, &[MountType]); 9] = [
        ("required", &[Secret, Ssh]),
        ("size", &[Tmpfs]),
        ("env", &[Secret]),
        ("mode", &[Secret, Ssh, Cache]),
        ("uid", &[Secret, Ssh, Cache]),
        ("gid", &[Secret, Ssh, Cache]),
        ("from", &[Bind, Cache]),
        ("sharing", &[Cache]),
        ("id", &[Cache, Secret, Ssh]),
    ];
    for (name, kinds) in fit {
        if given.iter().any(|given| given == name) && !kinds.contains(&kind) {
            return Err(syntax(format!("unexpected key '{name}' for mount type '{}'", kind.name())));
        }
    }
    match kind {
        Bind | Cache | Tmpfs if mount.target.is_none() => {
            Err(syntax(format!("mount of type '{}' needs a target", kind.name())))
        }
        Secret if mount.source.is_some() && mount.id.is_some() => {
            Err(syntax("both source and id can't be set"))
        }
        Secret if mount.source.is_none() && mount.id.is_none() && mount.target.is_none() => {
            Err(syntax("invalid secret mount. one of source, target required"))
        }
        _ => Ok(()),
    }
}

fn one_of<T: Copy>(what: &str, value: &str, known: &[(&'static str, T)]) -> Result<T> {
    let lower = value.to_lowercase();
    match known.iter().find(|(name, _)| *name == lower) {
        Some((_, found)) => Ok(*found),
        None => {
            let hint = did_you_mean(value, "", known.iter().map(|(name, _)| *name));
            Err(syntax(format!("unsupported {what} {value:?}{hint}")))
        }
    }
}

/// A switch without a value is on; the words are those of Go's `ParseBool`.
fn switch(name: &str, value: Option<&str>) -> Result<bool> {
    match value {
        None | Some("1" | "t" | "T" | "true" | "TRUE" | "True") => Ok(true),
        Some("0" | "f" | "F" | "false" | "FALSE" | "False") => Ok(false),
        Some(value) => Err(syntax(format!("invalid value for {name}: {value}"))),
    }
}

fn number(name: &str, value: &str, radix: u32) -> Result<u32> {
    let digits = value.bytes().all(|byte| byte.is_ascii_digit());
    u32::from_str_radix(value, radix)
        .ok()
        .filter(|_| digits)
        .ok_or_else(|| syntax(format!("invalid value {value} for {name}")))
}

/// A size as Docker writes them: `64m`, `1.5g`, in powers of 1024.
fn size(text: &str) -> Result<u64> {
    let invalid = || syntax(format!("invalid value for size: {text}"));
    let lower = text.trim().to_lowercase();
    let end = lower.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(lower.len());
    let (number, unit) = lower.split_at(end);
    let unit = unit.trim();
    let power = match unit.strip_suffix("ib").or(unit.strip_suffix('b')).unwrap_or(unit) {
        "" => 0,
        "k" => 1,
        "m" => 2,
        "g" => 3,
        "t" => 4,
        "p" => 5,
        _ => return Err(invalid()),
    };
    let number: f64 = number.parse().map_err(|_| invalid())?;
    let bytes = number * f64::from(1024).powi(power);
    if bytes.is_finite() && bytes < 1e18 { Ok(bytes as u64) } else { Err(invalid()) }
}

/// The fields of one line of CSV (RFC 4180).
fn fields(line: &str) -> Result<Vec<String>> {
    let odd = || syntax(format!("failed to parse csv mounts: a quote out of place in {line}"));
    if line.is_empty() {
        return Err(syntax("failed to parse csv mounts: nothing is given"));
    }
    let mut fields = Vec::new();
    let mut chars = line.chars().peekable();
    loop {
        let mut field = String::new();
        if chars.next_if_eq(&'"').is_some() {
            loop {
                match chars.next().ok_or_else(odd)? {
                    '"' if chars.next_if_eq(&'"').is_some() => field.push('"'),
                    '"' => break,
                    c => field.push(c),
                }
            }
        } else {
            while let Some(c) = chars.next_if(|c| *c != ',') {
                if c == '"' {
                    return Err(odd());
                }
                field.push(c);
            }
        }
        fields.push(field);
        match chars.next() {
            None => return Ok(fields),
            Some(',') => {}
            Some(_) => return Err(odd()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(value: &str) -> RunMount {
        parse_mount(value, &|word| Ok(word.replace("$V", "value"))).unwrap()
    }

    fn refused(value: &str) -> String {
        check_mount(value).unwrap_err().to_string()
    }

    #[test]
    fn defaults_depend_on_the_type() {
        let bind = parse("target=/t");
        assert_eq!((bind.kind, bind.read_only, bind.target.as_deref()), (MountType::Bind, true, Some("/t")));
        assert!(!parse("type=cache,target=/t").read_only);
        assert!(!parse("type=tmpfs,target=/t").read_only);
        assert!(!parse("target=/t,rw").read_only);
        assert!(!parse("target=/t,readonly=false").read_only);
        assert!(parse("type=cache,dst=/t,ro").read_only);
    }

    #[test]
    fn options_may_come_in_any_order_and_case_and_be_quoted() {
        let mount = parse("required,TYPE=Secret,Id=k,\"dst=/a,b\",mode=0440,uid=1,gid=2");
        assert_eq!((mount.kind, mount.required, mount.mode), (MountType::Secret, true, Some(0o440)));
        assert_eq!((mount.target.as_deref(), mount.uid, mount.gid), (Some("/a,b"), Some(1), Some(2)));
        assert_eq!(parse("type=tmpfs,target=/t,size=1.5k").size, Some(1536));
        assert_eq!(parse("type=cache,target=/t/$V,id=$V").id.as_deref(), Some("value"));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (value, message) in [
            ("type=cach,target=/t", "unsupported mount type \"cach\" (did you mean cache?)"),
            (
                "type=cache,target=/t,sharing=lockd",
                "unsupported sharing value \"lockd\" (did you mean locked?)",
            ),
            ("type=cache,targt=/t", "unexpected key 'targt' in 'targt=/t' (did you mean target?)"),
            ("type=bind", "mount of type 'bind' needs a target"),
            ("target", "invalid field 'target' must be a key=value pair"),
            ("target=/t,uid=1", "unexpected key 'uid' for mount type 'bind'"),
            ("target=/t,required", "unexpected key 'required' for mount type 'bind'"),
            ("type=cache,target=/t,size=1", "unexpected key 'size' for mount type 'cache'"),
            ("type=cache,target=/t,mode=9", "invalid value 9 for mode"),
            ("type=cache,target=/t,uid=-1", "invalid value -1 for uid"),
            ("type=tmpfs,target=/t,size=1x", "invalid value for size: 1x"),
            ("type=secret", "invalid secret mount. one of source, target required"),
            ("type=secret,id=a,src=b", "both source and id can't be set"),
            ("target=/t,ro=maybe", "invalid value for ro: maybe"),
            ("target=/t,from=$X", "'from' doesn't support variable expansion, define alias stage instead"),
            ("target=\"/t\"", "a quote out of place"),
        ] {
            assert!(refused(value).contains(message), "{value}: {}", refused(value));
        }
    }

    #[test]
    fn a_stage_is_told_without_expanding() {
        assert_eq!(mount_from("target=$T,from=Build").as_deref(), Some("Build"));
        assert_eq!(mount_from("target=/t"), None);
    }
}
