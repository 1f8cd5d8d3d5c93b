# Two stages: the first compiles and tests, the second holds the server, its plugins and its configuration.
#
#   docker build -t aigw .
#   docker run -p 5052:5052 -e AIGW_GITLAB_URL=https://gitlab.example.com \
#              -e AIGW_GITLAB_API_URL=https://gitlab.example.com/api/v4/ aigw
#
# The image runs as any user, with a read-only root and without a writable folder:
#   docker run --read-only --user 100000:0 …

# zlib: for the bodies that model servers compress unasked; sqlite: for the documentation search.
FROM debian:12-slim AS build
RUN apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
        gcc libc6-dev cmake ninja-build pkg-config check ca-certificates libmicrohttpd-dev libcurl4-gnutls-dev \
        libjson-c-dev libgnutls28-dev libconfig-dev zlib1g-dev libsqlite3-dev \
    && rm -rf /var/lib/apt/lists/*
ENV CMAKE_GENERATOR=Ninja
COPY . /src
RUN cmake -S /src -B /build -DCMAKE_BUILD_TYPE=Release -DAIGW_WERROR=ON -DCMAKE_INSTALL_PREFIX=/usr \
        -DCMAKE_INSTALL_SYSCONFDIR=/etc -DCMAKE_INSTALL_LIBDIR=lib \
    && cmake --build /build \
    && ctest --test-dir /build --output-on-failure --timeout 120 \
    && DESTDIR=/image cmake --install /build --strip --component runtime

FROM debian:12-slim
RUN apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
        libmicrohttpd12 libcurl3-gnutls libjson-c5 libgnutls30 libconfig9 zlib1g libsqlite3-0 ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --no-create-home --uid 1001 --gid 0 aigateway
COPY --from=build /image/ /
COPY deploy/docker/healthcheck /usr/lib/aigw/healthcheck
ENV AIGW_FASTAPI__API_PORT=5052 \
    AIGW_FASTAPI__OPENAPI_URL=/openapi.json \
    AIGW_FASTAPI__DOCS_URL=/docs \
    AIGW_CUSTOM_MODELS__ENABLED=true
USER aigateway
EXPOSE 5052 8082
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=2s CMD ["/usr/lib/aigw/healthcheck"]
ENTRYPOINT ["aigw"]
CMD ["serve"]
