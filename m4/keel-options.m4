# SPDX-License-Identifier: MIT
# Options of configure.

AC_DEFUN([KEEL_ARG_WERROR], [
  AC_ARG_ENABLE([werror],
    [AS_HELP_STRING([--enable-werror],
                    [make compiler warnings errors, for developers])],
    [], [enable_werror=no])
])

# A sanitizer is used only if a program built with it runs.
AC_DEFUN([KEEL_ARG_SANITIZERS], [
  AC_ARG_ENABLE([sanitizers],
    [AS_HELP_STRING([--enable-sanitizers=LIST],
                    [build with -fsanitize=LIST: address,undefined or thread])],
    [], [enable_sanitizers=$keel_default_sanitizers])
  AS_CASE([$enable_sanitizers],
    [no], [],
    [yes], [AC_MSG_ERROR([--enable-sanitizers needs a list, such as
            --enable-sanitizers=address,undefined])],
    [KEEL_SANITIZE_CFLAGS="-fsanitize=$enable_sanitizers -g"
     KEEL_SANITIZE_CFLAGS="$KEEL_SANITIZE_CFLAGS -fno-omit-frame-pointer"
     KEEL_SANITIZE_CFLAGS="$KEEL_SANITIZE_CFLAGS -fno-sanitize-recover=all"
     AC_MSG_CHECKING([whether -fsanitize=$enable_sanitizers works])
     keel_save_CFLAGS=$CFLAGS
     CFLAGS="$CFLAGS $KEEL_SANITIZE_CFLAGS"
     AC_RUN_IFELSE([AC_LANG_PROGRAM([], [])],
       [AC_MSG_RESULT([yes])],
       [AC_MSG_RESULT([no])
        AC_MSG_ERROR([$CC cannot build and run a program with
          -fsanitize=$enable_sanitizers; see config.log])],
       [AC_MSG_RESULT([not tried, cross compiling])])
     CFLAGS=$keel_save_CFLAGS])
  AC_SUBST([KEEL_SANITIZE_CFLAGS])
])

# libFuzzer comes with clang only. What it finds shows under the sanitizers, and
# they have what code built for it calls in programs that are no fuzz targets.
AC_DEFUN([KEEL_ARG_FUZZERS], [
  AC_ARG_ENABLE([fuzzers],
    [AS_HELP_STRING([--enable-fuzzers],
                    [build the fuzz targets of tests/fuzz, with
                     --enable-sanitizers=address,undefined unless given (needs
                     clang)])],
    [], [enable_fuzzers=no])
  keel_default_sanitizers=no
  AS_IF([test "x$enable_fuzzers" != xno], [
    AC_MSG_CHECKING([whether $CC has libFuzzer])
    keel_save_CFLAGS=$CFLAGS
    CFLAGS="$CFLAGS -fsanitize=fuzzer"
    AC_LINK_IFELSE([AC_LANG_SOURCE([[
#include <stddef.h>
#include <stdint.h>
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	return data != NULL && len > 1000000;
}]])],
      [AC_MSG_RESULT([yes])],
      [AC_MSG_RESULT([no])
       AC_MSG_ERROR([--enable-fuzzers needs clang with libFuzzer; try
         CC=clang, and the package libclang-rt-dev of clang's version])])
    CFLAGS=$keel_save_CFLAGS
    keel_default_sanitizers=address,undefined
    KEEL_FUZZ_CFLAGS=-fsanitize=fuzzer-no-link
    KEEL_FUZZ_LDFLAGS=-fsanitize=fuzzer
  ])
  AM_CONDITIONAL([ENABLE_FUZZERS], [test "x$enable_fuzzers" != xno])
  AC_SUBST([KEEL_FUZZ_CFLAGS])
  AC_SUBST([KEEL_FUZZ_LDFLAGS])
])

# KEEL_ARG_RESERVED(NAME, WHAT): an option whose name is kept for later.
AC_DEFUN([KEEL_ARG_RESERVED], [
  AC_ARG_WITH([$1],
    [AS_HELP_STRING([--with-$1], [$2: not in this version])],
    [], [with_$1=no])
  AS_IF([test "x$with_$1" != xno],
    [AC_MSG_ERROR([--with-$1: $2 is not in this version of keel; leave the
      option out])])
])
