# Untested here, like docker-compose.yml. Builds the one binary; runs it as a user without rights.
FROM rust:1.95-bookworm AS build
WORKDIR /src
COPY . .
# The caches stay between builds; the program leaves its own in the same step.
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/src/target \
    cargo build --release --locked -p chatledger && cp target/release/chatledger /chatledger

FROM debian:bookworm-slim
# librdkafka's TLS, and the roots of the vendors' certificates.
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates libssl3 && rm -rf /var/lib/apt/lists/* \
    && useradd --system --user-group chatledger && install -d -o chatledger -g chatledger /var/lib/chatledger
COPY --from=build /chatledger /usr/local/bin/chatledger
USER chatledger
WORKDIR /var/lib/chatledger
ENTRYPOINT ["chatledger"]
CMD ["up"]
