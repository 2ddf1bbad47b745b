//! Who runs the server, and which directories that account can use.

use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use super::Error;

/// Accounts that run the server for root, in this order. `initdb` looks its own uid up, so the
/// account has to exist; one without home and shell will do.
const ACCOUNTS: [&str; 3] = ["postgres", "_postgres", "nobody"];

/// The account of the server's processes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Account {
    /// The one of this process, which is not root.
    Own { uid: u32, gid: u32 },
    /// Another one, because this process is root and PostgreSQL refuses to be.
    Other { name: String, uid: u32, gid: u32 },
}

impl Account {
    /// The account for a server of this process; `wanted` counts only where this process is root.
    pub(super) fn for_server(wanted: Option<&str>) -> Result<Self, Error> {
        let uid = rustix::process::geteuid();
        if !uid.is_root() {
            let gid = rustix::process::getegid();
            return Ok(Self::Own { uid: uid.as_raw(), gid: gid.as_raw() });
        }
        let passwd = Path::new("/etc/passwd");
        let passwd = fs::read_to_string(passwd).map_err(Error::io("read", passwd))?;
        let names = wanted.map_or(ACCOUNTS.to_vec(), |name| vec![name]);
        names
            .iter()
            .find_map(|name| Self::listed(&passwd, name))
            .ok_or_else(|| Error::NoAccount { names: names.join(" or ") })
    }

    /// An account of `/etc/passwd` that is not another name of root.
    fn listed(passwd: &str, wanted: &str) -> Option<Self> {
        passwd.lines().find_map(|line| {
            let mut fields = line.split(':');
            let name = fields.next().filter(|name| *name == wanted)?;
            let uid = fields.nth(1)?.parse().ok().filter(|uid| *uid != 0)?;
            let gid = fields.next()?.parse().ok()?;
            Some(Self::Other { name: name.to_owned(), uid, gid })
        })
    }

    pub(super) const fn uid(&self) -> u32 {
        match self {
            Self::Own { uid, .. } | Self::Other { uid, .. } => *uid,
        }
    }

    const fn gid(&self) -> u32 {
        match self {
            Self::Own { gid, .. } | Self::Other { gid, .. } => *gid,
        }
    }

    /// Distinguishes the clusters of several accounts in one directory: `""` or `"-as-postgres"`.
    pub(super) fn suffix(&self) -> String {
        match self {
            Self::Own { .. } => String::new(),
            Self::Other { name, .. } => format!("-as-{name}"),
        }
    }

    /// A program of PostgreSQL run by this account: outside the terminal's process group, so that
    /// Ctrl-C reaches the application alone, and without the settings of the user's own server.
    pub(super) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        // The directory we are in may be closed to the other account.
        command.current_dir("/").stdin(Stdio::null()).process_group(0);
        for (name, _) in std::env::vars_os() {
            if name.as_bytes().starts_with(b"PG") {
                command.env_remove(name);
            }
        }
        // Messages in English, and a locale that exists; the cluster's own is set by `initdb`.
        command.env("LC_ALL", "C");
        if let Self::Other { uid, gid, .. } = self {
            command.uid(*uid).gid(*gid); // drops the supplementary groups as well
        }
        command
    }

    /// Whether this account can walk down to `directory`. One that is not there yet counts as its
    /// nearest parent that is.
    pub(super) fn can_enter(&self, directory: &Path) -> bool {
        let Self::Other { uid, gid, .. } = self else { return true };
        directory.ancestors().filter(|part| part.exists()).all(|part| {
            fs::metadata(part).is_ok_and(|meta| {
                let may_search = if meta.uid() == *uid {
                    0o100
                } else if meta.gid() == *gid {
                    0o010
                } else {
                    0o001
                };
                meta.mode() & may_search != 0
            })
        })
    }

    /// Makes `directory` if it is missing, gives it to this account and closes it to all others.
    ///
    /// # Errors
    ///
    /// [`Error::Foreign`] if it is a link or belongs to somebody else: in a place where everybody
    /// can write, another user may have been there first.
    pub(super) fn own_directory(&self, directory: &Path) -> Result<(), Error> {
        match DirBuilder::new().mode(0o700).create(directory) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(Error::io("make the directory", directory)(error));
            }
            _ => {}
        }
        let meta = fs::symlink_metadata(directory).map_err(Error::io("look at", directory))?;
        let owners = [rustix::process::geteuid().as_raw(), self.uid()];
        if !meta.is_dir() || !owners.contains(&meta.uid()) {
            return Err(Error::Foreign {
                path: directory.to_owned(),
                why: "belongs to another user".to_owned(),
            });
        }
        if meta.uid() != self.uid() {
            chown(directory, Some(self.uid()), Some(self.gid()))
                .map_err(Error::io("change the owner of", directory))?;
        }
        if meta.mode() & 0o777 != 0o700 {
            fs::set_permissions(directory, Permissions::from_mode(0o700))
                .map_err(Error::io("set the permissions of", directory))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\n\
                          toor:x:0:0::/root:/bin/sh\n\
                          nobody:x:65534:65533:nobody:/nonexistent:/usr/sbin/nologin\n";

    #[test]
    fn an_account_is_taken_from_passwd_by_its_whole_name() {
        let nobody = Account::Other { name: "nobody".to_owned(), uid: 65534, gid: 65533 };
        assert_eq!(Account::listed(PASSWD, "nobody"), Some(nobody));
        assert_eq!(Account::listed(PASSWD, "nobod"), None);
        assert_eq!(Account::listed(PASSWD, "postgres"), None);
    }

    #[test]
    fn another_name_of_root_is_no_account_for_the_server() {
        assert_eq!(Account::listed(PASSWD, "toor"), None);
    }

    #[test]
    fn a_directory_closed_to_the_account_cannot_be_entered() {
        let root = std::env::temp_dir().join(format!("pontual-account-{}", std::process::id()));
        let inner = root.join("closed/inner");
        fs::create_dir_all(&inner).unwrap();
        let stranger =
            Account::Other { name: "stranger".to_owned(), uid: 4_000_001, gid: 4_000_001 };

        fs::set_permissions(root.join("closed"), Permissions::from_mode(0o755)).unwrap();
        let open = stranger.can_enter(&inner);
        fs::set_permissions(root.join("closed"), Permissions::from_mode(0o700)).unwrap();
        let closed = stranger.can_enter(&inner.join("not there yet"));
        fs::remove_dir_all(&root).unwrap();

        assert_eq!((open, closed), (true, false));
    }
}
