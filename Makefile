# SPDX-License-Identifier: GPL-2.0-or-later
# sluice: `make` builds, `sudo make demo` shows it, `sudo make check` tests it.

VERSION   := 0.1.0
BUILD     ?= build
PREFIX    ?= /usr/local
CC        ?= gcc
PKGS      := libnetfilter_queue libnftnl libmnl libevent jansson libcap-ng libseccomp libsystemd libpcap $(if $(filter 0,$(FASTPATH)),,libbpf)
WARNINGS  := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes $(if $(CI),-Werror)
PURE_WARN := -Wconversion
HARDEN    ?= -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fPIE -fcf-protection
CFLAGS    ?= -O2 -g
SANITIZE  ?=
# Expanded only when the daemon is built: the pure part needs no library but xxhash.
PKG_CFLAGS = $(shell pkg-config --cflags $(PKGS))
PKG_LIBS   = $(shell pkg-config --libs $(PKGS))
ALL_CFLAGS = -std=c11 -D_GNU_SOURCE -DSLUICE_VERSION='"$(VERSION)"' -Iinclude -I. $(WARNINGS) $(HARDEN) $(CFLAGS) $(SANITIZE)
LDFLAGS   += -pie -Wl,-z,relro,-z,now $(SANITIZE)

PURE_SRC  := $(wildcard conntrack/*.c rules/*.c)
# The fast path needs clang, bpftool and libbpf to build: FASTPATH=0 does without.
FASTPATH  ?= 1
UNUSED    := $(if $(filter 0,$(FASTPATH)),daemon/fastpath.c daemon/program.c,daemon/fastpath_none.c)
SHELL_SRC := $(filter-out $(UNUSED),$(wildcard daemon/*.c daemon/ctl/*.c))
GRAMMAR   := $(if $(wildcard rules/grammar.y),$(BUILD)/rules/grammar.tab.o $(BUILD)/rules/lexer.yy.o)
PURE_OBJ  := $(PURE_SRC:%.c=$(BUILD)/%.o) $(GRAMMAR)
# Everything of the daemon but main(), so that tests can link it.
DAEMON_OBJ:= $(patsubst %.c,$(BUILD)/%.o,$(filter-out daemon/sluiced.c $(UNUSED),$(wildcard daemon/*.c)))
CTL_OBJ   := $(patsubst %.c,$(BUILD)/%.o,$(wildcard daemon/ctl/*.c))
MODEL_OBJ := $(patsubst %.c,$(BUILD)/%.o,$(wildcard tests/model/*.c))
UNIT_BIN  := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/unit/test_*.c tests/rules/test_*.c tests/replay/test_*.c))
# These run the fast path's program in the kernel.
FASTPATH_BIN := $(if $(filter 0,$(FASTPATH)),,$(patsubst %.c,$(BUILD)/%,$(wildcard tests/daemon/test_fastpath_*.c)))
FASTPATH_OBJ := $(BUILD)/tests/daemon/fastpath_run.o $(BUILD)/tests/daemon/fastpath_stage.o
SHELL_BIN := $(filter-out $(BUILD)/tests/daemon/test_fastpath_%,$(patsubst %.c,$(BUILD)/%,$(wildcard tests/daemon/test_*.c))) \
	$(FASTPATH_BIN)
FUZZ_BIN  := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/fuzz/fuzz_*.c))
FORMATTED := $(wildcard include/sluice/*.h conntrack/*.[ch] rules/*.[ch] daemon/*.[ch] daemon/ctl/*.[ch] tests/*/*.[ch])

# ---------------------------------------------------------------- building

all: $(BUILD)/libsluice.a $(BUILD)/sluiced $(BUILD)/sluicectl

# Changed flags rebuild everything: a sanitizer or -Werror must never meet old objects.
FLAGS := $(BUILD)/flags
$(FLAGS): FORCE
	@mkdir -p $(@D)
	@printf '%s\n' '$(CC) $(ALL_CFLAGS) $(LDFLAGS)' | cmp -s - $@ || printf '%s\n' '$(CC) $(ALL_CFLAGS) $(LDFLAGS)' >$@

$(BUILD)/libsluice.a: $(PURE_OBJ)
	rm -f $@ && $(AR) rcs $@ $^

$(BUILD)/libdaemon.a: $(DAEMON_OBJ)
	rm -f $@ && $(AR) rcs $@ $^

# What tests share: naive models, packets, a gateway around the engine.
$(BUILD)/libmodel.a: $(MODEL_OBJ)
	rm -f $@ && $(AR) rcs $@ $^

$(BUILD)/sluiced: $(BUILD)/daemon/sluiced.o $(BUILD)/libdaemon.a $(BUILD)/libsluice.a
	$(CC) $(LDFLAGS) -o $@ $^ $(PKG_LIBS)

$(BUILD)/sluicectl: $(CTL_OBJ) $(BUILD)/libsluice.a
	$(CC) $(LDFLAGS) -o $@ $^ $(shell pkg-config --libs jansson ncursesw)

$(BUILD)/conntrack/%.o: conntrack/%.c $(FLAGS)
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(PURE_WARN) -MMD -MP -c -o $@ $<

$(BUILD)/rules/%.o: rules/%.c $(FLAGS) | $(if $(GRAMMAR),$(BUILD)/rules/grammar.tab.h)
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(PURE_WARN) -I$(BUILD)/rules -MMD -MP -c -o $@ $<

$(BUILD)/daemon/%.o: daemon/%.c $(FLAGS)
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(PKG_CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/tests/%.o: tests/%.c $(FLAGS)
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

# The program in the kernel, and its skeleton.
$(BUILD)/daemon/fastpath/fastpath.bpf.o: daemon/fastpath/fastpath.bpf.c daemon/fastpath/maps.h include/sluice/fastpath.h
	@mkdir -p $(@D)
	clang -target bpf -mcpu=v3 -O2 -g -ffreestanding -Wall -Wextra -Iinclude -I. \
		-I/usr/include/$(shell gcc -print-multiarch) -c -o $@ $<

$(BUILD)/daemon/fastpath/fastpath.skel.h: $(BUILD)/daemon/fastpath/fastpath.bpf.o
	bpftool gen skeleton $< name fastpath_bpf >$@.new && mv $@.new $@

$(BUILD)/daemon/program.o: $(BUILD)/daemon/fastpath/fastpath.skel.h
$(BUILD)/daemon/program.o: PKG_CFLAGS += -I$(BUILD)
$(BUILD)/tests/daemon/fastpath_run.o: $(BUILD)/daemon/fastpath/fastpath.skel.h
$(BUILD)/tests/daemon/fastpath_run.o: ALL_CFLAGS += -I$(BUILD)

# What flex and bison write is not ours to warn about.
$(BUILD)/rules/grammar.tab.c $(BUILD)/rules/grammar.tab.h &: rules/grammar.y
	@mkdir -p $(@D)
	bison -Wall -d -o $(BUILD)/rules/grammar.tab.c $<

$(BUILD)/rules/lexer.yy.c: rules/lexer.l
	@mkdir -p $(@D)
	flex -o $@ $<

$(BUILD)/rules/%.o: $(BUILD)/rules/%.c $(BUILD)/rules/grammar.tab.h $(FLAGS)
	$(CC) $(filter-out -W%,$(ALL_CFLAGS)) -Irules -I$(BUILD)/rules -MMD -MP -c -o $@ $<

# A test's objects, and of the archives those it needs, each before what it stands on.
TESTED = $(filter %.o,$^) $(foreach name,model daemon sluice,$(filter %/lib$(name).a,$^))

$(UNIT_BIN): $(BUILD)/%: $(BUILD)/%.o $(BUILD)/libmodel.a $(BUILD)/libsluice.a
	$(CC) $(LDFLAGS) -o $@ $(TESTED) -lcmocka

$(patsubst %.c,$(BUILD)/%,$(wildcard tests/unit/test_fastpath*.c)): $(BUILD)/tests/unit/fastpath_world.o
$(FASTPATH_BIN): $(FASTPATH_OBJ)
$(SHELL_BIN): $(BUILD)/%: $(BUILD)/%.o $(BUILD)/libmodel.a $(BUILD)/libdaemon.a $(BUILD)/libsluice.a
	$(CC) $(LDFLAGS) -o $@ $(TESTED) $(PKG_LIBS) -lcmocka

# What of the daemon reads from outside.
FUZZ_SHELL := $(patsubst %,$(BUILD)/tests/fuzz/fuzz_%,capture request)
$(FUZZ_SHELL): $(BUILD)/libdaemon.a
$(FUZZ_SHELL): private FUZZ_LIBS = $(PKG_LIBS)
$(FUZZ_BIN): $(BUILD)/%: $(BUILD)/%.o $(BUILD)/libmodel.a $(BUILD)/libsluice.a
	$(CC) $(LDFLAGS) -fsanitize=fuzzer -o $@ $(TESTED) $(FUZZ_LIBS)

$(BUILD)/tests/bench/flood $(BUILD)/tests/bench/generate: $(BUILD)/tests/bench/order.o
$(BUILD)/tests/bench/flood $(BUILD)/tests/bench/generate $(BUILD)/tests/bench/delay $(BUILD)/tests/bench/synflood: %: %.o
	$(CC) $(LDFLAGS) -o $@ $^ $(if $(filter %/generate,$@),-lbpf)

$(BUILD)/tests/bench/%.bpf.o: tests/bench/%.bpf.c $(wildcard tests/bench/*.h)
	@mkdir -p $(@D)
	clang -target bpf -mcpu=v3 -O2 -g -ffreestanding -Wall -Wextra -I. -I/usr/include/$(shell gcc -print-multiarch) -c -o $@ $<

$(BUILD)/tests/bench/generate.skel.h: $(BUILD)/tests/bench/generate.bpf.o
	bpftool gen skeleton $< name generate_bpf >$@.new && mv $@.new $@

$(BUILD)/tests/bench/generate.o: $(BUILD)/tests/bench/generate.skel.h
$(BUILD)/tests/bench/generate.o: ALL_CFLAGS += -I$(BUILD)

$(BUILD)/tests/bench/bench_%: $(addprefix $(BUILD)/,tests/bench/bench_%.o tests/bench/stopwatch.o libmodel.a libsluice.a)
	$(CC) $(LDFLAGS) -o $@ $(TESTED)

# The fuzzer is to explore the engine, not what checks it, nor loops over bits that have a model of their own.
comma := ,
CHECKED := $(subst fuzzer-no-link$(comma),,$(SANITIZE))
$(BUILD)/conntrack/ports.o $(patsubst %.c,$(BUILD)/%.o,$(wildcard tests/model/invariants*.c)): \
	private override SANITIZE := $(CHECKED)

# ----------------------------------------------------------------- testing

unit: $(UNIT_BIN) $(SHELL_BIN)
	@mkdir -p $(BUILD)/tests
	@tests/run-unit $^ | tee $(BUILD)/tests/unit.tap | tests/tally
	@tests/scorecard part=1 out=$(BUILD)/scorecard.md tests/requirements $(BUILD)/tests/unit.tap

# What established traffic meets, once more with every packet in the queue.
IN_QUEUE := bulk dnat fastpath_links forward hairpin lifecycle privileges

# The daemon as it is where there is no tcx.
$(BUILD)/tests/net/sluiced-clsact: $(BUILD)/daemon/sluiced.o $(BUILD)/tests/net/no_tcx.o $(BUILD)/libdaemon.a $(BUILD)/libsluice.a
	$(CC) $(LDFLAGS) -Wl,--wrap=bpf_link_create -o $@ $^ $(PKG_LIBS)

# And where the kernel takes only some of its verdicts.
$(BUILD)/tests/net/sluiced-failing: $(BUILD)/daemon/sluiced.o $(BUILD)/tests/net/failing_send.o $(BUILD)/libdaemon.a $(BUILD)/libsluice.a
	$(CC) $(LDFLAGS) -Wl,--wrap=sendmsg -o $@ $^ $(PKG_LIBS)

NET_BIN := $(BUILD)/tests/net/sluiced-failing $(if $(filter 0,$(FASTPATH)),,$(BUILD)/tests/net/sluiced-clsact)
net-parts: all $(NET_BIN)

net: net-parts
	@BUILD=$(BUILD) tests/run-net $(TESTS) | tests/tally

# Every suite twice, with the fast path and without: some twenty minutes.
net-both: net-parts
	@{ BUILD=$(BUILD) tests/run-net $(TESTS); BUILD=$(BUILD) GATEWAY_FASTPATH=off tests/run-net $(TESTS); } | tests/tally

# Only `make` started anew sees libraries that deps has just installed.
check: deps
	@$(MAKE) --no-print-directory -j2 CI=1 all $(UNIT_BIN) $(SHELL_BIN) $(NET_BIN)
	@$(MAKE) --no-print-directory CI=1 check-built

# One tree is judged in one way: its commit is the seed of what is random here, and nowhere else. A checkout may be
# somebody else's. Without git it stays random.
check-built: net-parts $(UNIT_BIN) $(SHELL_BIN)
	@mkdir -p $(BUILD)/tests
	@commit=$$(git -c safe.directory='*' rev-parse --short=12 HEAD 2>/dev/null) && : "$${SEED:=0x$$commit}" && export SEED; \
	echo "SEED=$${SEED:-random}"; \
	{ { tests/check-source; tests/run-unit $(UNIT_BIN) $(SHELL_BIN); BUILD=$(BUILD) tests/run-net; \
		BUILD=$(BUILD) GATEWAY_FASTPATH=off tests/run-net $(IN_QUEUE); } | \
		tee $(BUILD)/tests/check.tap; \
		tests/scorecard out=$(BUILD)/scorecard.md tests/requirements $(BUILD)/tests/check.tap; } | tests/tally

demo: deps
	@$(MAKE) --no-print-directory -j2 all
	@BUILD=$(BUILD) tests/demo

# QUICK=1: one short round, under two minutes. See tests/bench/run.
BENCH := flood generate delay reflect.bpf.o bench_sessions bench_witness bench_table bench_ports
bench: deps
	@$(MAKE) --no-print-directory -j2 all $(addprefix $(BUILD)/tests/bench/,$(BENCH))
	@BUILD=$(BUILD) tests/bench/run

# The daemon as it is, and what looks into its engine now and then.
$(BUILD)/tests/soak/sluiced: $(BUILD)/daemon/sluiced.o $(BUILD)/tests/soak/checked_tick.o \
		$(BUILD)/libmodel.a $(BUILD)/libdaemon.a $(BUILD)/libsluice.a
	$(CC) $(LDFLAGS) -Wl,--wrap=engine_tick -o $@ $(TESTED) $(PKG_LIBS)

$(BUILD)/tests/soak/unfiltered: $(BUILD)/daemon/sluiced.o $(BUILD)/tests/soak/unfiltered.o $(BUILD)/libdaemon.a $(BUILD)/libsluice.a
	$(CC) $(LDFLAGS) -Wl,--wrap=sandbox_enter -o $@ $^ $(PKG_LIBS)

# SECONDS=n SEED=n: mixed traffic while all kinds of things happen; nothing may be left. See tests/soak/run.
SECONDS ?= 300
soak: deps
	@$(MAKE) --no-print-directory -j2 all $(BUILD)/tests/soak/sluiced
	@BUILD=$(BUILD) tests/soak/run $(SECONDS)

# The daemon in memcheck, with some of that.
valgrind: deps
	@$(MAKE) --no-print-directory -j2 all $(BUILD)/tests/soak/unfiltered
	@BUILD=$(BUILD) tests/soak/valgrind

# lab-list names the scenarios; with KEEP=1 one stays up until lab-end.
lab: deps
	@$(MAKE) --no-print-directory -j2 all $(BUILD)/tests/bench/flood
	@BUILD=$(BUILD) tests/lab/run

lab-list lab-end:
	@BUILD=$(BUILD) tests/lab/run $(@:lab-%=%)

lab-%: deps
	@$(MAKE) --no-print-directory -j2 all $(BUILD)/tests/bench/flood
	@BUILD=$(BUILD) KEEP=$(KEEP) tests/lab/run $*

# A Debian system in QEMU, then with other kernels: a quarter of an hour. The next run finds its disk made.
# vm-kernels: these alone, KERNELS="jammy" one of them.
VM_PACKAGE = $(BUILD)/sluice_$(VERSION)_$(shell dpkg --print-architecture).deb
vm: vm-package
	@{ BUILD=$(BUILD) tests/vm/run $(VM_PACKAGE); BUILD=$(BUILD) tests/vm/run-kernels $(VM_PACKAGE); } | tests/tally

vm-kernels: vm-package
	@BUILD=$(BUILD) tests/vm/run-kernels $(VM_PACKAGE) $(KERNELS) | tests/tally

vm-package: deps
	-@tests/install-packages tests/packages-vm
	@$(MAKE) --no-print-directory -j2 all $(FASTPATH_BIN)
	@$(MAKE) --no-print-directory deb >/dev/null

# asan-net: the tests in namespaces, with the sanitized daemon.
STRICT   := -fno-sanitize-recover=undefined -fno-omit-frame-pointer
SANITIZED = $(MAKE) --no-print-directory BUILD=$(BUILD)/asan HARDEN= CFLAGS='-O1 -g' SANITIZE='-fsanitize=address,undefined $(STRICT)'
asan:
	@UBSAN_OPTIONS=print_stacktrace=1 $(SANITIZED) unit

asan-net:
	@$(SANITIZED) net-parts
	@BUILD=$(BUILD)/asan tests/run-sanitized $(TESTS) | tests/tally

FUZZ_SECONDS ?= 60
# Of libFuzzer: its own accounts of rare features would take a third of the time.
FUZZ_OPTIONS ?= -entropic=0
fuzz:
	@$(MAKE) --no-print-directory BUILD=$(BUILD)/fuzz CC=clang HARDEN= CFLAGS='-O1 -g' \
		SANITIZE='-fsanitize=fuzzer-no-link,address,undefined $(STRICT)' fuzz-run

fuzz-run: $(FUZZ_BIN)
	@set -e; for target in $^; do \
		name=$${target##*/fuzz_}; corpus=$(BUILD)/corpus/$$name; mkdir -p $$corpus; \
		echo "== $$name, $(FUZZ_SECONDS) s"; \
		quiet=; test $$name != capture || quiet=-close_fd_mask=2; \
		$$target $(FUZZ_OPTIONS) $$quiet -max_total_time=$(FUZZ_SECONDS) -print_final_stats=1 -verbosity=0 \
			-artifact_prefix=$$corpus- $$corpus $$(ls -d tests/fuzz/corpus/$$name 2>/dev/null); \
	done

tidy: $(if $(GRAMMAR),$(BUILD)/rules/grammar.tab.h) $(if $(filter 0,$(FASTPATH)),,$(BUILD)/daemon/fastpath/fastpath.skel.h)
	@printf '%s\n' $(PURE_SRC) $(SHELL_SRC) | xargs -P 2 -I@ clang-tidy --quiet --warnings-as-errors='*' @ -- \
		-std=c11 -D_GNU_SOURCE -DSLUICE_VERSION='"$(VERSION)"' -Iinclude -I. -I$(BUILD) -I$(BUILD)/rules $(PKG_CFLAGS) \
		2>&1 | { ! grep -vE '^[0-9]+ warnings? (generated|treated)|^Suppressed|^Use -header-filter'; }

cppcheck:
	cppcheck -j2 --quiet --std=c11 --enable=warning,performance,portability --inline-suppr --error-exitcode=1 \
		--library=tests/cppcheck.cfg --suppress=missingIncludeSystem -Iinclude -I. -D_GNU_SOURCE \
		-DSLUICE_VERSION='""' $(PURE_SRC) $(SHELL_SRC)

format:
	clang-format -i $(FORMATTED)

format-check:
	clang-format --dry-run -Werror $(FORMATTED)

deps:
	@tests/install-packages

# -------------------------------------------------------------- installing

SYSTEMD   := $(PREFIX)/lib/systemd/system
INSTALLED := $(PREFIX)/sbin/sluiced $(PREFIX)/bin/sluicectl $(SYSTEMD)/sluice.service \
	$(PREFIX)/lib/sysusers.d/sluice.conf $(PREFIX)/lib/tmpfiles.d/sluice.conf \
	$(foreach page,$(wildcard docs/*.[1-8]),$(PREFIX)/share/man/man$(subst .,,$(suffix $(page)))/$(notdir $(page))) \
	$(addprefix $(PREFIX)/share/doc/sluice/,$(patsubst docs/%,%,$(wildcard docs/prometheus/*))) \
	$(if $(wildcard docs/sluicectl.bash),$(PREFIX)/share/bash-completion/completions/sluicectl)

install: all
	install -D -m 755 $(BUILD)/sluiced $(DESTDIR)$(PREFIX)/sbin/sluiced
	install -D -m 755 $(BUILD)/sluicectl $(DESTDIR)$(PREFIX)/bin/sluicectl
	install -d $(DESTDIR)$(SYSTEMD)
	sed 's|/usr/sbin/sluiced|$(PREFIX)/sbin/sluiced|g; s|/usr/bin/sluicectl|$(PREFIX)/bin/sluicectl|g' \
		systemd/sluice.service >$(DESTDIR)$(SYSTEMD)/sluice.service
	install -D -m 644 systemd/sluice.sysusers $(DESTDIR)$(PREFIX)/lib/sysusers.d/sluice.conf
	install -D -m 644 systemd/sluice.tmpfiles $(DESTDIR)$(PREFIX)/lib/tmpfiles.d/sluice.conf
	for page in $(wildcard docs/*.[1-8]); do \
		install -D -m 644 $$page $(DESTDIR)$(PREFIX)/share/man/man$${page##*.}/$${page##*/} || exit 1; done
	test ! -f docs/sluicectl.bash || \
		install -D -m 644 docs/sluicectl.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/sluicectl
	for example in $(wildcard docs/prometheus/*); do \
		install -D -m 644 $$example $(DESTDIR)$(PREFIX)/share/doc/sluice/prometheus/$${example##*/} || exit 1; done
	test -f $(DESTDIR)/etc/sluice/sluice.conf || \
		install -D -m 644 systemd/sluice.conf $(DESTDIR)/etc/sluice/sluice.conf

# The configuration stays: it is the admin's.
uninstall:
	rm -f $(addprefix $(DESTDIR),$(INSTALLED))

# Prints where the package is.
deb: all
	@BUILD=$(BUILD) VERSION=$(VERSION) debian/make-package

clean:
	rm -rf $(BUILD)

FORCE:
.PHONY: all unit lab lab-list lab-end net net-parts net-both vm vm-kernels vm-package check check-built demo bench \
	soak valgrind asan asan-net fuzz fuzz-run tidy cppcheck format format-check deps install uninstall deb clean FORCE
.SECONDARY:
-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
