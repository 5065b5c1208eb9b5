# SPDX-License-Identifier: BSD-2-Clause
"""The campaign of interop/run; tests/e2e uses its relay, control client and BER too. Standard library only."""
