/* SPDX-License-Identifier: MIT */
/* Found only when configure did not find ATF: says what to do. */
#error "the tests need ATF: install libatf-dev (Debian), then configure again"
