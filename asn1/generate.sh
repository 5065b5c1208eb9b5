#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# asn1/generate.sh OUT: compiles asn1/*.asn with asn1c into C under OUT, on a copy of its run-time sources mended by
# asn1/patches/*.patch, and writes OUT/sources.mk for make. Fails when asn1c is not the version that the patches are
# for, or when one does not apply. ASN1C and ASN1C_SKELETONS name another asn1c.
set -eu
want='v0.9.28'
asn1c=${ASN1C:-asn1c}
skeletons=${ASN1C_SKELETONS:-/usr/share/asn1c}
here=$(cd "$(dirname "$0")" && pwd)
out=$1

fail() {
    echo "asn1/generate.sh: $*" >&2
    exit 1
}

command -v "$asn1c" >/dev/null || fail "no '$asn1c' here: install the package asn1c, or build from a release archive"
have=$("$asn1c" -version 2>&1 | sed -n 's/.*Compiler, *\([^ ]*\).*/\1/p')
[ "$have" = "$want" ] || fail "asn1c is version '$have', and asn1/patches are for $want (see docs/asn1c.md)"
command -v patch >/dev/null || fail "no 'patch' here: install the package patch"
[ -f "$skeletons/constr_CHOICE.c" ] || fail "no run-time sources of asn1c in '$skeletons'"

work=$out.new
rm -rf "$work"
mkdir -p "$work/skeletons" "$work/gen"
trap 'rm -rf "$work"' EXIT
cp -R "$skeletons"/. "$work/skeletons/"
for p in "$here"/patches/*.patch; do
    patch -s -F0 -p1 -d "$work/skeletons" <"$p" >"$work/log" 2>&1 ||
        fail "$(basename "$p") does not apply to $skeletons: $(cat "$work/log")"
done
(cd "$work/gen" && "$asn1c" -S "$work/skeletons" -fcompound-names -fincludes-quoted -fno-include-deps -pdu=auto \
    "$here"/*.asn) >"$work/log" 2>&1 || fail "asn1c: $(grep -v -E '^(Compiled|Copied|Symlinked|Generated) |not fully supported' "$work/log")"

# Symbolic links become files, and what only the examples of asn1c need goes.
cd "$work/gen"
for f in *.[ch]; do
    [ ! -L "$f" ] || cp --remove-destination "$(readlink -f "$f")" "$f"
done
rm -f converter-sample.c Makefile.am.sample
# Files of this folder include each other by quotes, so that users need no path into it.
for h in *.h; do printf '/^#[ ]*include/s|<%s>|"%s"|\n' "$h" "$h"; done >../quotes.sed
# Comments name the folders of this machine: the same output everywhere.
printf '/^ \\*/{s|"%s/|"asn1/|;s|-S [^ ]*|-S skeletons|;}\n' "$here" >>../quotes.sed
sed -i -f ../quotes.sed ./*.[ch]

# Every type by name, for asn1_init.
types=$(sed -n 's/^extern asn_TYPE_descriptor_t \(asn_DEF_[A-Za-z0-9_]*\);.*/\1/p' *.h | LC_ALL=C sort -u)
{
    echo '// Made by asn1/generate.sh: every type that has a name.'
    echo '#include "asn_application.h"'
    for t in $types; do echo "extern asn_TYPE_descriptor_t $t;"; done
    echo 'extern asn_TYPE_descriptor_t *const asn1_all_types[];'
    echo 'asn_TYPE_descriptor_t *const asn1_all_types[] = {'
    for t in $types; do echo "    &$t,"; done
    echo '    0};'
} >asn1_all_types.c
# A type's header only declares the types behind its pointers: one header for all of them.
{
    echo '// Made by asn1/generate.sh: every type.'
    for h in $(grep -l '^extern asn_TYPE_descriptor_t asn_DEF_' *.h | LC_ALL=C sort); do echo "#include \"$h\""; done
} >asn1_all_types.h
{
    echo '# Made by asn1/generate.sh.'
    echo 'asn1_GEN_NAMES := \'
    for f in *.c; do echo "	${f%.c} \\"; done
    echo
} >sources.mk
cd "$here"
rm -rf "$out"
mkdir -p "$(dirname "$out")"
mv "$work/gen" "$out"
