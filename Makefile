# SPDX-License-Identifier: GPL-2.0-or-later
# sluice: `make` builds, `sudo make demo` shows it, `sudo make check` tests it.

VERSION   := 0.1.0
BUILD     ?= build
PREFIX    ?= /usr/local
CC        ?= gcc
PKGS      := libnetfilter_queue libnftnl libmnl libevent jansson libcap-ng libseccomp libsystemd libpcap
WARNINGS  := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes $(if $(CI),-Werror)
PURE_WARN := -Wconversion
HARDEN    := -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fPIE -fcf-protection
CFLAGS    ?= -O2 -g
SANITIZE  ?=
# Expanded only when the daemon is built: the pure part needs no library but xxhash.
PKG_CFLAGS = $(shell pkg-config --cflags $(PKGS))
PKG_LIBS   = $(shell pkg-config --libs $(PKGS))
ALL_CFLAGS = -std=c11 -D_GNU_SOURCE -DSLUICE_VERSION='"$(VERSION)"' -Iinclude -I. $(WARNINGS) $(HARDEN) $(CFLAGS) $(SANITIZE)
LDFLAGS   += -pie -Wl,-z,relro,-z,now $(SANITIZE)

PURE_SRC  := $(wildcard conntrack/*.c rules/*.c)
GRAMMAR   := $(if $(wildcard rules/grammar.y),$(BUILD)/rules/grammar.tab.o $(BUILD)/rules/lexer.yy.o)
PURE_OBJ  := $(PURE_SRC:%.c=$(BUILD)/%.o) $(GRAMMAR)
DAEMON_OBJ:= $(patsubst %.c,$(BUILD)/%.o,$(wildcard daemon/*.c))
CTL_OBJ   := $(patsubst %.c,$(BUILD)/%.o,$(wildcard daemon/ctl/*.c))
MODEL_OBJ := $(patsubst %.c,$(BUILD)/%.o,$(wildcard tests/model/*.c))
UNIT_BIN  := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/unit/test_*.c tests/rules/test_*.c tests/replay/test_*.c))

all: $(BUILD)/libsluice.a $(BUILD)/sluiced $(BUILD)/sluicectl

$(BUILD)/libsluice.a: $(PURE_OBJ)
	$(AR) rcs $@.new $^ && mv $@.new $@

$(BUILD)/sluiced: $(DAEMON_OBJ) $(BUILD)/libsluice.a
	$(CC) $(LDFLAGS) -o $@ $^ $(PKG_LIBS)

$(BUILD)/sluicectl: $(CTL_OBJ) $(BUILD)/libsluice.a
	$(CC) $(LDFLAGS) -o $@ $^ $(shell pkg-config --libs jansson ncursesw)

$(BUILD)/conntrack/%.o: conntrack/%.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(PURE_WARN) -MMD -MP -c -o $@ $<

$(BUILD)/rules/%.o: rules/%.c | $(if $(GRAMMAR),$(BUILD)/rules/grammar.tab.h)
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(PURE_WARN) -I$(BUILD)/rules -MMD -MP -c -o $@ $<

$(BUILD)/daemon/%.o: daemon/%.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(PKG_CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/tests/%.o: tests/%.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

# What flex and bison write is not ours to warn about.
$(BUILD)/rules/grammar.tab.c $(BUILD)/rules/grammar.tab.h &: rules/grammar.y
	@mkdir -p $(@D)
	bison -Wall -d -o $(BUILD)/rules/grammar.tab.c $<

$(BUILD)/rules/lexer.yy.c: rules/lexer.l
	@mkdir -p $(@D)
	flex -o $@ $<

$(BUILD)/rules/%.o: $(BUILD)/rules/%.c $(BUILD)/rules/grammar.tab.h
	$(CC) $(filter-out -W%,$(ALL_CFLAGS)) -Irules -I$(BUILD)/rules -MMD -MP -c -o $@ $<

$(UNIT_BIN): $(BUILD)/%: $(BUILD)/%.o $(MODEL_OBJ) $(BUILD)/libsluice.a
	$(CC) $(LDFLAGS) -o $@ $^ -lcmocka

unit: $(UNIT_BIN)
	@tests/run-unit $(UNIT_BIN)

clean:
	rm -rf $(BUILD)

.PHONY: all unit clean
.SECONDARY:
-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
