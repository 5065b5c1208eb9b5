#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# tests/asn1-erlang.sh asn1c|codecs [COUNT]: decoders and encoders against Erlang's, which are made of the very same
# modules (asn1/*.asn): those of asn1c (tests/erlang/asn1c.erl), or the program's own (codecs.erl). COUNT values of each
# type (10), each in two forms. Prints `N passed, N failed`. Exit status 77 when Erlang's compiler is not here.
set -eu
cd "$(dirname "$0")/.."
top=$(pwd)
: "${BUILD:=build}"
case $BUILD in /*) ;; *) BUILD=$top/$BUILD ;; esac
what=$1
peer=$BUILD/tests/erlang/$what

for tool in erl erlc; do
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
erlc -I . "$top/tests/erlang/values.erl" "$top/tests/erlang/$what.erl"
erl -noshell -run "$what" main "$peer" "${2:-10}" -s erlang halt
