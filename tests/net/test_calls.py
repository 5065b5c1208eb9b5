# SPDX-License-Identifier: BSD-2-Clause
"""From which address calls go, and to which of a peer's addresses: C1 and C5 of docs/addresses.md."""
from harness import check, equal, user, wait_for
from world import Stack, exchange


def behind_a_filter(w, v6):
    """MTA-A has a virtual address, and MTA-B's host lets only that one through."""
    lan = w.network()
    left, right = w.host("left", lan), w.host("right", lan)
    virtual = lan.address(100, v6)
    left.take(virtual)
    a, b = w.mta_on(left, "MTA-A", virtual), w.mta_on(right, "MTA-B", right.v6() if v6 else right.v4())
    w.link(a, b)
    right.only(virtual)
    return a, b, virtual


def source_is_virtual(w, v6, *stack):
    a, b, virtual = behind_a_filter(w, v6)
    if stack:
        listen, *lines = (x.format(virtual) for x in stack)
        a.stacks = [Stack("net", listen, *lines)]
    captures = w.capture(a.machine), w.capture(b.machine)
    a.start(), b.start()
    exchange(a, b, 3)
    for c in captures:
        c.forbid(*a.machine.addresses())
        equal(c.ends(), {virtual, b.host}, "ends")
    equal(b.machine.dropped(), (0, 0), "dropped by the filter")


def test_listening_on_the_virtual_address_v4(w):
    source_is_virtual(w, False)


def test_listening_on_the_virtual_address_v6(w):
    source_is_virtual(w, True)


def test_listening_on_any_with_a_source_v4(w):
    source_is_virtual(w, False, "0.0.0.0", "source {}")


def test_listening_on_any_with_a_source_v6(w):
    source_is_virtual(w, True, "::", "source {}")


def test_without_a_source_the_calls_fail_and_say_so(w):
    a, b, virtual = behind_a_filter(w, False)
    a.stacks = [Stack("net", "0.0.0.0")]
    a.start(), b.start()
    id = a.submit(user("Receiver", b.prmd))
    b.submit(user("Receiver", a.prmd))
    a.wait_items(1)  # to the virtual address, which the filter knows
    e = a.wait_event(9318, 30)[0]
    equal((e["peer"], e["step"]), ("mta-b", "connect"), "the event")
    check(b.host in e["remote"], f"the remote address in {e}")
    check(b.machine.dropped()[0] > 0 and not b.items(), "the filter dropped it")
    b.machine.unfiltered()
    b.wait_items(1, 60)  # nothing was lost
    wait_for("transferred", 10, lambda: a.recipient_states(id) == ["transferred"])


def test_remote_addresses_are_tried_in_order(w):
    """One that is silent, one where nobody listens, one that is right; in the order of `connect`."""
    near, far = w.network("near"), w.network("far")
    left, right = w.host("left", near, far), w.host("right", near, far)
    a, b = w.mta_on(left, "MTA-A", "0.0.0.0"), w.mta_on(right, "MTA-B", right.v4(far))
    to_b, to_a = w.link(a, b)
    to_a.calls = False
    silent, closed = near.address(50), near.address(51)
    for x in (silent, closed):
        right.take(x)
    right.silent(silent)
    to_b.connects = [silent, closed, right.v4(far)]
    seen = w.capture(left)
    a.start(), b.start()
    a.submit(user("Receiver", b.prmd))
    b.wait_items(1, 40)
    equal(seen.calls(), [(left.v4(near), silent), (left.v4(near), closed), (left.v4(far), right.v4(far))], "calls")
    failed = [e["remote"] for e in a.events(9318)]
    check(any(silent in r for r in failed) and any(closed in r for r in failed), f"each failure is told: {failed}")


def test_a_family_without_a_source_is_not_tried(w):
    lan = w.network()
    left, right = w.host("left", lan), w.host("right", lan)
    a, b = w.mta_on(left, "MTA-A", left.v6()), w.mta_on(right, "MTA-B", right.v6())
    to_b, to_a = w.link(a, b)
    to_a.calls = False
    to_b.connects = [right.v4(), right.v6()]
    seen = w.capture(left)
    a.start(), b.start()
    a.submit(user("Receiver", b.prmd))
    b.wait_items(1)
    equal(seen.calls(), [(left.v6(), right.v6())], "calls")


def test_a_pulled_cable_is_survived(w):
    near, far = w.network("near"), w.network("far")
    left, right = w.host("left", near, far), w.host("right", near, far)
    a, b = w.mta_on(left, "MTA-A", "0.0.0.0"), w.mta_on(right, "MTA-B", "0.0.0.0")
    to_b, to_a = w.link(a, b)
    to_b.connects, to_a.connects = [[h.v4(near), h.v4(far)] for h in (right, left)]
    a.start(), b.start()
    exchange(a, b)
    for m in (a, b):  # or what is open now would be used, until it ends after 90 s
        m.ask("peer", name="mta-b" if m is a else "mta-a", action="disconnect")
    left.plug(near, False)
    exchange(a, b, 1, 90)
