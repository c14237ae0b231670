/* What the values of options must look like. Inside config.c's part of main/. */
#ifndef AA_MAIN_CONFIG_CHECK_H
#define AA_MAIN_CONFIG_CHECK_H

#include "main/config.h"

/* Checks one value. On failure *wanted says in words what it must be. *number is what it means, for those that mean a
 * number. */
typedef bool (*aa_config_check_fn)(const char *text, int64_t min, int64_t max, int64_t *number, const char **wanted);

bool aa_config_check_issuer(const char *text, int64_t min, int64_t max, int64_t *number, const char **wanted);
bool aa_config_check_address(const char *text, int64_t min, int64_t max, int64_t *number, const char **wanted);
bool aa_config_check_text(const char *text, int64_t min, int64_t max, int64_t *number,
                          const char **wanted); /* min to max bytes */
bool aa_config_check_number(const char *text, int64_t min, int64_t max, int64_t *number, const char **wanted);
bool aa_config_check_duration(const char *text, int64_t min, int64_t max, int64_t *number,
                              const char **wanted); /* seconds; "90", "15m", "30d" */
bool aa_config_check_switch(const char *text, int64_t min, int64_t max, int64_t *number, const char **wanted);
bool aa_config_check_schemes(const char *text, int64_t min, int64_t max, int64_t *number, const char **wanted);
bool aa_config_check_hosts(const char *text, int64_t min, int64_t max, int64_t *number, const char **wanted);
bool aa_config_check_file(const char *text, int64_t min, int64_t max, int64_t *number,
                          const char **wanted); /* one that can be read */
bool aa_config_check_synchronous(const char *text, int64_t min, int64_t max, int64_t *number, const char **wanted);
bool aa_config_check_prepared(const char *text, int64_t min, int64_t max, int64_t *number, const char **wanted);
bool aa_config_check_log_level(const char *text, int64_t min, int64_t max, int64_t *number, const char **wanted);
bool aa_config_check_log_format(const char *text, int64_t min, int64_t max, int64_t *number, const char **wanted);
bool aa_config_check_secret(const char *text, int64_t min, int64_t max, int64_t *number, const char **wanted);
bool aa_config_check_master_key(const char *text, int64_t min, int64_t max, int64_t *number, const char **wanted);

/* 32 bytes as 64 hexadecimal digits, or as 43 characters of base64url. False when it is neither. */
bool aa_config_read_key(struct aa_view text, uint8_t key[32]);

#endif
