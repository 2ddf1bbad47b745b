#!/bin/sh
# Run once by the postgres image, on an empty volume: the runtime's login and the gateway's database.
set -eu
psql --set=ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" \
  --set=runtime="$PONTUAL_RUNTIME_PASSWORD" --set=gateway="$EVOLUTION_DATABASE_PASSWORD" <<'SQL'
create role pontual_app nologin;
create role pontual_runtime login password :'runtime' in role pontual_app;
create role evolution login password :'gateway';
create database evolution owner evolution;
SQL
