#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# tests/asn1-erlang.sh [COUNT]: our ASN.1 codecs against Erlang's, over the very same modules (asn1/*.asn), COUNT values of
# each type (10), each in two forms. Prints `N passed, N failed`. Exit status 77 when Erlang's compiler is not here.
set -eu
cd "$(dirname "$0")/.."
top=$(pwd)
: "${BUILD:=build}"
case $BUILD in /*) ;; *) BUILD=$top/$BUILD ;; esac
peer=$BUILD/tests/asn1-erlang

for tool in erlc escript; do
    command -v $tool >/dev/null || { echo "skipped: no $tool (packages erlang-asn1, erlang-dev)"; exit 77; }
done
erl -noshell -eval 'case code:which(asn1ct) of non_existing -> halt(1); _ -> halt(0) end.' ||
    { echo "skipped: no ASN.1 compiler (package erlang-asn1)"; exit 77; }
[ -x "$peer" ] || ${MAKE:-make} -s BUILD="$BUILD" "$peer"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp asn1/*.asn "$work/"
cd "$work"
# A module after those that it imports from.
for m in UpperBounds External MTS RTSE MTABind ACSE Presentation MTA IPMS; do
    erlc -bber $m.asn
done
escript "$top/tests/asn1-erlang.escript" "$peer" "${1:-10}"
