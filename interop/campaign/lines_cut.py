# SPDX-License-Identifier: BSD-2-Clause
"""Lines that need the relay's hand: transfers that are cut, in both directions, and several associations at a time."""
import threading
import time

from . import evidence, oracle, relay
from .daemon import WAIT
from .lines import text_of_size
from .outcome import failed, passed, unsupported, untried

CUT_CONTENT, CUT_AFTER = 1 << 20, 8  # octets of a message that is cut, and confirmed checkpoints before that
TOGETHER, EACH = 4, 256 << 10  # messages of several associations, and their size
SMALL = 64  # octets of a TPKT that holds one short SPDU: what is longer may be data


def short_spdu(octets):
    return relay.spdu_of(octets) if len(octets) <= SMALL else None


class Cutter:
    """Cuts the first transfer of ours when enough was confirmed, or half of it has gone."""

    def __init__(self, octets, after):
        self.octets, self.after, self.confirmed, self.link = octets, after, 0, None
        self.lock = threading.Lock()

    def watch(self, link, direction, octets):
        with self.lock:
            if self.link is not None:
                return True
            confirms = direction == "down" and short_spdu(octets) == relay.MINOR_SYNC_ACK
            if (confirms and self.confirmed >= self.after) or link.octets["up"] > self.octets * 3 // 4:
                self.link = link
                return None  # this one does not arrive any more
            self.confirmed += confirms
            return True


def cut_transfer(m):
    """One message of ours, cut on its way. Two lines are told from what is seen."""
    octets = min(CUT_CONTENT, m.settings.size)
    if octets < 64 << 10:
        return untried("FILE limits contents to less than 64 K: nothing can be cut in its middle")
    m.daemon.stop()  # so that the association is a new one, and all of it is in the evidence
    cutter = Cutter(octets, CUT_AFTER)
    m.outward.watch = cutter.watch
    try:
        sent = m.transfer(m.variant(checkpoint="30K", window=5), content=octets)
    finally:
        m.outward.watch = lambda link, direction, tpkt: True
    if cutter.link is None:
        return failed(f"the transfer ended before it could be cut: {sent.trouble or 'it was too fast'}")
    seen = m.evidence()
    first = cutter.link.octets["up"]
    again = sum(x.octets["up"] for x in m.outward.links if x.number > cutter.link.number)
    m.cut = dict(confirmed=cutter.confirmed, first=first, again=again, taken=sent.taken)
    if seen is not None:
        m.cut["text"], m.cut["resumed"], m.cut["frame"] = evidence.resumption(seen, True)
    where = f"cut behind {cutter.confirmed} confirmed checkpoints, {first >> 10} K sent"
    figures = dict(confirmed=cutter.confirmed, sent_before_octets=first, sent_after_octets=again)
    if not sent.taken:
        return failed(f"{where}; {sent.trouble}", **figures)
    if sent.report is not None and sent.report["recipients"][0]["result"] != "delivered":
        return failed(f"{where}; then transferred, and reported as not delivered", **figures)
    if len(sent.reports) > 1:
        return failed(f"{where}; then {len(sent.reports)} reports came: the message arrived more than once", **figures)
    how = "one delivery report came" if sent.report is not None else "no report came to say that it arrived once"
    return passed(f"{where}; {again >> 10} K went after that, the peer took responsibility after {sent.seconds:.2f} s, "
                  f"{how}", **figures)


def cut_resumed(m):
    """Where the cut transfer went on; this line sends nothing."""
    c = m.cut
    if c is None:
        return untried("no transfer was cut")
    if "text" not in c:
        return untried("there is no capture, so it cannot be seen")
    if c["confirmed"] == 0:
        return untried("the peer confirms no checkpoints, so there is nothing to go on from")
    if c["text"] is None:
        return untried("x400d began anew by itself; the peer was not asked")
    text = f"{c['text']}; {c['first'] >> 10} K before the cut, {c['again'] >> 10} K after it"
    outcome = (passed if c["resumed"] and c["taken"] else unsupported)(text, frame=c["frame"])
    outcome.frames = (c["frame"], c["frame"])
    return outcome


def cut_report(m):
    """A report of the peer, cut when it was whole but not confirmed: it has to come again, and to arrive once."""
    if not m.settings.calls_us:
        return untried("FILE says `calls us = no`")
    if not m.campaign.reports[m.name]:
        return untried("the peer sends no reports")
    cuts = []

    def watch(link, direction, octets):
        ours = "down" if link.outgoing else "up"  # the direction in which the peer sends
        if not cuts and direction == ours and short_spdu(octets) == relay.ACTIVITY_END:
            cuts.append(link)
            return None
        return True

    m.outward.watch = m.inward.watch = watch
    try:
        sent = m.transfer(m.variant(), options=("--report", "delivery"), report=True)
    finally:
        m.outward.watch = m.inward.watch = lambda link, direction, octets: True
    if not sent.taken:
        return failed(sent.trouble)
    if not cuts:
        return untried("no end of a transfer of the peer was seen")
    seen = m.evidence()
    how = ""
    if seen is not None:
        text = evidence.resumption(seen, False)[0]
        how = f"; {text}" if text else "; it began anew"
    if sent.report is None:
        return failed(f"the peer's report was cut before its end was confirmed, and did not come again within "
                      f"{m.settings.report_wait} s{how}")
    if len(sent.reports) > 1:
        return failed(f"the report was delivered {len(sent.reports)} times{how}")
    return passed(f"cut before its end was confirmed; the report came again after {sent.report_seconds:.2f} s, and was "
                  f"delivered once{how}",
                  report_s=round(sent.report_seconds, 3))


def several(m):
    """Transfers are held until two associations have one, or a while has gone by."""
    octets = min(EACH, m.settings.size)
    m.daemon.stop()
    lock, under_way, most, released = threading.Lock(), set(), [0], threading.Event()

    def watch(link, direction, tpkt):
        spdu = short_spdu(tpkt)
        if direction == "up" and spdu == relay.ACTIVITY_START:
            with lock:
                under_way.add(link.number)
                most[0] = max(most[0], len(under_way))
                if len(under_way) >= 2:
                    released.set()
            released.wait(5 * WAIT)
            released.set()
        if direction == "down" and spdu == relay.ACTIVITY_END_ACK:
            with lock:
                under_way.discard(link.number)
        return True

    m.outward.watch = watch
    begun = time.monotonic()
    try:
        sent = m.transfer_many(m.variant(associations="at most 3 urgent 0 another per 1 messages"), TOGETHER, octets)
    finally:
        released.set()
        m.outward.watch = lambda link, direction, tpkt: True
    seconds = time.monotonic() - begun
    taken = sum(1 for x in sent if x.taken)
    figures = dict(together=most[0], taken=taken, seconds=round(seconds, 3))
    text = (f"{taken} of {TOGETHER} messages of {text_of_size(octets)} taken in {seconds:.2f} s, "
            f"{most[0]} transfers at a time at most")
    if taken < TOGETHER:
        return failed(f"{text}; {next(x.trouble for x in sent if not x.taken)}", **figures)
    if most[0] >= 2:
        return passed(text, **figures)
    seen = m.evidence()
    refused = seen and ((seen.first("RTORJ", outgoing=True) or seen.first("REFUSE", outgoing=True)
                        or seen.first("DR TPDU", side="called", outgoing=True)))
    if refused:
        reason = evidence.field(refused, "refuse_reason", "reason")
        return unsupported(f"{text}; another association was refused: {refused['name']} {reason} (frame "
                           f"{refused['frame']})", **figures)
    return unsupported(f"{text}; no second association was seen to be used", **figures)


def reads_well(m):
    """What the peer sent in this mode, read by our own layers."""
    seen = m.evidence(whole=True)
    if seen is None:
        return untried("there is no capture")
    if seen.status not in (0, 1) or not seen.events:
        return failed(f"our own side: x400 dump ended with status {seen.status}: {seen.said[:200]}")
    bad = seen.malformed()
    if bad:
        return failed(f"{len(bad)} PDUs are malformed, the first in frame {bad[0]['frame']}, from the "
                      f"{bad[0].get('from')}: "
                      f"{bad[0].get('name', bad[0]['kind'])}: {bad[0]['fault'].get('text', '')[:200]}",
                      malformed=len(bad))
    n = sum(1 for e in seen.events if e["kind"] == "pdu")
    return passed(f"x400 dump reads all {n} PDUs of {len(seen.connections)} connections", pdus=n)


def tshark(m):
    """The same by another's dissectors."""
    if m.capture is None:
        return untried("there is no capture")
    try:
        bad, frames = oracle.malformed(m.capture.path,
                                       sorted({m.settings.of_mode(m.name, "port"), m.settings.us["port"]}))
    except oracle.Missing as e:
        return untried(str(e))
    known, aside = set(m.meaningless), []
    if known:
        aside.append("contents of less than 100 octets, which are no messages")
    seen = m.evidence(whole=True)
    if m.name != "normal":  # tshark takes what is transferred in X.410 mode for something else
        aside.append("transferred data, which it does not know in X.410 mode")
        known.update(e["frame"] for name in ("DATA TRANSFER", "RTTR") for e in seen.pdus(name))
        normal = {e["connection"] for e in seen.pdus("CP")}
        if normal:  # behind X.410 mode on the same port it takes what RTSE carries here for P1
            aside.append("binds of the peer's calls in normal mode")
            known.update(e["frame"] for name in ("RTORQ", "RTOAC") for e in seen.pdus(name) if e["connection"] in normal)
    resumed = {e["connection"] for e in seen.pdus("ACTIVITY RESUME")}
    if resumed:  # it has the second part only, and takes it for a whole
        aside.append("resumed transfers")
        known.update(e["frame"] for e in seen.events if e["connection"] in resumed)
    bad = [n for n in bad if n not in known]
    but = f"; aside: {', '.join(aside)}" if aside else ""
    if bad:
        return failed(f"{len(bad)} frames are malformed or against a protocol: {', '.join(map(str, bad[:10]))}{but}",
                      bad=len(bad))
    return passed(f"nothing malformed or against a protocol in {frames} frames{but}", read=frames)
