/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * FTP's control connection, line by line (RFC 959, RFC 2428): which lines announce a
 * data connection, and whether lines are FTP at all. Text in, values out; what is
 * done about them is in follow.c.
 */
#ifndef SLUICE_CONNTRACK_HELPER_FTP_H
#define SLUICE_CONNTRACK_HELPER_FTP_H

#include "sluice/tuple.h"

/* The longest text ftp_write() makes: an EPRT argument. */
#define FTP_TEXT 56

enum ftp_form {
	FTP_COMMAS,   /* h1,h2,h3,h4,p1,p2 (PORT, 227) */
	FTP_EXTENDED, /* |2|address|port| (EPRT) */
	FTP_BARE,     /* the port alone (229) */
};

/**
 * struct ftp_announcement - where the sender of a line will listen
 * @at, @length: the text to replace when it appears elsewhere; @at counts from the line's start
 * @has_address: the line says it; else the sender's own is meant
 * @port: host order
 * @delimiter: of FTP_EXTENDED
 */
struct ftp_announcement {
	size_t at, length;
	enum ftp_form form;
	bool has_address;
	struct address address;
	uint16_t port;
	char delimiter;
};

/** enum ftp_line - what a client's line is */
enum ftp_line {
	FTP_LINE_FOREIGN, /* no command of FTP: this is not an FTP client */
	FTP_LINE_PARTIAL, /* too little of it to say */
	FTP_LINE_PASSIVE, /* asks the server to listen: PASV, EPSV */
	FTP_LINE_COMMAND, /* any other */
};

/**
 * ftp_judge_command() - is that a line from an FTP client?
 * @line: without what follows its newline; it may lack the newline
 */
enum ftp_line ftp_judge_command(const uint8_t *line, size_t length);

/* The code that a server's line begins with, followed by a space or, with more to come, a hyphen; 0: none. */
unsigned int ftp_reply_code(const uint8_t *line, size_t length);

/**
 * ftp_read_command() - PORT or EPRT
 * ftp_read_reply() - 227 or 229
 * @line: whole, its newline included
 * @family: of the connection; another family's address is none
 *
 * Return: true when the line announces an endpoint, word for word as the RFCs have it.
 */
bool ftp_read_command(const uint8_t *line, size_t length, enum family family, struct ftp_announcement *announcement);
bool ftp_read_reply(const uint8_t *line, size_t length, enum family family, struct ftp_announcement *announcement);

/**
 * ftp_write() - the text that announces @endpoint in place of what was read
 * @text: of FTP_TEXT bytes; receives the text without a NUL
 *
 * Return: its length.
 */
size_t ftp_write(const struct ftp_announcement *announcement, const struct endpoint *endpoint, uint8_t *text);

#endif
