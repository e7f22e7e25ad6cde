//! Who runs a command and who owns a copied file: `USER` and `--chown` looked up in an image's `passwd` and `group`.
//!
//! Pure: knows nothing of where those files come from. The rules are those of Docker (runc's `user.GetExecUser` for
//! `USER`, BuildKit's for `--chown`).

use crate::error::{Error, ErrorKind, Result};

/// The largest ID that Docker takes.
const MAX_ID: i64 = 2_147_483_647;

/// The identity a command runs with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// User ID.
    pub uid: u32,
    /// Primary group ID.
    pub gid: u32,
    /// Supplementary groups. The primary one is among them (CVE-2022-36109: without it, a file that denies access to
    /// the group could be read).
    pub groups: Vec<u32>,
    /// Home directory, for `HOME` where the environment has none.
    pub home: String,
}

impl Default for User {
    /// Root of an image without a `passwd`.
    fn default() -> Self {
        User { uid: 0, gid: 0, groups: vec![0], home: "/".to_owned() }
    }
}

struct Passwd<'a> {
    name: &'a str,
    uid: u32,
    gid: u32,
    home: &'a str,
}

struct Group<'a> {
    name: &'a str,
    gid: u32,
    members: Vec<&'a str>,
}

/// The fields of each line that is text, not blank and no comment.
fn records(file: &[u8]) -> impl Iterator<Item = Vec<&str>> {
    file.split(|byte| *byte == b'\n')
        .filter_map(|line| std::str::from_utf8(line).ok())
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| line.split(':').collect())
}

fn passwd_entries(file: &[u8]) -> impl Iterator<Item = Passwd<'_>> {
    records(file).filter_map(|fields| {
        Some(Passwd {
            name: fields.first()?,
            uid: fields.get(2)?.parse().ok()?,
            gid: fields.get(3)?.parse().ok()?,
            home: fields.get(5).copied().unwrap_or_default(),
        })
    })
}

fn group_entries(file: &[u8]) -> impl Iterator<Item = Group<'_>> {
    records(file).filter_map(|fields| {
        let members = fields.get(3).copied().unwrap_or_default();
        Some(Group {
            name: fields.first()?,
            gid: fields.get(2)?.parse().ok()?,
            members: members.split(',').filter(|name| !name.is_empty()).collect(),
        })
    })
}

/// A numeric ID, or `None` when the text is a name.
fn id(text: &str) -> Result<Option<u32>> {
    match text.parse::<i64>() {
        Ok(number @ 0..=MAX_ID) => Ok(Some(number as u32)),
        Ok(_) => Err(Error::new(
            ErrorKind::InvalidArgument,
            format!("{text}: uids and gids must be in range 0-{MAX_ID}"),
        )),
        Err(_) => Ok(None),
    }
}

fn unknown(what: &str, name: &str, file: &str) -> Error {
    Error::new(
        ErrorKind::NotFound,
        format!("unable to find {what} {name}: no matching entries in {file} file"),
    )
}

/// The primary group that `spec` names, and whether the image knows it.
fn group_id(spec: &str, group: &[u8]) -> Result<u32> {
    let number = id(spec)?;
    let entry = group_entries(group).find(|entry| match number {
        Some(number) => entry.gid == number,
        None => entry.name == spec,
    });
    entry.map(|entry| entry.gid).or(number).ok_or_else(|| unknown("group", spec, "group"))
}

/// The user that `USER` names: `""`, `name`, `uid`, `name:group` or `uid:gid` in any mixture.
///
/// A number needs no entry. A user without a group gets the primary group of its entry (0 without one) and the groups it
/// is a member of; a user with a group gets that one alone. `not_found` for an unknown name, `invalid_argument` for an ID
/// out of range.
pub fn resolve(spec: &str, passwd: &[u8], group: &[u8]) -> Result<User> {
    let (user_spec, group_spec) = spec.split_once(':').unwrap_or((spec, ""));
    let number = if user_spec.is_empty() { Some(0) } else { id(user_spec)? };
    let entry = passwd_entries(passwd).find(|entry| match number {
        Some(number) => entry.uid == number,
        None => entry.name == user_spec,
    });
    let mut user = match (&entry, number) {
        (Some(entry), _) => {
            User { uid: entry.uid, gid: entry.gid, groups: Vec::new(), home: entry.home.to_owned() }
        }
        (None, Some(number)) => User { uid: number, ..User::default() },
        (None, None) => return Err(unknown("user", user_spec, "passwd")),
    };
    if user.home.is_empty() {
        user.home = "/".to_owned();
    }
    user.groups.clear();
    if !group_spec.is_empty() {
        user.gid = group_id(group_spec, group)?;
        user.groups.push(user.gid);
        return Ok(user);
    }
    user.groups.push(user.gid);
    if let Some(entry) = entry {
        let member_of = group_entries(group).filter(|group| group.members.contains(&entry.name));
        for gid in member_of.map(|group| group.gid) {
            if !user.groups.contains(&gid) {
                user.groups.push(gid);
            }
        }
    }
    Ok(user)
}

/// The owner that `--chown` names: `user` or `user:group`, names or numbers.
///
/// Without a group, a number is the group too (`55` is 55:55), and a name brings its primary group. `not_found` for an
/// unknown name, `invalid_argument` for an ID out of range or an empty user.
pub fn chown_ids(spec: &str, passwd: &[u8], group: &[u8]) -> Result<(u32, u32)> {
    let (user_spec, group_spec) = match spec.split_once(':') {
        Some((user, group)) => (user, Some(group)),
        None => (spec, None),
    };
    if user_spec.is_empty() || group_spec == Some("") {
        return Err(Error::new(ErrorKind::InvalidArgument, format!("invalid chown string: {spec:?}")));
    }
    let (uid, primary) = match id(user_spec)? {
        Some(number) => (number, number),
        None => passwd_entries(passwd)
            .find(|entry| entry.name == user_spec)
            .map(|entry| (entry.uid, entry.gid))
            .ok_or_else(|| unknown("user", user_spec, "passwd"))?,
    };
    let gid = match group_spec {
        Some(spec) => group_id(spec, group)?,
        None => primary,
    };
    Ok((uid, gid))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &[u8] =
        b"root:x:0:0:root:/root:/bin/sh\n# comment\n\nbroken\nwww-data:x:33:33::/var/www:/bin/false\n\
        app:x:1000:1001::/home/app:/bin/sh\nhomeless:x:7:7\n";
    const GROUP: &[u8] = b"root:x:0:\nwww-data:x:33:\nadm:x:4:app,www-data\nsudo:x:27:app\napp:x:1001:app\n";

    fn user(spec: &str) -> User {
        resolve(spec, PASSWD, GROUP).unwrap()
    }

    fn ids(spec: &str) -> (u32, u32, Vec<u32>) {
        let user = user(spec);
        (user.uid, user.gid, user.groups)
    }

    #[test]
    fn nobody_named_is_root_with_the_home_of_its_entry() {
        assert_eq!(user(""), User { uid: 0, gid: 0, groups: vec![0], home: "/root".to_owned() });
        assert_eq!(resolve("", b"", b"").unwrap(), User::default());
    }

    #[test]
    fn a_name_brings_its_primary_group_its_memberships_and_its_home() {
        assert_eq!(ids("app"), (1000, 1001, vec![1001, 4, 27]));
        assert_eq!(user("app").home, "/home/app");
        assert_eq!(user("homeless").home, "/");
    }

    #[test]
    fn a_number_with_an_entry_is_that_user_and_one_without_needs_none() {
        assert_eq!(ids("1000"), (1000, 1001, vec![1001, 4, 27]));
        assert_eq!(ids("4242"), (4242, 0, vec![0]));
        assert_eq!(user("4242").home, "/");
    }

    #[test]
    fn a_group_drops_the_memberships() {
        assert_eq!(ids("app:adm"), (1000, 4, vec![4]));
        assert_eq!(ids("app:77"), (1000, 77, vec![77]));
        assert_eq!(ids("4242:sudo"), (4242, 27, vec![27]));
        assert_eq!(ids(":adm"), (0, 4, vec![4]));
    }

    #[test]
    fn unknown_names_and_ids_out_of_range_are_errors() {
        let error = resolve("nobody", PASSWD, GROUP).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert_eq!(error.to_string(), "unable to find user nobody: no matching entries in passwd file");
        let error = resolve("app:none", PASSWD, GROUP).unwrap_err();
        assert_eq!(error.to_string(), "unable to find group none: no matching entries in group file");
        assert_eq!(resolve("2147483648", PASSWD, GROUP).unwrap_err().kind(), ErrorKind::InvalidArgument);
        assert_eq!(resolve("-1", PASSWD, GROUP).unwrap_err().kind(), ErrorKind::InvalidArgument);
    }

    #[test]
    fn chown_with_a_number_alone_takes_it_as_the_group_and_a_name_its_primary_group() {
        let chown = |spec| chown_ids(spec, PASSWD, GROUP);
        assert_eq!(chown("55").unwrap(), (55, 55));
        assert_eq!(chown("1000").unwrap(), (1000, 1000));
        assert_eq!(chown("app").unwrap(), (1000, 1001));
        assert_eq!(chown("app:adm").unwrap(), (1000, 4));
        assert_eq!(chown("10:11").unwrap(), (10, 11));
        assert_eq!(chown("55:www-data").unwrap(), (55, 33));
        assert_eq!(chown("nobody").unwrap_err().kind(), ErrorKind::NotFound);
        assert_eq!(chown("app:").unwrap_err().kind(), ErrorKind::InvalidArgument);
        assert_eq!(chown("").unwrap_err().kind(), ErrorKind::InvalidArgument);
    }
}
