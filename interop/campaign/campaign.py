# SPDX-License-Identifier: BSD-2-Clause
"""The campaign: every line in every mode, one after the other, within the limits of FILE. It writes to the addresses of
FILE only, ends by itself, and ends in order when it is interrupted."""
import os
import time

from . import evidence, lines, lines_cut
from .capture import Capture
from .daemon import INSIDE, WAIT, Daemon, Trouble, Unconfigurable, Variant
from .outcome import Outcome, Result, failed, untried
from .relay import Relay

TAKE_SECONDS = 60  # that the peer may take to accept responsibility, and one more for each 256 K
CALL_FAILURES = 3  # of our daemon's calls, after which a message is given up
CALL_FAILED, TRANSFER_FAILED = 9318, 20103


class OutOfMessages(Exception):
    pass


class Sent:
    """What became of one message. trouble: why it was not taken; times are since its submission."""

    def __init__(self, id):
        self.id, self.taken, self.seconds, self.trouble = id, False, 0.0, None
        self.report, self.report_seconds, self.reports = None, 0.0, []


class Mode:
    """One mode's part of a campaign: what its lines work with."""

    def __init__(self, campaign, name):
        self.campaign, self.name, self.settings = campaign, name, campaign.settings
        self.daemon, self.outward, self.inward, self.capture = None, None, None, None
        self.first, self.ids = 1, []
        self.dialogue = (self.settings.dialogues or ["monologue"])[0]
        self.called = self.cut = None
        self.meaningless = set()  # frames with contents that are no messages
        self.blocked = None  # why no further line of this mode is tried

    def open(self):
        s, c = self.settings, self.campaign
        if s.capture:
            self.capture = Capture(os.path.join(c.captures, f"{self.name}.pcap"))
        source = s.us["address"]
        self.outward = Relay((INSIDE, 0), (s.peer["host"], s.of_mode(self.name, "port") or s.peer["port"]),
                             source=source,
                             capture=self.capture)
        # The daemon's port is one that was free a moment ago; only this machine can take it.
        spare = Relay((INSIDE, 0), (INSIDE, 1))
        port = spare.address[1]
        spare.close()
        self.daemon = Daemon(s, self.outward.address, port)
        if s.calls_us:
            try:
                self.inward = Relay((source, s.us["port"]), (INSIDE, port), source=INSIDE, capture=self.capture,
                                    allow=s.callers,
                                    wait=10, outgoing=False)
            except OSError as e:
                raise Trouble(f"the peer's calls cannot be taken on {source} port {s.us['port']}: {e.strerror}"
                              + ("; ports below 1024 need root or CAP_NET_BIND_SERVICE" if e.errno == 13 else
                                 "; stop what listens there, such as a running x400d" if e.errno == 98 else
                                 "; `address` of [us] must be this machine's")) from None

    def close(self):
        if self.daemon is not None:
            self.daemon.remove()
        for r in (self.outward, self.inward):
            if r is not None:
                r.close()
        if self.capture is not None:
            self.capture.close()

    # -- what the lines use --

    def variant(self, **statements):
        return Variant(self.name, **{"dialogue": self.dialogue, **statements})

    def evidence(self, whole=False):
        return evidence.read(self.daemon.x400, self.capture, 1 if whole else self.first, self.daemon.folder)

    def failures(self, since):
        """What the relay could not do since then."""
        return [text for r in (self.outward,) for at, text in r.failures if at >= since]

    def ping(self, *options, variant=None):
        begun = time.monotonic()
        said = self.daemon.ping(variant or self.variant(), *options,
                                seconds=self.campaign.at_most(self.settings.bind_wait))
        missed = self.failures(begun)
        if missed and not said["ok"]:  # what our daemon's side saw was the relay hanging up
            said["failure"] = dict(said.get("failure") or {}, step="connect", text=missed[-1], cause="", by_peer=False,
                                   reason=-1)
        return said

    def transfer(self, variant, content=None, options=(), command="send", to=None, report=True, expect=False):
        """One message: of so many octets, or by `x400 send` or `x400 probe` with these options."""
        self.campaign.spend(1)
        self.daemon.start(variant)
        log = self.daemon.events()[1]
        begun = time.monotonic()
        to = to or self.settings.delivers
        if content is None:
            id = self.daemon.send(to, *options, command=command)
        else:
            octets, kind = lines.content_of(content, self.name)
            id = self.daemon.submit(to, octets, kind)
        self.ids.append(id)
        sent = Sent(id)
        self.await_taken(sent, begun, log, content or 0)
        if sent.taken and report and (expect or self.campaign.reports[self.name] is not False):
            self.await_report(sent, begun)
        elif not sent.taken:
            sent.reports = self.daemon.reports(id)
        return sent

    def transfer_many(self, variant, n, octets):
        self.campaign.spend(n)
        self.daemon.start(variant)
        log, begun = self.daemon.events()[1], time.monotonic()
        made, kind = lines.content_of(octets, self.name)
        sent = [Sent(self.daemon.submit(self.settings.delivers, made, kind)) for _ in range(n)]
        self.ids += [x.id for x in sent]
        for x in sent:
            self.await_taken(x, begun, log, octets * n)
        return sent

    def await_taken(self, sent, begun, log, octets):
        limit = self.campaign.at_most(TAKE_SECONDS + octets / (256 << 10)) * WAIT
        while True:
            m = self.daemon.message(sent.id)
            state = m["recipients"][0]["state"] if m else None
            sent.seconds = time.monotonic() - begun
            if state == "transferred":
                sent.taken = True
                return
            if m and m["finished"]:
                r = m["recipients"][0]
                why = [r.get("reason") or state, r.get("diagnostic") or "no diagnostic", r.get("text")]
                sent.trouble = "not transferred: " + ", ".join(x for x in why if x)
                return
            failures = [e["text"] for e in self.daemon.events(log)[0] if e.get("id") in (CALL_FAILED, TRANSFER_FAILED)]
            missed = self.failures(begun)
            if len(failures) >= CALL_FAILURES or sent.seconds > limit:
                why = (missed or failures or ["no answer of the peer"])[-1]
                sent.trouble = f"not taken within {sent.seconds:.0f} s: {why}"
                return
            time.sleep(0.02)

    def await_report(self, sent, begun):
        limit = time.monotonic() + self.campaign.at_most(self.settings.report_wait) * WAIT
        while time.monotonic() < limit:
            sent.reports = self.daemon.reports(sent.id)
            if sent.reports:
                sent.report, sent.report_seconds = sent.reports[0], time.monotonic() - begun
                time.sleep(0.1)  # another one on the same message would be a finding
                sent.reports = self.daemon.reports(sent.id)
                return
            time.sleep(0.02)

    def note_call(self):
        """How the peer called us, kept from the first line that saw it."""
        if self.called is not None or self.inward is None or not self.inward.links:
            return
        events = self.daemon.events()[0]
        if not any(e.get("event") == "association-up" and e.get("direction") == "incoming" for e in events):
            return
        text, figures, frames = "the peer called and was bound", {}, None
        seen = self.evidence()
        binds = [e for e in (seen.events if seen else []) if e["kind"] == "bind" and e["from"] == "caller"]
        inward = [e["connection"] for e in binds if (e.get("value") or {}).get("name") == self.settings.peer["mta"]]
        if inward:
            k = inward[0]
            cr, cn = seen.first("CR TPDU", connection=k), seen.first("CONNECT (CN)", connection=k)
            cp, rtorq = seen.first("CP", connection=k), seen.first("RTORQ", connection=k)
            f = evidence.field
            called = ", ".join(f"{label} {f(pdu, key)}" for label, pdu, key in
                               (("T", cr, "called_tsel"), ("S", cn, "called_ssel"), ("P", cp, "called_psel"))
                               if f(pdu, key) != "not given") or "none"
            text = (f"the peer called in {f(cp, 'mode')} mode; selectors called: {called}; checkpoint "
                    f"{f(rtorq, 'checkpoint_size', default='0')}, window {f(rtorq, 'window_size', default='3')}, "
                    f"{f(rtorq, 'dialogue_mode', default='monologue')}; its name and password are those of FILE")
            frames = (cr["frame"] if cr else seen.events[0]["frame"],
                      rtorq["frame"] if rtorq else seen.events[-1]["frame"])
        self.called = (text, figures, frames)


def selector_line(key, layer, most):
    return (f"{key}-wrong", f"a wrong {layer} selector is refused", lines.wrong_selector(key, layer, most))


def all_lines():
    """(identifier, title, function, whether it belongs to the short form), in the order in which they are tried."""
    table = [("bind", "bind with the right selectors, names and passwords", lines.bind, True)]
    for key, layer, most in (("tsel", "transport", 32), ("ssel", "session", 16), ("psel", "presentation", 4)):
        table.append((*selector_line(key, layer, most), True))
    table += [("name-wrong", "an unknown MTA name is refused", lines.wrong_name, True),
              ("password-wrong", "a wrong password is refused", lines.wrong_password, True),
              ("credentials-none", "a bind without credentials is refused", lines.no_credentials, True),
              ("delivery-report", "a message is delivered, and reported so", lines.report("send", True), True),
              ("non-delivery-report", "a message to nobody is reported as not delivered", lines.report("send", False),
               True),
              ("probe", "a probe for an address that exists", lines.report("probe", True), True),
              ("probe-negative", "a probe for an address that does not", lines.report("probe", False), True),
              ("peer-calls", "the peer calls us, and binds", lines.peer_calls, True)]
    for size in lines.CHECKPOINTS:
        for window in lines.WINDOWS:
            table.append((f"checkpoint-{size}-window-{window}", f"checkpoint {size}, window {window}",
                          lines.checkpoint(size, window), (size, window) in (("none", 1), ("30K", 5))))
    for name, octets in lines.SIZES:
        title = f"a content of {name}" if name[-1] in "KB" else f"a content of {name} octet{'' if name == '1' else 's'}"
        table.append((f"content-{name.replace(' ', '')}", title, lines.content(octets), octets in (0, 33 << 10)))
    for word in ("urgent", "normal", "non-urgent"):
        table.append((f"priority-{word}", f"priority {word}", lines.priority(word), word == "urgent"))
    for word in ("monologue", "two-way-alternate"):
        table.append((f"dialogue-{word}", f"dialogue {word}", lines.dialogue(word), word == "two-way-alternate"))
    table += [("cut", "a transfer that is cut arrives, once", lines_cut.cut_transfer, True),
              ("cut-resumed", "it goes on behind the last confirmed checkpoint", lines_cut.cut_resumed, True),
              ("cut-report", "a report of the peer that is cut comes again", lines_cut.cut_report, True),
              ("associations", "several associations at a time", lines_cut.several, True),
              ("reads-well", "everything that was exchanged can be read", lines_cut.reads_well, True),
              ("tshark", "tshark finds nothing malformed in it", lines_cut.tshark, True)]
    return table


class Campaign:
    """captures: the folder for them. on_begin(mode, title, n, of) and on_result(result) are told what happens."""

    def __init__(self, settings, captures, modes=None, short=False, only=None, on_begin=None, on_result=None):
        self.settings, self.captures = settings, captures
        self.modes = [m for m in settings.modes if modes is None or m in modes]
        self.lines = [x for x in all_lines() if (not short or x[3]) and (not only or x[0] in only or x[0] == "bind")]
        self.on_begin, self.on_result = on_begin or (lambda *_: None), on_result or (lambda _: None)
        self.results, self.spent, self.reports = [], 0, {m: None for m in settings.modes}
        self.interrupted = False
        self.end = time.monotonic() + settings.minutes * 60

    def at_most(self, seconds):
        return max(1.0, min(seconds, self.end - time.monotonic()))

    def spend(self, n):
        if self.spent + n > self.settings.messages:
            raise OutOfMessages()
        self.spent += n

    def record(self, *arguments, **named):
        result = Result(*arguments, **named)
        self.results.append(result)
        self.on_result(result)

    def run(self):
        for name in self.settings.modes:
            if name in self.modes:
                self.run_mode(Mode(self, name))
        return self.results

    def run_mode(self, mode):
        try:
            try:
                self.open_mode(mode)
                for k, (id, title, line, _) in enumerate(self.lines):
                    self.run_line(mode, id, title, line, k)
            finally:
                mode.close()
        except KeyboardInterrupt:  # between two lines, or while it ended: what is not told yet was not tried
            self.interrupted = True
            mode.close()
            done = {r.line for r in self.results if r.mode == mode.name}
            for id, title, _, _ in self.lines:
                if id not in done:
                    self.record(mode.name, id, title, untried("the campaign was interrupted"))

    def open_mode(self, mode):
        try:
            if not self.interrupted:
                mode.open()
                refusal = mode.daemon.refusal(mode.variant())
                if refusal is not None:
                    mode.blocked = untried(f"x400d cannot be configured so: {refusal}")
        except (Trouble, OSError) as e:
            mode.blocked = failed(f"our own side: {e}")

    def reason_not_to(self, mode):
        if self.interrupted:
            return untried("the campaign was interrupted")
        if mode.blocked is not None:
            reason = mode.blocked
            if reason.status == "failed":  # said once
                mode.blocked = untried("our own side could not be started")
            return reason
        if time.monotonic() > self.end:
            return untried(f"the time of {self.settings.minutes} minutes is used up")
        return None

    def run_line(self, mode, id, title, line, k):
        outcome = self.reason_not_to(mode)
        if outcome is not None:
            self.record(mode.name, id, title, outcome)
            return
        self.on_begin(mode.name, title, k + 1, len(self.lines))
        first = mode.first = (mode.capture.frames if mode.capture else 0) + 1
        relays = [r for r in (mode.outward, mode.inward) if r is not None]
        before, begun, mode.ids = sum(sum(x.octets.values()) for r in relays for x in r.links), time.monotonic(), []
        try:
            outcome = self.tried(mode, line)
        except KeyboardInterrupt:
            self.interrupted = True
            outcome = untried("the campaign was interrupted while this was tried")
        mode.daemon.drop(mode.ids)
        seconds = time.monotonic() - begun
        octets = sum(sum(x.octets.values()) for r in relays for x in r.links) - before
        last = mode.capture.frames if mode.capture else 0
        if outcome.frames is None and last >= first:
            outcome.frames = (first, last)
        if id in ("content-0", "content-1"):
            mode.meaningless.update(range(first, last + 1))
        if id == "bind" and outcome.status != "passed":
            mode.blocked = untried("the bind did not succeed")
        if id == "delivery-report" and self.reports[mode.name] is None and outcome.status == "passed":
            self.reports[mode.name] = True
        self.record(mode.name, id, title, outcome, seconds=seconds, octets=octets,
                    capture=mode.capture.path if mode.capture and outcome.frames else None)

    @staticmethod
    def tried(mode, line) -> Outcome:
        try:
            return line(mode)
        except OutOfMessages:
            return untried(f"the limit of {mode.settings.messages} messages is reached")
        except Unconfigurable as e:
            return untried(str(e))
        except Trouble as e:
            return failed(f"our own side: {e}")
        except Exception as e:  # a fault of the campaign itself must not lose the other lines
            return failed(f"our own side: {type(e).__name__}: {e}")

