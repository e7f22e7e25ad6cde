//! stub
use crate::error::Result;
use crate::event::LogStream;
use crate::task::Task;
use std::path::PathBuf;
pub mod user {
    use crate::error::Result;
    #[derive(Clone, Debug)]
    pub struct User {
        pub uid: u32,
        pub gid: u32,
        pub groups: Vec<u32>,
        pub home: String,
    }
    pub fn resolve(_s: &str, _p: &[u8], _g: &[u8]) -> Result<User> {
        Ok(User { uid: 0, gid: 0, groups: vec![], home: "/root".into() })
    }
    pub fn chown_ids(_s: &str, _p: &[u8], _g: &[u8]) -> Result<(u32, u32)> {
        Ok((0, 0))
    }
}
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Network {
    Host,
    None,
}
pub struct RunSpec {
    pub id: String,
    pub lowers: Vec<PathBuf>,
    pub upper: PathBuf,
    pub work: PathBuf,
    pub args: Vec<String>,
    pub env: Vec<String>,
    pub cwd: String,
    pub user: user::User,
    pub network: Network,
}
pub struct ExitStatus {
    pub code: i32,
}
pub fn run(
    _s: &RunSpec,
    _t: &Task,
    _o: &mut dyn FnMut(LogStream, &[u8]) -> Result<()>,
) -> Result<ExitStatus> {
    Err(crate::error::Error::new(crate::error::ErrorKind::Unsupported, "RUN"))
}
pub fn is_supported() -> Result<()> {
    Err(crate::error::Error::new(crate::error::ErrorKind::Unsupported, "RUN"))
}
