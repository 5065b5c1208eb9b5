# SPDX-License-Identifier: BSD-2-Clause
"""The hosts themselves: what the other tests rely on, without a daemon. And mail between two of them."""
import subprocess

from harness import check, equal, wait_for
from network import connects, free_of
from world import exchange

SERVE = """
import socket, sys
s = socket.create_server(("::", 7000), family=socket.AF_INET6, dualstack_ipv6=True)
print("up", flush=True)
while True:
    c, _ = s.accept()
    c.sendall(sys.argv[1].encode()), c.close()
"""


def serve(host):
    p = host.popen("python3", "-c", SERVE, host.name, stdout=subprocess.PIPE, text=True)
    equal(p.stdout.readline(), "up\n", "the server on " + host.name)


def test_addresses_move(w):
    lan = w.network()
    one, two, peer = (w.host(n, lan) for n in ("one", "two", "peer"))
    serve(one), serve(two)
    for v6 in (False, True):
        virtual = lan.address(100, v6)
        one.take(virtual)
        equal(connects(peer, virtual, 7000), "one", "who has " + virtual)
        w.net.move(virtual, one, two)  # the peer's neighbour table still says "one" unless it was told
        equal(connects(peer, virtual, 7000, seconds=2), "two", "who has " + virtual)
        check(two.usable(virtual) and not one.usable(virtual), f"{virtual} is on one host only")
        check(free_of(virtual), f"{virtual} is not the machine's")


def test_ipv6_is_tentative_first(w):
    lan = w.network()
    one = w.host("one", lan)
    one.take(lan.address(100, True), wait=False)
    check(not one.usable(lan.address(100, True)), "duplicates are looked for")
    wait_for("usable", 5, lambda: one.usable(lan.address(100, True)))


def test_filter_lets_only_one_address_through(w):
    lan = w.network()
    one, peer = w.host("one", lan), w.host("peer", lan)
    serve(one), serve(peer)
    virtual = [lan.address(100), lan.address(100, True)]
    for a in virtual:
        one.take(a)
    peer.only(*virtual)
    for a in virtual:
        equal(connects(peer, a, 7000), "one", "out to " + a)
    equal(connects(one, peer.v4(), 7000, source=virtual[0]), "peer", "in from the virtual address")
    equal(peer.dropped(), (0, 0), "dropped")
    equal(connects(one, peer.v4(), 7000, seconds=1), None, "in from the node address")
    check(peer.dropped()[0] > 0 and peer.dropped()[1] == 0, f"counted in: {peer.dropped()}")
    equal(connects(peer, one.v6(), 7000, seconds=1), None, "out to the node address")
    check(peer.dropped()[1] > 0, f"counted out: {peer.dropped()}")


def test_capture_sees_everything(w):
    lan = w.network()
    one, peer = w.host("one", lan), w.host("peer", lan)
    serve(one)
    seen, there = w.capture(peer), w.capture(one)
    for a in (one.v4(), one.v6()):
        connects(peer, a, 7000)
    for c in (seen, there):
        equal(c.calls(7000), [(peer.v4(), one.v4()), (peer.v6(), one.v6())], "calls")
        check(c.forbid(lan.address(100), port=7000) >= 10, "segments of two connections")
        equal(c.ends(7000), {one.v4(), one.v6(), peer.v4(), peer.v6()}, "ends")
        try:
            c.forbid(one.v6(), port=7000)
        except Exception as e:
            check("must not appear" in str(e), str(e))
        else:
            check(False, "a forbidden address is found")


def test_names_and_pulled_cables(w):
    lan, other = w.network("lan"), w.network("other")
    one, peer = w.host("one", lan, other), w.host("peer", lan, other)
    server = w.name_server(peer, {"mta": [lan.address(7), lan.address(8), lan.address(7, True)]})
    one.resolves_with(peer.v4(), peer.v6())
    one.knows({"here.example.net": ["192.0.2.1"]})

    def look(name):
        return set(one.run("getent", "ahosts", name, fails=True).split()) & {
            lan.address(7), lan.address(8), lan.address(7, True), "192.0.2.1", "192.0.2.2"}
    equal(look("mta.example.net"), {lan.address(7), lan.address(8), lan.address(7, True)}, "all addresses")
    equal(look("here.example.net"), {"192.0.2.1"}, "the hosts file")
    equal(look("nonesuch.example.net"), set(), "no name")
    server.set({"mta": ["192.0.2.2"]})
    equal(look("mta.example.net"), {"192.0.2.2"}, "the new address")
    check(server.queries("mta.example.net") >= 2, "queries are counted")
    serve(peer)
    one.plug(lan, False)
    equal(connects(one, peer.v4(lan), 7000, seconds=1), None, "no way there")
    equal(connects(one, peer.v4(other), 7000), "peer", "another way")
    one.plug(lan)
    wait_for("the way there again", 20, lambda: connects(one, peer.v4(lan), 7000) == "peer")


def two(w, v6=False):
    lan = w.network()
    hosts = w.host("left", lan), w.host("right", lan)
    a, b = (w.mta_on(h, n, h.v6() if v6 else h.v4()) for h, n in zip(hosts, ("MTA-A", "MTA-B")))
    w.link(a, b)
    return a, b


def test_mail_v4(w):
    a, b = two(w)
    seen = w.capture(b.machine)
    a.start(), b.start()
    exchange(a, b, 5)
    equal(seen.ends(), {a.host, b.host}, "ends")
    equal(set(seen.calls()), {(a.host, b.host), (b.host, a.host)}, "calls")


def test_mail_v6(w):
    a, b = two(w, True)
    seen = w.capture(b.machine)
    a.start(), b.start()
    exchange(a, b, 5)
    equal(seen.ends(), {a.host, b.host}, "ends")
