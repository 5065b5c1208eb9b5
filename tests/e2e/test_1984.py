# SPDX-License-Identifier: BSD-2-Clause
"""Peers of 1984: what goes to them is downgraded, what comes from them is upgraded, and what has no form there is
reported as not delivered."""
import os
import subprocess

from harness import BUILD, check, equal, ipm, user
from test_mail import content, envelope, non_delivery, wait_report

COMMAND = os.path.join(BUILD, "bin", "x400")


def mode(mta, text, *peers):
    for name in peers or mta.peers:
        mta.peers[name].lines["mode"] = "mode " + text


def pair_1984(w, extra=""):
    a, b = w.pair()
    for m in (a, b):
        mode(m, "x410-1984" + extra)
    return a, b


def send(mta, to, *arguments, sender=None):
    """The identifier of a message that `x400 send` submitted."""
    out = subprocess.run([COMMAND, "send", "--submit", mta.socket_path("submit"), "--from", sender or user("Sender", mta.prmd),
                          "--to", to, "--report", "delivery", *arguments], capture_output=True, text=True, timeout=60)
    equal(out.returncode, 0, f"x400 send: {out.stderr}")
    return out.stdout.split()[-1]


def read(item, name):
    with open(os.path.join(item, name), "rb") as f:
        return f.read()


def test_message(w):
    a, b = pair_1984(w)
    a.start(), b.start()
    octets = os.urandom(50000)
    path = os.path.join(w.dir, "parts.bin")
    with open(path, "wb") as f:
        f.write(octets)
    body = os.path.join(w.dir, "body.txt")
    with open(body, "w") as f:
        f.write("Hello")
    id = send(a, user("Receiver", "BETA"), "--subject", "In 1984", "--body", body, "--attach", path)
    item = b.wait_items(1)[0]
    e = envelope(item)
    equal((e["id"], e["content_type"]["number"], e["heading"]["subject"]), (id, 2, "In 1984"), "what came")
    equal([p["kind"] for p in e["parts"]], ["ia5-text", "bilaterally-defined"], "the body parts")
    equal(read(item, e["parts"][0]["file"]), b"Hello", "the text")
    equal(read(item, e["parts"][1]["file"]), octets, "the attachment")
    equal([t["domain"] for t in e["trace"]], ["/PRMD=ALPHA/ADMD=DEMO/C=GB/", "/PRMD=BETA/ADMD=DEMO/C=GB/"], "the trace")
    equal([t["mta"] for t in e["internal_trace"]], ["MTA-B"], "the internal trace, which 1984 has not")
    equal([r["result"] for r in wait_report(a, id)], ["delivered"], "the report")
    a.wait_empty(), b.wait_empty()
