/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The terminal as a grid of text that is redrawn, with keys: the only file of
 * sluicectl that knows ncurses. There is one terminal, hence no object.
 */
#ifndef SLUICE_CTL_CANVAS_H
#define SLUICE_CTL_CANVAS_H

enum canvas_style {
	CANVAS_PLAIN,
	CANVAS_BOLD,
	CANVAS_BAR, /* dark on light */
	CANVAS_WARNING,
	CANVAS_ALARM,
	CANVAS_STYLE_COUNT,
};

/* What canvas_key() returns besides characters. */
enum canvas_key {
	CANVAS_KEY_NONE = -1,  /* none came in time */
	CANVAS_KEY_QUIT = 256, /* a signal asks to end */
	CANVAS_KEY_RESIZE,
	CANVAS_KEY_ENTER,
	CANVAS_KEY_ESCAPE,
	CANVAS_KEY_BACKSPACE,
	CANVAS_KEY_OTHER,
};

/**
 * canvas_open() - take the terminal over
 *
 * SIGINT, SIGTERM, SIGHUP and SIGQUIT are then told by canvas_key(), and interrupt
 * system calls.
 * Return: 0; -ENOTTY: there is none; -ENOENT: of a kind unknown to ncurses ($TERM).
 */
int canvas_open(void);

/** canvas_close() - give the terminal back as it was */
void canvas_close(void);

void canvas_size(int *rows, int *columns);

/* Between both: a new picture. */
void canvas_begin(void);
void canvas_end(void);

/** canvas_print() - what does not fit on the line or below the last one is left out */
void canvas_print(int row, int column, enum canvas_style style, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/** canvas_bar() - a whole line in CANVAS_BAR, to print on */
void canvas_bar(int row);

/** canvas_key() - wait for a key, @timeout_ms at most */
int canvas_key(int timeout_ms);

#endif
