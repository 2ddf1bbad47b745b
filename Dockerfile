# One image, one binary: `docker run pontual web`, `worker`, `migrate`, …
FROM rust:1.95-slim-bookworm AS build
RUN apt-get update && apt-get install -y --no-install-recommends gcc libc6-dev && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY Cargo.toml Cargo.lock ./
COPY .cargo .cargo
COPY src src
COPY sql sql
COPY benches benches
COPY tests tests
RUN cargo build --release --locked --bin pontual

FROM debian:bookworm-slim
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates curl \
    && rm -rf /var/lib/apt/lists/* && useradd --system --no-create-home pontual
COPY --from=build /src/target/release/pontual /usr/local/bin/pontual
USER pontual
EXPOSE 8080
ENTRYPOINT ["pontual"]
CMD ["web"]
