/* The document that export writes and import reads: JSON lines, each an object or an array.
 *
 *   {"format":"auth-agent-export","version":1,"schema":1,"engine":"SQLite","issuer":"https://…","exported_at":"…",
 *    "rows":{"users":2,…}}
 *   {"table":"users","columns":["user_id",…]}     then its rows, each an array in that order:
 *   ["usr_…","ann@example.com",null,…]            bytes are base64url, times milliseconds since 1970
 *   {"end":true,"sha256":"…"}                     see lines.h
 *
 * It holds what the database holds: digests of tokens and passwords, and signing keys sealed with the master key. */
#ifndef AA_MAIN_TRANSFER_H
#define AA_MAIN_TRANSFER_H

#define AA_TRANSFER_FORMAT "auth-agent-export"
#define AA_TRANSFER_VERSION 1
#define AA_TRANSFER_TIMEOUT_MS (INT64_C(600) * 1000) /* of a statement: large tables are counted */

#endif
