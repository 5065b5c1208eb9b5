# SPDX-License-Identifier: BSD-2-Clause
"""From which address calls go, and to which of a peer's addresses: C1 and C5 of docs/addresses.md."""
import time

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


def source_is_virtual(w, v6, *stack, by_name=False, first=None, peer_source=None):
    """Mail both ways, and on both sides no segment with an address of A's host. `stack`: what it listens on, and other
    lines, where {} is the virtual address. by_name: A calls B by name. first: who has a message first, "b" or None."""
    a, b, virtual = behind_a_filter(w, v6)
    a.machine.knows({"mta-a.example.net": [virtual], "mta-b.example.net": [b.host]})
    if by_name:
        a.peers["mta-b"].connects = ["mta-b.example.net"]
    if peer_source:
        a.peers["mta-b"].lines["source"] = "source " + peer_source.format(virtual)
    if stack:
        listen, *lines = (x.format(virtual) for x in stack)
        a.stacks = [Stack("net", listen, *lines)]
    captures = w.capture(a.machine), w.capture(b.machine)
    a.start(), b.start()
    if first == "b":
        b.submit(user("Receiver", a.prmd))
        a.wait_items(1)
    exchange(a, b, 3)
    equal(a.events(9318), [], "calls that failed")
    for c in captures:
        c.forbid(*a.machine.addresses())
        equal(c.ends(), {virtual, b.host}, "ends")
    equal(b.machine.dropped(), (0, 0), "dropped by the filter")
    equal(a.peer_status("mta-b")["arrived"]["addresses"], [virtual], "where B called, in show peers")


def test_listening_on_the_virtual_address_v4(w):
    source_is_virtual(w, False)


def test_listening_on_the_virtual_address_v6(w):
    source_is_virtual(w, True)


def test_listening_on_any_with_a_source_v4(w):
    source_is_virtual(w, False, "0.0.0.0", "source {}")


def test_listening_on_any_with_a_source_v6(w):
    source_is_virtual(w, True, "::", "source {}")


def test_the_peer_by_name_v4(w):
    source_is_virtual(w, False, "{}", "virtual", by_name=True)


def test_the_peer_by_name_v6(w):
    source_is_virtual(w, True, "{}", "virtual", by_name=True)


def test_listening_on_a_name_v4(w):
    source_is_virtual(w, False, "mta-a.example.net", "virtual", by_name=True)


def test_listening_on_a_name_v6(w):
    source_is_virtual(w, True, "mta-a.example.net", "virtual")


def test_the_source_is_a_name(w):
    source_is_virtual(w, False, "any", "source mta-a.example.net", "virtual")


def with_a_source_of_the_peer(w, source):
    """MTA-A listens on any, and calls MTA-B from somewhere else; what fails is tried again after 10 minutes only."""
    lan = w.network()
    left, right = w.host("left", lan), w.host("right", lan)
    a, b = w.mta_on(left, "MTA-A", "any"), w.mta_on(right, "MTA-B")
    to_b, to_a = w.link(a, b)
    virtual, to_a.calls = lan.address(100), False
    to_b.lines["source"] = "source " + source.format(virtual)
    to_b.lines["open"] = "open retry 10 times every 600s"
    right.only(virtual)
    return a, b, virtual, lan


def test_the_source_of_the_peer_arrives(w):
    """Without its address the call fails; when that comes, it is made at once."""
    a, b, virtual, _ = with_a_source_of_the_peer(w, "{}")
    a.start(), b.start()
    a.submit(user("Receiver", b.prmd))
    check(f"{virtual} is not on this machine" in a.wait_event(9318)[0]["what"], "why it failed")
    a.machine.take(virtual)
    at = time.monotonic()
    b.wait_items(1, 30)
    took = time.monotonic() - at
    equal(len(a.events(9318)), 1, "calls that failed")
    return f"{took:.1f} s after the address"


def test_the_name_of_the_source_of_the_peer_is_resolved_late(w):
    """Nothing is called before, from nowhere else, and no call fails for it."""
    a, b, virtual, lan = with_a_source_of_the_peer(w, "mta-a.example.net")
    names = w.host("names", lan)
    w.name_server(names, {"mta-a": [virtual]})
    a.machine.resolves_with(names.v4())
    a.machine.take(virtual)
    names.silent(names.v4())
    a.start(), b.start()
    a.submit(user("Receiver", b.prmd))
    wait_for("the peer waits", 10, lambda: "is being resolved" in (a.peer_status("mta-b")["why"] or ""))
    names.unfiltered()
    b.wait_items(1, 30)
    equal(a.events(9318, 289, 301), [], "calls that failed")
    equal(b.machine.dropped(), (0, 0), "dropped by the filter")


def test_the_source_of_the_peer_comes_first_v4(w):
    source_is_virtual(w, False, "any", "source 127.0.0.1", peer_source="{}")


def test_the_source_of_the_peer_comes_first_v6(w):
    source_is_virtual(w, True, "any", "source ::1", peer_source="mta-a.example.net")


def test_any_calls_from_where_the_peer_called_v4(w):
    source_is_virtual(w, False, "any", first="b")


def test_any_calls_from_where_the_peer_called_v6(w):
    source_is_virtual(w, True, "any", by_name=True, first="b")


def test_where_another_peer_called_does_not_count(w):
    """On any, C calls A's virtual address, and B another: each is called from where it called itself."""
    lan = w.network()
    left, right, third = w.host("left", lan), w.host("right", lan), w.host("third", lan)
    virtual, other = lan.address(100), lan.address(101)
    left.take(virtual), left.take(other)
    a, b, c = w.mta_on(left, "MTA-A", "any"), w.mta_on(right, "MTA-B"), w.mta_on(third, "MTA-C")
    w.link(a, b), w.link(a, c)
    b.peers["mta-a"].connects, c.peers["mta-a"].connects = [virtual], [other]
    right.only(virtual), third.only(other)
    a.start(), b.start(), c.start()
    b.submit(user("Receiver", a.prmd)), c.submit(user("Receiver", a.prmd))
    a.wait_items(2)
    a.submit(user("Receiver", b.prmd)), a.submit(user("Receiver", c.prmd))
    b.wait_items(1), c.wait_items(1)
    equal((right.dropped(), third.dropped()), ((0, 0), (0, 0)), "dropped by the filters")


def test_any_on_two_networks_calls_from_where_the_peer_called_on_each(w):
    """B calls virtual addresses of A on both networks, the far one first: A's calls to each of B's addresses leave from the
    virtual address of that network, not from where the last call came in."""
    near, far = w.network("near"), w.network("far")
    left, right = w.host("left", near, far), w.host("right", near, far)
    virtual = {n: n.address(100) for n in (near, far)}
    for address in virtual.values():
        left.take(address)
    a, b = w.mta_on(left, "MTA-A", "any"), w.mta_on(right, "MTA-B", "any")
    to_b, to_a = w.link(a, b)
    right.only(*virtual.values())
    a.start()
    for n in (far, near):
        to_a.connects = [virtual[n]]
        b.start()
        b.submit(user("Receiver", a.prmd))
        a.wait_items(1 if n is far else 2)
        b.stop()
    b.start()
    for k, n in enumerate((near, far)):
        to_b.connects = [right.v4(n)]
        a.write(), a.ask("reload")
        seen = w.capture(left, n.name)
        a.submit(user("Receiver", b.prmd))
        b.wait_items(k + 1)
        equal([c for c in seen.calls() if c[1] == right.v4(n)], [(virtual[n], right.v4(n))], f"calls on {n.name}")
    equal(right.dropped(), (0, 0), "dropped by the filter")


def test_a_name_on_two_networks_calls_from_that_of_the_peer(w):
    near, far = w.network("near"), w.network("far")
    left, right = w.host("left", near, far), w.host("right", near, far)
    left.knows({"mta-a.example.net": [left.v4(near), left.v4(far)]})
    a, b = w.mta_on(left, "MTA-A", "mta-a.example.net"), w.mta_on(right, "MTA-B", right.v4(far))
    to_b, to_a = w.link(a, b)
    to_a.calls = False
    seen = w.capture(left)
    a.start(), b.start()
    a.submit(user("Receiver", b.prmd))
    b.wait_items(1)
    equal(seen.calls(), [(left.v4(far), right.v4(far))], "calls")


def test_no_stack_has_an_address_of_that_family(w):
    lan = w.network()
    left, right = w.host("left", lan), w.host("right", lan)
    a, b = w.mta_on(left, "MTA-A", left.v6()), w.mta_on(right, "MTA-B", right.v4())
    a.stacks += [Stack("other", None, "source " + left.v6())]
    to_b, to_a = w.link(a, b)
    to_a.calls = False
    to_b.via = ["net", "other"]
    seen = w.capture(left)
    a.start(), b.start()
    a.submit(user("Receiver", b.prmd))
    e = a.wait_event(9318)[0]
    equal((e["peer"], e["stack"], e["step"]), ("mta-b", "net, other", "resolve"), "9318")
    for word in ('stack "net": ', 'stack "other": ', "IPv4"):
        check(word in e["what"], f"{word} in {e['what']}")
    equal(seen.calls(), [], "calls")


def test_without_a_source_the_calls_fail_and_say_so(w):
    a, b, virtual = behind_a_filter(w, False)
    a.stacks = [Stack("net", "any")]
    a.start(), b.start()
    id = a.submit(user("Receiver", b.prmd))
    b.submit(user("Receiver", a.prmd))
    a.wait_items(1)  # to the virtual address, which the filter knows
    e = a.wait_event(9318, 30)[0]
    equal((e["peer"], e["step"]), ("mta-b", "connect"), "the event")
    check(b.host in e["remote"], f"the remote address in {e}")
    check(f"source {a.machine.v4()} (chosen by the system)" in e["configured"], f"which source: {e['configured']}")
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


# ---- several networks ----

def three_networks(w):
    """MTA-A and MTA-B are on three networks, and a private one between the nodes that neither lists; A's stacks are of one
    network each, and nothing of the first comes through to B."""
    networks = [w.network(n) for n in ("net1", "net2", "net3")]
    private = w.network("private")
    left, right = w.host("left", *networks, private), w.host("right", *networks, private)
    a, b = w.mta_on(left, "MTA-A"), w.mta_on(right, "MTA-B", "0.0.0.0")
    a.stacks = [Stack(n.name, left.v4(n)) for n in networks]
    to_b, to_a = w.link(a, b)
    to_a.calls = False
    to_b.via = [n.name for n in networks]
    to_b.connects = [right.v4(n) for n in networks]
    right.refuses_from(left.v4(networks[0]))
    return a, b, to_b, networks, private


def again(a):
    """What is open now would be used."""
    a.ask("peer", name="mta-b", action="disconnect")
    wait_for("disconnected", 15, lambda: not a.ask("show", what="associations"))


def test_the_pair_that_works_is_tried_first_the_next_time(w):
    a, b, to_b, networks, private = three_networks(w)
    left, right = a.machine, b.machine
    to_b.connects = [right.v4(networks[1])]  # reached over any of A's networks, if B's filter lets it
    seen = w.capture(left)
    a.start(), b.start()
    working = (left.v4(networks[1]), right.v4(networks[1]))
    a.submit(user("Receiver", b.prmd))
    b.wait_items(1, 60)
    first = seen.calls()
    equal(first, [(left.v4(networks[0]), right.v4(networks[1])), working], "the first call tries the configured order")
    e = a.events(9318)
    equal([(x["peer"], x["stack"], x["local"], x["remote"], x["step"]) for x in e],
          [("mta-b", "net1", left.v4(networks[0]), right.v4(networks[1]) + ":102", "connect")], "one 9318 for what failed")
    check("Connection refused" in e[0]["what"], f"the system's words: {e[0]['what']}")
    check(f"source {left.v4(networks[0])} (`listen on` of the stack)" in e[0]["configured"], e[0]["configured"])

    again(a)
    a.submit(user("Receiver", b.prmd))
    b.wait_items(2)
    equal(seen.calls()[len(first):], [working], "the second call goes straight to the pair that works")

    right.unfiltered()  # net1 heals: the remembered pair goes on until the configured order is tried anew
    again(a)
    a.submit(user("Receiver", b.prmd))
    b.wait_items(3)
    equal(seen.calls()[len(first):], [working] * 2, "remembered")
    again(a)
    a.ask("peer", name="mta-b", action="connect")  # the operator says: now
    a.submit(user("Receiver", b.prmd))
    b.wait_items(4)
    check((left.v4(networks[0]), right.v4(networks[1])) in seen.calls()[len(first) + 2:], "the preferred network is back")
    seen.forbid(*(h.v4(private) for h in (left, right)))


def test_the_remembered_pair_fails_and_another_is_found(w):
    a, b, to_b, networks, _ = three_networks(w)
    left, right = a.machine, b.machine
    to_b.connects = [right.v4(networks[1])]
    seen = w.capture(left)
    a.start(), b.start()
    a.submit(user("Receiver", b.prmd))
    b.wait_items(1, 60)
    again(a)
    right.refuses_from(left.v4(networks[1]))
    had = len(seen.calls())
    a.submit(user("Receiver", b.prmd))
    b.wait_items(2, 60)
    target = right.v4(networks[1])
    equal(seen.calls()[had:], [(left.v4(networks[k]), target) for k in (1, 0, 2)],
          "the remembered one, then the others in order")
    again(a)
    had = len(seen.calls())
    a.submit(user("Receiver", b.prmd))
    b.wait_items(3)
    equal(seen.calls()[had:], [(left.v4(networks[2]), target)], "then the new one")


def test_stacks_are_tried_in_the_order_of_via(w):
    a, b, to_b, networks, private = three_networks(w)
    to_b.via = [n.name for n in reversed(networks)]
    to_b.connects = [b.machine.v4(n) for n in reversed(networks)]
    seen = w.capture(a.machine)
    a.start(), b.start()
    a.submit(user("Receiver", b.prmd))
    b.wait_items(1)
    equal(seen.calls(), [(a.machine.v4(networks[2]), b.machine.v4(networks[2]))], "calls")
    a.stop()
    to_b.via = ["net2"]
    to_b.connects = [b.machine.v4(networks[1])]
    a.start()
    a.submit(user("Receiver", b.prmd))
    b.wait_items(2)
    equal(seen.calls()[1:], [(a.machine.v4(networks[1]), b.machine.v4(networks[1]))], "calls after the change")
    seen.forbid(*(h.v4(private) for h in (a.machine, b.machine)))


def test_a_dead_name_holds_up_only_what_is_behind_it(w):
    """Names: one of a name server that never answers, one of the hosts file. The first of `connect` has its 10 s and its
    event; behind the address that works it costs nothing."""
    lan = w.network()
    left, right, names = w.host("left", lan), w.host("right", lan), w.host("names", lan)
    left.resolves_with(names.v4())
    names.silent(names.v4(), None)
    left.knows({"mta-b.example.net": [right.v4()]})
    a, b = w.mta_on(left, "MTA-A"), w.mta_on(right, "MTA-B")
    to_b, to_a = w.link(a, b)
    to_a.calls = False
    to_b.connects = ["mta-b.example.net", "dead.example.net"]
    a.start(), b.start()
    a.submit(user("Receiver", b.prmd))
    b.wait_items(1, 8)
    equal(a.events(9318), [], "nothing failed")
    a.stop()
    to_b.connects.reverse()
    a.start()
    a.submit(user("Receiver", b.prmd))
    b.wait_items(2, 40)
    e = a.events(9318)
    equal([(x["step"], x["remote"], x["stack"]) for x in e], [("resolve", "dead.example.net", "net")], "9318")
    check("no name server gives an answer" in e[0]["what"], f"why: {e[0]}")


def test_a_stack_that_becomes_active_is_used_in_its_order(w):
    """The preferred stack has a virtual address that is elsewhere: it is passed over without an event, and used when the
    address comes, whatever worked meanwhile."""
    lan = w.network()
    left, right = w.host("left", lan), w.host("right", lan)
    virtual = lan.address(100)
    a, b = w.mta_on(left, "MTA-A"), w.mta_on(right, "MTA-B")
    a.stacks = [Stack("cluster", virtual, "virtual"), Stack("node", left.v4())]
    to_b, to_a = w.link(a, b)
    to_a.calls = False
    to_b.via = ["cluster", "node"]
    seen = w.capture(left)
    a.start(), b.start()
    a.submit(user("Receiver", b.prmd))
    b.wait_items(1)
    equal((seen.calls(), a.events(9318)), ([(left.v4(), right.v4())], []), "calls while the address is elsewhere")
    again(a)
    left.take(virtual)
    a.wait_event(20022, stack="cluster")
    a.submit(user("Receiver", b.prmd))
    b.wait_items(2)
    equal(seen.calls()[1:], [(virtual, right.v4())], "calls when it has come")
    again(a)
    left.lose(virtual)
    wait_for("standby", 10, lambda: len(a.events(20021, stack="cluster")) == 2)
    a.submit(user("Receiver", b.prmd))
    b.wait_items(3)
    equal((seen.calls()[2:], a.events(9318)), ([(left.v4(), right.v4())], []), "calls when it has gone")
