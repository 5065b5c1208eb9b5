#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# The release archive: made twice it is the same; unpacked, it builds, passes the unit tests and lint, and is installed, on
# a PATH on which there is no asn1c. Prints `N passed, N failed`; exit status 77: skipped, there is no git repository.
set -u
cd "$(dirname "$0")/.." || exit 2
[ -e .git ] || { echo "skipped: an archive is made from a git repository"; exit 77; }
version=$(cat VERSION)
dir=$(mktemp -d) || exit 2
trap 'rm -rf "$dir"' EXIT
passed=0 failed=0

step() { # what, command...
    what=$1
    shift
    if "$@" >"$dir/log" 2>&1; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED $what"
        tail -40 "$dir/log"
    fi
}

# A PATH of links to everything but asn1c.
mkdir "$dir/bin"
for folder in $(echo "$PATH" | tr : ' '); do
    for tool in "$folder"/*; do
        case $tool in
        */asn1c) ;;
        *) [ -e "$dir/bin/${tool##*/}" ] || ln -s "$tool" "$dir/bin/" 2>/dev/null ;;
        esac
    done
done
without_asn1c() {
    (cd "$dir/x400d-$version" && env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL -u BUILD PATH="$dir/bin" "$@")
}
has_no_asn1c() { ! without_asn1c sh -c 'command -v asn1c'; }

make_dist() { env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL make BUILD="$dir/build-$1" dist && cp "dist/x400d-$version.tar.xz" "$dir/$1"; }
step "make dist" make_dist one
step "make dist again" make_dist two
step "both are the same" cmp "$dir/one" "$dir/two"
step "unpacking" tar -C "$dir" -xf "$dir/one"
step "there is no asn1c" has_no_asn1c
step "make" without_asn1c make WERROR=1
step "make unit" without_asn1c make unit
step "make lint" without_asn1c make lint
step "make install" without_asn1c make install DESTDIR="$dir/installed" PREFIX=/usr
for file in sbin/x400d bin/x400 share/man/man1/x400.1 share/man/man5/x400d.conf.5 share/man/man8/x400d.8 \
    share/doc/x400d/README.md share/doc/x400d/examples/x400d.conf; do
    step "installed: $file" test -s "$dir/installed/usr/$file"
done
step "x400 runs" "$dir/installed/usr/bin/x400" --help
step "x400d runs" "$dir/installed/usr/sbin/x400d" -V
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
