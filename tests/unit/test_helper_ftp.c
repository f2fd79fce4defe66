/* SPDX-License-Identifier: GPL-2.0-or-later */
/* FTP's lines: what is read, what is not, and what is written in its place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#include "conntrack/helper_ftp.h"
#include "tests/model/wire_model.h"

static bool read_line(const char *line, enum family family, struct ftp_announcement *announcement)
{
	const uint8_t *bytes = (const uint8_t *)line;

	return line[0] >= '0' && line[0] <= '9' ? ftp_read_reply(bytes, strlen(line), family, announcement)
						: ftp_read_command(bytes, strlen(line), family, announcement);
}

static void expect(const char *line, enum family family, const char *address, uint16_t port, const char *external,
		   uint16_t external_port, const char *rewritten)
{
	struct endpoint to = { wire_address(external), be16_from_host(external_port) };
	struct ftp_announcement announcement;
	uint8_t text[FTP_TEXT];
	char whole[200];
	size_t length;

	assert_true(read_line(line, family, &announcement));
	assert_int_equal(announcement.port, port);
	assert_int_equal(announcement.has_address, address != NULL);
	if (address) {
		struct address own = wire_address(address);

		assert_true(address_equal(&own, &announcement.address));
	}
	length = ftp_write(&announcement, &to, text);
	assert_true(length <= sizeof(text));
	snprintf(whole, sizeof(whole), "%.*s%.*s%s", (int)announcement.at, line, (int)length, (const char *)text,
		 line + announcement.at + announcement.length);
	assert_string_equal(whole, rewritten);
}

static void test_announcements(void **state)
{
	(void)state;
	expect("PORT 10,0,0,2,156,64\r\n", FAMILY_IPV4, "10.0.0.2", 40000, "198.51.100.1", 1024,
	       "PORT 198,51,100,1,4,0\r\n");
	expect("port 10,0,0,2,0,21\n", FAMILY_IPV4, "10.0.0.2", 21, "1.2.3.4", 65535, "port 1,2,3,4,255,255\n");
	expect("EPRT |1|10.0.0.2|6275|\r\n", FAMILY_IPV4, "10.0.0.2", 6275, "198.51.100.1", 80,
	       "EPRT |1|198.51.100.1|80|\r\n");
	expect("EPRT !2!2001:db8::1!6275!\r\n", FAMILY_IPV6, "2001:db8::1", 6275,
	       "2001:db8:1111:2222:3333:4444:5555:6666", 65535,
	       "EPRT !2!2001:db8:1111:2222:3333:4444:5555:6666!65535!\r\n");
	expect("227 Entering Passive Mode (10,0,0,10,200,10).\r\n", FAMILY_IPV4, "10.0.0.10", 51210, "9.8.7.6", 258,
	       "227 Entering Passive Mode (9,8,7,6,1,2).\r\n");
	expect("227 =10,0,0,10,200,10\r\n", FAMILY_IPV4, "10.0.0.10", 51210, "9.8.7.6", 258, "227 =9,8,7,6,1,2\r\n");
	expect("229 Entering Extended Passive Mode (|||6446|)\r\n", FAMILY_IPV6, NULL, 6446, "2001:db8::9", 70,
	       "229 Entering Extended Passive Mode (|||70|)\r\n");
}

static void test_what_is_none(void **state)
{
	static const char *const lines[] = {
		"PORT 10,0,0,2,156\r\n",
		"PORT 10,0,0,2,156,64",
		"PORT 10,0,0,2,156,64,1\r\n",
		"PORT 10,0,0,2,156,064567\r\n",
		"PORT 10,0,0,256,156,64\r\n",
		"PORT  10,0,0,2,156,64\r\n",
		"PORT 10,0,0,2,156,64 and more\r\n",
		"PORTS 10,0,0,2,156,64\r\n",
		"SITE PORT 10,0,0,2,156,64\r\n",
		"EPRT |1|10.0.0.2|6275\r\n",
		"EPRT |1|10.0.0.2|65536|\r\n",
		"EPRT |1|10.0.0.2|6275|x\r\n",
		"EPRT |2|10.0.0.2|6275|\r\n",
		"EPRT |1|010.0.0.2|6275|\r\n",
		"EPRT 1|10.0.0.2|6275|\r\n",
		"EPRT |3|10.0.0.2|6275|\r\n",
		"EPRT |1||6275|\r\n",
		"EPRT |2|2001:db8::1|6275|\r\n",
		"EPRT |2|::ffff:10.0.0.2|6275|\r\n",
		"227 no address\r\n",
		"227 (10,0,0,2,156)\r\n",
		"227-(10,0,0,2,156,64)\r\n",
		"228 (10,0,0,2,156,64)\r\n",
		"227 (10,0,0,2,156,64)",
		"229 (||6446|)\r\n",
		"229 (|||6446)\r\n",
		"229 |||6446|\r\n",
		"229 (|||70000|)\r\n",
		"229 (||!6446|)\r\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct ftp_announcement announcement;

		if (read_line(lines[i], FAMILY_IPV4, &announcement))
			fail_msg("%s", lines[i]);
	}
}

static void test_commands(void **state)
{
	static const struct {
		const char *line;
		enum ftp_line judged;
	} lines[] = {
		{ "USER x\r\n", FTP_LINE_COMMAND },
		{ "user x\r\n", FTP_LINE_COMMAND },
		{ "CWD /\r\n", FTP_LINE_COMMAND },
		{ "QUIT\n", FTP_LINE_COMMAND },
		{ "\xff\xf4\xff\xf2\x41\x42OR\r\n", FTP_LINE_COMMAND },
		{ "\r\n", FTP_LINE_COMMAND },
		{ "PASV\r\n", FTP_LINE_PASSIVE },
		{ "EPSV 1\r\n", FTP_LINE_PASSIVE },
		{ "", FTP_LINE_PARTIAL },
		{ "US", FTP_LINE_PARTIAL },
		{ "USER", FTP_LINE_PARTIAL },
		{ "GET / HTTP/1.1\r\n", FTP_LINE_FOREIGN },
		{ "POST / HTTP/1.1\r\n", FTP_LINE_FOREIGN },
		{ "Host: example\r\n", FTP_LINE_FOREIGN },
		{ "PASVX\r\n", FTP_LINE_FOREIGN },
		{ "REGISTER sip:x\r\n", FTP_LINE_FOREIGN },
		{ "\x16\x03\x01\x02", FTP_LINE_FOREIGN },
		{ "------WebKitFormBoundary\r\n", FTP_LINE_FOREIGN },
		{ " PORT 1,2,3,4,5,6\r\n", FTP_LINE_FOREIGN },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		if (ftp_judge_command((const uint8_t *)lines[i].line, strlen(lines[i].line)) != lines[i].judged)
			fail_msg("%s", lines[i].line);
	assert_int_equal(ftp_reply_code((const uint8_t *)"220-x", 5), 220);
	assert_int_equal(ftp_reply_code((const uint8_t *)"220", 3), 0);
	assert_int_equal(ftp_reply_code((const uint8_t *)"2x0 ", 4), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_announcements),
		cmocka_unit_test(test_what_is_none),
		cmocka_unit_test(test_commands),
	};

	return cmocka_run_group_tests_name("helper_ftp", tests, NULL, NULL);
}
