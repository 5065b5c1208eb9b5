# SPDX-License-Identifier: BSD-2-Clause
# Checksums of the spool come from libcrypto.
PKG_LIBS += $(shell pkg-config --libs libcrypto)
