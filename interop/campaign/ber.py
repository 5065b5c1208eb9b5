# SPDX-License-Identifier: BSD-2-Clause
"""As much of BER as contents need."""


def der(tag, *parts):
    body = b"".join(parts)
    n = len(body)
    if n < 128:
        length = bytes([n])
    else:
        octets = n.to_bytes((n.bit_length() + 7) // 8, "big")
        length = bytes([0x80 | len(octets)]) + octets
    return (bytes([tag]) if isinstance(tag, int) else tag) + length + body


def ipm_of_size(size, subject):
    """An interpersonal message (P2 and P22 alike) with one IA5 text, exactly so many octets long."""
    def made(pad, n):
        heading = der(0x31, der(0x6B, der(0x13, b"campaign")), der(0xA8, der(0x14, subject.encode() + b"." * pad)))
        return der(0xA0, heading, der(0x30, der(0xA0, der(0x31), der(0x16, (row * (n // len(row) + 1))[:n]))))

    row = b"The quick brown fox jumps over the lazy dog 0123456789.\r\n"
    for pad in range(8):  # a longer subject where the octets of a length leave a gap
        most = size - len(made(pad, 0))
        for n in range(most, max(most - 16, -1), -1):
            content = made(pad, n)
            if len(content) == size:
                return content
    raise ValueError(f"no interpersonal message with this subject has {size} octets")
