/* SPDX-License-Identifier: MIT */
/* Descriptors that a test leaves open. */
#ifndef TESTS_SUPPORT_DESCRIPTORS_H
#define TESTS_SUPPORT_DESCRIPTORS_H

/* How many this process has: to be compared with another answer only. */
int nr_descriptors(void);

#endif
