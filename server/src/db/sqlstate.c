#include "db/sqlstate.h"

#include <string.h>

/* https://www.postgresql.org/docs/15/errcodes-appendix.html */
static const struct {
    const char *state;
    struct aa_verdict verdict;
} verdicts[] = {
    {"23505", {AA_ERR_CONFLICT, AA_FATE_FINE}},       /* unique_violation */
    {"23503", {AA_ERR_NOT_FOUND, AA_FATE_FINE}},      /* foreign_key_violation: what the row belongs to is not there */
    {"22021", {AA_ERR_UTF8, AA_FATE_FINE}},           /* character_not_in_repertoire */
    {"22P05", {AA_ERR_UTF8, AA_FATE_FINE}},           /* untranslatable_character */
    {"40001", {AA_ERR_STORE_BUSY, AA_FATE_AGAIN}},    /* serialization_failure */
    {"40P01", {AA_ERR_STORE_BUSY, AA_FATE_AGAIN}},    /* deadlock_detected */
    {"26000", {AA_ERR_STORE_BUSY, AA_FATE_AGAIN}},    /* invalid_sql_statement_name */
    {"42P05", {AA_ERR_STORE_BUSY, AA_FATE_AGAIN}},    /* duplicate_prepared_statement */
    {"53100", {AA_ERR_STORE_FULL, AA_FATE_FINE}},     /* disk_full */
    {"53200", {AA_ERR_STORE_BUSY, AA_FATE_FINE}},     /* out_of_memory: the server's */
    {"53300", {AA_ERR_STORE_BUSY, AA_FATE_FINE}},     /* too_many_connections */
    {"55P03", {AA_ERR_STORE_BUSY, AA_FATE_FINE}},     /* lock_not_available */
    {"57014", {AA_ERR_STORE_BUSY, AA_FATE_FINE}},     /* query_canceled: statement_timeout */
    {"25006", {AA_ERR_STORE_READONLY, AA_FATE_FINE}}, /* read_only_sql_transaction: a standby */
    {"25P03", {AA_ERR_STORE, AA_FATE_LOST}},          /* idle_in_transaction_session_timeout */
    {"57P01", {AA_ERR_STORE, AA_FATE_LOST}},          /* admin_shutdown */
    {"57P02", {AA_ERR_STORE, AA_FATE_LOST}},          /* crash_shutdown */
    {"57P03", {AA_ERR_STORE, AA_FATE_LOST}},          /* cannot_connect_now */
    {"57P05", {AA_ERR_STORE, AA_FATE_LOST}},          /* idle_session_timeout */
    {"08000", {AA_ERR_STORE, AA_FATE_LOST}},          /* connection_exception */
    {"08001", {AA_ERR_STORE, AA_FATE_LOST}},          /* sqlclient_unable_to_establish_sqlconnection */
    {"08003", {AA_ERR_STORE, AA_FATE_LOST}},          /* connection_does_not_exist */
    {"08004", {AA_ERR_STORE, AA_FATE_LOST}},          /* sqlserver_rejected_establishment_of_sqlconnection */
    {"08006", {AA_ERR_STORE, AA_FATE_LOST}},          /* connection_failure */
};

struct aa_verdict aa_sqlstate_judge(const char *state)
{
    for (size_t i = 0; state && i < sizeof verdicts / sizeof *verdicts; i++)
        if (strcmp(verdicts[i].state, state) == 0)
            return verdicts[i].verdict;
    return (struct aa_verdict){AA_ERR_STORE, AA_FATE_FINE};
}

bool aa_sqlstate_is_pooler(const char *state)
{
    return state && (strcmp(state, "26000") == 0 || strcmp(state, "42P05") == 0);
}
