#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Contents that we write as tshark sees them: not malformed, and the same subject, recipients, body and file.
# usage: tests/ipm-tshark.sh PROGRAM    (the built x400_ipm_sample_test)
set -u
program=${1:?usage: ipm-tshark.sh PROGRAM}
if ! command -v tshark >/dev/null || ! command -v text2pcap >/dev/null; then
    echo "skipped: tshark and text2pcap are needed"
    exit 77
fi
dir=$(mktemp -d) || exit 2
trap 'rm -rf "$dir"' EXIT

cat >"$dir/p22.lua" <<'LUA'
local content = Proto("ipmcontent", "Interpersonal message content")
function content.dissector(tvb, pinfo, tree)
    Dissector.get("p22"):call(tvb, pinfo, tree)
end
DissectorTable.get("wtap_encap"):add(wtap.USER0, content)
LUA
"$program" "$dir/sample" || exit 2
od -Ax -tx1 -v "$dir/sample" | text2pcap -q -l 147 - "$dir/sample.pcap" 2>/dev/null || exit 2

decode() {
    tshark -X "lua_script:$dir/p22.lua" -r "$dir/sample.pcap" "$@" 2>/dev/null
}

passed=0
failed=0
is() { # what, expected, got
    if [ "$2" = "$3" ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        printf 'FAILED %s\n  expected: %s\n  got:      %s\n' "$1" "$2" "$3"
    fi
}
field() { decode -T fields -E separator='|' -E aggregator=';' -e "$1"; }

is "it is an interpersonal message" 1 "$(decode -Y p22.ipm_element | wc -l | tr -d ' ')"
# Malformed, Protocol (a BER error is only a warning, so every severity counts) and Reassemble.
is "nothing malformed" "" "$(decode -Y '_ws.malformed || _ws.expert.group == 0x07000000 || _ws.expert.group == 0x09000000')"
is "no BER error" "" "$(decode -V | grep -i 'BER Error')"
is "user relative identifier" "sample 1;that;old 1;old 1" "$(field p22.user_relative_identifier)"
is "primary recipients" 2 "$(field p22.primary_recipients)"
is "copy recipients" 1 "$(field p22.copy_recipients)"
is "names" "smith brown white" "$(decode -V | sed -n 's/.*formal-name.*S=\([a-z]*\).*/\1/p' | grep -v jones | tr '\n' ' ' |
    sed 's/ $//')"
is "subject" "A sample ??" "$(field p22.subject)"
is "extended subject" 1 "$(decode -Y p22.ExtendedSubject_element | wc -l | tr -d ' ')"
is "importance" 2 "$(field p22.importance)"
is "sensitivity" 2 "$(field p22.sensitivity)"
is "auto-forwarded" 1 "$(field p22.auto_forwarded)"
is "auto-submitted" 1 "$(field p22.AutoSubmitted)"
is "languages" "de" "$(field p22.Language)"
is "body parts" 5 "$(field p22.body)"
is "text in IA5" 'plain text\r\n' "$(field p22.ia5text.data)"
is "registrations of the general text" "1;6;100" "$(field p22.CharacterSetRegistration)"
is "size of the files" "8;1000;0" "$(decode -V | sed -n '/object-size:/{n;s/.*: //p;}' | paste -sd";" -)"
is "name of the file" 1 "$(decode -V | grep -c 'Pathname item: report.pdf')"
is "document abstract syntax" 3 "$(decode -V | grep -c '1.0.8571.2.4 (FTAM unstructured binary abstract syntax)')"
is "modification" 1 "$(decode -V | grep -c 'actual-values: Nov 14, 2023 22:13:20')"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
