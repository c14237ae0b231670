/* The key that seals the signing keys: from the configuration, or from a file that only its owner reads. */
#ifndef AA_MAIN_MASTER_KEY_H
#define AA_MAIN_MASTER_KEY_H

#include "main/config.h"

/* Reads it; makes the file when there is none and nothing was sealed yet. For an in-memory database without a
 * configured key it is made up. AA_ERR_SYSTEM or AA_ERR_OPTION_INVALID with a message; never a new key while keys
 * sealed with an old one are there. */
AA_CHECK enum aa_err aa_master_key_open(const struct aa_app *app, const struct aa_config *config, uint8_t key[32],
                                        struct aa_error *err);

#endif
