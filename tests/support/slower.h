/* SPDX-License-Identifier: MIT */
/* Times that grow where all is slower. */
#ifndef TESTS_SUPPORT_SLOWER_H
#define TESTS_SUPPORT_SLOWER_H

/* KEEL_SLOWER of the environment, from 1 to 100: 1 without, or if it is none. */
int slower(void);

#endif
