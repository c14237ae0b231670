/* HTTP Basic credentials (RFC 7617), as clients write them. */
#ifndef AA_TESTS_SERVER_SUPPORT_BASIC_H
#define AA_TESTS_SERVER_SUPPORT_BASIC_H

#define BASIC_MAX 512

/* "Basic user:password", encoded; valid until the next call. */
const char *basic(const char *user, const char *password);

#endif
