//! `pontual template`: a tenant's own texts in the places of the shipped ones.

use std::io::Read as _;

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand, ValueEnum};

use crate::clock::Clock;
use crate::db::{self, TenantTx, templates};
use crate::domain::locale::{Language, Locale};
use crate::domain::template;

#[derive(Debug, Subcommand)]
pub(super) enum TemplateCommand {
    /// Show every text of a language with its values; the tenant's own are marked with a star
    List {
        #[command(flatten)]
        of: Of,
        /// Only the texts whose key contains this
        #[arg(value_name = "KEY")]
        key: Option<String>,
    },
    /// Say something in other words; a text that would fail or mislead is refused
    Set {
        #[command(flatten)]
        of: Of,
        /// Which text, as `template list` names it
        #[arg(long)]
        key: String,
        /// The text, with values such as {code} in braces; `-` reads it from standard input
        text: String,
    },
    /// Show what customers would read, with a name, a day and a time as they might be
    Preview {
        #[command(flatten)]
        of: Of,
        /// Which text, as `template list` names it
        #[arg(long)]
        key: String,
        /// A text to try out; without it, the tenant's own or the shipped one; `-` reads it from
        /// standard input
        text: Option<String>,
    },
    /// Go back to the shipped text
    Reset {
        #[command(flatten)]
        of: Of,
        /// Which text, as `template list` names it
        #[arg(long)]
        key: String,
    },
}

/// Whose texts, in which language.
#[derive(Debug, Args)]
pub(super) struct Of {
    /// Slug of the tenant
    #[arg(long)]
    tenant: String,
    /// Language of the text: en, pt-BR or es; default: the tenant's
    #[arg(long)]
    lang: Option<Locale>,
    /// Channel the text is for
    #[arg(long, value_enum, default_value_t = Channel::Whatsapp)]
    channel: Channel,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Channel {
    Whatsapp,
    Sms,
    Email,
}

impl From<Channel> for template::Channel {
    fn from(channel: Channel) -> Self {
        match channel {
            Channel::Whatsapp => Self::WhatsApp,
            Channel::Sms => Self::Sms,
            Channel::Email => Self::Email,
        }
    }
}

/// Runs the command; results go to stdout.
///
/// # Errors
///
/// Everything that speaks against a text at once; then nothing was changed. Else what the database
/// said.
pub(super) async fn run(
    command: TemplateCommand,
    database_url: &str,
    clock: Clock,
) -> anyhow::Result<()> {
    let (TemplateCommand::List { of, .. }
    | TemplateCommand::Set { of, .. }
    | TemplateCommand::Preview { of, .. }
    | TemplateCommand::Reset { of, .. }) = &command;
    let Of { tenant: slug, lang, channel } = of;
    let channel = template::Channel::from(*channel);
    let pool = db::connect(database_url, 1, clock).await?;
    let tenant = templates::tenant_named(&pool, slug).await?.with_context(|| {
        format!("there is no tenant {slug:?}; `pontual tenant list` shows all of them")
    })?;
    let mut db = TenantTx::begin(&pool, tenant, clock.now()).await?;
    let language = match lang {
        Some(locale) => locale.language(),
        None => templates::language_of(&mut db).await?,
    };
    match &command {
        TemplateCommand::List { key, .. } => {
            list(&mut db, channel, language, key.as_deref()).await?;
        }
        TemplateCommand::Set { key, text, .. } => {
            let text = if text == "-" { from_stdin()? } else { text.clone() };
            let refused = template::check(channel, language, key, &text);
            if !refused.is_empty() {
                bail!("{key} was not changed:\n- {}", refused.join("\n- "));
            }
            templates::save(&mut db, channel, language, key, &text).await?;
            println!("{key} {} set", language.tag());
        }
        TemplateCommand::Preview { key, text, .. } => {
            refuse_unknown(channel, language, key)?;
            let text = match text.as_deref() {
                Some("-") => Some(from_stdin()?),
                Some(text) => Some(text.to_owned()),
                None => templates::own(&mut db, channel, language).await?.remove(key),
            };
            let seen = template::preview(channel, language, key, text.as_deref());
            let refused = || {
                let text = text.as_deref().unwrap_or_default();
                template::check(channel, language, key, text).join("\n- ")
            };
            println!(
                "{}",
                seen.with_context(|| format!("it could not be saved:\n- {}", refused()))?
            );
        }
        TemplateCommand::Reset { key, .. } => {
            refuse_unknown(channel, language, key)?;
            let was_own = templates::reset(&mut db, channel, language, key).await?;
            let said = if was_own { "reset" } else { "is the shipped text already" };
            println!("{key} {} {said}", language.tag());
        }
    }
    Ok(db.commit().await?)
}

fn refuse_unknown(channel: template::Channel, language: Language, key: &str) -> anyhow::Result<()> {
    if template::all(channel, language).iter().all(|text| text.key != key) {
        bail!("there is no text with the key {key:?}; `pontual template list` shows them all");
    }
    Ok(())
}

async fn list(
    db: &mut TenantTx,
    channel: template::Channel,
    language: Language,
    part: Option<&str>,
) -> anyhow::Result<()> {
    let own = templates::own(db, channel, language).await?;
    let all = template::all(channel, language).into_iter();
    for text in all.filter(|text| part.is_none_or(|part| text.key.contains(part))) {
        let values: Vec<_> = text.values.iter().map(|value| format!("{{{value}}}")).collect();
        let (mark, said) = match own.get(&text.key) {
            Some(own) => ("*", own.as_str()),
            None => (" ", text.shipped),
        };
        println!("{mark} {}  {}", text.key, values.join(" "));
        for line in said.lines() {
            println!("      {line}");
        }
    }
    Ok(())
}

fn from_stdin() -> anyhow::Result<String> {
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).context("standard input is no UTF-8 text")?;
    Ok(text.strip_suffix('\n').map(str::to_owned).unwrap_or(text))
}
