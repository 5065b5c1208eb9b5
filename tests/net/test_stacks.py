# SPDX-License-Identifier: BSD-2-Clause
"""Stacks that come and go with their addresses and names: C2, C3 and C8 of docs/addresses.md."""
import datetime
import os
import time

from harness import SLOW, check, equal, ipm, user, wait_for
from network import is_v6
from world import Stack, exchange

FINISH, ABORT = 9, 25  # session SPDUs
TROUBLE = (289, 301, 1294, 9215, 9318, 9321)


def cluster(w, v6=False, **stack):
    """MTA-A has a virtual address, MTA-B calls it there; MTA-B's host lets only that one through."""
    lan = w.network()
    left, right = w.host("left", lan), w.host("right", lan)
    virtual = lan.address(100, v6)
    a, b = w.mta_on(left, "MTA-A", virtual), w.mta_on(right, "MTA-B", right.v6() if v6 else right.v4())
    a.stacks = [Stack("net", virtual, "virtual")]
    w.link(a, b)
    right.only(virtual)
    return a, b, virtual


def stack(m, name="net"):
    return next(s for s in m.ask("show", what="stacks") if s["name"] == name)


def wait_state(m, state, name="net", seconds=10):
    wait_for(f"stack {name} of {m.name} is {state}", seconds, lambda: stack(m, name)["state"] == state)


def listeners(m):
    return sorted(line.split()[3] for line in m.machine.run("ss", "-ltnH").splitlines())


def connections(m):
    """(ours, theirs)"""
    found = [tuple(line.split()[2:4]) for line in m.machine.run("ss", "-tnH", "state", "established").splitlines()]
    return sorted(pair for pair in found if ":102" in pair[0] + pair[1])


def at(event):
    return datetime.datetime.fromisoformat(event["time"].replace("Z", "+00:00")).timestamp()


def arrives(m, address):
    """How long after the address could be used the stack was active."""
    n = len(m.events(20022))
    if is_v6(address):
        m.machine.take(address, wait=False)
        before = time.time()
        while not m.machine.usable(address):  # each look takes about 10 ms
            before = time.time()
    else:
        before = time.time()
        m.machine.take(address)
    wait_for("event 20022", 10, lambda: len(m.events(20022)) > n)
    return max(0, at(m.events(20022)[-1]) - before)


def started_without(w, v6):
    a, b, virtual = cluster(w, v6)
    seen = w.capture(a.machine)
    a.start()
    b.start()
    a.submit(user("Receiver", b.prmd))
    e = a.wait_event(20021)
    time.sleep(2)  # for what must not happen
    equal([x["what"] for x in a.events(20021)], [f"{virtual} is not on this machine"], "events 20021")
    equal(a.events(*TROUBLE), [], "no storm")
    equal((listeners(a), seen.calls()), ([], []), "nothing is listened on, nothing called")
    s = stack(a)
    equal((s["state"], s["why"]), ("standby", e[0]["what"]), "show stacks")
    took = arrives(a, virtual)
    check(took < 1 * SLOW, f"active {took:.2f} s after the address was usable")
    b.submit(user("Receiver", a.prmd))
    a.wait_items(1), b.wait_items(1)
    first = time.time()
    exchange(a, b, 2)
    equal((len(a.events(20021)), len(a.events(20022))), (1, 1), "one event each")
    seen.forbid(*a.machine.addresses())
    equal(b.machine.dropped(), (0, 0), "dropped by the filter")
    return f"active {took * 1000:.0f} ms after the address, first mail {first - at(a.events(20022)[0]):.2f} s after that"


def test_started_without_the_address_v4(w):
    return started_without(w, False)


def test_started_without_the_address_v6(w):
    return started_without(w, True)


def test_an_address_of_nobody(w):
    """The wrong setting: virtual, and no node has it. It shows, mail waits, and the setting can be corrected."""
    a, b, virtual = cluster(w)
    a.stacks = [Stack("net", "10.44.1.199", "virtual")]
    a.machine.take(virtual)
    seen = w.capture(a.machine)
    a.start(), b.start()
    a.submit(user("Receiver", b.prmd))
    equal(a.wait_event(20021)[0]["what"], "10.44.1.199 is not on this machine", "why")
    equal((len(a.queue()), seen.calls()), (1, []), "it waits, and nobody is called")
    a.stacks = [Stack("net", virtual, "virtual")]
    a.write()
    a.ask("reload")
    b.wait_items(1)
    equal(a.events(*TROUBLE), [], "no trouble")


def fixed_address_that_is_missing(w, v6):
    a, b, virtual = cluster(w, v6)
    a.stacks = [Stack("net", virtual)]
    a.start(), b.start()
    e = a.wait_event(9321)
    check(virtual in e[0]["address"] and "not on this machine" in e[0]["what"], f"the event: {e[0]}")
    check(e[0]["text"].endswith("every 30 s (if a cluster moves the address, add `virtual` to the stack)"), e[0]["text"])
    equal((stack(a)["state"], a.events(20021)), ("failed", []), "it is no standby")
    a.machine.take(virtual)
    wait_state(a, "active")
    exchange(a, b)
    equal(len(a.events(9321)), 1, "events 9321")


def test_a_fixed_address_that_is_missing_v4(w):
    fixed_address_that_is_missing(w, False)


def test_a_fixed_address_that_is_missing_v6(w):
    fixed_address_that_is_missing(w, True)


def test_a_duplicate_address(w):
    """IPv6: another host on the network has it. The kernel refuses it, and the event says so."""
    a, b, virtual = cluster(w, True)
    other = w.host("other", a.machine.networks[0])
    other.take(virtual)
    a.start()
    a.wait_event(20021)
    a.machine.take(virtual, wait=False)
    wait_for("the duplicate is told", 10, lambda: "another host" in a.events(20021)[-1]["what"])
    equal((stack(a)["state"], listeners(a), len(a.events(20021))), ("standby", [], 2), "standby")
    equal(a.events(*TROUBLE), [], "no storm")
    a.machine.lose(virtual), other.lose(virtual)
    a.machine.take(virtual)
    wait_state(a, "active")


def session_spdus(segments):
    """The first SPDU of each TPKT that begins a segment."""
    return [s.payload[7] for s in segments if len(s.payload) > 7 and s.payload[:2] == b"\x03\0" and s.payload[5] == 0xF0]


def planned_standby(w, v6):
    a, b, virtual = cluster(w, v6)
    a.machine.take(virtual)
    a.start(), b.start()
    exchange(a, b)
    equal(len(connections(a)), 2, "an association each way")
    seen = w.capture(a.machine)
    begun = time.monotonic()
    answer = a.ask("stack", name="net", action="standby")
    took = time.monotonic() - begun
    equal((connections(a), listeners(a)), ([], []), "all are gone when the command is answered")
    ours = [s for s in seen.segments() if s.src == virtual]
    check(not any(s.rst for s in ours), "no reset by us")
    spdus = session_spdus(ours)
    check(FINISH in spdus, f"our association is released: {spdus}")
    check(ABORT in spdus, f"the peer's, which it alone could release, is aborted in session: {spdus}")
    equal((a.events(1294, by="the network"), len(a.events(20021))), ([], 1), "events")
    equal(a.events(20021)[0]["what"], "by the operator", "why")
    a.machine.lose(virtual)
    id = a.submit(user("Receiver", b.prmd))
    time.sleep(1)
    answer = a.ask("stack", name="net", action="active")
    check("not on this machine" in str(answer), f"the answer to active: {answer}")
    equal(a.recipient_states(id), ["waiting"], "the message")
    a.machine.take(virtual)
    b.wait_items(2)
    exchange(a, b)
    equal((len(a.events(20021)), len(a.events(20022))), (1, 1), "one event each")
    equal(a.events(9318, 289, 301, 9321), [], "no call failed")
    return f"released in {took:.2f} s"


def test_planned_standby_v4(w):
    return planned_standby(w, False)


def test_planned_standby_v6(w):
    return planned_standby(w, True)


def test_standby_waits_for_a_transfer(w):
    """What is under way is finished first; and not longer than the patience lasts."""
    a, b, virtual = cluster(w)
    a.machine.take(virtual)
    a.start(), b.start()
    exchange(a, b)
    id = a.submit(user("Receiver", b.prmd), ipm(octets=os.urandom(20_000_000)))
    wait_for("it is under way", 20, lambda: b.memory("VmRSS") and transferring(a))
    b.process.send_signal(19)  # it stops in the middle
    try:
        begun = time.monotonic()
        a.ask("stack", name="net", action="standby", timeout=40)
        took = time.monotonic() - begun
    finally:
        b.process.send_signal(18)
    check(8 < took < 20 * SLOW, f"it was waited for, {took:.1f} s")
    equal(connections(a), [], "and then aborted")
    a.ask("stack", name="net", action="active")
    b.wait_items(2, 60)
    equal(a.recipient_states(id), ["transferred"], "the message")
    return f"{took:.1f} s"


def transferring(m):
    return any(l["octets_out"] > 1_000_000 for l in m.ask("show", what="associations"))


def address_deleted(w, v6):
    """Without a word: nothing sent arrives any more."""
    a, b, virtual = cluster(w, v6)
    for m in (a, b):
        m.peers["mta-b" if m is a else "mta-a"].lines["checkpoint"] = "checkpoint 30K"
    a.machine.take(virtual)
    a.start(), b.start()
    exchange(a, b)
    seen = w.capture(a.machine)
    id = a.submit(user("Receiver", b.prmd), ipm(octets=os.urandom(30_000_000)))
    wait_for("it is under way", 20, lambda: transferring(a), 0.005)
    b.process.send_signal(19)  # so that it is under way still
    live = len(connections(a))
    before = time.time()
    a.machine.lose(virtual)
    gone = time.time()
    wait_for("the sockets are dropped", 5, lambda: not connections(a), 0.01)
    dropped = time.time() - gone
    b.process.send_signal(18)
    equal(listeners(a), [], "listeners")
    time.sleep(3)  # for what must not be sent
    back = time.time()
    a.machine.take(virtual)
    e = a.wait_event(1294)
    equal(len(e), 1, "one event for all associations of the peer")
    equal(len(e[0]["association"].split(", ")), live, f"it names all: {e[0]['association']}")
    check(virtual in e[0]["what"], f"why: {e[0]['what']}")
    b.wait_items(2, 60)
    wait_for("transferred", 20, lambda: a.recipient_states(id) == ["transferred"])
    exchange(a, b)
    late = [str(s) for s in seen.segments() if s.src == virtual and s.time < back and (s.time > gone or (s.rst and s.time > before))]
    equal(late, [], "segments from us while the address was away")
    equal((len(a.events(20021)), len(a.events(20022))), (1, 1), "one event each")
    equal(a.events(289, 301, 9318, 9321), [], "no call failed")
    equal(len(b.items()), 3, "delivered once")
    resumed = "resumed" if a.events(20108) else "sent again"
    return f"{live} associations dropped {dropped * 1000:.0f} ms after; {resumed}"


def test_address_deleted_under_associations_v4(w):
    return address_deleted(w, False)


def test_address_deleted_under_associations_v6(w):
    return address_deleted(w, True)


def test_address_deleted_under_a_call(w):
    """The peer's address is silent: the call is waiting for TCP when our own goes."""
    a, b, virtual = cluster(w)
    a.machine.take(virtual)
    b.machine.silent(b.host)
    a.start()
    a.submit(user("Receiver", b.prmd))
    wait_for("a call", 10, lambda: a.machine.run("ss", "-tnH", "state", "syn-sent"))
    a.machine.lose(virtual)
    wait_for("no call", 5, lambda: not a.machine.run("ss", "-tnH", "state", "syn-sent"))
    time.sleep(2)
    equal(a.events(*TROUBLE), [], "nothing failed: the stack is on standby")
    b.machine.unfiltered()
    b.start()
    a.machine.take(virtual)
    b.wait_items(1)


def test_a_name_that_does_not_resolve(w):
    """9321 once; the other stack, and with it the mail, goes on; and it heals."""
    lan = w.network()
    left, right, ns = w.host("left", lan), w.host("right", lan), w.host("ns", lan)
    server = w.name_server(ns, {})
    left.resolves_with(ns.v4())
    a, b = w.mta_on(left, "MTA-A"), w.mta_on(right, "MTA-B")
    left.take(lan.address(100))
    a.stacks.append(Stack("other", "mta.example.net"))
    to_b, _ = w.link(a, b)
    to_b.via = ["net"]
    a.start(), b.start()
    e = a.wait_event(9321)
    check("mta.example.net" in e[0]["what"] and e[0]["stack"] == "other", f"the event: {e[0]}")
    check(e[0]["text"].endswith("it is tried again"), f"when a name is asked for again is the resolver's to say: {e[0]['text']}")
    exchange(a, b, 2)
    equal(stack(a, "other")["state"], "failed", "show stacks")
    server.set({"mta": [lan.address(100)]})
    wait_state(a, "active", "other", 30)
    equal(listeners(a), sorted([f"{left.v4()}:102", f"{lan.address(100)}:102"]), "listeners")
    equal(len(a.events(9321)), 1, "events 9321")


def test_a_name_with_several_addresses(w):
    """It is listened on where it is here; listeners follow the name, associations stay as long as their address does."""
    lan = w.network()
    left, right, ns = w.host("left", lan), w.host("right", lan), w.host("ns", lan)
    one, two, six, elsewhere = lan.address(101), lan.address(102), lan.address(103, True), lan.address(104)
    for x in (one, two, six):
        left.take(x)
    server = w.name_server(ns, {"mta": [one, six, elsewhere]})
    left.resolves_with(ns.v4())
    a, b = w.mta_on(left, "MTA-A", one), w.mta_on(right, "MTA-B")
    a.stacks = [Stack("net", "mta.example.net")]
    to_b, to_a = w.link(a, b)
    to_b.calls = False
    to_a.connects = [one]
    a.start(), b.start()
    wait_state(a, "active")
    equal(listeners(a), sorted([f"{one}:102", f"[{six}]:102"]), "listeners")
    b.submit(user("Receiver", a.prmd))
    a.wait_items(1)
    before = connections(a)
    server.set({"mta": [two, six]})
    wait_for("the listeners follow", 20, lambda: listeners(a) == sorted([f"{two}:102", f"[{six}]:102"]))
    b.submit(user("Receiver", a.prmd))
    a.wait_items(2)
    equal(connections(a), before, "the association on the address before goes on")
    left.lose(one)
    wait_for("it is dropped with its address", 5, lambda: not connections(a))
    equal(len(a.events(1294)), 1, "events 1294")


def test_reload(w):
    """A stack that is not configured any more: its associations are released; others are not touched."""
    near, far = w.network("near"), w.network("far")
    left, right = w.host("left", near, far), w.host("right", near, far)
    a, b = w.mta_on(left, "MTA-A"), w.mta_on(right, "MTA-B")
    a.stacks.append(Stack("far", left.v4(far)))
    to_b, to_a = w.link(a, b)
    to_a.connects = [left.v4(far)]
    to_b.via = ["net"]
    b.stacks[0].listen = "any"
    to_b.accept = f"{right.v4()}, {right.v4(far)}"
    to_a.accept = None
    a.start(), b.start()
    exchange(a, b)
    equal(len(connections(a)), 2, "associations")
    a.stacks.pop()
    a.write()
    a.ask("reload")
    wait_for("one is released", 10, lambda: len(connections(a)) == 1)
    equal(listeners(a), [f"{left.v4()}:102"], "listeners")
    a.stacks.append(Stack("far", left.v4(far)))
    a.write()
    a.ask("reload")
    wait_state(a, "active", "far")
    exchange(a, b)


def descriptors(m):
    return len(os.listdir(f"/proc/{m.pid}/fd"))


def test_a_flapping_address(w):
    """It comes and goes without a pause: nothing is left over, and another stack's mail goes on."""
    a, b, virtual = cluster(w)
    other = w.network("other")
    a.machine.join(other), b.machine.join(other)
    b.machine.unfiltered()
    c = w.mta_on(w.host("third", other), "MTA-C")
    a.stacks.append(Stack("other", a.machine.v4(other)))
    to_c, to_a = w.link(a, c)
    to_c.via, to_a.connects, a.peers["mta-b"].via = ["other"], [a.machine.v4(other)], ["net"]
    for m in (a, b, c):
        m.start()
    a.wait_event(20021)
    exchange(a, c)
    before, times = descriptors(a), 15
    for k in range(times):
        a.machine.take(virtual)
        a.submit(user("Receiver", b.prmd)), b.submit(user("Receiver", a.prmd))
        c.submit(user("Receiver", a.prmd))
        wait_for("active", 10, lambda: len(a.events(20022)) == k + 1)
        time.sleep(0.1 * (k % 4))
        a.machine.lose(virtual)
        wait_for("standby", 10, lambda: len(a.events(20021)) == k + 2)
    equal(a.events(301, 9321), [], "no retry, no failure to listen")
    wait_for("no connection and no descriptor is left", 10, lambda: descriptors(a) <= before)
    equal([x for x in connections(a) if virtual in x[0]], [], "connections")
    a.machine.take(virtual)
    b.wait_items(times, 60), a.wait_items(1 + 2 * times, 60)
    equal((len(b.items()), len(a.items())), (times, 1 + 2 * times), "delivered, each once")


def test_a_port_that_is_not_allowed(w):
    """Without the capability for ports below 1024, which the event names."""
    lan = w.network()
    left = w.host("left", lan)
    a = w.mta_on(left, "MTA-A")
    a.stacks.append(Stack("high", left.v4(), port=10102))
    w.link(a, w.mta_on(w.host("right", lan), "MTA-B"))
    a.peers["mta-b"].via = ["high"]
    a.launch = left.command("setpriv", "--bounding-set", "-net_bind_service")
    a.start()
    e = a.wait_event(9321)
    check("Permission denied" in e[0]["what"] and "CAP_NET_BIND_SERVICE" in e[0]["what"], f"the event: {e[0]}")
    equal([(s["name"], s["state"]) for s in a.ask("show", what="stacks")], [("net", "failed"), ("high", "active")], "stacks")
    equal(listeners(a), [f"{left.v4()}:10102"], "listeners")


def test_any_of_an_address_that_moves_is_that_address(w):
    """Nobody listens on the node's own address, which peers must not meet."""
    a, b, virtual = cluster(w)
    a.stacks = [Stack("net", "any", f"source {virtual}", "virtual")]
    a.start(), b.start()
    equal((stack(a)["state"], listeners(a)), ("standby", []), "the stack without its address")
    a.machine.take(virtual)
    wait_for("active", 5, lambda: stack(a)["state"] == "active")
    equal(listeners(a), [f"{virtual}:102"], "listeners")
    exchange(a, b)


def test_any_drops_what_came_in_on_an_address_that_is_gone(w):
    """The stack goes on, on the other addresses, and so does what came in there."""
    a, b, virtual = cluster(w)
    a.stacks = [Stack("net", "any")]
    b.machine.unfiltered()
    c = w.mta_on(w.host("third", a.machine.networks[0]), "MTA-C")
    to_c, to_a = w.link(a, c)
    to_a.connects, to_a.accept, to_c.calls, a.peers["mta-b"].calls = [a.machine.v4()], None, False, False
    a.machine.take(virtual)
    a.start(), b.start(), c.start()
    for m in (b, c):
        m.submit(user("Receiver", a.prmd))
    a.wait_items(2)
    equal({ours for ours, _ in connections(a)}, {f"{virtual}:102", f"{a.machine.v4()}:102"}, "associations")
    a.machine.lose(virtual)
    wait_for("one is dropped", 5, lambda: {ours for ours, _ in connections(a)} == {f"{a.machine.v4()}:102"})
    equal([e["peer"] for e in a.events(1294)], ["mta-b"], "events 1294")
    equal((stack(a)["state"], listeners(a), a.events(20021)), ("active", ["0.0.0.0:102", "[::]:102"], []), "the stack")
    c.submit(user("Receiver", a.prmd))
    a.wait_items(3)
    a.machine.take(virtual)  # or MTA-B, which cannot know, waits for an answer when it stops
