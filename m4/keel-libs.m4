# SPDX-License-Identifier: MIT
# Libraries without a .pc file, and those that keel can do without.

# KEEL_CHECK_HTTP_PARSER: the parser of the keel tool; sets HTTP_PARSER_LIBS.
AC_DEFUN([KEEL_CHECK_HTTP_PARSER], [
  AC_CHECK_HEADER([http_parser.h], [],
    [AC_MSG_ERROR([http_parser.h is missing; on Debian it is in
      libhttp-parser-dev])])
  AC_CHECK_LIB([http_parser], [http_parser_execute],
    [HTTP_PARSER_LIBS=-lhttp_parser],
    [AC_MSG_ERROR([libhttp_parser is missing; on Debian it is in
      libhttp-parser-dev])])
  AC_SUBST([HTTP_PARSER_LIBS])
])

# KEEL_CHECK_LIBNL: what libkeel-netlink needs, which is built if it is there.
AC_DEFUN([KEEL_CHECK_LIBNL], [
  AC_ARG_WITH([libnl],
    [AS_HELP_STRING([--with-libnl],
                    [build libkeel-netlink, which keel probe asks about network
                     cards and sockets (default: if libnl is there)])],
    [], [with_libnl=auto])
  keel_netlink=no
  AS_IF([test "x$with_libnl" != xno], [
    PKG_CHECK_MODULES([LIBNL],
      [libnl-3.0 >= 3.7 libnl-genl-3.0 >= 3.7 libnl-route-3.0 >= 3.7],
      [keel_netlink=yes],
      [AS_IF([test "x$with_libnl" != xauto],
        [AC_MSG_ERROR([--with-libnl: libnl 3.7 is missing; on Debian it is in
          libnl-3-dev, libnl-genl-3-dev and libnl-route-3-dev])])
       keel_netlink="no, libnl is missing"])
  ])
  AS_IF([test "x$keel_netlink" = xyes],
    [AC_DEFINE([KEEL_HAVE_NETLINK], [1],
               [Define to 1 if libkeel-netlink is built.])])
  AM_CONDITIONAL([HAVE_NETLINK], [test "x$keel_netlink" = xyes])
])

# KEEL_CHECK_GNUTLS: --with-gnutls[=auto|yes|no], the backend that is a module.
AC_DEFUN([KEEL_CHECK_GNUTLS], [
  AC_ARG_WITH([gnutls],
    [AS_HELP_STRING([--with-gnutls], [build the GnuTLS backend (default: if
      GnuTLS is there)])],
    [], [with_gnutls=auto])
  AS_CASE([$with_gnutls], [yes|no|auto], [],
    [AC_MSG_ERROR([--with-gnutls=$with_gnutls: it is yes, no or auto])])
  AS_IF([test "x$with_gnutls" != xno],
    [PKG_CHECK_MODULES([GNUTLS], [gnutls >= 3.7.0],
       [with_gnutls=yes],
       [AS_IF([test "x$with_gnutls" = xyes],
          [AC_MSG_ERROR([GnuTLS 3.7 or later is missing; on Debian it is in
            libgnutls28-dev])])
        with_gnutls=no])])
  AS_IF([test "x$with_gnutls" = xyes],
    [AC_DEFINE([KEEL_WITH_GNUTLS], [1], [The GnuTLS backend is built.])])
  AM_CONDITIONAL([WITH_GNUTLS], [test "x$with_gnutls" = xyes])
])
