#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Our golden PDUs, read by tshark: no frame malformed or against the protocol, and the values that were put in.
# Prints "N passed, N failed"; needs no network and no root.
cd "$(dirname "$0")/.." || exit 2
for tool in tshark text2pcap xxd; do
    command -v $tool >/dev/null || { echo "skipped: there is no $tool"; exit 77; }
done
dir=$(mktemp -d) || exit 2
trap 'rm -rf "$dir"' EXIT
passed=0 failed=0

cat >"$dir/p1.lua" <<'LUA'
local p = Proto("p1file", "P1 APDU in a file")
function p.dissector(tvb, pinfo, tree)
    DissectorTable.get("ber.syntax"):try("P1 Message", tvb, pinfo, tree)
end
DissectorTable.get("wtap_encap"):add(wtap.USER0, p)
LUA

# capture NAME: the octets on standard input become $dir/NAME.pcap
capture() {
    od -Ax -tx1 -v >"$dir/$1.od"
    text2pcap -q -l 147 "$dir/$1.od" "$dir/$1.pcap" >"$dir/text2pcap.log" 2>&1 || cat "$dir/text2pcap.log"
}

# fields NAME FIELD...: values of the fields, joined by commas, the fields by bars
fields() {
    name=$1
    shift
    for field; do set -- "$@" -e "$field"; shift; done
    tshark -X lua_script:"$dir/p1.lua" -r "$dir/$name.pcap" -T fields -E aggregator=, -E separator='|' "$@" \
        2>"$dir/tshark.log"
}

check() { # what, got, wanted
    if [ "$2" = "$3" ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        printf 'FAILED %s\n  got    %s\n  wanted %s\n' "$1" "$2" "$3"
    fi
}

# Expert groups Malformed (0x07000000) and Protocol (0x09000000).
bad() { fields "$1" _ws.expert.group | tr ',' '\n' | grep -cE '^(117440512|150994944)$'; }

for name in message probe delivery non-delivery; do
    grep -v '^#' "tests/data/p1-golden-$name.hex" | xxd -r -p | capture $name
    check "$name is well-formed" "$(bad $name)" 0
    grep -v '^#' "tests/data/p1-84-golden-$name.hex" | xxd -r -p | capture "$name-84"
    check "$name of 1984 is well-formed" "$(bad "$name-84")" 0
done

check message "$(fields message p1.MTS_APDU p1.local_identifier p1.priority p1.built_in p1.content_identifier \
    p1.per_message_indicators p1.per_recipient_indicators p1.explicit_conversion \
    p1.originally_specified_recipient_number p22.subject)" \
    '0|m-1|2|22|golden|a0|d0,28|11|1,2|cap 88 normal'
check 'times of a message' "$(fields message p1.arrival_time p1.deferred_delivery_time p1.deferred_time p1.LatestDeliveryTime)" \
    '26-11-20 10:34:36 (UTC),26-11-20 10:34:41 (UTC),26-11-20 10:34:36 (UTC)|26-11-20 11:34:36 (UTC)|26-11-20 11:34:36 (UTC)|26-11-21 10:34:36 (UTC)'
check 'trace and extensions of a message' "$(fields message p1.routing_action p1.mta_name p1.standard_extension p1.redirection_reason)" \
    '0,1,0|MTA-A|25,6,38,23,5,3,26|1'
check 'names in a message' "$(fields message p1.surname p1.organization_name)" \
    'jones,smith,jones,jones,smith,jones,jones,smith|ALPHA,BETA,ALPHA,ALPHA,BETA,ALPHA,ALPHA,BETA'
check probe "$(fields probe p1.MTS_APDU p1.local_identifier p1.extended p1.content_length p1.per_recipient_indicators p1.surname)" \
    '2|m-1|2.6.6.10.1|100000|d0,d0|jones,smith,jones'
check 'delivery report' "$(fields delivery p1.MTS_APDU p1.local_identifier p1.message_delivery_time p1.type_of_MTS_user \
    p1.supplementary_information p1.per_recipient_indicators p1.standard_extension p1.mta_name)" \
    '1|r-1,m-1|26-11-20 10:35:36 (UTC)|1|seen by the golden test|f0|30,38,39,25,23|MTA-B,MTA-B'
check 'names in a delivery report' "$(fields delivery p1.surname)" 'smith,jones,smith,smith,jones,jones'
check 'non-delivery report' "$(fields non-delivery p1.MTS_APDU p1.local_identifier p1.non_delivery_reason_code \
    p1.non_delivery_diagnostic_code p1.originally_specified_recipient_number p22.subject)" \
    '1|r-1,m-1|1,1|0,0|1,2|cap 88 normal'

check 'message of 1984' "$(fields message-84 p1.MTS_APDU p1.local_identifier p1.priority p1.built_in p1.content_identifier \
    p1.per_message_indicators p1.per_recipient_indicators p1.explicit_conversion \
    p1.originally_specified_recipient_number p1.standard_extension p1.mta_name)" '0|m-1|2|2|golden|a0|d0,28|0|1,2||'
check 'delivery report of 1984' "$(fields delivery-84 p1.MTS_APDU p1.local_identifier p1.message_delivery_time \
    p1.type_of_MTS_user p1.supplementary_information p1.per_recipient_indicators p1.standard_extension p1.mta_name)" \
    '1|r-1,m-1|26-11-20 10:35:36 (UTC)|1|seen by the golden test|f0||'

# The oracle itself: it notices what is cut short.
grep -v '^#' tests/data/p1-golden-message.hex | xxd -r -p | head -c 300 | capture cut
[ "$(bad cut)" -gt 0 ] && noticed=yes || noticed=no
check 'a truncated message is noticed' $noticed yes

echo "p1-tshark: $passed passed, $failed failed"
[ $failed -eq 0 ]
