//! `pontual template`: a tenant's own texts in the places of the shipped ones.

use std::io::Read as _;

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand, ValueEnum};
use sqlx::PgPool;
use uuid::Uuid;

use crate::clock::Clock;
use crate::db::{self, templates};
use crate::domain::conversation::{check_text, replaceable};
use crate::domain::locale::{Language, Locale};

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
    | TemplateCommand::Reset { of, .. }) = &command;
    let Of { tenant: slug, lang, channel: Channel::Whatsapp } = of;
    let pool = db::connect(database_url, 1, clock).await?;
    let tenant = templates::tenant_named(&pool, slug).await?.with_context(|| {
        format!("there is no tenant {slug:?}; `pontual tenant list` shows all of them")
    })?;
    let language = match lang {
        Some(locale) => locale.language(),
        None => templates::language_of(&pool, tenant, clock.now()).await?,
    };
    match &command {
        TemplateCommand::List { key, .. } => {
            list(&pool, tenant, clock, language, key.as_deref()).await
        }
        TemplateCommand::Set { key, text, .. } => {
            let text = if text == "-" { from_stdin()? } else { text.clone() };
            let refused = check_text(language, key, &text);
            if !refused.is_empty() {
                bail!("{key} was not changed:\n- {}", refused.join("\n- "));
            }
            templates::save(&pool, tenant, clock.now(), language, key, &text).await?;
            println!("{key} {} set", language.tag());
            Ok(())
        }
        TemplateCommand::Reset { key, .. } => {
            if replaceable(language).iter().all(|text| text.key != key) {
                bail!(
                    "there is no text with the key {key:?}; `pontual template list` shows them all"
                );
            }
            let was_own = templates::reset(&pool, tenant, clock.now(), language, key).await?;
            let said = if was_own { "reset" } else { "is the shipped text already" };
            println!("{key} {} {said}", language.tag());
            Ok(())
        }
    }
}

async fn list(
    pool: &PgPool,
    tenant: Uuid,
    clock: Clock,
    language: Language,
    part: Option<&str>,
) -> anyhow::Result<()> {
    let own = templates::own(pool, tenant, clock.now(), language).await?;
    let all = replaceable(language).into_iter();
    for text in all.filter(|text| part.is_none_or(|part| text.key.contains(part))) {
        let values: Vec<_> = text.values.iter().map(|value| format!("{{{value}}}")).collect();
        let (mark, said) = match own.get(text.key) {
            Some(own) => ("*", own.as_str()),
            None => (" ", text.template),
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
