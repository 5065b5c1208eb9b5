# SPDX-License-Identifier: BSD-2-Clause
"""What a line of the campaign found."""
PASSED, FAILED, UNSUPPORTED, UNTRIED = "passed", "failed", "not supported by the peer", "not tried"
STATUSES = (PASSED, FAILED, UNSUPPORTED, UNTRIED)


class Outcome:
    """figures: what was measured, by name; frames: (first, last) in the capture."""

    def __init__(self, status, reason, frames=None, **figures):
        self.status, self.reason, self.frames, self.figures = status, reason, frames, figures


def passed(reason, **figures):
    return Outcome(PASSED, reason, **figures)


def failed(reason, **figures):
    return Outcome(FAILED, reason, **figures)


def unsupported(reason, **figures):
    return Outcome(UNSUPPORTED, reason, **figures)


def untried(reason, **figures):
    return Outcome(UNTRIED, reason, **figures)


class Result:
    """An outcome with the line that it is of, its time and capture."""

    def __init__(self, mode, line, title, outcome, seconds=0.0, octets=0, capture=None):
        self.mode, self.line, self.title = mode, line, title
        self.status, self.reason = outcome.status, outcome.reason
        self.figures, self.frames = outcome.figures, outcome.frames
        self.seconds, self.octets, self.capture = seconds, octets, capture
