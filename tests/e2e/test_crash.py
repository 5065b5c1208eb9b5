# SPDX-License-Identifier: BSD-2-Clause
"""kill -9 in the middle of traffic: what was acknowledged is delivered exactly once, and reported exactly once."""
import collections
import json
import os
import random
import threading
import time

from harness import Refused, check, equal, ipm, user, wait_for
from test_mail import wait_report

MESSAGES = 200


class Consumer:
    """Takes items out of new/ as soon as they are there, as a program would that reads the directory."""

    def __init__(self, w, mta):
        self.new = os.path.join(mta.delivered, "new")
        self.taken = os.path.join(w.dir, "taken-" + mta.name)
        os.makedirs(self.taken)
        self.messages, self.reports = collections.Counter(), collections.Counter()
        self.stop = False
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()
        w.closers.append(self.end)

    def end(self):
        self.stop = True
        self.thread.join()

    def run(self):
        n = 0
        while not self.stop:
            names = os.listdir(self.new) if os.path.isdir(self.new) else []
            for name in names:
                n += 1
                to = os.path.join(self.taken, str(n))
                os.rename(os.path.join(self.new, name), to)
                with open(os.path.join(to, "envelope.json")) as f:
                    e = json.load(f)
                if e["kind"] == "report":
                    self.reports[e["subject"]] += 1
                else:
                    check(os.path.exists(os.path.join(to, "content.ber")), "an item is complete")
                    self.messages[e["heading"]["subject"]] += 1
            if not names:
                time.sleep(0.005)


class Sender:
    """Submits messages with subjects of their own until it was told that MESSAGES were taken."""

    def __init__(self, a, round_):
        self.a, self.round = a, round_
        self.taken, self.unknown, self.made = {}, set(), 0
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while len(self.taken) < MESSAGES:
            self.made += 1
            subject = f"round {self.round} message {self.made}"
            octets = bytes(100_000) if self.made % 20 == 0 else None
            try:
                id = self.a.submit(user("Receiver", "BETA"), ipm(subject, "text", octets), report="delivery")
                self.taken[subject] = id
            except (OSError, Refused):
                self.unknown.add(subject)
                time.sleep(0.01)


def one_round(a, b, at_a, at_b, round_):
    victim = a if round_ % 2 else b
    sender = Sender(a, round_)
    before, point = sum(at_b.messages.values()), random.randint(5, MESSAGES - 50)
    wait_for(f"{point} messages", 60, lambda: sum(at_b.messages.values()) - before >= point, 0.001)
    time.sleep(random.random() / 20)
    victim.kill()
    time.sleep(random.random() / 10)
    victim.start()
    check(victim.events(2219), "event 2219: recovery after an unclean stop")
    wait_for("all were submitted", 60, lambda: not sender.thread.is_alive())
    wait_for("all were delivered", 120, lambda: set(sender.taken) <= set(at_b.messages))
    a.wait_empty(60), b.wait_empty(60)
    wait_for("all were reported", 60, lambda: set(sender.taken.values()) <= set(at_a.reports))
    a.wait_empty(60), b.wait_empty(60)
    return sender


def test_kill(w):
    a, b = w.pair()
    a.start(), b.start()
    at_a, at_b = Consumer(w, a), Consumer(w, b)
    lost = 0
    for round_ in range(w.count):
        s = one_round(a, b, at_a, at_b, round_)
        lost += len(s.unknown)
        check(at_a.thread.is_alive() and at_b.thread.is_alive(), "the consumers run")
        twice = [x for x, n in at_b.messages.items() if n > 1]
        equal(twice, [], f"delivered twice in round {round_}")
        equal([x for x, n in at_a.reports.items() if n > 1], [], f"reported twice in round {round_}")
        unasked = set(at_b.messages) - set(s.taken) - s.unknown
        equal([x for x in unasked if x.startswith(f"round {round_} ")], [], "messages that nobody sent")
    for m in (a, b):
        equal(os.listdir(os.path.join(m.spool, "content")), [], f"contents left in the spool of {m.name}")
        check(not m.events(20015), f"nothing is damaged in the spool of {m.name}")
        equal(os.listdir(os.path.join(m.delivered, "tmp")), [], f"items left in tmp/ of {m.name}")
    return (f"{w.count} rounds of {MESSAGES} messages, {lost} submissions cut off, "
            f"{len(b.events(20206))} repeated transfers dropped")


def test_kill_while_nothing_is_sent(w):
    """What waits for a peer that is down is there again after a kill."""
    a, b = w.pair()
    a.start()
    ids = [a.submit(user("Receiver", "BETA"), report="delivery") for _ in range(20)]
    a.kill()
    a.start()
    equal(sorted(m["id"] for m in a.queue()), sorted(ids), "the queue after the kill")
    b.start()
    b.wait_items(20)
    wait_report(a, ids[-1])


def test_kill_in_a_large_transfer(w):
    """Either side dies while a content of 60 MB is on its way: it arrives once, and no half of it is left anywhere."""
    a, b = w.pair()
    a.start(), b.start()
    for victim in (b, a, b):
        before = len(b.items())
        id = a.submit(user("Receiver", "BETA"), ipm(octets=os.urandom(1 << 20) * 60), report="delivery")
        wait_for("it is being sent", 20, lambda: any(x["octets_out"] > 5 << 20 and x["sending"] == id
                                                     for x in a.ask("show", what="associations")), 0.001)
        victim.kill()
        victim.start()
        b.wait_items(before + 1, 60)
        wait_report(a, id, 60)
        a.wait_empty(), b.wait_empty()
        equal(len(b.items()), before + 1, "items")
    for m in (a, b):
        wait_for("contents are removed", 10, lambda m=m: not os.listdir(os.path.join(m.spool, "content")))
