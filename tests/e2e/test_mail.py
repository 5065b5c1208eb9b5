# SPDX-License-Identifier: BSD-2-Clause
"""Mail between two and three MTAs: delivery, reports, probes, and everything that ends in a non-delivery report."""
import json
import os
import socket

from harness import Refused, Skip, check, equal, free_port, ipm, user, wait_for
from wire import Caller, extension, message


def envelope(item):
    with open(os.path.join(item, "envelope.json")) as f:
        return json.load(f)


def content(item):
    with open(os.path.join(item, "content.ber"), "rb") as f:
        return f.read()


def wait_report(mta, id, seconds=20):
    """The recipients of the report on a message that was delivered to its originator here."""
    def look():
        for item in mta.items():
            e = envelope(item)
            if e["kind"] == "report" and e["subject"] == id:
                return e["recipients"]
        return None
    return wait_for(f"a report on {id} at {mta.name}", seconds, look, 0.05)


def non_delivery(mta, id, reason, diagnostic, n=1, seconds=20):
    """The report says so for all its n recipients; its texts."""
    recipients = wait_report(mta, id, seconds)
    equal(len(recipients), n, "recipients in the report")
    for r in recipients:
        equal((r["result"], r["reason"]["name"], r["diagnostic"]["name"]), ("failed", reason, diagnostic), "report")
    return [r.get("supplementary_information", "") for r in recipients]


def test_message_and_report(w):
    a, b = w.pair()
    a.start(), b.start()
    octets = ipm("A subject", "Hello")
    id = a.submit(user("Receiver", "BETA"), octets, report="delivery", priority="urgent")
    item = b.wait_items(1)[0]
    equal(content(item), octets, "the content")
    with open(os.path.join(item, "body-1.txt")) as f:
        equal(f.read(), "Hello", "the body")
    e = envelope(item)
    equal((e["id"], e["priority"], e["heading"]["subject"]), (id, "urgent", "A subject"), "the envelope")
    equal([r["result"] for r in wait_report(a, id)], ["delivered"], "the report")
    a.wait_empty(), b.wait_empty()
    equal(a.recipient_states(id), ["transferred"], "the message on A")
    equal(b.recipient_states(id), ["delivered"], "the message on B")
    for mta, ids in ((a, (20201, 20202)), (b, (20201, 20203, 20205))):
        for n in ids:
            check(mta.events(n, mts_id=id), f"event {n} of {mta.name}")
    check(not a.events(290) and not b.events(290), "no non-delivery")


def test_content_of_no_octets(w):
    a, b = w.pair()
    a.start(), b.start()
    id = a.submit(user("Receiver", "BETA"), b"", report="delivery", content_type=0)
    equal(content(b.wait_items(1)[0]), b"", "the content")
    equal([r["result"] for r in wait_report(a, id)], ["delivered"], "the report")
    a.wait_empty(), b.wait_empty()


def test_many_recipients(w):
    """Two here, three there, one nowhere: one transfer, five items, reports on all six."""
    a, b = w.pair()
    a.start(), b.start()
    to = [user("One"), user("Two")] + [user(n, "BETA") for n in ("Three", "Four", "Five")] + [user("Six", "NOWHERE")]
    id = a.submit(to, report="delivery")
    b.wait_items(3)

    def results():
        found = {}
        for item in a.items():
            e = envelope(item)
            for r in e["recipients"] if e["kind"] == "report" else ():
                found[r["recipient"].split("/")[1]] = r["result"]
        return found if len(found) == 6 else None
    found = wait_for("reports on six recipients", 20, results, 0.05)
    delivered = {f"S={n}": "delivered" for n in ("One", "Two", "Three", "Four", "Five")}
    equal(found, dict(delivered, **{"S=Six": "failed"}), "the reports")
    equal(sum(envelope(i)["kind"] == "message" for i in a.items()), 2, "items on A")
    equal(len(b.items()), 3, "items on B")
    equal(len(a.events(20202, mts_id=id)), 3, "transferred recipients")
    equal(len(b.events(20201, mts_id=id)), 1, "transfers that B took")
    states = sorted(a.recipient_states(id))
    equal(states, ["delivered"] * 2 + ["failed"] + ["transferred"] * 3, "the message on A")


def test_disclosed_recipients_only(w):
    """A recipient's envelope names the others only when that was asked for."""
    a, b = w.pair()
    a.start(), b.start()
    to = [user("One", "BETA"), user("Two", "BETA")]
    a.submit(to)
    for item in b.wait_items(2):
        e = json.dumps(envelope(item))
        check(("S=One" in e) != ("S=Two" in e), "the other recipient is not disclosed")


def test_probe(w):
    a, b = w.pair()
    a.start(), b.start()
    id = a.submit(user("Receiver", "BETA"), kind="probe", report="delivery")
    equal([r["result"] for r in wait_report(a, id)], ["delivered"], "the report on the probe")
    equal(b.items(), [], "items of a probe")
    bad = a.submit(user("Receiver", "NOWHERE"), kind="probe", report="delivery")
    non_delivery(a, bad, "unable-to-transfer", "unrecognised-OR-name")


def test_probe_of_a_length(w):
    """A probe is refused for its length where the message would be: by the sending MTA, and by the receiving one."""
    a, b = w.pair()
    a.peers["mta-b"].lines["size"] = "size limit 20K"
    b.peers["mta-a"].lines["size"] = "size limit 10K"
    a.start(), b.start()
    for length, result in ((9_000, None), (15_000, b), (25_000, a)):
        id = a.submit(user("Receiver", "BETA"), kind="probe", report="delivery", content_length=length)
        if result is None:
            equal([r["result"] for r in wait_report(a, id)], ["delivered"], "the report on a short one")
        else:
            non_delivery(a, id, "unable-to-transfer", "content-too-long")
            check(result.events(290, mts_id=id), f"it was {result.name} that refused")


def test_no_route(w):
    """At the first MTA, and at the second, which has no delivery for the address."""
    a, b = w.pair()
    b.delivers = [('country "GB" admd "DEMO" prmd "BETA" organization "Here"', b.delivered)]
    a.start(), b.start()
    id = a.submit(user("Nobody", "NOWHERE"))
    non_delivery(a, id, "unable-to-transfer", "unrecognised-OR-name")
    check(a.events(290, mts_id=id), "event 290")
    id = a.submit(user("Nobody", "BETA"))
    non_delivery(a, id, "unable-to-transfer", "unrecognised-OR-name")
    check(b.events(290, mts_id=id) and not a.events(290, mts_id=id), "event 290 on B alone")


def test_no_report_wanted(w):
    a = w.mta("MTA-A").start()
    id = a.submit(user("Nobody", "NOWHERE"), report="none")
    a.wait_event(290, mts_id=id)
    a.wait_empty()
    equal(a.items(), [], "reports that nobody wanted")


def test_too_long_for_peer(w):
    a, b = w.pair()
    a.peers["mta-b"].lines["size"] = "size limit 10K"
    a.start(), b.start()
    id = a.submit([user("Receiver", "BETA"), user("Other", "BETA")], ipm(octets=bytes(20000)))
    non_delivery(a, id, "unable-to-transfer", "content-too-long", n=2)
    check(not b.events(20201), "nothing reached B")


def test_too_long_from_peer(w):
    """The receiving MTA refuses by a report, not by breaking the association: small and spooled contents alike."""
    a, b = w.pair()
    b.peers["mta-a"].lines["size"] = "size limit 10K"
    a.start(), b.start()
    for size in (20_000, 3_000_000):
        id = a.submit(user("Receiver", "BETA"), ipm(octets=bytes(size)))
        non_delivery(a, id, "unable-to-transfer", "content-too-long")
    id = a.submit(user("Receiver", "BETA"), ipm(octets=bytes(5000)))
    b.wait_items(1)
    a.wait_empty()
    equal(os.listdir(os.path.join(b.spool, "content")), [], "contents left in the spool of B")
    check(not a.events(1294), "no association was broken")


def test_critical_extension(w):
    """An unknown extension that is critical for transfer: returned. Critical for delivery only: returned by the
    delivering MTA. Not critical: kept and relayed."""
    a, b = w.pair()
    c = w.mta("MTA-C")
    w.link(b, c)
    c.route("ALPHA", "mta-b")
    b.start(), c.start()
    caller = Caller(b, "MTA-A", a.peers["mta-b"].password_out, source=a.host).open()
    check(caller.bound, "the hand-made peer is bound")
    for k, (bits, to) in enumerate(((0x40, "GAMMA"), (0x20, "BETA"), (0x20, "GAMMA"), (0, "GAMMA"))):
        octets = message(f"critical-{k}", ipm(), [("Receiver", to)], extensions=extension(100, bits, b"\x05\0"))
        equal(caller.transfer(octets), True, "taken")
    caller.close()
    a.start()
    for k in (0, 1, 2):
        id = f"[/PRMD=ALPHA/ADMD=DEMO/C=GB/;critical-{k}]"
        text = non_delivery(a, id, "unable-to-transfer", "unsupported-critical-function")[0]
        check("100" in text, f"the report names the extension: {text}")
    equal([envelope(i)["id"] for i in c.wait_items(1)], ["[/PRMD=ALPHA/ADMD=DEMO/C=GB/;critical-3]"], "what C has")
    check("100" in json.dumps(envelope(c.items()[0])["extensions"]), "the unknown extension is relayed")


def test_loop(w):
    """A sends what is for GAMMA to B, and B back to A."""
    a, b = w.pair()
    a.route("GAMMA", "mta-b")
    b.route("GAMMA", "mta-a")
    a.start(), b.start()
    id = a.submit(user("Receiver", "GAMMA"))
    non_delivery(a, id, "unable-to-transfer", "loop-detected")
    check(a.events(20207, mts_id=id), "event 20207")
    equal(len(a.events(20201, mts_id=id)), 2, "how often A had it")
    equal(len(b.events(20201, mts_id=id)), 1, "how often B had it")


def test_expiry(w):
    """What waits for a peer that is down is returned when its priority's time is over."""
    a, b = w.pair()
    a.mta_lines["expiry"] = "expiry urgent 2s normal 3s"
    a.start()
    begun = {p: a.submit(user("Receiver", "BETA"), priority=p) for p in ("urgent", "normal", "non-urgent")}
    for p in ("urgent", "normal"):
        non_delivery(a, begun[p], "unable-to-transfer", "maximum-time-expired")
    a.wait_queue([begun["non-urgent"]])


def test_open_retries_used_up(w):
    a, b = w.pair()
    a.peers["mta-b"].lines["open"] = "open retry 2 times every 1s"
    a.start()
    id = a.submit(user("Receiver", "BETA"))
    non_delivery(a, id, "transfer-failure", "unable-to-complete-transfer")


def test_bad_address(w):
    a = w.mta("MTA-A").start()
    try:
        a.submit("/C=GB/A=DEMO/P=ALPHA/QQ=x/")
    except Refused as e:
        check("character" in str(e), f"the position is told: {e}")
    else:
        check(False, "an address that does not parse was taken")


def test_relay_and_priorities(w):
    """Over a third MTA; the trace has all three."""
    a, b = w.pair()
    c = w.mta("MTA-C")
    w.link(b, c)
    a.route("GAMMA", "mta-b")
    c.route("ALPHA", "mta-b")
    for m in (a, b, c):
        m.start()
    id = a.submit(user("Receiver", "GAMMA"), report="delivery")
    e = envelope(c.wait_items(1)[0])
    equal([t["mta"] for t in e["internal_trace"]], ["MTA-A", "MTA-B", "MTA-C"], "the internal trace")
    equal([t["domain"].split("/")[1] for t in e["trace"]], ["PRMD=ALPHA", "PRMD=BETA", "PRMD=GAMMA"], "the trace")
    equal([r["result"] for r in wait_report(a, id)], ["delivered"], "the report")


def test_ipv6(w):
    try:
        with socket.socket(socket.AF_INET6) as s:
            s.bind(("::1", 0))
    except OSError:
        raise Skip("there is no IPv6 on loopback") from None
    a, b = w.mta("MTA-A"), w.mta("MTA-B")
    a.host = b.host = "::1"
    while b.port == a.port:
        b.port = free_port(w.HOSTS)
    w.link(a, b)
    a.start(), b.start()
    id = a.submit(user("Receiver", "BETA"), report="delivery")
    equal([r["result"] for r in wait_report(a, id)], ["delivered"], "the report")
    check(b.events(20101)[0]["remote"].startswith("[::1]:"), "the address in the log")


def test_host_name(w):
    """A peer by name: the hosts file's addresses are tried until one works; a name that is none stops only its peer."""
    a, b = w.pair()
    c = w.mta("MTA-C")
    w.link(a, c)
    b.host = "127.0.0.1"
    a.host = "127.0.0.1"
    while b.port == a.port:
        b.port = free_port(w.HOSTS + ["127.0.0.1"])
    for mta, other in ((a, b), (b, a)):
        p = mta.peers[other.name.lower()]
        p.host, p.port, p.accept = "localhost", other.port, "127.0.0.1, ::1"
    a.peers["mta-c"].host = "no-such-host.invalid"
    a.start(), b.start()
    a.submit([user("Receiver", "BETA"), user("Receiver", "GAMMA")])
    b.wait_items(1)
    e = a.wait_event(9318, peer="mta-c", step="resolve")[0]
    check("no-such-host.invalid" in e["text"], f"event 9318 names the host: {e['text']}")


def test_directory_that_cannot_be_written(w):
    """Delivery waits and says so; once the directory is mended it goes on."""
    a = w.mta("MTA-A")
    with open(a.delivered, "w") as f:
        f.write("not a directory")
    a.start()
    id = a.submit(user("Receiver"), report="delivery")
    e = a.wait_event(20209, mts_id=id)[0]
    check(a.delivered in e["text"], f"event 20209 names the directory: {e['text']}")
    os.remove(a.delivered)
    a.ask("queue", action="retry", all=True)
    a.wait_items(1)
    equal([r["result"] for r in wait_report(a, id)], ["delivered"], "the report")


def test_peer_that_calls_is_called(w):
    """A peer that was down and calls is there again: what waits for it does not wait for the timer."""
    a, b = w.pair()
    a.peers["mta-b"].lines["open"] = "open retry 100 times every 10m"
    a.start()
    a.submit(user("Receiver", "BETA"))
    a.wait_event(301, peer="mta-b")
    b.start()
    b.submit(user("Receiver", "ALPHA"))
    a.wait_items(1)
    b.wait_items(1, 5)
