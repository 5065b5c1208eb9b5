# SPDX-License-Identifier: BSD-2-Clause
"""Peers and listeners by name: hosts file and DNS, several addresses, dead servers. C8 of docs/addresses.md."""
import time

from harness import check, equal, user
from world import exchange


def named(w, *families):
    """MTA-A calls MTA-B by name; a host of its own has the name server. MTA-B does not call."""
    lan = w.network()
    left, right, names = w.host("left", lan), w.host("right", lan), w.host("names", lan)
    a, b = w.mta_on(left, "MTA-A", "::" if families == (True,) else "0.0.0.0"), w.mta_on(right, "MTA-B")
    to_b, to_a = w.link(a, b)
    to_a.calls = False
    to_b.connects = ["mta-b.example.net"]
    left.resolves_with(names.v4())
    return a, b, lan, names


def sent(a, b, seconds=30):
    """How long one message took."""
    had, at = len(b.items()), time.monotonic()
    a.submit(user("Receiver", b.prmd))
    b.wait_items(had + 1, seconds)
    return time.monotonic() - at


def test_by_dns(w):
    a, b, lan, names = named(w)
    server = w.name_server(names, {"mta-b": [b.machine.v4()]})
    a.start(), b.start()
    sent(a, b)
    check(server.queries("mta-b.example.net") >= 1, "the server was asked")


def test_by_the_hosts_file(w):
    a, b, lan, names = named(w)
    server = w.name_server(names, {"mta-b": [lan.address(77)]})
    a.machine.knows({"mta-b.example.net": [b.machine.v4()]})
    a.start(), b.start()
    sent(a, b)
    equal(server.queries(), 0, "questions to the server")


def test_all_addresses_of_a_name_are_tried(w):
    """Three dead A records and the right one, an AAAA that the stack cannot use; in whichever order they come."""
    a, b, lan, names = named(w)
    closed = [lan.address(n) for n in (51, 52, 53)]
    for x in closed:
        b.machine.take(x)
    w.name_server(names, {"mta-b": closed + [b.machine.v4(), b.machine.v6()]})
    seen = w.capture(a.machine)
    a.start(), b.start()
    sent(a, b)
    check(b.machine.v4() in {to for _, to in seen.calls()}, "the right one")
    check({to for _, to in seen.calls()} <= set(closed + [b.machine.v4()]), f"only addresses of the name: {seen.calls()}")


def test_aaaa_records_for_a_stack_of_ipv6(w):
    a, b, lan, names = named(w, True)
    b.stacks[0].listen = b.machine.v6()
    w.name_server(names, {"mta-b": [lan.address(51), b.machine.v6()]})
    a.start(), b.start()
    sent(a, b)


def test_listening_on_a_name(w):
    a, b, lan, names = named(w)
    w.name_server(names, {"mta-b": [b.machine.v4()]})
    b.machine.resolves_with(names.v4())
    b.stacks[0].listen = "mta-b.example.net"
    a.start(), b.start()
    sent(a, b)


def test_a_dead_server_and_a_good_one(w):
    a, b, lan, names = named(w)
    dead = w.host("dead", lan)
    w.name_server(dead, {}).silent()
    w.name_server(names, {"mta-b": [b.machine.v4()]})
    a.machine.resolves_with(dead.v4(), names.v4())
    a.start(), b.start()
    took = sent(a, b)
    check(took < 8, f"{took:.1f} s with a dead server before the good one")
    return f"{took:.1f} s"


def test_dead_servers_stop_nobody_else(w):
    """One peer by name, whose servers are silent; one by address. The second peer's mail flows meanwhile, and the first's
    when a server comes back."""
    a, b, lan, names = named(w)
    other = w.host("other", lan)
    c = w.mta_on(other, "MTA-C")
    w.link(a, c)
    server = w.name_server(names, {"mta-b": [b.machine.v4()]})
    server.silent()
    for m in (a, b, c):
        m.start()
    a.submit(user("Receiver", b.prmd))
    exchange(a, c, 20, empty=False)
    e = a.wait_event(9318, 40, peer="mta-b")[0]
    equal(e["step"], "resolve", "the step")
    check("no name server gives an answer" in e["what"] and names.v4() in e["what"], f"the reason: {e}")
    exchange(a, c, 5, empty=False)
    server.silent(False)
    b.wait_items(1, 60)


def test_a_name_that_is_not_there(w):
    a, b, lan, names = named(w)
    server = w.name_server(names, {})
    a.start(), b.start()
    a.submit(user("Receiver", b.prmd))
    e = a.wait_event(9318, 30)[0]
    equal(e["step"], "resolve", "the step")
    check("there is no such name" in e["what"], f"the reason: {e}")
    server.set({"mta-b": [b.machine.v4()]})
    b.wait_items(1, 30)


def test_an_address_that_changes_and_a_new_resolv_conf(w):
    a, b, lan, names = named(w)
    server = w.name_server(names, {"mta-b": [lan.address(77)]}, ttl=1)
    b.machine.take(lan.address(78))
    a.start(), b.start()
    a.submit(user("Receiver", b.prmd))
    a.wait_event(9318, 40)
    server.set({"mta-b": [b.machine.v4()]})
    b.wait_items(1, 40)
    server.stop()  # and now another server knows it
    second = w.host("second", lan)
    server = w.name_server(second, {"mta-b": [b.machine.v4()]})
    a.machine.resolves_with(second.v4())
    a.ask("peer", name="mta-b", action="disconnect")
    time.sleep(1.5)  # what was found is not fresh any more
    took = sent(a, b)
    check(server.queries("mta-b.example.net") > 0, "the new server was asked")
    return f"{took:.1f} s with the new server"
