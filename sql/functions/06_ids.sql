-- New ids. One expression without a `set` clause, which the planner puts in place of a call: a message
-- makes nine of them. Its body is parsed here and now, which pins every name in it.

create or replace function app.uuid_v7() returns uuid
language sql volatile parallel safe
-- RFC 9562 section 5.7: 48 bits of milliseconds, then version 7 over a random uuid.
return encode(
  set_bit(set_bit(
    overlay(uuid_send(gen_random_uuid())
      placing substring(int8send((extract(epoch from clock_timestamp()) * 1000)::bigint) from 3)
      from 1 for 6),
    52, 1), 53, 1), 'hex')::uuid;
comment on function app.uuid_v7() is 'A new id that sorts by time of making (RFC 9562).';
