# shellcheck shell=bash
# lib.sh - what serve, test and the bench share. Sourced, never run. Needs Debian (or a derivative) to install
# packages; elsewhere it names what is missing.

set -euo pipefail
export CMAKE_GENERATOR=Ninja # for the tests that run cmake themselves, too
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
BUILD=${AIGW_BUILD:-$ROOT/build} # where everything is built

say() {
    printf '== %s\n' "$*" >&2
}

die() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo -- "$@"
    else
        die "root is needed to install packages; run as root or install: $*"
    fi
}

# Packages to compile the server, as "package" or "command:package" where another package may give the command.
# zlib is for the bodies that model servers compress unasked, zstd for those that clients compress, sqlite for the
# documentation search, hiredis for limits that several gateways share.
# shellcheck disable=SC2034 # for those who source this
BUILD_NEEDS=(gcc:gcc libc6-dev cmake:cmake ninja:ninja-build pkg-config:pkg-config libmicrohttpd-dev
    libcurl4-gnutls-dev libjson-c-dev libgnutls28-dev libconfig-dev zlib1g-dev
    libzstd-dev libsqlite3-dev libhiredis-dev ca-certificates)

is_there() {
    case $1 in
    *:*) command -v "${1%%:*}" >/dev/null ;;
    *) [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ] ;;
    esac
}

# need NEED…: install what is missing. Does not touch apt when nothing is.
need() {
    local missing=() item

    for item in "$@"; do
        is_there "$item" || missing+=("${item##*:}")
    done
    [ "${#missing[@]}" -eq 0 ] && return
    command -v apt-get >/dev/null || die "missing, and there is no apt-get to install it: ${missing[*]}"
    say "installing ${missing[*]}"
    # A new machine may still be upgrading itself: wait for its lock.
    as_root apt-get update -qq || die "apt-get update failed; is the network there, are the mirrors right?"
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
        -o DPkg::Lock::Timeout=300 "${missing[@]}" \
        >/dev/null || die "apt-get could not install: ${missing[*]}"
}

cpus() {
    nproc 2>/dev/null || echo 2
}

# configure FOLDER [cmake option…]: the options win over what the folder had.
configure() {
    local folder=$1
    shift

    mkdir -p "$BUILD"
    cmake -S "$ROOT" -B "$folder" "$@" >"$folder.configure.log" 2>&1 || {
        cat "$folder.configure.log" >&2
        die "cmake could not configure ${folder#"$ROOT"/}"
    }
}

# compile FOLDER [target…]
compile() {
    local folder=$1
    shift

    ninja -C "$folder" -j "$(cpus)" "$@" >"$folder.build.log" 2>&1 || {
        tail -n 60 "$folder.build.log" >&2
        die "compiling ${folder#"$ROOT"/} failed; all of it: ${folder#"$ROOT"/}.build.log"
    }
}

# debian12_tar: makes a small Debian 12 by debootstrap, as $BUILD/debian12.tar, unless it is there. Where this machine's own
# packages come from has it. False, with the reason on standard error, where it cannot be made.
debian12_tar() {
    local site tree=$BUILD/debian12
    [ ! -s "$tree.tar" ] || return 0
    site=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' 2>/dev/null | grep -m 1 '/debian/*$') || {
        echo "apt knows no mirror of Debian" >&2
        return 1
    }
    say "making a Debian 12 in ${tree#"$ROOT"/}.tar"
    rm -rf "$tree"
    mkdir -p "$BUILD"
    if ! debootstrap --variant=minbase bookworm "$tree" "$site" >"$tree.log" 2>&1; then
        echo "debootstrap failed; its last words: $(tail -n 2 "$tree.log")" >&2
        return 1
    fi
    tar -C "$tree" -c . -f "$tree.tar.new" && rm -rf "$tree" && mv "$tree.tar.new" "$tree.tar"
}
