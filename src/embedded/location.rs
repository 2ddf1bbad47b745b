//! Where clusters live, what marks one as ours, and how its URL is written.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use sha2::{Digest, Sha256};

use super::account::Account;
use super::{Error, Options, Profile};

/// In each directory that this module made for a cluster.
const MARKER: &str = "made-by-pontual.txt";
const MARKER_TEXT: &str = "\
A private PostgreSQL cluster, made by pontual for development or tests. Where no pontual process and
no server runs on it, this directory may be deleted as a whole; its databases go with it.
";

/// Memory that has to be free before a cluster goes there. Docker's default of 64 MB is too little.
const MEMORY_NEEDED: u64 = 1 << 30;

/// The longest directory of a socket. The system takes about 100 bytes for the path of a socket,
/// and `/.s.PGSQL.5432` is still to come.
const SOCKET_DIR_MAX: usize = 85;

/// The directories around the clusters of one state directory and one profile.
#[derive(Debug)]
pub(super) struct Base {
    /// Holds the durable clusters and the fetched binaries.
    home: PathBuf,
    /// Holds the clusters of this profile: `home`, or a directory in memory.
    clusters: PathBuf,
    account: Account,
}

impl Base {
    /// Finds the directories and makes those that are missing.
    pub(super) fn of(options: &Options, account: &Account) -> Result<Self, Error> {
        let state = &options.state_dir;
        if state.join("PG_VERSION").exists() {
            return Err(Error::Foreign {
                path: state.clone(),
                why: "is the data directory of a PostgreSQL server".to_owned(),
            });
        }
        fs::create_dir_all(state).map_err(Error::io("make the directory", state))?;
        let state = fs::canonicalize(state).map_err(Error::io("look at", state))?;
        let mut home = state;
        if !account.can_enter(&home) {
            // Root's own directories are closed to the server's account.
            home = Path::new("/var/lib/pontual").join(short_hash(&home));
            fs::create_dir_all(&home).map_err(Error::io("make the directory", &home))?;
        }
        let mut clusters = home.clone();
        if options.profile.is_volatile() {
            let name = format!("pontual-{}-{}", account.uid(), short_hash(&home));
            let in_memory = Path::new("/dev/shm").join(name);
            // Clones of a database are hundreds of files: some 15 ms in memory, 200 ms on a disk.
            if in_memory.exists() || memory_free() > MEMORY_NEEDED {
                account.own_directory(&in_memory)?;
                clusters = in_memory;
            }
        }
        Ok(Self { home, clusters, account: account.clone() })
    }

    pub(super) fn home(&self) -> &Path {
        &self.home
    }

    /// Held by whoever starts or stops a server in here.
    pub(super) fn start_lock(&self) -> PathBuf {
        self.clusters.join("start.lock")
    }

    pub(super) fn has_cluster(&self, profile: Profile, major: u32) -> bool {
        profile != Profile::Ephemeral && self.cluster(profile, major).join("data").exists()
    }

    fn cluster(&self, profile: Profile, major: u32) -> PathBuf {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = match profile {
            Profile::Dev => "dev".to_owned(),
            Profile::Test => "test".to_owned(),
            Profile::Ephemeral => {
                let count = COUNT.fetch_add(1, Ordering::Relaxed);
                format!("{EPHEMERAL}{}-{count}", std::process::id())
            }
        };
        self.clusters.join(format!("pg{major}-{name}{}", self.account.suffix()))
    }

    /// The directory of a cluster: made and marked if it is missing or empty.
    ///
    /// # Errors
    ///
    /// [`Error::Foreign`] if it holds something and does not bear the marker.
    pub(super) fn claim(&self, profile: Profile, major: u32) -> Result<PathBuf, Error> {
        let directory = self.cluster(profile, major);
        let marker = directory.join(MARKER);
        let is_empty = match fs::read_dir(&directory) {
            Ok(mut entries) => entries.next().is_none(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => true,
            Err(error) => return Err(Error::io("read", &directory)(error)),
        };
        if !is_empty && !marker.is_file() {
            return Err(Error::Foreign {
                path: directory,
                why: "holds something that pontual did not make".to_owned(),
            });
        }
        self.account.own_directory(&directory)?;
        if is_empty {
            fs::write(&marker, MARKER_TEXT).map_err(Error::io("write", &marker))?;
        }
        Ok(directory)
    }

    /// The directories of ephemeral clusters of any process, living or dead.
    pub(super) fn ephemeral_clusters(&self) -> Vec<PathBuf> {
        let name = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned());
        fs::read_dir(&self.clusters)
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.path())
            .filter(|path| name(path).is_some_and(|name| name.contains(EPHEMERAL)))
            .filter(|path| path.join(MARKER).is_file())
            .collect()
    }
}

/// What the names of ephemeral clusters contain, after the version.
const EPHEMERAL: &str = "ephemeral-";

/// The directory of the socket: in the cluster, or where the path would be too long for a socket,
/// in `/tmp` under a name that follows from it.
pub(super) fn socket_dir(cluster: &Path, account: &Account) -> PathBuf {
    let inside = cluster.join("socket");
    if inside.as_os_str().len() <= SOCKET_DIR_MAX {
        return inside;
    }
    format!("/tmp/pontual-{}-{}", account.uid(), short_hash(cluster)).into()
}

/// Removes a cluster that this module made and whose server is stopped.
pub(super) fn remove(cluster: &Path) -> Result<(), Error> {
    if !cluster.join(MARKER).is_file() {
        return Ok(());
    }
    fs::remove_dir_all(cluster).map_err(Error::io("remove", cluster))
}

/// `postgres://` with the directory of the socket as a parameter, all parts percent-encoded.
pub(super) fn url(role: &str, database: &str, socket_dir: &Path) -> String {
    format!(
        "postgres://{}@localhost/{}?host={}&sslmode=disable",
        percent_encoded(role.as_bytes(), b""),
        percent_encoded(database.as_bytes(), b""),
        percent_encoded(socket_dir.as_os_str().as_bytes(), b"/"),
    )
}

fn percent_encoded(bytes: &[u8], also_plain: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(byte) || also_plain.contains(byte) {
            text.push(char::from(*byte));
        } else {
            let _ = write!(text, "%{byte:02X}");
        }
        text
    })
}

/// Twelve hexadecimal digits that stand for a path, the same in each build and process.
fn short_hash(path: &Path) -> String {
    let hash = Sha256::digest(path.as_os_str().as_bytes());
    hash[..6].iter().fold(String::new(), |mut digits, byte| {
        let _ = write!(digits, "{byte:02x}");
        digits
    })
}

/// Free bytes of the file system in memory; 0 where there is none.
fn memory_free() -> u64 {
    rustix::fs::statvfs("/dev/shm").map_or(0, |fs| fs.f_bavail.saturating_mul(fs.f_frsize))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_survives_characters_that_urls_give_a_meaning() {
        assert_eq!(
            url("postgres", "app", Path::new("/tmp/pontual/socket")),
            "postgres://postgres@localhost/app?host=/tmp/pontual/socket&sslmode=disable"
        );
        assert_eq!(
            url("a@b", "d/e?f", Path::new("/home/ana luz/100%&?=#")),
            "postgres://a%40b@localhost/d%2Fe%3Ff?host=/home/ana%20luz/100%25%26%3F%3D%23\
             &sslmode=disable"
        );
    }

    #[test]
    fn a_socket_stays_with_its_cluster_unless_the_path_is_too_long_for_one() {
        let account = Account::Own { uid: 1000, gid: 1000 };
        let short = Path::new("/home/ana/salon/.data/pg15-dev");
        assert_eq!(socket_dir(short, &account), short.join("socket"));

        let long = PathBuf::from("/home/ana").join("x".repeat(80));
        let elsewhere = socket_dir(&long, &account);
        assert!(elsewhere.starts_with("/tmp"), "{}", elsewhere.display());
        assert!(elsewhere.as_os_str().len() <= SOCKET_DIR_MAX);
        assert_eq!(elsewhere, socket_dir(&long, &account), "the same each time");
        assert_ne!(elsewhere, socket_dir(&long.join("y"), &account), "one for each cluster");
    }
}
