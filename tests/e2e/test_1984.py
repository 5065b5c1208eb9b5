# SPDX-License-Identifier: BSD-2-Clause
"""Peers of 1984: what goes to them is downgraded, what comes from them is upgraded, and what has no form there is
reported as not delivered."""
import os
import subprocess
import time

from harness import BUILD, SLOW, check, der, equal, ipm, user, wait_for
from test_duplicates import exactly_once, pair_through_proxy
from test_large import digest_of, make_file
from test_mail import content, envelope, non_delivery, wait_report
from test_resume import Wire
from wire import Caller, Proxy, Recorder, extension, message

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


def through_recorder(w, a, b):
    """What A sends to B in X.410 mode is recorded: the list of its APDUs."""
    recorder = Recorder()
    proxy = Proxy(w, b.host, (b.host, w.port), a.host, recorder)
    p = a.peers[b.name.lower()]
    p.host, p.port = proxy.address
    return recorder.apdus


def recipients_of(mta, id):
    mta.wait_empty()  # an item is there before the event that tells of it
    return sorted(e["recipient"] for e in mta.events(20203, mts_id=id))


def test_addresses(w):
    """A common name becomes a domain-defined attribute and is turned back; more than that has no form: that recipient
    is reported, the others are sent."""
    a, b = pair_1984(w)
    apdus = through_recorder(w, a, b)
    a.start(), b.start()
    plain, more = "/CN=Post Room/P=BETA/A=DEMO/C=GB/", "/DD.common=other/CN=Post Room/P=BETA/A=DEMO/C=GB/"
    sender = "/CN=Our Room/P=ALPHA/A=DEMO/C=GB/"
    id = a.submit([plain, more, user("Receiver", "BETA")], sender=sender, report="delivery")
    item = b.wait_items(2)[0]
    b.wait_empty(), a.wait_empty()
    equal(recipients_of(b, id), [plain, "/S=Receiver/P=BETA/A=DEMO/C=GB/"], "recipients that B delivered to")
    equal(envelope(item)["originator"], sender, "the originator at B")
    e = a.events(290, mts_id=id)
    equal([(x["recipient"], x["reason"], x["diagnostic"]) for x in e],
          [(more, "unable-to-transfer", "unable-to-downgrade")], "non-delivery")
    check("mta-b takes P1 of 1984 only: the address has attributes of 1988" in e[0]["text"], e[0]["text"])
    equal(sorted(a.recipient_states(id)), ["failed", "transferred", "transferred"], "the message on A")
    wait_for("the reports", 10, lambda: sorted(r["result"] for i in a.items() for r in envelope(i)["recipients"]) ==
             ["delivered", "delivered", "failed"], 0.1)
    apdu = apdus[0]
    for text, n in ((b"Common", 2), (b"Post Room", 1), (b"Our Room", 1), (b"other", 0)):
        equal(apdu.count(text), n, f"{text} in the APDU")
    check(b"MTA-A" not in apdu, "there is no internal trace")


def test_strict(w):
    a, b = pair_1984(w, " strict")
    a.start(), b.start()
    id = a.submit("/CN=Post Room/P=BETA/A=DEMO/C=GB/")
    text = non_delivery(a, id, "unable-to-transfer", "unable-to-downgrade")[0]
    check("1984 only: the address has attributes of 1988" in text, text)
    id = a.submit(user("Receiver", "BETA"), sender="/CN=Our Room/P=ALPHA/A=DEMO/C=GB/")
    a.wait_event(290, mts_id=id)
    equal(a.recipient_states(id), ["failed"], "a message whose originator has no form")
    a.submit(user("Receiver", "BETA"))
    b.wait_items(1)


def test_relay(w):
    """What has no form of its own goes as text below the relay's address, which the other side knows as ours."""
    a, b = pair_1984(w, ' relay country "GB" admd "DEMO" prmd "RELAY"')
    apdus = through_recorder(w, a, b)
    a.start(), b.start()
    to = "/DD.common=other/CN=Post Room/P=BETA/A=DEMO/C=GB/"
    id = a.submit(to)
    b.wait_items(1), b.wait_empty()
    equal(recipients_of(b, id), [to], "the recipient, taken out again")
    check(b"X400-88" in apdus[0] and b"RELAY" in apdus[0], "it went below the relay")


def test_reports_and_probes(w):
    a, b = pair_1984(w)
    b.delivers = [('country "GB" admd "DEMO" prmd "BETA" surname "Receiver"', b.delivered)]
    b.peers["mta-a"].lines["size"] = "size limit 20K"
    a.start(), b.start()
    probe = dict(kind="probe", report="delivery")
    id = a.submit(user("Receiver", "BETA"), **probe)
    equal([r["result"] for r in wait_report(a, id)], ["delivered"], "the report on the probe")
    id = a.submit(user("Nobody", "BETA"), **probe)
    non_delivery(a, id, "unable-to-transfer", "unrecognised-OR-name")
    id = a.submit(user("Receiver", "BETA"), content_length=30_000, **probe)
    non_delivery(a, id, "unable-to-transfer", "content-too-long")
    id = a.submit(user("Nobody", "BETA"))
    non_delivery(a, id, "unable-to-transfer", "unrecognised-OR-name")
    id = a.submit(user("Receiver", "BETA"), ipm(octets=bytes(30_000)))
    non_delivery(a, id, "unable-to-transfer", "content-too-long")
    equal(b.items(), [], "items of probes and of what was refused")


def test_content_without_form(w):
    """A body part that 1984 cannot express, and a content type that is none of IPM, which goes as it is."""
    a, b = pair_1984(w)
    a.start(), b.start()
    external = der(0xAF, der(0x28, der(0x06, bytes.fromhex("56010463")), der(0xA0, der(0x04, b"x"))))
    heading = der(0x31, der(0x6B, der(0x13, b"e2e")))
    for padding in (b"", bytes(200_000)):  # inline, and as a file of the spool
        id = a.submit(user("Receiver", "BETA"), der(0xA0, heading, der(0x30, der(0x8E, padding), external)))
        text = non_delivery(a, id, "unable-to-transfer", "unable-to-downgrade")[0]
        check("the content: body part 2" in text, text)
    id = a.submit(user("Receiver", "BETA"), b"no IPM at all")
    check("the content" in non_delivery(a, id, "unable-to-transfer", "unable-to-downgrade")[0], "text")
    equal(b.items(), [], "items of B")
    a.submit(user("Receiver", "BETA"), b"any octets", content_type=0)
    equal(content(b.wait_items(1)[0]), b"any octets", "a content that is not ours to read")


def test_critical_extension(w):
    """Of a message that came from a peer of 1988: refused where it is critical for delivery, left out where not."""
    a, b = pair_1984(w)
    apdus = through_recorder(w, a, b)
    c = w.mta("MTA-C")
    w.link(a, c)
    a.start(), b.start()
    peer = Caller(a, "MTA-C", a.peers["mta-c"].password_in, source=c.host).open()
    for name, bits in (("needed", 0x20), ("not-needed", 0)):
        latest = extension(5, bits, der(0x17, b"300101000000Z"))
        check(peer.transfer(message(name, ipm(), prmd="GAMMA", extensions=latest)), "taken by A")
    peer.close()
    b.wait_items(1)
    e = a.wait_event(290)[0]
    equal((e["diagnostic"], "latest-delivery-time is critical for delivery" in e["text"]), ("unable-to-downgrade", True),
          e["text"])
    equal([b"not-needed" in x for x in apdus], [True], "what was sent")
    check(b"300101000000Z" not in apdus[0], "the extension was left out")


def test_way_through_1984(w):
    """1988 to 1984 to 1988: what survives, and the report all the way back."""
    a, b, c, d = [w.mta(f"MTA-{x}", prmd) for x, prmd in zip("ABCD", ("ALPHA", "BETA", "GAMMA", "DELTA"))]
    for one, other in ((a, b), (b, c), (c, d)):
        w.link(one, other)
    for m, via in ((a, "mta-b"), (b, "mta-c")):
        m.route("DELTA", via)
    for m, via in ((d, "mta-c"), (c, "mta-b")):
        m.route("ALPHA", via)
    mode(b, "x410-1984", "mta-c"), mode(c, "x410-1984", "mta-b")
    for m in (a, b, c, d):
        m.start()
    sender, to = "/CN=Our Room/P=ALPHA/A=DEMO/C=GB/", "/CN=Post Room/P=DELTA/A=DEMO/C=GB/"
    id = a.submit(to, ipm("All the way", "A text", b"\x55" * 50_000), sender=sender, report="delivery", priority="urgent")
    item = d.wait_items(1)[0]
    d.wait_empty()
    e = envelope(item)
    equal((e["id"], e["originator"], e["priority"], e["content_type"]["number"]), (id, sender, "urgent", 2), "survived")
    equal(recipients_of(d, id), [to], "the recipient")
    equal((e["heading"]["subject"], read(item, e["parts"][0]["file"])), ("All the way", b"A text"), "subject and text")
    equal(read(item, e["parts"][1]["file"]), b"\x55" * 50_000, "the file")
    equal([t["domain"].split("/")[1] for t in e["trace"]], [f"PRMD={x}" for x in ("ALPHA", "BETA", "GAMMA", "DELTA")],
          "the trace")
    equal([t["mta"] for t in e["internal_trace"]], ["MTA-C", "MTA-D"], "the internal trace since 1984")
    equal([r["recipient"] for r in wait_report(a, id)], [to], "the report")
    id = a.submit("/CN=Nobody/P=DELTA/A=DEMO/C=GB/O=X/", sender=sender, kind="probe", report="delivery")
    equal([r["result"] for r in wait_report(a, id)], ["delivered"], "the report on a probe")


def test_modes_that_differ(w):
    """A calls as of 1984, B's block says normal: B takes it, and its reports come in normal mode."""
    a, b = w.pair()
    mode(a, "x410-1984")
    a.start(), b.start()
    id = a.submit("/CN=Post Room/P=BETA/A=DEMO/C=GB/", report="delivery")
    equal(recipients_of_report(wait_report(a, id)), ["/CN=Post Room/P=BETA/A=DEMO/C=GB/"], "the report")
    equal(envelope(b.items()[0])["content_type"]["number"], 2, "the content type")


def recipients_of_report(report):
    return [r["recipient"] for r in report]


def test_loop_within_a_domain(w):
    """Two MTAs of one domain that route to each other: P1 of 1984 has no internal trace to tell."""
    a, b = w.mta("MTA-A", "ALPHA"), w.mta("MTA-B", "ALPHA")
    w.link(a, b, route=False)
    for m, other in ((a, "mta-b"), (b, "mta-a")):
        mode(m, "x410-1984")
        m.routes.append(f'route to country "GB" admd "DEMO" prmd "LOST" via "{other}"')
        m.start()
    id = a.submit(user("Nobody", "LOST"))
    wait_for("the loop is noticed", 30, lambda: a.events(20207, mts_id=id) or b.events(20207, mts_id=id), 0.1)
    wait_for("non-delivery", 10, lambda: (a.events(290, mts_id=id) or b.events(290, mts_id=id)), 0.1)
    found = a.events(290, mts_id=id) + b.events(290, mts_id=id)
    equal([e["diagnostic"] for e in found], ["loop-detected"], "the diagnostic")
    equal(a.events(20206) + b.events(20206), [], "nothing was dropped as a repetition")
    a.wait_empty(), b.wait_empty()


def test_repeated_transfer(w):
    """The acknowledgement is lost with its connection: what is sent again is converted again, and recognised."""
    a, b, proxy = pair_through_proxy(w, [None])
    for m in (a, b):
        mode(m, "x410-1984")
    a.start(), b.start()
    id = a.submit("/CN=Post Room/P=BETA/A=DEMO/C=GB/", ipm(octets=bytes(300_000)))
    exactly_once(a, b, id)


def test_interrupted_transfer(w):
    """What is converted can be resumed: the second association has the rest alone."""
    a, b = pair_1984(w)
    for m in (a, b):
        m.peers["mta-b" if m is a else "mta-a"].lines["checkpoint"] = "checkpoint 30K window 3"
    wire = Wire(w, a, b, [40])
    a.start(), b.start()
    path = os.path.join(w.dir, "parts.bin")
    digest = make_file(path, 3 << 20)
    id = send(a, user("Receiver", "BETA"), "--subject", "In two parts", "--attach", path)
    e = envelope(b.wait_items(1)[0])
    equal((e["id"], e["content_type"]["number"]), (id, 2), "what came")
    equal(digest_of(os.path.join(b.items()[0], e["parts"][-1]["file"])), digest, "the octets")
    a.wait_empty()
    equal((len(a.events(20108)), wire.resumes, wire.starts), (1, 1, 1), "resumed once")
    check(wire.up[2] < (2 << 20) + 20_000, f"the second connection had {wire.up[2]} octets")


def test_two_way_alternate(w):
    """Message and report over one association, by turns."""
    a, b = pair_1984(w)
    for m in (a, b):
        for p in m.peers.values():
            p.lines["dialogue"] = "dialogue two-way-alternate"
    a.start(), b.start()
    to, back = "/CN=Post Room/P=BETA/A=DEMO/C=GB/", "/CN=Our Room/P=ALPHA/A=DEMO/C=GB/"
    id = a.submit(to, sender=back, report="delivery")
    equal(recipients_of_report(wait_report(a, id)), [to], "the report")
    id = b.submit(back, ipm("Back"))
    wait_for("the message back", 10, lambda: [i for i in map(envelope, a.items()) if i["id"] == id])
    equal([e["direction"] for e in a.events(20101)], ["outgoing"], "the associations of A")
    equal(recipients_of(a, id), [back], "the recipient")


def test_large(w):
    """40 MB are converted in two passes while others are served; no daemon grows with it."""
    a, b = pair_1984(w)
    a.start(), b.start()
    a.submit(user("Receiver", "BETA"))
    first = b.wait_items(1)
    a.wait_empty(), b.wait_empty()
    path = os.path.join(w.dir, "large.bin")
    digest = make_file(path, 40 << 20)
    before = {m: m.memory("VmRSS") for m in (a, b)}
    for m in (a, b):
        m.reset_peak()
    started = time.monotonic()
    id = send(a, user("Receiver", "BETA"), "--subject", "large", "--attach", path)
    slowest = 0
    while not [i for i in b.items() if i not in first]:  # the loop answers all the time
        begun = time.monotonic()
        a.ask("show", what="status"), b.ask("show", what="status")
        slowest = max(slowest, time.monotonic() - begun)
        check(begun - started < 60 * SLOW, "the item is there within 60 s")
    item = wait_for("the item", 60, lambda: [i for i in b.items() if i not in first], 0.1)[0]
    e = envelope(item)
    equal((e["id"], e["content_type"]["number"], e["parts"][-1]["kind"]), (id, 2, "bilaterally-defined"), "what came")
    equal(digest_of(os.path.join(item, e["parts"][-1]["file"])), digest, "the octets")
    wait_report(a, id)
    grown = {m.name: m.memory("VmHWM") - before[m] for m in (a, b)}
    if "sanitize" not in BUILD and "asan" not in BUILD and not os.environ.get("E2E_NO_MEMORY"):
        check(max(grown.values()) < 16 << 10, f"grown, in KB: {grown}")
    return f"grown, in KB: {grown}; slowest answer of both meanwhile {slowest * 1000:.0f} ms"


def test_selectors(w):
    """X.410 mode has no P-selector: one in a stack's block shuts out callers of normal mode alone, and that of a peer is
    not sent. The S-selector counts."""
    a, b = pair_1984(w)
    b.stack_lines += ['ssel "S"', 'psel "P"']
    a.start(), b.start()
    id = a.submit(user("Receiver", "BETA"))
    e = a.wait_event(9318, peer="mta-b")[0]
    equal((e["step"], "S-selector" in e["text"]), ("session", True), e["text"])
    a.peers["mta-b"].tsel = 'MTA-B" ssel "S" psel "other'
    a.write(), a.ask("reload")
    b.wait_items(1)
    equal([envelope(i)["id"] for i in b.items()], [id], "what came")
    caller = Caller(b, "MTA-A", b.peers["mta-a"].password_in, source=a.host)
    caller.transport(), caller.bind()
    check(not caller.bound, "normal mode without the selectors")


def test_report_without_form(w):
    """The report's way back is one of 1984, its destination has no form there: dropped, with an event. With a content
    that has none it goes on without."""
    a, b = w.pair()
    mode(b, "x410-1984")
    a.start(), b.start()
    id = a.submit(user("Receiver", "BETA"), sender="/DD.common=other/CN=Our Room/P=ALPHA/A=DEMO/C=GB/", report="delivery")
    e = b.wait_event(20208)[0]
    check("mta-a takes P1 of 1984 only: the address has attributes of 1988" in e["text"], e["text"])
    b.wait_empty(), a.wait_empty()
    equal(a.recipient_states(id), ["transferred"], "the message on A")
    caller = Caller(b, "MTA-A", b.peers["mta-a"].password_in, source=a.host).open()
    return_request = der(0x48, b"\x04\x10")
    check(caller.transfer(message("returned", b"no IPM at all", [("Nobody", "NOWHERE")], more=return_request)), "taken by B")
    e = b.wait_event(20211)[0]
    check("goes to mta-a without the content" in e["text"], e["text"])
    caller.close()
    report = wait_for("the report", 10, lambda: [i for i in map(envelope, a.items()) if "returned" in i["subject"]])[0]
    equal(report.get("returned_content"), None, "a returned content")
