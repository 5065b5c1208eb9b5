# SPDX-License-Identifier: BSD-2-Clause
"""Configurations of two sides that do not fit: each has its event and a clear text, and other peers go on."""
from harness import check, equal, user, wait_for
from wire import Caller


def trio(w):
    """A calls B, where something is wrong, and C, where nothing is."""
    a, b = w.pair()
    c = w.mta("MTA-C")
    w.link(a, c)
    return a, b, c


def mail_to_c_goes_on(a, c, seconds=10):
    before = len(c.items())
    a.submit(user("Receiver", "GAMMA"))
    c.wait_items(before + 1, seconds)


def failed_call(a, step, *words):
    """A's events of a call to B that failed at this step; the texts hold the words."""
    e = a.wait_event(9318, peer="mta-b", step=step)[0]
    b = a.world.port, a.peers["mta-b"].host
    equal((e["stack"], e["local"], e["remote"]), ("net", a.host, f"{b[1]}:{b[0]}"), "where from and to")
    check(e["what"], "why")
    for word in words:
        check(word in e["text"], f"\"{word}\" in event 9318: {e['text']}")
    for id in (289, 301):
        a.wait_event(id, peer="mta-b")
    return e


def test_our_password_is_wrong(w):
    a, b, c = trio(w)
    a.peers["mta-b"].password_out = "not-what-b-expects"
    for m in (a, b, c):
        m.start()
    id = a.submit(user("Receiver", "BETA"))
    failed_call(a, "bind", "authentication", "password")
    e = b.wait_event(51)[0]
    equal((e["name"], e["remote"]), ("MTA-A", a.host), "event 51")
    for e in (e, b.wait_event(9301)[0]):
        check("mta-a" in e["what"] and "password" in e["what"], f"{e['id']} says what differs: {e['what']}")
    mail_to_c_goes_on(a, c)
    a.wait_queue([id])
    # a repetition is not written again
    failed = set()
    wait_for("three attempts", 10, lambda: failed.add(a.peer_status("mta-b")["last_failure_at"]) or len(failed) >= 3)
    equal([len(b.events(id)) for id in (51, 9301)], [1, 1], "events 51 and 9301")
    equal([len(a.events(id)) for id in (289, 301, 9318)], [1, 1, 1], "events 289, 301, 9318")


def test_password_of_the_other_side_is_wrong(w):
    """B takes our bind but answers with a password that we do not expect."""
    a, b, c = trio(w)
    b.peers["mta-a"].password_out = "not-what-a-expects"
    for m in (a, b, c):
        m.start()
    a.submit(user("Receiver", "BETA"))
    failed_call(a, "bind", "password", "remote name")
    mail_to_c_goes_on(a, c)
    equal(b.events(20201), [], "what B took")


def test_name_of_the_other_side_is_wrong(w):
    a, b, c = trio(w)
    b.peers["mta-a"].local = "MTA-Z"
    for m in (a, b, c):
        m.start()
    a.submit(user("Receiver", "BETA"))
    failed_call(a, "bind", "MTA-Z", "MTA-B")
    mail_to_c_goes_on(a, c)


def test_unknown_name(w):
    """B has no peer of that name; it says what nearly matched."""
    a, b, c = trio(w)
    a.peers["mta-b"].local = "mta-a"
    for m in (a, b, c):
        m.start()
    a.submit(user("Receiver", "BETA"))
    failed_call(a, "bind", "authentication")
    for id in (51, 9301):
        e = b.wait_event(id)[0]
        equal((e["name"], e["remote"], e["stack"]), ("mta-a", a.host, "net"), f"event {id}")
        check("case" in e["what"], f"event {id} says that the case differs: {e['what']}")
    mail_to_c_goes_on(a, c)


def test_wrong_address(w):
    """Name and password are right, but the call comes from an address that is not listed."""
    a, b, c = trio(w)
    b.peers["mta-a"].accept = "127.0.0.99"
    for m in (a, b, c):
        m.start()
    a.submit(user("Receiver", "BETA"))
    failed_call(a, "bind", "authentication")
    e = b.wait_event(9301)[0]
    check("accept from" in e["what"] and a.host in e["what"], f"event 9301 says what differs: {e['what']}")
    check(not b.events(51), "51 is for names and passwords")
    mail_to_c_goes_on(a, c)


def test_wrong_transport_selector(w):
    a, b, c = trio(w)
    a.peers["mta-b"].tsel = "WRONG"
    for m in (a, b, c):
        m.start()
    a.submit(user("Receiver", "BETA"))
    failed_call(a, "transport", "selector")
    e = b.wait_event(20104)[0]
    equal((e["remote"], e["step"]), (a.host, "transport"), "event 20104")
    mail_to_c_goes_on(a, c)


def test_nothing_listens(w):
    a, b, c = trio(w)
    for m in (a, c):
        m.start()
    id = a.submit(user("Receiver", "BETA"))
    e = failed_call(a, "connect", "Connection refused")
    equal(e["remote"], f"{b.host}:{w.port}", "the remote address")
    e = a.wait_event(9215, peer="mta-b")[0]
    equal((e["stack"], e["remote"], e["level"]), ("net", f"{b.host}:{w.port}", "notice"), "event 9215")
    mail_to_c_goes_on(a, c)
    b.start()
    b.wait_items(1)
    a.wait_empty()
    equal(a.recipient_states(id), ["transferred"], "once B is there")


def test_bind_without_credentials(w):
    """NULL as bind argument: refused, unless the peer's block allows it."""
    a, b = w.pair()
    c = w.mta("MTA-C")
    w.link(b, c)
    b.peers["mta-c"].lines["open bind"] = "accept without credentials"
    b.start()
    refused = Caller(b, None, None, source=a.host).open()
    check(not refused.bound, "the bind is refused")
    e = b.wait_event(9301)[0]
    check("no credentials" in e["what"] and "mta-a" in e["what"], f"event 9301 says what is missing: {e['what']}")
    allowed = Caller(b, None, None, source=c.host).open()
    check(allowed.bound, "the bind of the peer that may is taken")
    refused.close(), allowed.close()


def test_password_change(w):
    """Two lines in the file: both passwords are taken."""
    a, b = w.pair()
    old = a.peers["mta-b"].password_out
    b.peers["mta-a"].password_in = "the-new-one\n" + old
    a.start(), b.start()
    a.submit(user("Receiver", "BETA"))
    b.wait_items(1)
    check(not b.events(51), "no refusal")


def test_association_limit(w):
    """More calls than the block allows: busy, event 57, and those that are there go on."""
    a, b = w.pair()
    b.peers["mta-a"].lines["associations"] = "associations at most 2"
    b.start()
    password = a.peers["mta-b"].password_out
    callers = [Caller(b, "MTA-A", password, source=a.host).open() for _ in range(3)]
    equal([c.bound for c in callers], [True, True, False], "who was let in")
    e = b.wait_event(57)[0]
    equal((e["peer"], e["limit"]), ("mta-a", "2"), "event 57")
    callers[0].close()
    wait_for("a place is free", 5, lambda: b.peer_status("mta-a")["incoming"] < 2)
    fourth = Caller(b, "MTA-A", password, source=a.host).open()
    check(fourth.bound, "the next is let in")
    fourth.close(), callers[1].close(), callers[2].close()


def test_peer_takes_fewer_associations(w):
    """A wants four associations, B allows one: the mail goes over that one, and B is not hammered."""
    a, b = w.pair()
    a.peers["mta-b"].lines["associations"] = "associations at most 5 urgent 1 another per 1 messages"
    b.peers["mta-a"].lines["associations"] = "associations at most 1"
    a.start()
    for _ in range(30):
        a.submit(user("Receiver", "BETA"))
    b.start()
    b.wait_items(30)
    a.wait_empty()
    calls = len(a.events(9318, step="bind"))
    accepted = len(b.events(20101, direction="incoming"))
    check(calls <= 6, f"{calls} refused calls")
    check(accepted == 1, f"{accepted} associations")
