/* PostgreSQL's own library, loaded when the first database of its kind is opened: it brings twenty libraries with it,
 * which would be a third of the memory of a server that stores in SQLite, and half of its start. Included instead of
 * libpq-fe.h; the functions keep their names. Inside server/src/db only. */
#ifndef AA_DB_LIBPQ_H
#define AA_DB_LIBPQ_H

#include <libpq-fe.h>

#include "authagent/error.h"

/* Before any other function. AA_ERR_OPTION_INVALID when the library is not there. Any thread. */
AA_CHECK enum aa_err aa_libpq_load(struct aa_error *err);

#define AA_LIBPQ_FUNCTIONS(X)                                                                                          \
    X(PQbackendPID)                                                                                                    \
    X(PQclear)                                                                                                         \
    X(PQcmdStatus)                                                                                                     \
    X(PQcmdTuples)                                                                                                     \
    X(PQconndefaults)                                                                                                  \
    X(PQconnectPoll)                                                                                                   \
    X(PQconnectStartParams)                                                                                            \
    X(PQconnectdbParams)                                                                                               \
    X(PQconninfoFree)                                                                                                  \
    X(PQconninfoParse)                                                                                                 \
    X(PQconsumeInput)                                                                                                  \
    X(PQerrorMessage)                                                                                                  \
    X(PQfinish)                                                                                                        \
    X(PQfreemem)                                                                                                       \
    X(PQftype)                                                                                                         \
    X(PQgetResult)                                                                                                     \
    X(PQgetisnull)                                                                                                     \
    X(PQgetlength)                                                                                                     \
    X(PQgetvalue)                                                                                                      \
    X(PQisBusy)                                                                                                        \
    X(PQnfields)                                                                                                       \
    X(PQnotifies)                                                                                                      \
    X(PQntuples)                                                                                                       \
    X(PQresultErrorField)                                                                                              \
    X(PQresultStatus)                                                                                                  \
    X(PQsendPrepare)                                                                                                   \
    X(PQsendQuery)                                                                                                     \
    X(PQsendQueryParams)                                                                                               \
    X(PQsendQueryPrepared)                                                                                             \
    X(PQsetNoticeProcessor)                                                                                            \
    X(PQsocket)                                                                                                        \
    X(PQstatus)                                                                                                        \
    X(PQtransactionStatus)

struct aa_libpq {
#define AA_LIBPQ_MEMBER(name) __typeof__(&name) name##_;
    AA_LIBPQ_FUNCTIONS(AA_LIBPQ_MEMBER)
#undef AA_LIBPQ_MEMBER
};
extern struct aa_libpq aa_libpq;

#define PQbackendPID aa_libpq.PQbackendPID_
#define PQclear aa_libpq.PQclear_
#define PQcmdStatus aa_libpq.PQcmdStatus_
#define PQcmdTuples aa_libpq.PQcmdTuples_
#define PQconndefaults aa_libpq.PQconndefaults_
#define PQconnectPoll aa_libpq.PQconnectPoll_
#define PQconnectStartParams aa_libpq.PQconnectStartParams_
#define PQconnectdbParams aa_libpq.PQconnectdbParams_
#define PQconninfoFree aa_libpq.PQconninfoFree_
#define PQconninfoParse aa_libpq.PQconninfoParse_
#define PQconsumeInput aa_libpq.PQconsumeInput_
#define PQerrorMessage aa_libpq.PQerrorMessage_
#define PQfinish aa_libpq.PQfinish_
#define PQfreemem aa_libpq.PQfreemem_
#define PQftype aa_libpq.PQftype_
#define PQgetResult aa_libpq.PQgetResult_
#define PQgetisnull aa_libpq.PQgetisnull_
#define PQgetlength aa_libpq.PQgetlength_
#define PQgetvalue aa_libpq.PQgetvalue_
#define PQisBusy aa_libpq.PQisBusy_
#define PQnfields aa_libpq.PQnfields_
#define PQnotifies aa_libpq.PQnotifies_
#define PQntuples aa_libpq.PQntuples_
#define PQresultErrorField aa_libpq.PQresultErrorField_
#define PQresultStatus aa_libpq.PQresultStatus_
#define PQsendPrepare aa_libpq.PQsendPrepare_
#define PQsendQuery aa_libpq.PQsendQuery_
#define PQsendQueryParams aa_libpq.PQsendQueryParams_
#define PQsendQueryPrepared aa_libpq.PQsendQueryPrepared_
#define PQsetNoticeProcessor aa_libpq.PQsetNoticeProcessor_
#define PQsocket aa_libpq.PQsocket_
#define PQstatus aa_libpq.PQstatus_
#define PQtransactionStatus aa_libpq.PQtransactionStatus_

#endif
