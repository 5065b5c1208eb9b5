# SPDX-License-Identifier: BSD-2-Clause
"""The campaign of interop/run; its relay, control client and BER are used by tests/e2e too. Python 3's standard library only."""
