# SPDX-License-Identifier: BSD-2-Clause
"""A daemon that stands for the peer of a campaign (interop/), and the FILE for it."""
import os

from harness import free_port

US, PEER = "127.0.0.31", "127.0.0.32"
SELECTORS = {"normal": 'tsel "NORMAL" ssel "S1" psel "P1"', "x410-1988": 'tsel "X410" ssel "S1"',
             "x410-1984": 'tsel "1984"'}


def peer_of(world, mode="normal", dialogue="monologue", port=102, start=True):
    """A daemon that answers as the peer, and whose reports come back to port of US."""
    b = world.mta("MTA-B")
    b.host, b.port = PEER, free_port([PEER])
    us = b.secret("us", "password-of-b")
    them = b.secret("them", "password-of-a")
    b.delivers = [('country "GB" admd "DEMO" prmd "BETA" surname "Receiver"', b.delivered)]
    selectors = SELECTORS[mode]
    b.extra = (f'peer "campaign" '
               f'{{\n    connect address {US} port {port}\n    called tsel "CAMPAIGN"\n    accept from {US}\n'
               f'    local name "MTA-B" password file "{us}"\n    remote name "MTA-A" password file "{them}"\n'
               f"    mode {mode}\n    dialogue {dialogue}\n    open retry 1000 times every 1s\n    transfer retry 1000 "
               f"times every 1s\n}}\n"
               'route to country "GB" admd "DEMO" prmd "ALPHA" via "campaign"\n')
    text = b.text

    def whole():
        return text().replace(f'listen on {b.host} port {b.port} tsel "{b.tsel}"',
                              f"listen on {b.host} port {b.port} {selectors}") + b.extra
    b.text = whole
    return b.start() if start else b


def campaign_file(world, b, port, mode="normal", dialogue="monologue", limits="wait for a report = 20\n"):
    folder = world.dir
    for name, text in (("a.password", "password-of-a"), ("b.password", "password-of-b")):
        with open(os.open(os.path.join(folder, name), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as f:
            f.write(text + "\n")
    words = SELECTORS[mode].split()
    selectors = "".join(f"{words[k]} = {words[k + 1]}\n" for k in range(0, len(words), 2))
    path = os.path.join(folder, "campaign.ini")
    with open(path, "w", encoding="utf-8") as f:
        f.write(f"[peer]\nname = self-{mode}\nhost = {PEER}\nport = {b.port}\n{selectors}mta name = MTA-B\npassword "
                f"file = b.password\n"
                f"[us]\nmta name = MTA-A\npassword file = a.password\naddress = {US}\nport = {port}\ntsel = "
                f"\"CAMPAIGN\"\n"
                "country = GB\nadmd = DEMO\nprmd = ALPHA\n"
                f"[modes]\nspeaks = {mode}\ndialogues = {dialogue}\n"
                "[addresses]\noriginator = /C=GB/A=DEMO/P=ALPHA/S=Tester/\ndelivers = /C=GB/A=DEMO/P=BETA/S=Receiver/\n"
                "unknown = /C=GB/A=DEMO/P=BETA/S=Nobody/\n[limits]\nminutes = 10\n" + limits)
    return path
