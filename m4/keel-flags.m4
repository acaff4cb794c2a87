# SPDX-License-Identifier: MIT
# Compiler and linker flags, each tried before it is used.

# KEEL_TRY_CFLAG(VARIABLE, FLAG): append FLAG if the compiler takes it.
# clang accepts unknown -W flags with a warning, hence -Werror in the trial.
AC_DEFUN([KEEL_TRY_CFLAG], [
  AS_VAR_PUSHDEF([keel_cache], [keel_cv_cflag_$2])
  AC_CACHE_CHECK([whether $CC takes $2], [keel_cache], [
    keel_save_CFLAGS=$CFLAGS
    CFLAGS="$CFLAGS -Werror $2"
    AC_COMPILE_IFELSE([AC_LANG_PROGRAM([], [])],
                      [AS_VAR_SET([keel_cache], [yes])],
                      [AS_VAR_SET([keel_cache], [no])])
    CFLAGS=$keel_save_CFLAGS])
  AS_VAR_IF([keel_cache], [yes], [AS_VAR_APPEND([$1], [" $2"])])
  AS_VAR_POPDEF([keel_cache])
])

# KEEL_TRY_LDFLAG(VARIABLE, FLAG): append FLAG if the linker takes it.
AC_DEFUN([KEEL_TRY_LDFLAG], [
  AS_VAR_PUSHDEF([keel_cache], [keel_cv_ldflag_$2])
  AC_CACHE_CHECK([whether the linker takes $2], [keel_cache], [
    keel_save_LDFLAGS=$LDFLAGS
    LDFLAGS="$LDFLAGS $2"
    AC_LINK_IFELSE([AC_LANG_PROGRAM([], [])],
                   [AS_VAR_SET([keel_cache], [yes])],
                   [AS_VAR_SET([keel_cache], [no])])
    LDFLAGS=$keel_save_LDFLAGS])
  AS_VAR_IF([keel_cache], [yes], [AS_VAR_APPEND([$1], [" $2"])])
  AS_VAR_POPDEF([keel_cache])
])

# KEEL_WARNINGS: the set every file of keel is clean under.
AC_DEFUN([KEEL_WARNINGS], [
  m4_foreach_w([keel_flag], [
    -Wall -Wextra -Wconversion -Wsign-conversion -Wshadow
    -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition
    -Wundef -Wvla -Wwrite-strings -Wcast-qual -Wcast-align -Wformat=2
    -Wpointer-arith -Wimplicit-fallthrough -Wduplicated-cond
    -Wlogical-op
  ], [KEEL_TRY_CFLAG([KEEL_WARN_CFLAGS], m4_defn([keel_flag]))])
  AS_IF([test "x$enable_werror" = xyes],
        [KEEL_WARN_CFLAGS="$KEEL_WARN_CFLAGS -Werror"])
  AC_SUBST([KEEL_WARN_CFLAGS])
])

# KEEL_HARDENING: what Debian's hardening=+all gives, unless a sanitizer is on
# or the user's flags say something about it.
AC_DEFUN([KEEL_HARDENING], [
  AS_IF([test "x$enable_sanitizers" = xno], [
    m4_foreach_w([keel_flag], [-fstack-protector-strong
                               -fstack-clash-protection -fcf-protection],
                 [KEEL_TRY_CFLAG([KEEL_HARDEN_CFLAGS], m4_defn([keel_flag]))])
    AS_CASE([" $CPPFLAGS $CFLAGS "],
            [*_FORTIFY_SOURCE*|*" -O0 "*], [],
            [*" -O"*], [KEEL_HARDEN_CPPFLAGS=-D_FORTIFY_SOURCE=2])
    # A shared library linked by clang with a sanitizer leaves the run-time's
    # symbols to the program, so this is for builds without one.
    KEEL_TRY_LDFLAG([KEEL_LIB_LDFLAGS], [-Wl,--no-undefined])
  ])
  # What a backend set up in its TLS library is for the life of the process; the
  # code must not go before it, nor be set up again.
  KEEL_TRY_LDFLAG([KEEL_LIB_LDFLAGS], [-Wl,-z,nodelete])
  m4_foreach_w([keel_flag], [-Wl,-z,relro -Wl,-z,now -Wl,--as-needed],
               [KEEL_TRY_LDFLAG([KEEL_HARDEN_LDFLAGS], m4_defn([keel_flag]))])
  AC_SUBST([KEEL_HARDEN_CFLAGS])
  AC_SUBST([KEEL_HARDEN_CPPFLAGS])
  AC_SUBST([KEEL_HARDEN_LDFLAGS])
  AC_SUBST([KEEL_LIB_LDFLAGS])
])
