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
