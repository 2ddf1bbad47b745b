//! Catalogues this process remembers, by tenant.
//!
//! A turn says which one it has, by version and hash, and the transaction that loads the turn looks
//! whether it is the one that is there (`app.catalogue_version`): with a commit that changes a
//! service, an opening hour or a flag, the next turn of any process has the change.

use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;
use uuid::Uuid;

use crate::domain::catalogue::Catalogue;
use crate::metrics;

/// For how long a catalogue is remembered at most. Its version is looked at in every turn; this is
/// for rows that somebody changed with triggers off.
const LIFETIME: Duration = Duration::from_mins(10);
/// A parsed catalogue takes about so many times the bytes of its JSON text.
const PARSED: usize = 2;
const MIB: u64 = 1024 * 1024;

/// A catalogue and what it is known by.
#[derive(Debug, Clone)]
pub struct Remembered {
    /// As `app.catalogue_version` tells it.
    pub version: String,
    /// What the journal knows it by: SHA-256 in hex.
    pub hash: String,
    pub catalogue: Arc<Catalogue>,
}

/// The catalogues of the tenants that were served last.
#[derive(Debug, Clone)]
pub struct Catalogues {
    /// `None`: each turn loads its own.
    cache: Option<Cache<Uuid, Arc<Remembered>>>,
}

impl Catalogues {
    /// Room for about so many MiB; 0: none are remembered.
    pub fn with_room(mib: u64) -> Self {
        let cache = (mib > 0).then(|| {
            Cache::builder()
                .max_capacity(mib * MIB)
                .weigher(|_, remembered: &Arc<Remembered>| weight(remembered))
                .time_to_live(LIFETIME)
                .build()
        });
        Self { cache }
    }

    /// The catalogue of a tenant as it was last seen.
    pub fn of(&self, tenant: Uuid) -> Option<Arc<Remembered>> {
        self.cache.as_ref()?.get(&tenant)
    }

    /// A turn had to load a catalogue: it is remembered from now on.
    pub(super) fn loaded(&self, tenant: Uuid, remembered: Remembered) {
        metrics::catalogue_asked("loaded");
        if let Some(cache) = &self.cache {
            cache.insert(tenant, Arc::new(remembered));
            metrics::catalogues_remembered(cache.entry_count(), cache.weighted_size());
        }
    }

    /// A turn went by the catalogue that was remembered.
    pub(super) fn was_right(&self) {
        metrics::catalogue_asked("remembered");
        if let Some(cache) = &self.cache {
            metrics::catalogues_remembered(cache.entry_count(), cache.weighted_size());
        }
    }

    /// How many are remembered, and about how many bytes they take.
    pub fn size(&self) -> (u64, u64) {
        self.cache.as_ref().map_or((0, 0), |cache| {
            cache.run_pending_tasks();
            (cache.entry_count(), cache.weighted_size())
        })
    }
}

impl Default for Catalogues {
    /// 16 MiB: hundreds of salons.
    fn default() -> Self {
        Self::with_room(16)
    }
}

/// About how many bytes it takes.
fn weight(remembered: &Remembered) -> u32 {
    let text = serde_json::to_vec(&*remembered.catalogue).map_or(usize::MAX, |text| text.len());
    u32::try_from(text.saturating_mul(PARSED)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn remembered(name_bytes: usize) -> Remembered {
        let catalogue = json!({
            "tenant": {
                "id": Uuid::nil(), "slug": "x", "name": "n".repeat(name_bytes), "locale": "pt-BR",
                "timezone": "America/Sao_Paulo", "currency": "BRL", "address": null,
                "rules": { "slot_interval": 900, "min_notice": 0, "horizon": 0, "hold": 600,
                           "cancel_notice": 0, "reminders": [] },
                "hours": { "openings": [] },
            },
            "services": [], "staff": [], "closures": [],
        });
        let catalogue = Arc::new(serde_json::from_value(catalogue).unwrap());
        Remembered { version: "v".to_owned(), hash: "00".to_owned(), catalogue }
    }

    #[test]
    fn without_room_nothing_is_remembered() {
        let off = Catalogues::with_room(0);
        off.loaded(Uuid::nil(), remembered(1));
        assert!(off.of(Uuid::nil()).is_none());
        assert_eq!(off.size(), (0, 0));
    }

    #[test]
    fn what_is_remembered_keeps_within_its_room() {
        let catalogues = Catalogues::with_room(1);
        for n in 0..50 {
            catalogues.loaded(Uuid::from_u128(n), remembered(50_000));
        }
        let (entries, bytes) = catalogues.size();
        assert!(entries >= 5 && bytes <= MIB, "{entries} of {bytes} bytes");
    }
}
