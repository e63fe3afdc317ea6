# Two stages: build with the lock file unchanged; run without a shell and without root.

FROM rust:1.95-bookworm AS build
WORKDIR /src
# Dependencies first: they change less often than the code, so this layer is cached.
COPY Cargo.toml Cargo.lock ./
# The image contains neither the simulator nor the test helpers. Cargo only needs the manifest of every workspace member.
COPY crates/sandbox/Cargo.toml crates/sandbox/Cargo.toml
COPY crates/testkit/Cargo.toml crates/testkit/Cargo.toml
RUN mkdir -p src benches && echo 'fn main() {}' > src/main.rs && touch src/lib.rs \
 && for bench in decide footprint streaming load logouts; do echo 'fn main() {}' > benches/$bench.rs; done \
 && cargo build --locked --release --no-default-features \
 && rm -rf src benches
COPY src src
COPY config config
COPY benches benches
# Newer than the stand-ins above; otherwise cargo would not build them again.
RUN find src config -type f -exec touch {} + \
 && cargo build --locked --release --no-default-features

FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /src/target/release/tandem /usr/local/bin/tandem
# The public listener and the admin listener of config/production.toml.
EXPOSE 8080 9090
# Loopback cannot be reached from outside the container.
ENV TANDEM__SERVER__LISTEN=0.0.0.0:8080 TANDEM__ADMIN__LISTEN=0.0.0.0:9090
USER nonroot
ENTRYPOINT ["/usr/local/bin/tandem", "serve"]
CMD ["--config", "/etc/tandem/tandem.toml"]
