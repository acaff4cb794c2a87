/* SPDX-License-Identifier: MIT */
/* Dates of HTTP. */
#include "tools/http-private.h"

#include <errno.h>
#include <string.h>

static void put_number(char *to, int number, int digits)
{
	while (digits--) {
		to[digits] = (char)('0' + number % 10);
		number /= 10;
	}
}

void keel__http_date_format(time_t when, char *buf)
{
	static const char days[] = "SunMonTueWedThuFriSat";
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	struct tm tm;

	/* A year that four digits cannot hold: nothing better than none. */
	if (!gmtime_r(&when, &tm) || tm.tm_year < -1900 || tm.tm_year > 8099) {
		when = 0;
		gmtime_r(&when, &tm);
	}
	memcpy(buf, "Sun, 01 Jan 1970 00:00:00 GMT", KEEL_HTTP_DATE_LEN);
	memcpy(buf, days + 3 * tm.tm_wday, 3);
	put_number(buf + 5, tm.tm_mday, 2);
	memcpy(buf + 8, months + 3 * tm.tm_mon, 3);
	put_number(buf + 12, tm.tm_year + 1900, 4);
	put_number(buf + 17, tm.tm_hour, 2);
	put_number(buf + 20, tm.tm_min, 2);
	put_number(buf + 23, tm.tm_sec, 2);
}

int keel__http_date_parse(const char *text, size_t len, time_t *ret_when)
{
	static const char *const forms[] = {
		"%a, %d %b %Y %H:%M:%S GMT",
		"%A, %d-%b-%y %H:%M:%S GMT",
		"%a %b %e %H:%M:%S %Y",
	};
	char copy[64];

	if (len >= sizeof(copy))
		return -EINVAL;
	memcpy(copy, text, len);
	copy[len] = '\0';
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		struct tm tm = {0};
		const char *end = strptime(copy, forms[i], &tm);

		if (!end || *end)
			continue;
		*ret_when = timegm(&tm);
		return 0;
	}
	return -EINVAL;
}
