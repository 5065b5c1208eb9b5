# SPDX-License-Identifier: BSD-2-Clause
"""FILE: an INI file that says who the peer is and what may be done to it. Every word of it is described in
interop/README.md. A mistake is told with file, line, what it is and what to do; all of them at once."""
import configparser
import difflib
import ipaddress
import os
import re
import socket

MODES = ("normal", "x410-1988", "x410-1984")
DIALOGUES = ("monologue", "two-way-alternate")
SELECTORS = {"tsel": ("transport", 32), "ssel": ("session", 16), "psel": ("presentation", 64)}
NAME_MAX, PASSWORD_MAX = 32, 62
SIZE_MAX, MINUTES_MAX, MESSAGES_MAX = 100 << 20, 24 * 60, 1000

PEER_KEYS = {"host", "port", "tsel", "ssel", "psel", "mta name", "password file", "calls us", "calls from", "name"}
US_KEYS = {"mta name", "password file", "password form", "address", "port", "tsel", "ssel", "psel", "country", "admd",
           "prmd"}
SECTIONS = {
    "peer": PEER_KEYS,
    "us": US_KEYS,
    "modes": {"speaks", "dialogues"},
    "addresses": {"originator", "delivers", "unknown"},
    "limits": {"size", "minutes", "messages", "wait for a bind", "wait for a report", "wrong credentials"},
    "capture": {"take", "folder"},
}
MODE_KEYS = {"port", "tsel", "ssel", "psel", "password form"}  # of [mode NAME]: what differs in this mode
REQUIRED = (("peer", "host"), ("peer", "mta name"), ("peer", "password file"), ("us", "mta name"),
            ("us", "password file"),
            ("us", "address"), ("us", "country"), ("us", "admd"), ("addresses", "originator"),
            ("addresses", "delivers"))


class Mistakes(Exception):
    """Every mistake of FILE, a line each."""


class Selector:
    """conf: as x400d.conf writes it, None when the peer takes any and nothing is sent."""

    def __init__(self, octets, any=False):
        self.octets, self.any = octets, any

    @property
    def conf(self):
        if self.octets is None:
            return "none"
        text = self.octets.decode("latin-1")
        if re.fullmatch(r"[ !#-\[\]-~]*", text):
            return f'"{text}"'
        return "0x" + self.octets.hex().upper()

    def wrong(self, most):
        """One of the same kind that is not this one."""
        digits = self.octets is not None and self.octets.isdigit()
        wrong = b"9999" if digits else b"NONE"
        wrong = wrong[:most]
        return Selector(wrong if wrong != self.octets else wrong[:-1] + b"8")

    @property
    def argument(self):
        """As `x400 ping` takes it."""
        return self.conf[1:-1] if self.conf.startswith('"') else self.conf


class Settings:
    """What FILE says, checked. Texts are as written; `peer`, `us` are dictionaries by key; see parse()."""

    def of_mode(self, mode, key):
        """A setting of [peer] or, where there is one, of [mode NAME]."""
        return self.by_mode.get(mode, {}).get(key, self.peer.get(key))


class Reader:
    def __init__(self, path):
        self.path, self.mistakes, self.lines = path, [], {}
        self.ini = configparser.ConfigParser(interpolation=None, delimiters=("=",), comment_prefixes=("#", ";"),
                                             inline_comment_prefixes=None, empty_lines_in_values=False,
                                             default_section="all of them")

    # -- mistakes --

    def mistake(self, section, key, what, advice):
        line = self.lines.get((section, key)) or self.lines.get((section, None))
        self.mistakes.append((line or 0, f"{self.path}:{line or 1}: {what}; {advice}"))

    def finish(self):
        if self.mistakes:
            raise Mistakes("\n".join(text for _, text in sorted(self.mistakes, key=lambda m: m[0])))

    @staticmethod
    def nearest(word, words):
        near = difflib.get_close_matches(word, words, 1)
        return f'did you mean "{near[0]}"?' if near else "there are: " + ", ".join(sorted(words))

    # -- the file --

    def read(self):
        try:
            with open(self.path, encoding="utf-8") as f:
                text = f.read()
        except (OSError, UnicodeDecodeError) as e:
            raise Mistakes(f"{self.path}: {getattr(e, 'strerror', None) or 'not UTF-8'}; give the campaign's FILE, "
                           f"such as "
                           "interop/pp/campaign.ini") from None
        section = None
        for n, line in enumerate(text.splitlines(), 1):
            if m := re.match(r"\[(.*?)\]", line):
                section = m[1].strip()
                self.lines.setdefault((section, None), n)
            elif (m := re.match(r"([^=#;\s][^=]*?)\s*=", line)) and section:
                self.lines.setdefault((section, m[1].lower()), n)
        try:
            self.ini.read_string(text)
        except configparser.DuplicateSectionError as e:
            raise Mistakes(f"{self.path}:{e.lineno}: section [{e.section}] is there twice; make one of both") from None
        except configparser.DuplicateOptionError as e:
            raise Mistakes(f'{self.path}:{e.lineno}: "{e.option}" is there twice in [{e.section}]; keep one') from None
        except configparser.MissingSectionHeaderError as e:
            raise Mistakes(f"{self.path}:{e.lineno}: a line before the first section; begin with [peer]") from None
        except configparser.ParsingError as e:
            line = e.errors[0][0]
            raise Mistakes(f"{self.path}:{line}: neither [section] nor `word = value`; comments begin with #") from None

    def check_words(self):
        for section in self.ini.sections():
            known = SECTIONS.get(section)
            if section.startswith("mode "):
                known = MODE_KEYS
                if section[5:] not in MODES:
                    self.mistake(section, None, f'there is no mode "{section[5:]}"', self.nearest(section[5:], MODES))
            if known is None:
                self.mistake(section, None, f"unknown section [{section}]",
                             self.nearest(section, list(SECTIONS) + [f"mode {m}" for m in MODES]))
                continue
            for key in self.ini[section]:
                if key not in known:
                    self.mistake(section, key, f'unknown word "{key}" in [{section}]', self.nearest(key, known))
        for section, key in REQUIRED:
            if not self.text(section, key):
                self.mistake(section, key, f'[{section}] has no "{key}"', f"add a line `{key} = …`")

    # -- values --

    def text(self, section, key, default=None):
        value = self.ini.get(section, key, fallback=None)
        return default if value is None or value.strip() == "" else value.strip()

    def number(self, section, key, default, least, most):
        text = self.text(section, key)
        if text is None:
            return default
        if not text.isdigit() or not least <= int(text) <= most:
            self.mistake(section, key, f'"{text}" is no number from {least} to {most}', f"write `{key} = {default}`")
            return default
        return int(text)

    def size(self, section, key, default, most):
        text = self.text(section, key)
        m = re.fullmatch(r"(\d+)\s*([KM]?)", text or "")
        if text is None:
            return default
        octets = int(m[1]) * {"": 1, "K": 1 << 10, "M": 1 << 20}[m[2]] if m else -1
        if not 0 <= octets <= most:
            self.mistake(section, key, f'"{text}" is no size up to {most >> 20}M', "write octets, or 30K, or 10M")
            return default
        return octets

    def yes(self, section, key, default):
        text = self.text(section, key)
        if text is None or text in ("yes", "no"):
            return default if text is None else text == "yes"
        self.mistake(section, key, f'"{text}" is neither yes nor no', f"write `{key} = yes` or `{key} = no`")
        return default

    def words(self, section, key, known):
        text = self.text(section, key)
        if text is None:
            return list(known)
        words = [w for w in re.split(r"[,\s]+", text) if w]
        for w in words:
            if w not in known:
                self.mistake(section, key, f'"{w}" is not known here', self.nearest(w, known))
        return [w for w in known if w in words]

    def selector(self, section, key):
        """A Selector; absent in FILE: the peer takes any."""
        text, (layer, most) = self.text(section, key), SELECTORS[key]
        octets = None
        if text is None or text == "any":
            return Selector(None, any=True)
        if text == "none":
            return Selector(None)
        if m := re.fullmatch(r'"([^"]*)"', text):
            octets = m[1].encode()
        elif (m := re.fullmatch(r"0x([0-9A-Fa-f]*)", text)) and len(m[1]) % 2 == 0:
            octets = bytes.fromhex(m[1])
        if octets is None:
            self.mistake(section, key, f"{text} is no {layer} selector",
                         'write "text" in quotes, 0x and hexadecimal digits, '
                         "none for an absent one, or any when the peer takes whatever is called")
        elif len(octets) > most:
            self.mistake(section, key, f"a {layer} selector has at most {most} octets, this one {len(octets)}",
                         "shorten it")
        return Selector(octets)

    def mta_name(self, section):
        name = self.text(section, "mta name", "")
        if len(name) > NAME_MAX or '"' in name or "\\" in name:
            self.mistake(section, "mta name", f"an MTA name has at most {NAME_MAX} characters without quotes",
                         "give the name as the other side knows it")
        return name

    def password_file(self, section):
        """Its path; a password is never kept or shown."""
        text = self.text(section, "password file")
        if text is None:
            return None
        path = os.path.join(os.path.dirname(os.path.abspath(self.path)), text)
        try:
            with open(path, "rb") as f:
                n = len(f.readline(PASSWORD_MAX + 3).rstrip(b"\r\n"))
            if not 1 <= n <= PASSWORD_MAX:
                self.mistake(section, "password file", f"the first line of {path} is no password of 1 to "
                                                       f"{PASSWORD_MAX} "
                             "characters", "write the password into it, and nothing else")
            elif os.stat(path).st_mode & 0o077:
                self.mistake(section, "password file", f"other users may open {path}", f"chmod 600 {path}")
        except OSError as e:
            self.mistake(section, "password file", f"{path}: {e.strerror}",
                         "write the password into it and chmod 600 it")
        return path

    def password_form(self, section):
        """octet, ia5, or None: what x400d takes for the mode."""
        form = self.text(section, "password form")
        if form not in (None, "octet", "ia5"):
            self.mistake(section, "password form", f'"{form}" is no form of a password', "write octet or ia5")
        return form

    def address(self, section, key):
        text = self.text(section, key)
        try:
            return str(ipaddress.ip_address(text))
        except ValueError:
            if text is not None:
                self.mistake(section, key, f'"{text}" is no IP address',
                             "write one of this machine's addresses, as `ip addr` shows")
            return text

    def callers(self):
        """The addresses that the peer calls from: those given, or all of its host name."""
        text = self.text("peer", "calls from") or self.text("peer", "host") or ""
        found = []
        for word in filter(None, re.split(r"[,\s]+", text)):
            try:
                found += [a[4][0] for a in socket.getaddrinfo(word, None, type=socket.SOCK_STREAM)]
            except (OSError, UnicodeError) as e:
                key = "calls from" if self.text("peer", "calls from") else "host"
                why = getattr(e, "strerror", "no host name")
                self.mistake("peer", key, f'"{word}" cannot be resolved: {why}',
                             "write its IP address, or mend /etc/hosts")
        return sorted(set(found))

    def or_address(self, key, ours, domain):
        """An O/R address; ours: it must lie in our domain, else it must not."""
        text = self.text("addresses", key)
        if text is None:
            return None
        pairs = dict(p.split("=", 1) for p in re.split("[/;]", text) if "=" in p)
        have = {k.upper(): v.strip() for k, v in pairs.items()}
        if "C" not in have or '"' in text or "\n" in text:
            self.mistake("addresses", key, f"{text} is no O/R address",
                         "write /C=GB/A=DEMO/P=BETA/S=Smith/ or C=GB;A=DEMO;P=BETA;S=Smith")
            return text
        where = tuple((have.get(a) or have.get(b) or "").upper() for a, b in (("C", "C"), ("A", "ADMD"), ("P", "PRMD")))
        inside = where == tuple((v or "").upper() for v in domain)
        if ours and not inside:
            self.mistake("addresses", key, "the originator is not in the domain of [us], so its reports would not come "
                                           "here",
                         "give it the country, admd and prmd of [us]")
        if not ours and inside:
            self.mistake("addresses", key, "this recipient is in the domain of [us], so nothing would go to the peer",
                         "give an address of the peer, or another domain in [us]")
        return text


def parse(path):
    """Settings, or Mistakes."""
    r, s = Reader(path), Settings()
    r.read()
    r.check_words()
    s.path = path
    domain = tuple(r.text("us", k) for k in ("country", "admd", "prmd"))
    s.peer = {"host": r.text("peer", "host"), "port": r.number("peer", "port", 102, 1, 65535),
              "mta": r.mta_name("peer"),
              "password": r.password_file("peer"), **{k: r.selector("peer", k) for k in SELECTORS}}
    s.peer["name"] = r.text("peer", "name", s.peer["mta"])
    s.calls_us = r.yes("peer", "calls us", True)
    s.callers = r.callers()
    s.us = {"mta": r.mta_name("us"), "password": r.password_file("us"), "address": r.address("us", "address"),
            "port": r.number("us", "port", 102, 1, 65535), "country": domain[0], "admd": domain[1], "prmd": domain[2],
            **{k: r.selector("us", k) for k in SELECTORS}}
    s.peer["password form"] = r.password_form("us")
    s.modes, s.dialogues = r.words("modes", "speaks", MODES), r.words("modes", "dialogues", DIALOGUES)
    s.by_mode = {}
    for mode in MODES:
        section = f"mode {mode}"
        if section in r.ini:
            own = s.by_mode[mode] = {k: r.selector(section, k) for k in SELECTORS if r.text(section, k) is not None}
            if r.text(section, "port"):
                own["port"] = r.number(section, "port", 102, 1, 65535)
            if r.text(section, "password form"):
                own["password form"] = r.password_form(section)
    s.originator, s.delivers = r.or_address("originator", True, domain), r.or_address("delivers", False, domain)
    s.unknown = r.or_address("unknown", False, domain)
    s.size = r.size("limits", "size", 10 << 20, SIZE_MAX)
    s.minutes = r.number("limits", "minutes", 30, 1, MINUTES_MAX)
    s.messages = r.number("limits", "messages", 150, 1, MESSAGES_MAX)
    s.bind_wait = r.number("limits", "wait for a bind", 20, 1, 600)
    s.report_wait = r.number("limits", "wait for a report", 60, 1, 3600)
    s.wrong_credentials = r.yes("limits", "wrong credentials", True)
    s.capture = r.yes("capture", "take", True)
    s.folder = r.text("capture", "folder")
    r.finish()
    return s
