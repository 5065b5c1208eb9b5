# SPDX-License-Identifier: BSD-2-Clause
"""Two-way alternate dialogue: the messages of both sides over one association, by turns."""
import os

from harness import SLOW, check, equal, ipm, user, wait_for
from test_mail import content, wait_report
from wire import Caller, Proxy


def two_way(w, mode="normal", **lines):
    a, b = w.pair()
    for m in (a, b):
        for p in m.peers.values():
            p.lines.update(dialogue="dialogue two-way-alternate", mode=f"mode {mode}", **lines)
    return a, b


def ups(m):
    """Associations that came up: their directions."""
    return [e["direction"] for e in m.events(20101)]


def both_directions(w, mode):
    a, b = two_way(w, mode)
    a.start(), b.start()
    octets = ipm("There", "Hello", os.urandom(200000))
    id = a.submit(user("Receiver", "BETA"), octets, report="delivery")
    equal(content(b.wait_items(1)[0]), octets, "the content there")
    equal([r["result"] for r in wait_report(a, id)], ["delivered"], "the report back")
    back = ipm("Back", "Hello", os.urandom(200000))
    b.submit(user("Receiver", "ALPHA"), back)
    mail = [i for i in a.wait_items(2) if os.path.exists(os.path.join(i, "content.ber"))]  # a report has none
    equal([content(i) for i in mail], [back], "the content back")
    there = {a.submit(user("Receiver", "BETA")) for _ in range(20)}
    here = {b.submit(user("Receiver", "ALPHA")) for _ in range(20)}
    b.wait_items(1 + len(there)), a.wait_items(2 + len(here))
    a.wait_empty(), b.wait_empty()
    equal((ups(a), ups(b)), (["outgoing"], ["incoming"]), "the associations of both")
    one, = b.ask("show", what="associations")
    equal((one["dialogue"], one["turn"]), ("two-way alternate", "theirs"), "the dialogue and the turn")
    one, = a.ask("show", what="associations")
    equal((one["dialogue"], one["turn"]), ("two-way alternate", "ours"), "the dialogue and the turn at the caller")
    check("two-way alternate" in a.events(20101)[0]["text"], "the event names the dialogue")


def test_both_directions(w):
    both_directions(w, "normal")


def test_both_directions_x410(w):
    both_directions(w, "x410-1988")


def test_peer_that_only_calls(w):
    """What waits for a peer without an address goes when it calls."""
    a, b = two_way(w)
    b.peers["mta-a"].calls = False
    a.start(), b.start()
    for _ in range(3):
        b.submit(user("Receiver", "ALPHA"))
    equal(len(b.queue()), 3, "what waits for the call")
    a.submit(user("Receiver", "BETA"))
    a.wait_items(3), b.wait_items(1)
    b.submit(user("Receiver", "ALPHA"))
    a.wait_items(4)
    equal(ups(b), ["incoming"], "the associations")


def test_connected_by_hand(w):
    """A call with nothing to send is enough for what waits at the other side."""
    a, b = two_way(w)
    b.peers["mta-a"].calls = False
    a.start(), b.start()
    b.submit(user("Receiver", "ALPHA"))
    a.ask("peer", name="mta-b", action="connect")
    a.wait_items(1)


def test_idle_close(w):
    """The caller releases when nothing goes either way, also when the other side sent last."""
    a, b = two_way(w, associations="associations idle 2s")
    a.start(), b.start()
    a.submit(user("Receiver", "BETA"))
    b.wait_items(1)
    b.submit(user("Receiver", "ALPHA"))
    a.wait_items(1)
    equal(a.wait_event(20102)[0]["what"], "by us", "who released")
    equal(b.wait_event(20102)[0]["what"], "by the peer", "who released")
    equal((a.events(1294), b.events(1294)), ([], []), "abnormal ends")
    b.submit(user("Receiver", "ALPHA"))
    a.wait_items(2)
    equal((ups(a), ups(b)), (["outgoing", "incoming"], ["incoming", "outgoing"]), "the associations")


def test_lifetime(w):
    """An association is old, but goes on while the other side has something to send."""
    a, b = two_way(w, associations="associations lifetime 1s")
    b.peers["mta-a"].calls = False
    a.start(), b.start()
    a.submit(user("Receiver", "BETA"))
    b.wait_items(1)
    n = 40
    for _ in range(n):
        b.submit(user("Receiver", "ALPHA"), ipm("Large", "x", os.urandom(1000000)))
    a.ask("peer", name="mta-b", action="connect")
    a.wait_items(n, 60)
    a.wait_event(20102)
    equal((a.events(1294), b.events(1294)), ([], []), "abnormal ends")


def stop(w, first):
    """One side stops while an association is idle; then the other."""
    a, b = two_way(w)
    a.start(), b.start()
    a.submit(user("Receiver", "BETA"), report="delivery")
    a.wait_items(1)
    wait_for("an association", 20, lambda: a.ask("show", what="associations"))
    a.wait_empty(), b.wait_empty()
    pair = (a, b) if first == "caller" else (b, a)
    check(pair[0].stop() < 5 * SLOW and pair[1].stop() < 5 * SLOW, "the stops")


def test_stop_of_the_caller(w):
    stop(w, "caller")


def test_stop_of_the_called_side(w):
    stop(w, "called")


def refused(w, mode):
    a, b = two_way(w, mode)
    b.peers["mta-a"].lines["dialogue"] = "dialogue monologue"
    a.start(), b.start()
    id = a.submit(user("Receiver", "BETA"))
    e = a.wait_event(9318, peer="mta-b")[0]
    check("unacceptable-dialogue-mode" in e["text"] and "wants another dialogue" in e["text"], f"event 9318: {e['text']}")
    e = b.wait_event(20104, step="bind")[0]
    check("`dialogue monologue`" in e["what"], f"event 20104: {e['text']}")
    equal(b.ask("show", what="stacks")[0]["last_in"]["result"], "refused: dialogue", "the last call")
    a.wait_queue([id])


def test_refused(w):
    refused(w, "normal")


def test_refused_x410(w):
    refused(w, "x410-1988")


def test_either_is_accepted(w):
    """Without the word, a caller has the dialogue that it wants."""
    a, b = two_way(w)
    b.peers["mta-a"].lines["dialogue"] = ""
    a.start(), b.start()
    id = a.submit(user("Receiver", "BETA"), report="delivery")
    equal([r["result"] for r in wait_report(a, id)], ["delivered"], "the report")
    equal((ups(a), ups(b)), (["outgoing"], ["incoming"]), "the associations")


def contest(w, n, ours, theirs):
    """The caller begins with n messages waiting, the called side, which cannot call, with as many as `theirs` has
    priorities. How many of the caller's went before each of those; a few more on a busy machine, where the question
    for the turn comes late."""
    a, b = two_way(w, associations="associations at most 1")
    b.peers["mta-a"].calls = False
    a.start(), b.start()
    a.ask("peer", name="mta-b", action="disable")
    for _ in range(n):
        a.submit(user("Receiver", "BETA"), ipm("Large", "x", os.urandom(300000)), priority=ours)
    for priority in theirs:
        b.submit(user("Receiver", "ALPHA"), priority=priority)
    a.ask("peer", name="mta-b", action="enable")
    a.wait_items(len(theirs), 60), b.wait_items(n, 60)
    a.wait_empty(), b.wait_empty()
    equal((ups(a), ups(b)), (["outgoing"], ["incoming"]), "the associations")
    went, before = 0, []
    for e in a.events(20201, 20202):
        went += e["id"] == 20202
        if e["id"] == 20201 and e.get("peer") == "mta-b":
            before.append(went)
    return before


def test_urgent_overtakes(w):
    """What is urgent at the other side goes after the message in progress."""
    before = contest(w, 30, "normal", ["urgent", "urgent"])
    check(before[0] <= 7 and before[1] <= 8, f"so many went before: {before}")


def test_equals_go_by_turns(w):
    before = contest(w, 20, "normal", ["normal"] * 5)
    check(all(n <= 2 * (k + 1) + 4 for k, n in enumerate(before)), f"so many went before: {before}")


def test_nobody_starves(w):
    """The caller has urgent messages only, and the other side's go all the same."""
    before = contest(w, 30, "urgent", ["non-urgent", "non-urgent"])
    check(5 <= before[0] <= 17 and before[1] <= 29, f"so many went before: {before}")


def test_turn_that_does_not_come(w):
    """A caller that keeps the turn for ever: it is called, for an urgent message after 10 s."""
    a, b = two_way(w)
    b.start()
    caller = Caller(b, "MTA-A", b.peers["mta-a"].password_in, a.host)
    caller.dialogue = 1
    caller.open()
    check(caller.bound, "the bind")
    b.submit(user("Receiver", "ALPHA"), priority="urgent")
    question = caller.receive()
    check(b"\x02\x01\x01" in question, f"the turn is asked for with priority 1: {question.hex()}")
    e = b.wait_event(20106, peer="mta-a")[0]
    check("10 s ago" in e["text"], e["text"])
    b.wait_event(9318, peer="mta-a")
    a.start()
    a.wait_items(1)
    caller.close()


def test_both_flood(w):
    """Many messages of all priorities either way, over two associations at most: all arrive, once."""
    a, b = two_way(w, associations="associations at most 2")
    b.peers["mta-a"].calls = False
    a.start(), b.start()
    n, priorities = 150, ["normal", "urgent", "non-urgent"]
    for k in range(n):
        a.submit(user("Receiver", "BETA"), priority=priorities[k % 3])
        b.submit(user("Receiver", "ALPHA"), priority=priorities[(k + 1) % 3])
    a.wait_empty(60), b.wait_empty(60)
    equal((len(a.wait_items(n)), len(b.wait_items(n))), (n, n), "the messages")
    check(set(ups(b)) == {"incoming"} and len(ups(b)) <= 2, f"the associations of the called side: {ups(b)}")
    equal((a.events(1294), b.events(1294), a.events(20106), b.events(20106)), ([], [], [], []), "troubles")


def test_lost_in_the_turn_of_the_called_side(w):
    """The association breaks while the called side, which cannot call, sends: the caller calls again for the rest."""
    a, b = two_way(w)
    b.peers["mta-a"].calls = False
    down, cut = [0], []

    def watch(direction, tpkt):
        down[0] += len(tpkt) if direction == "down" else 0
        if down[0] > 2000000 and not cut:
            cut.append(down[0])
            return None
        return True
    proxy = Proxy(w, b.host, (b.host, w.port), a.host, watch)
    a.peers["mta-b"].host, a.peers["mta-b"].port = proxy.address
    a.start(), b.start()
    octets = ipm("Large", "x", os.urandom(4000000))
    b.submit(user("Receiver", "ALPHA"), octets)
    a.ask("peer", name="mta-b", action="connect")
    equal(content(a.wait_items(1)[0]), octets, "the content")
    b.wait_empty()
    equal((len(cut), proxy.connections), (1, 2), "the connections")
    check(down[0] < 5000000, f"{down[0]} octets went: it was resumed")


def test_priority_unknown(w):
    """A turn asked for with a priority beyond those known is given all the same."""
    a, b = two_way(w)
    b.peers["mta-a"].calls = False
    asked = []

    def watch(direction, tpkt):
        if direction == "down" and tpkt[7] == 2 and tpkt[8] > 0 and tpkt[-3:-1] == b"\2\1":
            asked.append(tpkt[-1])
            proxy.links[-1].near.sendall(tpkt[:-1] + b"\x09")
            return False
        return True
    proxy = Proxy(w, b.host, (b.host, w.port), a.host, watch)
    a.peers["mta-b"].host, a.peers["mta-b"].port = proxy.address
    a.start(), b.start()
    a.submit(user("Receiver", "BETA"))
    b.wait_items(1)
    b.submit(user("Receiver", "ALPHA"))
    a.wait_items(1, 10)
    equal((asked, ups(a)), ([2], ["outgoing"]), "the priorities asked for, and associations")


def test_close_that_is_not_heard(w):
    """Asked for the turn, to release, the peer goes on sending: the association ends all the same."""
    a, b = two_way(w)
    b.peers["mta-a"].calls = False
    swallowed = []

    def watch(direction, tpkt):
        if direction == "up" and tpkt[7] == 2 and tpkt[8] > 0:
            swallowed.append(tpkt)
            return False
        return True
    proxy = Proxy(w, b.host, (b.host, w.port), a.host, watch)
    a.peers["mta-b"].host, a.peers["mta-b"].port = proxy.address
    a.start(), b.start()
    n = 60
    for _ in range(n):
        b.submit(user("Receiver", "ALPHA"), ipm("Large", "x", bytes(3000000)))
    a.ask("peer", name="mta-b", action="connect")
    a.wait_items(2)
    a.ask("peer", name="mta-b", action="disable")
    a.wait_event(20102)
    check(swallowed, "A asked for the turn")
    taken = len(a.items())
    check(taken < n - 10, f"it went on: {taken} of {n}")
