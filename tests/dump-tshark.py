#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""x400 dump of the captures in tests/data beside tshark: frame by frame the same TPDUs and SPDUs in the same order, and
the same values of their fields. Transfers in X.410 mode are not dissected by tshark: there the SPDUs are compared.
Prints "N passed, N failed"; needs no network and no root."""
import json
import os
import subprocess
import sys

from tshark import TOP, X400, check, ended, fields, need

os.chdir(TOP)
CAPTURES = {"p1-88-normal": True, "p1-88-normal-100k": True, "p1-88-x410mode": False, "p1-84": False,
            "p1-84-100k": False}  # True: normal mode
TPDU = {"CR TPDU": "0x0e", "CC TPDU": "0x0d", "DR TPDU": "0x08", "DT TPDU": "0x0f"}
SPDU = {"CONNECT (CN)": 13, "ACCEPT (AC)": 14, "DATA TRANSFER (DT)": 1, "ACTIVITY START (AS)": 45,
        "ACTIVITY END (AE)": 41, "ACTIVITY END ACK (AEA)": 42, "MINOR SYNC POINT (MIP)": 49, "MINOR SYNC ACK (MIA)": 50,
        "FINISH (FN)": 9, "DISCONNECT (DN)": 10}


def alike(what, ours, theirs):
    """The same values, and there are some."""
    check(what, ours or "nothing", theirs)


def rows_of(name, *names):
    """For each frame a list of the values of each field."""
    return {int(number[0]): row for number, *row in fields(f"tests/data/{name}.pcap", [10102], "frame.number", *names)}


def without_prefixes(types):
    """GIVE TOKENS and PLEASE TOKENS in front of another SPDU of their TSDU."""
    out, i = [], 0
    while i < len(types):
        if types[i] in (1, 2) and i + 1 < len(types):
            i += 1
        out.append(types[i])
        i += 1
    return out


def fields_of(pdus, name, *keys):
    p = next(p for p in pdus if p["name"] == name)
    return [p["fields"].get(k) for k in keys]


def first(rows, column):
    return next((r[column][0] for r in rows.values() if r[column]), None)


def octets(hexed):
    return f'"{bytes.fromhex(hexed.replace(":", "")).decode()}"'


def compare(name, normal):
    dump = subprocess.run([X400, "dump", "--json", f"tests/data/{name}.pcap"], capture_output=True, text=True)
    alike(f"{name}: exit status", str(dump.returncode), "0")
    events = json.loads(dump.stdout)
    pdus = [e for e in events if e["kind"] == "pdu"]
    rows = rows_of(name, "cotp.type", "ses.type", "cotp.srcref", "cotp.destref", "cotp.dst-tsap-bytes",
                   "ses.serial_number", "ses.activity_identifier", "rtse.checkpointSize", "rtse.windowSize",
                   "ses.proposed_tsdu_maximum_size_i2r", "acse.aSO_context_name", "pres.presentation_context_identifier",
                   "p1.local_identifier", "cotp.tpdu_size")
    for frame, row in rows.items():
        here = [p for p in pdus if p["frame"] == frame]
        ours = [TPDU[p["name"]] for p in here if p["layer"] == "transport"]
        if ours or row[0]:
            alike(f"{name} frame {frame}: TPDUs", ours, row[0])
        ours = [SPDU[p["name"]] for p in here if p["layer"] == "session"]
        theirs = without_prefixes([int(t) for t in row[1]])
        if ours or theirs:
            alike(f"{name} frame {frame}: SPDUs", ours, theirs)
        serials = [p["fields"]["serial"] for p in here if "serial" in p["fields"]]
        if serials or row[5]:
            alike(f"{name} frame {frame}: serial numbers", serials, row[5])
    cr, cc, cn = (next(p for p in pdus if p["name"] == n)["fields"] for n in ("CR TPDU", "CC TPDU", "CONNECT (CN)"))
    alike(f"{name}: reference", cr["src_ref"], first(rows, 2))
    alike(f"{name}: destination reference", cc["dst_ref"], rows[6][3][0])
    alike(f"{name}: called T-selector", cr["called_tsel"], octets(first(rows, 4)))
    alike(f"{name}: TPDU size", cr["tpdu_size"], first(rows, 13))
    alike(f"{name}: TSDU size", cn["tsdu_max_to_responder"], first(rows, 9))
    alike(f"{name}: checkpoint", fields_of(pdus, "RTORQ", "checkpoint_size"), [first(rows, 7) + " K"])
    transfer = next(e for e in events if e["kind"] == "P1")
    if not normal:
        return
    alike(f"{name}: application context", fields_of(pdus, "AARQ", "application_context")[0].split()[0], first(rows, 10))
    ids = [c.split(":")[0] for c in fields_of(pdus, "CP", "context")[0]]
    theirs = []
    for c in next(r[11] for r in rows.values() if r[11]):
        theirs += [c] if c not in theirs else []
    alike(f"{name}: contexts", ids, theirs)
    local = next((r[12][0] for r in rows.values() if r[12]), None)
    alike(f"{name}: local identifier", local is not None and local in transfer["value"]["identifier"], True)


need("tshark")
for capture, is_normal in CAPTURES.items():
    compare(capture, is_normal)
sys.exit(ended())
