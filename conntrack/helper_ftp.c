/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "conntrack/helper_ftp.h"

#include "rules/address_text.h"
#include "sluice/cursor.h"

#define VERB_LIMIT 4

/* Telnet's escape, which some clients send before ABOR (RFC 959 section 4.1.3). */
#define TELNET_IAC 0xff

/* ------------------------------------------------------------------- letters */

static uint8_t upper(uint8_t letter)
{
	return letter >= 'a' && letter <= 'z' ? (uint8_t)(letter - 'a' + 'A') : letter;
}

static bool is_digit(uint8_t letter)
{
	return letter >= '0' && letter <= '9';
}

static bool ends_line(uint8_t letter)
{
	return letter == '\r' || letter == '\n';
}

static uint8_t peek(const struct cursor *cursor)
{
	return cursor_left(cursor) ? cursor->bytes[cursor->offset] : 0;
}

static bool take(struct cursor *cursor, uint8_t letter)
{
	if (!cursor_left(cursor) || peek(cursor) != letter)
		return false;
	cursor_skip(cursor, 1);
	return true;
}

/* A decimal number of at most five digits, not above @limit. */
static bool take_number(struct cursor *cursor, uint32_t limit, uint32_t *number)
{
	unsigned int digits = 0;

	*number = 0;
	while (is_digit(peek(cursor)) && digits++ < 5)
		*number = *number * 10 + (uint32_t)(cursor_u8(cursor) - '0');
	return digits > 0 && !is_digit(peek(cursor)) && *number <= limit;
}

static bool take_word(struct cursor *cursor, const char *word)
{
	for (; *word; word++)
		if (upper(cursor_u8(cursor)) != (uint8_t)*word)
			return false;
	return !cursor->failed;
}

/* ------------------------------------------------------------------ commands */

/* Of RFC 959, 775, 1639, 2228, 2389, 2428, 2640, 3659, 7151, and what clients send besides. */
static bool is_verb(const char verb[VERB_LIMIT + 1])
{
	static const char verbs[][VERB_LIMIT + 1] = {
		"ABOR", "ACCT", "ADAT", "ALLO", "APPE", "AUTH", "AVBL", "CCC",	"CDUP", "CLNT", "CONF", "CSID", "CWD",
		"DELE", "DSIZ", "ENC",	"EPRT", "EPSV", "FEAT", "HASH", "HELP", "HOST", "LANG", "LIST", "LPRT", "LPSV",
		"MD5",	"MDTM", "MFCT", "MFF",	"MFMT", "MIC",	"MKD",	"MLSD", "MLST", "MODE", "NLST", "NOOP", "OPTS",
		"PASS", "PASV", "PBSZ", "PORT", "PROT", "PWD",	"QUIT", "RANG", "REIN", "REST", "RETR", "RMD",	"RMDA",
		"RNFR", "RNTO", "SITE", "SIZE", "SMNT", "STAT", "STOR", "STOU", "STRU", "SYST", "TYPE", "USER", "XCRC",
		"XCUP", "XCWD", "XMD5", "XMKD", "XPWD", "XRMD", "XSHA", "THMB", "COMB",
	};

	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (strncmp(verbs[i], verb, VERB_LIMIT) == 0)
			return true;
	return false;
}

enum ftp_line ftp_judge_command(const uint8_t *line, size_t length)
{
	struct cursor cursor = cursor_over(line, length);
	char verb[VERB_LIMIT + 1] = "";
	size_t letters = 0;

	while (peek(&cursor) == TELNET_IAC)
		cursor_skip(&cursor, 2);
	for (; cursor_left(&cursor) && upper(peek(&cursor)) > ' '; letters++) {
		uint8_t letter = upper(cursor_u8(&cursor));

		if (letters == VERB_LIMIT || (!is_digit(letter) && (letter < 'A' || letter > 'Z')))
			return FTP_LINE_FOREIGN;
		verb[letters] = (char)letter;
	}
	if (!cursor_left(&cursor))
		return FTP_LINE_PARTIAL;
	/* An empty line says nothing and harms nothing. */
	if (letters == 0 && ends_line(peek(&cursor)))
		return FTP_LINE_COMMAND;
	if ((peek(&cursor) != ' ' && !ends_line(peek(&cursor))) || !is_verb(verb))
		return FTP_LINE_FOREIGN;
	return strncmp(verb, "PASV", VERB_LIMIT) == 0 || strncmp(verb, "EPSV", VERB_LIMIT) == 0 ? FTP_LINE_PASSIVE
												: FTP_LINE_COMMAND;
}

unsigned int ftp_reply_code(const uint8_t *line, size_t length)
{
	if (length < 4 || !is_digit(line[0]) || !is_digit(line[1]) || !is_digit(line[2]) ||
	    (line[3] != ' ' && line[3] != '-'))
		return 0;
	return (unsigned int)(line[0] - '0') * 100 + (unsigned int)(line[1] - '0') * 10 + (unsigned int)(line[2] - '0');
}

/* ------------------------------------------------------------- announcements */

/* Six numbers; the cursor stands behind the last one. */
static bool read_commas(struct cursor *cursor, struct ftp_announcement *announcement)
{
	uint32_t numbers[6];
	uint8_t wire[4];

	announcement->at = cursor->offset;
	for (unsigned int i = 0; i < 6; i++)
		if (!take_number(cursor, 255, &numbers[i]) || (i < 5 && !take(cursor, ',')))
			return false;
	for (unsigned int i = 0; i < 4; i++)
		wire[i] = (uint8_t)numbers[i];
	announcement->length = cursor->offset - announcement->at;
	announcement->form = FTP_COMMAS;
	announcement->has_address = true;
	announcement->address = address_from_ipv4(wire);
	announcement->port = (uint16_t)(numbers[4] << 8 | numbers[5]);
	return true;
}

/* The text up to the delimiter, as an address of that family. */
static bool read_address(struct cursor *cursor, uint8_t delimiter, uint32_t family, struct address *address)
{
	char text[ADDRESS_TEXT_SIZE] = "";
	uint8_t wire[16];
	size_t length = 0;

	while (cursor_left(cursor) && peek(cursor) != delimiter) {
		if (length == sizeof(text) - 1)
			return false;
		text[length++] = (char)cursor_u8(cursor);
	}
	if (family == 1 && address_text_parse_ipv4(text, wire)) {
		*address = address_from_ipv4(wire);
		return true;
	}
	if (family != 2 || !address_text_parse_ipv6(text, wire))
		return false;
	*address = address_from_ipv6(wire);
	return !address_is_ipv4(address);
}

static bool read_extended(struct cursor *cursor, struct ftp_announcement *announcement)
{
	uint32_t family, port;
	uint8_t delimiter;

	announcement->at = cursor->offset;
	delimiter = cursor_u8(cursor);
	if (delimiter <= ' ' || delimiter > '~' || is_digit(delimiter))
		return false;
	if (!take_number(cursor, 2, &family) || !take(cursor, delimiter) ||
	    !read_address(cursor, delimiter, family, &announcement->address) || !take(cursor, delimiter) ||
	    !take_number(cursor, UINT16_MAX, &port) || !take(cursor, delimiter))
		return false;
	announcement->length = cursor->offset - announcement->at;
	announcement->form = FTP_EXTENDED;
	announcement->has_address = true;
	announcement->delimiter = (char)delimiter;
	announcement->port = (uint16_t)port;
	return true;
}

/* Nothing follows but the end of the line, which is there. */
static bool is_whole(const struct cursor *cursor)
{
	return cursor_left(cursor) && ends_line(peek(cursor)) && cursor->bytes[cursor->length - 1] == '\n';
}

bool ftp_read_command(const uint8_t *line, size_t length, enum family family, struct ftp_announcement *announcement)
{
	struct cursor port = cursor_over(line, length), extended = port;

	*announcement = (struct ftp_announcement){ 0 };
	if (take_word(&port, "PORT "))
		return read_commas(&port, announcement) && is_whole(&port) && family == FAMILY_IPV4;
	return take_word(&extended, "EPRT ") && read_extended(&extended, announcement) && is_whole(&extended) &&
	       address_family(&announcement->address) == family;
}

/* The parenthesis of a 229: three delimiters, the port, one more. */
static bool read_bare(struct cursor *cursor, struct ftp_announcement *announcement)
{
	uint8_t delimiter;
	uint32_t port;

	while (cursor_left(cursor) && peek(cursor) != '(')
		cursor_skip(cursor, 1);
	cursor_skip(cursor, 1);
	delimiter = cursor_u8(cursor);
	if (delimiter <= ' ' || delimiter > '~' || is_digit(delimiter) || !take(cursor, delimiter) ||
	    !take(cursor, delimiter))
		return false;
	announcement->at = cursor->offset;
	if (!take_number(cursor, UINT16_MAX, &port))
		return false;
	announcement->length = cursor->offset - announcement->at;
	announcement->form = FTP_BARE;
	announcement->port = (uint16_t)port;
	return take(cursor, delimiter) && take(cursor, ')');
}

bool ftp_read_reply(const uint8_t *line, size_t length, enum family family, struct ftp_announcement *announcement)
{
	struct cursor cursor = cursor_over(line, length);
	unsigned int code = ftp_reply_code(line, length);

	*announcement = (struct ftp_announcement){ 0 };
	if (length < 5 || line[3] != ' ' || line[length - 1] != '\n')
		return false;
	cursor_skip(&cursor, 4);
	if (code == 229)
		return read_bare(&cursor, announcement);
	if (code != 227 || family != FAMILY_IPV4)
		return false;
	/* Servers differ in their words; none has a digit before the address (RFC 1123 section 4.1.2.6). */
	while (cursor_left(&cursor) && !is_digit(peek(&cursor)))
		cursor_skip(&cursor, 1);
	return read_commas(&cursor, announcement);
}

/* ------------------------------------------------------------------- writing */

static uint8_t *write_number(uint8_t *at, uint32_t number)
{
	uint8_t digits[5];
	size_t count = 0;

	do {
		digits[count++] = (uint8_t)('0' + number % 10);
		number /= 10;
	} while (number);
	while (count)
		*at++ = digits[--count];
	return at;
}

static uint8_t *write_extended(uint8_t *at, const struct endpoint *endpoint, uint8_t delimiter)
{
	bool ipv4 = address_is_ipv4(&endpoint->address);
	char text[ADDRESS_TEXT_SIZE];
	size_t length;

	if (ipv4)
		address_text_print_ipv4(endpoint->address.bytes + 12, text);
	else
		address_text_print_ipv6(endpoint->address.bytes, text);
	length = strlen(text);
	*at++ = delimiter;
	*at++ = ipv4 ? '1' : '2';
	*at++ = delimiter;
	memcpy(at, text, length);
	at += length;
	*at++ = delimiter;
	at = write_number(at, be16_to_host(endpoint->port));
	*at++ = delimiter;
	return at;
}

size_t ftp_write(const struct ftp_announcement *announcement, const struct endpoint *endpoint, uint8_t *text)
{
	uint16_t port = be16_to_host(endpoint->port);
	uint8_t *at = text;

	switch (announcement->form) {
	case FTP_COMMAS:
		for (unsigned int i = 0; i < 4; i++) {
			at = write_number(at, endpoint->address.bytes[12 + i]);
			*at++ = ',';
		}
		at = write_number(at, port >> 8);
		*at++ = ',';
		at = write_number(at, port & 0xff);
		break;
	case FTP_EXTENDED:
		at = write_extended(at, endpoint, (uint8_t)announcement->delimiter);
		break;
	case FTP_BARE:
		at = write_number(at, port);
		break;
	}
	return (size_t)(at - text);
}
