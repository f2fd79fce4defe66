#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# The Debian package: what is in it, and installed in a directory, removed, purged. Nothing of this machine is touched.

bats_require_minimum_version 1.5.0
source "$BATS_TEST_DIRNAME/lib.sh"

setup_file() {
	WORK=$(mktemp -d)
	export WORK
	command -v dpkg-shlibdeps >/dev/null || return 0
	PACKAGE=$(make -s -C "$ROOT" --no-print-directory BUILD="$BUILD" deb | tail -1)
	export PACKAGE
}

teardown_file() { rm -rf "$WORK"; }
setup() { command -v dpkg-shlibdeps >/dev/null || skip "no dpkg-dev here"; }

field() { dpkg-deb -f "$PACKAGE" "$1"; }

# into_root ARGUMENTS: dpkg with all it knows in $WORK/root
into_root() {
	mkdir -p "$WORK/root/var/lib/dpkg/info" "$WORK/root/var/lib/dpkg/updates" "$WORK/root/etc"
	touch "$WORK/root/var/lib/dpkg/status"
	dpkg --root="$WORK/root" --log=/dev/null --force-depends --force-script-chrootless "$@"
}

@test "package: its fields and the libraries it needs" {
	[[ $(field Package) == sluice && $(field Architecture) == "$(dpkg --print-architecture)" ]]
	for library in libc6 libnetfilter-queue1 libnftnl11 libjansson4 libseccomp2; do
		[[ $(field Depends) == *"$library"* ]]
	done
}

@test "package: programs, unit, pages, all root's, none writable for others" {
	dpkg-deb -c "$PACKAGE" >"$WORK/list"
	for path in usr/sbin/sluiced usr/bin/sluicectl usr/lib/systemd/system/sluice.service etc/sluice/sluice.conf \
		usr/lib/sysusers.d/sluice.conf usr/share/man/man8/sluiced.8.gz usr/share/doc/sluice/copyright; do
		grep -q " ./$path\$" "$WORK/list"
	done
	run ! grep -v ' root/root ' "$WORK/list"
	run ! grep -E '^.(.......w|....w)' "$WORK/list"
	dpkg-deb --ctrl-tarfile "$PACKAGE" | tar -xO ./conffiles | grep -qx /etc/sluice/sluice.conf
	for script in postinst prerm postrm; do
		dpkg-deb --ctrl-tarfile "$PACKAGE" | tar -xO "./$script" | sh -n
	done
}

@test "package: installed in a directory it makes the user, and enables nothing" {
	command -v systemd-sysusers >/dev/null || skip "no systemd-sysusers here"
	into_root -i "$PACKAGE"
	grep -q '^sluice:' "$WORK/root/etc/passwd"
	[[ ! -e $WORK/root/etc/systemd/system/multi-user.target.wants/sluice.service ]]
	"$WORK/root/usr/sbin/sluiced" --version
	"$WORK/root/usr/sbin/sluiced" -c -f "$WORK/root/etc/sluice/sluice.conf"
}

@test "package: what the admin changed survives an upgrade and a removal, and a purge takes it" {
	command -v systemd-sysusers >/dev/null || skip "no systemd-sysusers here"
	echo "# mine" >>"$WORK/root/etc/sluice/sluice.conf"
	into_root -i "$PACKAGE"
	grep -qx "# mine" "$WORK/root/etc/sluice/sluice.conf"
	into_root -r sluice
	[[ ! -e $WORK/root/usr/sbin/sluiced ]]
	grep -qx "# mine" "$WORK/root/etc/sluice/sluice.conf"
	into_root -P sluice
	[[ ! -e $WORK/root/etc/sluice ]]
}
