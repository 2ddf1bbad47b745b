//! Ways to break the program from below, so that it can be seen that the oracle notices and names
//! the promise. Each is SQL that is run on the stage's database before anybody works.

/// Something that is made to be broken.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sabotage {
    pub(crate) name: &'static str,
    /// What the oracle has to name; it may name more.
    pub(crate) promise: &'static str,
    /// One statement after another, after [`TOOLS`].
    pub(crate) sql: &'static [&'static str],
}

/// Puts other words into a function, and fails if they are not found any more; skips a row.
pub(crate) const TOOLS: &str = "
    create function chaos.rewrite(place text, old text, new text) returns void language plpgsql as $$
    declare
      f record; body text; is_found boolean := false;
    begin
      for f in select p.oid from pg_proc p where p.oid::regproc::text = place loop
        body := pg_get_functiondef(f.oid);
        if position(old in body) > 0 then
          execute replace(body, old, new);
          is_found := true;
        end if;
      end loop;
      if not is_found then
        raise exception 'nothing to break: % has no %', place, old;
      end if;
    end $$;
    create function chaos.skip() returns trigger language plpgsql as $$ begin return null; end $$;";

pub(crate) const ALL: [Sabotage; 13] = [
    Sabotage {
        name: "some messages are taken for known ones",
        promise: "P1",
        sql: &["create trigger sabotage before insert on app.inbound_messages for each row
            when (random() < 0.1) execute function chaos.skip()"],
    },
    Sabotage {
        name: "what comes twice is taken twice",
        promise: "P2",
        sql: &[
            "alter table app.inbound_messages drop constraint inbound_messages_provider_id_once",
            "select chaos.rewrite('app.receive_message', 'on conflict on constraint inbound_messages_provider_id_once do nothing', '')",
            "select chaos.rewrite('app.receive_message', 'if exists (select from app.inbound_messages', 'if false and exists (select from app.inbound_messages')",
        ],
    },
    Sabotage {
        name: "the last is heard first",
        promise: "P3",
        sql: &[
            "select chaos.rewrite('app.begin_turn', 'order by m.sent_at, m.received_at, m.id)', 'order by m.sent_at desc, m.received_at desc, m.id)')",
        ],
    },
    Sabotage {
        name: "some replies of a turn are not kept",
        promise: "P4",
        sql: &[
            "create trigger sabotage before insert on app.outbound_messages for each row
            when (new.template is null and random() < 0.2) execute function chaos.skip()",
        ],
    },
    Sabotage {
        name: "times are not exclusive",
        promise: "P5",
        sql: &[
            "alter table app.bookings drop constraint bookings_one_customer_a_lane, drop constraint bookings_one_service_at_a_time",
            "select chaos.rewrite('app.booking_fill', 'new.lane := app.take_lane(new, service.capacity, tg_op = ''UPDATE'', of_visit)', 'new.lane := 1; perform pg_sleep(0.2)')",
        ],
    },
    Sabotage {
        name: "what may have gone out is not looked up",
        promise: "P6",
        sql: &[
            "select chaos.rewrite('app.take_message', '''unsure'', m.status = ''unknown''', '''unsure'', false')",
        ],
    },
    Sabotage {
        name: "the newest message goes first",
        promise: "P6",
        sql: &[
            "select chaos.rewrite('app.claim_message', 'order by x.seq limit 1', 'order by x.seq desc limit 1')",
        ],
    },
    Sabotage {
        name: "leases hold nobody off",
        promise: "P6",
        sql: &[
            "select chaos.rewrite('app.claim_message', 'if s.lease_until > moment and', 'if false and')",
            "select chaos.rewrite('app.take_message', 'if m.lease_until > moment and', 'if false and')",
            "select chaos.rewrite('app.take_message', '''unsure'', m.status = ''unknown''', '''unsure'', false')",
        ],
    },
    Sabotage {
        name: "reminders outlive their bookings",
        promise: "P7",
        sql: &[
            "create trigger aa_sabotage before update of status on app.scheduled_notifications for each row
            when (new.status in ('cancelled', 'skipped')) execute function chaos.skip()",
            "select chaos.rewrite('app.not_to_send', 'elsif not exists (select from app.lines_told(m)) then', 'elsif false then')",
        ],
    },
    Sabotage {
        name: "a table is not guarded",
        promise: "P8",
        sql: &[
            "alter table app.inbound_messages no force row level security, disable row level security",
        ],
    },
    Sabotage {
        name: "the jobs of the dead wait",
        promise: "P9",
        sql: &[
            "create function chaos.later() returns trigger language plpgsql as $$
         begin new.run_at := app.now() + interval '40 seconds'; return new; end $$",
            "create trigger zz_sabotage before update on apalis.jobs for each row
            when (old.lock_by is not null and new.lock_by is null and new.status = 'Pending'
                  and old.lock_at < now() - interval '8 seconds')
            execute function chaos.later()",
        ],
    },
    Sabotage {
        name: "what is done by hand is told to nobody",
        promise: "P10",
        sql: &[
            "create trigger sabotage before insert on app.outbound_messages for each row
            when (new.template in ('booking_cancelled', 'booking_moved')) execute function chaos.skip()",
        ],
    },
    Sabotage {
        name: "a confirmation does not last",
        promise: "P11",
        sql: &[
            "create trigger aa_sabotage before update of status on app.bookings for each row
            when (old.status = 'held' and new.status = 'confirmed') execute function chaos.skip()",
            "select chaos.rewrite('app.apply_effect', 'if not found and not exists (', 'if false and not exists (')",
        ],
    },
];
