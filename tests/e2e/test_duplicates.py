# SPDX-License-Identifier: BSD-2-Clause
"""A transfer repeated because its acknowledgement was lost is acknowledged and dropped: delivered exactly once."""

from harness import check, equal, ipm, user, wait_for
from test_mail import envelope
from wire import Caller, Proxy, is_acknowledgement, message


def pair_through_proxy(w, verdicts):
    """A reaches B through a proxy. verdicts: what becomes of B's acknowledgements, in order; then all pass."""
    a, b = w.pair()
    verdicts = list(verdicts)

    def watch(direction, octets):
        if direction == "down" and is_acknowledgement(octets) and verdicts:
            return verdicts.pop(0)
        return True
    proxy = Proxy(w, b.host, (b.host, w.port), a.host, watch)
    p = a.peers["mta-b"]
    p.host, p.port = proxy.address
    return a, b, proxy


def exactly_once(a, b, id, duplicates=1):
    b.wait_event(20206, mts_id=id)
    b.wait_event(20203, mts_id=id)
    a.wait_empty()
    equal(len(b.events(20201, mts_id=id)), 1, "how often B took it")
    equal(len(b.events(20203, mts_id=id)), 1, "how often B delivered it")
    equal([envelope(i)["id"] for i in b.items()], [id], "the items of B")
    equal(a.recipient_states(id), ["transferred"], "the message on A")
    check(b.events(20206, mts_id=id)[0]["peer"] == "mta-a", "event 20206 names the peer")


def test_acknowledgement_lost_with_the_connection(w):
    a, b, proxy = pair_through_proxy(w, [None])
    a.start(), b.start()
    id = a.submit(user("Receiver", "BETA"))
    exactly_once(a, b, id)
    check(proxy.connections == 2, "the connection was cut once")
    check(a.events(1294) and a.events(20103, mts_id=id), "A told of the broken association and of the transfer")


def test_acknowledgement_swallowed(w):
    """The connection stays, the acknowledgement never comes: the transfer's timer ends it, B answers the discard with
    "transfer completed", and nothing is repeated."""
    a, b, proxy = pair_through_proxy(w, [False])
    a.peers["mta-b"].lines["timeout"] = "transfer timeout per K normal 1s"
    a.start(), b.start()
    id = a.submit(user("Receiver", "BETA"))
    a.wait_event(20202, mts_id=id)
    a.wait_empty()
    check(any("transfer completed" in str(e) for e in a.wait_event(1294)), "what ended the association")
    equal(proxy.connections, 1, "connections")
    equal(len(b.events(20201, mts_id=id)), 1, "how often B took it")
    equal(b.events(20206), [], "repetitions")
    b.wait_event(20203, mts_id=id)


def test_silence_from_the_acknowledgement_on(w):
    """Nothing comes any more, not even an answer to the discard: the association is given up, and A repeats."""
    a, b = w.pair()
    silent = []

    def watch(direction, octets):
        if direction == "down" and is_acknowledgement(octets) and not silent:
            silent.append(proxy.connections)
        return not (direction == "down" and silent == [proxy.connections])
    proxy = Proxy(w, b.host, (b.host, w.port), a.host, watch)
    p = a.peers["mta-b"]
    p.host, p.port = proxy.address
    p.lines["timeout"] = "transfer timeout per K normal 1s"
    a.start(), b.start()
    exactly_once(a, b, a.submit(user("Receiver", "BETA")))


def test_large_content(w):
    """One that is in a file: the file of the repetition is removed. Without recovery: else it would not be repeated."""
    a, b, _ = pair_through_proxy(w, [None, None])
    a.peers["mta-b"].lines["checkpoint"] = "checkpoint 30K window 5 recovery none"
    a.start(), b.start()
    id = a.submit(user("Receiver", "BETA"), ipm(octets=bytes(3_000_000)))
    exactly_once(a, b, id, 2)
    wait_for("the content is gone", 10, lambda: not b_contents(b))


def b_contents(b):
    import os
    return os.listdir(os.path.join(b.spool, "content"))


def test_across_a_restart(w):
    """B is killed right after its commit, before its acknowledgement arrived; A is killed as well."""
    a, b, proxy = pair_through_proxy(w, [None])
    a.peers["mta-b"].lines["open"] = "open retry 1000 times every 1s"
    a.start(), b.start()
    proxy_stalls = proxy.listener
    id = a.submit(user("Receiver", "BETA"))
    b.wait_event(20201, mts_id=id)
    proxy_stalls.close()  # no second connection before both were started again
    b.kill(), a.kill()
    again = Proxy(w, b.host, (b.host, w.port), a.host)
    p = a.peers["mta-b"]
    p.host, p.port = again.address
    b.start()
    a.start()
    if not b.events(20206):
        exactly_once(a, b, id)


def test_another_message_is_none(w):
    """The same identifier from the same peer, but other recipients or another trace: not a repetition."""
    a, b = w.pair()
    b.start()
    caller = Caller(b, "MTA-A", a.peers["mta-b"].password_out, source=a.host).open()
    first = message("same", ipm(), [("One", "BETA")])
    check(caller.transfer(first), "the first is taken")
    check(caller.transfer(first), "its repetition is acknowledged")
    check(caller.transfer(message("same", ipm(), [("Two", "BETA")])), "another recipient's copy is taken")
    check(caller.transfer(message("same", ipm(), [("One", "BETA")], trace=["ALPHA", "GAMMA"])), "another way")
    b.wait_items(2)
    b.wait_empty()
    equal(len(b.events(20201)), 3, "taken")
    # the third has an item for this recipient already: delivering it again is refused as a duplicate too
    equal(len(b.items()), 2, "items")
    check(len(b.events(20206)) >= 1, "event 20206")
    caller.close()


def test_refused_transfer_is_no_duplicate(w):
    """What was refused as busy and comes again is taken."""
    a, b = w.pair()
    b.start()
    caller = Caller(b, "MTA-A", a.peers["mta-b"].password_out, source=a.host).open()
    check(not caller.transfer(b"\xa0\x05\x31\x00\x04\x01x"), "an APDU that is none is refused")
    caller.close()
    caller = Caller(b, "MTA-A", a.peers["mta-b"].password_out, source=a.host).open()
    check(caller.transfer(message("again", ipm())), "the next is taken")
    b.wait_items(1)
    caller.close()
