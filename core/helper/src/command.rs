//! Finding and executing the command, and what is said when that fails.

use std::ffi::{CString, c_char};

use crate::message::Start;

const NOT_FOUND: i32 = 127;
const NOT_EXECUTABLE: i32 = 126;
const DEFAULT_PATH: &[u8] = b"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Why a command was not executed.
pub struct Refusal {
    /// The exit code that says it, as a shell's.
    pub code: i32,
    /// The line that says it, without its end.
    pub line: String,
}

impl Refusal {
    /// Writes the line where the command's own errors would be.
    pub fn print(&self) {
        let _ = rustix::io::write(rustix::stdio::stderr(), format!("{}\n", self.line).as_bytes());
    }
}

/// Executes the command. Returns only when that failed.
pub fn execute(start: &Start) -> Refusal {
    let name = String::from_utf8_lossy(&start.args[0]).into_owned();
    let (Some(args), Some(env)) = (strings(&start.args), strings(&start.env)) else {
        return fail(&format!("exec: {name:?}: a NUL byte in an argument or variable"), NOT_EXECUTABLE);
    };
    let (mut argv, mut envp) = (pointers(&args), pointers(&env));
    if start.args[0].contains(&b'/') {
        return match exec(&args[0], &mut argv, &mut envp) {
            libc::ENOENT | libc::ENOTDIR => {
                fail(&format!("exec: {name:?}: stat {name}: no such file or directory"), NOT_FOUND)
            }
            errno => fail(&format!("exec: {name:?}: {}", describe(errno)), NOT_EXECUTABLE),
        };
    }
    let mut denied = None;
    for directory in path(&start.env).split(|byte| *byte == b':') {
        let directory = if directory.is_empty() { b"." } else { directory };
        let Ok(candidate) = CString::new([directory, b"/", &start.args[0]].concat()) else { continue };
        match exec(&candidate, &mut argv, &mut envp) {
            libc::ENOENT | libc::ENOTDIR => {}
            errno => {
                denied.get_or_insert(errno);
                // What cannot be searched is passed over; a file that is there but cannot run is the answer.
                if errno != libc::EACCES {
                    break;
                }
            }
        }
    }
    match denied {
        Some(errno) => fail(&format!("exec: {name:?}: {}", describe(errno)), NOT_EXECUTABLE),
        None => fail(&format!("exec: {name:?}: executable file not found in $PATH"), NOT_FOUND),
    }
}

/// PATH of the environment; the last one counts, as later variables replace earlier ones.
fn path(env: &[Vec<u8>]) -> &[u8] {
    env.iter().rev().find_map(|variable| variable.strip_prefix(b"PATH=")).unwrap_or(DEFAULT_PATH)
}

fn strings(list: &[Vec<u8>]) -> Option<Vec<CString>> {
    list.iter().map(|bytes| CString::new(bytes.as_slice()).ok()).collect()
}

fn pointers(strings: &[CString]) -> Vec<*const c_char> {
    strings.iter().map(|string| string.as_ptr()).chain([std::ptr::null()]).collect()
}

/// Executes a file; returns the error number.
fn exec(file: &CString, argv: &mut [*const c_char], envp: &mut [*const c_char]) -> i32 {
    // SAFETY: both arrays end with a null pointer and point to strings that outlive the call.
    unsafe { libc::execve(file.as_ptr(), argv.as_mut_ptr().cast_const(), envp.as_mut_ptr().cast_const()) };
    std::io::Error::last_os_error().raw_os_error().unwrap_or(libc::ENOENT)
}

fn describe(errno: i32) -> String {
    match errno {
        libc::EACCES => "permission denied".to_owned(),
        libc::ENOEXEC => "exec format error".to_owned(),
        other => std::io::Error::from_raw_os_error(other).to_string(),
    }
}

fn fail(line: &str, code: i32) -> Refusal {
    Refusal { code, line: line.to_owned() }
}
