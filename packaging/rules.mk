# SPDX-License-Identifier: BSD-2-Clause
.PHONY: deps-build deps-demo deps-check deps-full demo demo-now
deps-build deps-demo deps-check deps-full: deps-%:
	@packaging/install-deps $*

# make demo [KEEP=1]: first the packages, then make again, which now finds them.
demo: deps-demo
	@$(MAKE) --no-print-directory demo-now
demo-now: all
	@BUILD=$(BUILD) packaging/demo $(if $(KEEP),--keep)
