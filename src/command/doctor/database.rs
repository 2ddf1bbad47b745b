//! The database: reachable, migrated, its roles safe, its clock right, room left.

use chrono::TimeDelta;
use sqlx::{PgConnection, PgPool};

use super::report::{Report, Status};
use crate::clock::Clock;
use crate::db::{self, facts};

/// Versions that the program is tried on.
const OLDEST: i32 = 150_000;
const NEWEST: i32 = 190_000;
/// What the schema and the queue need.
const EXTENSIONS: [&str; 2] = ["btree_gist", "hstore"];
/// Reminders and holds are late or early by as much as the clocks differ.
const SKEW_WARN: TimeDelta = TimeDelta::seconds(2);
const SKEW_FAIL: TimeDelta = TimeDelta::seconds(60);
/// Transactions; the server stops taking writes a little before two thousand million.
const XID_WARN: i64 = 500_000_000;
const XID_FAIL: i64 = 1_500_000_000;

/// Looks at everything that does not need the schema, then at the schema. False: nothing more can
/// be asked of this database.
pub(super) async fn check(
    db: &mut PgConnection,
    clock: Clock,
    report: &mut Report,
) -> sqlx::Result<bool> {
    // Half of the way there and back is the best guess of when the server looked at its clock.
    let asked = clock.now();
    let server = facts::server(db).await?;
    let answered = clock.now();
    let middle = asked + (answered - asked) / 2 - clock.offset();
    version(&server, report);
    skew((server.clock - middle).abs(), report);
    capacity(&server, report);
    disk(&server, report);
    if !migrated(db, report).await? {
        return Ok(false);
    }
    let roles = facts::unsafe_roles(db).await?;
    for role in &roles {
        report.fail("roles", role, "see sql/README.md, and `alter role`");
    }
    if roles.is_empty() {
        report.ok("roles", "pontual_app, pontual_ops and pontual_definer may what they should");
    }
    let found = facts::unsafe_schema(db).await?;
    for (about, finding) in &found {
        report.fail(
            "schema",
            format!("{about}: {finding}"),
            "run `pontual migrate`, which makes policies and grants again",
        );
    }
    if found.is_empty() {
        report.ok("schema", "row-level security is forced everywhere, changes are audited");
    }
    audit(db, report).await?;
    Ok(true)
}

/// The runtime's login, which is not always the one that looks.
pub(super) async fn runtime(pool: &PgPool, report: &mut Report) {
    match db::refuse_unsafe_role(pool).await {
        Ok(()) => report.ok("runtime login", "is kept inside one tenant by row-level security"),
        Err(error) => report.fail("runtime login", error.to_string(), ""),
    }
}

fn version(server: &facts::Server, report: &mut Report) {
    let found = format!("PostgreSQL {}", server.version);
    match server.version_num {
        ..OLDEST => report.fail("database", found, "PostgreSQL 15 or later is needed"),
        OLDEST..NEWEST if server.in_recovery => {
            report.fail("database", format!("{found}, a standby"), "point it at the primary");
        }
        OLDEST..NEWEST => report.ok("database", format!("{found}, as {}", server.login)),
        _ => report.warn("database", found, "newer than what this version was tried on"),
    }
    let missing: Vec<&str> = EXTENSIONS
        .into_iter()
        .filter(|wanted| !server.extensions.iter().any(|there| there == wanted))
        .collect();
    if !missing.is_empty() {
        let found = format!("extension {} is missing", missing.join(" and "));
        report.fail(
            "extensions",
            found,
            "`pontual migrate` makes them; the server needs postgresql-contrib",
        );
    }
}

fn skew(skew: TimeDelta, report: &mut Report) {
    let found = format!(
        "the database's clock differs from this machine's by {} ms",
        skew.num_milliseconds()
    );
    let advice = "let both machines follow a time server";
    if skew >= SKEW_FAIL {
        report.fail("clock", found, advice);
    } else if skew >= SKEW_WARN {
        report.warn("clock", found, advice);
    } else {
        report.ok("clock", found);
    }
}

fn capacity(server: &facts::Server, report: &mut Report) {
    let used = server.connections * 100 / i64::from(server.max_connections.max(1));
    let found =
        format!("{} of {} connections are used", server.connections, server.max_connections);
    match used {
        80.. => {
            report.warn("connections", found, "raise max_connections, or put PgBouncer in front");
        }
        _ => report.ok("connections", found),
    }
    let found = format!(
        "the oldest transaction id is {} million transactions old",
        server.xid_age / 1_000_000
    );
    let advice = "autovacuum is behind: look for old transactions and replication slots, then `vacuum freeze`";
    match server.xid_age {
        XID_FAIL.. => report.fail("transaction ids", found, advice),
        XID_WARN.. => report.warn("transaction ids", found, advice),
        _ => {}
    }
}

/// Room on the server's disk, where that is this machine's.
fn disk(server: &facts::Server, report: &mut Report) {
    let size = format!("the database has {} MB", server.bytes / 1_000_000);
    let room = server.data_directory.as_deref().and_then(|folder| rustix::fs::statvfs(folder).ok());
    let Some(room) = room.filter(|room| room.f_blocks > 0) else {
        report.ok("disk", format!("{size}; its disk is on another machine"));
        return;
    };
    let percent = room.f_bavail * 100 / room.f_blocks;
    let found = format!("{size}; {percent} % of its disk are free");
    let status = match percent {
        0..3 => Status::Fail,
        3..10 => Status::Warn,
        _ => Status::Ok,
    };
    let advice = if status == Status::Ok { "" } else { "make room: a server without any stops" };
    report.add("disk", status, found, advice);
}

async fn migrated(db: &mut PgConnection, report: &mut Report) -> sqlx::Result<bool> {
    match facts::fingerprint(db).await? {
        Some(there) if there == db::schema_fingerprint() => {
            report.ok("migrations", "the schema is this version's");
            Ok(true)
        }
        Some(_) => {
            report.fail(
                "migrations",
                "the schema is another version's",
                "run `pontual migrate` of the newest version in use",
            );
            // Of an older schema nothing below is sure to be there.
            Ok(false)
        }
        None => {
            report.fail("migrations", "the database has no schema", "run `pontual migrate`");
            Ok(false)
        }
    }
}

async fn audit(db: &mut PgConnection, report: &mut Report) -> sqlx::Result<()> {
    let months = facts::audit_months(db).await?;
    let advice = "workers make months ahead: check that one runs, or `select queue.keep_audit();`";
    if !months.next_is_there {
        report.warn("audit months", "the part for the next month is missing", advice);
    } else if months.strays > 0 {
        report.warn(
            "audit months",
            format!("{} rows lie outside of their month", months.strays),
            advice,
        );
    } else {
        report.ok("audit months", format!("{} parts", months.parts));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server() -> facts::Server {
        facts::Server {
            version: "15.14".to_owned(),
            version_num: 150_014,
            in_recovery: false,
            clock: chrono::DateTime::UNIX_EPOCH,
            extensions: vec!["btree_gist".to_owned(), "hstore".to_owned()],
            bytes: 5_000_000,
            connections: 10,
            max_connections: 100,
            xid_age: 1_000_000,
            login: "postgres".to_owned(),
            data_directory: None,
        }
    }

    fn worst(check: impl FnOnce(&mut Report)) -> (Status, String) {
        let mut report = Report::default();
        check(&mut report);
        let worst = report.checks.iter().max_by_key(|check| check.status).unwrap();
        (worst.status, worst.found.clone())
    }

    #[test]
    fn a_server_that_is_too_old_a_standby_or_without_an_extension_fails_and_a_new_one_is_told() {
        let with = |change: &dyn Fn(&mut facts::Server)| {
            let mut server = server();
            change(&mut server);
            worst(|report| version(&server, report))
        };
        assert_eq!(with(&|_| ()).0, Status::Ok);
        assert_eq!(with(&|server| server.version_num = 140_011).0, Status::Fail);
        assert_eq!(with(&|server| server.version_num = 190_000).0, Status::Warn);
        assert_eq!(with(&|server| server.in_recovery = true).0, Status::Fail);
        let (status, found) = with(&|server| server.extensions.truncate(1));
        assert_eq!((status, found.as_str()), (Status::Fail, "extension hstore is missing"));
    }

    #[test]
    fn clocks_that_differ_are_told_and_far_apart_they_fail() {
        let of = |ms| worst(|report| skew(TimeDelta::milliseconds(ms), report)).0;
        assert_eq!([of(1_999), of(2_000), of(60_000)], [Status::Ok, Status::Warn, Status::Fail]);
    }

    #[test]
    fn a_server_that_runs_out_of_connections_or_transaction_ids_is_told() {
        let of = |connections, xid_age| {
            worst(|report| capacity(&facts::Server { connections, xid_age, ..server() }, report)).0
        };
        assert_eq!(of(79, 1), Status::Ok);
        assert_eq!(of(80, 1), Status::Warn);
        assert_eq!(of(1, XID_WARN), Status::Warn);
        assert_eq!(of(1, XID_FAIL), Status::Fail);
    }
}
