#!/bin/sh
# Builds libmicrohttpd (≥ 1.0.10) into a prefix from the distribution's own source package of a newer suite.
#
#   build-libmicrohttpd.sh PREFIX
#
# Older ones accept ambiguous framing and can skip ready connections while another is suspended. The source comes through apt with lists of
# our own, made from the machine's own mirror, so that signatures are checked and the system's configuration stays as it is. Without TLS:
# that ends at a proxy, and GnuTLS would be the only thing to need.
set -eu

wanted=1.0.10
prefix=${1:?usage: build-libmicrohttpd.sh PREFIX}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# apt drops its privileges to a user of its own, who must get in.
chmod 755 "$work"

die() { printf 'build-libmicrohttpd: %s\n' "$*" >&2; exit 1; }

# ---- where the machine gets its packages from ---------------------------------------------------------------------

distribution() { ( . /etc/os-release && printf '%s' "${ID:-debian}" ); }

# The first address of an archive of the distribution itself: one that has a suite "main" component. Both formats of apt's sources.
mirrors() {
    for file in /etc/apt/sources.list.d/*.sources; do
        if [ -f "$file" ]; then awk '/^URIs:/ { for (i = 2; i <= NF; i++) print $i }' "$file"; fi
    done
    for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
        if [ -f "$file" ]; then awk '$1 == "deb" { for (i = 2; i <= NF; i++) if ($i ~ /^[a-z+]+:\/\//) { print $i; next } }' "$file"; fi
    done
}

mirror() { mirrors | grep -E "/$1/?\$" | head -n 1; }

keyring() {
    for file in /usr/share/keyrings/debian-archive-keyring.gpg /usr/share/keyrings/debian-archive-keyring.pgp \
        /usr/share/keyrings/ubuntu-archive-keyring.gpg; do
        case "$file" in */"$1"-*) if [ -f "$file" ]; then printf '%s' "$file"; return; fi ;; esac
    done
}

# ---- apt, on lists of our own -------------------------------------------------------------------------------------

own_apt() {
    apt-get -q -o Dir::Etc::sourcelist="$work/sources.list" -o Dir::Etc::sourceparts=/dev/null -o Dir::State::lists="$work/lists" \
        -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= -o APT::Get::List-Cleanup=0 -o Acquire::Languages=none "$@"
}

newest_source() { # newest_source SUITE: downloads the suite's source package into $work/source, or fails
    mkdir -p "$work/lists/partial" "$work/source"
    printf 'deb-src [signed-by=%s] %s %s main\n' "$signed_by" "$address" "$1" >"$work/sources.list"
    own_apt update >"$work/log" 2>&1 || return 1
    (cd "$work/source" && own_apt source --download-only libmicrohttpd >>"$work/log" 2>&1)
}

version_of() { printf '%s' "$1" | sed -n 's/^libmicrohttpd_\([0-9.]*\)\.orig\.tar\..*/\1/p'; }

is_new_enough() { [ "$(printf '%s\n%s\n' "$wanted" "$1" | sort -V | head -n 1)" = "$wanted" ]; }

fetch() {
    for suite in $suites; do
        rm -rf "$work/source" "$work/lists"
        newest_source "$suite" || continue
        for archive in "$work"/source/libmicrohttpd_*.orig.tar.*; do
            case "$archive" in *.asc) continue ;; esac
            if is_new_enough "$(version_of "$(basename "$archive")")"; then
                tar -xf "$archive" -C "$work/source"
                return 0
            fi
        done
    done
    [ ! -f "$work/log" ] || tail -n 5 "$work/log" >&2
    die "no suite of ($suites) offers libmicrohttpd $wanted or newer; build it yourself and name its folder in PKG_CONFIG_PATH"
}

# ---- building -----------------------------------------------------------------------------------------------------

build() {
    cd "$work"/source/libmicrohttpd-*/
    ./configure --prefix="$prefix" --libdir="$prefix/lib" --disable-shared --enable-static --with-pic --disable-https --disable-doc \
        --disable-examples --disable-tools --disable-curl --disable-dauth --disable-bauth --disable-postprocessor --disable-dependency-tracking \
        CFLAGS="-O2 -g -fstack-protector-strong -D_FORTIFY_SOURCE=2" >"$work/build.log" 2>&1 &&
        make -s -j"$(nproc 2>/dev/null || echo 2)" -C src install >>"$work/build.log" 2>&1 &&
        make -s install-pkgconfigDATA >>"$work/build.log" 2>&1 || { tail -n 30 "$work/build.log" >&2; die "the build failed"; }
}

id=$(distribution)
case "$id" in
ubuntu) suites="devel" ;;
*) id=debian suites="testing unstable" ;;
esac
address=$(mirror "$id")
[ -n "$address" ] || die "the distribution's mirror is not to be found in apt's sources"
signed_by=$(keyring "$id")
[ -n "$signed_by" ] || die "the distribution's keyring is not to be found"
mkdir -p "$prefix"
prefix=$(cd "$prefix" && pwd)
fetch
build
