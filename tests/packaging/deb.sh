#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# tests/packaging/deb.sh: the Debian package, built twice, installed, used, upgraded, removed and purged, on a copy of
# this machine that forgets everything (an overlay in namespaces of its own, without a network). As root.
set -u
cd "$(dirname "$0")/../.." || exit 1

if [ "${1-}" != inside ]; then
    [ "$(id -u)" = 0 ] || { echo 'skipped: namespaces need root'; exit 77; }
    for tool in dpkg-shlibdeps unshare setpriv; do
        command -v "$tool" >/dev/null || { echo "skipped: not installed: $tool (packaging/install-deps full)"; exit 77; }
    done
    dir=$(mktemp -d "${TMPDIR:-/tmp}/x400d-deb-XXXXXX") || exit 1
    trap 'rm -rf "$dir"' EXIT
    arch=$(dpkg --print-architecture) version=$(cat VERSION)
    for n in 1 2 1; do # the first one again at the end: the same octets
        make --no-print-directory deb DEB_VERSION="$version-$n" >"$dir/make.log" 2>&1 || { cat "$dir/make.log"; exit 1; }
        [ "$n" != 1 ] || [ ! -e "$dir/1.deb" ] || cmp "dist/x400d_$version-1_$arch.deb" "$dir/1.deb" || { echo 'not reproducible'; exit 1; }
        cp "dist/x400d_$version-${n}_$arch.deb" "$dir/$n.deb" || exit 1
        [ "$n" = 1 ] || rm "dist/x400d_$version-${n}_$arch.deb"
    done
    cp "$0" "$dir/test.sh"
    # shellcheck disable=SC2016
    unshare --mount --net --pid --fork --kill-child --propagation private bash -c '
        mount -t tmpfs tmpfs /mnt && mkdir /mnt/up /mnt/temp /mnt/copy &&
        mount -t overlay overlay -o lowerdir=/,upperdir=/mnt/up,workdir=/mnt/temp /mnt/copy &&
        mount -t proc proc /mnt/copy/proc && mount --rbind /dev /mnt/copy/dev && mount -t tmpfs tmpfs /mnt/copy/run &&
        mount -t tmpfs tmpfs /mnt/copy/tmp && mkdir /mnt/copy/tmp/deb && cp "$0"/* /mnt/copy/tmp/deb && ip link set lo up &&
        exec chroot /mnt/copy env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 bash /tmp/deb/test.sh inside' "$dir"
    exit
fi

cd /tmp/deb || exit 1
passed=0 failed=0
check() { # WHAT COMMAND...
    local what=$1 out
    shift
    if out=$("$@" 2>&1); then
        echo "ok    $what"
        passed=$((passed + 1))
    else
        echo "FAIL  $what: $*"
        echo "${out//$'\n'/$'\n'    }"
        failed=$((failed + 1))
    fi
}
is() { [ "$1" = "$2" ] || { echo "is '$1', not '$2'"; return 1; }; }
owner() { is "$(stat -c '%U:%G %a' "$1")" "$2"; }
not() { ! "$@"; }
daemon() { # as the service starts it: the user, the capability for port 102, its folder
    install -d -o x400 -g x400 /run/x400
    (umask 007 && setpriv --reuid x400 --regid x400 --init-groups --no-new-privs --bounding-set -all,+net_bind_service \
        --inh-caps -all,+net_bind_service --ambient-caps -all,+net_bind_service /usr/sbin/x400d)
}
stopped() {
    pkill -TERM -x x400d
    for ((n = 0; n < 300; n++)); do pgrep -x x400d >/dev/null || return 0; sleep 0.1; done
    return 1
}
connects() { timeout 2 bash -c ": </dev/tcp/$1/102"; }
within() { # SECONDS COMMAND...
    local end=$((SECONDS + $1))
    shift
    until "$@" 2>/dev/null; do [ "$SECONDS" -lt "$end" ] || return 1; sleep 0.2; done
}
queue() { is "$(x400 show queue --json | grep -c '"id"')" "$1"; }

check 'installs' dpkg -i 1.deb
check 'the user' is "$(id -gn x400):$(getent passwd x400 | cut -d: -f6,7)" "x400:/var/spool/x400:/usr/sbin/nologin"
check 'the folder of configurations' owner /etc/x400 'root:x400 750'
check 'the configuration' owner /etc/x400/x400d.conf 'root:x400 640'
check 'the place for the spool' owner /var/spool/x400 'x400:x400 2750'
check 'the place for logs' owner /var/log/x400 'x400:adm 2750'
check 'no file of another owner' is "$(dpkg -L x400d | xargs -d '\n' stat -c '%U %n' | grep -v '^root')" ''
check 'checksums' dpkg -V x400d
check 'the daemon' is "$(x400d -V)" "x400d $(dpkg-query -W -f '${Version}' x400d | sed 's/-.*//')"
check 'manual pages' test -e /usr/share/man/man8/x400d.8.gz -a -e /usr/share/man/man5/x400d.conf.5.gz -a -e /usr/share/man/man1/x400.1.gz
check 'the configuration as it comes is not enough' not x400d -n
check 'the unit' systemd-analyze verify --man=no /lib/systemd/system/x400d.service
check 'the unit is enabled' test -L /etc/systemd/system/multi-user.target.wants/x400d.service
check 'the unit gives little away' systemd-analyze security --offline=yes --threshold=25 x400d.service
check 'the resource agent' test "$(/usr/lib/ocf/resource.d/x400/x400d meta-data | head -c 5)" = '<?xml'
[ -z "$(command -v logrotate)" ] || check 'log rotation' logrotate -d /etc/logrotate.d/x400d

echo secret >/etc/x400/us && chgrp x400 /etc/x400/us && chmod 640 /etc/x400/us
cat >/etc/x400/x400d.conf <<'CONF'
mta "MTA-A" {
    domain country "GB" admd "GOLD 400" prmd "ACME"
    spool "/var/spool/x400/spool"
    events file "/var/log/x400/events"
    submit socket "/run/x400/submit" mode 660 group "x400"
    reserve 0% at least 1M
}
stack "net1" { listen on 127.0.0.1 port 102 tsel "MTA" }
stack "net2" {
    listen on 198.51.100.7 port 102 tsel "MTA"
    virtual
}
peer "relay-b" {
    via "net1"
    connect address 127.0.0.9
    local name "MTA-A" password file "us"
    remote name "MTA-B" password file "us"
}
route to any via "relay-b"
CONF
check 'the operator completes it' x400d -n
check 'it starts as its user' daemon
check 'on port 102' within 20 connects 127.0.0.1
check 'as x400' is "$(ps -o user= -C x400d | sort -u)" x400
check 'no capability but that of the port' is "$(sed -n 's/^Cap\(Eff\|Bnd\|Amb\):\t/\1 /p' "/proc/$(pgrep -o -x x400d)/status" | sort)" \
    $'Amb 0000000000000400\nBnd 0000000000000400\nEff 0000000000000400'
check 'not on an address that is not here' not connects 198.51.100.7
check 'an address comes' ip addr add 198.51.100.7/32 dev lo
check 'and is listened on, port 102' within 40 connects 198.51.100.7
check 'mail' x400 send --from 'C=GB;A=GOLD 400;P=ACME;S=A' --to 'C=DE;A=VIAT;P=FIRMA;S=B' --subject Hello --body /etc/hostname
check 'it waits' queue 1
check 'it stops' stopped

check 'an upgrade' dpkg -i 2.deb
check 'to the second version' is "$(dpkg-query -W -f '${Version}' x400d | sed 's/.*-//')" 2
check 'the configuration stayed' grep -q '"relay-b"' /etc/x400/x400d.conf
check 'its owner and mode, too' owner /etc/x400/x400d.conf 'root:x400 640'
check 'it starts again' daemon
check 'the queue stayed' queue 1
check 'it stops again' stopped

echo '# of the next version' >>/etc/x400/x400d.conf
check 'removing it' dpkg -r x400d
check 'the programs are gone' not test -e /usr/sbin/x400d -o -e /lib/systemd/system/x400d.service
check 'the messages are there' test -e /var/spool/x400/spool/spool.db -a -e /etc/x400/x400d.conf
check 'installing it again' dpkg -i 2.deb
check 'it starts with what was there' daemon
check 'the same message waits' queue 1
check 'and stops' stopped
check 'purging it' dpkg -P x400d
check 'nothing is left' not test -e /var/spool/x400 -o -e /var/log/x400 -o -e /etc/x400/x400d.conf -o -e /etc/logrotate.d/x400d
check 'purging what is not there' dpkg -P x400d

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
