//! Looks at and signals a server's process, and no other: a number alone proves nothing.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::Command;

use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process};

use super::Error;

/// Whether process `pid` is a living server on the directory `data`, started as this module does.
///
/// A zombie is not: it has no command line any more. Nor is a program that got the number after a
/// restart of the machine, nor a server in another container, whose number means nothing here.
pub(super) fn is_server(pid: i32, data: &Path) -> bool {
    if Path::new("/proc/self/cmdline").exists() {
        return is_server_by_proc(&Path::new("/proc").join(pid.to_string()), data);
    }
    // Without /proc the arguments come joined by spaces: `-D`, the directory, and a `-k` follow.
    let wanted = [b" -D ", data.as_os_str().as_bytes(), b" -k "].concat();
    Command::new("ps")
        .args(["-ww", "-o", "command=", "-p", &pid.to_string()])
        .output()
        .is_ok_and(|output| output.stdout.windows(wanted.len()).any(|part| part == wanted))
}

fn is_server_by_proc(process: &Path, data: &Path) -> bool {
    let names_data = fs::read(process.join("cmdline")).is_ok_and(|line| {
        line.split(|byte| *byte == 0).any(|argument| argument == data.as_os_str().as_bytes())
    });
    // A server works in its data directory: that still holds when a checkout was moved meanwhile.
    let works_there = || {
        fs::read(process.join("comm")).is_ok_and(|name| name == b"postgres\n")
            && fs::read_link(process.join("cwd")).is_ok_and(|directory| directory == data)
    };
    names_data || works_there()
}

/// Sends a signal to a server's process; one that has just ended is no error.
pub(super) fn signal(pid: i32, signal: Signal) -> Result<(), Error> {
    let Some(target) = Pid::from_raw(pid) else { return Ok(()) };
    match kill_process(target, signal) {
        Ok(()) | Err(Errno::SRCH) => Ok(()),
        Err(error) => Err(Error::Command {
            what: "signalling the server",
            detail: format!("process {pid}: {error}"),
        }),
    }
}
