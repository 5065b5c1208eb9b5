# SPDX-License-Identifier: BSD-2-Clause
"""The modes of the protocol: what calls in X.410 mode is answered in it, with the same results as in normal mode."""
from harness import check, equal, ipm, user
from test_mail import content, non_delivery, wait_report


def x410_pair(w):
    a, b = w.pair()
    for mta in (a, b):
        for p in mta.peers.values():
            p.lines["mode"] = "mode x410-1988"
    return a, b


def test_x410_1988(w):
    a, b = x410_pair(w)
    a.start(), b.start()
    octets = ipm("In X.410 mode", "Hello", b"\x55" * 300000)
    id = a.submit(user("Receiver", "BETA"), octets, report="delivery", priority="urgent")
    equal(content(b.wait_items(1)[0]), octets, "the content")
    equal([r["result"] for r in wait_report(a, id)], ["delivered"], "the report")
    non_delivery(a, a.submit(user("Nobody", "GAMMA")), "unable-to-transfer", "unrecognised-OR-name")
    a.wait_empty(), b.wait_empty()


def test_x410_to_a_peer_that_calls_in_normal_mode(w):
    a, b = w.pair()
    for p in a.peers.values():
        p.lines["mode"] = "mode x410-1988"
    a.start(), b.start()
    id = a.submit(user("Receiver", "BETA"), report="delivery")
    equal([r["result"] for r in wait_report(a, id)], ["delivered"], "the report, which came in normal mode")


def test_x410_wrong_password(w):
    a, b = x410_pair(w)
    next(iter(a.peers.values())).password_out = "not what it should be"
    a.start(), b.start()
    a.submit(user("Receiver", "BETA"))
    e = a.wait_event(9318, peer="mta-b")[0]
    equal(e["step"], "bind", "the step")
    check("authentication" in e["text"], e["text"])
    b.wait_event(51)
