# SPDX-License-Identifier: BSD-2-Clause
.PHONY: deps-build deps-check deps-full
deps-build deps-check deps-full: deps-%:
	@packaging/install-deps $*
