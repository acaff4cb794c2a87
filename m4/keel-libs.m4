# SPDX-License-Identifier: MIT
# Libraries without a .pc file.

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
