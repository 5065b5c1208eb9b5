# SPDX-License-Identifier: BSD-2-Clause
"""The lines of a campaign that bind, and those that send. A line is a function of a Mode (campaign.py) that gives an
Outcome, and says no more than it saw. Those that cut connections, and several at a time, are in lines_cut.py."""
import os
import re

from . import evidence
from .ber import ipm_of_size
from .outcome import failed, passed, unsupported, untried

CHECKPOINTS, WINDOWS = ("none", "1K", "30K", "64K"), (1, 5, 16)
SIZES = (("0", 0), ("1", 1), ("1 K", 1 << 10), ("32 K", 32 << 10), ("33 K", 33 << 10), ("1 MB", 1 << 20),
         ("10 MB", 10 << 20))
CROSSING = 200 << 10  # octets of the content that tries a checkpoint and window
SUBJECT = "x400d interoperability campaign"
TOO_LONG, NOT_THIS_CONTENT = "content-too-long", ("content-type-not-supported", "content-syntax-error",
                                                  "encoded-information-types-unsupported")


def text_of_size(octets):
    return f"{octets >> 20} MB" if octets >= 1 << 20 and octets % (1 << 20) == 0 else \
        f"{octets >> 10} K" if octets >= 1 << 10 and octets % (1 << 10) == 0 else f"{octets} octets"


# ---- the bind ----

def failure_text(said):
    f = said.get("failure") or {}
    text = f.get("text") or "no reason given"
    return f"{f.get('step', 'bind')}: {text}" if not text.startswith(f.get("step", "bind")) else text


def bind(m):
    said = m.ping()
    if not said["ok"]:
        cause = (said.get("failure") or {}).get("cause")
        return failed(failure_text(said) + (f"; likely: {cause}" if cause else ""))
    used = [s for s in said["steps"] if s["used"]]
    steps = {s["step"]: s["detail"] for s in used}
    return passed(f"{steps['transport']}; {steps['rtse']}; {steps['bind']}; released in order", bind_ms=said["ms"],
                  steps={s["step"]: s["ms"] for s in used}, negotiated={s["step"]: s["negotiated"] for s in used})


def refused(m, *options, what):
    """One thing is wrong: the peer has to refuse."""
    said = m.ping(*options)
    if said["ok"]:
        return failed(f"accepted: the peer does not check {what}", accepted=True)
    f = said["failure"]
    if said["timeout"]:
        return failed(f"the peer neither accepted nor refused: {failure_text(said)}")
    if f["step"] in ("resolve", "connect"):
        return failed(f"not seen, there was no connection: {failure_text(said)}")
    if f["by_peer"]:
        return passed(f"refused at the step {f['step']}: {f['text']}", layer=f["step"], code=f["reason"])
    if re.search(r"closed|reset", f["text"], re.I):
        return passed(f"refused at the step {f['step']}, without an answer: {f['text']}", layer=f["step"])
    if f["step"] == "bind" and "accepted" in f["text"]:
        return failed(f"accepted: the peer does not check {what}; {f['text']}", accepted=True)
    return failed(f"ended by our own side at the step {f['step']}: {f['text']}")


def wrong_selector(key, layer, most):
    def line(m):
        if key == "psel" and m.name != "normal":
            return untried("X.410 mode has no presentation layer and so no presentation selector")
        selector = m.settings.of_mode(m.name, key)
        if selector.any:
            return untried(f"FILE says that the peer takes any {layer} selector")
        wrong = selector.wrong(most)
        return refused(m, f"--called-{key}={wrong.argument}", what=f"its {layer} selector: {wrong.conf} was called")
    return line


def wrong_credentials(line):
    def guarded(m):
        if not m.settings.wrong_credentials:
            return untried("FILE says `wrong credentials = no`")
        return line(m)
    return guarded


@wrong_credentials
def wrong_name(m):
    return refused(m, "--local-name=X400D-UNKNOWN", what="who calls: an unknown MTA name was let in with our password")


@wrong_credentials
def wrong_password(m):
    path = m.daemon.path("wrong.password")
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as f:
        f.write("not-the-password\n")
    return refused(m, f"--local-password-file={path}", what="our password: a wrong one was accepted")


@wrong_credentials
def no_credentials(m):
    return refused(m, "--no-credentials", what="who calls: a bind without name and password was accepted")


# ---- one message ----

def sent_and_reported(m, sent, what):
    """The outcome of a message that has to be delivered."""
    if not sent.taken:
        return failed(sent.trouble)
    if sent.report is None:
        if m.campaign.reports[m.name]:
            return failed(f"the peer took responsibility after {sent.seconds:.2f} s, but no report came within "
                          f"{m.settings.report_wait} s", taken_s=round(sent.seconds, 3))
        return passed(f"the peer took responsibility after {sent.seconds:.2f} s; whether {what} arrived is not known, "
                      f"since "
                      "no report came", taken_s=round(sent.seconds, 3))
    r = sent.report["recipients"][0]
    figures = dict(taken_s=round(sent.seconds, 3), report_s=round(sent.report_seconds, 3))
    if r["result"] == "delivered":
        return passed(f"the peer took responsibility after {sent.seconds:.2f} s, its delivery report came after "
                      f"{sent.report_seconds:.2f} s", **figures)
    why = f"{name_of(r.get('reason'))}, {name_of(r.get('diagnostic'))}"
    text = f"transferred, but not delivered: {why}" + (f" ({r['supplementary']})" if r.get("supplementary") else "")
    return (unsupported if any(x in why for x in (TOO_LONG, *NOT_THIS_CONTENT)) else failed)(text, **figures)


def name_of(code):
    return code.get("name", str(code)) if isinstance(code, dict) else str(code) if code else "no diagnostic"


def checkpoint(size, window):
    def line(m):
        octets = min(CROSSING, m.settings.size)
        v = m.variant(checkpoint=size, window=window)
        sent = m.transfer(v, content=octets, report=False)
        said = m.evidence()
        answer = evidence.agreed(said) if said else None
        if answer is None:
            return failed(sent.trouble or "the bind is not in the capture") if not sent.taken else \
                passed(f"{text_of_size(octets)} crossed in {sent.seconds:.2f} s; without a capture the answer is not "
                       f"known")
        proposed, got, frame = answer
        confirmed = len(said.pdus("MINOR SYNC ACK", side="called", outgoing=True, opened_here=True))
        figures = dict(proposed=proposed, answered=got, confirmed=confirmed, frame=frame)
        over = int(re.search(r"window (\d+)", got)[1]) > window
        text = f"proposed {proposed}; answered {got}"
        if over:
            return failed(f"{text}: a window larger than proposed", **figures)
        if not sent.taken:
            return failed(f"{text}; {sent.trouble}", **figures)
        return passed(f"{text}; {text_of_size(octets)} crossed in {sent.seconds:.2f} s, {confirmed} checkpoints "
                      f"confirmed",
                      taken_s=round(sent.seconds, 3), **figures)
    return line


def content(octets):
    def line(m):
        if octets > m.settings.size:
            return untried(f"FILE limits contents to {text_of_size(m.settings.size)}")
        return sent_and_reported(m, m.transfer(m.variant(), content=octets), "it")
    return line


def content_of(octets, mode):
    """(octets, content type): an interpersonal message of exactly this size; below 100 octets only 'unidentified'."""
    if octets < 100:
        return b"\x55" * octets, 0
    return ipm_of_size(octets, SUBJECT), 2 if mode == "x410-1984" else 22


def priority(word):
    def line(m):
        return sent_and_reported(m, m.transfer(m.variant(), options=("--priority", word, "--report", "delivery")), "it")
    return line


# ---- reports ----

def report(kind, positive):
    """kind: send or probe."""
    def line(m):
        to = m.settings.delivers if positive else m.settings.unknown
        if to is None:
            return untried("FILE names no address that does not exist (`unknown` of [addresses])")
        sent = m.transfer(m.variant(), options=("--report", "delivery"), command=kind, to=to, report=True, expect=True)
        what = "probe" if kind == "probe" else "message"
        if not sent.taken:
            return failed(sent.trouble)
        figures = dict(taken_s=round(sent.seconds, 3))
        if sent.report is None:
            if kind == "send" and positive:
                m.campaign.reports[m.name] = False
            return failed(f"the peer took the {what} after {sent.seconds:.2f} s; no report came within "
                          f"{m.settings.report_wait} s", **figures)
        figures["report_s"] = round(sent.report_seconds, 3)
        m.note_call()
        r = sent.report["recipients"][0]
        delivered = r["result"] == "delivered"
        why = f"{name_of(r.get('reason'))}, {name_of(r.get('diagnostic'))}"
        who = sent.report.get("reporting_mta") or sent.report.get("reporting_domain") or "the peer"
        if delivered != positive:
            says = "delivered" if delivered else f"not delivered: {why}"
            return failed(f"the report says {says}, which the address of FILE should not be", **figures)
        text = f"says {why}" if not positive else "says delivered" if kind == "send" else "says it could be delivered"
        if len(sent.reports) > 1:
            return failed(f"{len(sent.reports)} reports came on one {what}", **figures)
        return passed(f"taken after {sent.seconds:.2f} s; the report came after {sent.report_seconds:.2f} s, of {who}, "
                      f"and {text}", **figures)
    return line


def peer_calls(m):
    """Seen while reports came; this line sends nothing."""
    if not m.settings.calls_us:
        return untried("FILE says `calls us = no`")
    if m.called is None and m.dialogue == "two-way-alternate" and m.campaign.reports[m.name]:
        return untried("its reports came over our associations, which are two-way alternate")
    if m.called is None:
        failures = [text for _, text in m.inward.failures]
        return failed("the peer did not call" + (f"; {failures[-1]}" if failures else
                                                 f": nothing reached {m.settings.us['address']} port "
                                                 f"{m.settings.us['port']}"))
    text, figures, frames = m.called
    outcome = passed(text, **figures)
    outcome.frames = frames
    return outcome


# ---- dialogues ----

def dialogue(word):
    def line(m):
        if word not in m.settings.dialogues:
            return untried("FILE does not list it (`dialogues` of [modes])")
        v = m.variant(dialogue=word)
        said = m.ping(variant=v)
        if not said["ok"]:
            f = said["failure"]
            if f["by_peer"] and "dialogue" in f["text"]:
                return unsupported(f"refused at the step {f['step']}: {f['text']}")
            return failed(failure_text(said))
        sent = m.transfer(v, options=("--report", "delivery"), report=True)
        outcome = sent_and_reported(m, sent, "it")
        seen = m.evidence()
        if seen is not None and sent.report is not None:
            outcome.reason += "; " + way_of_report(seen)
        return outcome
    return line


def way_of_report(seen):
    reports = [e for e in seen.events if e["kind"] == "P1" and e["text"].startswith("report") and e["from"] == "called"]
    if reports:
        return f"the report came over our association, behind a turn that we gave (frame {reports[-1]['frame']})"
    return "the report came over an association that the peer opened"
