//! Finds the programs of a PostgreSQL server on this machine, or has them fetched.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::account::Account;
use super::{Error, fetch};

/// The oldest major version of PostgreSQL that is served.
pub const MIN_MAJOR: u32 = 15;

/// What the migrations, ours and the queue's, create with `create extension`.
const EXTENSIONS: [&str; 3] = ["pgcrypto", "hstore", "btree_gist"];

/// Where packages put the programs of a server, one directory a version: (parent, how its name
/// begins, the rest of the path).
const PACKAGED: [(&str, &str, &str); 8] = [
    ("/usr/lib/postgresql", "", "bin"),         // Debian, Ubuntu
    ("/usr", "pgsql-", "bin"),                  // PostgreSQL's own RPMs
    ("/usr/libexec", "postgresql", ""),         // Alpine
    ("/opt/homebrew/opt", "postgresql", "bin"), // Homebrew on Apple silicon
    ("/usr/local/opt", "postgresql", "bin"),    // Homebrew on Intel
    ("/home/linuxbrew/.linuxbrew/opt", "postgresql", "bin"),
    ("/opt/local/lib", "postgresql", "bin"), // MacPorts
    ("/Applications/Postgres.app/Contents/Versions", "", "bin"),
];

/// Package managers, and the arguments that install a server with contrib extensions.
const PACKAGE_MANAGERS: [(&str, &str); 6] = [
    ("apt-get", "install -y postgresql"),
    ("dnf", "install -y postgresql-server postgresql-contrib"),
    ("apk", "add postgresql17 postgresql17-contrib"),
    ("pacman", "-S --noconfirm postgresql"),
    ("zypper", "install -y postgresql-server postgresql-contrib"),
    ("brew", "install postgresql@17"),
];

/// Where server binaries may come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The ones of this machine; if there are none, fetched ones.
    Any,
    /// The ones of this machine and no others: nothing is fetched.
    System,
    /// Pinned ones, fetched by npm on first use.
    Fetched,
}

/// Where server binaries are looked for.
#[derive(Debug, Clone)]
pub struct Search {
    /// Where they may come from.
    pub source: Source,
    /// The one directory to look in, with `postgres` and `initdb`; it overrides all the rest.
    pub bindir: Option<PathBuf>,
    /// A list of directories as in `PATH`: for `postgres`, `pg_config` and `npm`.
    pub path: OsString,
    /// Whether to look where packages install servers, outside `PATH`.
    pub packaged: bool,
}

impl Search {
    /// The search that the environment asks for: `PONTUAL_PG_BINDIR`, `PONTUAL_PG_SOURCE`
    /// (`system` or `fetched`) and `PATH`.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] if `PONTUAL_PG_SOURCE` has another value.
    pub fn from_environment() -> Result<Self, Error> {
        let variable = "PONTUAL_PG_SOURCE";
        let source = match std::env::var(variable).unwrap_or_default().as_str() {
            "" => Source::Any,
            "system" => Source::System,
            "fetched" => Source::Fetched,
            value => {
                return Err(Error::Setting {
                    variable,
                    value: value.to_owned(),
                    expected: "`system` or `fetched`",
                });
            }
        };
        Ok(Self {
            source,
            bindir: std::env::var_os("PONTUAL_PG_BINDIR")
                .filter(|directory| !directory.is_empty())
                .map(PathBuf::from),
            path: std::env::var_os("PATH").unwrap_or_default(),
            packaged: true,
        })
    }

    /// The directories to look in, each once.
    fn directories(&self, cache: &Path) -> Vec<PathBuf> {
        if let Some(bindir) = &self.bindir {
            return vec![bindir.clone()];
        }
        let mut directories = vec![];
        if self.source != Source::Fetched {
            // `/usr/local/bin/postgres` is often a link into the directory that has them all.
            let linked = self.on_path("postgres").and_then(|found| fs::canonicalize(found).ok());
            directories.extend(linked.and_then(|found| found.parent().map(Path::to_owned)));
            let pg_config = self.on_path("pg_config");
            directories.extend(pg_config.and_then(|program| ask_pg_config(&program, "--bindir")));
        }
        if self.source != Source::Fetched && self.packaged {
            for (parent, prefix, rest) in PACKAGED {
                directories.extend(
                    entries(Path::new(parent))
                        .filter(|name| name.as_bytes().starts_with(prefix.as_bytes()))
                        .map(|name| Path::new(parent).join(name).join(rest)),
                );
            }
        }
        if self.source != Source::System {
            directories.extend(fetch::bindir(cache));
        }
        directories.sort();
        directories.dedup();
        directories
    }

    fn on_path(&self, program: &str) -> Option<PathBuf> {
        std::env::split_paths(&self.path)
            .map(|directory| directory.join(program))
            .find(|file| file.is_file())
    }
}

/// The programs of one server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Install {
    pub(super) bindir: PathBuf,
    pub(super) major: u32,
}

/// The binaries to use: of the major versions found, one that has a cluster here already (an
/// upgrade of the machine's PostgreSQL does not hide the data of yesterday), else the highest.
///
/// `home` is where fetched binaries are kept. This asks the network only if the search allows it
/// and nothing else serves.
pub(super) fn find(
    search: &Search,
    home: &Path,
    account: &Account,
    has_cluster: impl Fn(u32) -> bool,
) -> Result<Install, Error> {
    let cache = home.join("pg-bin");
    let directories = search.directories(&cache);
    let (found, mut details) = look(&directories, account);
    if directories.is_empty() && search.source != Source::Fetched {
        details.push("looked on PATH and where packages install it".to_owned());
    }
    if let Some(install) = choose(found, &has_cluster) {
        return Ok(install);
    }
    if search.source == Source::System || search.bindir.is_some() {
        return Err(no_server(search, &details));
    }
    let fetched = match search.on_path("npm") {
        None => Err("npm, which could fetch it, is not on PATH".to_owned()),
        Some(npm) => fetch::by_npm(&npm, &cache)
            .map_err(|error| format!("fetching it failed: {}", chain(&error))),
    };
    let (found, refused) = match fetched {
        Ok(bindir) => look(&[bindir], account),
        Err(reason) => (vec![], vec![reason]),
    };
    details.extend(refused);
    choose(found, &has_cluster).ok_or_else(|| no_server(search, &details))
}

fn choose(found: Vec<Install>, has_cluster: &impl Fn(u32) -> bool) -> Option<Install> {
    found.into_iter().max_by_key(|install| (has_cluster(install.major), install.major))
}

/// The usable servers in `directories`, and a sentence for each place that has none.
fn look(directories: &[PathBuf], account: &Account) -> (Vec<Install>, Vec<String>) {
    let (mut found, mut refused) = (vec![], vec![]);
    for bindir in directories {
        match inspect(bindir, account) {
            Ok(install) => found.push(install),
            Err(reason) => refused.push(format!("{}: {reason}", bindir.display())),
        }
    }
    (found, refused)
}

fn inspect(bindir: &Path, account: &Account) -> Result<Install, String> {
    let postgres = bindir.join("postgres");
    if !postgres.is_file() || !bindir.join("initdb").is_file() {
        return Err("no `postgres` and `initdb`".to_owned());
    }
    if !account.can_enter(bindir) {
        return Err("closed to the account that runs the server".to_owned());
    }
    let output = account
        .command(&postgres)
        .arg("--version")
        .output()
        .map_err(|error| format!("`postgres` does not run: {error}"))?;
    let Some(major) = major_of(&String::from_utf8_lossy(&output.stdout)) else {
        let stderr = String::from_utf8_lossy(&output.stderr);
        return Err(format!("`postgres --version` failed: {}", stderr.trim()));
    };
    if major < MIN_MAJOR {
        return Err(format!("version {major} is too old"));
    }
    if !has_extensions(bindir, major) {
        return Err(format!("version {major} without {}", EXTENSIONS.join(", ")));
    }
    Ok(Install { bindir: bindir.to_owned(), major })
}

/// `15` of `postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)`, `19` of `… 19devel`.
fn major_of(version: &str) -> Option<u32> {
    version.split_whitespace().find_map(|word| {
        let digits = word.find(|c: char| !c.is_ascii_digit()).unwrap_or(word.len());
        word[..digits].parse().ok()
    })
}

/// Whether the extensions' control files are where this server reads them. No program but
/// `pg_config`, which is seldom installed with the server, tells where that is.
fn has_extensions(bindir: &Path, major: u32) -> bool {
    let mut shares: Vec<PathBuf> =
        ask_pg_config(&bindir.join("pg_config"), "--sharedir").into_iter().collect();
    if let Some(prefix) = bindir.parent() {
        let names = ["share/postgresql", "share", "share/pgsql"];
        shares.extend(names.map(|name| prefix.join(name)));
        shares.push(prefix.join(format!("share/postgresql@{major}"))); // Homebrew
        shares.push(prefix.join(format!("share/postgresql{major}"))); // MacPorts
    }
    if bindir.starts_with("/usr/lib/postgresql") {
        shares.push(format!("/usr/share/postgresql/{major}").into()); // Debian
    }
    if bindir.starts_with("/usr/libexec") {
        shares.push(format!("/usr/share/postgresql{major}").into()); // Alpine
    }
    shares.iter().any(|share| {
        EXTENSIONS
            .iter()
            .all(|name| share.join("extension").join(format!("{name}.control")).is_file())
    })
}

fn ask_pg_config(program: &Path, question: &str) -> Option<PathBuf> {
    let output = Command::new(program).arg(question).output().ok()?;
    let answer = String::from_utf8(output.stdout).ok()?;
    Some(answer.trim()).filter(|answer| !answer.is_empty()).map(PathBuf::from)
}

fn entries(directory: &Path) -> impl Iterator<Item = OsString> {
    fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.file_name())
}

fn no_server(search: &Search, details: &[String]) -> Error {
    Error::NoServer { advice: install_advice(search), details: details.join("; ") }
}

/// What to do about it: one command, where this machine has a package manager that is known here.
fn install_advice(search: &Search) -> String {
    let known = PACKAGE_MANAGERS.iter().find(|(program, _)| search.on_path(program).is_some());
    let Some((program, arguments)) = known else {
        return "install the PostgreSQL server and contrib packages of this system".to_owned();
    };
    // Homebrew refuses root, and a container's root seldom has sudo.
    let is_root = rustix::process::geteuid().is_root();
    let sudo = if is_root || *program == "brew" { "" } else { "sudo " };
    format!("run `{sudo}{program} {arguments}`")
}

/// An error and its sources on one line.
fn chain(error: &Error) -> String {
    let mut line = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        let _ = write!(line, ": {cause}");
        source = cause.source();
    }
    line
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// A directory that looks like installed servers; gone when dropped.
    struct Machine(PathBuf);

    impl Machine {
        fn new(name: &str) -> Self {
            let id = std::process::id();
            let root = std::env::temp_dir().join(format!("pontual-binaries-{id}-{name}"));
            fs::create_dir_all(&root).unwrap();
            fs::set_permissions(&root, fs::Permissions::from_mode(0o755)).unwrap();
            Self(root)
        }

        fn install(&self, version: &str, extensions: &[&str]) -> PathBuf {
            let prefix = self.0.join(version);
            let (bindir, share) = (prefix.join("bin"), prefix.join("share/extension"));
            fs::create_dir_all(&bindir).unwrap();
            fs::create_dir_all(&share).unwrap();
            for program in ["postgres", "initdb"] {
                let script = format!("#!/bin/sh\necho '{program} (PostgreSQL) {version}'\n");
                fs::write(bindir.join(program), script).unwrap();
                fs::set_permissions(bindir.join(program), fs::Permissions::from_mode(0o755))
                    .unwrap();
            }
            for name in extensions {
                fs::write(share.join(format!("{name}.control")), "").unwrap();
            }
            bindir
        }
    }

    impl Drop for Machine {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn account() -> Account {
        Account::for_server(None).unwrap()
    }

    #[test]
    fn the_major_version_is_read_from_what_postgres_prints() {
        let cases = [
            ("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n", Some(15)),
            ("postgres (PostgreSQL) 19devel\n", Some(19)),
            ("postgres (PostgreSQL) 9.6.24\n", Some(9)),
            ("error while loading shared libraries\n", None),
            ("", None),
        ];
        for (printed, major) in cases {
            assert_eq!(major_of(printed), major, "{printed}");
        }
    }

    #[test]
    fn a_server_too_old_or_without_contrib_is_refused_with_the_reason() {
        let machine = Machine::new("refused");
        let old = machine.install("14.9", &EXTENSIONS);
        let bare = machine.install("16.2", &["hstore", "pgcrypto"]);
        let good = machine.install("15.3", &EXTENSIONS);

        let (found, refused) = look(&[old.clone(), bare.clone(), good.clone()], &account());

        assert_eq!(found, [Install { bindir: good, major: 15 }]);
        assert_eq!(
            refused,
            [
                format!("{}: version 14 is too old", old.display()),
                format!("{}: version 16 without pgcrypto, hstore, btree_gist", bare.display()),
            ]
        );
    }

    #[test]
    fn the_highest_version_serves_unless_another_has_a_cluster_already() {
        let found = [15, 17, 16].map(|major| Install { bindir: PathBuf::new(), major });
        let cases = [(None, 17), (Some(15), 15), (Some(18), 17)];
        for (cluster, chosen) in cases {
            let install = choose(found.to_vec(), &|major| Some(major) == cluster).unwrap();
            assert_eq!(install.major, chosen, "a cluster of {cluster:?}");
        }
    }

    #[test]
    fn a_link_on_the_path_leads_to_the_directory_that_has_all_programs() {
        let machine = Machine::new("link");
        let bindir = machine.install("15.3", &EXTENSIONS);
        let links = machine.0.join("links");
        fs::create_dir_all(&links).unwrap();
        std::os::unix::fs::symlink(bindir.join("postgres"), links.join("postgres")).unwrap();
        let mut search = Search {
            source: Source::System,
            bindir: None,
            path: links.into_os_string(),
            packaged: false,
        };

        assert_eq!(search.directories(&machine.0), [bindir]);
        search.path = OsString::new();
        assert!(search.directories(&machine.0).is_empty());
    }
}
