#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""What two daemons say to each other in X.410 mode, with P1 of 1984 and of 1988, as others read it: tshark every PDU, and
Erlang's ASN.1 the APDUs, which tshark does not read in this mode: it reports an error of its own in each transfer,
as it does in captures of other stacks. Prints `N passed, N failed`; exit status 77: skipped."""
import hashlib
import os
import shutil
import subprocess
import sys

from tshark import BAD, TOP, check, ended, fields, local, need, skip
from campaign.capture import Capture
from harness import World, der, user, wait_for
from test_mail import wait_report
from wire import Proxy, Recorder

MODULES = "UpperBounds External MTS RTSE MTABind ACSE Presentation MTA IPMS MTA84 IPMS84".split()


def exchange(w, mode):
    """A message, one that cannot be delivered, a probe, and the reports on them: what was sent, and of each side's
    association a capture and the APDUs in it."""
    a, b = w.pair()
    passed = []
    for one, other in ((a, b), (b, a)):
        capture, recorder = Capture(os.path.join(w.dir, f"{one.name}.pcap")), Recorder()
        passed.append((capture, recorder.apdus))
        proxy = Proxy(w, other.host, (other.host, w.port), one.host, recorder, capture)
        peer = one.peers[other.name.lower()]
        peer.host, peer.port = proxy.address
        peer.lines["mode"], peer.lines["life"] = f"mode {mode}", "associations at most 1 urgent 0"
    b.delivers = [('country "GB" admd "DEMO" prmd "BETA" surname "Receiver"', b.delivered)]
    a.start(), b.start()
    octets = os.urandom(100_000)
    heading = der(0x31, der(0x6B, der(0x13, b"oracle")), der(0xA8, der(0x14, b"For others to read")))
    content = der(0xA0, heading, der(0x30, der(0xA0, der(0x31), der(0x16, b"Hello")), der(0x8E, octets)))
    ids = []
    to = user("Receiver", "BETA")
    for fields in (dict(to=[to, user("Else")], report="delivery", priority="urgent", eits={"built_in": 4}),
                   dict(to=user("Nobody", "BETA")), dict(to=to, kind="probe", report="delivery")):
        ids.append(a.submit(content=content, **fields))
        wait_for("a report from B", 20, lambda: len(b.events(20202)) == len(ids), 0.05)
    wait_report(a, ids[2])
    a.wait_empty(), b.wait_empty()
    for m in (a, b):
        m.stop()
    for capture, _ in passed:
        capture.close()
    return [local(i) for i in ids], octets, passed


def read_by_erlang(work, year, apdus):
    files = []
    for k, apdu in enumerate(apdus):
        files.append(os.path.join(work, f"{k}.apdu"))
        with open(files[-1], "wb") as f:
            f.write(apdu)
    done = subprocess.run(["erl", "-noshell", "-run", "apdus", "main", year, *files, "-s", "erlang", "halt"], cwd=work,
                          capture_output=True, text=True, timeout=120)
    lines = [dict(f.split("=", 1) for f in line.split("\t")) for line in done.stdout.split("\n") if "=" in line]
    check(f"{year}: APDUs that Erlang reads", (len(lines), done.returncode), (len(apdus), 0))
    if len(lines) != len(apdus):
        print((done.stdout + done.stderr)[-2000:])
    return lines


def tshark_agrees(year, port, capture, apdus):
    def seen(*names, only):
        return fields(capture.path, [port], *names, only=only)

    bad = seen("ses.type", "_ws.expert.message", only=f"{BAD} || _ws.malformed")
    check(f"{year}: what tshark complains of, outside of the APDUs", [b for b in bad if b[0][:2] != ["1", "1"]], [])
    bind = [x[0][0] for x in seen("_ws.col.Info", only="p1")]
    names = ["MTA-A", "MTA-B"] if capture.path.endswith("MTA-A.pcap") else ["MTA-B", "MTA-A"]
    check(f"{year}: bind argument and result", [b.split(" [")[0] for b in bind][:2],
          [f"Bind-Argument {names[0]} simple", f"Bind-Result {names[1]} simple"])
    protocol = seen("rtse.applicationProtocol", only="rtse.applicationProtocol")
    check(f"{year}: application protocol", protocol, [[["1" if year == "1984" else "12"]]])
    types = [t for x in seen("ses.type", only="ses.type") for t in x[0]]
    check(f"{year}: activities begun, ended, and acknowledged", [types.count(t) for t in ("45", "41", "42")],
          [len(apdus)] * 3)


def run(work, year):
    w = World()
    try:
        ids, octets, passed = exchange(w, f"x410-{year}")
        (_, there), (_, back) = passed
        for capture, apdus in passed:
            tshark_agrees(year, w.port, capture, apdus)
        one, none, probe = (read_by_erlang(work, year, there) + [{}] * 3)[:3]
        y84 = year == "1984"
        text, file = ("iA5Text", "bilaterallyDefined") if y84 else ("ia5-text", "bilaterally-defined")
        part = f"{file}:{hashlib.md5(octets).hexdigest()}"
        check(f"{year}: the message", {k: one.get(k) for k in ("type", "id", "priority", "content_type", "trace", "subject")},
              dict(type="message", id=ids[0], priority="urgent", content_type="p2" if y84 else "interpersonal-messaging-1988", trace="1",
                   subject="For others to read"))
        check(f"{year}: its parts", one.get("parts"), f"{text},{part}")
        check(f"{year}: its encoded information types", one.get("eits"),
              "0,2" if y84 else "ia5-text")  # of 1984 those of the converted content: unknown, IA5 text
        check(f"{year}: the other message", (none.get("id"), none.get("priority")), (ids[1], "absent"))
        check(f"{year}: the probe", (probe.get("type"), probe.get("id")), ("probe", ids[2]))
        reports = read_by_erlang(work, year, back)
        check(f"{year}: the reports", [(r.get("type"), r.get("subject_id"), r.get("fates")) for r in reports],
              [("report", ids[0], "delivered"), ("report", ids[1], "unable-to-transfer/0"), ("report", ids[2], "delivered")])
    finally:
        w.close()
        w.remove()


def main():
    need("tshark", "erl", "erlc")
    if subprocess.run(["erl", "-noshell", "-eval", "case code:which(asn1ct) of non_existing -> halt(1); _ -> halt(0) end."],
                      capture_output=True).returncode:
        skip("no ASN.1 compiler (package erlang-asn1)")
    w = World()  # its folder is the work place
    try:
        for m in MODULES:
            shutil.copy(os.path.join(TOP, "asn1", m + ".asn"), w.dir)
            subprocess.run(["erlc", "-bber", m + ".asn"], cwd=w.dir, check=True, capture_output=True)
        subprocess.run(["erlc", "-I", ".", os.path.join(TOP, "tests", "erlang", "apdus.erl")], cwd=w.dir, check=True)
        for year in ("1984", "1988"):
            run(w.dir, year)
    finally:
        w.remove()
    return ended()


sys.exit(main())
