/* SPDX-License-Identifier: MIT */
/* Options structs that grow with the versions. */
#include "uring/uring-private.h"

int keel__opts_copy(void *dst, size_t dst_len, const void *src, size_t sz)
{
	const uint8_t *bytes = src;
	size_t i;

	if (sz < sizeof(size_t))
		return -EINVAL;
	for (i = dst_len; i < sz; i++)
		if (bytes[i])
			return -EINVAL;
	memset(dst, 0, dst_len);
	memcpy(dst, src, sz < dst_len ? sz : dst_len);
	return 0;
}
