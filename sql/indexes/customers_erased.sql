-- Those erased lately are looked at once more: a message may have been on its way.
create index concurrently customers_erased on app.customers (erased_at) where erased_at is not null
