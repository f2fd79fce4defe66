/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/ctl/canvas.h"

#include <curses.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* How long the rest of a function key's letters may take; alone, it is Escape. */
#define ESCAPE_MS 50

static volatile sig_atomic_t interrupted;
static SCREEN *screen;
static attr_t attributes[CANVAS_STYLE_COUNT];
static sigset_t outside; /* the mask we were started with */

static void note_signal(int number)
{
	(void)number;
	interrupted = 1;
}

/*
 * ncurses handles SIGWINCH and SIGTSTP; both would cut a reading from the socket
 * short, so they come through only while waiting for a key.
 */
static void set_signals(void)
{
	static const int ending[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
	struct sigaction action = { .sa_handler = note_signal };
	sigset_t deferred;

	for (size_t i = 0; i < sizeof(ending) / sizeof(ending[0]); i++)
		sigaction(ending[i], &action, NULL);
	sigemptyset(&deferred);
	sigaddset(&deferred, SIGWINCH);
	sigaddset(&deferred, SIGTSTP);
	sigprocmask(SIG_BLOCK, &deferred, &outside);
}

static void set_styles(void)
{
	const char *plain = getenv("NO_COLOR");

	attributes[CANVAS_BOLD] = A_BOLD;
	attributes[CANVAS_BAR] = A_REVERSE;
	attributes[CANVAS_WARNING] = attributes[CANVAS_ALARM] = A_BOLD;
	if ((plain && *plain) || !has_colors() || start_color() == ERR || use_default_colors() == ERR)
		return;
	init_pair(1, COLOR_YELLOW, -1);
	init_pair(2, COLOR_RED, -1);
	attributes[CANVAS_WARNING] = COLOR_PAIR(1);
	attributes[CANVAS_ALARM] = COLOR_PAIR(2);
}

int canvas_open(void)
{
	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
		return -ENOTTY;
	/* Ours must be there first: ncurses leaves alone what somebody handles. */
	set_signals();
	screen = newterm(NULL, stdout, stdin);
	if (!screen)
		return -ENOENT;
	set_styles();
	cbreak();
	noecho();
	nonl();
	keypad(stdscr, TRUE);
	nodelay(stdscr, TRUE);
	set_escdelay(ESCAPE_MS);
	curs_set(0);
	return 0;
}

void canvas_close(void)
{
	endwin();
	delscreen(screen);
	screen = NULL;
}

void canvas_size(int *rows, int *columns)
{
	getmaxyx(stdscr, *rows, *columns);
}

void canvas_begin(void)
{
	erase();
}

void canvas_end(void)
{
	refresh();
}

void canvas_print(int row, int column, enum canvas_style style, const char *format, ...)
{
	int rows, columns;
	char text[256];
	va_list list;

	canvas_size(&rows, &columns);
	if (row < 0 || row >= rows || column >= columns)
		return;
	va_start(list, format);
	vsnprintf(text, sizeof(text), format, list);
	va_end(list);
	attrset((int)attributes[style]);
	mvaddnstr(row, column, text, columns - column);
	attrset((int)attributes[CANVAS_PLAIN]);
}

void canvas_bar(int row)
{
	int rows, columns;

	canvas_size(&rows, &columns);
	attrset((int)attributes[CANVAS_BAR]);
	mvhline(row, 0, ' ', columns);
	attrset((int)attributes[CANVAS_PLAIN]);
}

/* A signal that comes before the waiting must end it as well. */
static int wait_for_input(int timeout_ms)
{
	const struct timespec timeout = { timeout_ms / 1000, timeout_ms % 1000 * 1000000L };
	struct pollfd input = { .fd = STDIN_FILENO, .events = POLLIN };
	sigset_t every, before;
	int ready = 0;

	sigfillset(&every);
	sigprocmask(SIG_BLOCK, &every, &before);
	if (!interrupted)
		ready = ppoll(&input, 1, &timeout, &outside);
	sigprocmask(SIG_SETMASK, &before, NULL);
	/* The terminal is gone. */
	if (ready > 0 && !(input.revents & POLLIN))
		interrupted = 1;
	return ready;
}

int canvas_key(int timeout_ms)
{
	int key = getch();

	/* ncurses may hold keys already read, so it is asked first. */
	if (key == ERR && wait_for_input(timeout_ms) != 0)
		key = getch();
	if (interrupted)
		return CANVAS_KEY_QUIT;
	switch (key) {
	case ERR:
		return CANVAS_KEY_NONE;
	case KEY_RESIZE:
		return CANVAS_KEY_RESIZE;
	case '\r':
	case '\n':
	case KEY_ENTER:
		return CANVAS_KEY_ENTER;
	case 27:
		return CANVAS_KEY_ESCAPE;
	case 8:
	case 127:
	case KEY_BACKSPACE:
		return CANVAS_KEY_BACKSPACE;
	default:
		return key < 256 ? key : CANVAS_KEY_OTHER;
	}
}
