# SPDX-License-Identifier: BSD-2-Clause
.PHONY: deps-build deps-demo deps-check deps-full deps-cluster demo demo-now install deb deb-now dist
deps-build deps-demo deps-check deps-full deps-cluster: deps-%:
	@packaging/install-deps $*

# make demo [KEEP=1]: first the packages, then make again, which now finds them.
demo: deps-demo
	@$(MAKE) --no-print-directory demo-now
demo-now: all
	@BUILD=$(BUILD) packaging/demo $(if $(KEEP),--keep)

# make install [DESTDIR=] [PREFIX=]: SYSCONFDIR is where x400d and x400 look, so it is given to `make` as well.
DOCDIR := $(PREFIX)/share/doc/x400d
install: all docs/events.md
	install -d '$(DESTDIR)$(SYSCONFDIR)'
	install -D -m 755 $(BUILD)/x400d '$(DESTDIR)$(PREFIX)/sbin/x400d'
	install -D -m 755 $(BUILD)/bin/x400 '$(DESTDIR)$(PREFIX)/bin/x400'
	for page in docs/*.[158]; do \
		install -D -m 644 -t '$(DESTDIR)$(PREFIX)'/share/man/man$${page##*.} $$page || exit 1; done
	install -D -m 644 -t '$(DESTDIR)$(DOCDIR)' README.md LICENSE docs/*.md
	install -D -m 644 -t '$(DESTDIR)$(DOCDIR)/examples' conf/examples/*.conf
	install -D -m 755 packaging/cluster/x400d.ocf '$(DESTDIR)$(PREFIX)/lib/ocf/resource.d/x400/x400d'
	install -D -m 755 packaging/cluster/keepalived-notify '$(DESTDIR)$(PREFIX)/lib/x400d/keepalived-notify'

# make deb: a Debian package, dist/x400d_VERSION_ARCHITECTURE.deb, built apart with the usual hardening.
DEB_VERSION ?= $(VERSION)-1
DEB = dist/x400d_$(DEB_VERSION)_$(shell dpkg --print-architecture).deb
deb:
	@$(MAKE) --no-print-directory BUILD=$(BUILD)/deb PREFIX=/usr SYSCONFDIR=/etc/x400 DEB_VERSION='$(DEB_VERSION)' \
		CFLAGS='-O2 -g -fstack-protector-strong -fstack-clash-protection -D_FORTIFY_SOURCE=2' \
		LDFLAGS='-Wl,-z,relro,-z,now' deb-now
deb-now: all docs/events.md
	@echo '  DEB $(DEB)'
	@rm -rf $(BUILD)/root
	@$(MAKE) --no-print-directory -s install DESTDIR=$(BUILD)/root
	@SOURCE_DATE_EPOCH=$${SOURCE_DATE_EPOCH:-$$(git log -1 --format=%ct 2>/dev/null || stat -c %Y VERSION)} \
		packaging/deb/build $(BUILD)/root '$(DEB_VERSION)' '$(DEB)'

# make dist: what git has, and the C that asn1c makes, so that nobody who builds it needs asn1c. The same commit gives the
# same octets.
DIST := x400d-$(VERSION)
dist:
	@git rev-parse --git-dir >/dev/null && { git diff --quiet HEAD || echo 'make dist: with changes that are not committed' >&2; }
	@echo '  DIST dist/$(DIST).tar.xz'
	@rm -rf $(BUILD)/dist && mkdir -p $(BUILD)/dist/$(DIST) dist
	@git ls-files -z | xargs -0 cp --parents -t $(BUILD)/dist/$(DIST)
	@asn1/generate.sh $(abspath $(BUILD))/dist/$(DIST)/asn1/gen
	@tar -C $(BUILD)/dist --sort=name --mtime=@$$(git log -1 --format=%ct) --owner=0 --group=0 --numeric-owner \
		--mode=u+rw,go+rX,go-w --pax-option=delete=atime,delete=ctime -cf - $(DIST) | xz -9 -T 1 >dist/$(DIST).tar.xz
	@rm -r $(BUILD)/dist
