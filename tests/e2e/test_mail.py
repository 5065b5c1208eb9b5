# SPDX-License-Identifier: BSD-2-Clause
"""Mail between two and three MTAs: delivery, reports, probes, and everything that ends in a non-delivery report."""
import json
import os

from harness import check, equal, ipm, user, wait_for


def envelope(item):
    with open(os.path.join(item, "envelope.json")) as f:
        return json.load(f)


def content(item):
    with open(os.path.join(item, "content.ber"), "rb") as f:
        return f.read()


def items_of_kind(mta, kind):
    return [i for i in mta.items() if envelope(i)["kind"] == kind]


def test_message_and_report(w):
    a, b = w.pair()
    a.start(), b.start()
    octets = ipm("Grüße", "Hello")
    id = a.submit(user("Receiver", "BETA"), octets, report="delivery", priority="urgent")
    item = b.wait_items(1)[0]
    equal(content(item), octets, "the content")
    with open(os.path.join(item, "body-1.txt")) as f:
        equal(f.read(), "Hello", "the body")
    e = envelope(item)
    check(id in json.dumps(e), "the envelope has the identifier")
    report = a.wait_items(1)[0]
    check(id in json.dumps(envelope(report)), "the report names the message")
    a.wait_empty(), b.wait_empty()
    equal(a.recipient_states(id), ["transferred"], "the message on A")
    equal(b.recipient_states(id), ["delivered"], "the message on B")
    for mta, ids in ((a, (20201, 20202)), (b, (20201, 20203, 20205))):
        for n in ids:
            check(mta.events(n, mts_id=id), f"event {n} of {mta.name}")
    check(not a.events(290) and not b.events(290), "no non-delivery")
