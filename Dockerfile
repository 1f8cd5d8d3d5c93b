# Stages: `build` compiles and tests, `root` collects what the image holds, `sdk` is for authors of plugins, and the last
# one, the default, is the gateway: from scratch, without a shell, a package manager or a writable folder.
#
#   docker build -t aigw .
#   docker run -p 5052:5052 -e AIGW_GITLAB_URL=https://gitlab.example.com \
#              -e AIGW_GITLAB_API_URL=https://gitlab.example.com/api/v4/ aigw
#
#   docker build --target sdk -t aigw-sdk .                 an image to build plugins in
#   docker build --platform linux/arm64 -t aigw:arm64 .     cross-compiled, needs no emulator
#   scripts/image                                           the same with docker, podman or buildah
#
# The image runs as any user, with a read-only root and without a writable folder:
#   docker run --read-only --user 100000:0 …
ARG DEBIAN=docker.io/library/debian:12-slim

# Without BuildKit nobody says what this machine is: scripts/image does.
FROM --platform=${BUILDPLATFORM:-linux/amd64} $DEBIAN AS packages
ARG TARGETARCH
COPY deploy/docker/target deploy/docker/packages /usr/local/lib/aigw/
RUN sh /usr/local/lib/aigw/packages "${TARGETARCH:-}"

FROM packages AS build
ARG TARGETARCH
# TESTS=off for those who have run them already.
ARG TESTS=on
COPY . /src
RUN sh /src/deploy/docker/compile "${TARGETARCH:-}" "$TESTS"

FROM build AS root
ARG TARGETARCH
RUN sh /src/deploy/docker/collect "${TARGETARCH:-}" /image /root-fs

# Compiler, headers, CMake and pkg-config files, the test host, the templates, and the gateway to try a plugin with:
#   docker run --rm -v "$PWD:/work" aigw-sdk sh -c 'cmake -B /tmp/b -G Ninja . && ninja -C /tmp/b && ctest --test-dir /tmp/b'
FROM packages AS sdk
COPY --from=build /image/ /sdk/ /
WORKDIR /work
CMD ["sh"]

FROM scratch
ARG VERSION=0.1.0
ARG REVISION=unknown
ARG CREATED=unknown
COPY --from=root /root-fs/ /
LABEL org.opencontainers.image.title="aigw" \
      org.opencontainers.image.description="Native AI gateway for GitLab" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION" \
      org.opencontainers.image.created="$CREATED" \
      org.opencontainers.image.base.name="scratch"
ENV PATH=/usr/bin \
    AIGW_FASTAPI__API_PORT=5052 \
    AIGW_FASTAPI__OPENAPI_URL=/openapi.json \
    AIGW_FASTAPI__DOCS_URL=/docs \
    AIGW_CUSTOM_MODELS__ENABLED=true
USER 1001:0
EXPOSE 5052 8082
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=2s CMD ["/usr/bin/aigw", "health"]
ENTRYPOINT ["/usr/bin/aigw"]
CMD ["serve"]
