# SPDX-License-Identifier: BSD-2-Clause
"""Bind-back between machines: several networks of which one is shared, packet filters, names. C6 and C7 of
docs/addresses.md."""
import shutil
import time

from campaign.oracle import fields
from harness import Skip, check, equal, user, wait_for
from world import Stack, exchange

BAD = "_ws.expert.group == 0x07000000 || _ws.expert.group == 0x09000000"  # Malformed and Protocol
ALL = '"net1", "net2", "net3"'


def three_networks(w, words="bind-back required declared"):
    """Each machine has three networks, and only the last is in common. What each declares over its stacks are the names
    of its own address in each network; the calls themselves leave on the common one."""
    common = w.network("common")
    hosts = {}
    for side in ("left", "right"):
        hosts[side] = w.host(side, common, w.network(side + "1"), w.network(side + "2"))
    left, right = hosts["left"], hosts["right"]
    a, b = w.mta_on(left, "MTA-A"), w.mta_on(right, "MTA-B")
    names = {}
    for m, h in ((a, left), (b, right)):
        one, two = (h.v4(n) for n in h.networks[1:])
        mine = [f"{m.name.lower()}-{k}.example.net" for k in (1, 2, 3)]
        names.update(zip(mine, ([one], [two], [h.v4()])))
        m.stacks = [Stack(f"net{k + 1}", at, f"bind-back to {mine[k]}", *([] if at == h.v4() else [f"source {h.v4()}"]))
                    for k, at in enumerate((one, two, h.v4()))]
        m.names = mine
    left.knows(names), right.knows(names)
    w.link(a, b)
    for m, other in ((a, right), (b, left)):
        p = next(iter(m.peers.values()))
        p.lines["via"] = f"via {ALL}"
        p.lines["back"] = words
        p.accept = ", ".join(n.v4 + "0/24" for n in other.networks)
        p.lines["open"] = "open retry 1000 times every 5s"
    return a, b


def ups(m):
    return [e["direction"] for e in m.events(20101)]


def sequence(w, caller, called, seconds, steps):
    """caller has a message for called and calls; called, which does not call by itself, has one for caller. Two
    endpoints fail, the third is good."""
    to_called, to_caller = next(iter(caller.peers.values())), next(iter(called.peers.values()))
    to_caller.calls = False
    caller.start(), called.start()
    begun = time.monotonic()
    id, back = caller.submit(user("Receiver", called.prmd)), called.submit(user("Receiver", caller.prmd))
    called.wait_items(1, seconds), caller.wait_items(1, seconds)
    took = time.monotonic() - begun
    failed = called.events(9322)
    equal([(e["peer"], e["remote"], e["stack"], e["kind"], e["endpoint"], e["step"]) for e in failed],
          [(to_caller.name, caller.machine.v4(), "net3", "declared", f"TCP:{n}:102", step) for n, step in zip(caller.names, steps)],
          "events 9322 of the called side, which is called on the common network")
    equal([(e["stack"], e["step"], "busy" in e["text"]) for e in caller.events(9318)],
          [("net1", "bind", True), ("net2", "bind", True)], "events 9318 of the caller")
    equal((ups(called), ups(caller)), (["outgoing", "incoming"], ["incoming", "outgoing"]), "the working pair")
    equal((caller.events(9322), caller.events(289)), ([], []), "other failures of the caller")
    caller.wait_empty(), called.wait_empty()
    exchange(caller, called, 20)  # and nothing is lost, nor delivered twice
    # the next time the pair that worked is tried first
    caller.ask("peer", name=to_called.name, action="disconnect")
    called.ask("peer", name=to_caller.name, action="disconnect")
    for m in (caller, called):
        wait_for(f"{m.name} has no association", 20, lambda: not m.ask("show", what="associations"))
    exchange(caller, called)
    equal(len(called.events(9322)), 2, "events 9322 in all")
    return f"the first two messages after {took:.1f} s"


def test_three_networks_and_the_last_in_common(w):
    a, b = three_networks(w)
    return sequence(w, a, b, 40, ("connect", "connect"))


def test_the_same_in_the_other_direction(w):
    a, b = three_networks(w)
    return sequence(w, b, a, 40, ("connect", "connect"))


def test_a_name_that_resolves_nowhere_on_the_called_side(w):
    a, b = three_networks(w)
    known = {n: [v] for n, v in zip(a.names, (s.listen for s in a.stacks))}
    del known[a.names[1]]
    b.machine.knows(known)
    return sequence(w, a, b, 40, ("connect", "resolve"))


def test_the_next_string_is_told_before_the_next_address_is_called(w):
    """The called side has two addresses on the common network; what was refused at one is not tried at the other."""
    a, b = three_networks(w)
    second = b.machine.networks[0].address(50)
    b.machine.take(second)
    b.stacks = [Stack("net3", "any")]
    b.peers["mta-a"].lines["via"] = None
    a.peers["mta-b"].connects = [b.machine.v4(), second]
    return sequence(w, a, b, 40, ("connect", "connect"))


def test_networks_that_swallow_everything(w):
    """The calls back to the first two networks meet silence: no more than the two times of 20 s are lost."""
    a, b = three_networks(w)
    common = b.machine.networks[0]
    for n in a.machine.networks[1:]:
        b.machine.run("ip", "route", "add", n.v4 + "0/24", "via", a.machine.v4(), "dev", common.name)
        a.machine.silent(a.machine.v4(n))
    begun = time.monotonic()
    note = sequence(w, a, b, 45, ("connect", "connect"))
    check(time.monotonic() - begun < 90, "in bounded time")
    return note


def test_both_call_at_the_same_time(w):
    """Both have `connect` lines, mail for each other and bind-back required: whatever crosses, it goes."""
    a, b = three_networks(w)
    a.start(), b.start()
    for _ in range(5):
        exchange(a, b, 2, 40)
        for m in (a, b):
            m.ask("peer", name=next(iter(m.peers)), action="disconnect")
        for m in (a, b):
            wait_for(f"{m.name} has no association", 20, lambda: not m.ask("show", what="associations"))
    for m in (a, b):  # a call that crosses is taken over any stack, and that one is then tried first
        check(len(m.events(9322)) <= 10, f"no more than two events 9322 of {m.name} each time")
        equal(m.events(289), [], "calls that failed over all stacks")


def test_what_is_said_is_conforming(w):
    """tshark reads the request of a call that declares, of its bind-back, and of a call to a peer without bind-back."""
    if shutil.which("tshark") is None:
        raise Skip("there is no tshark")
    lan = w.network()
    left, right, other = w.host("left", lan), w.host("right", lan), w.host("other", lan)
    a, b, c = w.mta_on(left, "MTA-A"), w.mta_on(right, "MTA-B"), w.mta_on(other, "MTA-C")
    w.link(a, b), w.link(a, c)
    a.stacks[0].lines.append(f"bind-back to {left.v6()}")
    b.stacks.append(Stack("six", right.v6()))
    a.stacks.append(Stack("six", left.v6(), port=102))
    a.peers["mta-b"].lines["back"], b.peers["mta-a"].lines["back"] = "bind-back", "bind-back required declared"
    for p in a.peers.values():
        p.lines["via"] = 'via "net"'
    b.peers["mta-a"].lines["via"] = 'via "net", "six"'
    b.peers["mta-a"].calls = False
    b.peers["mta-a"].accept = f"{left.v4()}, {left.v6()}"
    a.peers["mta-b"].accept = f"{right.v4()}, {right.v6()}"
    seen = w.capture(left)
    a.start(), b.start(), c.start()
    a.submit(user("Receiver", b.prmd)), a.submit(user("Receiver", c.prmd))
    b.wait_items(1), c.wait_items(1)
    check(seen.segments(), "something was captured")
    seen.stop()
    equal(fields(seen.path, [102], "frame.number", only=BAD), [], "frames malformed or against a protocol")
    said = {}
    for addresses4, addresses6, texts in fields(seen.path, [102], "ip.dst", "ipv6.dst", "acse.implementation_information",
                                                only="acse.aarq_element"):
        said[(addresses4 or addresses6)[0]] = texts
    equal(said, {right.v4(): [f"X400D-BB/1 to=TCP:[{left.v6()}]:102"], left.v6(): ["X400D-BB/1 is-bind-back"],
                 other.v4(): []}, "implementation-information of each request")


def behind_a_filter(w, words):
    """MTA-A calls from its node's address, and nobody may call that one: only its virtual address is let through."""
    lan = w.network()
    left, right = w.host("left", lan), w.host("right", lan)
    virtual = lan.address(100)
    left.take(virtual)
    a, b = w.mta_on(left, "MTA-A", virtual), w.mta_on(right, "MTA-B")
    w.link(a, b)
    a.stacks = [Stack("net", virtual, f"source {left.v4()}", f"bind-back to {virtual}")]
    a.peers["mta-b"].lines["back"], b.peers["mta-a"].lines["back"] = "bind-back", words
    b.peers["mta-a"].calls = False
    b.peers["mta-a"].accept = f"{left.v4()}, {virtual}"
    right.run("nft", "-f", "-", stdin=f"""
        add table inet strict
        add chain inet strict o {{ type filter hook output priority 0; policy accept; }}
        add rule inet strict o tcp flags & (syn | ack) == syn ip daddr != {virtual} drop
    """)
    a.start(), b.start()
    a.submit(user("Receiver", b.prmd)), b.submit(user("Receiver", a.prmd))
    return a, b, virtual


def test_only_the_virtual_address_can_be_called(w):
    a, b, virtual = behind_a_filter(w, "bind-back required declared")
    a.wait_items(1), b.wait_items(1)
    equal(b.events(9322) + b.events(9318), [], "failures")


def test_the_source_would_be_wrong_there(w):
    a, b, virtual = behind_a_filter(w, "bind-back required source")
    e = b.wait_event(9322, 40)[0]
    equal((e["kind"], e["endpoint"], e["step"]), ("source", f"{a.machine.v4()}:102", "connect"), "event 9322")
    equal((a.items(), b.items()), ([], []), "what went through")
    b.peers["mta-a"].lines["back"] = "bind-back required source declared"  # the next place is the right one
    b.write()
    b.ask("reload")
    a.wait_items(1, 60), b.wait_items(1, 60)


def test_the_call_back_leaves_from_where_the_call_arrived(w):
    """MTA-B listens on all its addresses, one of them virtual; only that one may come to MTA-A."""
    lan = w.network()
    left, right = w.host("left", lan), w.host("right", lan)
    virtual = lan.address(100)
    right.take(virtual)
    a, b = w.mta_on(left, "MTA-A"), w.mta_on(right, "MTA-B", "any")
    w.link(a, b)
    a.stacks[0].lines.append(f"bind-back to {left.v4()}")
    a.peers["mta-b"].connects = [virtual]
    a.peers["mta-b"].lines["back"], b.peers["mta-a"].lines["back"] = "bind-back", "bind-back required declared"
    b.peers["mta-a"].calls = False
    b.peers["mta-a"].accept = left.v4()
    left.only(virtual)
    seen = w.capture(right)
    a.start(), b.start()
    exchange(a, b)
    seen.forbid(right.v4())
    equal(seen.calls(), [(left.v4(), virtual), (virtual, left.v4())], "calls")


def test_a_declared_name_may_have_several_addresses(w):
    """Of its addresses those are called that `accept from` lists, until one answers; the others never."""
    lan = w.network()
    left, right, victim = w.host("left", lan), w.host("right", lan), w.host("victim", lan)
    a, b = w.mta_on(left, "MTA-A"), w.mta_on(right, "MTA-B")
    closed = lan.address(60)
    left.take(closed)
    w.link(a, b)
    a.stacks[0].lines.append("bind-back to mta-a.example.net")
    for h in (left, right):
        h.knows({"mta-a.example.net": [victim.v4(), closed, left.v4()]})
    a.peers["mta-b"].lines["back"], b.peers["mta-a"].lines["back"] = "bind-back", "bind-back required declared"
    b.peers["mta-a"].calls = False
    b.peers["mta-a"].accept = f"{left.v4()}, {closed}"
    seen = w.capture(right)
    a.start(), b.start()
    exchange(a, b)
    equal([x for x in seen.calls() if victim.v4() in x], [], "calls to the address that is not listed")
    equal(b.events(9322), [], "events 9322")


def test_nobody_has_us_call_ourselves(w):
    """What another machine declares leads to MTA-B's own addresses in each way, or to the link, also by a name that says
    otherwise each time; `accept from` allows all."""
    lan = w.network()
    left, right = w.host("left", lan), w.host("right", lan)
    a, b = w.mta_on(left, "MTA-A"), w.mta_on(right, "MTA-B", "any")
    w.link(a, b)
    a.peers["mta-b"].connects = [right.v4()]
    a.peers["mta-b"].lines["back"], b.peers["mta-a"].lines["back"] = "bind-back", "bind-back required declared"
    b.peers["mta-a"].calls, b.peers["mta-a"].accept = False, None
    seen = w.capture(right)
    itself, nowhere, link = "this machine itself", "not lead to the address of a host", "link-local"
    names = {"lo": ["127.0.0.1"], "lo6": ["::1"], "any": ["0.0.0.0"], "any6": ["::"], "mapped": ["::ffff:127.0.0.1"],
             "own": [right.v4(), "127.0.0.2"], "group": ["224.0.0.1"], "all": ["255.255.255.255"], "meta": ["169.254.169.254"]}
    right.knows({f"{n}.example.net": v for n, v in names.items()})
    declared = {"127.0.0.1": itself, "127.8.9.10": itself, right.v4(): itself, right.v6(): itself, "::1": itself,
                "::ffff:127.0.0.1": nowhere, "::ffff:" + right.v4(): nowhere, "255.255.255.255": nowhere,
                "169.254.169.254": link, "fe80::1": link, "lo.example.net": itself, "lo6.example.net": itself,
                "any.example.net": nowhere, "any6.example.net": nowhere, "mapped.example.net": nowhere,
                "own.example.net": itself, "group.example.net": nowhere, "all.example.net": nowhere,
                "meta.example.net": link}
    b.start()
    for k, (to, says) in enumerate(declared.items()):
        had = len(b.events(9322))
        a.stacks[0].lines = [f"bind-back to {to}"]
        if k == 0:
            a.start()
            a.submit(user("Receiver", b.prmd))
        else:  # calls at once
            a.write(), a.ask("reload")
        e = wait_for(f"MTA-B refuses {to}", 20, lambda: [e for e in b.events(9322)[had:] if to in e["endpoint"]])[0]
        check(says in e["what"], f"{to}: {e['what']}")
    equal(b.events(20101), [], "associations of MTA-B")
    equal([x for x in seen.calls() if x[0] != left.v4()], [], "calls of MTA-B")
    a.stacks[0].lines = [f"bind-back to {left.v4()}"]
    a.write(), a.ask("reload")
    b.wait_items(1, 40)


def declared_by_another_address(w):
    """MTA-A calls from one address, and declares another, which MTA-B knows by a name alone."""
    lan = w.network()
    left, right, names = w.host("left", lan), w.host("right", lan), w.host("names", lan)
    a, b = w.mta_on(left, "MTA-A"), w.mta_on(right, "MTA-B")
    second = lan.address(70)
    left.take(second)
    w.link(a, b)
    a.stacks = [Stack("net", second, f"source {left.v4()}", f"bind-back to {second}")]
    a.peers["mta-b"].lines["back"], b.peers["mta-a"].lines["back"] = "bind-back", "bind-back required declared"
    b.peers["mta-a"].calls = False
    b.peers["mta-a"].accept = f"{left.v4()}, mta-a.example.net"
    server = w.name_server(names, {"mta-a": [second]})
    right.resolves_with(names.v4())
    return a, b, server


def test_a_name_of_accept_from_that_is_being_resolved(w):
    """The name server is silent when the call comes: the bind-back waits for its answer."""
    a, b, server = declared_by_another_address(w)
    server.silent()
    b.start(), a.start()
    a.submit(user("Receiver", b.prmd))
    wait_for("the bind waits", 10, lambda: b.machine.run("ss", "-Hnt", "state", "established", "sport = :102"))
    time.sleep(1)
    equal((b.events(9322), b.events(20101)), ([], []), "decided too early")
    server.silent(False)
    b.wait_items(1, 30)
    equal(b.events(9322), [], "events 9322")
    equal(a.events(9318), [], "events 9318")


def test_a_name_of_accept_from_that_nobody_resolves(w):
    a, b, server = declared_by_another_address(w)
    server.silent()
    b.start(), a.start()
    at = time.monotonic()
    a.submit(user("Receiver", b.prmd))
    e = b.wait_event(9322, 40)[0]
    took = time.monotonic() - at
    check("accept from" in e["what"], e["what"])
    check(took < 25, f"within the time of a bind-back: {took:.1f} s")
    return f"refused after {took:.1f} s"


def test_a_bind_back_whose_node_died(w):
    """MTA-B can reach MTA-A by bind-back alone. The node dies with both associations up, and the one that takes over calls
    while the old bind-back still looks established: what MTA-B sends goes over a new one."""
    lan = w.network()
    one, two, right = (w.host(n, lan) for n in ("one", "two", "right"))
    virtual = lan.address(100)
    one.take(virtual)
    a, b = w.mta_on(one, "MTA-A", virtual), w.mta_on(right, "MTA-B")
    w.link(a, b)
    a.stacks[0].lines.append(f"bind-back to {virtual}")
    a.peers["mta-b"].lines["back"], b.peers["mta-a"].lines["back"] = "bind-back", "bind-back required declared"
    b.peers["mta-a"].calls, b.peers["mta-a"].accept = False, virtual
    for m in (a, b):
        next(iter(m.peers.values())).lines["life"] = "associations idle 600s lifetime 3600s"
    b.start(), a.start()
    exchange(a, b)
    time.sleep(3)  # nothing is on its way any more, and nothing is probed
    one.run("nft", "-f", "-", stdin="""
        table inet dead {
            chain o { type filter hook output priority -20; policy accept; meta l4proto tcp drop; }
            chain i { type filter hook input priority -20; policy accept; meta l4proto tcp drop; }
        }""")
    a.kill()
    one.lose(virtual)
    two.take(virtual)
    a.on(two).start()
    had = len(a.items()), len(b.items())
    at = time.monotonic()
    a.submit(user("Receiver", b.prmd))
    b.wait_items(had[1] + 1, 30)
    b.submit(user("Receiver", a.prmd))
    a.wait_items(had[0] + 1, 30)
    took = time.monotonic() - at
    check(took < 10, f"the message back needed {took:.1f} s")
    equal(b.events(9322), [], "events 9322")
    return f"both ways after {took:.1f} s"
