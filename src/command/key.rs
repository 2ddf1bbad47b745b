//! `pontual key`: keys of the HTTP API.

use std::fmt::Write as _;
use std::str::FromStr;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use clap::Subcommand;

use crate::clock::Clock;
use crate::db;
use crate::db::keys::{self, KeyLine, Limits, Scope};

#[derive(Debug, Subcommand)]
pub(super) enum KeyCommand {
    /// Make a key and print it, once: only its hash is kept
    Create {
        /// The tenant it acts for; `pontual tenant list` shows them
        #[arg(long, value_name = "SLUG")]
        tenant: String,
        /// What to call it, such as the program that will use it
        #[arg(long)]
        name: String,
        /// What it may do: read, write (bookings, messages), operate (instances, calendar feeds);
        /// several with commas or by repeating. Left out: everything
        #[arg(long, value_name = "SCOPE", value_delimiter = ',')]
        scope: Vec<Scope>,
        /// Until when it works: a length such as 90d, or a moment such as 2027-01-31T18:00:00-03:00;
        /// a date alone means its end in UTC. Left out: for ever
        #[arg(long, value_name = "WHEN", value_parser = End::from_str)]
        expires: Option<End>,
    },
    /// Show a tenant's keys: when made, scopes, when over, last used and revoked, name
    List {
        /// The tenant; `pontual tenant list` shows them
        #[arg(long, value_name = "SLUG")]
        tenant: String,
    },
    /// End a key; requests that carry it are refused from now on
    Revoke {
        /// The tenant; `pontual tenant list` shows them
        #[arg(long, value_name = "SLUG")]
        tenant: String,
        /// The name it was given
        #[arg(long)]
        name: String,
    },
}

/// Runs the command; results go to stdout, of a new key the key alone.
///
/// # Errors
///
/// What is wrong, and what to do.
pub(super) async fn run(
    command: KeyCommand,
    database_url: &str,
    clock: Clock,
) -> anyhow::Result<()> {
    let pool = db::connect(database_url, 1, clock).await?;
    let now = clock.now();
    match command {
        KeyCommand::Create { tenant, name, scope, expires } => {
            let mut limits = Limits::default();
            if !scope.is_empty() {
                limits.scopes = scope;
            }
            limits.expires_at = expires.map(|end| end.after(now));
            let secret = keys::create_limited(&pool, now, &tenant, &name, &limits).await?;
            println!("{}", secret.reveal());
            eprintln!("This key of {tenant} is shown once; keep it like a password.");
        }
        KeyCommand::List { tenant } => {
            print!("{}", table(&keys::list(&pool, now, &tenant).await?));
        }
        KeyCommand::Revoke { tenant, name } => {
            keys::revoke(&pool, now, &tenant, &name).await?;
            println!("{name} is revoked");
        }
    }
    pool.close().await;
    Ok(())
}

/// When a key ends, as it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    After(TimeDelta),
    At(DateTime<Utc>),
}

impl End {
    fn after(self, now: DateTime<Utc>) -> DateTime<Utc> {
        match self {
            Self::After(length) => {
                now.checked_add_signed(length).unwrap_or(DateTime::<Utc>::MAX_UTC)
            }
            Self::At(end) => end,
        }
    }
}

impl FromStr for End {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const WRONG: &str = "neither a length such as 90d or 12h, nor a date or moment of RFC 3339";
        if let Ok(moment) = DateTime::parse_from_rfc3339(text) {
            return Ok(Self::At(moment.to_utc()));
        }
        if let Ok(day) = text.parse::<NaiveDate>() {
            let end = day.succ_opt().and_then(|next| next.and_hms_opt(0, 0, 0)).ok_or(WRONG)?;
            return Ok(Self::At(end.and_utc()));
        }
        let (number, seconds) = match text.as_bytes().split_last() {
            Some((b'd', number)) => (number, 86_400),
            Some((b'h', number)) => (number, 3_600),
            _ => return Err(WRONG),
        };
        let number: i64 =
            std::str::from_utf8(number).ok().and_then(|text| text.parse().ok()).ok_or(WRONG)?;
        // A century is as good as for ever.
        match number.checked_mul(seconds) {
            Some(length) if (1..=100 * 366 * 86_400).contains(&length) => {
                Ok(Self::After(TimeDelta::seconds(length)))
            }
            _ => Err(WRONG),
        }
    }
}

/// Columns as wide as their widest cell, two spaces apart; the name last, since it may have spaces.
fn table(lines: &[KeyLine]) -> String {
    let time = |time: Option<DateTime<Utc>>| {
        time.map_or_else(|| "-".to_owned(), |time| time.format("%Y-%m-%dT%H:%M:%SZ").to_string())
    };
    let head = ["CREATED", "SCOPES", "EXPIRES", "LAST USED", "REVOKED", "NAME"];
    let mut rows = vec![head.map(str::to_owned)];
    rows.extend(lines.iter().map(|line| {
        [
            time(Some(line.created_at)),
            line.scopes.join(","),
            time(line.expires_at),
            time(line.last_used_at),
            time(line.revoked_at),
            line.name.clone(),
        ]
    }));
    let mut text = String::new();
    for [cells @ .., name] in rows {
        for cell in cells {
            let _ = write!(text, "{cell:20}  ");
        }
        text.push_str(&name);
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_a_length_a_moment_or_the_end_of_a_day() {
        let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        let cases = [
            ("90d", End::After(TimeDelta::days(90))),
            ("12h", End::After(TimeDelta::hours(12))),
            ("2027-01-31T18:00:00-03:00", End::At(at("2027-01-31T21:00:00Z"))),
            ("2027-01-31", End::At(at("2027-02-01T00:00:00Z"))),
        ];
        for (text, end) in cases {
            assert_eq!(text.parse(), Ok(end), "{text}");
        }
        for wrong in ["", "d", "0d", "-1d", "90", "1w", "2027-02-30", "99999999999999999d", "ed"] {
            assert!(wrong.parse::<End>().is_err(), "{wrong}");
        }
    }
}
